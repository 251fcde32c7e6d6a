/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of a task that crashed: why, registers, frames of all threads, ports, and what the trace has of it. Linked with the library crash_report (libsys/crash/). The supervisor
 * reports its programs with it, the process server its processes.
 *
 * C1 The task stands still from crash_report_begin() on. Everything read of it may be anything: chains of frames end, tables are compared with their file's end, and everything is told up to
 *    a number. To read its memory may take time (it may be paged out): it is done by a thread that nobody waits for.
 * C2 One report at a time in a program.
 */
#pragma once

#include <libsys/elf.h>
#include <stdbool.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/thread_state.h>

enum { CRASH_THREADS_MAX = 32 };

struct crash_thread {
    uint32_t id;
    struct thread_state_general general;
    struct thread_state_fp fp;
};

/** A service, by the reporter's name for its port: for the list of the task's rights. */
struct crash_service {
    mach_port_name_t port;
    const char *name;
};

struct crash_report {
    const char *name;
    mach_port_name_t task,
        thread;    /* send rights, which stay the caller's; the thread that crashed */
    uint32_t kind; /* enum exception_kind, code and address: of exception.raise */
    uint64_t code, address;
    struct elf_file file; /* whose symbols name functions; of size 0: they have no names */
    unsigned service_count;
    const struct crash_service *service;
    void (*line)(const char *text); /* says it, without a newline */
    /* Found by crash_report_begin(): */
    unsigned thread_count;
    struct crash_thread threads[CRASH_THREADS_MAX]; /* [0]: the one that crashed */
};

/** Hold the task still, and look at its threads. Error: it is gone. */
kern_return_t crash_report_begin(struct crash_report *report);
/** whole: registers, all threads, ports, trace; else why, and the frames of the thread that crashed. */
void crash_report_tell(const struct crash_report *report, bool whole);
/** The number that debuggers know an exception by: Linux's of signals. */
unsigned crash_report_signal(uint32_t kind);
