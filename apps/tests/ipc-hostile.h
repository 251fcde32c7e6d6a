/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of badtraps: message traps with headers, names and buffers that are wrong, each with the error that wharf/message.h
 * names, and wild ones.
 */
#pragma once

#include <stdint.h>

/** Those whose error is known. */
void try_messages(void);
/** `times` with registers from `wild`, which are not sent to the kernel's own ports. */
void try_wild_messages(unsigned times, uint64_t (*wild)(void));
