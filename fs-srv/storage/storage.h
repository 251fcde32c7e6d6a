/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file system lies on: a row of bytes, read and written in sectors. The file systems of this folder know nothing else of a card, so that the same code
 * runs on a block service (storage_block.c) and, on the host, on a card that loses power.
 *
 * T1 What was written may be lost, torn at STORAGE_SECTOR or come in any order until a flush has returned 0; from then on it stays.
 * T2 A read returns what was written last, flushed or not.
 * T3 All calls are made by one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that are written as a whole or not at all; offsets and sizes are multiples of it. */
enum { STORAGE_SECTOR = 512 };

struct storage;

/** All return 0 or what errno would be: EIO, ENXIO (there is no such place, or the medium has gone), EROFS. */
struct storage_operations {
    int (*read)(struct storage *storage, uint64_t offset, void *to, size_t size);
    int (*write)(struct storage *storage, uint64_t offset, const void *from, size_t size);
    /** T1: all that was written before. */
    int (*flush)(struct storage *storage);
    /** What lies there is not needed any more: reads return anything. May be NULL; errors do not matter. */
    void (*discard)(struct storage *storage, uint64_t offset, uint64_t size);
};

struct storage {
    const struct storage_operations *operations;
    uint64_t size; /* bytes */
    bool read_only;
};
