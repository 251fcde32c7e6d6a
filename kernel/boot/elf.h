/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the ELF-64 format that a static program needs. Source: ELF-64 Object File Format,
 * Version 1.5.
 */
#pragma once

#include <kern/types.h>

enum { ELF_CLASS = 4, ELF_CLASS_64 = 2, ELF_DATA = 5, ELF_DATA_LITTLE = 1 };
enum { ELF_EXECUTABLE = 2, ELF_AARCH64 = 183, ELF_LOAD = 1 };
enum { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

/* Packed to four bytes: files in a cpio archive are aligned to four only. */
struct [[gnu::packed, gnu::aligned(4)]] elf_header
{
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_entry_size, program_count, section_entry_size, section_count,
        section_names;
};
static_assert(sizeof(struct elf_header) == 64);

struct [[gnu::packed, gnu::aligned(4)]] elf_segment
{
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(struct elf_segment) == 56);

/** Everything about a program file that can be told without memory for it. NULL, or a sentence:
 *  what is wrong with it. */
const char *elf_check(const void *file, size_t size);
