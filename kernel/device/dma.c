/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions, holds and quarantine (kern/device_dma.h). A session ends by one word; that what it left is quarantined follows from the keys
 * of its holds, which have its number.
 */
#include "dma_impl.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/kcall.h>
#include <kern/log.h>
#include <kern/panic.h>

struct spinlock dma_lock = SPINLOCK_INIT(LOCK_DMA);
static _Atomic uint64_t lost_pages;

/* ---- devices ---- */

/* The whole pages of it, below where there can be memory. */
static void add_window(struct device_dma *dma, const struct device_window *window)
{
    const uint64_t most = (UINT64_C(1) << 32) - 1; /* frame numbers */
    uint64_t start = (window->memory >> PAGE_SHIFT) + (window->memory % PAGE_SIZE != 0);
    uint64_t end = (window->memory + (window->size - 1)) >> PAGE_SHIFT; /* the last page's */
    end += (window->memory + window->size) % PAGE_SIZE == 0;
    if (end > most)
        end = most;
    if (start >= end)
        return;
    paddr_t memory = start << PAGE_SHIFT;
    dma->window[dma->windows] =
        (struct device_window){.memory = memory,
                               .bus = window->bus + (memory - window->memory),
                               .size = (end - start) << PAGE_SHIFT};
    dma->range[dma->windows++] = (struct frame_range){(pfn_t)start, (pfn_t)end};
}

void device_dma_init(struct device_dma *dma, const struct device_window *windows, unsigned count,
                     bool coherent)
{
    assert(count <= DEVICE_WINDOWS);
    for (unsigned i = 0; i < count; i++)
        if (windows[i].size > 0)
            add_window(dma, &windows[i]);
    dma->coherent = coherent;
    dma->holds = (struct rb_tree)RB_TREE_INIT;
    list_init(&dma->let_go);
    list_init(&dma->link);
}

uint64_t dma_bus(const struct device_dma *dma, paddr_t pa, uint64_t *size)
{
    uint64_t unreached = UINT64_MAX;
    for (unsigned i = 0; i < dma->windows; i++) {
        const struct device_window *window = &dma->window[i];
        if (pa >= window->memory && pa - window->memory < window->size) {
            *size = window->size - (pa - window->memory);
            return window->bus + (pa - window->memory);
        }
        if (pa < window->memory && window->memory - pa < unreached)
            unreached = window->memory - pa;
    }
    *size = unreached;
    return DMA_NO_BUS;
}

/* ---- sessions ---- */

void device_dma_session_begins(struct device_dma *dma, uint64_t pages)
{
    spin_lock(&dma_lock);
    assert(!dma->open && dma->pages == 0);
    dma->open = true;
    dma->limit = pages;
    dma->number = 0;
    dma->session++;
    spin_unlock(&dma_lock);
}

bool device_dma_session_ended(struct device_dma *dma)
{
    spin_lock(&dma_lock);
    bool queue = dma->open && rb_first(&dma->holds) && !list_is_linked(&dma->link);
    if (dma->open)
        dma->moved = 0;
    dma->open = false;
    dma->quarantined += dma->pages;
    dma->pages = 0;
    if (queue) {
        device_ref(dma_device(dma));
        list_push_back(&dma_devices, &dma->link);
    }
    spin_unlock(&dma_lock);
    if (queue)
        dma_work_start();
    return false;
}

void device_dma_given_up(struct device_dma *dma)
{
    spin_lock(&dma_lock);
    uint64_t pages = dma->quarantined;
    spin_unlock(&dma_lock);
    if (pages == 0)
        return;
    atomic_fetch_add_explicit(&lost_pages, pages, memory_order_relaxed);
    log_warn("dma: %s goes without having been quiesced: %llu pages that it may write to are lost",
             dma_device(dma)->name, (unsigned long long)pages);
}

uint64_t device_dma_lost_pages(void)
{
    return atomic_load_explicit(&lost_pages, memory_order_relaxed);
}

uint64_t device_dma_pages(struct device_dma *dma)
{
    spin_lock(&dma_lock);
    uint64_t pages = dma->pages;
    spin_unlock(&dma_lock);
    return pages;
}

uint32_t device_dma_quarantined(struct device_dma *dma)
{
    spin_lock(&dma_lock);
    uint64_t pages = dma->quarantined;
    spin_unlock(&dma_lock);
    return pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

/* ---- the tree; the lock is held ---- */

static struct dma_hold *hold_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct dma_hold, node) : NULL;
}

