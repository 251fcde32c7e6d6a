/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of name spaces, for the files that change them. The space's lock is held for all of it.
 */
#pragma once

#include "ipc_impl.h"
#include <kern/panic.h>
#include <kern/space.h>
#include <kern/string.h>

/** What an entry denotes as it is read without the space's lock, if it is a port or a set, which its bits say: NULL if the name has become nobody's meanwhile. */
static inline struct port *entry_peek_port(const struct ipc_entry *entry)
{
    struct ipc_object *object = (struct ipc_object *)(uintptr_t)relaxed_load(entry->object);
    return likely(object) ? port_of(object) : NULL;
}
static inline struct port_set *entry_peek_set(const struct ipc_entry *entry)
{
    struct ipc_object *object = (struct ipc_object *)(uintptr_t)relaxed_load(entry->object);
    return likely(object) ? set_of(object) : NULL;
}

/** The chunks, for who looks at several entries. */
static inline struct ipc_entry *_Atomic *space_chunks(struct space *space)
{
    return relaxed_load(space->chunks);
}
static inline struct ipc_entry *entry_in(struct ipc_entry *_Atomic *chunks, uint32_t index)
{
    struct ipc_entry *chunk = relaxed_load(chunks[index / SPACE_CHUNK_ENTRIES]);
    return &chunk[index % SPACE_CHUNK_ENTRIES];
}
static inline struct ipc_entry *entry_at(struct space *space, uint32_t index)
{
    return entry_in(space_chunks(space), index);
}

kern_return_t space_reserve_locked(struct space *space, unsigned count);
/** One chunk of fresh entries more (N6). */
kern_return_t space_grow(struct space *space);
/** Entries that have no right. */
static inline uint32_t space_free_count(struct space *space)
{
    return space->free_count + atomic_load_explicit(&space->limit, memory_order_relaxed) -
           space->fresh;
}
/** The entry, no longer fresh, is free, to be used after all that are free now. */
void entry_append_free(struct space *space, uint32_t index);
/** Fill an entry that is on no list, no fresh one being further back: a send right or dead name. */
void entry_place(struct space *space, uint32_t index, struct ipc_object *object, uint32_t bits);
/** Index of the entry with send or receive rights to the object; 0: none. */
uint32_t tree_find(struct space *space, const struct ipc_object *object);
/** Index of the entry that is used next; N6. There is one. */
static inline uint32_t entry_take_free(struct space *space)
{
    if (space->fresh < atomic_load_explicit(&space->limit, memory_order_relaxed))
        return space->fresh++;
    uint32_t index = space->free_first;
    assert(index != 0);
    space->free_first = entry_at(space, index)->urefs;
    if (!space->free_first)
        space->free_last = 0;
    space->free_count--;
    return index;
}
static inline uint32_t entry_next_generation(struct ipc_entry *entry)
{
    uint32_t bits = relaxed_load(entry->bits);
    uint32_t generation = ((bits >> 16) + 1) & 0xffff;
    return generation == 0 ? 1 : generation;
}
/** A send-once right gets a name, without a reservation. There is an entry that is not promised to anybody. */
static inline mach_port_name_t entry_new_once(struct space *space, struct ipc_object *object)
{
    uint32_t index = entry_take_free(space);
    struct ipc_entry *entry = entry_at(space, index);
    uint32_t generation = entry_next_generation(entry);
    space->used++;
    entry->urefs = 1;
    atomic_store_explicit(&entry->object, (uint64_t)(uintptr_t)object, memory_order_relaxed);
    /* Seen by space_peek() only together with the object. */
    atomic_store_explicit(&entry->bits, generation << 16 | RIGHT_SEND_ONCE, memory_order_release);
    return index << 16 | generation;
}
/** A reserved entry gets these rights; urefs are the caller's to set. Returns its name. */
mach_port_name_t entry_new(struct space *space, struct ipc_object *object, unsigned rights,
                           struct ipc_entry **out);
/* In the bits of an entry whose last right has been taken, between the two steps of taking. */
enum { ENTRY_LIMBO = 32 };

/* In the bits of an entry whose send right is to a kernel object's port, for good. */
enum { ENTRY_KERNEL = 64 };

/** Change the rights; N3 is the caller's. */
void entry_set_rights(struct ipc_entry *entry, unsigned rights);
/** Take one right away; N3 is the caller's. */
static inline void entry_take_right(struct ipc_entry *entry, unsigned right)
{
    unsigned left = entry_rights(entry) & ~right;
    entry_set_rights(entry, left ? left : (unsigned)ENTRY_LIMBO);
}
/** It has no object any more. */
void entry_forget_object(struct space *space, mach_port_name_t name, struct ipc_entry *entry);
/** It has no right any more: its request is answered by port-deleted, its name is free. */
void entry_free(struct space *space, mach_port_name_t name, struct ipc_entry *entry,
                struct list *later);
/** The port's receive right has this name. */
void port_named(struct port *port, struct space *space, mach_port_name_t name);
/** A dead-name or send-possible request at a name; *notify is taken, or null: none; it becomes what was there before. KERN_RETRY: the port has just died. */
kern_return_t request_at_name(struct space *space, mach_port_name_t name, unsigned id,
                              uint32_t sync, struct kright *notify, struct list *later);
/** The entry's request, if it is still the entry's, ends with port-deleted. */
void request_cancel(struct space *space, struct ipc_entry *entry, struct list *later);
/** The port's armed send-possible requests fire, a few at a time; true: there are more. The port's lock is held. */
bool request_fire_possible_locked(struct port *port, struct list *later);
/** A send to this name of `port` has to wait for room: its send-possible request, if there is one, is
 *  armed. The locks of space and port are held. */
void request_arm_locked(struct space *space, mach_port_name_t name, struct port *port);
