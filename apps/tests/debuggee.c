/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests/qemu/debugger.py debugs: known functions, variables and threads. With an argument it goes on until somebody writes `enough`: one thread
 * waits for the other again and again, and both wait by the same instruction.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 5, STATUS = 7 };

static volatile int total, enough;
static sem_t never, ready, turn;

[[gnu::noinline]] static void *helper(void *argument)
{
    (void)sem_post(&ready);
    while (argument != NULL && usleep(1000) == 0)
        (void)sem_post(&turn);
    (void)sem_wait(&never);
    return argument;
}

[[gnu::noinline]] static int add(int round)
{
    total += round;
    return total;
}

[[gnu::noinline]] static void store(volatile int *where)
{
    *where = 1;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (sem_init(&never, 0, 0) != 0 || sem_init(&ready, 0, 0) != 0 || sem_init(&turn, 0, 0) != 0 ||
        pthread_create(&thread, NULL, helper, argc > 1 ? argv : NULL) != 0 || sem_wait(&ready) != 0)
        return 1;
    for (int round = 1; round <= ROUNDS; round++)
        (void)add(round);
    while (argc > 1 && !enough)
        (void)sem_wait(&turn);
    if (total == 0) /* by a debugger */
        store(NULL);
    printf("debuggee: total %d\n", total);
    return total == ROUNDS * (ROUNDS + 1) / 2 ? STATUS : 1;
}
