/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: pids, parents, groups, sessions. Logic without system calls; what it has done to tasks it asks of effects.h. By one thread.
 *
 * P1 A process is RUNNING or STOPPED with a task, or a ZOMBIE without (but P5). A zombie has a parent that may wait for it; the children of one that ends are those of `init`, which
 *    waits for nobody: they are gone when they end.
 * P2 A pid is not used again while a process, a group or a session has it, and not before all others were.
 * P3 A session that an adopted process, or one of its session, begins is an account; so is an adopted process itself. All that is made below is counted there, in whatever session.
 *    Of an account there are at most SESSION_MAX processes, zombies too, of adopted ones ADOPTED_MAX, and the last KEPT places are for accounts with fewer than SMALL. Who makes more is told
 *    EAGAIN, and the others go on.
 * P4 What a program of the supervisor's has begun ends with it, whoever is its parent meanwhile: another instance of the program finds nothing of the former.
 * P5 A parent hears of a child's end when the child's task has given up its rights (its dead name says so): what only the child had open is closed then, its locks are free, a
 *    reader of its pipe finds the end. Until then the child is a zombie that is `leaving`, whoever is its parent meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/if/process_types.h>
#include <wharf/message.h>

enum { PROCESSES_MAX = 512, SESSION_MAX = 192, PROCESS_NAME_SIZE = 32, INIT_PID = 1 };
enum { ADOPTED_MAX = 128, KEPT = 64, SMALL = 16 };
enum { QUEUE_ENTRIES = 1024, STANDARD_SIGNALS = 32 };

enum process_state { PROCESS_FREE, PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE };

/* A signal that waits, beside the bit in `pending`: of those with values several, of the others one. */
struct queued {
    struct queued *next;
    mach_port_name_t thread; /* for this one only; 0: for the process */
    bool refused;            /* by that thread: it looks itself when it may take it */
    struct process_signal signal;
};
/* Places of a process's own: for what a thread has done itself, and for anything. Free: number 0. */
enum { QUEUE_FORCED, QUEUE_ANY, QUEUE_OWN };

/* Somebody who waits for children to change. */
struct waiter {
    mach_port_name_t reply; /* 0: nobody */
    uint64_t token;
    int32_t pid;
    uint32_t options;
};
enum { WAITERS = 8 };

struct process {
    enum process_state state;
    int32_t pid, pgid, sid;
    int32_t account;                                  /* P3: the pid that began it */
    bool begins_account;                              /* a session that it begins is one */
    struct process *parent, *child, *next, *previous; /* P1; siblings */
    struct process *hash_next;
    struct process *later, *earlier; /* of all that there are, in the order of their making */
    char name[PROCESS_NAME_SIZE];
    bool adopted;    /* the supervisor started it: its end is not ours to make */
    int32_t program; /* the adopted one that it descends from, or its own pid: P4 */
    bool executed;   /* its parent may not move it to another group any more */
    bool bereaved;   /* its parent, which was there for its group, is just ending */
    bool leaving;    /* P5: it has ended, and its task is not gone */
    uint32_t slot_generation;

    /* how it ended or stopped */
    int32_t status;
    bool stop_news, continue_news; /* its parent has not been told */
    uint64_t cpu_time, children_time, started;

    /* signals: bit number - 1 */
    uint64_t ignored, mine, pending;
    uint32_t child_flags;
    struct queued *queue; /* oldest first */
    struct queued own[QUEUE_OWN];
    unsigned queue_length;
    struct waiter waiter[WAITERS];

    /* the system's side */
    mach_port_name_t task, port; /* send, receive right; 0: none any more */
    mach_port_name_t exec_task;  /* prepared */
    uint64_t entry;
    /* the thread that is to take a signal: one at a time */
    mach_port_name_t stopped_thread;
    uint32_t stop_number;     /* of that; counts on, and is never 0 while there is one */
    bool stopped_running;     /* its registers are `registers` */
    bool stopped_in_turn;     /* for the process, not for what is its own: see `refused` */
    bool again;               /* look again: it could not be stopped at this moment */
    mach_port_name_t refused; /* the last of those asked in turn that did not want any */
    bool all_refused;
    struct thread_state_general registers;
    uint64_t alarm, alarm_interval; /* a moment; 0: none */
    uint32_t crash_signal;          /* it has crashed, as by this one; 0: not */
    uint64_t crash_by; /* when it ends if its report is not done; 0: it has not crashed */
};

void table_reset(void);
/** Where the last pid is kept from here on; what stands there is gone on from, if it is one (P2 over instances of the server). */
void table_keep_pid(int32_t *where);
struct process *table_find(int32_t pid);
/** The next in order of pid; NULL: none. */
struct process *table_after(int32_t pid);
/** All there are, in no order that means something: the first (NULL), or the one behind p. The table may not change meanwhile. */
struct process *table_next(const struct process *p);
struct process *table_slot(unsigned slot);
unsigned table_slot_of(const struct process *p);

/** A process with a new pid in the parent's group and session; parent NULL: below init, a session of its own. NULL: P3. */
struct process *table_add(struct process *parent, const char *name);
/** One that was never told of. */
void table_drop(struct process *p);
/** It ended: its children are init's, and it is a zombie. */
void table_end(struct process *p, int32_t status);
/** A zombie that was waited for, or that nobody will wait for. */
void table_reap(struct process *p);

/** 0 or an errno. */
int table_set_group(struct process *caller, int32_t pid, int32_t group);
int table_new_session(struct process *caller);
bool table_group_exists(int32_t group);
/** -1: there is no such group. */
int32_t table_group_session(int32_t group);
/** Those of p's account. */
unsigned table_account_size(const struct process *p);
unsigned table_count(void);
/** Its group has no member with a parent elsewhere in the session. */
bool table_orphaned(int32_t group, int32_t sid);
