/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process server dies while processes run (docs/decisions/0023). `session` makes processes of all kinds: they wait for a child, for a signal, for nothing, make others, have lost their
 * parent, or are no processes at all, but tasks that one of them has made. `judge` kills the server again and again: nothing of a session may be left, and the next one comes.
 */
#include "supervised.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/port.h>
#include <wharf/if/processes.h>
#include <wharf/if/service.h>
#include <wharf/if/task.h>

enum { ROUNDS = 6, KINDS = 6, PRIORITY_LOW = 20 };

/* ---- a session ---- */

static void spin(void)
{
    for (volatile uint64_t n = 0;; n++)
        ;
}

/* It looks like its maker, runs, and is known to no process server. */
static void make_task(void)
{
    static uint64_t stack[512];
    mach_port_name_t task, name, thread;
    uint32_t id;

    if (task_create(program_start_info->task, TASK_INHERIT_MEMORY, "session", NULL, 0, MSG_NULL,
                    &task, &name) != KERN_SUCCESS ||
        task_create_thread(task, (uintptr_t)spin, (uintptr_t)(stack + 512), 0, 0, PRIORITY_LOW,
                           true, &thread, &id) != KERN_SUCCESS)
        exit(1);
    stub_release_right(task, MSG_MOVE_SEND);
    stub_release_right(thread, MSG_MOVE_SEND);
}

[[gnu::noreturn]] static void be(unsigned kind)
{
    (void)kernel_thread_set_priority(PRIORITY_LOW);
    switch (kind) {
    case 0: spin(); break;
    case 1:
        if (fork() == 0)
            for (;;)
                pause();
        (void)wait(NULL);
        break;
    case 2: /* until there is nobody who makes processes */
        for (pid_t pid; (pid = fork()) >= 0;) {
            if (pid == 0)
                _exit(0);
            (void)waitpid(pid, NULL, 0);
        }
        break;
    case 3: /* the child stays, the parent goes */
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0);
    case 4: make_task(); break;
    default: break;
    }
    for (;;)
        pause();
}

static int session(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        const pid_t pid = fork();
        if (pid == 0)
            be(i);
        CHECK(pid > 0);
    }
    (void)service_ready(program_start_info->bootstrap);
    for (;;)
        pause();
}

/* ---- the judge ---- */

static void drop(mach_port_name_t right)
{
    if (right != MSG_NULL && right != MSG_DEAD)
        stub_release_right(right, MSG_MOVE_SEND);
}

/* Tasks of this name; all: those, too, that have been told to end: threads that are not urgent take their time. -1: one has ended meanwhile. */
static int tasks_named(const char *name, bool all)
{
    mach_port_name_t t[HOST_TASKS_TASKS_MAX], after = MSG_NULL;
    struct task_info info;
    int n = 0;

    for (;;) {
        const kern_return_t kr = host_tasks_tasks(program_start_info->host_tasks, after, &t[0],
                                                  &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
        drop(after);
        after = MSG_NULL;
        if (kr != KERN_SUCCESS)
            return -1;
        for (unsigned i = 0; i < HOST_TASKS_TASKS_MAX; i++) {
            if (t[i] == MSG_NULL)
                continue;
            n += task_info(t[i], &info) == KERN_SUCCESS && (all || !info.ending) &&
                 strcmp(info.name, name) == 0;
            drop(after);
            after = t[i];
        }
        if (after == MSG_NULL)
            return n;
    }
}

static int count(const char *name, bool all)
{
    int n;

    do
        n = tasks_named(name, all);
    while (n < 0);
    return n;
}

static int32_t newest_pid(mach_port_name_t processes)
{
    int32_t pids[PROCESSES_PIDS_MAX];
    uint32_t n = 0;

    CHECK_EQUAL(ASK(processes_list(processes, 0, pids, &n)), KERN_SUCCESS);
    CHECK(n > 0 && n < PROCESSES_PIDS_MAX);
    return n > 0 ? pids[0] : 0;
}

/* The session itself, its children, theirs, the task without a process, and one that comes and goes: if it does so while tasks are
 * counted, it is counted more than once. */
static void check_session(bool all)
{
    enum { LEAST = 1 + KINDS - 1 + 3, MOST = 1 + KINDS + 3, TRIES = 2000, PAUSE = 5000000 };
    int n = count("session", all);

    for (unsigned i = 0; i < TRIES && (n < LEAST || n > MOST); i++) {
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
        n = count("session", all);
    }
    if (!CHECK(n >= LEAST && n <= MOST))
        print("judge: %d tasks\n", n);
}

static int judge(void)
{
    enum { SOME_TIME = 20000000 };
    static const uint64_t patience = UINT64_C(20000000000);
    mach_port_name_t supervisor, processes;
    struct supervisor_row row;
    int32_t before = 0;

    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                KERN_SUCCESS);
    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "process", &processes),
                KERN_SUCCESS);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (!supervised_wait(supervisor, "session", round, patience, &row))
            break;
        (void)!kernel_sleep_until(kernel_clock_now() + SOME_TIME);
        check_session(false);
        const int32_t first = newest_pid(processes);
        CHECK(first > before); /* the first of a session has a number that no former one had */
        before = first;
        CHECK_EQUAL(count("family", false), 1);
        /* In whatever way it ends. */
        CHECK_EQUAL(supervisor_kill(supervisor, round % 3 == 2 ? "session" : "process"),
                    KERN_SUCCESS);
    }
    (void)supervised_wait(supervisor, "session", ROUNDS, patience, &row);
    check_session(true); /* and nothing of all that were before */
    return check_end("process-death");
}

int main(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "judge") == 0 ? judge() : session();
}
