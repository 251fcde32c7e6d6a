/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name spaces: entries, the tree that finds a port's name, and their life (kern/space.h: N1, N2, N5).
 *
 * The tree is a digital search tree over the bits of a hash of the object's address (a bijection,
 * so that two objects differ in some bit): a node of depth d agrees with its path in d bits. It is
 * at most 64 deep whatever a program does, and needs no balancing.
 */
#include "names.h"
#include <kern/kmem.h>
#include <kern/notify.h>
#include <kern/panic.h>

struct ipc_chunk {
    struct ipc_entry entry[SPACE_CHUNK_ENTRIES];
};
/* Pointers to chunks, once there are more than a space has room for. */
struct ipc_chunk_table {
    struct ipc_entry *_Atomic chunk[SPACE_CHUNKS_MAX];
};

static KMEM_CACHE(space_cache, struct space);
static KMEM_CACHE(chunk_cache, struct ipc_chunk);
static KMEM_CACHE(chunk_table_cache, struct ipc_chunk_table);

/* ---- growth ---- */

static kern_return_t grow_table(struct space *space)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&chunk_table_cache, space->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct ipc_chunk_table *table = memory;
    for (unsigned i = 0; i < SPACE_CHUNKS_INLINE; i++)
        atomic_init(&table->chunk[i], atomic_load(&space->inline_chunks[i]));
    atomic_store_explicit(&space->chunks, table->chunk, memory_order_release);
    return KERN_SUCCESS;
}

void entry_append_free(struct space *space, uint32_t index)
{
    struct ipc_entry *entry = entry_at(space, index);
    entry->urefs = 0;
    if (space->free_last)
        entry_at(space, space->free_last)->urefs = index;
    else
        space->free_first = index;
    space->free_last = index;
    space->free_count++;
}

