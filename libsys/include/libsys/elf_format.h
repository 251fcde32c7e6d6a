/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files of 64 bits as they lie in files: headers, tables. For who reads program files (libsys/elf.c) and who writes cores (bootstrap/core.c).
 * The kernel's loader has its own: in an archive its files are not aligned (kernel/boot/elf.h). Source: ELF-64 Object File Format, Version 1.5.
 */
#pragma once

#include <stdint.h>

/* Of a header: its first bytes, types, machine. */
enum { ELF_CLASS = 4, ELF_CLASS_64 = 2, ELF_DATA = 5, ELF_DATA_LITTLE = 1 };
enum { ELF_TYPE_EXECUTABLE = 2, ELF_TYPE_CORE = 4, ELF_MACHINE_AARCH64 = 183 };
/* Of segments and sections. */
enum { ELF_SEGMENT_LOAD = 1, ELF_SEGMENT_NOTE = 4, ELF_SECTION_SYMBOLS = 2 };

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_entry_size, program_count, section_entry_size, section_count,
        section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "format");

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "format");

struct elf_section_header {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};
_Static_assert(sizeof(struct elf_section_header) == 64, "format");

struct elf_symbol_entry {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};
_Static_assert(sizeof(struct elf_symbol_entry) == 24, "format");
