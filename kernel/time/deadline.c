/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadline queues: a tree a CPU, ordered by time; equal times keep the order in which they were
 * armed.
 *
 * A deadline's `cpu` says which lock guards it, and is itself changed only under that lock: whoever
 * reads it, takes the lock and finds it unchanged has the deadline. Cancelling leaves the alarm as
 * it is: at worst it rings for nothing, which costs less than setting it at every cancel.
 */
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/deadline.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/spinlock.h>
#include <kern/trace.h>

/* Handlers of one run; the rest waits for the next, with interrupts let in between (D1). */
enum {
    RUN_MAX = 16,            /* handlers called in one go */
    PAUSES_A_SECOND = 20000, /* then threads get 50 us */
};

void deadline_cpu_init(struct cpu *cpu)
{
    spin_init(&cpu->timer_lock, LOCK_TIMER);
    cpu->deadlines = (struct deadline_queue){.next = TICKS_NEVER};
}

void deadline_init(struct deadline *deadline, deadline_handler_t *handler)
{
    deadline->handler = handler;
    atomic_init(&deadline->cpu, 0);
}

static struct deadline *first(const struct deadline_queue *queue)
{
    struct rb_node *node = rb_first(&queue->tree);

    return node == NULL ? NULL : rb_entry(node, struct deadline, node);
}

static void note_next(struct deadline_queue *queue)
{
    const struct deadline *next = first(queue);

    atomic_store_explicit(&queue->next, next == NULL ? TICKS_NEVER : next->when,
                          memory_order_relaxed);
}

/* The TIMER lock is held. */
static void insert(struct deadline_queue *queue, struct deadline *deadline)
{
    struct rb_node *parent = NULL, *at = queue->tree.root;
    unsigned side = 0;

    while (at != NULL) {
        parent = at;
        side = deadline->when >= rb_entry(at, struct deadline, node)->when;
        at = at->child[side];
    }
    rb_insert(&queue->tree, &deadline->node, parent, side);
    note_next(queue);
}

/* The TIMER lock is held. */
static void take_out(struct deadline_queue *queue, struct deadline *deadline)
{
    rb_remove(&queue->tree, &deadline->node);
    /* Release: who finds 0 may arm it anew on another CPU at once, without ever taking our lock. */
    atomic_store_explicit(&deadline->cpu, 0, memory_order_release);
    note_next(queue);
}

void deadline_arm(struct deadline *deadline, ticks_t when)
{
    struct cpu *self = arch_cpu_self();
    bool earliest;

    spin_lock(&self->timer_lock);
    assert(atomic_load_explicit(&deadline->cpu, memory_order_acquire) == 0);
    deadline->when = when;
    atomic_store_explicit(&deadline->cpu, self->number + 1, memory_order_relaxed);
    insert(&self->deadlines, deadline);
    earliest = first(&self->deadlines) == deadline;
    spin_unlock(&self->timer_lock);
    if (earliest)
        sched_alarm_update();
}

bool deadline_cancel(struct deadline *deadline)
{
    uint32_t place;

    while ((place = atomic_load_explicit(&deadline->cpu, memory_order_acquire)) != 0) {
        struct cpu *cpu = &cpu_record[place - 1];
        bool found;

        spin_lock(&cpu->timer_lock);
        found = atomic_load_explicit(&deadline->cpu, memory_order_relaxed) == place;
        if (found)
            take_out(&cpu->deadlines, deadline);
        spin_unlock(&cpu->timer_lock);
        if (found)
            return true;
    }
    return false;
}

/* The next deadline that is due, off the queue; NULL if there is none. */
static struct deadline *take_due(struct cpu *self, ticks_t now, deadline_handler_t **handler)
{
    struct deadline *due;

    spin_lock(&self->timer_lock);
    due = first(&self->deadlines);
    if (due != NULL && due->when <= now) {
        *handler = due->handler; /* once it is off the queue it may be armed anew, or gone */
        take_out(&self->deadlines, due);
    } else {
        due = NULL;
    }
    spin_unlock(&self->timer_lock);
    return due;
}

void deadline_run_expired(void)
{
    struct cpu *self = arch_cpu_self();
    ticks_t now = arch_counter();

    unsigned count;

    for (count = 0; count < RUN_MAX; count++) {
        deadline_handler_t *handler;
        struct deadline *due = take_due(self, now, &handler);

        if (due == NULL)
            break;
        trace(TRACE_TIMER, (uintptr_t)due, 0);
        handler(due);
    }
    self->deadlines.pause =
        count == RUN_MAX ? arch_counter() + arch_counter_frequency() / PAUSES_A_SECOND : 0;
    sched_alarm_update();
}

ticks_t deadline_next(void)
{
    const struct deadline_queue *queue = &arch_cpu_self()->deadlines;
    ticks_t next = atomic_load_explicit(&queue->next, memory_order_relaxed);

    return next < queue->pause ? queue->pause : next;
}
