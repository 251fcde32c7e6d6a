/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular files: bytes are copied from and to the pages that everybody sees (M1).
 *
 * R1 A write goes to pages, and to the card later; so that there is room for it then, what is promised in this way is counted (disk.promised): all that was written since
 *    all pages came back, for there may be holes anywhere. When it comes near to what is free they are made to come back; and when that is no help a write goes to the volume
 *    first, and is told that there is no room.
 * R2 A file gets longer when all that is written behind its end is there, and shorter before anything of it goes: what an instance that is killed leaves is never more
 *    than the size says, and a size says that the bytes are there.
 * R3 Where the format has no holes, the volume's file is filled first, and is longer than its size meanwhile (memory.filled). Who is killed in that has a successor that goes
 *    on with it; what nobody asks for any more is cut off (memory_cut()).
 * R4 The first bytes of a short file that has no memory go to the volume at once, if that gathers them with those of other files: until somebody looks, it needs none.
 */
#include "server.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/vm.h>

/* SPARE, and as much again as was promised: room that a format may need for itself while it writes that. */
enum { SPARE = 1024 * 1024, STEP = 128 * 1024, SHORT = 16 * 1024 };

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static kern_return_t opened(struct file_open *open)
{
    if (disk.read_only && open->flags & FILE_WRITE)
        return unix_error(EROFS);
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

/* R1: what the bytes may need as the volume allocates it, and whether that is there. The lock is held. */
static bool is_room_for(uint64_t position, uint32_t size, uint64_t *more)
{
    const uint64_t unit = disk.unit, first = position / unit;
    struct volume_space space;

    *more = ((position + size + unit - 1) / unit - first) * unit;
    if (disk.ops->space(disk.volume, &space) != 0)
        return true; /* who writes will be told */
    return space.free * space.block_size >= 2 * (disk.promised + *more) + SPARE;
}

/* SHORT bytes of what a client has sent, which may have pages that cannot be had, or not for long: without the lock. */
static char piece[SHORT];

/* To the volume, which says how much there is room for: *size. */
static int write_through(struct memory *memory, uint64_t position, const void *from, uint32_t *size)
{
    size_t part, written, done = 0;
    int error = 0;

    do {
        part = *size - done < SHORT ? *size - done : SHORT;
        written = 0;
        error = window_fetch((const char *)from + done, part, piece);
        lock();
        if (disk.ops->gather)
            (void)disk.ops->gather(disk.volume, false);
        if (error == 0)
            error = disk.ops->write(disk.volume, memory->file, 0, position + done, piece, part,
                                    &written);
        disk.unsynced = true;
        unlock();
        done += written;
    } while (error == 0 && written == part && done < *size);
    *size = (uint32_t)done;
    return done > 0 ? 0 : error;
}

/* What is promised is written to the volume, if anything is: then there may be room for bytes from `position` on. The lock is held, and given up meanwhile. */
static bool make_room(struct memory *memory, uint64_t position, uint32_t size, uint64_t *more)
{
    if (disk.promised == 0)
        return false;
    memory_wait_begins(memory);
    unlock();
    (void)!flush_all(false);
    lock();
    memory_wait_ends(memory); /* it has an entry: it is there */
    return is_room_for(position, size, more);
}

/* Room for bytes from `position` on; else *size is what has been written already. The lock is held, and given up meanwhile. */
static int find_room(struct memory *memory, uint64_t position, const void *from, uint32_t *size)
{
    uint64_t more;

    if (!is_room_for(position, *size, &more) && !make_room(memory, position, *size, &more)) {
        unlock();
        const int error = write_through(memory, position, from, size);
        lock();
        return error;
    }
    disk.promising = more;
    return 0;
}

/* Where a file has to end. The lock is held. */
static uint64_t limit_of(const struct disk_node *node)
{
    const uint64_t limit = disk.ops->size_limit(disk.volume, node->file);

    return limit < MEMORY_SPAN ? limit : MEMORY_SPAN;
}

/* R3. The memory has the size from before, and what is in vain is cut by it. Without the lock. */
static int begin_fill(struct disk_node *node, uint64_t size)
{
    struct memory *memory;

    lock();
    const int error = memory_have(node, &memory);
    if (error == 0) {
        disk.filling = memory;
        memory_set_filled(memory, size);
    }
    unlock();
    return error;
}

/* The size says so, or nobody wants it any more. The lock is held. */
static void end_fill(void)
{
    struct memory *memory = disk.filling;

    disk.filling = NULL;
    if (memory)
        memory_cut(memory);
}

/* A format without holes fills what lies between: in steps, so that nobody waits for all of it. Without the lock. */
static int fill_up_to(struct disk_node *node, uint64_t size)
{
    struct volume_attributes attributes = {0};
    int error = begin_fill(node, size);

    if (error != 0)
        return error;
    do {
        lock();
        error = disk.ops->attributes(disk.volume, node->file, &attributes);
        if (error == 0 && size > limit_of(node))
            error = EFBIG;
        if (error == 0 && attributes.size < size) {
            const uint64_t next = attributes.size + STEP < size ? attributes.size + STEP : size;
            error = disk.ops->resize(disk.volume, node->file, next);
            disk.unsynced = true;
        }
        if (error != 0)
            end_fill();
        unlock();
    } while (error == 0 && attributes.size < size);
    return error;
}

/* Behind the end of the last page there may be what somebody wrote to a mapping. */
static int clear_behind(struct memory *memory, uint64_t end, uint64_t upto)
{
    const uint64_t stop = page_up(end) < upto ? page_up(end) : upto;

    return memory->shared && stop > end ? window_clear(memory, end, (size_t)(stop - end)) : 0;
}

/* The lock is held, and given up meanwhile. */
static int begin_write(struct disk_node *node, uint64_t position, const void *from, uint32_t *size,
                       struct memory **out)
{
    const uint64_t limit = limit_of(node);

    if (position >= limit)
        return EFBIG;
    if (*size > limit - position)
        *size = (uint32_t)(limit - position);
    if (*disk.ops->problem(disk.volume) != '\0')
        return EROFS;
    const int error = memory_have(node, out);
    return error == 0 ? find_room(*out, position, from, size) : error;
}

/* R2: what could be copied counts, and no more. R1: who flushes from here on finds its pages. The lock is held. */
static void end_write(struct memory *memory, uint64_t end)
{
    disk.promised += disk.promising;
    disk.promising = 0;
    memory->writing = 0;
    memory->dirty = true; /* somebody may have looked at it in between */
    memory->modified = disk.ops->now(disk.volume);
    if (end > memory->size)
        memory_set_size(memory, end);
}

/* R4, as far as it costs nothing to know. The lock is held. */
static bool may_be_first(const struct disk_node *node, uint64_t position, uint32_t size)
{
    return disk.ops->gather && position == 0 && size <= SHORT && !node->memory;
}

/* R4. The lock is held. */
static bool is_first(const struct disk_node *node, uint64_t position, uint32_t size)
{
    struct volume_attributes attributes;
    uint64_t more;

    return may_be_first(node, position, size) && !memory_of(node->file) &&
           *disk.ops->problem(disk.volume) == '\0' &&
           disk.ops->attributes(disk.volume, node->file, &attributes) == 0 &&
           attributes.size == 0 && is_room_for(0, size, &more) &&
           disk.ops->gather(disk.volume, true);
}

/* R4. False: it has to go another way. */
static bool write_first(struct disk_node *node, uint64_t position, const void *from, uint32_t size,
                        size_t *done, int *error)
{
    lock();
    bool goes = may_be_first(node, position, size);
    unlock();
    *error = goes ? window_fetch(from, size, piece) : 0;
    if (!goes || *error != 0) /* another way would not have the bytes either */
        return goes;
    lock();
    goes = is_first(node, position, size);
    if (goes)
        *error = disk.ops->write(disk.volume, node->file, 0, 0, piece, size, done);
    disk.unsynced |= goes;
    unlock();
    return goes;
}

static kern_return_t written_to(struct file_open *open, size_t done, int error, uint32_t *written)
{
    if (done == 0)
        return answer_of(error);
    *written = (uint32_t)done;
    return open->flags & FILE_SYNC ? regular_ops.sync(open->node, false) : KERN_SUCCESS;
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    struct disk_node *node = disk_of(open->node);
    struct memory *memory = NULL;
    size_t done = 0;
    int error;

    *written = 0;
    if (size == 0)
        return KERN_SUCCESS;
    if (write_first(node, position, from, size, &done, &error))
        return written_to(open, done, error, written);
    if (disk.ops->fills && position > size_of(open->node)) {
        error = fill_up_to(node, position);
        if (error != 0)
            return answer_of(error);
    }
    lock();
    error = begin_write(node, position, from, &size, &memory);
    uint64_t before = 0;
    if (error == 0) {
        before = memory->size;
        memory->writing = position + size;
    } else {
        end_fill();
    }
    unlock();
    if (error != 0)
        return answer_of(error);
    if (position > before)
        error = clear_behind(memory, before, position);
    if (error == 0)
        error = window_write(memory, position, from, size, &done);
    lock();
    end_write(memory, done != 0 ? position + done : 0);
    end_fill();
    unlock();
    return written_to(open, done, error, written);
}

/* ---- size ---- */

/* R2. The lock is held. */
static int resize_both(struct disk_node *node, struct memory *memory, uint64_t size,
                       uint64_t *before)
{
    if (memory) {
        memory_cut(memory);
        *before = memory->size;
    }
    if (memory && size < *before)
        memory_set_size(memory, size);
    const int error = disk.ops->resize(disk.volume, node->file, size);
    disk.unsynced = true;
    if (memory && error != 0)
        memory_set_size(memory, *before);
    else if (memory) {
        memory_set_size(memory, size);
        memory->modified = 0;
    }
    return error;
}

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
    if (disk.ops->fills && size > size_of(file_node))
        error = fill_up_to(node, size);
    lock();
    if (error == 0 && (node->memory || memory_of(node->file)))
        error = memory_have(node, &memory);
    if (error == 0)
        error = resize_both(node, memory, size, &before);
    end_fill();
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
    if (memory)
        memory_wait_begins(memory);
    unlock();
    if (memory)
        error = flush_memory(memory, true);
    lock();
    if (error == 0)
        error = node->error;
    node->error = 0;
    if (error == 0 && disk.unsynced && !disk.read_only)
        error = flush_volume(false);
    if (error == 0) {
        error = memory && memory->error != 0 ? memory->error : node->error; /* of what was kept */
        node->error = 0;
        if (memory)
            memory->error = 0;
    }
    if (memory)
        memory_wait_ends(memory);
    unlock();
    return answer_of(error);
}

/* ---- mapping ---- */

static uint32_t most_of(const struct file_open *open, uint32_t protection, bool private)
{
    if (protection == 0)
        return VM_PROT_READ;
    if (private || protection & VM_PROT_EXECUTE)
        return VM_PROT_READ | VM_PROT_EXECUTE;
    return VM_PROT_READ | (open->flags & FILE_WRITE && !disk.read_only ? VM_PROT_WRITE : 0u);
}

/* What read() copies from, which is closed before the file is (libsys/posix/file_views.c): not what a program maps, also for itself alone, and keeps when it closes the file. */
static bool is_for_reads(uint32_t protection, bool private)
{
    return protection == 0 && !private;
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
        memory->mapped |= !is_for_reads(protection, private);
        if (most & VM_PROT_WRITE)
            memory_set_shared(memory);
    }
    unlock();
    if (error != 0)
        return answer_of(error);
    if (offset >= end)
        return unix_error(ENXIO);
    *mapped = page_up(length) < end - offset ? page_up(length) : end - offset;
    *entry_offset = 0;

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
    .maps_content = true,
};
