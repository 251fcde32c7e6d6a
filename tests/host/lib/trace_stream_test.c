/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of trace events: what is refused, rings that are full, a reader that ends; then CPUs that record while streams begin and end under
 * them. Frames that are given back are written over, so that who goes on writing there is seen by ThreadSanitizer, and who reads there by all.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/frame.h>
#include <kern/task.h>
#include <kern/trace_stream.h>
#include <pthread.h>

enum { CPUS = 3, USERS = 2, RING = TRACE_STREAM_MIN, FRAMES = CPUS * USERS, ALL = -1, PART = 32 };

static char memory[FRAMES][PAGE_SIZE];
static struct frame frames[FRAMES];
static _Atomic bool used[FRAMES];
static _Atomic unsigned frames_used, fails_after = FRAMES;

/* A ring of the least size is a page. */
kern_return_t frame_alloc(struct ledger *ledger, enum ledger_kind kind, unsigned order,
                          unsigned flags, struct frame **out)
{
    (void)ledger;
    CHECK(kind == LEDGER_FRAMES && order == 0 && flags == 0);
    if (atomic_load(&frames_used) >= atomic_load(&fails_after))
        return KERN_RESOURCE_SHORTAGE;
    for (unsigned i = 0; i < FRAMES; i++) {
        if (atomic_exchange(&used[i], true))
            continue;
        atomic_fetch_add(&frames_used, 1);
        *out = &frames[i];
        return KERN_SUCCESS;
    }
    return KERN_RESOURCE_SHORTAGE;
}

void frame_free(struct ledger *ledger, enum ledger_kind kind, struct frame *frame)
{
    (void)ledger;
    CHECK(kind == LEDGER_FRAMES && frame >= frames && frame < frames + FRAMES);
    memset(memory[frame - frames], 0xa5, PAGE_SIZE);
    atomic_fetch_sub(&frames_used, 1);
    CHECK(atomic_exchange(&used[frame - frames], false));
}

void ledger_destroy(struct ledger *ledger)
{
    (void)ledger;
    CHECK(false);
}

static struct ledger ledger = {.references = 1};
static struct task task[USERS] = {{.id = 7, .ledger = &ledger}, {.id = 8, .ledger = &ledger}};

/* As before the first stream. */
static void check_nothing_left(void)
{
    CHECK_EQ(atomic_load(&frames_used), 0);
    CHECK_EQ(ledger.references, 1);
    CHECK_EQ(trace_mask, TRACE_USUAL);
    CHECK(!trace_is_streamed);
    for (unsigned i = 0; i < CPUS; i++)
        CHECK(!trace_stream_ring[i].busy);
}

static void refused(void)
{
    static const uint32_t sizes[] = {0,
                                     1,
                                     RING - 1,
                                     RING / 2,
                                     129,
                                     3 * RING,
                                     TRACE_STREAM_MAX + 1,
                                     2 * TRACE_STREAM_MAX,
                                     UINT32_MAX,
                                     UINT32_C(1) << 31};
    struct trace_event event;
    uint32_t count = 1;
    uint64_t lost;

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        CHECK_EQ(trace_stream_start(&task[0], sizes[i], (uint32_t)ALL), KERN_INVALID_VALUE);
    CHECK_EQ(trace_stream_stop(), KERN_INVALID_VALUE);
    CHECK_EQ(trace_stream_read(0, &event, &count, &lost), KERN_INVALID_VALUE);
    for (unsigned most = 0; most < CPUS; most++) { /* no memory for the rings of all CPUs */
        fails_after = most;
        CHECK_EQ(trace_stream_start(&task[0], RING, (uint32_t)ALL), KERN_RESOURCE_SHORTAGE);
        check_nothing_left();
    }
    fails_after = FRAMES;
    CHECK_EQ(trace_stream_start(&task[0], RING, (uint32_t)ALL), KERN_SUCCESS);
    CHECK_EQ(trace_stream_start(&task[0], RING, 0), KERN_BUSY);
    CHECK_EQ(trace_stream_start(&task[1], RING, 0), KERN_BUSY);
    CHECK_EQ(trace_mask, (uint32_t)ALL);
    CHECK_EQ(trace_stream_read(CPUS, &event, &count, &lost), KERN_INVALID_VALUE);
    CHECK_EQ(trace_stream_read(UINT32_MAX, &event, &count, &lost), KERN_INVALID_VALUE);
    CHECK_EQ(trace_stream_stop(), KERN_SUCCESS);
    CHECK_EQ(trace_stream_stop(), KERN_INVALID_VALUE);
    check_nothing_left();
}

