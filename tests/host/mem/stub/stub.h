/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kernel/mem needs of a machine and of the rest of the kernel, and no more: physical memory in
 * banks (one file in memory, so that a record page and the frame that backs it really are the same
 * bytes), CPUs as thread-local pointers, locks with a check of their ranks, and panics that a test
 * can expect.
 *
 * The simulated machine of arch/host is not used: these tests want odd banks, terabytes apart, a
 * fresh allocator each, and to see every single table page.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/frame.h>

/** Make [start, end) physical memory. Filled with garbage unless `sparse` (for large banks). Before
 * any use of it. */
void stub_add_bank(paddr_t start, paddr_t end, bool sparse);
/** The caller is this CPU from now on. */
void stub_become_cpu(unsigned number);
/** Table pages the stub was given for the frame table; checks that nobody has written to them. */
unsigned stub_table_pages_check(void);

/** Run `function` in a child process; it must panic with a text that contains `text`. Exits with a
 * message if not. */
void expect_panic(void (*function)(void), const char *text);

/** End the test with a message if the condition does not hold. */
#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition))                                 \
            check_failed(#condition, __FILE__, __LINE__); \
    } while (0)
[[gnu::noreturn]] void check_failed(const char *text, const char *file, int line);

/** Repeatable random numbers; the seed comes from WHARF_SEED, or is 1. Each thread has its own
 * sequence. */
void random_seed(uint64_t number);
uint32_t random_below(uint32_t limit);
