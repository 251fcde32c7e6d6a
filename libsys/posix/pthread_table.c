/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which threads there are (pthread_impl.h: P2). A number is a slot's index and, above it, how many threads had the slot before, so
 * that one which is kept too long denotes nobody instead of another thread. Slots are never given back; the free ones are a list.
 */
#include "atfork.h"
#include "pthread_impl.h"
#include <libsys/kernel.h>

enum {
    FIRST_SLOTS = 32,
    CHUNK_SLOTS = 256,
    CHUNKS = PTHREAD_THREADS_MAX / CHUNK_SLOTS,
    INDEX_BITS = 32
};

struct slot {
    struct posix_thread *thread; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* index + 1, 0: none */
};

struct mutex posix_threads;
_Atomic unsigned posix_live = 1;

/* All guarded by posix_threads. The first slots are here: most programs need no more. */
static struct slot first_slots[FIRST_SLOTS];
static struct slot *chunks[CHUNKS];
static uint32_t used;       /* slots that have been used at least once */
static uint32_t first_free; /* index + 1, 0: none */

static struct slot *slot_at(uint32_t index)
{
    if (index < FIRST_SLOTS)
        return &first_slots[index];
    index -= FIRST_SLOTS;
    return &chunks[index / CHUNK_SLOTS][index % CHUNK_SLOTS];
}

/* There are zeroed slots at the index `used`. */
static bool room(void)
{
    if (used < FIRST_SLOTS)
        return true;
    const uint32_t chunk = (used - FIRST_SLOTS) / CHUNK_SLOTS;
    void *memory;

    if (chunk >= CHUNKS)
        return false;
    if (chunks[chunk] == NULL) {
        if (kernel_vm_allocate(CHUNK_SLOTS * sizeof(struct slot), &memory) != KERN_SUCCESS)
            return false;
        chunks[chunk] = memory;
    }
    return true;
}

bool posix_table_add(struct posix_thread *thread)
{
    uint32_t index = first_free - 1;
    struct slot *slot;

    if (first_free != 0) {
        slot = slot_at(index);
        first_free = slot->next_free;
    } else {
        if (!room())
            return false;
        index = used++;
        slot = slot_at(index);
    }
    slot->thread = thread;
    thread->id = (pthread_t)slot->generation << INDEX_BITS | (index + 1);
    return true;
}

void posix_table_remove(struct posix_thread *thread)
{
    const uint32_t index = (uint32_t)thread->id - 1;
    struct slot *slot = slot_at(index);

    slot->thread = NULL;
    slot->generation++;
    slot->next_free = first_free;
    first_free = index + 1;
}

struct posix_thread *posix_table_find(pthread_t id)
{
    const uint32_t index = (uint32_t)id - 1;

    if (index >= used)
        return NULL;
    const struct slot *slot = slot_at(index);
    return slot->generation == id >> INDEX_BITS ? slot->thread : NULL;
}

void posix_table_keep_only(struct posix_thread *self)
{
    for (uint32_t i = 0; i < used; i++) {
        struct posix_thread *thread = slot_at(i)->thread;

        if (thread != NULL && thread != self)
            posix_table_remove(thread);
    }
}

/* ---- fork ---- */

void posix_threads_fork_prepare(void)
{
    (void)posix_self();
    mutex_lock(&posix_threads);
}

void posix_threads_fork_parent(void)
{
    mutex_unlock(&posix_threads);
}

/* The stacks of the others stay: they are the copy's memory as any other that it does not use. */
void posix_threads_fork_child(mach_port_name_t port)
{
    posix_own.port = port;
    posix_table_keep_only(&posix_own);
    posix_live = 1;
    mutex_unlock(&posix_threads);
}
