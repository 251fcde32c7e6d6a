/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of others that a device knows (kern/device_dma.h, kern/pin.h): pinned for its driver, who asks where they are. What is done with
 * a pin is done page by page through its amap, in which pinned pages stay where they are; so a pin costs the same however many they are.
 */
#include "dma_impl.h"
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/amap.h>
#include <kern/kcall.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/memory_entry.h>
#include <kern/paged_object.h>
#include <kern/pin.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/device_types.h>

static KMEM_CACHE(pin_cache, struct dma_pin);

uint32_t dma_pin_record_size(void)
{
    return pin_cache.size;
}

static struct dma_pin *pin_of(struct dma_hold *hold)
{
    return hold ? container_of(hold, struct dma_pin, hold) : NULL;
}

void dma_pin_free_record(struct dma_hold *hold, struct ledger *ledger)
{
    struct dma_pin *pin = pin_of(hold);
    pin_end(pin->amap);
    amap_unref_later(pin->amap);
    kmem_free(&pin_cache, ledger, pin);
}

/* ---- pinning ---- */

/* What is to be pinned. */
struct wanted {
    struct amap *amap;
    uint64_t first, pages;
};

/* The entry's reference is the caller's. */
static kern_return_t look(const struct memory_entry *entry, uint64_t offset, uint64_t size,
                          struct wanted *out)
{
    if (!entry || !entry->amap || entry->object || !(entry->max_prot & PROT_WRITE))
        return KERN_INVALID_CAPABILITY;
    uint64_t whole = entry->pages << PAGE_SHIFT;
    if (offset % PAGE_SIZE != 0 || size % PAGE_SIZE != 0 || size == 0 || size > whole ||
        offset > whole - size)
        return KERN_INVALID_ARGUMENT;
    *out =
        (struct wanted){entry->amap, entry->amap_page + (offset >> PAGE_SHIFT), size >> PAGE_SHIFT};
    return KERN_SUCCESS;
}

static kern_return_t enter(struct device_dma *dma, uint32_t session, const struct thread *self,
                           const struct wanted *wanted, struct dma_pin *pin)
{
    kern_return_t kr = pin_begin(wanted->amap);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = dma_hold_begin(&pin->hold, dma, session, self->task->ledger, wanted->pages, self);
    if (kr != KERN_SUCCESS)
        pin_end(wanted->amap);
    return kr;
}

static kern_return_t begin(struct device_dma *dma, uint32_t session, const struct thread *self,
                           const struct wanted *wanted, struct dma_pin **out)
{
    void *record;
    kern_return_t kr = kmem_alloc(&pin_cache, self->task->ledger, &record);
    if (kr != KERN_SUCCESS)
        return kr;
    struct dma_pin *pin = record;
    pin->hold.kind = DMA_PIN;
    amap_ref(pin->amap = wanted->amap);
    pin->first = wanted->first;
    kr = enter(dma, session, self, wanted, pin);
    if (kr == KERN_SUCCESS) {
        *out = pin;
        return kr;
    }
    amap_unref(pin->amap);
    kmem_free(&pin_cache, self->task->ledger, pin);
    return kr;
}

/* What this call has been pinning, or a new one. */
static kern_return_t go_on(const struct kcall *call, struct device_dma *dma, uint32_t session,
                           const struct wanted *wanted, struct dma_pin **out)
{
    uint64_t number = kcall_progress(call, KCALL_TAG_DMA_PIN);
    bool over = false;
    struct dma_pin *pin = NULL;
    if (number)
        pin = pin_of(dma_hold_find(dma, session, (uint32_t)number, DMA_PIN, DMA_MAKING, &over));
    if (over)
        return KERN_TERMINATED;
    if (pin && pin->hold.maker == call->self && pin->amap == wanted->amap &&
        pin->first == wanted->first && pin->hold.pages == wanted->pages) {
        *out = pin;
        return KERN_SUCCESS;
    }
    if (pin)
        dma_hold_put(&pin->hold);
    return begin(dma, session, call->self, wanted, out);
}

