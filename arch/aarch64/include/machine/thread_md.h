/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AArch64 part of a thread: general registers as the entry code saves them, FP/SIMD state, the
 * thread pointer.
 *
 * FP policy: a thread starts each turn with FP access trapped. Its first FP instruction traps, the
 * kernel loads its state and opens access (`fp_live`). When the thread leaves the CPU with live
 * state it is saved at once, so no state is ever owned by a CPU the thread is not on (D1). Threads
 * that use no FP pay one test a switch. From one thread with live state to another that has used
 * FP lately (`fp_turns`) there is no trap: the state is loaded in the same go; so it is on the fast way of messages
 * for a caller that goes on.
 */
#pragma once

#include <kern/types.h>
#include <machine/fp_md.h>

struct trap_frame {
#define TF_REG(name, offset) uint64_t name;
#include <machine/trapframe.def>
#undef TF_REG
};
#define TF_REG(name, offset) static_assert(offsetof(struct trap_frame, name) == (offset));
#include <machine/trapframe.def>
#undef TF_REG

struct arch_thread {
    struct trap_frame frame; /* first; SP_EL1 points here while the thread runs in user mode. Own
                                CPU while running */
    uint64_t tls;            /* TPIDR_EL0 while not running */
    uint64_t fp_live;  /* this turn's FP access is open and the registers hold its state. Own CPU */
    uint64_t fp_turns; /* so many turns may still begin with the state loaded. Own CPU */
    struct fp_state fp; /* valid while !fp_live */
};
static_assert(offsetof(struct arch_thread, frame) == 0);

/** The general registers x0 to x30 of a frame as an array; they come first and without holes. */
static inline uint64_t *trap_frame_x(struct trap_frame *frame)
{
    return (uint64_t *)(void *)frame;
}

/** Print general registers, sp, pc and pstate, through the log. */
void arch_frame_report(const struct trap_frame *frame);

/** Save the live state of `prev`; load that of `next` if it is likely to need it, else trap FP
 *  again. Out of line: only threads that used FP this turn come here. `next` may be NULL. */
void arch_fp_switch(struct arch_thread *prev, struct arch_thread *next);

static inline bool arch_thread_has_fp(const struct arch_thread *t)
{
    return t->fp_live;
}

static inline void arch_thread_switch_light(struct arch_thread *prev, struct arch_thread *next)
{
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(prev->tls));
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(next->tls));
}

static inline bool arch_thread_wants_fp(const struct arch_thread *t)
{
    return t->fp_turns;
}

static inline void arch_fp_set_access(bool open)
{
    uint64_t cpacr, bits = UINT64_C(3) << 20; /* FPEN */
    __asm__ volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
    cpacr = open ? cpacr | bits : cpacr & ~bits;
    __asm__ volatile("msr cpacr_el1, %0" ::"r"(cpacr) : "memory");
}

static inline void arch_thread_switch_fp(struct arch_thread *prev, struct arch_thread *next)
{
    arch_thread_switch_light(prev, next);
    bool live = prev->fp_live;
    if (likely(next->fp_turns)) {
        next->fp_turns--;
        next->fp_live = 1;
        if (likely(live)) {
            prev->fp_live = 0;
            fp_registers_save(&prev->fp);
            fp_registers_load(&next->fp);
            return;
        }
        arch_fp_set_access(true);
        __asm__ volatile("isb" ::: "memory");
        fp_registers_load(&next->fp);
    } else if (live) {
        prev->fp_live = 0;
        fp_registers_save(&prev->fp);
        arch_fp_set_access(false); /* no ISB: see arch_fp_switch() */
    }
}

static inline void arch_thread_switch(struct arch_thread *prev, struct arch_thread *next)
{
    if (prev) {
        __asm__ volatile("mrs %0, tpidr_el0" : "=r"(prev->tls));
        if (unlikely(prev->fp_live))
            arch_fp_switch(prev, next);
    }
    if (next)
        __asm__ volatile("msr tpidr_el0, %0" ::"r"(next->tls));
}

static inline void arch_thread_set_result(struct arch_thread *t, uint64_t value)
{
    t->frame.x0 = value;
}

static inline void arch_thread_clear_scratch(struct arch_thread *t)
{
    uint64_t *x = trap_frame_x(&t->frame);
    for (unsigned i = 0; i <= 18; i++)
        x[i] = 0;
}

static inline void arch_thread_set_arg(struct arch_thread *t, unsigned index, uint64_t value)
{
    trap_frame_x(&t->frame)[index] = value;
}
