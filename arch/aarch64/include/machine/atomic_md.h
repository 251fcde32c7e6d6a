/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain loads and stores of registers are single-copy atomic (Arm ARM B2.2.1); a volatile access is
 * exactly one of them.
 */
#pragma once

#include <kern/types.h>

/* The object's type without qualifiers: behind a comma it has been read. */
#define relaxed_type(object) __typeof__(((void)0, (object)))
#define relaxed_load(object) \
    (*(const volatile relaxed_type(object) *)(const volatile void *)&(object))
#define relaxed_store(object, value) \
    (*(volatile relaxed_type(object) *)(volatile void *)&(object) = (value))

/** Nobody uses *taken: compilers of these years have had faults with outputs of `asm goto`. The monitor left open after a
 *  failure is closed by the next exception return. */
static inline bool arch_ticket_try(uint32_t *word, uint32_t *taken)
{
    uint32_t value, busy;
    __asm__ goto volatile("1: ldaxr %w0, [%2]\n\t"
                          "eor %w1, %w0, %w0, ror #16\n\t"
                          "cbnz %w1, %l[taken_already]\n\t"
                          "add %w0, %w0, #0x10, lsl #12\n\t"
                          "stxr %w1, %w0, [%2]\n\t"
                          "cbnz %w1, 1b"
                          : "=&r"(value), "=&r"(busy)
                          : "r"(word)
                          : "memory"
                          : taken_already);
    *taken = value;
    return true;
taken_already:
    return false;
}

static inline void arch_fence(void)
{
    __asm__ volatile("dmb ish" ::: "memory");
}
