/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results of calls as errno.
 */
#pragma once

#include <errno.h>
#include <wharf/error.h>

/** The number in <errno.h> that a result means; 0 for KERN_SUCCESS. */
[[gnu::cold]] int posix_errno(kern_return_t kr);
/** Sets errno; -1, for the caller to return. */
[[gnu::cold]] int posix_fails(kern_return_t kr);
/** The same with the number itself. */
[[gnu::cold]] int posix_error(int number);
