/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects (kern/memory_object.h).
 */
#include <kern/device_dma.h>
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

kern_return_t memory_object_create_physical(struct ledger *ledger, paddr_t base, uint64_t pages,
                                            struct memory_object **out)
{
    return create(ledger, OBJECT_PHYSICAL, base, pages, out);
}

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
    kmem_free(&object_cache, ledger, object);
    ledger_unref(ledger);
}
