/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is allocated for a device (kern/device_dma.h: H5): found where it can reach, zeroed and cleaned in pieces, and shown to
 * its driver as a memory object of the kind OBJECT_DMA. In debug builds what is quarantined and mapped by nobody is poisoned; a device
 * that still writes is found out when the frames are given back.
 */
#include "dma_impl.h"
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/kcall.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/log.h>
#include <kern/map.h>
#include <kern/memory_entry.h>
#include <kern/panic.h>
#include <kern/task.h>
#include <kern/thread.h>

enum { SIZE_MAX_PAGES = 1024 }; /* 4 MiB */
static_assert((int)SIZE_MAX_PAGES <= (int)FRAME_SEARCH_MAX);

#define POISON UINT64_C(0xd3a5d3a5d3a5d3a5)

static KMEM_CACHE(memory_cache, struct dma_memory);

uint32_t dma_memory_record_size(void)
{
    return memory_cache.size;
}

void dma_memory_free_record(struct dma_hold *hold, struct ledger *ledger)
{
    kmem_free(&memory_cache, ledger, container_of(hold, struct dma_memory, hold));
}

static void *page_memory(const struct dma_memory *memory, uint64_t page)
{
    return phys_to_virt((paddr_t)(memory->frame + page) << PAGE_SHIFT);
}

/* Nothing of the page is in the caches: it is not the kernel's from here on, or it is, from here on, as the device left it. */
static void leave_caches(const struct dma_memory *memory, uint64_t page)
{
    if (!memory->hold.dma->coherent)
        arch_cache_clean_invalidate(page_memory(memory, page), PAGE_SIZE);
}

/* ---- making ---- */

/* The next piece. KERN_RETRY. */
static kern_return_t fill(struct dma_memory *memory)
{
    struct dma_hold *hold = &memory->hold;
    while (hold->done < hold->pages) {
        arch_zero_page(page_memory(memory, hold->done));
        leave_caches(memory, hold->done);
        hold->done++;
        if (hold->done < hold->pages && arch_irq_pending())
            return KERN_RETRY;
    }
    return KERN_SUCCESS;
}

static kern_return_t make(struct dma_memory *memory)
{
    while (memory->frame == PFN_NONE) {
        kern_return_t kr = frame_search_some(&memory->search, &memory->frame);
        if (kr != KERN_SUCCESS && kr != KERN_RETRY)
            return kr;
        if (arch_irq_pending())
            return KERN_RETRY;
    }
    return fill(memory);
}

/* A right for the driver. What is not referenced any more after that is his to give up. */
static kern_return_t show(struct dma_memory *memory, struct ledger *ledger, struct kright *out)
{
    struct memory_object *object = &memory->object;
    struct map_request request = {.object = object, .pages = memory->hold.pages};
    object->base = (paddr_t)memory->frame << PAGE_SHIFT;
    object->pages = memory->hold.pages;
    kern_return_t kr = memory_entry_create(ledger, &request, PROT_READ | PROT_WRITE, out);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&dma_lock);
    memory->referenced = true;
    spin_unlock(&dma_lock);
    kr = dma_hold_finish(&memory->hold);
    memory_object_unref(object);
    if (kr != KERN_SUCCESS)
        kright_destroy(out); /* quarantined, as if it had been told */
    return kr;
}

static kern_return_t begin(struct device_dma *dma, uint32_t session, const struct thread *self,
                           uint64_t pages, struct dma_memory **out)
{
    void *record;
    struct ledger *ledger = self->task->ledger;
    kern_return_t kr = kmem_alloc(&memory_cache, ledger, &record);
    if (kr != KERN_SUCCESS)
        return kr;
    struct dma_memory *memory = record;
    memory->hold.kind = DMA_MEMORY;
    memory->frame = PFN_NONE;
    list_init(&memory->let_go);
    memory->search = (struct frame_search){.range = dma->range,
                                           .ranges = dma->windows,
                                           .pages = (uint32_t)pages};
    memory->object.kind = OBJECT_DMA;
    memory->object.type = dma->coherent ? MEM_NORMAL : MEM_UNCACHED;
    atomic_init(&memory->object.references, 1);
    kr = dma_hold_begin(&memory->hold, dma, session, ledger, pages, self);
    if (kr != KERN_SUCCESS)
        kmem_free(&memory_cache, ledger, memory);
    else
        *out = memory;
    return kr;
}

/* What this call has been making, or a new one. */
static kern_return_t go_on(const struct kcall *call, struct device_dma *dma, uint32_t session,
                           uint64_t pages, struct dma_memory **out)
{
    uint64_t number = kcall_progress(call, KCALL_TAG_DMA_ALLOCATE);
    bool over = false;
    struct dma_hold *hold =
        number ? dma_hold_find(dma, session, (uint32_t)number, DMA_MEMORY, DMA_MAKING, &over)
               : NULL;
    if (over)
        return KERN_TERMINATED;
    if (hold && hold->maker == call->self && hold->pages == pages) {
        *out = container_of(hold, struct dma_memory, hold);
        return KERN_SUCCESS;
    }
    if (hold)
        dma_hold_put(hold);
    return begin(dma, session, call->self, pages, out);
}

