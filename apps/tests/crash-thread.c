/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of several threads crashes while others run and sleep: the whole task ends.
 */
#include "crash.h"
#include <libsys/check.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <user/machine.h>

static void spin(void *argument)
{
    (void)argument;
    for (;;)
        machine_relax();
}

static void sleep(void *argument)
{
    static _Atomic uint32_t never;

    (void)argument;
    word_wait_while(&never, 0);
}

static void crash(void *argument)
{
    (void)argument;
    volatile int *nothing = crash_pointer(32);

    crash_announce("write", nothing);
    *nothing = 1;
}

int main(int argc, char **argv)
{
    static thread_function_t *const functions[] = {spin, sleep, spin, crash};
    static struct thread threads[4];

    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQUAL(thread_start(&threads[i], functions[i], NULL, THREAD_PRIORITY_DEFAULT), 0);
    for (unsigned i = 0; i < 4; i++)
        thread_join(&threads[i]);
    return crash_survived();
}
