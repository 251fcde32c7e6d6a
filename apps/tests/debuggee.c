/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests/qemu/debugger.py debugs: known functions, variables and threads. With an argument it goes on until somebody writes `enough`: one thread
 * waits for the other again and again, and both wait by the same instruction. With the argument `crowd` others come by one place all the time.
 * Who has to wait until it goes on like that has the last argument made, a file.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 5, STATUS = 7, CROWD = 8 };

static volatile int total, enough;
static _Atomic unsigned passed;
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

[[gnu::noinline]] static void pass(void)
{
    passed++;
}

static void *come_by(void *argument)
{
    while (!enough)
        pass();
    return argument;
}

static bool begin_crowd(pthread_t crowd[CROWD])
{
    for (unsigned i = 0; i < CROWD; i++)
        if (pthread_create(&crowd[i], NULL, come_by, NULL) != 0)
            return false;
    return true;
}

/* Whoever is to attach to it may. */
static bool is_there(const char *file)
{
    const int descriptor = open(file, O_WRONLY | O_CREAT, 0666);

    return descriptor >= 0 && close(descriptor) == 0;
}

int main(int argc, char **argv)
{
    const bool with_crowd = argc > 1 && strcmp(argv[1], "crowd") == 0;
    pthread_t thread, crowd[CROWD];
    if (sem_init(&never, 0, 0) != 0 || sem_init(&ready, 0, 0) != 0 || sem_init(&turn, 0, 0) != 0 ||
        pthread_create(&thread, NULL, helper, argc > 1 ? argv : NULL) != 0 || sem_wait(&ready) != 0)
        return 1;
    if (with_crowd && !begin_crowd(crowd))
        return 1;
    for (int round = 1; round <= ROUNDS; round++)
        (void)add(round);
    if (argc > 2 && !is_there(argv[2]))
        return 1;
    while (argc > 1 && !enough)
        (void)sem_wait(&turn);
    for (unsigned i = 0; with_crowd && i < CROWD; i++)
        (void)pthread_join(crowd[i], NULL);
    if (total == 0) /* by a debugger */
        store(NULL);
    printf("debuggee: total %d\n", total);
    return total == ROUNDS * (ROUNDS + 1) / 2 ? STATUS : 1;
}
