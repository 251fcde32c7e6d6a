/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals of this process: who is handed what. interfaces/process.defs tells what the server does.
 *
 * G1 A thread's mask is its own thread-local word. The server asks a thread by stopping it; the thread takes what its mask lets through.
 * G2 A signal that is blocked somewhere, or has a handler, is MINE at the server (`claimed`), from the first time on.
 * G3 A thread that refused something that still waits looks when it unblocks (`waiting`), for the server does not ask it again; so does a new thread, which may not have been asked.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <wharf/if/process_types.h>
#include <wharf/message.h>

enum { SIGNALS = 64 };

/* Of each thread. */
struct signal_thread {
    uint64_t mask;
    uint64_t wanted; /* sigwait: taken for it, not handled */
    struct process_signal got;
    _Atomic uint32_t handled; /* handlers that returned, and what sigwait got; a futex */
    uint32_t handled_ending;  /* those of them without SA_RESTART */
    uint32_t due;             /* stop while it waited for an answer: it looks afterwards; 0: none */
    bool
        asking; /* it takes a signal: another stop meanwhile is not looked after from within that */
    bool waiting;    /* G3 */
    bool interrupts; /* a handler without SA_RESTART has run */
    uintptr_t stack_size;
};
extern _Thread_local struct signal_thread signal_thread;

/* arch/.../user/signal.S knows these two: the alternate stack, its upper end first; 0: none. */
extern _Thread_local uintptr_t signal_stack[2];

static inline bool signal_is_alternate(uintptr_t sp)
{
    return signal_stack[0] != 0 && sp > signal_stack[1] && sp <= signal_stack[0];
}

static inline uint64_t signal_bit(int number)
{
    return UINT64_C(1) << (number - 1);
}
#define SIGNAL_NEVER (UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1))

/** Make the server ask this process about these. False: there is no server. */
bool signals_claim(uint64_t signals);
/** Take and handle all that the mask lets through. */
void signals_look(void);
void signals_set_mask(uint64_t mask);
/** No handler runs in this thread until signals_go_on() with what this returns: around a lock that handlers take, too. */
uint64_t signals_hold(void);
void signals_go_on(uint64_t mask);
/** With its thread pointer: a thread that has not run begins with the caller's mask. */
void signals_inherit(void *thread_pointer);
/** A helper thread of libsys: it takes no signals. */
void signals_of_others(void);
siginfo_t signals_info(const struct process_signal *signal);
/** The caller's own thread. */
mach_port_name_t signals_self(void);

/** Handlers that have returned in this thread: a futex. A wait that was abandoned while it stays the same was not ended by a signal: the thread was only asked. Weak: in
 *  programs that have handlers. */
[[gnu::weak]] const _Atomic uint32_t *signals_handled(void);
/** The same for those without SA_RESTART; no futex. */
[[gnu::weak]] uint32_t signals_handled_ending(void);
