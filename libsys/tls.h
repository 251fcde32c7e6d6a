/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread-local data of a thread: its block, at whose beginning the thread pointer shows.
 *
 *      block  MACHINE_TLS_BEFORE bytes of the machine, room for alignment, initialised data, zeros
 *
 * The program's first thread has a block in .bss (libsys/program.ld), the others at the upper end
 * of their stack.
 */
#pragma once

#include <stddef.h>

enum { TLS_ALIGN = 64 }; /* of a block, and the most that data in it may ask for */

/** Bytes of a block, a multiple of TLS_ALIGN. */
size_t tls_size(void);
/** Fill a block, a multiple of TLS_ALIGN. */
void tls_make(void *block);
/** The first thread's. */
void *tls_first_block(void);