/* The next piece. KERN_RETRY: it is to be repeated, perhaps when the thread has waited for a page. */
static kern_return_t pin_some(struct thread *self, struct dma_pin *pin)
{
    struct dma_hold *hold = &pin->hold;
    while (hold->done < hold->pages) {
        uint64_t page = pin->first + hold->done;
        kern_return_t kr = pin_page(self, pin->amap, page, page << PAGE_SHIFT);
        if (kr != KERN_SUCCESS)
            return kr;
        hold->done++;
        if (hold->done < hold->pages && arch_irq_pending())
            return KERN_RETRY;
    }
    return KERN_SUCCESS;
}

static kern_return_t pin_wanted(struct kcall *call, struct device_dma *dma, uint32_t session,
                                const struct wanted *wanted, uint32_t *out)
{
    struct dma_pin *pin = NULL;
    kern_return_t kr = go_on(call, dma, session, wanted, &pin);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = pin_some(call->self, pin);
    if (kr == KERN_SUCCESS)
        kr = dma_hold_finish(&pin->hold);
    *out = dma_number(&pin->hold);
    if (kr != KERN_SUCCESS && kr != KERN_RETRY)
        dma_hold_give_up(&pin->hold); /* the device does not know of it */
    dma_hold_put(&pin->hold);
    return kr;
}

kern_return_t dma_pin_pages(struct kcall *call, struct device_dma *dma, uint32_t session,
                            const struct kright *memory, uint64_t offset, uint64_t size,
                            uint32_t *pin)
{
    struct thread *self = call->self;
    struct wanted wanted;
    if (self->page.object) /* what it was about to wait for is asked for anew */
        paged_forget(self);
    struct memory_entry *entry = kobj_of_right(memory, KOBJECT_MEMORY_ENTRY);
    kern_return_t kr = look(entry, offset, size, &wanted);
    if (kr == KERN_SUCCESS)
        kr = pin_wanted(call, dma, session, &wanted, pin);
    if (entry)
        memory_entry_unref(entry);
    self->building = kr == KERN_RETRY;
    return kcall_again(call, KCALL_TAG_DMA_PIN, kr == KERN_RETRY ? *pin : 0, kr);
}

/* ---- unpinning ---- */

bool dma_pin_undo(struct dma_pin *pin)
{
    enum { PIECE = 8 };
    struct dma_hold *hold = &pin->hold;
    for (unsigned n = 0; n < PIECE && hold->done > 0; n++)
        unpin_page(pin->amap, pin->first + --hold->done);
    return hold->done > 0;
}

/* The first pages at once; if there are more, the work item does the rest. Nobody else uses it. */
static void unpin(struct dma_pin *pin)
{
    bool more;
    do
        more = dma_pin_undo(pin);
    while (more && !arch_irq_pending());
    if (!more) {
        dma_hold_free(&pin->hold);
        return;
    }
    dma_hold_put(&pin->hold);
}

kern_return_t dma_unpin_pages(struct device_dma *dma, uint32_t session, uint32_t number)
{
    bool over;
    struct dma_hold *hold = dma_hold_find(dma, session, number, DMA_PIN, DMA_READY, &over);
    if (!hold)
        return over ? KERN_TERMINATED : KERN_INVALID_ARGUMENT;
    spin_lock(&dma_lock);
    bool found = dma_hold_is_current(hold) && hold->state == DMA_READY; /* and by no other */
    over = !dma_hold_is_current(hold);
    if (found)
        dma_hold_take_out(hold);
    bool alone = found && hold->users == 1;
    spin_unlock(&dma_lock);
    if (alone)
        unpin(pin_of(hold));
    else
        dma_hold_put(hold);
    return found ? KERN_SUCCESS : over ? KERN_TERMINATED : KERN_INVALID_ARGUMENT;
}

/* ---- where the pages are ---- */

struct telling {
    const struct device_dma *dma;
    struct device_run *runs;
    uint32_t count;
};

/* A piece of memory follows what has been told. False: there is no room for it. */
static bool tell(struct telling *t, uint64_t bus, uint64_t size)
{
    struct device_run *last = t->count ? &t->runs[t->count - 1] : NULL;
    bool goes_on =
        last && (bus == DMA_NO_BUS ? last->bus == bus
                                   : last->bus != DMA_NO_BUS && last->bus + last->length == bus);
    if (goes_on) {
        last->length += size;
        return true;
    }
    if (t->count == DEVICE_RUNS_MAX)
        return false;
    t->runs[t->count++] = (struct device_run){bus, size};
    return true;
}

