/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stack canaries (kernel/debug/stack_guard.c).
 */
#pragma once

#include <kern/types.h>

/** Choose the guard value. Boot CPU, once, before others run; every function then on the stack is
 *  NO_STACK_GUARD, for it would find another value at its end than it has put there. */
void stack_guard_plant(uint64_t random);

#define NO_STACK_GUARD __attribute__((no_stack_protector))

/* Called and read by compiled code only. */
extern uintptr_t __stack_chk_guard;
[[gnu::noreturn]] void __stack_chk_fail(void);
