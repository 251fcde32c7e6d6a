/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot loader leaves in memory, built in the test: a device tree, and an initrd with a
 * program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct loaded_board {
    unsigned cpus;
    uint64_t memory_start, memory_size; /* one bank */
    uint64_t initrd_start, initrd_end;
    const char *bootargs;
    const char *leave_out; /* a node that is not there, or NULL */
};

/** Write the flattened device tree; returns its size. `out` is 8-byte aligned and large enough (8
 *  KiB). */
size_t make_device_tree(const struct loaded_board *board, void *out);

/** A static ELF program of one page of code and one of data, with `entry`. Returns its size. */
size_t make_program(uint64_t entry, uint64_t data, void *out);

/** A newc archive with one file and its trailer. Returns its size. */
size_t make_archive(const char *name, const void *file, size_t size, void *out);
