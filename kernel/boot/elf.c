/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a file a program we can load? Pure functions of the file, which is untrusted: no number of it
 * is used before it has been compared with the file's size. Source: ELF-64 Object File Format 1.5;
 * ELF for the Arm 64-bit Architecture.
 */
#include "elf.h"
#include <arch/usercopy.h>
#include <kern/map.h>
#include <kern/string.h>

enum { MAX_SEGMENTS = 16 };

static const char *check_header(const struct elf_header *h, size_t size)
{
    if (size < sizeof(*h) || memcmp(h->ident, "\177ELF", 4) != 0)
        return "not an ELF file";
    if (h->ident[ELF_CLASS] != ELF_CLASS_64 || h->ident[ELF_DATA] != ELF_DATA_LITTLE ||
        h->machine != ELF_AARCH64)
        return "not a 64-bit little-endian AArch64 program";
    if (h->type != ELF_EXECUTABLE)
        return "not a static program";
    if (h->program_entry_size != sizeof(struct elf_segment) || h->program_count == 0 ||
        h->program_count > MAX_SEGMENTS || h->program_offset > size ||
        h->program_count * sizeof(struct elf_segment) > size - h->program_offset ||
        h->program_offset % 8 != 0)
        return "the program headers are not inside the file";
    if (h->entry % 4 != 0 || h->entry >= USER_VA_END)
        return "the entry point is not an address of code";
    return NULL;
}

static const char *check_segment(const struct elf_segment *s, size_t size)
{
    if (s->offset > size || s->file_size > size - s->offset || s->file_size > s->memory_size)
        return "a segment is not inside the file";
    if (s->memory_size == 0 || s->address < PAGE_SIZE || s->address >= MAP_ALLOCATE_BASE ||
        s->memory_size > MAP_ALLOCATE_BASE - s->address)
        return "a segment lies outside the addresses of programs";
    if ((s->flags & ELF_WRITE) && (s->flags & ELF_EXECUTE))
        return "a segment is writable and executable";
    return NULL;
}

const char *elf_check(const void *file, size_t size)
{
    if ((uintptr_t)file % 4 != 0)
        return "the file is not aligned in the initrd";
    const struct elf_header *h = file;
    const char *why = check_header(h, size);
    if (why)
        return why;
    const struct elf_segment *segment =
        (const struct elf_segment *)((const char *)file + h->program_offset);
    for (unsigned i = 0; i < h->program_count && !why; i++)
        if (segment[i].type == ELF_LOAD)
            why = check_segment(&segment[i], size);
    return why;
}
