/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading, writing, seeking and mapping.
 *
 * D1 An offset is 0 to INT64_MAX, and so is the end of what is read or written.
 */
#include "lasting.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096 };

/* At the open's own offset. */
static bool is_own(const struct file_open *open, int64_t position)
{
    return open->node->seekable && position < 0;
}

/* Where to begin. EBADF: not opened for `wanted`. */
static kern_return_t begin(const struct file_open *open, uint32_t wanted, int64_t position,
                           uint64_t *at)
{
    if (!open || !(open->flags & wanted))
        return unix_error(EBADF);
    if (open->node->kind == FILE_KIND_FOLDER)
        return unix_error(EISDIR);
    if (!open->node->seekable) {
        *at = 0;
        return position < 0 ? KERN_SUCCESS : unix_error(ESPIPE);
    }
    *at = position < 0 ? open->offset : (uint64_t)position;
    return KERN_SUCCESS;
}

/* What was read before, and reached nobody: the offset has moved already. */
static kern_return_t read_again(struct file_open *open, const struct lasting_request *done,
                                uint32_t size, void *to, uint32_t *got)
{
    if (size > done->result)
        size = (uint32_t)done->result;
    return open->node->ops->read(open, done->before, to, size, got);
}

kern_return_t data_read(struct file_open *open, int64_t position, uint32_t size, void *to,
                        uint32_t *got)
{
    uint64_t at;
    kern_return_t kr = begin(open, FILE_READ, position, &at);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!open->node->ops->read)
        return unix_error(EINVAL);
    if (size > INT64_MAX - at)
        size = (uint32_t)(INT64_MAX - at);
    *got = 0;
    if (__builtin_expect(open->lasting != NULL, 0) && is_own(open, position)) {
        const struct lasting_request *done = lasting_was_done(open, position, LASTING_READ);
        if (done)
            return read_again(open, done, size, to, got);
        lasting_will_do(open, position, LASTING_READ, at, size);
    }
    kr = open->node->ops->read(open, at, to, size, got);
    if (kr == KERN_SUCCESS && is_own(open, position))
        open_set_offset(open, at + *got);
    return kr;
}

/* It was written before, and the answer reached nobody. Else it will be. */
static bool was_written(struct file_open *open, int64_t id, bool appends, uint64_t at,
                        uint32_t size, uint32_t *written)
{
    const enum lasting_kind kind = appends ? LASTING_APPEND : LASTING_WRITE;
    const struct lasting_request *done = lasting_was_done(open, id, kind);

    if (done)
        *written = size < done->result ? size : (uint32_t)done->result;
    else
        lasting_will_do(open, id, kind, at, size);
    return done != NULL;
}

static kern_return_t write_some(struct file_open *open, int64_t position, const void *from,
                                uint32_t size, uint32_t *written)
{
    uint64_t at;
    kern_return_t kr = begin(open, FILE_WRITE, position, &at);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!open->node->ops->write)
        return unix_error(EINVAL);
    const bool own = is_own(open, position);
    const bool appends = own && open->flags & FILE_APPEND && size != 0;
    if (appends)
        at = open->node->ops->size(open->node);
    if (size > INT64_MAX - at)
        return unix_error(EFBIG);
    *written = 0;
    if (__builtin_expect(open->lasting != NULL, 0) && own &&
        was_written(open, position, appends, at, size, written))
        return KERN_SUCCESS;
    kr = open->node->ops->write(open, at, from, size, written);
    if (kr == KERN_SUCCESS && own)
        open_set_offset(open, at + *written);
    return kr;
}

kern_return_t serve_read(struct server_message *message, int64_t position, uint32_t size,
                         void *data, uint32_t *got)
{
    return data_read(open_of(message), position, size, data, got);
}

kern_return_t serve_write(struct server_message *message, int64_t position, const void *data,
                          uint32_t size, uint32_t *written)
{
    return write_some(open_of(message), position, data, size, written);
}

