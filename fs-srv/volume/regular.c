/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular files: bytes are copied from and to the pages that everybody sees (M1).
 *
 * R1 A write goes to pages, and to the card later; so that there is room for it then, what is promised in this way is counted (disk.promised), and when it comes near to
 *    what is free a write goes to the volume first, and is told that there is no room.
 */
#include "server.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/vm.h>

/* Bytes of room that a format may need for itself while it writes what was promised. */
enum { SPARE = 1024 * 1024 };

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static kern_return_t opened(struct file_open *open)
{
    disk_of(open->node)->opens++;
    return KERN_SUCCESS;
}

static void closed(struct file_open *open)
{
    disk_of(open->node)->opens--;
}

static uint64_t size_of(struct file_node *file_node)
{
    const struct disk_node *node = disk_of(file_node);
    struct volume_attributes attributes;
    uint64_t size = 0;

    lock();
    if (node->memory)
        size = node->memory->size;
    else if (disk.ops->attributes(disk.volume, node->file, &attributes) == 0)
        size = attributes.size;
    unlock();
    return size;
}

static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    struct memory *memory;
    uint64_t there = 0;

    lock();
    int error = memory_have(disk_of(open->node), &memory);
    if (error == 0)
        there = memory->size;
    unlock();
    *got = 0;
    if (error != 0 || position >= there || size == 0)
        return answer_of(error);
    if (size > there - position)
        size = (uint32_t)(there - position);
    error = window_read(memory, position, to, size);
    if (error == 0)
        *got = size;
    return answer_of(error);
}

/* ---- writing ---- */

/* R1. The lock is held. */
static bool is_room_for(uint64_t bytes)
{
    struct volume_space space;

    if (disk.ops->space(disk.volume, &space) != 0)
        return true; /* who writes will be told */
    return space.free * space.block_size >= disk.promised + bytes + SPARE;
}

/* What the pages from `from` on to `to` may need. */
static uint64_t growth(uint64_t from, uint64_t to)
{
    return to > from ? page_up(to) - (from & ~(uint64_t)(PAGE - 1)) : 0;
}

/* To the volume, which says how much there is room for: *size. */
static int write_through(struct memory *memory, uint64_t position, const void *from, uint32_t *size)
{
    size_t written = 0;
    int error;

    lock();
    error = disk.ops->write(disk.volume, memory->file, position, from, *size, &written);
    disk.unsynced = true;
    unlock();
    *size = (uint32_t)written;
    return written > 0 ? 0 : error;
}

/* Room for bytes from `position` on; else *size is what has been written already. The lock is held, and given up meanwhile. */
static int find_room(struct memory *memory, uint64_t position, const void *from, uint32_t *size)
{
    const uint64_t more = growth(memory->size, position + *size);
    int error = 0;

    if (more == 0 || is_room_for(more)) {
        disk.promised += more;
        return 0;
    }
    unlock();
    error = flush_all();
    lock();
    if (error == 0 && is_room_for(more)) {
        disk.promised += more;
        return 0;
    }
    unlock();
    error = write_through(memory, position, from, size);
    lock();
    return error;
}

/* Behind the end of the last page there may be what somebody wrote to a mapping. */
static int clear_behind(struct memory *memory, uint64_t end, uint64_t upto)
{
    const uint64_t stop = page_up(end) < upto ? page_up(end) : upto;

    return memory->shared && stop > end ? window_clear(memory, end, (size_t)(stop - end)) : 0;
}

static int begin_write(struct disk_node *node, uint64_t position, const void *from, uint32_t *size,
                       struct memory **out, uint64_t *before)
{
    struct memory *memory;
    const uint64_t limit = disk.ops->size_limit(disk.volume, node->file);

    if (position >= limit || position >= MEMORY_SPAN)
        return EFBIG;
    if (*size > limit - position)
        *size = (uint32_t)(limit - position);
    if (*size > MEMORY_SPAN - position)
        *size = (uint32_t)(MEMORY_SPAN - position);
    int error = memory_have(node, &memory);
    if (error == 0)
        error = find_room(memory, position, from, size);
    if (error != 0)
        return error;
    *out = memory;
    *before = memory->size;
    return 0;
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    struct disk_node *node = disk_of(open->node);
    struct memory *memory = NULL;
    uint64_t before = 0;

