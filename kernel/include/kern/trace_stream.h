/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream: a second, longer ring for each CPU while somebody wants to see everything that happens, who takes events out
 * while they come. There is one at a time. It belongs to the task that asked for it, which pays, and ends with it.
 *
 * R1 `written` is written by the ring's own CPU only, `read` by who reads, under trace_lock. Events between the two are
 *    the reader's; where there is no room a new event is counted in `lost`, and that is all.
 * R2 a CPU says that it is busy before it looks whether there is a stream, and is not when it has written. Who ends the stream
 *    says so first, waits until no CPU is busy, and frees the rings then.
 */
#pragma once

#include <kern/spinlock.h>
#include <kern/trace.h>

struct task;

struct trace_stream_ring {
    struct trace_event *events;           /* constant while there is a stream, as is: */
    uint64_t size;                        /* a power of two */
    _Atomic uint64_t written, read, lost; /* R1: ever, since the stream began */
    _Atomic bool busy;                    /* R2 */
};

extern struct trace_stream_ring trace_stream_ring[MAX_CPUS];
/** Is there one? R2. */
extern _Atomic bool trace_is_streamed;
/** Guards what is traced, whether there is a stream, and the rings' reading ends. */
extern struct spinlock trace_lock;
/** trace_set_mask() for who has the lock, and has begun or ended the stream. Internal. */
uint32_t trace_set_mask_locked(uint32_t mask);

enum { TRACE_STREAM_MIN = 128, TRACE_STREAM_MAX = 32768 }; /* events of one CPU: a page to 1 MiB */

/** Begin with rings of so many events, a power of two, and these classes. KERN_INVALID_VALUE; KERN_BUSY: there is one; KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t trace_stream_start(struct task *task, uint32_t events, uint32_t mask);
/** End it: the classes are those that were on before. KERN_INVALID_VALUE: there is none. */
kern_return_t trace_stream_stop(void);
/** The same if it is this task's, which ends. */
void trace_stream_end_of(const struct task *task);
/** Take the oldest events of a CPU, *count of them at most. *lost: how many there have been no room for since the stream began. KERN_INVALID_VALUE:
 *  there is no stream, or no such CPU. */
kern_return_t trace_stream_read(uint32_t cpu, struct trace_event *out, uint32_t *count,
                                uint64_t *lost);