static struct dma_hold *find(const struct device_dma *dma, uint64_t key)
{
    struct rb_node *node = dma->holds.root;
    while (node && hold_of(node)->key != key)
        node = node->child[hold_of(node)->key < key];
    return hold_of(node);
}

static void insert(struct device_dma *dma, struct dma_hold *hold)
{
    struct rb_node *parent = NULL, *node = dma->holds.root;
    unsigned side = 0;
    while (node) {
        parent = node;
        side = hold_of(node)->key < hold->key;
        node = node->child[side];
    }
    rb_insert(&dma->holds, &hold->node, parent, side);
}

/* The next one that is not in use: they are more than there can be holds. */
static uint64_t new_key(struct device_dma *dma)
{
    uint64_t key;
    do {
        dma->number += dma->number == UINT32_MAX ? 2 : 1; /* 0 is none */
        key = (uint64_t)dma->session << 32 | dma->number;
    } while (find(dma, key));
    return key;
}

static kern_return_t enter(struct dma_hold *hold, struct device_dma *dma, uint32_t session)
{
    if (!dma_is_current(dma, session))
        return KERN_TERMINATED;
    if (hold->pages > dma->limit || dma->pages > dma->limit - hold->pages)
        return KERN_LIMIT;
    dma->pages += hold->pages;
    hold->key = new_key(dma);
    insert(dma, hold);
    return KERN_SUCCESS;
}

void dma_hold_take_out(struct dma_hold *hold)
{
    struct device_dma *dma = hold->dma;
    *(dma_hold_is_current(hold) ? &dma->pages : &dma->quarantined) -= hold->pages;
    rb_remove(&dma->holds, &hold->node);
    if (hold->kind == DMA_MEMORY)
        list_remove(&container_of(hold, struct dma_memory, hold)->let_go);
    hold->state = DMA_GOING;
}

void dma_hold_queue(struct dma_hold *hold)
{
    if (hold->queued)
        return;
    hold->queued = true;
    list_push_back(&dma_queue, &hold->link);
}

/* ---- holds ---- */

static kern_return_t charge(struct ledger *ledger, enum dma_kind kind, uint64_t pages)
{
    kern_return_t kr = ledger_charge(ledger, LEDGER_WIRED, (int64_t)pages);
    if (kr != KERN_SUCCESS || kind == DMA_PIN)
        return kr;
    kr = ledger_charge(ledger, LEDGER_FRAMES, (int64_t)pages);
    if (kr != KERN_SUCCESS)
        ledger_return(ledger, LEDGER_WIRED, (int64_t)pages);
    return kr;
}

/* What the hold costs beside its record. */
static void discharge(struct ledger *ledger, const struct dma_hold *hold)
{
    ledger_return(ledger, LEDGER_WIRED, (int64_t)hold->pages);
    if (hold->kind == DMA_MEMORY)
        ledger_return(ledger, LEDGER_FRAMES, (int64_t)hold->pages);
}

kern_return_t dma_hold_begin(struct dma_hold *hold, struct device_dma *dma, uint32_t session,
                             struct ledger *ledger, uint64_t pages, const struct thread *maker)
{
    kern_return_t kr = charge(ledger, (enum dma_kind)hold->kind, pages);
    if (kr != KERN_SUCCESS)
        return kr;
    ledger_ref(ledger); /* before it can be found: who moves the charge drops it */
    list_init(&hold->link);
    hold->dma = dma;
    hold->ledger = ledger;
    hold->pages = pages;
    hold->maker = maker;
    hold->users = 1;
    hold->state = DMA_MAKING;
    spin_lock(&dma_lock);
    kr = enter(hold, dma, session);
    if (kr == KERN_SUCCESS)
        device_ref(dma_device(dma));
    spin_unlock(&dma_lock);
    if (kr != KERN_SUCCESS) {
        discharge(ledger, hold);
        ledger_unref(ledger);
    }
    return kr;
}

struct dma_hold *dma_hold_find(struct device_dma *dma, uint32_t session, uint32_t number,
                               enum dma_kind kind, enum dma_state state, bool *over)
{
    spin_lock(&dma_lock);
    *over = !dma_is_current(dma, session);
    struct dma_hold *hold = *over ? NULL : find(dma, (uint64_t)session << 32 | number);
    if (hold && (hold->kind != kind || hold->state != state))
        hold = NULL;
    if (hold)
        hold->users++;
    spin_unlock(&dma_lock);
    return hold;
}

