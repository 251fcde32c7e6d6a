/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What signals do: who gets them, what happens by itself, what waits; and what parents are told. Logic without system calls.
 *
 * S1 A signal waits only while the program decides about it (MINE), or its process is stopped.
 * S2 At most PROCESS_QUEUE_MAX wait in one process, and QUEUE_ENTRIES in all, beside one of each process, and one that is for what a thread has done itself (an exception): so
 *    nobody can take that away by filling queues. The sender of one more with a value is told EAGAIN; one without a value loses what comes with it, not itself.
 */
#pragma once

#include "table.h"

enum signal_number {
    SIGNAL_HUP = 1,
    SIGNAL_QUIT = 3,
    SIGNAL_ILL = 4,
    SIGNAL_TRAP = 5,
    SIGNAL_ABRT = 6,
    SIGNAL_EMT = 7,
    SIGNAL_FPE = 8,
    SIGNAL_KILL = 9,
    SIGNAL_BUS = 10,
    SIGNAL_SEGV = 11,
    SIGNAL_SYS = 12,
    SIGNAL_ALRM = 14,
    SIGNAL_URG = 16,
    SIGNAL_STOP = 17,
    SIGNAL_TSTP = 18,
    SIGNAL_CONT = 19,
    SIGNAL_CHLD = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_IO = 23,
    SIGNAL_WINCH = 28,
    SIGNAL_FIRST_QUEUED = 32, /* from here on each one that is sent is kept */
};

/* What became of a child: si_code, and what wait() tells beside a number. */
enum child_code {
    CHILD_EXITED = 1,
    CHILD_KILLED,
    CHILD_DUMPED,
    CHILD_TRAPPED,
    CHILD_STOPPED,
    CHILD_CONTINUED
};
enum { STATUS_CORE = 0x80, STATUS_STOPPED = 0x7f, STATUS_CONTINUED = 0xffff };

static inline uint64_t signal_bit(uint32_t number)
{
    return UINT64_C(1) << (number - 1);
}

void signals_reset(void);
void signals_forget(struct process *p);
/** This thread takes none any more. */
void signals_forget_thread(struct process *p, mach_port_name_t thread);

/** It was asked, and wants none of its own that wait: it is not asked for these again. */
void signals_refused(struct process *p, mach_port_name_t thread);

/** One signal to a process; thread: to this one only, or 0 (the right stays the caller's). 0, or EAGAIN (S2). */
int signals_send(struct process *p, const struct process_signal *signal, mach_port_name_t thread);
/** kill(): 0, or an errno. */
int signals_kill(struct process *sender, int32_t pid, const struct process_signal *signal);
/** To all of a group of a session. */
int signals_group(int32_t session, int32_t group, const struct process_signal *signal);
/** The first one for a thread that is not blocked; number 0: none. */
struct process_signal signals_take(struct process *p, mach_port_name_t thread, uint64_t blocked);
/** Which wait for this thread. */
uint64_t signals_pending(const struct process *p, mach_port_name_t thread);
/** Is there one that a thread is to be stopped for? *thread: the one it has to be, or 0. */
bool signals_wanted(const struct process *p, mach_port_name_t *thread);
void signals_dispose(struct process *p, uint64_t signals, uint32_t disposition, uint32_t flags);
/** Its default leaves a core (the bit of wait()'s status). */
bool signals_leave_core(uint32_t number);
/** It stops now. */
void signals_stop(struct process *p, uint32_t number);
/** A process ended: status as wait() tells it; its groups are told, and, if it is not leaving (P5), its parent. */
void signals_end(struct process *p, int32_t status);
/** The task of one that was leaving is gone: its parent is told. */
void signals_left(struct process *p);
/** End all that a program has begun; 0: all of all programs. */
void signals_end_program(int32_t program);

/** children.c: what reap says; false: nothing now. *error: ECHILD, or 0. */
bool signals_reap(struct process *p, int32_t pid, uint32_t options, struct process_change *change,
                  int *error);
/** Would it say something? */
bool signals_news(struct process *p, int32_t pid, uint32_t options);
