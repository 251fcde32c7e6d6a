/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work item of DMA memory: undoes holds that are going, makes the kernel pay for what sessions have left (kern/device_dma.h: H4), and
 * poisons it in debug builds. One piece of one thing a step.
 */
#include "dma_impl.h"

static work_step_t step;
static struct work release_work = {.runnable = {.link = LIST_INIT(release_work.runnable.link),
                                                .kind = RUNNABLE_WORK,
                                                .priority = PRIORITY_REAP},
                                   .step = step};

struct list dma_queue = LIST_INIT(dma_queue), dma_devices = LIST_INIT(dma_devices);

void dma_work_start(void)
{
    work_start(&release_work);
}

bool device_dma_is_idle(void)
{
    spin_lock(&dma_lock);
    bool idle = list_is_empty(&dma_queue) && list_is_empty(&dma_devices);
    spin_unlock(&dma_lock);
    return idle;
}

/* ---- holds ---- */

static struct dma_memory *memory_of(struct dma_hold *hold)
{
    return container_of(hold, struct dma_memory, hold);
}

enum todo { NOTHING, UNDO, POISON };

/* What the first on the list needs; it leaves the list if that is nothing, or, `done`, if it is what has been done. */
static struct dma_hold *next_hold(enum todo *todo)
{
    spin_lock(&dma_lock);
    struct dma_hold *hold =
        list_is_empty(&dma_queue) ? NULL : list_entry(dma_queue.next, struct dma_hold, link);
    *todo = NOTHING;
    if (hold && hold->users == 0) {
        if (hold->state == DMA_GOING)
            *todo = UNDO;
        else if (hold->kind == DMA_MEMORY && !dma_hold_is_current(hold) &&
                 dma_memory_is_to_be_poisoned(memory_of(hold)))
            *todo = POISON;
    }
    if (hold && *todo == NOTHING) { /* who uses it queues it again */
        list_remove(&hold->link);
        hold->queued = false;
    }
    spin_unlock(&dma_lock);
    return hold;
}

static void undo(struct dma_hold *hold)
{
    bool more = hold->kind == DMA_PIN ? dma_pin_undo(container_of(hold, struct dma_pin, hold))
                                      : dma_memory_undo(memory_of(hold));
    if (more)
        return;
    spin_lock(&dma_lock);
    list_remove(&hold->link);
    spin_unlock(&dma_lock);
    dma_hold_free(hold);
}

/* False: there is none. */
static bool work_on_hold(void)
{
    enum todo todo;
    struct dma_hold *hold = next_hold(&todo);
    if (!hold)
        return false;
    if (todo == UNDO)
        undo(hold);
    else if (todo == POISON)
        (void)dma_memory_poison(memory_of(hold));
    return true;
}

/* ---- what sessions leave ---- */

/* The first hold of a session that has ended which is not charged to the kernel yet, perhaps. The lock is held. */
static struct dma_hold *next_left(struct device_dma *dma)
{
    struct rb_node *node = dma->holds.root, *found = NULL;
    while (node) {
        struct dma_hold *hold = rb_entry(node, struct dma_hold, node);
        bool is_left = hold->key >= dma->moved;
        found = is_left ? node : found;
        node = node->child[!is_left];
    }
    struct dma_hold *hold = found ? rb_entry(found, struct dma_hold, node) : NULL;
    return hold && !dma_hold_is_current(hold) ? hold : NULL;
}

static bool work_on_device(void)
{
    struct dma_hold *hold = NULL;
    spin_lock(&dma_lock);
    struct device_dma *dma =
        list_is_empty(&dma_devices) ? NULL : list_entry(dma_devices.next, struct device_dma, link);
    if (dma)
        hold = next_left(dma);
    if (dma && !hold)
        list_remove(&dma->link);
    if (hold) {
        dma->moved = hold->key + 1;
        if (hold->kind == DMA_MEMORY && hold->users == 0)
            dma_hold_queue(hold); /* perhaps nobody has it */
    }
    spin_unlock(&dma_lock);
    if (hold) /* it stays: all that is of no open session is freed here */
        dma_hold_move_charge(hold);
    else if (dma)
        device_unref(dma_device(dma));
    return dma;
}

static bool step(struct work *work)
{
    return work_on_device() || work_on_hold() || !work_done(work);
}
