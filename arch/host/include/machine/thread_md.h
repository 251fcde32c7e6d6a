/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine's part of a thread: a few registers, and what its program is doing. There
 * is no user code: a callback of the test (the script) decides each next action of a thread when
 * the last one is complete.
 *
 * Registers follow the real machine's habits, so that a kernel that is careless with them is
 * caught: x[0] is both the first argument and the result; on entry to a trap the saved x[] hold
 * rubbish, because a real entry does not save them either (arch_thread_set_arg() does); the pc
 * stands behind the trap instruction, and a restart moves it back.
 */
#pragma once

#include <arch/upcalls.h>
#include <kern/types.h>

enum host_action_kind {
    HOST_STAY,       /* one instruction without effect */
    HOST_TRAP,       /* number, args */
    HOST_TOUCH,      /* va, access, value (written by ACCESS_WRITE) */
    HOST_BURN,       /* ticks of pure computation */
    HOST_EXCEPTION,  /* exception, va */
    HOST_LATE_ABORT, /* value: the syndrome; nothing of the program is done */
    HOST_FP, /* load `value` into the FP registers; the machine checks that it stays there */
};

struct host_action {
    enum host_action_kind kind;
    uint64_t number;
    uint64_t args[17]; /* x0 to x16; traps but msg have six */
    vaddr_t va;
    enum access access;
    uint64_t value;
    ticks_t ticks;
    enum user_exception exception;
};

/** The program of a thread. Own CPU while the thread runs. */
struct host_program {
    vaddr_t entry; /* as given to arch_thread_init(): scripts tell programs apart by it */
    uint64_t arg;  /* likewise */
    bool busy;     /* `action` is not complete: it goes on when the thread runs again */
    struct host_action action; /* what it does, or did last */
    ticks_t burn_left;         /* HOST_BURN: not yet spent */
    uint64_t loaded;           /* HOST_TOUCH: the 32-bit word that was read */
    uint64_t actions;          /* complete actions */
    uint64_t fp;               /* what the FP registers must hold */
    void *data;                /* the script's own */
};

struct arch_thread {
    uint64_t x[17]; /* saved argument registers; x[0] is the result of a trap */
    vaddr_t pc, sp;
    vaddr_t tls;    /* while not running */
    uint64_t fp;    /* saved FP state, while not running */
    bool restarted; /* the trap is to be repeated with x[] */
    struct host_program program;
};

static inline void arch_thread_set_result(struct arch_thread *t, uint64_t value)
{
    t->x[0] = value;
}

static inline void arch_thread_clear_scratch(struct arch_thread *t)
{
    (void)t; /* scripts see results only */
}

static inline void arch_thread_set_arg(struct arch_thread *t, unsigned index, uint64_t value)
{
    t->x[index] = value;
}

/** Checks that `prev` is what the registers hold (thread.c). */
void host_thread_switch(struct arch_thread *prev, struct arch_thread *next);

static inline void arch_thread_switch(struct arch_thread *prev, struct arch_thread *next)
{
    host_thread_switch(prev, next);
}

static inline bool arch_thread_has_fp(const struct arch_thread *t)
{
    return t->program.fp != 0;
}

static inline void arch_thread_switch_light(struct arch_thread *prev, struct arch_thread *next)
{
    host_thread_switch(prev, next);
}

static inline bool arch_thread_wants_fp(const struct arch_thread *t)
{
    return __atomic_load_n(&t->fp, __ATOMIC_RELAXED) != 0;
}

static inline void arch_thread_switch_fp(struct arch_thread *prev, struct arch_thread *next)
{
    host_thread_switch(prev, next);
}
