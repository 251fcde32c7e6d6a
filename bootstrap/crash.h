/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of programs (interfaces/exception.defs): the supervisor is the handler of all that it starts. A program that crashes stands
 * still while the reporter looks at it, for a bounded time; then it is ended.
 */
#pragma once

#include "program.h"
#include <wharf/if/exception.h>

/** The context of a message is the struct program. */
extern const struct exception_ops crash_ops;

/** The reporter has said that it is done (struct report_done); the entry is the message's, and taken. */
struct report_done;
void crash_reported(const struct report_done *done);
/** The report takes too long. */
void crash_late(struct program *program);

/** The newest core: a right to its memory, to be moved. KERN_NOT_FOUND: there is none. */
kern_return_t crash_core(mach_port_name_t *memory, uint64_t *size, const char **program);
