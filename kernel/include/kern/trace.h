/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU trace rings: fixed-size binary events, cheap enough to stay on (D15). Events stand in
 * kern/trace_events.def: TRACE_EVENT(symbol, number, name, arg0 name, arg1 name). A ring overwrites
 * its oldest events.
 *
 * An event is 32 bytes: counter, number and CPU, two arguments. Only its own CPU writes a ring;
 * readers (panic, dump) accept that the newest events may be torn and check the sequence. While there
 * is a stream (kern/trace_stream.h) what is recorded goes there, too.
 */
#pragma once

#include <arch/atomic.h>
#include <arch/timer.h>
#include <kern/types.h>

enum trace_number {
#define TRACE_EVENT(symbol, number, name, a0, a1) TRACE_##symbol = number,
#include <kern/trace_events.def>
#undef TRACE_EVENT
    TRACE_NUMBER_COUNT
};

struct trace_event {
    ticks_t when;
    uint32_t number; /* enum trace_number */
    uint32_t cpu;
    uint64_t arg0, arg1;
};

#define TRACE_RING_EVENTS 256 /* per CPU, a power of two: 8 KiB */

struct trace_ring {
    uint64_t
        head; /* events ever written; the ring's index is head % TRACE_RING_EVENTS. Own CPU only */
    struct trace_event event[TRACE_RING_EVENTS];
};

/** Bit n set: events of class n (number / 16) are recorded. Written by trace_set_mask(), read relaxed. */
extern _Atomic uint32_t trace_mask;

/** What a message's way is told in, and names: too much to be on always. */
enum { TRACE_CLASS_MESSAGES = TRACE_MESSAGE_SEND / 16 };
/** All but that. */
#define TRACE_USUAL (~(1u << TRACE_CLASS_MESSAGES))

enum { TRACE_NAME_MAX = 32 };

/** What is told of changes of threads, for the message path: bits of cpu->watched. */
enum {
    TRACE_WATCH_SWITCH = 1, /* only that there is one, and nobody but the ring is told */
    TRACE_WATCH_ALL = 2,    /* by trace_record(), and the messages, too */
};

/** Set it; returns what it was. */
uint32_t trace_set_mask(uint32_t mask);

void trace_record(enum trace_number number, uint64_t arg0, uint64_t arg1);

/** Is the event's class on? */
static inline bool trace_is_on(enum trace_number number)
{
    return relaxed_load(trace_mask) & (1u << (number / 16));
}

/** Record an event if its class is on: two instructions and a branch when it is off. */
static inline void trace(enum trace_number number, uint64_t arg0, uint64_t arg1)
{
    if (unlikely(trace_is_on(number)))
        trace_record(number, arg0, arg1);
}

/** Record a name of so many characters, at most TRACE_NAME_MAX, eight an event; the last event's are followed by zeroes. */
void trace_record_name(enum trace_number number, uint32_t id, const char *name, size_t length);

/** Print the newest `count` events of all CPUs, merged by time, through the log. For panic. */
void trace_print_last(unsigned count);

/** Copy events of this CPU's ring, oldest first, from number *position (counted from 0) on, to out; those that have been overwritten are
 *  passed over. Returns how many, at most `most`; *position becomes that of the next. Interrupts are masked. */
unsigned trace_read(uint64_t *position, struct trace_event *out, unsigned most);

/** What an event's number stands for: its name and those of its arguments ("0": not used). NULL: nothing. */
const char *trace_describe(uint32_t number, const char **arg0, const char **arg1);
