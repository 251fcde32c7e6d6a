/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace rings: recording, and the decoded print of the newest events.
 */
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/spinlock.h>
#include <kern/trace_stream.h>

_Static_assert((TRACE_RING_EVENTS & (TRACE_RING_EVENTS - 1)) == 0, "an index is a mask");
_Static_assert(TRACE_NUMBER_COUNT <= 32 * 16, "the mask has a bit for each class of 16");

_Atomic uint32_t trace_mask = TRACE_USUAL;
_Atomic bool trace_is_streamed;
struct trace_stream_ring trace_stream_ring[MAX_CPUS];
struct spinlock trace_lock = SPINLOCK_INIT(LOCK_LOG);

uint32_t trace_set_mask_locked(uint32_t mask)
{
    uint32_t before = atomic_exchange(&trace_mask, mask), watched = 0;
    if (relaxed_load(trace_is_streamed) || trace_is_on(TRACE_MESSAGE_SEND))
        watched = TRACE_WATCH_ALL;
    else if (trace_is_on(TRACE_SCHED_SWITCH))
        watched = TRACE_WATCH_SWITCH;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        relaxed_store(cpu_record[i].watched, watched);
    return before;
}

uint32_t trace_set_mask(uint32_t mask)
{
    spin_lock(&trace_lock); /* the mask and what follows from it change together */
    uint32_t before = trace_set_mask_locked(mask);
    spin_unlock(&trace_lock);
    return before;
}

struct trace_name {
    uint32_t number;
    const char *name, *arg[2]; /* an argument named "0" is not used */
};

static const struct trace_name trace_names[] = {
#define TRACE_EVENT(symbol, number, name, a0, a1) {number, name, {a0, a1}},
#include <kern/trace_events.def>
#undef TRACE_EVENT
};

/* R1. */
static void put(struct trace_stream_ring *ring, const struct trace_event *event)
{
    uint64_t at = relaxed_load(ring->written);
    if (at - atomic_load_explicit(&ring->read, memory_order_acquire) >= ring->size) {
        relaxed_store(ring->lost, relaxed_load(ring->lost) + 1);
        return;
    }
    struct trace_event *to = &ring->events[at & (ring->size - 1)];
    to->when =
        event
            ->when; /* one by one: a copy of all would be memcpy()'s, which uses the body's registers */
    to->number = event->number;
    to->cpu = event->cpu;
    to->arg0 = event->arg0;
    to->arg1 = event->arg1;
    atomic_store_explicit(&ring->written, at + 1, memory_order_release);
}

/* R2. */
static void put_newest(const struct cpu *self)
{
    struct trace_stream_ring *ring = &trace_stream_ring[self->number];
    atomic_store(&ring->busy, true);
    if (atomic_load(&trace_is_streamed))
        put(ring, &self->trace.event[(self->trace.head - 1) % TRACE_RING_EVENTS]);
    atomic_store_explicit(&ring->busy, false, memory_order_release);
}

void trace_record(enum trace_number number, uint64_t arg0, uint64_t arg1)
{
    struct cpu *self = arch_cpu_self();
    trace_record_on(self, number, arg0, arg1);
    if (unlikely(relaxed_load(trace_is_streamed)))
        put_newest(self);
}

void trace_record_name(enum trace_number number, uint32_t id, const char *name, size_t length)
{
    enum { AT_ONCE = sizeof(uint64_t) };
    for (uint64_t place = 0; place < length && place < TRACE_NAME_MAX; place += AT_ONCE) {
        uint64_t text = 0;
        for (unsigned n = 0; n < AT_ONCE && place + n < length; n++)
            text |= (uint64_t)(uint8_t)name[place + n] << 8 * n;
        trace_record(number, id | place << 32, text);
    }
}

static const struct trace_name *find_name(uint32_t number)
{
    for (size_t i = 0; i < array_count(trace_names); i++)
        if (trace_names[i].number == number)
            return &trace_names[i];
    return NULL;
}

const char *trace_describe(uint32_t number, const char **arg0, const char **arg1)
{
    const struct trace_name *name = find_name(number);

    if (name == NULL)
        return NULL;
    *arg0 = name->arg[0];
    *arg1 = name->arg[1];
    return name->name;
}

/* Only this CPU writes its ring, and not meanwhile. */
unsigned trace_read(uint64_t *position, struct trace_event *out, unsigned most)
{
    const struct trace_ring *ring = &arch_cpu_self()->trace;
    uint64_t oldest = ring->head > TRACE_RING_EVENTS ? ring->head - TRACE_RING_EVENTS : 0;
    uint64_t at = *position < oldest ? oldest : *position;
    unsigned count = 0;

    for (; count < most && at < ring->head; at++)
        out[count++] = ring->event[at % TRACE_RING_EVENTS];
    *position = at;
    return count;
}

static void print_event(const struct trace_event *event)
{
    const struct trace_name *name = find_name(event->number);
    char text[96];
    size_t length = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < 2; i++) {
        const char *what = name != NULL ? name->arg[i] : "?";

        if ((what[0] != '0' || what[1] != '\0') && length < sizeof(text))
            length += format_text(text + length, sizeof(text) - length, ", %s %#llx", what,
                                  (unsigned long long)(i == 0 ? event->arg0 : event->arg1));
    }
    log_error("trace: %llu cpu %u %s (%u)%s", (unsigned long long)event->when, event->cpu,
              name != NULL ? name->name : "unknown event", event->number, text);
}

static const struct trace_event *event_at(unsigned cpu, uint64_t index)
{
    return &cpu_record[cpu].trace.event[index % TRACE_RING_EVENTS];
}

/* The CPU whose newest event before its `mark` is the latest; MAX_CPUS if there is none. */
static unsigned latest(const uint64_t *mark)
{
    unsigned found = MAX_CPUS;

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        uint64_t head = cpu_record[cpu].trace.head;

        if (mark[cpu] == 0 || head - mark[cpu] >= TRACE_RING_EVENTS)
            continue;
        if (found == MAX_CPUS ||
            event_at(cpu, mark[cpu] - 1)->when > event_at(found, mark[found] - 1)->when)
            found = cpu;
    }
    return found;
}

/* The CPU whose event at its `mark` is the earliest of those before `end`. */
static unsigned earliest(const uint64_t *mark, const uint64_t *end)
{
    unsigned found = MAX_CPUS;

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (mark[cpu] == end[cpu])
            continue;
        if (found == MAX_CPUS ||
            event_at(cpu, mark[cpu])->when < event_at(found, mark[found])->when)
            found = cpu;
    }
    return found;
}

/* Go back over the newest events, latest first, to see where each CPU's share begins; then print
 * them in the order of time. */
void trace_print_last(unsigned count)
{
    uint64_t mark[MAX_CPUS], end[MAX_CPUS];
    unsigned cpu;

    for (cpu = 0; cpu < MAX_CPUS; cpu++)
        mark[cpu] = end[cpu] = cpu_record[cpu].trace.head;
    while (count-- > 0 && (cpu = latest(mark)) != MAX_CPUS)
        mark[cpu]--;
    while ((cpu = earliest(mark, end)) != MAX_CPUS)
        print_event(event_at(cpu, mark[cpu]++));
}
