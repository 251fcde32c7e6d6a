/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine of the library tests: as much of arch/ as kernel/lib, sync, time and debug call, with
 * everything open to the test. (arch/host is a whole machine; these tests want less, so that they
 * fail for one reason only.)
 */
#pragma once

#include <kern/cpu.h>
#include <setjmp.h>

/* What the console was sent, NUL-terminated. */
extern char stub_console[1 << 16];
extern size_t stub_console_length;
void stub_console_clear(void);

/* Ticks a second; 0 as long as the timer is not known. */
extern uint64_t stub_frequency;

/* Called for every arch_cache_clean(), if set. */
extern void (*stub_on_clean)(const void *va, size_t size);

/* Where panic() (stub_panic.c), arch_reset() and arch_cpu_halt() jump, with 1, 2 and 3. */
extern jmp_buf stub_end;
extern char stub_panic_text[512];

/* The memory at physical address 0, page-aligned, and its frames' records, of a test that sets them. */
extern void *stub_frames;
extern char *stub_memory;

/* Become CPU `number`, with a record that is all zero if `fresh`. */
void stub_become(unsigned number, bool fresh);