kern_return_t space_grow(struct space *space)
{
    void *memory;
    uint32_t limit = atomic_load_explicit(&space->limit, memory_order_relaxed);
    uint32_t number = limit / SPACE_CHUNK_ENTRIES;
    kern_return_t kr = KERN_SUCCESS;
    if (number >= SPACE_CHUNKS_MAX)
        return KERN_NO_SPACE;
    if (number == SPACE_CHUNKS_INLINE && relaxed_load(space->chunks) == space->inline_chunks)
        kr = grow_table(space); /* it stays, if there is no chunk then */
    if (kr == KERN_SUCCESS)
        kr = kmem_alloc(&chunk_cache, space->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct ipc_chunk *chunk = memory;
    if (limit == 0)
        space->fresh = 1; /* no name has index 0 */
    atomic_store_explicit(&space->chunks[number], chunk->entry, memory_order_relaxed);
    /* space_peek() finds the chunk when it sees the limit. */
    atomic_store_explicit(&space->limit, limit + SPACE_CHUNK_ENTRIES, memory_order_release);
    return KERN_SUCCESS;
}

kern_return_t space_reserve_locked(struct space *space, unsigned count)
{
    kern_return_t kr = space->dead ? KERN_TERMINATED : KERN_SUCCESS;
    while (kr == KERN_SUCCESS && space_free_count(space) - space->reserved < count)
        kr = space_grow(space);
    if (kr == KERN_SUCCESS)
        space->reserved += count;
    return kr;
}

kern_return_t space_reserve(struct space *space, unsigned count)
{
    spin_lock(&space->lock);
    kern_return_t kr = space_reserve_locked(space, count);
    spin_unlock(&space->lock);
    return kr;
}

void space_unreserve(struct space *space, unsigned count)
{
    spin_lock(&space->lock);
    space->reserved -= count;
    spin_unlock(&space->lock);
}

/* ---- the tree; the lock is held ---- */

static uint64_t hash_of(const struct ipc_object *object)
{
    return (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15); /* odd: a bijection */
}

uint32_t tree_find(struct space *space, const struct ipc_object *object)
{
    struct ipc_entry *_Atomic *chunks = space_chunks(space);
    uint64_t bits = hash_of(object);
    for (uint32_t index = space->root; index; bits <<= 1) {
        struct ipc_entry *entry = entry_in(chunks, index);
        if (entry_object(entry) == object)
            return index;
        index = entry->child[bits >> 63];
    }
    return 0;
}

static void tree_add(struct space *space, uint32_t index, const struct ipc_object *object)
{
    struct ipc_entry *_Atomic *chunks = space_chunks(space);
    uint32_t *link = &space->root;
    for (uint64_t bits = hash_of(object); *link; bits <<= 1)
        link = &entry_in(chunks, *link)->child[bits >> 63];
    *link = index;
}

/* If it is in the tree. Any leaf below the node takes its place: it agrees with the path to the node. */
static void tree_remove(struct space *space, uint32_t index, const struct ipc_object *object)
{
    struct ipc_entry *_Atomic *chunks = space_chunks(space);
    uint32_t *link = &space->root;
    for (uint64_t bits = hash_of(object); *link != index; bits <<= 1) {
        if (*link == 0)
            return;
        link = &entry_in(chunks, *link)->child[bits >> 63];
    }
    struct ipc_entry *entry = entry_in(chunks, index);
    uint32_t *leaf_link = link;
    for (struct ipc_entry *e = entry; e->child[0] || e->child[1]; e = entry_in(chunks, *leaf_link))
        leaf_link = &e->child[e->child[0] == 0];
    uint32_t leaf = *leaf_link;
    *leaf_link = 0;
    if (leaf != index) {
        memcpy(entry_in(chunks, leaf)->child, entry->child, sizeof(entry->child));
        *link = leaf;
    }
    entry->child[0] = entry->child[1] = 0;
}

/* ---- entries; the lock is held ---- */

mach_port_name_t entry_new(struct space *space, struct ipc_object *object, unsigned rights,
                           struct ipc_entry **out)
{
    assert(space->reserved > 0);
    uint32_t index = entry_take_free(space);
    struct ipc_entry *entry = entry_at(space, index);
    space->reserved--;
    space->used++;
    entry->urefs = 0;
    uint32_t generation = entry_next_generation(entry);
    atomic_store_explicit(&entry->object, (uint64_t)(uintptr_t)object, memory_order_relaxed);
    if (rights & (RIGHT_SEND | RIGHT_RECEIVE))
        tree_add(space, index, object);
    /* Seen by space_peek() only together with the object. */
    atomic_store_explicit(&entry->bits, generation << 16 | rights, memory_order_release);
    *out = entry;
    return index << 16 | generation;
}

void entry_place(struct space *space, uint32_t index, struct ipc_object *object, uint32_t bits)
{
    struct ipc_entry *entry = entry_at(space, index);
    assert(index >= space->fresh);
    space->fresh = index + 1; /* who places has to free those left out */
    space->used++;
    atomic_store_explicit(&entry->object, (uint64_t)(uintptr_t)object, memory_order_relaxed);
    atomic_store_explicit(&entry->bits, bits, memory_order_release);
    if (object)
        tree_add(space, index, object);
}

void entry_set_rights(struct ipc_entry *entry, unsigned rights)
{
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_relaxed);
    atomic_store_explicit(&entry->bits, (bits & (0xffff0000u | ENTRY_KERNEL)) | rights,
                          memory_order_relaxed);
}

void entry_forget_object(struct space *space, mach_port_name_t name, struct ipc_entry *entry)
{
    struct ipc_object *object = entry_object(entry);
    if (object && object->kind == IPC_PORT)
        tree_remove(space, name >> 16, object);
    atomic_store_explicit(&entry->object, 0, memory_order_relaxed);
}

