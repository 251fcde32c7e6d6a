/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of programs (interfaces/exception.defs): the supervisor is the handler of all that it starts.
 */
#pragma once

#include <wharf/if/exception.h>

/** The context of a message is the struct program. */
extern const struct exception_ops crash_ops;
