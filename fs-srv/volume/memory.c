/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files whose pages are kept: a table of memories, by file. A memory has a port of its own, which ends with it: so no message about an earlier file
 * is taken for one about this.
 */
#include "state.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum {
    BUCKETS = 512,
    ALL_ACCESS = VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE,
};
#define EVICTION_TAKES UINT64_C(2000000000)  /* ns */
#define INIT_TAKES     UINT64_C(10000000000) /* likewise */

static struct memory memories[MEMORIES];
static struct memory *buckets[BUCKETS];
static struct memory *free_memories;
static uint32_t in_use;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

kern_return_t memories_begin(void)
{
    for (uint32_t i = MEMORIES; i-- > 0;) {
        memories[i].index = i;
        memories[i].next = free_memories;
        free_memories = &memories[i];
    }
    return port_allocate(self(), PORT_RIGHT_SET, &disk.set);
}

static struct memory **bucket_of(const struct volume_file *file)
{
    const uint64_t mixed = (uint64_t)(uintptr_t)file * UINT64_C(0x9e3779b97f4a7c15);

    return &buckets[(mixed >> 32) % BUCKETS];
}

struct memory *memory_of(const struct volume_file *file)
{
    struct memory *memory = *bucket_of(file);

    while (memory && memory->file != file)
        memory = memory->next;
    return memory;
}

struct memory *memory_of_port(uint64_t payload)
{
    const uint64_t index = payload ^ MEMORY_PAYLOAD;

    return index < MEMORIES && memories[index].file ? &memories[index] : NULL;
}

struct memory *memory_next(uint32_t *index)
{
    while (*index < MEMORIES) {
        struct memory *memory = &memories[(*index)++];
        if (memory->file)
            return memory;
    }
    return NULL;
}

uint32_t memory_count(void)
{
    return in_use;
}

/* ---- the kernel's object ---- */

static kern_return_t make_port(struct memory *memory)
{
    mach_port_name_t same;

    kern_return_t kr =
        port_construct(self(), MEMORY_PAYLOAD | memory->index, disk.set, &memory->port);
    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(self(), memory->port, memory->port, &same);
    if (kr == KERN_SUCCESS && disk.keeps)
        kr = keep_port(file_server_keep(&disk.server), memory->port);
    return kr;
}

/* S2 */
static void begin_record(const struct memory *memory)
{
    struct state_memory *record = &state->memory[memory->index];

    atomic_store_explicit(&record->inode, memory->inode, memory_order_relaxed);
    record->shared = false;
    atomic_store_explicit(&record->filled, 0, memory_order_relaxed);
    atomic_store_explicit(&record->size, memory->size, memory_order_relaxed);
    atomic_store_explicit(&record->used, 1, memory_order_release);
}

static void end_record(const struct memory *memory)
{
    atomic_store_explicit(&state->memory[memory->index].used, 0, memory_order_release);
}