    *written = 0;
    if (disk.read_only)
        return unix_error(EROFS);
    if (size == 0)
        return KERN_SUCCESS;
    lock();
    int error = begin_write(node, position, from, &size, &memory, &before);
    if (error == 0) {
        if (position + size > memory->size)
            memory_set_size(memory, position + size);
        memory->dirty = true;
        memory->modified = file_server_time();
    }
    unlock();
    if (error == 0 && position > before)
        error = clear_behind(memory, before, position);
    if (error == 0)
        error = window_write(memory, position, from, size);
    if (error == 0)
        *written = size;
    if (error == 0 && open->flags & FILE_SYNC)
        return regular_ops.sync(open->node, false);
    return answer_of(error);
}

/* ---- size ---- */

static kern_return_t resize(struct file_node *file_node, uint64_t size)
{
    struct disk_node *node = disk_of(file_node);
    struct memory *memory = NULL;
    uint64_t before = 0;
    int error = 0;

    if (disk.read_only)
        return unix_error(EROFS);
    if (size > MEMORY_SPAN)
        return unix_error(EFBIG);
    lock();
    if (node->memory || memory_of(node->file))
        error = memory_have(node, &memory);
    if (error == 0)
        error = disk.ops->resize(disk.volume, node->file, size);
    disk.unsynced = true;
    if (error == 0 && memory) {
        before = memory->size;
        memory_set_size(memory, size);
        memory->modified = 0;
    }
    unlock();
    if (error != 0 || !memory)
        return answer_of(error);
    if (size < before) {
        flush_forget(memory, page_up(size));
        if (size % PAGE != 0)
            error = window_clear(memory, size, (size_t)(page_up(size) - size));
    } else if (size > before) {
        error = clear_behind(memory, before, size);
    }
    return answer_of(error);
}

static kern_return_t sync(struct file_node *file_node, bool data_only)
{
    struct disk_node *node = disk_of(file_node);
    struct memory *memory;
    int error = 0;

    (void)data_only;
    lock();
    memory = node->memory ? node->memory : memory_of(node->file);
    unlock();
    if (memory)
        error = flush_memory(memory);
    lock();
    if (error == 0 && disk.unsynced) {
        error = disk.ops->sync(disk.volume);
        disk.unsynced = error != 0;
    }
    unlock();
    return answer_of(error);
}

/* ---- mapping ---- */

static uint32_t most_of(const struct file_open *open, uint32_t protection, bool private)
{
    if (private || protection & VM_PROT_EXECUTE)
        return VM_PROT_READ | VM_PROT_EXECUTE;
    return VM_PROT_READ | (open->flags & FILE_WRITE ? VM_PROT_WRITE : 0u);
}

static kern_return_t map(struct file_open *open, uint64_t offset, uint64_t length,
                         uint32_t protection, bool private, mach_port_name_t *entry,
                         uint64_t *entry_offset, uint64_t *mapped)
{
    const uint32_t most = most_of(open, protection, private);
    struct memory *memory;

    lock();
    const int error = memory_have(disk_of(open->node), &memory);
    const uint64_t end = error == 0 ? page_up(memory->size) : 0;
    if (error == 0 && offset < end) {
        if (most & VM_PROT_WRITE && !disk.read_only)
            memory_set_shared(memory);
        memory->code |= (most & VM_PROT_EXECUTE) != 0;
    }
    unlock();
    if (error != 0)
        return answer_of(error);
    if (offset >= end)
        return unix_error(ENXIO);
    *mapped = page_up(length) < end - offset ? page_up(length) : end - offset;
    *entry_offset = 0;
    if (protection & VM_PROT_EXECUTE)
        window_make_code(memory, offset, (size_t)*mapped);
    const kern_return_t kr = memory_entry_narrow(memory->entry, offset, *mapped, most, entry);
    return kr == KERN_SUCCESS ? kr : unix_error(ENOMEM);
}

const struct file_node_ops regular_ops = {
    .attributes = node_attributes,
    .set_attributes = node_set_attributes,
    .unused = node_unused,
    .sync = sync,
    .get_system = node_get_system,
    .opened = opened,
    .closed = closed,
    .read = read,
    .write = write,
    .size = size_of,
    .resize = resize,
    .map = map,
};
