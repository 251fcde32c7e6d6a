/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF cores: what a task was when it crashed, as debuggers read it. Nothing here knows of messages: registers and regions have been
 * gathered before, and memory is read by a function of the caller's, so that all of it runs on the host as well.
 *
 * C1 At most CORE_SIZE_MAX bytes. Small regions come first, for stacks are among them; those for which no room is left are told with fewer
 *    bytes than they have, or none.
 * C2 Memory that cannot be read is zero in the core.
 */
#pragma once

#include "core_sink.h"
#include <libsys/crash_report.h>
#include <wharf/thread_state.h>

enum {
    CORE_THREADS_MAX = CRASH_THREADS_MAX,
    CORE_REGIONS_MAX = 64,
    CORE_SIZE_MAX = 4 << 20,
};

/** Whole pages of the task's memory. */
struct core_region {
    uint64_t start, size;
    uint32_t flags; /* ELF_READ and so on: <libsys/elf.h> */
    bool dump;      /* its bytes, not only that it is there */
};

struct core_image {
    const char *program, *arguments;
    uint32_t task;
    unsigned signal; /* the number debuggers know the exception by */
    uint64_t entry;  /* of the program */
    unsigned thread_count, region_count;
    struct crash_thread thread[CORE_THREADS_MAX]; /* [0]: the one that crashed */
    struct core_region region[CORE_REGIONS_MAX];  /* in order of addresses */
    /* Copy bytes out of the task's memory. */
    kern_return_t (*read)(void *context, uint64_t address, void *to, uint32_t size);
    void *context;
};

/** Write it. Errors: the sink's. */
kern_return_t core_write(const struct core_image *image, const struct core_sink *sink);