/* M4: all of it in one entry, of which what is mapped is cut. It is shown for a moment, far from where the heap grows. */
static kern_return_t make_entry(struct memory *memory)
{
    uint64_t at;

    kern_return_t kr = vm_map(self(), ADDRESS_SPAN, MEMORY_SPAN, 0, 0, memory->port, VM_PROT_READ,
                              ALL_ACCESS, VM_INHERIT_NONE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_make_entry(self(), ADDRESS_SPAN, MEMORY_SPAN, ALL_ACCESS, &memory->entry);
    (void)!vm_deallocate(self(), ADDRESS_SPAN, MEMORY_SPAN);
    return kr;
}

/* Of a memory whose end was on its way. */
static int remake_entry(struct memory *memory)
{
    if (make_entry(memory) != KERN_SUCCESS)
        return ENOMEM;
    memory->remade = true;
    return 0;
}

static void drop_entry(struct memory *memory)
{
    if (memory->entry != MSG_NULL)
        stub_release_right(memory->entry, MSG_MOVE_SEND);
    memory->entry = MSG_NULL;
}

/* ---- slots ---- */

static void release(struct memory *memory)
{
    struct memory **link = bucket_of(memory->file);
    const uint32_t index = memory->index;

    memory_cut(memory);
    if (disk.filling == memory)
        disk.filling = NULL;
    end_record(memory);
    while (*link != memory)
        link = &(*link)->next;
    *link = memory->next;
    if (memory->error != 0 && !memory->told)
        disk.lost_error = memory->error;
    if (memory->node) {
        memory->node->memory = NULL;
        if (memory->error != 0)
            memory->node->error = memory->error;
    }
    drop_entry(memory);
    if (memory->control != MSG_NULL)
        stub_release_right(memory->control, MSG_MOVE_SEND);
    if (memory->port != MSG_NULL) {
        if (disk.keeps)
            keep_forget(file_server_keep(&disk.server), memory->port);
        (void)!port_mod_refs(self(), memory->port, PORT_RIGHT_RECEIVE, -1);
        stub_release_right(memory->port, MSG_MOVE_SEND);
    }
    disk.ops->release(disk.volume, memory->file);
    disk.unsynced = true; /* its last name may have gone before */
    *memory = (struct memory){.index = index, .next = free_memories};
    free_memories = memory;
    in_use--;
    pi_condition_broadcast(&disk.changed, &disk.lock);
}

void memory_ended(struct memory *memory)
{
    memory->ended = true;
    if (memory->entry != MSG_NULL)
        return;
    if (memory->remade && make_entry(memory) == KERN_SUCCESS) {
        drop_entry(memory); /* there is another terminate of that life, or there will be of this */
        return;
    }
    memory->over = true;
    memory->restored = false; /* nothing is left of it */
    if (memory->waits == 0)
        release(memory);
    else
        pi_condition_broadcast(&disk.changed, &disk.lock);
}

void memory_wait_begins(struct memory *memory)
{
    memory->waits++;
}

void memory_wait_ends(struct memory *memory)
{
    if (--memory->waits == 0 && memory->over && memory->entry == MSG_NULL)
        release(memory);
}

/* The one that was not used for the longest time; of those that clients may have mapped, whose objects stay, only when there is no other. `unknown`: of those without a node. */
static struct memory *oldest(bool unknown)
{
    struct memory *found = NULL;

    for (uint32_t i = 0; i < MEMORIES; i++) {
        struct memory *m = &memories[i];
        if (!m->file || m->entry == MSG_NULL || m->waits != 0 || (unknown && m->node))
            continue;
        if (!found || m->mapped < found->mapped ||
            (m->mapped == found->mapped && m->used < found->used))
            found = m;
    }
    return found;
}

/* Its pages go back, and then the object. The lock is held, and given up meanwhile. */
static void put_away(struct memory *memory)
{
    memory_wait_begins(memory);
    unlock();
    (void)!flush_memory(memory, false);
    lock();
    windows_drop(memory);
    drop_entry(memory);
    memory_wait_ends(memory);
}

int memory_make_room(void)
{
    enum { MOST = 64 };
    const uint64_t end = kernel_clock_now() + EVICTION_TAKES;

    lock();
    for (unsigned n = 0; n < MOST && !free_memories; n++) {
        struct memory *memory = oldest(false);
        if (!memory)
            break;
        put_away(memory);
    }
    while (!free_memories && pi_condition_wait(&disk.changed, &disk.lock, end) == KERN_SUCCESS)
        continue;
    const int error = free_memories ? 0 : ENFILE;
    unlock();
    return error;
}

bool memory_give_up(void)
{
    const uint64_t end = kernel_clock_now() + EVICTION_TAKES;

    lock();
    const uint32_t before = in_use;
    struct memory *memory = oldest(true);
    if (memory)
        put_away(memory);
    while (memory && in_use >= before &&
           pi_condition_wait(&disk.changed, &disk.lock, end) == KERN_SUCCESS)
        continue;
    const bool fewer = in_use < before;
    unlock();
    return fewer;
}

/* Into the table; the file's hold is the memory's. */
static void enter(struct memory *memory, struct volume_file *file, uint64_t inode, uint64_t size)
{
    struct memory **bucket = bucket_of(file);

    in_use++;
    memory->file = file;
    memory->inode = inode;
    memory->size = size;
    memory->next = *bucket;
    *bucket = memory;
}

static int take(struct disk_node *node, struct memory **out)
{
    struct volume_attributes attributes;
    int error = 0;

    if (!free_memories) {
        unlock();
        error = memory_make_room();
        lock();
    }
    if (error == 0 && !free_memories)
        error = ENFILE;
    if (error == 0)
        error = disk.ops->attributes(disk.volume, node->file, &attributes);
    if (error == 0)
        error = disk.ops->hold(disk.volume, node->file);
    if (error != 0)
        return error;
    struct memory *memory = free_memories;
    free_memories = memory->next;
    enter(memory, node->file, attributes.inode, attributes.size);
    begin_record(memory);
    if (make_port(memory) != KERN_SUCCESS || make_entry(memory) != KERN_SUCCESS) {
        release(memory);
        return ENOMEM;
    }
    *out = memory;
    return 0;
}

/* The node's, if there is one: when what was behind its end before a kill is gone (G3), or `restored` still, for the kernel says nothing. The lock is held, and may be given up meanwhile. */
static struct memory *memory_there(const struct disk_node *node)
{
    struct memory *memory = node->memory ? node->memory : memory_of(node->file);
    const uint64_t end = kernel_clock_now() + INIT_TAKES;

    if (!memory || !memory->restored)
        return memory;
    memory_wait_begins(memory);
    while (memory->restored && pi_condition_wait(&disk.changed, &disk.lock, end) == KERN_SUCCESS)
        continue;
    memory_wait_ends(memory);
    return node->memory ? node->memory : memory_of(node->file);
}

int memory_have(struct disk_node *node, struct memory **out)
{
    struct memory *memory = memory_there(node);
    int error = 0;

    if (!memory)
        error = take(node, &memory);
    else if (memory->restored)
        error = EIO;
    else if (memory->entry == MSG_NULL)
        error = remake_entry(memory);
    if (error != 0)
        return error;
    memory->over = false;
    memory->node = node;
    memory->used = ++disk.uses;
    node->memory = *out = memory;
    return 0;
}

void memory_set_size(struct memory *memory, uint64_t size)
{
    memory->size = size;
    atomic_store_explicit(&state->memory[memory->index].size, size, memory_order_release);
}

void memory_set_filled(struct memory *memory, uint64_t size)
{
    memory->filled = size;
    atomic_store_explicit(&state->memory[memory->index].filled, size, memory_order_release);
}

void memory_cut(struct memory *memory)
{
    struct volume_attributes attributes;

    if (memory->filled == 0 || memory == disk.filling)
        return;
    if (!disk.read_only && disk.ops->attributes(disk.volume, memory->file, &attributes) == 0 &&
        attributes.size > memory_end(memory)) {
        (void)!disk.ops->resize(disk.volume, memory->file, memory_end(memory));
        disk.unsynced = true;
    }
    memory_set_filled(memory, 0);
}

void memory_set_shared(struct memory *memory)
{
    memory->shared = memory->mapped = true;
    state->memory[memory->index].shared = true;
}

void memory_leave(struct memory *memory, bool nameless)
{
    if (memory->node)
        memory->node->memory = NULL;
    memory->node = NULL;
    if (!nameless)
        return;

    windows_drop(memory);
    drop_entry(memory);
}

/* ---- after a kill ---- */

static bool take_slot(struct memory *memory)
{
    struct memory **link = &free_memories;

    while (*link && *link != memory)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = memory->next;
    return true;
}

/* As it was: with the pages that the kernel has of it. What it says of its size is right: it is changed before the volume's where a file gets shorter. */
static int restore(struct memory *memory, mach_port_name_t port)
{
    struct state_memory *record = &state->memory[memory->index];
    struct volume_file *file;
    struct volume_attributes attributes = {0};
    mach_port_name_t same;

    if (!atomic_load(&record->used))
        return ENOENT;
    int error = disk.ops->reopen(disk.volume, atomic_load(&record->inode), &file);
    if (error != 0)
        return error;
    error = disk.ops->attributes(disk.volume, file, &attributes);
    if (error != 0) {
        disk.ops->release(disk.volume, file);
        return error;
    }
    enter(memory, file, atomic_load(&record->inode), atomic_load(&record->size));
    memory->filled = atomic_load(&record->filled);
    memory->port = port;
    memory->shared = memory->mapped = memory->dirty = memory->restored = true;
    const uint64_t end = memory->filled > memory->size ? memory->filled : memory->size;
    if (memory->size > attributes.size)
        disk.promised += memory->size - attributes.size + PAGE;
    else if (end < attributes.size && !disk.read_only)
        (void)!disk.ops->resize(disk.volume, file, end);
    disk.unsynced = true;
    if (port_move_member(self(), port, disk.set) != KERN_SUCCESS ||
        port_insert_made_send(self(), port, port, &same) != KERN_SUCCESS ||
        make_entry(memory) != KERN_SUCCESS)
        release(memory); /* and the port */
    return 0;
}

/* Who maps it finds that it has gone. */
static void refuse_port(mach_port_name_t port)
{
    keep_forget(file_server_keep(&disk.server), port);
    stub_release_right(port, MSG_MOVE_RECEIVE);
}

/* What the kernel has of its pages goes with it. */
static void lose(struct memory *memory, mach_port_name_t port, int error)
{
    const struct state_memory *record = &state->memory[memory->index];

    if (error != ENOENT && error != ESTALE) /* it has ended, or its name has gone */
        print("%s: what was written to file %lu last is lost: error %d\n", disk.ops->format,
              (unsigned long)atomic_load(&record->inode), error);
    memory->next = free_memories;
    free_memories = memory;
    end_record(memory);
    refuse_port(port);
}

void memory_restore(uint64_t payload, mach_port_name_t port)
{
    const uint64_t index = payload ^ MEMORY_PAYLOAD;

    lock();
    if (index >= MEMORIES || !take_slot(&memories[index])) {
        refuse_port(port);
    } else {
        const int error = restore(&memories[index], port);
        if (error != 0)
            lose(&memories[index], port, error);
    }
    unlock();
}

void memories_restored(void)
{
    struct volume_attributes attributes;

    lock();
    for (uint32_t i = 0; i < MEMORIES; i++) {
        struct memory *memory = &memories[i];
        if (!memory->file)
            end_record(memory);
        else if (!memory->node &&
                 disk.ops->attributes(disk.volume, memory->file, &attributes) == 0 &&
                 attributes.links == 0)
            drop_entry(memory); /* who maps it keeps it */
    }
    unlock();
}