/* What was not read of the memory goes at once, what was goes with the reply. */
kern_return_t serve_read_bulk(struct server_message *message, int64_t position, uint32_t size,
                              void **data, uint32_t *got)
{
    const mach_port_name_t self = program_start_info->task;
    uint64_t at;

    if (size == 0)
        return data_read(open_of(message), position, 0, NULL, got);
    const uint64_t room = (size + (uint64_t)PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (vm_allocate(self, 0, room, VM_ANYWHERE, &at) != KERN_SUCCESS)
        return unix_error(ENOMEM);
    void *to = (void *)(uintptr_t)at;
    const kern_return_t kr = data_read(open_of(message), position, size, to, got);
    const uint64_t used =
        kr == KERN_SUCCESS ? (*got + (uint64_t)PAGE - 1) & ~(uint64_t)(PAGE - 1) : 0;
    if (used < room)
        (void)!vm_deallocate(self, at + used, room - used);
    *data = used ? to : NULL;
    return kr;
}

kern_return_t serve_claim(struct server_message *message, int64_t position, uint32_t size,
                          uint64_t *at, uint32_t *got)
{
    struct file_open *open = open_of(message);
    const kern_return_t kr = begin(open, FILE_READ, position, at);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!open->node->ops->maps_content)
        return KERN_NOT_SUPPORTED;
    if (__builtin_expect(open->lasting != NULL, 0) && is_own(open, position)) {
        const struct lasting_request *done = lasting_was_done(open, position, LASTING_READ);
        if (done) {
            *at = done->before;
            *got = size < done->result ? size : (uint32_t)done->result;
            return KERN_SUCCESS;
        }
        lasting_will_do(open, position, LASTING_READ, *at, size);
    }
    const uint64_t end = open->node->ops->size(open->node);
    const uint64_t left = *at < end ? end - *at : 0;
    *got = left < size ? (uint32_t)left : size;
    if (is_own(open, position))
        open_set_offset(open, *at + *got);
    return KERN_SUCCESS;
}

kern_return_t serve_write_bulk(struct server_message *message, int64_t position, void *data,
                               uint32_t size, uint32_t *written)
{
    const kern_return_t kr = write_some(open_of(message), position, data, size, written);

    if (kr == KERN_SUCCESS && size != 0)
        stub_release_memory(data, size);
    return kr;
}

static bool was_sought(const struct file_open *open, int64_t id, int64_t *position)
{
    const struct lasting_request *done = __builtin_expect(open->lasting != NULL, 0)
                                             ? lasting_was_done(open, id, LASTING_SEEK)
                                             : NULL;

    if (done)
        *position = (int64_t)done->result;
    return done != NULL;
}

kern_return_t serve_seek(struct server_message *message, int64_t offset, uint32_t whence,
                         int64_t id, int64_t *position)
{
    struct file_open *open = open_of(message);
    int64_t base = 0;

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (!open->node->seekable && open->node->kind != FILE_KIND_FOLDER)
        return unix_error(ESPIPE);
    if (whence > FILE_WHENCE_END)
        return unix_error(EINVAL);
    if (was_sought(open, id, position))
        return KERN_SUCCESS;
    if (whence == FILE_WHENCE_OFFSET)
        base = (int64_t)open->offset;
    if (whence == FILE_WHENCE_END)
        base = open->node->ops->size ? (int64_t)open->node->ops->size(open->node) : 0;
    if (__builtin_add_overflow(base, offset, position))
        return unix_error(EOVERFLOW);
    if (*position < 0)
        return unix_error(EINVAL);
    if (__builtin_expect(open->lasting != NULL, 0))
        lasting_will_do(open, id, LASTING_SEEK, open->offset, 0);
    open_set_offset(open, (uint64_t)*position);
    return KERN_SUCCESS;
}

/* A shared mapping that can be written, or a file that others execute: EACCES for who has not opened it so. */
static bool may_map(const struct file_open *open, uint32_t protection, bool private)
{
    if (protection & VM_PROT_EXECUTE && !(open->flags & (FILE_EXECUTE | FILE_READ)))
        return false;
    if (!(open->flags & FILE_READ) && !(open->flags & FILE_EXECUTE))
        return false;
    return !(protection & VM_PROT_WRITE) || private || open->flags & FILE_WRITE;
}

kern_return_t serve_map(struct server_message *message, uint64_t offset, uint64_t length,
                        uint32_t protection, bool private, mach_port_name_t *entry,
                        uint64_t *entry_offset, uint64_t *mapped)
{
    struct file_open *open = open_of(message);
    static const uint32_t all = VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE;

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (!open->node->ops->map)
        return unix_error(ENODEV);
    if (offset % PAGE != 0 || length == 0 || protection & ~all || length > INT64_MAX ||
        offset > INT64_MAX - length)
        return unix_error(EINVAL);
    if (!may_map(open, protection, private))
        return unix_error(EACCES);
    return open->node->ops->map(open, offset, length, protection, private, entry, entry_offset,
                                mapped);
}
