/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of kernel/kobj.
 */
#pragma once

#include <kern/kobj.h>
#include <kern/ledger.h>
#include <kern/map.h>
#include <kern/work.h>
#include <stdatomic.h>

/** A right to memory: what an entry of a map would show (kern/map.h), and how it may be mapped. All constant. */
struct memory_entry {
    _Atomic uint32_t references; /* the port's, and calls in progress */
    struct port *port;
    struct amap *amap; /* references held; NULL: none */
    uint64_t amap_page;
    struct memory_object *object;
    uint64_t object_page;
    uint64_t pages;
    unsigned max_prot;
    struct ledger *ledger; /* pays; reference held */
    struct work ending;    /* B2 */
};

/** A right to a new memory entry for amap, object and pages of `memory`, with references of its own. KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t memory_entry_create(struct ledger *ledger, const struct map_request *memory,
                                  unsigned max_prot, struct kright *out);
void memory_entry_ended(struct memory_entry *entry);
void memory_entry_unref(struct memory_entry *entry);

/** A new timer, which `ledger` pays for. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t timer_create(struct ledger *ledger, struct kright *out);
void timer_ended(struct timer *timer);
void timer_ref(struct timer *timer);
void timer_unref(struct timer *timer);

/** Protections a mapping can have, and those that can be its most. */
bool vm_is_protection(uint32_t prot);
bool vm_is_maximum(uint32_t prot);
/** A range of whole pages: *size is rounded up. KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS. */
kern_return_t vm_check_range(uint64_t address, uint64_t *size);
