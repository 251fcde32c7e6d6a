/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of file.control at descriptors. 0, or -1 and errno; ENOTTY: it is no terminal.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/message.h>

enum { TERMINAL_PATH = 128 };

/** Its port, or MSG_NULL and errno. */
mach_port_name_t control_port(int file);
/** What is asked has this size, exactly. */
int control_get(int file, uint32_t request, void *answer, size_t size);
/** A text with its NUL. */
int control_text(int file, uint32_t request, char *answer, size_t size);
/** A change by the caller, whose group is written to *group, a member of input: in the background it is stopped first (SIGTTOU). group NULL: it does not matter who it is. */
int control_change(int file, uint32_t request, const void *input, size_t size, uint32_t *group);
