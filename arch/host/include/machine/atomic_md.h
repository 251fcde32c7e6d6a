/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With the compiler's atomics, for the sanitizers to see.
 */
#pragma once

#include <kern/types.h>

#define relaxed_type(object) __typeof__(((void)0, (object)))
#define relaxed_load(object) \
    __atomic_load_n((relaxed_type(object) *)(void *)&(object), __ATOMIC_RELAXED)
#define relaxed_store(object, value) \
    __atomic_store_n((relaxed_type(object) *)(void *)&(object), (value), __ATOMIC_RELAXED)

static inline bool arch_ticket_try(uint32_t *word, uint32_t *taken)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
    *taken = old + (UINT32_C(1) << 16);
    return (uint16_t)(old >> 16) == (uint16_t)old &&
           __atomic_compare_exchange_n(word, &old, *taken, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void arch_fence(void)
{
    static _Thread_local uint32_t nothing;
    (void)__atomic_fetch_add(&nothing, 1, __ATOMIC_SEQ_CST); /* a full fence on x86 */
}
