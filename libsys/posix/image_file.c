/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that programs are in: memory that the file's server gives for its content (file.map), to be read here and to be executed there.
 *
 * What the server says of the file's size bounds all that is read, and is mapped here whole or not at all.
 */
#include "image_file.h"
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <errno.h>
#include <fcntl.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <sys/stat.h>
#include <wharf/if/file.h>
#include <wharf/if/vm.h>

#define PAGE UINT64_C(0x1000)

enum {
    ANYBODY_EXECUTES = S_IXUSR | S_IXGRP | S_IXOTH,
    PROTECTION = VM_PROT_READ | VM_PROT_EXECUTE
};

static mach_port_name_t task(void)
{
    return program_start_info->task;
}

static uint64_t pages_of(uint64_t size)
{
    return (size + PAGE - 1) & ~(PAGE - 1);
}

/* ---- memory ---- */

/* `size` bytes of entry at `at`; 0: anywhere. */
static kern_return_t enter(uint64_t *at, uint64_t size, mach_port_name_t entry, uint64_t offset)
{
    return vm_map(task(), *at, size, offset, *at == 0 ? VM_ANYWHERE : 0, entry, VM_PROT_READ,
                  VM_PROT_READ, VM_INHERIT_NONE, at);
}

/* It all lies together: others can map from there, too. */
static kern_return_t enter_whole(struct image_file *file, mach_port_name_t entry, uint64_t offset)
{
    const kern_return_t kr = enter(&file->range, file->range_size, entry, offset);

    file->memory = kr == KERN_SUCCESS ? entry : MSG_NULL;
    file->offset = offset;
    return kr;
}

/* One of several pieces. The range is kept free for all of them from the first on. */
static kern_return_t enter_piece(struct image_file *file, uint64_t done, uint64_t size,
                                 mach_port_name_t entry, uint64_t offset)
{
    kern_return_t kr = KERN_SUCCESS;

    if (file->range == 0)
        kr = vm_map(task(), 0, file->range_size, 0, VM_ANYWHERE, MSG_NULL, 0, VM_PROT_READ,
                    VM_INHERIT_NONE, &file->range);
    uint64_t at = file->range + done;

    if (kr == KERN_SUCCESS)
        kr = vm_deallocate(task(), at, size);
    if (kr == KERN_SUCCESS)
        kr = enter(&at, size, entry, offset);
    return kr;
}

/* What the server gives from `done` on. */
static int map_next(mach_port_name_t port, struct image_file *file, uint64_t *done)
{
    const uint64_t left = file->range_size - *done;
    mach_port_name_t entry;
    uint64_t offset, mapped;
    kern_return_t kr =
        AGAIN(file_map(port, *done, left, PROTECTION, false, &entry, &offset, &mapped));

    if (kr != KERN_SUCCESS)
        return posix_errno(kr) == ENODEV ? EACCES : posix_errno(kr);
    const uint64_t size = mapped < left ? pages_of(mapped) : left;

    if (size != 0)
        kr = size == file->range_size ? enter_whole(file, entry, offset)
                                      : enter_piece(file, *done, size, entry, offset);
    if (file->memory == MSG_NULL && entry != MSG_NULL && entry != MSG_DEAD)
        stub_release_right(entry, MSG_MOVE_SEND);
    *done += size;
    return size == 0 ? EIO : posix_errno(kr);
}

static int map(mach_port_name_t port, struct image_file *file)
{
    struct file_attributes attributes;
    uint64_t done = 0;
    int error = posix_errno(AGAIN(file_get_attributes(port, &attributes)));

    if (error == 0 && (attributes.mode & ANYBODY_EXECUTES) == 0)
        error = EACCES;
    if (error == 0 && attributes.size == 0)
        error = ENOEXEC;
    if (error == 0 && attributes.size > INT64_MAX - PAGE)
        error = ENOMEM;
    if (error != 0)
        return error;
    file->size = attributes.size;
    file->range_size = pages_of(attributes.size);
    while (error == 0 && done < file->range_size)
        error = map_next(port, file, &done);
    file->at = (const void *)(uintptr_t)file->range;
    return error;
}

int image_open(const char *path, struct image_file *file)
{
    *file = (struct image_file){0};
    if (place_root() == MSG_NULL)
        return image_open_initrd(path, file);
    const mach_port_name_t port = walk_open(AT_FDCWD, path, FILE_READ | FILE_EXECUTE, 0);

    if (port == MSG_NULL)
        return errno;
    const int error = map(port, file);

    stub_release_right(port, MSG_MOVE_SEND);
    if (error != 0)
        image_close(file);
    return error;
}

int image_open_descriptor(int number, struct image_file *file)
{
    const mach_port_name_t port = descriptor_port(number, EACCES);

    *file = (struct image_file){0};
    if (port == MSG_NULL)
        return errno;
    int error = map(port, file);

    if (error != 0)
        image_close(file);
    return error == ENODEV || error == EISDIR ? EACCES : error;
}

void image_close(struct image_file *file)
{
    if (file->range != 0)
        (void)!vm_deallocate(task(), file->range, file->range_size);
    if (file->range != 0 && file->memory != MSG_NULL)
        stub_release_right(file->memory, MSG_MOVE_SEND);
    *file = (struct image_file){0};
}
