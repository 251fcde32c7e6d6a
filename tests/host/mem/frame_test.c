/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator against a model: what is handed out never overlaps, is aligned, comes back
 * whole.
 */
#include "mem_test.h"
#include "stub/stub.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 32768 };

/* The model: runs allocated, and a byte a frame for each frame below `model_end`, counted from
 * `model_base`. */
static struct run {
    struct frame *frame;
    unsigned order;
} runs[MAX_RUNS];
static unsigned run_count;

static struct frame_statistics statistics(void)
{
    struct frame_statistics s;

    frame_statistics(&s);
    return s;
}

static uint64_t pages_charged(void)
{
    return (uint64_t)ledger_used(&kernel_ledger, LEDGER_FRAMES);
}

/* Mark every frame of the run with its own head's number: an overlap shows when the other run is
 * verified. */
static void run_fill(const struct run *run)
{
    for (unsigned i = 0; i < 1u << run->order; i++)
        *(pfn_t *)((char *)frame_memory(run->frame) + i * PAGE_SIZE) = frame_number(run->frame) + i;
}

static void run_verify(const struct run *run)
{
    for (unsigned i = 0; i < 1u << run->order; i++)
        CHECK(*(pfn_t *)((char *)frame_memory(run->frame) + i * PAGE_SIZE) ==
              frame_number(run->frame) + i);
}

static bool run_alloc(unsigned order, unsigned flags)
{
    struct run *run = &runs[run_count];
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, flags, &run->frame);

    if (kr != KERN_SUCCESS) {
        CHECK(kr == KERN_RESOURCE_SHORTAGE);
        return false;
    }
    CHECK(run_count < MAX_RUNS - 1);
    CHECK(frame_number(run->frame) % (1u << order) == 0);
    CHECK(run->frame->order == order && run->frame->owner == NULL && run->frame->owner_offset == 0);
    for (unsigned i = 0; flags & FRAME_ZEROED && i < (PAGE_SIZE << order) / 8; i++)
        CHECK(((uint64_t *)frame_memory(run->frame))[i] == 0);
    CHECK(frame_is_managed(frame_address(run->frame)));
    run->order = order;
    run->frame->owner = run;
    run->frame->owner_offset = 1;
    run_fill(run);
    run_count++;
    return true;
}

static void run_free(unsigned index)
{
    run_verify(&runs[index]);
    frame_free(&kernel_ledger, LEDGER_FRAMES, runs[index].frame);
    runs[index] = runs[--run_count];
}

static void free_all(void)
{
    while (run_count > 0)
        run_free(random_below(run_count));
}

/* Everything is back: the model, the counters and the structure agree. */
static void check_recovered(void)
{
    struct frame_statistics s = statistics();

    CHECK(run_count == 0 && pages_charged() == 0);
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        stub_become_cpu(i);
        frame_drain_cache();
    }
    stub_become_cpu(0);
    CHECK(frame_check());
    CHECK(s.free + s.record_pages == s.managed);
    stub_table_pages_check();
}

static void add(paddr_t start, paddr_t end)
{
    frame_add_range(start, end);
    CHECK(frame_check());
}

/* Banks of odd shapes: ends inside blocks, a hole inside a block, a bank far away, crumbs. */
static void add_odd_banks(void)
{
    stub_add_bank(0, 4 * MIB, false);
    stub_add_bank(0x40000000, 0x40000000 + 9 * MIB, false);
    stub_add_bank(UINT64_C(0x8000000000), UINT64_C(0x8000000000) + 6 * MIB, false);
    add(0, 5 * PAGE_SIZE); /* a crumb that must be dropped */
    add(0x40000000 + 3 * PAGE_SIZE, 0x40000000 + 3 * MIB - 17 * PAGE_SIZE);
    add(0x40000000 + 3 * MIB + PAGE_SIZE, 0x40000000 + 9 * MIB - 5 * PAGE_SIZE);
    add(UINT64_C(0x8000000000), UINT64_C(0x8000000000) + 6 * MIB);
    add(16 * PAGE_SIZE, 4 * MIB - 16 * PAGE_SIZE);
    add(4 * MIB - 15 * PAGE_SIZE, 4 * MIB - 14 * PAGE_SIZE); /* into a block that is open */
    add(UINT64_C(1) << 44, (UINT64_C(1) << 44) + GIB);       /* beyond all frame numbers: ignored */
}

