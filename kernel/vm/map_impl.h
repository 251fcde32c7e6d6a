/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that change address spaces share. The MAP lock is held for all of it.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/usercopy.h>
#include <kern/map.h>
#include <kern/task.h>
#include <wharf/if/vm_types.h>

static inline struct map_entry *entry_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct map_entry, node) : NULL;
}

/** Part of the addresses that can be mapped. */
static inline bool is_range(vaddr_t start, uint64_t size)
{
    return size <= USER_VA_END && start <= USER_VA_END - size;
}

/** First entry that ends above va, or NULL. */
struct map_entry *map_above(struct vm_map *map, vaddr_t va);
static inline struct map_entry *map_next(struct map_entry *entry)
{
    return entry_of(rb_next(&entry->node));
}
/** The READY entry that contains va, or NULL. */
static inline struct map_entry *map_at(struct vm_map *map, vaddr_t va)
{
    struct map_entry *entry = map->last;
    if (!entry || va - entry->start >= entry->end - entry->start)
        entry = map_above(map, va);
    if (!entry || entry->start > va || entry->state != ENTRY_READY)
        return NULL;
    map->last = entry;
    return entry;
}

static inline uint64_t entry_pages(const struct map_entry *entry)
{
    return (entry->end - entry->start) >> PAGE_SHIFT;
}
/** Number in the amap, in the object, of the page at va. */
static inline uint64_t amap_page_at(const struct map_entry *entry, vaddr_t va)
{
    return entry->amap_page + ((va - entry->start) >> PAGE_SHIFT);
}
static inline uint64_t object_page_at(const struct map_entry *entry, vaddr_t va)
{
    return entry->object_page + ((va - entry->start) >> PAGE_SHIFT);
}

/** The kernel keeps its hands off what a device does something at. */
static inline bool entry_is_device(const struct map_entry *entry)
{
    return entry->object && memory_object_is_device(entry->object);
}

/** Anonymous pages that all who share the entry see take the place of the object's as soon as they are touched: no page table
 *  tells where the object's are shown. */
static inline bool entry_shows_object(const struct map_entry *entry)
{
    return entry->shared && entry->amap && entry->object;
}

/** A record for an entry, charged to the task (MAP_ENTRIES, KMEM). No lock needed. */
kern_return_t entry_create(struct task *task, struct map_entry **out);
/** One with all that is asked for, but its place: in no map. Errors of map_enter(). No lock needed. */
kern_return_t map_prepare(struct task *task, const struct map_request *request,
                          struct map_entry **out);
/** Find its place, which request->start tells afterwards, and put it there. KERN_NO_SPACE, KERN_TERMINATED. */
kern_return_t map_place(struct vm_map *map, struct map_entry *entry, struct map_request *request);
/** Free an entry that is in no map, with its references. */
void entry_destroy(struct task *task, struct map_entry *entry);
void entry_insert(struct vm_map *map, struct map_entry *entry);
void entry_remove(struct vm_map *map, struct map_entry *entry);

/** Split `entry` so that one begins at va, which is inside it; returns that one. `*spare` is used up. */
struct map_entry *entry_split(struct vm_map *map, struct map_entry *entry, vaddr_t va,
                              struct map_entry **spare);

/** See to it that no entry has va in its midst. Takes the lock. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t map_cut(struct task *task, vaddr_t va);

/** Do something to entries of [*at, end), each split at the range's ends before: `change` does a bounded piece of one and says up
 *  to where it has got (*at), or fails. Takes the lock for each piece; KERN_RETRY if interrupts are waiting. `must_be_there`: a
 *  page without an entry is KERN_INVALID_ADDRESS. */
typedef kern_return_t map_change_t(struct task *task, struct map_entry *entry, vaddr_t *at,
                                   const void *argument);
kern_return_t map_for_range(struct task *task, vaddr_t *at, vaddr_t end, bool must_be_there,
                            map_change_t *change, const void *argument);

/** map_enter(). */
kern_return_t map_enter_locked(struct task *task, struct map_request *request);

/** The access, which is allowed, to a page of an entry without an object that is neither executable nor wired. KERN_BUSY: it is not as
 *  simple as that, and nothing has been done. */
kern_return_t fault_anonymous(struct task *task, struct map_entry *entry, vaddr_t va, bool write);
/** The page at va of an archive's entry is mapped, to pa: so are its neighbours from here on. The MAP lock is held. */
void fault_around(struct task *task, const struct map_entry *entry, vaddr_t va, paddr_t pa,
                  unsigned prot);

/** An amap for an entry that has none. */
kern_return_t entry_make_amap(struct task *task, struct map_entry *entry);
