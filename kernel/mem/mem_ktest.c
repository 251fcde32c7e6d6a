/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of the memory basics on the real machine: the direct map, the record pages, zeroing,
 * and the interrupts of a grace period are what the host tests can only imitate. The runner
 * compares frames and objects before and after.
 */
#include <kern/frame.h>
#include <kern/grace.h>
#include <kern/kmem.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>

struct sample {
    uint64_t word[13];
};
static KMEM_CACHE(sample_cache, struct sample);

enum { VISITED = 0x51de };
struct visited {
    uint64_t word[40];
    void *next; /* the allocator's while it is free */
};

/* The content of a run, a word a page, must survive while other runs are written. */
static void stamp(struct frame *frame)
{
    for (unsigned i = 0; i < 1u << frame->order; i++)
        *(uint64_t *)((char *)frame_memory(frame) + i * PAGE_SIZE) = frame_address(frame) + i;
}

static bool stamped(struct frame *frame)
{
    for (unsigned i = 0; i < 1u << frame->order; i++) {
        if (*(uint64_t *)((char *)frame_memory(frame) + i * PAGE_SIZE) != frame_address(frame) + i)
            return false;
    }
    return true;
}

static bool is_zero(const struct frame *frame)
{
    const uint64_t *word = frame_memory(frame);
    uint64_t sum = 0;

    for (unsigned i = 0; i < (PAGE_SIZE << frame->order) / sizeof(*word); i++)
        sum |= word[i];
    return sum == 0;
}

KTEST(mem_runs_of_every_order)
{
    struct frame *run[FRAME_MAX_ORDER + 1] = {NULL};

    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        if (!KTEST_EXPECT(frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, &run[order]) ==
                          KERN_SUCCESS))
            continue;
        KTEST_EXPECT(frame_number(run[order]) % (1u << order) == 0);
        stamp(run[order]);
    }
    KTEST_EXPECT(frame_check());
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        if (run[order] == NULL)
            continue;
        KTEST_EXPECT(stamped(run[order]));
        frame_free(&kernel_ledger, LEDGER_FRAMES, run[order]);
    }
    KTEST_EXPECT(frame_check());
}

KTEST(mem_zeroed_frames_are_zero)
{
    for (unsigned order = 0; order <= FRAME_MAX_ZEROED_ORDER; order++) {
        for (unsigned again = 0; again < 2; again++) {
            struct frame *frame = NULL;

            if (!KTEST_EXPECT(frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, FRAME_ZEROED,
                                          &frame) == KERN_SUCCESS))
                return;
            KTEST_EXPECT(is_zero(frame));
            stamp(frame);
            frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
        }
    }
}

/* More than the CPU's cache holds, so that batches go to the lists and come back. */
KTEST(mem_many_single_frames)
{
    struct frame *first = NULL;
    unsigned count = 0;

    for (; count < 700; count++) {
        struct frame *frame = NULL;

        if (frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame) != KERN_SUCCESS)
            break;
        KTEST_EXPECT(frame_is_managed(frame_address(frame)));
        frame->owner = first; /* a chain, for want of an array */
        first = frame;
        stamp(frame);
    }
    KTEST_EXPECT(count == 700);
    KTEST_EXPECT(frame_check());
    while (first != NULL) {
        struct frame *frame = first;

        first = frame->owner;
        KTEST_EXPECT(stamped(frame));
        frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
    }
    KTEST_EXPECT(frame_check());
}

