/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log in memory that outlives who writes it: a file system puts there what it has done and the card does not have yet. Whoever writes it may be killed at any instruction.
 *
 *      survivor_add(log, KIND, number, extra, data, size);  ...more...
 *      log->state[PROGRESS]++;
 *      survivor_publish(log);                          all of it counts from here on, or nothing of it
 *      survivor_restart(log);  ...add, publish...      a new log takes the place of the old one
 *
 * V1 What is there for a successor is what the last survivor_publish() said, records and state; one store makes it so. Two descriptions and two halves for records
 *    are used in turn, and what is published is not written to.
 * V2 Nothing that is found is believed before its sums fit and its records lie in it. What records mean is checked by who reads them.
 * V3 No call takes memory or fails but by its result.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SURVIVOR_STATE = 8,         /* words beside the records */
    SURVIVOR_LEAST = 64 * 1024, /* bytes of memory */
};

struct survivor_place {
    uint32_t half;
    size_t end;   /* bytes of records in it */
    uint64_t sum; /* of them */
};

struct survivor {
    uint8_t *memory; /* NULL: there is none, and nothing is kept */
    size_t half;     /* bytes */
    uint64_t format;
    struct survivor_place published, added;
    uint64_t state[SURVIVOR_STATE]; /* as the next survivor_publish() will say */
};

struct survivor_record {
    uint16_t kind;
    uint32_t size;
    uint64_t number, extra;
    const uint8_t *data;
};

/** Zeroed memory, or what a log of this format was kept in: true, with its state. False: nothing is there that could be one, and the log is empty. */
bool survivor_open(struct survivor *log, void *memory, size_t size, uint64_t format);
/** False: there is no room for it. */
bool survivor_add(struct survivor *log, uint16_t kind, uint64_t number, uint64_t extra,
                  const void *data, uint32_t size);
void survivor_publish(struct survivor *log);
/** What has been added and not published is forgotten. */
void survivor_forget(struct survivor *log);
/** What is added from here on is a new log. */
void survivor_restart(struct survivor *log);
/** No successor finds anything. */
void survivor_erase(struct survivor *log);
/** The published record at *at, which begins with 0 and becomes that of the next one; false: there are no more. */
bool survivor_read(const struct survivor *log, size_t *at, struct survivor_record *out);
static inline bool survivor_is_empty(const struct survivor *log)
{
    return log->published.end == 0;
}
