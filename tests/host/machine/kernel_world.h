/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The portable kernel on the simulated machine, without device tree and programs: what the boot
 * does, step by step, and the accounts that must balance at the end.
 */
#pragma once

#include "check.h"

#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/message.h>

enum {
    WORLD_WORDS_VA = 0x100000,               /* a page of every world task: words to wait on */
    WORLD_SLEEP_VA = WORLD_WORDS_VA + 0xff0, /* one that stays 0, and where nobody wakes */
};

/** Names that every task of world_task() has for itself and the clock, if world_config.names is set. Spaces that begin
 *  alike give the same names. */
struct world_names {
    _Atomic mach_port_name_t task, clock;
};
extern struct world_names world_names;

struct world_config {
    uint64_t seed;
    unsigned cpus;
    bool threads;
    uint64_t memory; /* bytes; 0: 64 MiB */
    unsigned asids;  /* 0: 256 */
    bool names;      /* world_names */
    bool reset_ends_run;
    host_script_t *script;
    void *context;
};

/** Power on: memory, MMU, kernel on all CPUs. Remembers how many objects and frames there are. */
void world_start(const struct world_config *config);

/** Compare objects, frames, ledgers with the beginning; fails if something is missing. Nothing may
 *  run any more. */
void world_check_accounts(void);

/** Let the machine rest until no task is left; fails when it takes too long. */
void world_wait_for_tasks(void);

/** Checks of scheduler, timers, frames and objects that hold whenever the machine is at rest;
 *  `tasks`: to look at. */
void world_check(struct task *const *tasks, unsigned count);
/** How often a CPU stood idle while another had something waiting that could run there: not an
 *  error by S3. */
extern uint64_t world_idle_with_work;

/** New task with one page of words and one thread, on some CPU; the caller gets references. Kernel
 *  context or controller through host_machine_call(). `*thread` may be NULL when not wanted. */
kern_return_t world_task(const char *name, uint64_t arg, unsigned priority, struct task **task,
                         struct thread **thread);

/** Run `test` in a child process, so that it finds a fresh kernel; false if it failed. */
bool world_in_child(void (*test)(void *argument), void *argument);
/** The same for each of `runs` seeds from `first` on, `run` being given the seed's address; false after the first that fails. A single
 *  one is in no child, for debuggers. */
bool world_runs(void (*run)(void *seed), uint64_t first, uint64_t runs);
