/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user programs need of the machine and C cannot say. Every architecture has a header of this
 * name; libsys, tests and benchmarks reach registers through it only.
 */
#pragma once

#include <stdint.h>
#include <wharf/thread_state.h>

/* Thread-local data, variant 1 (ELF for the Arm 64-bit Architecture, "Thread Local Storage"): the
 * thread pointer shows at two words that belong to the system, the data follow. */
enum { MACHINE_TLS_BEFORE = 16 };

/** The counter now, not moved ahead of what stands before it. */
static inline uint64_t machine_counter(void)
{
    uint64_t now;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now)::"memory");
    return now;
}

/** The counter as one instruction: for benchmarks that count each of them. */
static inline uint64_t machine_counter_raw(void)
{
    uint64_t now;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now)::"memory");
    return now;
}

/** Instructions executed on this CPU, modulo 2^32, at all levels; only with the boot argument pmu=user. */
static inline uint32_t machine_instructions(void)
{
    uint64_t count;

    __asm__ volatile("isb\n\tmrs %0, pmevcntr0_el0" : "=r"(count)::"memory");
    return (uint32_t)count;
}

static inline void *machine_thread_pointer(void)
{
    return __builtin_thread_pointer();
}

static inline void machine_set_thread_pointer(void *pointer)
{
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(pointer) : "memory");
}

/** In every loop that spins until another thread does something. */
static inline void machine_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

/** Registers of a thread, which is to call a function that does not return, wherever it stands. */
static inline void machine_state_call(struct thread_state_general *state, uintptr_t function)
{
    state->sp &= ~UINT64_C(15);
    state->pc = function;
    state->x[29] = state->x[30] = 0;
}
