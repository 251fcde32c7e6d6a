/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: made, ended and waited for (apps/systems/bench-process.conf). Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include <libsys/print.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 50 };

static uint64_t empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

static int wait_for(pid_t pid)
{
    int status;

    return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

[[gnu::noinline]] static int fork_wait(void)
{
    const pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return wait_for(pid);
}

static uint64_t fork_exit_wait(uint64_t n)
{
    ROW_LOOP(n, fork_wait());
}

[[gnu::noinline]] static int spawn(void)
{
    char *const argv[] = {(char[]){"nothing"}, NULL}, *const envp[] = {NULL};
    pid_t pid;

    return posix_spawn(&pid, "/nothing", NULL, NULL, argv, envp) != 0 || wait_for(pid);
}

static uint64_t spawn_wait(uint64_t n)
{
    ROW_LOOP(n, spawn());
}

static const struct row rows[] = {
    {"fork_exit_wait", fork_exit_wait, NULL},
    {"spawn_wait", spawn_wait, NULL},
};

/* A thousandth of the operations of other rows is a thousand times as long. */
static void run(const struct row *row, uint64_t overhead)
{
    struct series series = {.count = 0};

    (void)row->loop(BATCH);
    for (unsigned i = 0; i < SERIES_LENGTH; i++)
        series_add(&series, row->loop(BATCH) - overhead);
    series_print(&series, row->name, "instructions", BATCH);
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (row_is_wanted(rows[i].name, argc, argv))
            run(&rows[i], empty(BATCH));
    print("bench: done\n");
    return 0;
}
