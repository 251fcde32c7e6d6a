/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trap stubs as C functions; what they do stands in <wharf/trap.h>. Results below zero are
 * negated kern_return_t. The stubs themselves are made from the trap table (arch/.../user/traps.S).
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>
#include <wharf/trap.h>

int64_t sys_thread_self(void);
int64_t sys_thread_switch(void);
int64_t sys_futex_wait(const void *word, uint32_t expected, uint64_t deadline);
int64_t sys_futex_wake(const void *word, uint32_t count);
int64_t sys_futex_requeue(const void *word, uint32_t wake, uint32_t expected, const void *target,
                          uint32_t move);
int64_t sys_futex_wait_pi(const void *word, uint32_t expected, uint64_t deadline, uint32_t owner);
int64_t sys_futex_wake_pi(const void *word);
int64_t sys_futex_requeue_pi(const void *word, uint32_t wake, uint32_t expected, const void *target,
                             uint32_t move, uint32_t owner);
int64_t sys_reply_keep(void);
[[gnu::noreturn]] void sys_thread_exit(uint64_t status);
[[gnu::noreturn]] void sys_task_exit(uint64_t status);

/** Any trap with any arguments, for tests. */
int64_t sys_any(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                uint64_t a5);

/** The error in a trap's result; KERN_SUCCESS if it holds none. */
static inline kern_return_t trap_error(int64_t result)
{
    return result < 0 ? (kern_return_t)-result : KERN_SUCCESS;
}
