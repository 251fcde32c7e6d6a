/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A card in memory that processes share (shared.h).
 */
#include "shared.h"
#include "check.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

static struct shared *of(struct storage *storage)
{
    return (struct shared *)storage;
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* Whether this request is the last one. */
static bool is_last(struct shared *shared)
{
    return ++shared->requests == shared->kill_at;
}

static bool fails(const struct shared *shared)
{
    return shared->requests == shared->fail_at;
}

static int read_card(struct storage *storage, uint64_t offset, void *to, size_t size)
{
    struct shared *shared = of(storage);

    if (offset + size > storage->size)
        return ENXIO;
    if (is_last(shared))
        die();
    if (fails(shared))
        return EIO;
    memcpy(to, shared->bytes + offset, size);
    return 0;
}

static int write_card(struct storage *storage, uint64_t offset, const void *from, size_t size)
{
    struct shared *shared = of(storage);
    const bool last = is_last(shared);

    if (offset + size > storage->size)
        return ENXIO;
    if (fails(shared))
        return EIO;
    if (last) /* none of it, some sectors, or all */
        size = check_below(size / STORAGE_SECTOR + 1) * STORAGE_SECTOR;
    memcpy(shared->bytes + offset, from, size);
    for (uint64_t at = offset / SHARED_PIECE; size != 0 && at <= (offset + size - 1) / SHARED_PIECE;
         at++)
        shared->unflushed[at] = 1;
    if (last)
        die();
    return 0;
}

static int flush_card(struct storage *storage)
{
    struct shared *shared = of(storage);
    const bool last = is_last(shared);

    if (last && check_below(2) == 0)
        die();
    if (fails(shared))
        return EIO;
    for (uint64_t at = 0; at < storage->size; at += SHARED_PIECE)
        if (shared->unflushed[at / SHARED_PIECE]) {
            memcpy(shared->flushed + at, shared->bytes + at, SHARED_PIECE);
            shared->unflushed[at / SHARED_PIECE] = 0;
        }
    if (last)
        die();
    return 0;
}

struct shared *shared_make(uint64_t size, size_t memory_size)
{
    static const struct storage_operations operations = {.read = read_card,
                                                         .write = write_card,
                                                         .flush = flush_card};
    struct shared *shared = (struct shared *)map(sizeof *shared);

    *shared = (struct shared){.storage = {.operations = &operations, .size = size},
                              .bytes = map(size),
                              .flushed = map(size),
                              .unflushed = map(size / SHARED_PIECE),
                              .memory = map(memory_size),
                              .memory_size = memory_size};
    return shared;
}

void shared_kill_at(struct shared *shared, uint64_t nth)
{
    shared->kill_at = nth;
    shared->requests = 0;
}

void shared_fail_at(struct shared *shared, uint64_t nth)
{
    shared->fail_at = nth;
    shared->requests = 0;
}

void shared_cut(const struct shared *from, uint64_t (*random)(void), struct shared *to)
{
    const uint64_t lost = random() % 5; /* of four */

    for (uint64_t at = 0; at < from->storage.size; at += STORAGE_SECTOR) {
        const uint8_t *kept = random() % 4 < lost ? from->flushed : from->bytes;

        if (memcmp(to->bytes + at, kept + at, STORAGE_SECTOR) != 0)
            memcpy(to->bytes + at, kept + at, STORAGE_SECTOR);
    }
    memcpy(to->flushed, to->bytes, to->storage.size);
    memset(to->memory, 0, to->memory_size);
}
