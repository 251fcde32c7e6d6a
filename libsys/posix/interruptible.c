/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that a signal ends. See interruptible.h; the call itself is in arch/.../user/interruptible.S.
 */
#include "interruptible.h"
#include "interruptible_jump.h"
#include <stddef.h>

_Thread_local uintptr_t interruptible_stack;

void interruptible_end(void)
{
    if (interruptible_stack != 0)
        interruptible_jump(KERN_ABORTED, KERN_RETRY);
}

void interruptible_again(void)
{
    if (interruptible_stack != 0)
        interruptible_jump(KERN_RETRY, KERN_RETRY);
}
