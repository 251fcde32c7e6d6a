/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log of survivor.h. Memory begins with a page that says which of two descriptions counts; the halves for records follow.
 */
#include "survivor.h"
#include <stdatomic.h>
#include <string.h>

enum { HEAD = 4096, WORD = 8 };

struct description {
    uint64_t format;
    uint64_t half, end, sum; /* the records */
    uint64_t state[SURVIVOR_STATE];
    uint64_t own_sum; /* of all before it */
};

struct head {
    _Atomic uint64_t current; /* 1, 2: the description; else none */
    struct description descriptions[2];
};
_Static_assert(sizeof(struct head) <= HEAD, "the page");

struct record {
    uint32_t size;
    uint32_t kind;
    uint64_t number, extra;
};
_Static_assert(sizeof(struct record) == (size_t)3 * WORD,
               "kept in memory as it is, one behind the other");

static struct head *head_of(const struct survivor *log)
{
    return (struct head *)log->memory;
}

static uint8_t *half_of(const struct survivor *log, uint64_t half)
{
    return log->memory + HEAD + half * log->half;
}

static size_t padded(uint32_t size)
{
    return ((size_t)size + WORD - 1) / WORD * WORD;
}

/* ---- sums ---- */

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
    return sum ^ sum >> 29;
}

static uint64_t sum_of(uint64_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += WORD) {
        uint64_t word;

        memcpy(&word, bytes + i, WORD);
        sum = mix(sum, word);
    }
    return sum;
}

static uint64_t own_sum(const struct description *description)
{
    return sum_of(1, (const uint8_t *)description, offsetof(struct description, own_sum));
}

/* ---- reading ---- */

/* The record at `at` of `end` bytes; false: there is none that could be. */
static bool read_record(const uint8_t *half, size_t end, size_t *at, struct survivor_record *out)
{
    struct record record;

    if (end - *at < sizeof(record))
        return false;
    memcpy(&record, half + *at, sizeof(record));
    if (record.kind > UINT16_MAX || padded(record.size) > end - *at - sizeof(record))
        return false;
    *out = (struct survivor_record){.kind = (uint16_t)record.kind,
                                    .size = record.size,
                                    .number = record.number,
                                    .extra = record.extra,
                                    .data = half + *at + sizeof(record)};
    *at += sizeof(record) + padded(record.size);
    return true;
}

bool survivor_read(const struct survivor *log, size_t *at, struct survivor_record *out)
{
    return *at < log->published.end &&
           read_record(half_of(log, log->published.half), log->published.end, at, out);
}

static bool are_records_good(const struct survivor *log, const struct description *found)
{
    const uint8_t *half = half_of(log, found->half);
    struct survivor_record record;

    for (size_t at = 0; at < found->end;)
        if (!read_record(half, (size_t)found->end, &at, &record))
            return false;
    return sum_of(0, half, (size_t)found->end) == found->sum;
}

/* V2 */
static bool find(struct survivor *log)
{
    const struct head *head = head_of(log);
    const uint64_t current = atomic_load_explicit(&head->current, memory_order_acquire);
    struct description found;

    if (current != 1 && current != 2)
        return false;
    found = head->descriptions[current - 1];
    if (found.own_sum != own_sum(&found) || found.format != log->format || found.half > 1 ||
        found.end > log->half || found.end % WORD != 0 || !are_records_good(log, &found))
        return false;
    log->published = (struct survivor_place){(uint32_t)found.half, (size_t)found.end, found.sum};
    memcpy(log->state, found.state, sizeof(log->state));
    return true;
}

bool survivor_open(struct survivor *log, void *memory, size_t size, uint64_t format)
{
    bool found;

    *log = (struct survivor){.memory = memory,
                             .half = (size - HEAD) / 2 / WORD * WORD,
                             .format = format};
    found = find(log);
    log->added = log->published;
    return found;
}

/* ---- writing ---- */

static void put(struct survivor *log, const void *from, size_t size)
{
    uint8_t *to = half_of(log, log->added.half) + log->added.end;
    const uint8_t *bytes = from;
    uint64_t sum = log->added.sum;
    size_t done = 0;

    for (; size - done >= WORD; done += WORD) {
        uint64_t word;

        memcpy(&word, bytes + done, WORD);
        memcpy(to + done, &word, WORD);
        sum = mix(sum, word);
    }
    if (done < size) {
        uint64_t word = 0;

        memcpy(&word, bytes + done, size - done);
        memcpy(to + done, &word, WORD);
        sum = mix(sum, word);
        done += WORD;
    }
    log->added.sum = sum;
    log->added.end += done;
}

bool survivor_add(struct survivor *log, uint16_t kind, uint64_t number, uint64_t extra,
                  const void *data, uint32_t size)
{
    const struct record record = {size, kind, number, extra};

    if (log->half - log->added.end < sizeof(record) + padded(size))
        return false;
    put(log, &record, sizeof(record));
    put(log, data, size);
    return true;
}

void survivor_publish(struct survivor *log)
{
    struct head *head = head_of(log);
    const uint64_t other = atomic_load_explicit(&head->current, memory_order_relaxed) == 1 ? 1 : 0;
    struct description *description = &head->descriptions[other];

    description->format = log->format;
    description->half = log->added.half;
    description->end = log->added.end;
    description->sum = log->added.sum;
    memcpy(description->state, log->state, sizeof(log->state));
    description->own_sum = own_sum(description);
    atomic_store_explicit(&head->current, other + 1, memory_order_release);
    log->published = log->added;
}

void survivor_forget(struct survivor *log)
{
    log->added = log->published;
}

void survivor_restart(struct survivor *log)
{
    log->added = (struct survivor_place){.half = !log->published.half};
}

void survivor_erase(struct survivor *log)
{
    atomic_store_explicit(&head_of(log)->current, 0, memory_order_release);
    log->published = log->added = (struct survivor_place){0};
}