void entry_free(struct space *space, mach_port_name_t name, struct ipc_entry *entry,
                struct list *later)
{
    if (entry->request)
        request_cancel(space, entry, later);
    entry_set_rights(entry, 0);
    entry_forget_object(space, name, entry);
    space->used--;
    entry_append_free(space, name >> 16);
}

/* N4: the port behind the name has died. Its references held by the entry are dropped. */
static void turn_dead(struct space *space, mach_port_name_t name, struct ipc_entry *entry)
{
    struct ipc_object *object = entry_object(entry);
    bool once = entry_rights(entry) & RIGHT_SEND_ONCE;
    entry_set_rights(entry, RIGHT_DEAD);
    entry_forget_object(space, name, entry);
    if (once) {
        entry->urefs = 1;
        if (object->kind == IPC_SONCE)
            sonce_free(sonce_of(object));
        else
            reply_destroy_right(reply_of(object)); /* an orphan: frees it */
        return;
    }
    struct port *port = port_of(object);
    spin_lock(&port->lock);
    port->senders--;
    spin_unlock(&port->lock);
    port_unref(port);
}

static bool is_dead(struct ipc_entry *entry)
{
    struct ipc_object *object = entry_object(entry);
    if (!object || !(entry_rights(entry) & (RIGHT_SEND | RIGHT_SEND_ONCE)))
        return false;
    if (object->kind == IPC_REPLY)
        return atomic_load(&reply_of(object)->state) == REPLY_ORPHAN;
    const struct port *port = object->kind == IPC_SONCE ? sonce_of(object)->port : port_of(object);
    return __atomic_load_n(&port->state, __ATOMIC_RELAXED) == PORT_DEAD;
}

struct ipc_entry *space_lookup(struct space *space, mach_port_name_t name)
{
    struct ipc_entry *entry = space_peek(space, name);
    if (!entry || name >> 16 == 0)
        return NULL;
    uint32_t bits = atomic_load_explicit(&entry->bits, memory_order_relaxed);
    if (bits >> 16 != (name & 0xffff) || !(bits & RIGHT_ALL))
        return NULL;
    if (unlikely(is_dead(entry)))
        turn_dead(space, name, entry);
    return entry;
}

/* ---- life ---- */

kern_return_t space_create(struct ledger *ledger, struct space **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&space_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct space *space = memory;
    spin_init(&space->lock, LOCK_SPACE);
    atomic_init(&space->chunks, space->inline_chunks);
    atomic_init(&space->references, 1);
    pager_volume_init(&space->volume);
    ledger_ref(ledger);
    space->ledger = ledger;
    *out = space;
    return KERN_SUCCESS;
}

void space_ref(struct space *space)
{
    atomic_fetch_add_explicit(&space->references, 1, memory_order_relaxed);
}

/* Nobody has a name any more: no index is one, and the chunks go, a few at a time. True: there are more. Who
 * still looks for a name does so under the lock, for the threads that did without are gone. */
static bool free_some_chunks(struct space *space)
{
    enum { BATCH = 6 };
    spin_lock(&space->lock);
    assert(space->used == 0);
    struct ipc_entry *_Atomic *chunks = relaxed_load(space->chunks);
    space->chunks_left += relaxed_load(space->limit) / SPACE_CHUNK_ENTRIES;
    atomic_store_explicit(&space->limit, 0, memory_order_relaxed);
    space->fresh = space->free_count = space->free_first = space->free_last = 0;
    spin_unlock(&space->lock);
    for (unsigned n = 0; n < BATCH && space->chunks_left > 0; n++)
        kmem_free(&chunk_cache, space->ledger, relaxed_load(chunks[--space->chunks_left]));
    if (space->chunks_left > 0)
        return true;
    if (chunks != space->inline_chunks) {
        relaxed_store(space->chunks, space->inline_chunks);
        kmem_free(&chunk_table_cache, space->ledger, chunks);
    }
    return false;
}

