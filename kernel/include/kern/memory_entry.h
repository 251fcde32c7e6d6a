/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights to memory, as objects (interfaces/memory_entry.defs).
 */
#pragma once

#include <kern/ipc_object.h>
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
