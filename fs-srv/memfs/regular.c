/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular files. A mapping is of the memory that read and write use, or of the archive where it lies.
 */
#include "memfs.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

static struct memfs_node *node_of(const struct file_open *open)
{
    return memfs_of(open->node);
}

static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    *got = content_read(&node_of(open)->content, position, to, size);
    return KERN_SUCCESS;
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    struct memfs_node *node = node_of(open);
    const kern_return_t kr = content_write(node->fs, &node->content, position, from, size, written);

    if (kr == KERN_SUCCESS && size != 0)
        memfs_written(node);
    return kr;
}

static uint64_t size_of(struct file_node *node)
{
    return memfs_of(node)->content.size;
}

static kern_return_t resize(struct file_node *node, uint64_t size)
{
    struct memfs_node *n = memfs_of(node);

    content_resize(n->fs, &n->content, size);
    memfs_written(n);
    return KERN_SUCCESS;
}

/* ---- mapping ---- */

/* Pages of the archive that are mapped as they lie; 0: none. Behind the file's end is the next file: only programs may see that. */
static uint64_t pages_in_place(const struct memfs *fs, const struct content *content,
                               uint64_t offset, uint64_t gap, uint32_t protection, bool private)
{
    const uint64_t there = offset < content->base_size ? content->base_size - offset : 0;
    const uint64_t place =
        fs->archive_offset + (uint64_t)(content->base - (const uint8_t *)fs->archive.at);
    const uint64_t last = protection & VM_PROT_EXECUTE ? PAGE - 1 : 0;
    const uint64_t pages = (there + last) / PAGE;

    if (fs->archive_memory == MSG_NULL || there == 0 || place % PAGE != 0)
        return 0;
    if (!private && !(protection & VM_PROT_EXECUTE))
        return 0; /* it could be written later, and this would not show it */
    return pages < gap ? pages : gap;
}

static kern_return_t map_archive(const struct memfs *fs, const struct content *content,
                                 uint64_t offset, uint64_t pages, mach_port_name_t *entry,
                                 uint64_t *entry_offset, uint64_t *mapped)
{
    if (port_mod_refs(program_start_info->task, fs->archive_memory, PORT_RIGHT_SEND, 1) !=
        KERN_SUCCESS)
        return unix_error(ENOMEM);
    *entry = fs->archive_memory;
    *entry_offset =
        fs->archive_offset + (uint64_t)(content->base - (const uint8_t *)fs->archive.at) + offset;
    *mapped = pages * PAGE;
    return KERN_SUCCESS;
}

static uint32_t most_of(const struct file_open *open, uint32_t protection, bool private)
{
    if (private)
        return VM_PROT_READ | VM_PROT_EXECUTE;
    if (protection & VM_PROT_EXECUTE)
        return VM_PROT_READ | VM_PROT_EXECUTE;
    return VM_PROT_READ | (open->flags & FILE_WRITE ? VM_PROT_WRITE : 0u);
}

/* A right to some pages of an extent. The kernel makes one of a whole range only, or splits it; so it is made of all of it, and narrowed. */
static kern_return_t make_entry(const struct extent *extent, uint64_t page, uint64_t pages,
                                uint32_t most, mach_port_name_t *entry)
{
    mach_port_name_t whole;
    kern_return_t kr = vm_make_entry(program_start_info->task, (uintptr_t)extent->at,
                                     (uint64_t)extent->pages * PAGE, most,
                                     pages == extent->pages ? entry : &whole);

    if (kr != KERN_SUCCESS || pages == extent->pages)
        return kr;
    kr = memory_entry_narrow(whole, (page - extent->page) * PAGE, pages * PAGE, most, entry);
    stub_release_right(whole, MSG_MOVE_SEND);
    return kr;
}

static kern_return_t map_memory(const struct file_open *open, uint64_t page, uint64_t pages,
                                uint32_t protection, bool private, mach_port_name_t *entry,
                                uint64_t *mapped)
{
    struct memfs_node *node = node_of(open);
    struct extent extent;

    kern_return_t kr = content_extent(node->fs, &node->content, page, pages, &extent);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!limbo_prepare(node->fs, &node->content))
        return unix_error(ENOSPC);
    const uint64_t behind = extent.page + extent.pages - page;
    if (pages > behind)
        pages = behind;
    const uint8_t *at = extent.at + (page - extent.page) * PAGE;
    kr = protection & VM_PROT_EXECUTE ? vm_maintain(program_start_info->task, (uintptr_t)at,
                                                    pages * PAGE, VM_MAINTENANCE_CODE)
                                      : KERN_SUCCESS;
    if (kr == KERN_SUCCESS)
        kr = make_entry(&extent, page, pages, most_of(open, protection, private), entry);
    if (kr != KERN_SUCCESS)
        return unix_error(ENOMEM);
    *mapped = pages * PAGE;
    return KERN_SUCCESS;
}

/* In pieces: as much as lies together. Behind the last page there is nothing to be mapped. */
static kern_return_t map(struct file_open *open, uint64_t offset, uint64_t length,
                         uint32_t protection, bool private, mach_port_name_t *entry,
                         uint64_t *entry_offset, uint64_t *mapped)
{
    struct memfs_node *node = node_of(open);
    const struct content *content = &node->content;
    const uint64_t page = offset / PAGE, end = (content->size + PAGE - 1) / PAGE;
    uint64_t pages = (length + PAGE - 1) / PAGE, gap;

    if (page >= end)
        return unix_error(ENXIO);
    if (pages > end - page)
        pages = end - page;
    if (!content_has(content, page, pages, &gap)) {
        const uint64_t place = pages_in_place(node->fs, content, offset, gap, protection, private);
        if (place != 0)
            return map_archive(node->fs, content, offset, place, entry, entry_offset, mapped);
        pages = gap;
    }
    *entry_offset = 0;
    return map_memory(open, page, pages, protection, private, entry, mapped);
}

const struct file_node_ops regular_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .read = read,
    .write = write,
    .size = size_of,
    .resize = resize,
    .map = map,
};
