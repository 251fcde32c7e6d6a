/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern/bootargs.h - the words of the boot argument line that the kernel understands.
 *
 * The line is split at blanks; there is no quoting. Of a word that is given twice the last counts,
 * except `arg=`, which collects. Words that the kernel does not know are not errors (a boot loader
 * may add its own): the first few are listed so that they can be logged. A known word with a bad
 * value is an error, because ignoring it would silently run something else than was asked for.
 */
#pragma once

#include <kern/dt.h>

enum {
    BOOT_MAX_ARGS = 16,   /* arg= words */
    BOOT_MAX_UNKNOWN = 8, /* unknown words that are listed */
};

/* Part of the boot argument line; not NUL-terminated. */
struct boot_word {
    const char *text;
    size_t length;
};

enum boot_log { BOOT_LOG_INFO, BOOT_LOG_DEBUG, BOOT_LOG_QUIET };
enum boot_end {
    BOOT_END_DEFAULT, /* not given: power off when there is a way, else halt */
    BOOT_END_HALT,
    BOOT_END_POWEROFF,
    BOOT_END_REBOOT,
    BOOT_END_SEMIHOST,
};

struct boot_options {
    uint64_t mem_limit; /* mem=SIZE[K|M|G|T], whole pages, 0 = not given */
    uint32_t max_cpus;  /* maxcpus=N, N >= 1; 0 = not given */
    uint64_t seed;      /* seed=N */
    bool seed_given;
    bool mitigations;            /* false for mitigations=off */
    bool trace;                  /* false for trace=off: events are not recorded */
    bool pmu_user;               /* pmu=user: programs may read the cycle counters (benchmarks) */
    uint32_t pager_milliseconds; /* pager=MS: how long pagers may take; 0 = not given */
    uint64_t
        dirty_limit; /* dirty=SIZE, whole pages: written memory that a pager may owe; 0 = not given */
    struct boot_word init; /* init=NAME[,NAME...]; never empty, default "bootstrap" */
    struct boot_word args[BOOT_MAX_ARGS]; /* arg=WORD, without the "arg=" */
    unsigned arg_count;
    struct boot_word test; /* test=all|SUBSTRING; length 0 = not given */
    enum boot_log log;
    enum boot_end end;
    struct boot_word unknown[BOOT_MAX_UNKNOWN];
    unsigned unknown_count; /* of all unknown words, may exceed BOOT_MAX_UNKNOWN */
};

/*
 * Parse `length` characters at `line`, up to the first NUL. *out is written only on success; its
 * words point into the line. KERN_INVALID_ARGUMENT: *err names the word and what is wrong with it.
 */
kern_return_t dt_boot_options(const char *line, size_t length, struct boot_options *out,
                              struct dt_error *err);

/*
 * Step through a comma-separated list such as `init`: take the first name off *list. False when
 * nothing is left. Names are never empty (dt_boot_options() has checked that).
 */
bool boot_word_next(struct boot_word *list, struct boot_word *name);