/* Quarantined memory that nobody has. */
static bool is_to_be_poisoned(const struct dma_hold *hold)
{
    return hold->kind == DMA_MEMORY && hold->state != DMA_GOING && !dma_hold_is_current(hold) &&
           dma_memory_is_to_be_poisoned(container_of(hold, struct dma_memory, hold));
}

void dma_hold_put(struct dma_hold *hold)
{
    spin_lock(&dma_lock);
    bool queue = --hold->users == 0 && (hold->state == DMA_GOING || is_to_be_poisoned(hold));
    if (queue)
        dma_hold_queue(hold);
    spin_unlock(&dma_lock);
    if (queue)
        dma_work_start();
}

kern_return_t dma_hold_finish(struct dma_hold *hold)
{
    spin_lock(&dma_lock);
    bool goes_on = dma_hold_is_current(hold);
    if (goes_on)
        hold->state = DMA_READY;
    spin_unlock(&dma_lock);
    return goes_on ? KERN_SUCCESS : KERN_TERMINATED;
}

void dma_hold_give_up(struct dma_hold *hold)
{
    spin_lock(&dma_lock);
    if (hold->state != DMA_GOING) /* quiesced meanwhile */
        dma_hold_take_out(hold);
    spin_unlock(&dma_lock);
}

static uint32_t record_size(const struct dma_hold *hold)
{
    return hold->kind == DMA_PIN ? dma_pin_record_size() : dma_memory_record_size();
}

void dma_hold_move_charge(struct dma_hold *hold)
{
    spin_lock(&dma_lock);
    struct ledger *before = hold->ledger;
    if (before != &kernel_ledger)
        ledger_ref(hold->ledger = &kernel_ledger);
    spin_unlock(&dma_lock);
    if (before == &kernel_ledger)
        return;
    /* The kernel's ledger is above all: it has been charged already. */
    ledger_return_below(before, &kernel_ledger, LEDGER_WIRED, (int64_t)hold->pages);
    if (hold->kind == DMA_MEMORY)
        ledger_return_below(before, &kernel_ledger, LEDGER_FRAMES, (int64_t)hold->pages);
    ledger_return_below(before, &kernel_ledger, LEDGER_KMEM, record_size(hold));
    ledger_unref(before);
}

void dma_hold_free(struct dma_hold *hold)
{
    struct device_dma *dma = hold->dma;
    spin_lock(&dma_lock);
    struct ledger *ledger = hold->ledger;
    spin_unlock(&dma_lock);
    discharge(ledger, hold);
    if (hold->kind == DMA_PIN)
        dma_pin_free_record(hold, ledger);
    else
        dma_memory_free_record(hold, ledger);
    ledger_unref(ledger);
    device_unref(dma_device(dma));
}

/* ---- quiesced ---- */

/* It gets a use, with which it goes when that ends and nobody has it. The lock is held. */
static void forgive(struct dma_hold *hold)
{
    struct dma_memory *memory =
        hold->kind == DMA_MEMORY ? container_of(hold, struct dma_memory, hold) : NULL;
    bool stays = memory && memory->referenced;
    hold->users++;
    dma_hold_take_out(hold);
    if (stays) { /* it is theirs who have it: H2 */
        hold->state = DMA_READY;
        memory->forgiven = true;
    }
}

/* One of them. False: there is none left. */
static bool forgive_one(struct device_dma *dma, uint32_t session, kern_return_t *kr)
{
    spin_lock(&dma_lock);
    struct dma_hold *hold = hold_of(rb_first(&dma->holds));
    bool current = dma_is_current(dma, session), is_old = hold && hold->key >> 32 < session;
    if (current && is_old)
        forgive(hold);
    spin_unlock(&dma_lock);
    *kr = current ? KERN_SUCCESS : KERN_TERMINATED;
    if (!current || !is_old)
        return false;
    dma_hold_move_charge(
        hold); /* the work item, which may not have come to it, does not find it any more: H4 */
    dma_hold_put(hold);
    return true;
}

kern_return_t dma_quiesced(struct kcall *call, struct device_dma *dma, uint32_t session)
{
    kern_return_t kr;
    bool more;
    do
        more = forgive_one(dma, session, &kr);
    while (more && !arch_irq_pending());
    dma_work_start();
    call->restart = more; /* what is done is not found again */
    return more ? KERN_RETRY : kr;
}
