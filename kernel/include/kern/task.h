/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks: an address space (kern/map.h), a space of port names, a ledger, threads.
 *
 * K1 a task lives while it has threads or references; when its last thread is gone, a work item
 *    takes its memory down in bounded steps, then its ledger must be at zero.
 * K2 when its port dies all its rights are gone: who is told of its end finds that others have been
 *    told that it does not hold them any more (no senders, dead names), and that nothing is its
 *    that one task has at a time (kern/trace_stream.h).
 */
#pragma once

#include <kern/exception.h>
#include <kern/ipc_object.h>
#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/map.h>
#include <kern/pmap.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <kern/work.h>

struct task {
    struct spinlock lock; /* rank TASK; guards the members marked (t) */
    _Atomic uint32_t references;
    uint32_t id;            /* unique for the life of the system; constant */
    char name[32];          /* for reports, always ends with 0; (t) */
    struct ledger *ledger;  /* constant; reference held */
    struct pmap *pmap;      /* constant until teardown */
    struct space *space;    /* names of rights; constant; reference held */
    struct port *self_port; /* kernel object port; NULL when its names are gone (K2): TASK lock */
    struct exception_handler debugger; /* asked first about exceptions; (t) */
    struct exception_handler handler;  /* asked when a thread's own did not help; (t) */
    uint32_t suspend_count;            /* (t) */
    struct thread *
        stopper; /* (t) one that stops the others, and is exempt from one suspension of the task; NULL: none */
    uint64_t swept;         /* (t) threads visited since the beginning to be suspended or resumed:
                               kernel/task/control.c */
    struct list threads;    /* (t) */
    uint32_t thread_count;  /* (t) threads not yet reaped */
    ticks_t ended_consumed; /* (t) what the reaped ones used of CPUs */
    bool dying;             /* (t) no new threads or regions */
    bool started;           /* (t) a thread of it has been resumed */
    bool essential;         /* (t) its end restarts the machine */
    uint8_t max_priority;   /* (t) of new threads */
    bool announced;       /* (t) a program that was started: program_ended() is called at its end */
    bool crashed;         /* (t) ended by a fault nobody handled */
    uint64_t exit_status; /* (t) of the first task_exit, thread_exit of the last thread, or 139 */
    struct kright bootstrap; /* special port, a send right; (t) */
    struct vm_map map;       /* its own lock */
    struct work teardown;    /* started when the last thread is gone, or task_sender_gone() */
    _Atomic bool look_anew;  /* what that found of the threads does not count any more */
    uint32_t looked; /* threads, of the list's end, that it found to be unknown. Teardown's */
    struct list
        link; /* on the list of all tasks, unless it is hidden; TASKS lock, like the next two */
    uint32_t walks; /* so many task_walk()s stand on it, each with a reference */
    bool leaves;    /* it has been taken down: it leaves the list when none does */
};

/** New task with an empty address space and a ledger of its own under `parent_ledger`. One
 *  reference for the caller, one for its life, which ends with its last thread; a task that never
 *  gets a thread is ended by task_terminate(). */
kern_return_t task_create(struct ledger *parent_ledger, const char *name, struct task **out);
/** The same, but nobody finds it on the list of all tasks, to change it or to end it, before task_show(). */
kern_return_t task_create_hidden(struct ledger *parent_ledger, const char *name, struct task **out);
void task_show(struct task *task);
void task_ref(struct task *task);
void task_unref(struct task *task);
/** End the task: all threads are terminated; the first status given stays. Any CPU; returns before
 *  it is done. */
void task_terminate(struct task *task, uint64_t status, bool crashed);
/** The next task after `task` (NULL: the first) whose teardown has not begun, the oldest first; with a reference.
 *  NULL: there is none. KERN_NOT_FOUND: `task` is on the list no more. */
kern_return_t task_next(struct task *task, struct task **out);
/** A walk over the tasks that are on the list when it begins, the youngest first: NULL, then what the call before returned. NULL: there are no
 *  more. The walk has a reference to the task it stands on, and that keeps its place: so it takes no more steps than
 *  there were tasks, however many are made and end meanwhile. Whoever begins one goes on to its end. */
struct task *task_walk(struct task *at);
/** A send right to its port, or to a thread's that was never resumed, has gone, `left` are left; the port's lock is held. Ends a
 *  task none of whose threads was ever resumed when nobody else can reach it: its maker's end, or a lost answer, leaves nothing. */
void task_sender_gone(struct task *task, uint32_t left);
/** Its end begins: `dying` is set. The task's lock is held. */
void task_begin_ending_locked(struct task *task);
/** Some task is ending and has not yet given back all that it had. */
bool task_any_ending(void);
/** Tasks that exist; 0 when everything is taken down. */
unsigned task_live_count(void);
/** The task shall end, or its last thread is gone: start taking it down. Drops the reference the
 *  task's life holds. */
void task_start_teardown(struct task *task);
/** Called when an announced task is gone, with what became of it: the boot's part that waits for
 *  the programs to end. */
void program_ended(const char *name, uint64_t status, bool crashed);
