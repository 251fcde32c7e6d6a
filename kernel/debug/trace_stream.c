/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of trace events (kern/trace_stream.h): its beginning, its end, and its reader. Who writes is in trace.c.
 */
#include <arch/cpu.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/task.h>
#include <kern/trace_stream.h>

/* Id of the task; 0: there is no stream. Written under trace_lock, and read without it by who looks whether it is his own. */
static _Atomic uint32_t owner;

/* trace_lock. */
static struct stream {
    uint32_t mask;                 /* what was traced before */
    struct ledger *ledger;         /* pays; reference held */
    struct frame *frame[MAX_CPUS]; /* of the rings; NULL behind the last */
} stream;

static unsigned order_of(uint32_t events)
{
    unsigned order = 0;
    while (PAGE_SIZE << order < events * sizeof(struct trace_event))
        order++;
    return order;
}

static void free_rings(struct stream *rings)
{
    for (unsigned i = 0; i < MAX_CPUS && rings->frame[i]; i++)
        frame_free(rings->ledger, LEDGER_FRAMES, rings->frame[i]);
    ledger_unref(rings->ledger);
}

static kern_return_t alloc_rings(struct stream *rings, unsigned order)
{
    ledger_ref(rings->ledger);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct frame *frame;
        kern_return_t kr = frame_alloc(rings->ledger, LEDGER_FRAMES, order, 0, &frame);
        if (kr != KERN_SUCCESS) {
            free_rings(rings);
            return kr;
        }
        rings->frame[i] = frame;
    }
    return KERN_SUCCESS;
}

/* The lock is held. */
static void begin(const struct task *task, const struct stream *rings, uint32_t events,
                  uint32_t mask)
{
    relaxed_store(owner, task->id);
    stream = *rings;
    for (unsigned i = 0; i < cpu_count; i++) {
        struct trace_stream_ring *ring = &trace_stream_ring[i];
        ring->events = frame_memory(rings->frame[i]);
        ring->size = events;
        relaxed_store(ring->written, 0);
        relaxed_store(ring->read, 0);
        relaxed_store(ring->lost, 0);
    }
    atomic_store(&trace_is_streamed, true);
    stream.mask = trace_set_mask_locked(mask);
}

kern_return_t trace_stream_start(struct task *task, uint32_t events, uint32_t mask)
{
    struct stream rings = {.ledger = task->ledger};
    if (events < TRACE_STREAM_MIN || events > TRACE_STREAM_MAX || (events & (events - 1)) != 0)
        return KERN_INVALID_VALUE;
    kern_return_t kr = alloc_rings(&rings, order_of(events));
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&trace_lock);
    bool is_free = relaxed_load(owner) == 0;
    if (is_free)
        begin(task, &rings, events, mask);
    spin_unlock(&trace_lock);
    if (is_free)
        return KERN_SUCCESS;
    free_rings(&rings);
    return KERN_BUSY;
}

/* R2. The lock is held; the rings are the caller's to free. */
static void end(struct stream *rings)
{
    atomic_store(&trace_is_streamed, false);
    (void)trace_set_mask_locked(stream.mask);
    for (unsigned i = 0; i < cpu_count; i++)
        while (atomic_load(&trace_stream_ring[i].busy))
            arch_cpu_relax();
    *rings = stream;
    stream = (struct stream){0};
    relaxed_store(owner, 0);
}

/* Of this task; 0: whoever's it is. */
static kern_return_t stop(uint32_t of)
{
    struct stream rings;
    spin_lock(&trace_lock);
    uint32_t found = relaxed_load(owner);
    bool is_it = found != 0 && (of == 0 || of == found);
    if (is_it)
        end(&rings);
    spin_unlock(&trace_lock);
    if (!is_it)
        return KERN_INVALID_VALUE;
    free_rings(&rings);
    return KERN_SUCCESS;
}

kern_return_t trace_stream_stop(void)
{
    return stop(0);
}

void trace_stream_end_of(const struct task *task)
{
    if (unlikely(relaxed_load(owner) == task->id))
        (void)stop(task->id);
}

/* The lock is held. */
static uint32_t take(struct trace_stream_ring *ring, struct trace_event *out, uint32_t most)
{
    uint64_t at = relaxed_load(ring->read);
    uint64_t end = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint32_t count = 0;
    for (; count < most && at < end; at++)
        out[count++] = ring->events[at & (ring->size - 1)];
    atomic_store_explicit(&ring->read, at, memory_order_release);
    return count;
}

kern_return_t trace_stream_read(uint32_t cpu, struct trace_event *out, uint32_t *count,
                                uint64_t *lost)
{
    kern_return_t kr = KERN_INVALID_VALUE;
    spin_lock(&trace_lock);
    if (relaxed_load(owner) != 0 && cpu < cpu_count) {
        *count = take(&trace_stream_ring[cpu], out, *count);
        *lost = relaxed_load(trace_stream_ring[cpu].lost);
        kr = KERN_SUCCESS;
    }
    spin_unlock(&trace_lock);
    return kr;
}
