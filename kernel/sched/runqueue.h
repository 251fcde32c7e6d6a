/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run queue's inner operations; the queue's lock is held for all of them.
 */
#pragma once

#include <kern/panic.h>
#include <kern/sched_types.h>

/** The most urgent priority by the bitmap, -1 if none. */
static inline int runqueue_find_top(const struct run_queue *q)
{
    for (int word = PRIORITY_COUNT / 64 - 1; word >= 0; word--)
        if (q->bitmap[word])
            return word * 64 + 63 - __builtin_clzll(q->bitmap[word]);
    return -1;
}

/* Not a read-modify-write: only the lock's holder writes. Sequentially consistent:
 * sched_offer_to_idle(). */
static inline void runqueue_count(struct run_queue *q, int change)
{
    uint32_t count = atomic_load_explicit(&q->count, memory_order_relaxed);
    atomic_store(&q->count, count + (uint32_t)change);
}

/* After `cpu` has been set: lock_queue_of() in attributes.c looks at both without this queue's
 * lock. */
static inline void runqueue_note(struct runnable *r, bool queued)
{
    __atomic_store_n(&r->queued, queued, __ATOMIC_RELEASE);
}

static inline void runqueue_insert(struct run_queue *q, struct runnable *r, bool at_front)
{
    unsigned p = r->priority;
    assert_slow(!r->queued);
    if (at_front)
        list_push_front(&q->list[p], &r->link);
    else
        list_push_back(&q->list[p], &r->link);
    q->bitmap[p / 64] |= UINT64_C(1) << (p % 64);
    if ((int)p > q->top)
        relaxed_store(q->top, (int)p); /* read without the lock by its CPU when it hands over */
    runqueue_count(q, 1);
    runqueue_note(r, true);
}

static inline void runqueue_remove(struct run_queue *q, struct runnable *r)
{
    unsigned p = r->priority;
    assert_slow(r->queued);
    list_remove(&r->link);
    if (list_is_empty(&q->list[p])) {
        q->bitmap[p / 64] &= ~(UINT64_C(1) << (p % 64));
        if ((int)p == q->top)
            relaxed_store(q->top, relaxed_load(q->count) == 1 ? -1 : runqueue_find_top(q));
    }
    runqueue_count(q, -1);
    runqueue_note(r, false);
}

static inline struct runnable *runqueue_first(const struct run_queue *q, unsigned priority)
{
    return list_entry(q->list[priority].next, struct runnable, link);
}

/** Round robin: take the first of a list and put `last`, of the same priority, at its end. Neither
 *  the bitmap nor the counts change. The list is not empty. */
static inline struct runnable *runqueue_rotate(struct run_queue *q, struct runnable *last,
                                               unsigned priority)
{
    struct list *list = &q->list[priority];
    struct list *first = list->next;
    list_push_back(list, &last->link);
    list_remove(first);
    struct runnable *r = list_entry(first, struct runnable, link);
    runqueue_note(last, true);
    runqueue_note(r, false);
    return r;
}
