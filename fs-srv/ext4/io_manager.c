/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libext2fs' way to the card: metadata only. Before the file system is mounted all goes straight to the card; after it, reads come from the cache and writes are
 * the transaction's. libext2fs opens by name, of which there is none here: the file system stands ready in `opening`.
 */
#include "ext4_impl.h"

static struct ext4 *opening;

void io_manager_prepare(struct ext4 *fs)
{
    opening = fs;
}

/* ---- the card, in blocks of the file system ---- */

int device_read(struct ext4 *fs, uint64_t block, uint32_t count, void *to)
{
    return fs->storage->operations->read(fs->storage, block * fs->block_size, to,
                                         (size_t)count * fs->block_size);
}

int device_write(struct ext4 *fs, uint64_t block, uint32_t count, const void *from)
{
    return fs->storage->operations->write(fs->storage, block * fs->block_size, from,
                                          (size_t)count * fs->block_size);
}

int device_flush(struct ext4 *fs)
{
    const int error = fs->storage->operations->flush(fs->storage);

    if (error == 0)
        fs->unflushed = false;
    return error;
}

/* ---- libext2fs' calls ---- */

static struct ext4 *fs_of(io_channel channel)
{
    return channel->private_data;
}

static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
    io_channel io = calloc(1, sizeof(*io));

    (void)name;
    (void)flags;
    if (io == NULL)
        return EXT2_ET_NO_MEMORY;
    io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    io->manager = &ext4_io_manager;
    io->block_size = 1024;
    io->refcount = 1;
    io->private_data = opening;
    io->name = strdup("");
    *channel = io;
    return 0;
}

static errcode_t close_channel(io_channel channel)
{
    if (--channel->refcount > 0)
        return 0;
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t set_block_size(io_channel channel, int size)
{
    channel->block_size = size;
    return 0;
}

/* A count below 0 is one of bytes. */
static size_t bytes_of(io_channel channel, int count)
{
    return count < 0 ? (size_t) - (long)count : (size_t)count * (size_t)channel->block_size;
}

/* Any bytes, of a card that knows sectors. */
static errcode_t read_bytes(struct ext4 *fs, uint64_t offset, size_t size, uint8_t *to)
{
    uint8_t sector[STORAGE_SECTOR];
    size_t done = 0;
    int error = 0;

    while (done < size && error == 0) {
        const size_t whole = (size - done) / STORAGE_SECTOR * STORAGE_SECTOR;

        if (offset % STORAGE_SECTOR != 0)
            return EXT2_ET_INVALID_ARGUMENT;
        if (whole != 0) {
            error = fs->storage->operations->read(fs->storage, offset + done, to + done, whole);
            done += whole;
        } else {
            error =
                fs->storage->operations->read(fs->storage, offset + done, sector, STORAGE_SECTOR);
            memcpy(to + done, sector, size - done);
            done = size;
        }
    }
    return error;
}

static errcode_t read_blocks64(io_channel channel, unsigned long long block, int count, void *to)
{
    struct ext4 *fs = fs_of(channel);
    const uint32_t size = (uint32_t)channel->block_size;
    struct block *cached;

    if (!fs->caching || size != fs->block_size || count < 0)
        return read_bytes(fs, block * size, bytes_of(channel, count), to);
    for (int i = 0; i < count; i++) {
        const int error = cache_get(fs, block + (unsigned)i, false, &cached);

        if (error != 0)
            return error;
        memcpy((uint8_t *)to + (size_t)i * size, cached->data, size);
    }
    return 0;
}

static errcode_t read_blocks(io_channel channel, unsigned long block, int count, void *to)
{
    return read_blocks64(channel, block, count, to);
}

static errcode_t write_blocks64(io_channel channel, unsigned long long block, int count,
                                const void *from)
{
    struct ext4 *fs = fs_of(channel);
    const uint32_t size = (uint32_t)channel->block_size;

    if (!fs->caching || size != fs->block_size || count < 0)
        return EXT2_ET_RO_FILSYS; /* nothing is written around the journal */
    for (int i = 0; i < count; i++) {
        const int error =
            transaction_write(fs, block + (unsigned)i, (const uint8_t *)from + (size_t)i * size);

        if (error != 0) { /* not everything in libext2fs looks at it */
            if (fs->transaction.depth != 0)
                fs->transaction.failure = error;
            return error;
        }
    }
    return 0;
}

static errcode_t write_blocks(io_channel channel, unsigned long block, int count, const void *from)
{
    return write_blocks64(channel, block, count, from);
}

/* When something is on the medium is the transaction's business. */
static errcode_t flush_channel(io_channel channel)
{
    (void)channel;
    return 0;
}

struct struct_io_manager ext4_io_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "storage",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_block_size,
    .read_blk = read_blocks,
    .write_blk = write_blocks,
    .flush = flush_channel,
    .read_blk64 = read_blocks64,
    .write_blk64 = write_blocks64,
};

/* libext2fs has it in a file that formats journals; metadata again, so it is the transaction's. */
errcode_t ext2fs_zero_blocks2(ext2_filsys lib, blk64_t first, int count, blk64_t *failed,
                              int *failed_count)
{
    uint8_t *zeros;
    errcode_t result = 0;

    (void)failed;
    (void)failed_count;
    if (lib == NULL || count <= 0)
        return 0;
    zeros = calloc(1, lib->blocksize);
    if (zeros == NULL)
        return EXT2_ET_NO_MEMORY;
    for (int i = 0; i < count && result == 0; i++)
        result = io_channel_write_blk64(lib->io, first + (unsigned)i, 1, zeros);
    free(zeros);
    return result;
}
