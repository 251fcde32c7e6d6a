/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals that come while a process waits for a child. Part of process-test.
 */
#include "process-test.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAUSE = 20000 /* microseconds */ };
#define LIMIT UINT64_C(20000000000)

static _Atomic unsigned *alarms; /* that have been handled; the killer sees it, too */

static void note_alarm(int number)
{
    (void)number;
    atomic_fetch_add(alarms, 1);
}

static void pause_a_little(void)
{
    (void)kernel_sleep_until(kernel_clock_now() + UINT64_C(1000) * PAUSE);
}

/* The signal comes first, and the end of what is waited for when it has been handled: a little later, when the wait has begun again. */
static int kill_after_alarm(pid_t pid)
{
    const uint64_t until = kernel_clock_now() + LIMIT;
    do
        pause_a_little();
    while (atomic_load(alarms) == 0 && kernel_clock_now() < until);
    pause_a_little();
    return kill(pid, SIGTERM);
}

static void check_interrupted(pid_t pid)
{
    struct sigaction a = {.sa_handler = note_alarm};
    /* Again and again, as the first may come before the wait. */
    const struct itimerval often = {{0, PAUSE}, {0, PAUSE}}, never = {{0, 0}, {0, 0}};
    int status;
    CHECK_EQUAL(sigaction(SIGALRM, &a, NULL), 0);
    CHECK_EQUAL(setitimer(ITIMER_REAL, &often, NULL), 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), -1);
    CHECK_EQUAL(errno, EINTR);
    CHECK_EQUAL(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static void check_restarted(pid_t pid)
{
    struct sigaction a = {.sa_handler = note_alarm, .sa_flags = SA_RESTART};
    const struct itimerval soon = {{0, 0}, {0, PAUSE}};
    int status;
    atomic_store(alarms, 0);
    CHECK_EQUAL(sigaction(SIGALRM, &a, NULL), 0);
    const pid_t killer = fork();
    if (killer == 0)
        _exit(kill_after_alarm(pid));
    CHECK_EQUAL(setitimer(ITIMER_REAL, &soon, NULL), 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(atomic_load(alarms), 1);
    CHECK_EQUAL(waitpid(killer, &status, 0), killer);
    CHECK_EQUAL(status, 0);
}

void use_interruption(void)
{
    alarms = mmap(NULL, sizeof(*alarms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(alarms != MAP_FAILED);
    const pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    check_interrupted(pid);
    check_restarted(pid);
    CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
    CHECK_EQUAL(munmap(alarms, sizeof(*alarms)), 0);
}