void space_unref(struct space *space)
{
    if (atomic_fetch_sub_explicit(&space->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = space->ledger;
    while (free_some_chunks(space)) /* of one that was torn down there is none */
        ;
    kmem_free(&space_cache, ledger, space);
    ledger_unref(ledger);
}

/* Take the rights of one entry out and destroy them. True: a set has members left, come again. */
static bool destroy_entry(struct space *space, uint32_t index)
{
    struct list later = LIST_INIT(later);
    struct kright right[2] = {0};
    spin_lock(&space->lock);
    struct ipc_entry *entry = entry_at(space, index);
    unsigned rights = entry_rights(entry);
    struct ipc_object *object = entry_object(entry);
    if (rights & RIGHT_SET && set_destroy_some(set_of(object))) {
        spin_unlock(&space->lock);
        return true;
    }
    mach_port_name_t name =
        index << 16 | atomic_load_explicit(&entry->bits, memory_order_relaxed) >> 16;
    if (rights & RIGHT_SEND)
        right[0] = (struct kright){object, MSG_MOVE_SEND};
    if (rights & RIGHT_SEND_ONCE)
        right[0] = (struct kright){object, MSG_MOVE_SEND_ONCE};
    if (rights & RIGHT_RECEIVE) {
        right[1] = (struct kright){object, MSG_MOVE_RECEIVE};
        port_leave_space(port_of(object), true);
    }
    if (rights)
        entry_free(space, name, entry, &later);
    spin_unlock(&space->lock);
    if (rights & RIGHT_SET)
        set_unref(set_of(object));
    kright_destroy(&right[1]);
    kright_destroy(&right[0]);
    notify_deliver(&later);
    return false;
}

bool space_destroy_some(struct space *space)
{
    enum { BATCH = 4, LOOK_AT = 128 }; /* rights: about 700 instructions each */
    spin_lock(&space->lock);
    space->dead = true;
    bool reserved = space->reserved > 0;
    if (!reserved)
        space->root = 0; /* N2: nothing comes any more */
    spin_unlock(&space->lock);
    if (reserved) /* somebody is about to insert: within this entry into the kernel */
        return true;
    for (unsigned n = 0, looked = 0; n < BATCH && looked < LOOK_AT; looked++) {
        if (space->teardown >= space->fresh) /* nothing is added any more: constant */
            return n > 0 || free_some_chunks(space);
        if (entry_rights(entry_at(space, space->teardown))) {
            n++;
            if (destroy_entry(space, space->teardown))
                return true;
        }
        space->teardown++;
    }
    return true;
}

bool space_check(struct space *space)
{
    uint32_t limit = atomic_load(&space->limit), used = 0, free = 0;
    bool ok = true;
    spin_lock(&space->lock);
    for (uint32_t i = 1; i < limit; i++) {
        struct ipc_entry *entry = entry_at(space, i);
        unsigned rights = entry_rights(entry);
        struct ipc_object *object = entry_object(entry);
        used += rights != 0;
        if (i >= space->fresh) /* N6 */
            ok = ok && atomic_load(&entry->bits) == 0 && entry->urefs == 0 && !entry->request;
        ok = ok && (rights == 0 || rights == RIGHT_DEAD) == (object == NULL);
        if (rights & (RIGHT_SEND | RIGHT_RECEIVE))
            ok = ok && ((space->dead && !space->root) || tree_find(space, object) == i);
        if (rights & (RIGHT_SEND | RIGHT_DEAD))
            ok = ok && entry->urefs >= 1 && entry->urefs <= SPACE_UREFS_MAX;
    }
    for (uint32_t i = space->free_first; i && free <= limit; i = entry_at(space, i)->urefs) {
        ok = ok && i < space->fresh;
        free++;
    }
    ok = ok && free == space->free_count && used == space->used && space->fresh <= limit &&
         space->reserved <= space_free_count(space) &&
         space_free_count(space) + used + (limit > 0) == limit;
    spin_unlock(&space->lock);
    return ok;
}
