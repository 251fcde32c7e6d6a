/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: what map entries map that is not anonymous (D7).
 *
 * OBJECT_PHYSICAL: memory that is there already and is not the frame allocator's - files of the initial archive. It has no
 * frame records and never goes.
 * OBJECT_PAGED: its pages come from, and go back to, a program (kern/paged_object.h).
 * OBJECT_WINDOW: has no page; page tables show there what kernel/vm/frame_window.c puts into them.
 * OBJECT_DEVICE: registers, or memory of a device (kern/device.h). Only page tables of programs show it, by mappings that are shared: the kernel never
 * reads, writes or copies it, for that would do something to the device. A child gets none of it but by VM_INHERIT_SHARE. Once it is
 * dead nobody maps a page of it any more, and a walk over all maps takes away what is mapped (kernel/vm/map_device.c).
 * OBJECT_DMA: memory that was allocated for a device (kern/device_dma.h). It is treated like a device's, but does not die: it is part of another
 * record, and may be mapped by whom its driver gave it to when the driver has ended.
 */
#pragma once

#include <kern/ledger.h>
#include <kern/types.h>
#include <stdatomic.h>

enum memory_object_kind { OBJECT_PHYSICAL, OBJECT_PAGED, OBJECT_WINDOW, OBJECT_DEVICE, OBJECT_DMA };

struct memory_object {
    _Atomic uint32_t references; /* map entries, memory entries, and who is about to make one */
    uint8_t kind;                /* enum memory_object_kind; constant, like all below but */
    uint8_t type;                /* OBJECT_DEVICE, OBJECT_DMA: enum mem_type */
    _Atomic bool dead;           /* OBJECT_DEVICE: set once, before the walk begins */
    uint64_t pages;              /* its size; OBJECT_PAGED: of what was ever mapped, its lock */
    paddr_t base;                /* OBJECT_PHYSICAL, OBJECT_DEVICE, OBJECT_DMA: where */
    struct ledger *ledger; /* pays for this record, and the pages of a paged one; reference held */
    /* OBJECT_PHYSICAL: a bit a page: instruction caches agree with it, for nobody writes to it. Bits are only ever set; NULL: there was no memory
     * for them. */
    _Atomic uint64_t *code;
};

/** KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t memory_object_create_physical(struct ledger *ledger, paddr_t base, uint64_t pages,
                                            struct memory_object **out);
/** The same errors. */
kern_return_t memory_object_create_window(struct ledger *ledger, uint64_t pages,
                                          struct memory_object **out);
/** The same errors. `type`: enum mem_type. */
kern_return_t memory_object_create_device(struct ledger *ledger, paddr_t base, uint64_t pages,
                                          unsigned type, struct memory_object **out);
static inline void memory_object_ref(struct memory_object *object)
{
    atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
}
/** Locks below OBJECT may be held. */
void memory_object_unref(struct memory_object *object);

/** OBJECT_PHYSICAL: is the page at pa as it is executed? */
bool memory_object_is_code(const struct memory_object *object, paddr_t pa);
/** Make it so of the pages from pa on. */
void memory_object_sync_code(struct memory_object *object, paddr_t pa, uint64_t size);

/** Has there ever been device memory that somebody may have mapped? What he stored there may fail when it is long gone, and he. */
bool memory_object_any_device(void);
/** OBJECT_DEVICE, or like one. */
static inline bool memory_object_is_device(const struct memory_object *object)
{
    return object->kind >= OBJECT_DEVICE;
}
/** No page of it is mapped anew: the map is locked by who asks. */
static inline bool memory_object_is_dead(const struct memory_object *object)
{
    return atomic_load_explicit(&object->dead, memory_order_acquire);
}
static inline void memory_object_kill(struct memory_object *object)
{
    atomic_store_explicit(&object->dead, true, memory_order_release);
}

/** Its pages come, and stay as they are, whatever any program does: who gets memory of it from a stranger need not fear
 *  to touch it. */
static inline bool memory_object_is_trusted(const struct memory_object *object)
{
    return object->kind == OBJECT_PHYSICAL;
}
