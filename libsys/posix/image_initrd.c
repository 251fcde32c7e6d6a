/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs where nobody serves files: files of the initrd, by name, if it was handed on. The archive is mapped once; children have it at the same place.
 */
#include "image_file.h"
#include <errno.h>
#include <libsys/archive.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/vm.h>

static uint64_t
    mapped; /* where the archive's pages are; every thread would write the same kind of value */

static int map_archive(struct archive *archive)
{
    const struct start_info *info = program_start_info;
    const uint64_t page = 0x1000, begin = info->initrd_offset & ~(page - 1);
    uint64_t at;
    if (info->initrd == MSG_NULL)
        return ENOENT;
    if (mapped == 0) {
        const kern_return_t kr =
            vm_map(info->task, 0, info->initrd_offset + info->initrd_size - begin, begin,
                   VM_ANYWHERE, info->initrd, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_SHARE, &at);
        if (kr != KERN_SUCCESS)
            return ENOMEM;
        mapped = at;
    }
    archive->at = (const void *)(uintptr_t)(mapped + (info->initrd_offset - begin));
    archive->size = (size_t)info->initrd_size;
    return 0;
}

/* The last one, with its name: a program is often started again and again. */
static struct {
    char name[64];
    struct archive_file file;
} last;

int image_open_initrd(const char *path, struct image_file *file)
{
    struct archive archive;
    struct archive_file found;
    const char *name = path;
    const int error = map_archive(&archive);
    if (error != 0)
        return error;
    while (*name == '/')
        name++;
    if (*name == '\0')
        return path[0] == '\0' ? ENOENT : EACCES;
    if (last.file.data != NULL && strcmp(last.name, name) == 0)
        found = last.file;
    else if (archive_find(&archive, name, &found) != KERN_SUCCESS)
        return ENOENT;
    if (strlen(name) < sizeof(last.name)) {
        memcpy(last.name, name, strlen(name) + 1);
        last.file = found;
    }
    *file = (struct image_file){
        .at = found.data,
        .size = found.size,
        .memory = program_start_info->initrd,
        .offset = program_start_info->initrd_offset +
                  (uint64_t)((const char *)found.data - (const char *)archive.at),
    };
    return 0;
}
