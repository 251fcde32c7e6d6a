/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the kernel cannot go on: assertions and panic. Never reached by anything a user program does
 * (D6).
 */
#pragma once

#include <arch/reset.h>
#include <kern/types.h>

/** Print reason, registers, symbolised backtrace, held locks, last trace events and build-id; stop
 *  the other CPUs; reset or halt. Reentrant: a panic inside a panic prints both reasons and ends
 *  likewise. */
[[gnu::noreturn, gnu::cold, gnu::format(printf, 1, 2)]] void panic(const char *format, ...);

/** What the end of a panic is (arch_reset()); from the boot options, ARCH_RESET_HALT until then. */
extern enum arch_reset panic_action;

/** For those who wait for a lock. False as long as nobody has panicked. Afterwards the CPU that
 *  panicked is told true: do without the lock; every other CPU halts in here. */
bool panic_breaks_locks(void);

/** Compiled into every build: the condition is a fact of the design, cheap to check. */
#define assert(condition)                                                               \
    do {                                                                                \
        if (unlikely(!(condition)))                                                     \
            panic("assertion failed: %s (%s:%d)", #condition, __FILE_NAME__, __LINE__); \
    } while (0)

/** Checks that cost: debug builds only. CONFIG_SLOW_CHECKS is a constant, both branches always
 *  compile. */
#define assert_slow(condition)  \
    do {                        \
        if (CONFIG_SLOW_CHECKS) \
            assert(condition);  \
    } while (0)

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

/** The function and offset an address of the kernel lies in, from the symbol table the build
 *  appends (tools/ksyms.py). Returns NULL for an address outside the kernel's text. Safe at any
 *  time. */
const char *symbol_lookup(vaddr_t address, uint64_t *offset);

/** Print the call chain that starts at frame pointer `fp`, `pc` first, then `link` if the chain
 *  does not name it, through the log; stops at anything odd. */
void backtrace_print(vaddr_t pc, vaddr_t link, vaddr_t fp);

/** The linker's build-id as hexadecimal text, at most `size` bytes with the terminator. */
void build_id_text(char *buffer, size_t size);
