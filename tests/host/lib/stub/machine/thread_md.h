/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of the library tests have no registers.
 */
#pragma once

#include <kern/types.h>

struct arch_thread {
    vaddr_t pc;
};

static inline void arch_thread_switch(struct arch_thread *prev, struct arch_thread *next)
{
    (void)prev;
    (void)next;
}

static inline void arch_thread_set_result(struct arch_thread *t, uint64_t value)
{
    (void)t;
    (void)value;
}

static inline void arch_thread_set_arg(struct arch_thread *t, unsigned index, uint64_t value)
{
    (void)t;
    (void)index;
    (void)value;
}

static inline void arch_thread_clear_scratch(struct arch_thread *t)
{
    (void)t;
}