void test_frame_random(void)
{
    add_odd_banks();
    random_seed(1);
    uint64_t total = statistics().free;

    for (unsigned step = 0; step < 6000; step++) {
        bool grow = random_below(100) < (step / 500 % 2 ? 35 : 65);

        stub_become_cpu(random_below(3));
        if (grow || run_count == 0) {
            unsigned order = random_below(4) ? random_below(3) : random_below(FRAME_MAX_ORDER + 1);
            unsigned flags = order <= FRAME_MAX_ZEROED_ORDER && random_below(2) ? FRAME_ZEROED : 0;
            run_alloc(order, flags);
        } else {
            run_free(random_below(run_count));
        }
        CHECK(frame_check());
        struct frame_statistics s = statistics();
        CHECK(s.free + s.record_pages + pages_charged() == s.managed);
        CHECK(s.free + pages_charged() <= total);
    }
    free_all();
    check_recovered();
    CHECK(statistics().record_pages <= 6 * 11 + 20);
}

/* Down to the last frame, in each order, and back: the same numbers every time. */
void test_frame_exhaustion(void)
{
    add_odd_banks();
    random_seed(2);
    uint64_t all[FRAME_MAX_ORDER + 1];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
            while (run_alloc(order, 0))
                ;
            uint64_t left = statistics().free;
            if (order == 0)
                CHECK(left == 0);
            if (round > 0) {
                if (round > 1)
                    CHECK(all[order] == run_count);
                all[order] = run_count;
            }
            CHECK(frame_check());
            free_all();
            check_recovered();
        }
    }
    CHECK(all[FRAME_MAX_ORDER] >= 3);
}

/* Order 9 from unopened blocks: few blocks are lost to records, and they stay whole when single
 * frames come first. */
void test_frame_blocks(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 64 * MIB, false);
    add(0x40000000, 0x40000000 + 64 * MIB);
    random_seed(3);
    for (unsigned round = 0; round < 3; round++) {
        while (run_alloc(FRAME_MAX_ORDER, 0))
            ;
        CHECK(run_count == 28);
        CHECK(statistics().free == 4 * 512 - statistics().record_pages);
        free_all();
        check_recovered();
        while (run_alloc(0, FRAME_ZEROED))
            ;
        CHECK(statistics().free == 0);
        free_all();
        check_recovered();
    }
}

/* A bank so small that it is hardly worth anything, and one that is not. */
void test_frame_tiny(void)
{
    struct frame *frame;

    stub_add_bank(0x200000, 0x400000, false);
    add(0x200000, 0x200000);
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame) == KERN_RESOURCE_SHORTAGE);
    add(0x200000, 0x200000 + 15 * PAGE_SIZE);
    CHECK(statistics().managed == 0);
    CHECK(!frame_is_managed(0x200000));
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame) == KERN_RESOURCE_SHORTAGE);
    add(0x200000 + 20 * PAGE_SIZE, 0x200000 + 37 * PAGE_SIZE);
    CHECK(statistics().managed == 17 && statistics().free == 5);
    CHECK(frame_is_managed(0x200000 + 36 * PAGE_SIZE) &&
          !frame_is_managed(0x200000 + 37 * PAGE_SIZE));
    CHECK(!frame_is_managed(0x200000 + 19 * PAGE_SIZE) &&
          frame_is_managed(0x200000 + 20 * PAGE_SIZE));
    while (run_alloc(0, 0))
        ;
    CHECK(run_count == 5);
    free_all();
    check_recovered();
}

