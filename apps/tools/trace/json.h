/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of trace events as Perfetto reads them (Chrome's JSON). A process is a task or the set of all CPUs, a thread of it has a track of slices that nest.
 * Moments are nanoseconds, and do not go back on any track.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Where something is shown. */
struct track {
    uint32_t process, thread;
};

/** One argument of an event; name NULL: none. */
struct argument {
    const char *name;
    uint64_t value;
};

struct json {
    FILE *file;
    bool has_events;
};

/** What a flow's event is. */
enum flow { FLOW_START = 's', FLOW_STEP = 't', FLOW_END = 'f' };

void json_begin(struct json *json, FILE *file);
/** The end of the file: `lost` events are missing in it. */
void json_end(struct json *json, uint64_t lost);
void json_slice_begins(struct json *json, struct track track, uint64_t moment, const char *name,
                       struct argument a, struct argument b);
/** The innermost of the track. */
void json_slice_ends(struct json *json, struct track track, uint64_t moment);
void json_instant(struct json *json, struct track track, uint64_t moment, const char *name,
                  struct argument a, struct argument b);
/** An arrow comes into the track's innermost slice, or goes out. Its number is that of all its events. */
void json_flow(struct json *json, struct track track, uint64_t moment, enum flow flow,
               uint32_t number);
void json_name_process(struct json *json, uint32_t process, const char *name);
void json_name_thread(struct json *json, struct track track, const char *name);
