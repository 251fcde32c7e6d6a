/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports of crashes, by a thread of their own: it reads memory of the task that crashed, and may have to wait for it (paged out to a
 * disk whose driver is waiting to be restarted, say), which the main thread never does.
 *
 * J1 A job belongs to the reporter from reporter_begin() on, its rights too. What it needs to know is copied into it.
 * J2 When a report is done the main thread is told by a message (PORT_REPORTER). The main thread does not wait longer than it wants to:
 *    it may end the task in the midst of the report, which then ends soon.
 */
#pragma once

#include "names.h"
#include "program.h"
#include <libsys/elf.h>

enum { REPORT_SERVICES_MAX = 64 };

struct report_job {
    unsigned program;
    uint32_t generation;
    bool whole; /* registers, all threads, ports, trace, core; else the thread that crashed alone */
    char name[WORD_SIZE], arguments[ARGUMENTS_SIZE];
    struct elf_file file;
    mach_port_name_t task, thread; /* send rights */
    uint32_t kind;                 /* enum exception_kind */
    uint64_t code, address;
    unsigned service_count; /* services by our names for their ports: for the list of its rights */
    struct crash_service service[REPORT_SERVICES_MAX];
};

/** What the reporter says when it is done; its message's body. */
struct report_done {
    struct msg_descriptor entry; /* a memory entry with the core; MSG_NULL: there is none */
    uint32_t program, generation;
    uint64_t size;
};
#define REPORT_DONE_SHAPE WIRE_SHAPE(sizeof(struct report_done), 1)

/** Start the thread. */
kern_return_t reporter_begin(void);
/** A job to be filled; NULL: there are too many already. */
struct report_job *reporter_job(void);
/** The last one that was given out is filled. */
void reporter_submit(void);

/** Write the report (report.c). Returns the core's memory entry, or MSG_NULL. */
mach_port_name_t report_write(const struct report_job *job, uint64_t *size);