kern_return_t dma_memory_allocate(struct kcall *call, struct device_dma *dma, uint32_t session,
                                  uint64_t size, struct kright *right, uint64_t *bus)
{
    struct dma_memory *memory = NULL;
    uint64_t pages = size >> PAGE_SHIFT, ignored;
    if (size % PAGE_SIZE != 0 || pages == 0 || pages > SIZE_MAX_PAGES)
        return KERN_INVALID_ARGUMENT;
    kern_return_t kr = go_on(call, dma, session, pages, &memory);
    if (kr == KERN_SUCCESS)
        kr = make(memory);
    if (kr == KERN_SUCCESS) {
        *bus = dma_bus(dma, (paddr_t)memory->frame << PAGE_SHIFT, &ignored);
        kr = show(memory, call->self->task->ledger, right);
    }
    uint64_t progress = memory ? dma_number(&memory->hold) : 0;
    if (memory && kr != KERN_SUCCESS && kr != KERN_RETRY && !memory->referenced)
        dma_hold_give_up(&memory->hold); /* the device does not know of it */
    if (memory)
        dma_hold_put(&memory->hold);
    call->self->building = kr == KERN_RETRY;
    return kcall_again(call, KCALL_TAG_DMA_ALLOCATE, progress, kr);
}

/* ---- going ---- */

void device_dma_unreferenced(struct memory_object *object)
{
    struct dma_memory *memory = container_of(object, struct dma_memory, object);
    struct dma_hold *hold = &memory->hold;
    spin_lock(&dma_lock);
    memory->referenced = false;
    if (memory->forgiven)
        hold->state = DMA_GOING;
    else if (dma_hold_is_current(hold))
        list_push_back(&hold->dma->let_go, &memory->let_go);
    if (hold->users == 0)
        dma_hold_queue(hold);
    spin_unlock(&dma_lock);
    dma_work_start();
}

void device_dma_go_on(struct device_dma *dma, uint32_t session)
{
    enum { MOST = 8 };
    bool some = false;
    spin_lock(&dma_lock);
    for (unsigned n = 0; n < MOST && dma_is_current(dma, session); n++) {
        struct list *link = list_pop_front(&dma->let_go);
        struct dma_hold *hold = link ? &list_entry(link, struct dma_memory, let_go)->hold : NULL;
        if (!hold)
            break;
        if (!dma_hold_is_current(hold)) /* it is quarantined */
            continue;
        dma_hold_take_out(hold);
        if (hold->users == 0)
            dma_hold_queue(hold);
        some = true;
    }
    spin_unlock(&dma_lock);
    if (some)
        dma_work_start();
}

/* The page is as it was poisoned. */
static bool is_poison(const uint64_t *word)
{
    uint64_t different = 0;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        different |= word[i] ^ POISON;
    return different == 0;
}

static void check_page(struct dma_memory *memory, uint64_t page)
{
    leave_caches(memory, page);
    if (page >= memory->poisoned || is_poison(page_memory(memory, page)))
        return;
    if (!memory->damaged)
        log_warn(
            "dma: %s has written to %llx after its driver's end, and was then said to be quiet",
            dma_device(memory->hold.dma)->name,
            (unsigned long long)(memory->frame + page) << PAGE_SHIFT);
    memory->damaged = true;
    leave_caches(memory, page);
}

static void free_frames(const struct dma_memory *memory)
{
    pfn_t at = memory->frame, end = at + (pfn_t)memory->hold.pages;
    while (at < end) /* runs: some twenty at most */
        at += frame_free_run_paid(frame_record(at));
}

bool dma_memory_undo(struct dma_memory *memory)
{
    enum { PIECE = 2 };
    if (memory->frame == PFN_NONE)
        return false;
    for (unsigned n = 0; n < PIECE && memory->checked < memory->hold.pages; n++)
        check_page(memory, memory->checked++);
    if (memory->checked < memory->hold.pages)
        return true;
    free_frames(memory);
    return false;
}

bool dma_memory_is_to_be_poisoned(const struct dma_memory *memory)
{
    return CONFIG_SLOW_CHECKS && !memory->referenced && memory->frame != PFN_NONE &&
           memory->poisoned < memory->hold.pages;
}

bool dma_memory_poison(struct dma_memory *memory)
{
    uint64_t *word = page_memory(memory, memory->poisoned);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        word[i] = POISON;
    leave_caches(memory, memory->poisoned);
    return ++memory->poisoned < memory->hold.pages;
}