KTEST(mem_objects_come_zeroed_and_charged)
{
    struct ledger *ledger = NULL;
    void *object[50] = {NULL};

    if (!KTEST_EXPECT(ledger_create(&kernel_ledger, &ledger) == KERN_SUCCESS))
        return;
    for (unsigned i = 0; i < array_count(object); i++) {
        if (!KTEST_EXPECT(kmem_alloc(&sample_cache, ledger, &object[i]) == KERN_SUCCESS))
            continue;
        struct sample *sample = object[i];
        KTEST_EXPECT(sample->word[0] == 0 && sample->word[12] == 0);
        sample->word[0] = sample->word[12] = i + 1;
    }
    KTEST_EXPECT(ledger_used(ledger, LEDGER_KMEM) ==
                 (int64_t)(array_count(object) * sizeof(struct sample)));
    KTEST_EXPECT(kmem_check());
    for (unsigned i = 0; i < array_count(object); i++) {
        const struct sample *sample = object[i];

        if (sample == NULL)
            continue;
        KTEST_EXPECT(sample->word[0] == i + 1 && sample->word[12] == i + 1);
        kmem_free(&sample_cache, ledger, object[i]);
    }
    ledger_unref(ledger);
    KTEST_EXPECT(kmem_check());
}

static void make_visited(void *object)
{
    ((struct visited *)object)->word[0] = VISITED;
}

static KMEM_CACHE_STABLE(visited_cache, struct visited, next, make_visited);

KTEST(mem_stable_objects_stay_for_a_grace_period)
{
    struct visited *object[50] = {NULL};
    int64_t before = ledger_used(&kernel_ledger, LEDGER_FRAMES);

    for (unsigned i = 0; i < array_count(object); i++) {
        void *memory = NULL;

        if (!KTEST_EXPECT(kmem_alloc(&visited_cache, &kernel_ledger, &memory) == KERN_SUCCESS))
            continue;
        object[i] = memory;
        KTEST_EXPECT(object[i]->word[0] == VISITED && object[i]->word[1] == 0);
        object[i]->word[1] = i;
    }
    int64_t most = ledger_used(&kernel_ledger, LEDGER_FRAMES);
    for (unsigned i = 0; i < array_count(object); i++)
        if (object[i] != NULL)
            kmem_free(&visited_cache, &kernel_ledger, object[i]);
    kmem_drain();
    KTEST_EXPECT(kmem_check() && !grace_idle());
    KTEST_EXPECT(most > before && ledger_used(&kernel_ledger, LEDGER_FRAMES) == most);
    for (unsigned i = 0; i < array_count(object); i++)
        KTEST_EXPECT(object[i] == NULL ||
                     (object[i]->word[0] == VISITED && object[i]->word[1] == i));
    ktest_rest();
    KTEST_EXPECT(kmem_check() && ledger_used(&kernel_ledger, LEDGER_FRAMES) == before);
}

KTEST(mem_limits_hold_up_the_tree)
{
    struct ledger *parent = NULL, *child = NULL;
    struct frame *frame = NULL;

    if (!KTEST_EXPECT(ledger_create(&kernel_ledger, &parent) == KERN_SUCCESS))
        return;
    if (KTEST_EXPECT(ledger_create(parent, &child) == KERN_SUCCESS)) {
        ledger_set_limit(parent, LEDGER_FRAMES, 1);
        KTEST_EXPECT(frame_alloc(child, LEDGER_FRAMES, 1, 0, &frame) == KERN_LIMIT);
        if (KTEST_EXPECT(frame_alloc(child, LEDGER_FRAMES, 0, 0, &frame) == KERN_SUCCESS)) {
            KTEST_EXPECT(ledger_used(parent, LEDGER_FRAMES) == 1);
            frame_free(child, LEDGER_FRAMES, frame);
        }
        ledger_unref(child);
    }
    ledger_unref(parent);
}

KTEST(mem_every_nth_allocation_can_fail)
{
    alloc_fail_nth(0);
    for (unsigned n = 1; n <= 3; n++) {
        struct frame *frame = NULL;
        void *object = NULL;

        alloc_fail_nth(n);
        KTEST_EXPECT((frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame) == KERN_SUCCESS) ==
                     (n != 1));
        KTEST_EXPECT((kmem_alloc(&sample_cache, &kernel_ledger, &object) == KERN_SUCCESS) ==
                     (n != 2));
        KTEST_EXPECT(alloc_fail_nth(0) == 2);
        if (frame != NULL)
            frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
        if (object != NULL)
            kmem_free(&sample_cache, &kernel_ledger, object);
    }
}