/* Memory in a row, which the device may reach in part. Returns how much of it has been told. */
static uint64_t tell_row(struct telling *t, paddr_t pa, uint64_t size)
{
    uint64_t told = 0, piece;
    while (told < size) {
        uint64_t bus = dma_bus(t->dma, pa + told, &piece);
        if (piece > size - told)
            piece = size - told;
        if (!tell(t, bus, piece))
            break;
        told += piece;
    }
    return told;
}

static uint64_t tell_runs(struct telling *t, const struct dma_pin *pin, uint64_t offset)
{
    enum { MOST = 32 }; /* pages that are looked at in one go */
    uint64_t page = pin->first + (offset >> PAGE_SHIFT), end = pin->first + pin->hold.pages;
    while (page < end) {
        paddr_t pa;
        uint64_t pages = pin_run(pin->amap, page, end, MOST, &pa);
        uint64_t told = tell_row(t, pa, pages << PAGE_SHIFT) >> PAGE_SHIFT;
        page += told;
        if (told < pages || arch_irq_pending())
            break;
    }
    return (page - pin->first) << PAGE_SHIFT;
}

kern_return_t dma_pin_runs(struct device_dma *dma, uint32_t session, uint32_t number,
                           uint64_t offset, uint64_t *next, struct device_run *runs,
                           uint32_t *count)
{
    bool over;
    struct dma_pin *pin = pin_of(dma_hold_find(dma, session, number, DMA_PIN, DMA_READY, &over));
    if (!pin)
        return over ? KERN_TERMINATED : KERN_INVALID_ARGUMENT;
    struct telling t = {dma, runs, 0};
    kern_return_t kr = KERN_SUCCESS;
    if (offset % PAGE_SIZE != 0 || offset > pin->hold.pages << PAGE_SHIFT)
        kr = KERN_INVALID_ARGUMENT;
    else
        *next = tell_runs(&t, pin, offset);
    *count = t.count;
    dma_hold_put(&pin->hold);
    return kr;
}

/* ---- caches ---- */

static void sync_piece(const struct dma_pin *pin, uint64_t offset, size_t size, uint32_t direction)
{
    paddr_t pa;
    (void)pin_run(pin->amap, pin->first + (offset >> PAGE_SHIFT), UINT64_MAX, 1, &pa);
    const char *memory = (const char *)phys_to_virt(pa) + (offset & PAGE_MASK);
    if (direction == DEVICE_DIRECTION_TO_DEVICE)
        arch_cache_clean(memory, size);
    else /* whatever else is in a line at the ends is written back, not lost */
        arch_cache_clean_invalidate(memory, size);
}

static kern_return_t sync_some(const struct dma_pin *pin, uint64_t offset, uint64_t size,
                               uint32_t direction, uint64_t *done)
{
    while (*done < size) {
        uint64_t at = offset + *done, in_page = PAGE_SIZE - (at & PAGE_MASK);
        uint64_t piece = size - *done < in_page ? size - *done : in_page;
        sync_piece(pin, at, piece, direction);
        *done += piece;
        if (*done < size && arch_irq_pending())
            return KERN_RETRY;
    }
    return KERN_SUCCESS;
}

kern_return_t dma_pin_sync(struct kcall *call, struct device_dma *dma, uint32_t session,
                           uint32_t number, uint64_t offset, uint64_t size, uint32_t direction)
{
    bool over;
    uint64_t done = kcall_progress(call, KCALL_TAG_DMA_SYNC);
    if (direction < DEVICE_DIRECTION_TO_DEVICE || direction > DEVICE_DIRECTION_BOTH)
        return KERN_INVALID_VALUE;
    struct dma_pin *pin = pin_of(dma_hold_find(dma, session, number, DMA_PIN, DMA_READY, &over));
    if (!pin)
        return over ? KERN_TERMINATED : KERN_INVALID_ARGUMENT;
    uint64_t whole = pin->hold.pages << PAGE_SHIFT;
    kern_return_t kr = KERN_SUCCESS;
    if (size > whole || offset > whole - size)
        kr = KERN_INVALID_ARGUMENT;
    else if (!dma->coherent)
        kr = sync_some(pin, offset, size, direction, &done);
    dma_hold_put(&pin->hold);
    return kcall_again(call, KCALL_TAG_DMA_SYNC, done, kr);
}
