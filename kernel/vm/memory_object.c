/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects (kern/memory_object.h).
 */
#include <arch/cache.h>
#include <kern/device_dma.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/memory_object.h>
#include <kern/paged_object.h>

static KMEM_CACHE(object_cache, struct memory_object);
static _Atomic bool devices; /* there has been an object of kind OBJECT_DEVICE */

static kern_return_t create(struct ledger *ledger, enum memory_object_kind kind, paddr_t base,
                            uint64_t pages, struct memory_object **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&object_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct memory_object *object = memory;
    atomic_init(&object->references, 1);
    object->kind = (uint8_t)kind;
    object->base = base;
    object->pages = pages;
    ledger_ref(ledger);
    object->ledger = ledger;
    *out = object;
    return KERN_SUCCESS;
}

/* ---- memory that is there already ---- */

static unsigned code_order(uint64_t pages)
{
    unsigned order = 0;
    while (pages > (PAGE_SIZE * 8) << order)
        order++;
    return order;
}

kern_return_t memory_object_create_physical(struct ledger *ledger, paddr_t base, uint64_t pages,
                                            struct memory_object **out)
{
    struct frame *frame;
    kern_return_t kr = create(ledger, OBJECT_PHYSICAL, base, pages, out);
    if (kr == KERN_SUCCESS && code_order(pages) <= FRAME_MAX_ZEROED_ORDER &&
        frame_alloc(ledger, LEDGER_FRAMES, code_order(pages), FRAME_ZEROED, &frame) == KERN_SUCCESS)
        (*out)->code = frame_memory(frame);
    return kr;
}

static void free_code(struct memory_object *object)
{
    if (object->code)
        frame_free(object->ledger, LEDGER_FRAMES, frame_at(virt_to_phys(object->code)));
}

bool memory_object_is_code(const struct memory_object *object, paddr_t pa)
{
    uint64_t page = (pa - object->base) >> PAGE_SHIFT;
    return object->code &&
           atomic_load_explicit(&object->code[page / 64], memory_order_acquire) >> page % 64 & 1;
}

void memory_object_sync_code(struct memory_object *object, paddr_t pa, uint64_t size)
{
    for (paddr_t end = pa + size; pa < end; pa += PAGE_SIZE) {
        uint64_t page = (pa - object->base) >> PAGE_SHIFT;
        if (memory_object_is_code(object, pa))
            continue;
        arch_cache_sync_code(phys_to_virt(pa), PAGE_SIZE);
        if (object->code)
            atomic_fetch_or_explicit(&object->code[page / 64], UINT64_C(1) << page % 64,
                                     memory_order_release);
    }
}

/* ---- others ---- */

kern_return_t memory_object_create_window(struct ledger *ledger, uint64_t pages,
                                          struct memory_object **out)
{
    return create(ledger, OBJECT_WINDOW, 0, pages, out);
}

kern_return_t memory_object_create_device(struct ledger *ledger, paddr_t base, uint64_t pages,
                                          unsigned type, struct memory_object **out)
{
    kern_return_t kr = create(ledger, OBJECT_DEVICE, base, pages, out);
    if (kr != KERN_SUCCESS)
        return kr;
    (*out)->type = (uint8_t)type;
    atomic_store_explicit(&devices, true, memory_order_relaxed);
    return KERN_SUCCESS;
}

bool memory_object_any_device(void)
{
    return atomic_load_explicit(&devices, memory_order_relaxed);
}

void memory_object_unref(struct memory_object *object)
{
    if (object->kind == OBJECT_PAGED) {
        paged_object_unref(paged_of(object));
        return;
    }
    if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) != 1)
        return;
    if (object->kind == OBJECT_DMA) {
        device_dma_unreferenced(object);
        return;
    }
    struct ledger *ledger = object->ledger;
    free_code(object);
    kmem_free(&object_cache, ledger, object);
    ledger_unref(ledger);
}
