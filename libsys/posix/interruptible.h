/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that a signal ends (EINTR).
 *
 *      static kern_return_t wait(void *argument) { ... file_wait(...) ... }
 *      kr = interruptible_call(wait, &argument);          KERN_ABORTED: a handler without SA_RESTART has run
 *
 * The function may be abandoned at any instruction, as by longjmp(): it takes nothing, holds no lock, allocates nothing. A handler that runs between the call's
 * beginning and its end, wherever, ends it; so nothing is missed between a look at something and the wait.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>

typedef kern_return_t interruptible_function_t(void *argument);

/** Its result; or KERN_ABORTED. Not inside another one. */
kern_return_t interruptible_call(interruptible_function_t *function, void *argument);
/** It ends with KERN_ABORTED; by code that runs as a signal's handler does. Nothing if it is in none. */
void interruptible_end(void);
/** Where it would go on, for who changes a stopped thread's registers (cancellation); 0: it is in none. Of the calling thread. */
extern _Thread_local uintptr_t interruptible_stack;
