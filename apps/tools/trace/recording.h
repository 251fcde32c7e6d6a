/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been taken from the kernel's stream of trace events (interfaces/host_debug.defs), and who is who in it. Nothing of it is trusted.
 */
#pragma once

#include "table.h"
#include <wharf/if/host_debug_types.h>
#include <wharf/info.h>

enum { RECORDING_CPUS = 8, RECORDING_KINDS = 128, RECORDING_WORD = 32 };

/** What events of one number are; an argument "0" is not used. */
struct event_kind {
    char name[RECORDING_WORD]; /* empty: there are none */
    char argument[2][RECORDING_WORD];
};

/** A row of `tasks`. */
struct task_row {
    uint32_t id;
    char name[TASK_NAME_SIZE];
};

enum { FRAMES = 8 };

/** A row of `threads`. */
struct thread_row {
    uint32_t id;
    uint32_t task; /* 0: it is not known */
    char name[THREAD_NAME_SIZE];

    /* timeline.c */
    struct {
        uint32_t message;
        bool is_call; /* it awaits the answer; else it works for who has sent it */
    } frame[FRAMES];  /* what it does, the innermost last */
    unsigned frames;
    bool runs;
    uint64_t stopped; /* when it did last */
    struct {
        uint32_t from, to; /* flows, by number; 0: none */
    } woken;               /* who of the first has woken it, while it was about the second */
};

struct recording {
    struct {
        struct host_debug_event *events; /* in the order in which they happened */
        size_t count, room;
        uint64_t lost; /* there was no room for in the kernel */
    } cpu[RECORDING_CPUS];
    struct event_kind kind[RECORDING_KINDS]; /* by number */
    struct table tasks, threads;
};

void recording_init(struct recording *recording);
void recording_free(struct recording *recording);
/** More events of a CPU. False: there is no memory for them. */
bool recording_add(struct recording *recording, unsigned cpu, const struct host_debug_event *events,
                   size_t count);
/** Names are cut where they end, and at `size` characters. False: there is no memory. */
bool recording_name_task(struct recording *recording, uint32_t id, const char *name, size_t size);
bool recording_name_thread(struct recording *recording, uint32_t id, uint32_t task,
                           const char *name, size_t size);
/** How many events there are, and how many were lost. */
size_t recording_count(const struct recording *recording);
uint64_t recording_lost(const struct recording *recording);
