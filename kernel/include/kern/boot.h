/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's start: what is learnt once and then constant, and the steps after the device tree.
 */
#pragma once

#include <kern/bootargs.h>
#include <kern/dt.h>
#include <kern/types.h>

struct boot_facts {
    uint64_t managed_memory; /* bytes of RAM in all banks, cut by mem= */
    uint64_t
        kernel_memory; /* bytes of it that programs could not get when the first program started */
    uint64_t kernel_text; /* bytes of code, without the self-tests */
    uint64_t seed[2];     /* of everything random; from seed= or the device tree */
};
extern struct boot_facts boot_facts;

/** A boot stage is done: one line of the table of contents, and a trace event. */
[[gnu::format(printf, 1, 2)]] void boot_stage(const char *format, ...);

/** Stop for good because of the device tree or the boot arguments: one sentence. */
[[gnu::noreturn]] void boot_refuse(const char *sentence);

/** Start the other CPUs and wait until they take part. */
void boot_start_cpus(const struct board *board, const struct boot_options *options,
                     uint64_t boot_hwid);
unsigned cpus_online(void);

/** Make a task of every program init= names, from the initrd, ready to run. False: none could be
 *  started. */
bool boot_start_programs(const struct board *board, const struct boot_options *options);

/** Next number of the seeded generator; any CPU. */
uint64_t boot_random(void);
/** Make what comes of boot_random() depend on these bytes, too. */
void boot_add_entropy(const uint8_t *bytes, size_t size);
