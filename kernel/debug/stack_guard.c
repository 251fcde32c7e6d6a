/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stack canaries: compilers put the guard value above arrays on the stack and call
 * __stack_chk_fail() when it has changed. The names are theirs. The value is random per boot; its
 * lowest byte is zero, so that it stops string functions.
 */
#include <kern/panic.h>
#include <kern/stack_guard.h>

uintptr_t __stack_chk_guard = UINT64_C(0x5bd1e9955bd1e900); /* until stack_guard_plant() */

void stack_guard_plant(uint64_t random)
{
    __stack_chk_guard = (uintptr_t)(random & ~UINT64_C(0xff));
}

void __stack_chk_fail(void)
{
    panic("a function has written beyond an array on its stack");
}
