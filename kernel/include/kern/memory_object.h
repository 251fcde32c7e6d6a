/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: what map entries map that is not anonymous (D7).
 *
 * OBJECT_PHYSICAL: memory that is there already and is not the frame allocator's - files of the initial archive. It has no
 * frame records and never goes.
 * OBJECT_PAGED: its pages come from, and go back to, a program (kern/paged_object.h).
 * OBJECT_DMA: memory that a device knows (kern/device_dma.h), never a copy's, and nothing that the kernel looks into.
 * OBJECT_WINDOW: has no page; page tables show there what kernel/vm/frame_window.c puts into them.
 */
#pragma once

#include <kern/ledger.h>
#include <kern/types.h>
#include <stdatomic.h>

enum memory_object_kind { OBJECT_PHYSICAL, OBJECT_PAGED, OBJECT_WINDOW, OBJECT_DMA };

struct memory_object {
    _Atomic uint32_t references; /* map entries, memory entries, and who is about to make one */
    uint8_t kind;                /* enum memory_object_kind; constant, like all below but */
    uint8_t type;                /* enum mem_type */
    uint64_t pages;              /* its size; OBJECT_PAGED: of what was ever mapped, its lock */
    paddr_t base;                /* OBJECT_PHYSICAL, OBJECT_DMA: where */
    struct ledger *ledger; /* pays for this record, and the pages of a paged one; reference held */
};

/** KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t memory_object_create_physical(struct ledger *ledger, paddr_t base, uint64_t pages,
                                            struct memory_object **out);
/** The same errors. */
kern_return_t memory_object_create_window(struct ledger *ledger, uint64_t pages,
                                          struct memory_object **out);
static inline void memory_object_ref(struct memory_object *object)
{
    atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
}
/** Locks below OBJECT may be held. */
void memory_object_unref(struct memory_object *object);

/** Its pages come, and stay as they are, whatever any program does: who gets memory of it from a stranger need not fear
 *  to touch it. */
static inline bool memory_object_is_trusted(const struct memory_object *object)
{
    return object->kind == OBJECT_PHYSICAL;
}

/** It is shared, or not mapped: a copy would not be what it is. */
static inline bool memory_object_is_only_shared(const struct memory_object *object)
{
    return object->kind == OBJECT_DMA;
}