/* Small pieces while the pool for records is short and would like more than they have. */
void test_frame_pieces(void)
{
    const paddr_t base = 0x40000000;

    stub_add_bank(base, base + 64 * MIB, false);
    add(base, base + 40 * MIB);
    uint64_t managed = statistics().managed;
    for (unsigned i = 0; i < 10; i++) {
        unsigned frames = 15 + 3 * i;
        paddr_t start = base + 42 * MIB + i * 2 * MIB + i * PAGE_SIZE;

        add(start, start + frames * PAGE_SIZE);
        managed += frames < 16 ? 0 : frames;
        CHECK(statistics().managed == managed);
        CHECK(frame_is_managed(start + (frames - 1) * PAGE_SIZE) == (frames >= 16));
        CHECK(!frame_is_managed(start + frames * PAGE_SIZE));
    }
    while (run_alloc(0, 0))
        CHECK(frame_address(runs[run_count - 1].frame) < base + 62 * MIB);
    free_all();
    check_recovered();
}

/* 8 GiB and 1 GiB: what adding costs in memory. The time is shown by ctest; callgrind counts the
 * instructions. */
void test_frame_large(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 8 * GIB, true);
    frame_add_range(0x40000000, 0x40000000 + GIB);
    struct frame_statistics s = statistics();
    printf("1 GiB added: %llu of %llu frames are not available (%llu bytes)\n",
           (unsigned long long)(s.managed - s.free), (unsigned long long)s.managed,
           (unsigned long long)((s.managed - s.free) * PAGE_SIZE));
    CHECK(s.managed == GIB / PAGE_SIZE && s.managed - s.free <= 17);
    frame_add_range(0x40000000 + GIB, 0x40000000 + 8 * GIB);
    s = statistics();
    CHECK(s.managed == 8 * GIB / PAGE_SIZE && s.managed - s.free <= 17);
    CHECK(frame_check());
    /* Use a part of it: records grow with use. */
    for (unsigned i = 0; i < 100; i++)
        run_alloc(FRAME_MAX_ORDER, 0);
    s = statistics();
    CHECK(s.record_pages < 102 * 6 + 128);
    free_all();
    check_recovered();
}

void test_frame_limit(void)
{
    struct ledger *ledger;
    struct frame *frame;

    stub_add_bank(0x40000000, 0x40000000 + 8 * MIB, false);
    add(0x40000000, 0x40000000 + 8 * MIB);
    CHECK(ledger_create(&kernel_ledger, &ledger) == KERN_SUCCESS);
    ledger_set_limit(ledger, LEDGER_PAGE_TABLES, 3);
    CHECK(frame_alloc(ledger, LEDGER_PAGE_TABLES, 2, 0, &frame) == KERN_LIMIT);
    CHECK(frame_alloc(ledger, LEDGER_PAGE_TABLES, 1, 0, &frame) == KERN_SUCCESS);
    CHECK(ledger_used(ledger, LEDGER_PAGE_TABLES) == 2);
    frame_free(ledger, LEDGER_PAGE_TABLES, frame);
    ledger_unref(ledger);
    CHECK(frame_check());
}

static struct frame *victim;

static void free_victim(void)
{
    frame_free(&kernel_ledger, LEDGER_FRAMES, victim);
}

static void free_twice(void)
{
    free_victim();
    free_victim();
}

static void free_inside(void)
{
    victim++;
    free_victim();
}

static void free_mapped(void)
{
    victim->mapped = 1;
    free_victim();
}

static void free_rmap(void)
{
    victim->rmap = victim;
    free_victim();
}

static void add_twice(void)
{
    frame_add_range(0x40000000 + 4 * MIB, 0x40000000 + 6 * MIB);
}

/* Memory is shared with the child that panics: what it has spoilt must not be used again. */
static void misuse(unsigned order, void (*function)(void), const char *text)
{
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, &victim) == KERN_SUCCESS);
    expect_panic(function, text);
}

void test_frame_misuse(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 8 * MIB, false);
    add(0x40000000, 0x40000000 + 8 * MIB);
    for (unsigned order = 0; order < 3; order += 2) {
        misuse(order, free_twice, "FRAME_USED");
        misuse(order, free_mapped, "mapped");
        misuse(order, free_rmap, "rmap");
    }
    misuse(2, free_inside, "FRAME_USED");
    expect_panic(add_twice, "assertion");
}

