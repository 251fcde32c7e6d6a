/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Program files: what a loader and a report of a crash want to know of them. Pure functions of a file, which is untrusted and may lie at any
 * address; no number of it is used before it has been compared with the file's size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_SEGMENTS_MAX = 16 };

/* Flags of a segment. */
enum { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

struct elf_file {
    const void *at;
    size_t size;
};

/** A loadable segment: file_size bytes from offset on are at address, zeroes up to memory_size. */
struct elf_segment {
    uint32_t flags; /* ELF_ */
    uint64_t offset, address, file_size, memory_size;
};

struct elf_program {
    uint64_t entry;
    unsigned count;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/** Is it a program we can load, and what is it made of? NULL, and *out is written: every segment lies inside the file, inside the addresses
 *  from `low` to `high`, and is not writable and executable. Else a sentence: what is wrong. */
const char *elf_read(const struct elf_file *file, uint64_t low, uint64_t high,
                     struct elf_program *out);

/** The function that an address of code lies in, if the file has a table of symbols: its name (not terminated: `length` bytes in the file) and how far into it
 *  the address is. */
bool elf_symbol(const struct elf_file *file, uint64_t address, const char **name, size_t *length,
                uint64_t *offset);
