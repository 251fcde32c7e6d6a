/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For libsys/posix/signal*.c: how an interruptible call is left, or begun anew.
 */
#pragma once

#include <wharf/error.h>

/** arch/.../user/interruptible.S: the call ends with this result; or, if it is `retry`, calls its function again. */
[[gnu::noreturn]] void interruptible_jump(kern_return_t result, kern_return_t retry);
/** The function is called again: the answer it waited for was given up. Nothing if the thread is in no such call. */
void interruptible_again(void);