/* Runs come while an eighth is free; their frames are given back one by one, and come together again. */
void test_frame_runs(void)
{
    enum { ORDER = 4, RUN = 1 << ORDER };
    stub_add_bank(0x40000000, 0x40000000 + 8 * MIB, false);
    add(0x40000000, 0x40000000 + 8 * MIB);
    struct frame *first;
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &first) == KERN_SUCCESS);
    alloc_fail_nth(1);
    CHECK(frame_take_run_paid(ORDER) == PFN_NONE && alloc_fail_nth(0) == 1);
    pfn_t taken[8 * MIB / PAGE_SIZE / RUN];
    unsigned count = 0;
    for (pfn_t pfn; (pfn = frame_take_run_paid(ORDER)) != PFN_NONE; count++) {
        CHECK(pfn % RUN == 0);
        for (unsigned i = 0; i < RUN; i++)
            CHECK(frame_record(pfn + i)->order == 0 && frame_record(pfn + i)->owner == NULL);
        taken[count] = pfn;
    }
    CHECK(count > 8 && frame_check()); /* of the one block that is open */
    struct frame *other[16];
    unsigned held = 0; /* the rest of it, and what opens the others */
    while (held < 16 &&
           frame_alloc(&kernel_ledger, LEDGER_FRAMES, 7, 0, &other[held]) == KERN_SUCCESS)
        held++;
    CHECK(statistics().free < statistics().managed / FRAME_PLENTY);
    CHECK(frame_take_run_paid(0) == PFN_NONE);
    while (held > 0)
        frame_free(&kernel_ledger, LEDGER_FRAMES, other[--held]);
    while (count-- > 0)
        for (unsigned i = RUN; i-- > 0;)
            frame_free_paid(frame_record(taken[count] + i));
    frame_free(&kernel_ledger, LEDGER_FRAMES, first);
    frame_drain_cache();
    CHECK(frame_check() && pages_charged() == 0);
    CHECK(statistics().free + statistics().record_pages == statistics().managed);
}

/* Fill and empty on several CPUs at once; frames move between them through a shared table. */
static struct frame *_Atomic exchange[64];

static void *churn(void *number)
{
    stub_become_cpu((unsigned)(uintptr_t)number);
    random_seed((uintptr_t)number);
    for (unsigned i = 0; i < 20000; i++) {
        struct frame *frame = NULL;
        unsigned order = random_below(8) ? 0 : random_below(4);

        if (frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, &frame) == KERN_SUCCESS) {
            frame->owner = &exchange;
            memset(frame_memory(frame), (int)i, PAGE_SIZE << order);
        }
        frame = atomic_exchange(&exchange[random_below(64)], frame);
        if (frame != NULL)
            frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
        if (i % 64 == 0)
            (void)statistics();
        if (i % 1024 == 0)
            frame_drain_cache();
    }
    return NULL;
}

static uint64_t few; /* that may be taken */

static uint64_t admit_few(bool user, uint64_t left)
{
    (void)left;
    return user ? 0 : few;
}

/* Where few frames may be taken none is cached that was not asked for. */
void test_frame_few(void)
{
    struct frame *frame[8], *first; /* opens a block */

    add_odd_banks();
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &first) == KERN_SUCCESS);
    frame_drain_cache();
    frame_set_admission(admit_few, UINT64_MAX);
    few = 3;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t listed = statistics().listed;
        CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame[i]) == KERN_SUCCESS);
        CHECK(statistics().listed == listed - 1);
        CHECK(frame_take_paid() == PFN_NONE);
    }
    few = 0;
    CHECK(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame[0]) == KERN_RESOURCE_SHORTAGE);
    frame_set_admission(NULL, 0);
    for (unsigned i = 0; i < 8; i++)
        frame_free(&kernel_ledger, LEDGER_FRAMES, frame[i]);
    frame_free(&kernel_ledger, LEDGER_FRAMES, first);
    check_recovered();
}

void test_frame_threads(void)
{
    add_odd_banks();
    run_threads(churn, 4);
    for (unsigned i = 0; i < 64; i++) {
        if (exchange[i] != NULL)
            frame_free(&kernel_ledger, LEDGER_FRAMES, exchange[i]);
    }
    check_recovered();
}