static void record(uint64_t number)
{
    trace(TRACE_BOOT_STAGE, number, ~number);
}

/* Numbers from `first` on, `expected` of them, and so many lost. */
static void expect(uint32_t cpu, uint64_t first, uint32_t expected, uint64_t expected_lost)
{
    struct trace_event event[PART];
    uint64_t lost;
    uint32_t count;

    do {
        count = PART;
        CHECK_EQ(trace_stream_read(cpu, event, &count, &lost), KERN_SUCCESS);
        CHECK_EQ(lost, expected_lost);
        for (uint32_t i = 0; i < count; i++, first++, expected--) {
            CHECK_EQ(event[i].number, TRACE_BOOT_STAGE);
            CHECK_EQ(event[i].cpu, cpu);
            CHECK_EQ(event[i].arg0, first);
            CHECK_EQ(event[i].arg1, ~first);
        }
    } while (count == PART);
    CHECK_EQ(expected, 0);
}

/* Who reads too slowly loses the newest, and is told how many; what is there stays, and in order. Another CPU's ring has room. */
static void full(void)
{
    CHECK_EQ(trace_stream_start(&task[0], RING, (uint32_t)ALL), KERN_SUCCESS);
    expect(0, 0, 0, 0);
    for (uint64_t i = 0; i < RING + 5; i++)
        record(i);
    stub_become(1, false);
    record(0);
    stub_become(0, false);
    expect(0, 0, RING, 5);
    expect(1, 0, 1, 0);
    for (uint64_t i = 0; i < 3; i++)
        record(i);
    expect(0, 0, 3, 5);
    CHECK_EQ(trace_stream_stop(), KERN_SUCCESS);
    record(0);
    CHECK_EQ(trace_stream_start(&task[0], RING, 0),
             KERN_SUCCESS); /* begins with nothing in it, and traces nothing */
    record(0);
    expect(0, 0, 0, 0);
    trace_stream_end_of(&task[1]);
    expect(0, 0, 0, 0);
    trace_stream_end_of(&task[0]);
    trace_stream_end_of(&task[0]);
    CHECK_EQ(trace_stream_stop(), KERN_INVALID_VALUE);
    check_nothing_left();
}

/* ---- all at once ---- */

static _Atomic bool over;

static void *run_cpu(void *argument)
{
    stub_become((unsigned)(uintptr_t)argument, false);
    for (uint64_t n = 0; !atomic_load(&over); n++)
        record(n);
    return NULL;
}

/* What a CPU recorded and was not read was lost, and counted. */
static void read_some(uint32_t cpu, uint64_t *next, uint64_t *missing)
{
    struct trace_event event[PART];
    uint32_t count = PART;
    uint64_t lost;

    CHECK_EQ(trace_stream_read(cpu, event, &count, &lost), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(event[i].cpu == cpu && event[i].arg1 == ~event[i].arg0);
        CHECK(*next == UINT64_MAX || event[i].arg0 >= *next);
        *missing += *next == UINT64_MAX ? 0 : event[i].arg0 - *next;
        *next = event[i].arg0 + 1;
    }
    CHECK(*missing <= lost);
}

static void *use(void *argument)
{
    const unsigned number = (unsigned)(uintptr_t)argument;
    unsigned had = 0;

    stub_become(CPUS + number, false);
    while (had < 200) {
        const kern_return_t kr = trace_stream_start(&task[number], RING, (uint32_t)ALL);
        if (kr != KERN_SUCCESS) {
            CHECK_EQ(kr, KERN_BUSY);
            trace_stream_end_of(&task[number]); /* it is not its own */
            stub_relax();
            continue;
        }
        uint64_t next[CPUS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, missing[CPUS] = {0};
        for (unsigned i = 0; i < 20; i++)
            read_some(i % CPUS, &next[i % CPUS], &missing[i % CPUS]);
        trace_stream_end_of(&task[number]);
        had++;
        stub_relax();
    }
    return NULL;
}

static void all_at_once(void)
{
    pthread_t cpu[CPUS], user[USERS];

    for (unsigned i = 0; i < CPUS; i++)
        CHECK(pthread_create(&cpu[i], NULL, run_cpu, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < USERS; i++)
        CHECK(pthread_create(&user[i], NULL, use, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < USERS; i++)
        pthread_join(user[i], NULL);
    atomic_store(&over, true);
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(cpu[i], NULL);
    check_nothing_left();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    cpu_count = CPUS;
    stub_frames = frames;
    stub_memory = memory[0];
    for (unsigned i = 0; i < CPUS + USERS; i++)
        stub_become(i, true);
    stub_become(0, false);
    refused();
    full();
    all_at_once();
    return check_end();
}
