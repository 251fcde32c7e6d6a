/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: code that does one trap with whatever is in the registers and then stops with a breakpoint exception, so that
 * whoever handles that sees what the trap left and says what is next.
 */
#pragma once

#include <stdint.h>

/* Where it can be entered: offsets into it, in bytes. */
enum { ACTOR_MESSAGE = 0, ACTOR_STOP = 4, ACTOR_TRAP = 8, ACTOR_CODE_SIZE = 16 };

/** It does not care where it lies, but for a multiple of 4. */
extern const uint8_t actor_code[ACTOR_CODE_SIZE];
