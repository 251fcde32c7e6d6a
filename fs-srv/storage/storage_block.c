/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See storage_block.h. What is read and written is copied through the client's area: the callers' memory is anywhere.
 */
#include "storage_block.h"
#include <errno.h>
#include <string.h>

static int error_of(kern_return_t kr)
{
    switch (kr) {
    case KERN_SUCCESS: return 0;
    case KERN_PROTECTION_FAILURE: return EROFS;
    case KERN_TERMINATED:
    case KERN_MEMORY_FAILURE: /* no medium, or another */
    case KERN_NOT_FOUND:
    case KERN_INVALID_ARGUMENT: return ENXIO;
    default: return EIO;
    }
}

static struct storage_block *block_of(struct storage *storage)
{
    return (struct storage_block *)storage; /* its first member */
}

static bool is_there(const struct storage *storage, uint64_t offset, uint64_t size)
{
    return offset % STORAGE_SECTOR == 0 && size % STORAGE_SECTOR == 0 && offset <= storage->size &&
           size <= storage->size - offset;
}

/* What is asked of the device for a piece: whole blocks, whose size may be more than a sector. */
struct span {
    uint64_t first; /* block */
    uint32_t count;
    size_t before; /* bytes of the first one that are not asked for */
    size_t size;
};

static struct span span_of(const struct storage_block *block, uint64_t offset, size_t left)
{
    const uint32_t unit = block->client.facts.block_size;
    const size_t before = offset % unit, most = STORAGE_BLOCK_AREA - 2 * (size_t)unit;
    const size_t size = left < most ? left : most;

    return (struct span){.first = offset / unit,
                         .count = (uint32_t)((before + size + unit - 1) / unit),
                         .before = before,
                         .size = size};
}

static bool is_whole(const struct storage_block *block, const struct span *span)
{
    return span->before == 0 && span->size == (size_t)span->count * block->client.facts.block_size;
}

static int transfer(struct storage_block *block, enum block_operation operation,
                    const struct span *span)
{
    return error_of(block_client_do(&block->client, operation, span->first, span->count, 0));
}

static int read(struct storage *storage, uint64_t offset, void *to, size_t size)
{
    struct storage_block *block = block_of(storage);
    char *out = to;

    if (!is_there(storage, offset, size))
        return ENXIO;
    while (size != 0) {
        const struct span span = span_of(block, offset, size);
        const int error = transfer(block, BLOCK_READ, &span);
        if (error != 0)
            return error;
        memcpy(out, block->client.data + span.before, span.size);
        block->counts.reads++;
        block->counts.bytes_read += span.size;
        offset += span.size;
        out += span.size;
        size -= span.size;
    }
    return 0;
}

/* Of blocks that are written in part the rest is read first. */
static int write_span(struct storage_block *block, const struct span *span, const char *from)
{
    int error = is_whole(block, span) ? 0 : transfer(block, BLOCK_READ, span);

    if (error == 0) {
        memcpy(block->client.data + span->before, from, span->size);
        error = transfer(block, BLOCK_WRITE, span);
    }
    return error;
}

static int write(struct storage *storage, uint64_t offset, const void *from, size_t size)
{
    struct storage_block *block = block_of(storage);
    const char *in = from;

    if (storage->read_only)
        return EROFS;
    if (!is_there(storage, offset, size))
        return ENXIO;
    while (size != 0) {
        const struct span span = span_of(block, offset, size);
        const int error = write_span(block, &span, in);
        if (error != 0)
            return error;
        block->counts.writes++;
        block->counts.bytes_written += span.size;
        offset += span.size;
        in += span.size;
        size -= span.size;
    }
    return 0;
}

static int flush(struct storage *storage)
{
    struct storage_block *block = block_of(storage);

    block->counts.flushes++;
    return error_of(block_client_do(&block->client, BLOCK_FLUSH, 0, 0, 0));
}

kern_return_t storage_block_open(struct storage_block *block, const char *service,
                                 uint32_t partition)
{
    static const struct storage_operations operations = {.read = read,
                                                         .write = write,
                                                         .flush = flush};

    *block = (struct storage_block){.storage.operations = &operations};
    const kern_return_t kr =
        block_client_open(&block->client, service, partition, STORAGE_BLOCK_AREA);
    if (kr != KERN_SUCCESS)
        return kr;
    const struct block_facts *facts = &block->client.facts;
    block->storage.size = facts->blocks * facts->block_size;
    block->storage.read_only = facts->read_only;
    return KERN_SUCCESS;
}
