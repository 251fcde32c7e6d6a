/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who takes all places for processes, or for signals, beside others; and what a process asked for before it was stopped. Parts of process-storm.
 */
#include "process-storm.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wharf/if/port.h>
#include <wharf/if/process.h>

/* Memory that children share. */
static struct shared {
    _Atomic unsigned full, ready, ran, error;
} * shared;

static void share(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
}

static void unshare(void)
{
    CHECK_EQUAL(munmap(shared, sizeof(*shared)), 0);
}

static void end_all(void)
{
    for (unsigned i = 0; i < PATIENCE && kill(-1, SIGKILL) == 0; i++)
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

/* Every one of them is in a session of its own: those are no way round the limit. */
static void explode_in_sessions(void)
{
    for (;;) {
        const pid_t pid = fork();
        if (pid == 0)
            (void)setsid();
        if (pid < 0) {
            atomic_fetch_add(&shared->full, 1);
            rest(200);
        }
    }
}

void use_sessions(void)
{
    share();
    const pid_t bomb = fork();
    if (bomb == 0) {
        (void)setsid();
        explode_in_sessions();
    }
    for (unsigned i = 0; i < PATIENCE && atomic_load(&shared->full) == 0; i++)
        rest(1);
    CHECK(atomic_load(&shared->full) > 0);
    for (unsigned i = 0; i < 20; i++) {
        const pid_t pid = fork();
        if (pid == 0)
            _exit(9);
        if (!CHECK(pid > 0))
            break;
        CHECK_EQUAL(status_of(pid), 9 << 8);
    }
    end_all();
    unshare();
}

/* ---- full queues: nobody else's exceptions get lost by them ---- */

static void hog(void)
{
    sigset_t set;
    sigfillset(&set);
    CHECK_EQUAL(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    while (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}) == 0)
        ;
    atomic_fetch_add(&shared->ready, 1);
    for (;;)
        rest(1000);
}

static void leave_handler(int number)
{
    (void)number;
    _exit(7);
}

void use_queues(void)
{
    enum { HOGS = 20 };
    share();
    for (unsigned i = 0; i < HOGS; i++)
        if (fork() == 0)
            hog();
    wait_for(&shared->ready, HOGS);
    const pid_t pid = fork();
    if (pid == 0) {
        volatile uintptr_t nowhere = 8;
        on(SIGSEGV, leave_handler);
        *(volatile int *)nowhere = 1;
        _exit(1);
    }
    CHECK_EQUAL(status_of(pid), 7 << 8);
    end_all();
    unshare();
}

/* ---- what a process asked for just before it was stopped: its child, who has its port, too, asks for it afterwards ---- */

static pid_t stopped_process(void (*ask)(mach_port_name_t port))
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    const mach_port_name_t port = program_start_info->process;
    CHECK_EQUAL(port_mod_refs(program_start_info->task, port, PORT_RIGHT_SEND, 1), KERN_SUCCESS);
    ask(port);
    for (;;)
        rest(1000);
}

static void ask_for_end(mach_port_name_t port)
{
    if (fork() != 0)
        return;
    CHECK_EQUAL(process_stop(port, SIGSTOP), KERN_SUCCESS);
    CHECK_EQUAL(process_die(port, SIGTERM), KERN_SUCCESS);
    _exit(0);
}

static int run_cloned(void *argument)
{
    (void)argument;
    atomic_fetch_add(&shared->ran, 1);
    for (;;)
        rest(1000);
    return 1;
}

/* The program that takes its place is stopped, too. */
static void ask_for_exec(mach_port_name_t port)
{
    struct clone program;
    CHECK_EQUAL(clone_make(&program, run_cloned, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    if (fork() != 0)
        return;
    CHECK_EQUAL(process_stop(port, SIGSTOP), KERN_SUCCESS);
    atomic_store(&shared->error,
                 (unsigned)process_exec(port, program.task, program.thread, "cloned", 0));
    rest(20);
    atomic_store(&shared->ready, 1 + atomic_load(&shared->ran));
    _exit(0);
}

void use_stopped(void)
{
    int status;
    share();
    pid_t pid = stopped_process(ask_for_end);
    status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    pid = stopped_process(ask_for_exec);
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    wait_for(&shared->ready, 1);
    CHECK_EQUAL(atomic_load(&shared->error), 0);
    CHECK_EQUAL(atomic_load(&shared->ready), 1); /* it did not run */
    CHECK_EQUAL(kill(pid, SIGCONT), 0);
    wait_for(&shared->ran, 1);
    CHECK_EQUAL(kill(pid, SIGKILL), 0);
    status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    end_all();
    unshare();
}
