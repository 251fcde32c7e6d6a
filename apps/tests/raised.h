/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that a test program expects: they are noted, and the instruction is stepped over.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/** Exceptions of this task's and its children's threads so far, and what the last one told. */
extern _Atomic uint32_t raised;
extern _Atomic uint64_t raised_code, raised_address;

/** From here on; a thread of this task handles them. */
void start_handler(void);
