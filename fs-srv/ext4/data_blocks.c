/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole blocks of file data: in their places, in the journal, or gathered (I4, I6). A block that lies in the journal, because its end was cleared when the file was cut, goes there again until a
 * checkpoint: replay would else bring back what was there before.
 */
#include "ext4_impl.h"

/* It lies in the log, or in the transaction, gathered ones among them: what is in its place is older. */
static bool in_journal(struct ext4 *fs, uint64_t block)
{
    const struct block *cached = cache_find(fs, block);

    return cached != NULL && (cached->dirty || cached->logged);
}

/* Blocks from `first` that are all in the journal, or all not. */
static uint32_t alike(struct ext4 *fs, uint64_t first, uint32_t count, bool *journalled)
{
    uint32_t n = 1;

    *journalled = in_journal(fs, first);
    while (n < count && in_journal(fs, first + n) == *journalled)
        n++;
    return n;
}

int data_read_blocks(struct ext4 *fs, uint64_t first, uint32_t count, uint8_t *to)
{
    while (count > 0) {
        bool journalled;
        const uint32_t n = alike(fs, first, count, &journalled);
        int error = 0;

        if (!journalled)
            error = device_read(fs, first, n, to);
        for (uint32_t i = 0; i < n && journalled; i++)
            memcpy(to + (size_t)i * fs->block_size, cache_find(fs, first + i)->data,
                   fs->block_size);
        if (error != 0)
            return error;
        first += n;
        count -= n;
        to += (size_t)n * fs->block_size;
    }
    return 0;
}

static int write_in_place(struct ext4 *fs, uint64_t first, uint32_t count, const uint8_t *from)
{
    for (uint32_t i = 0; i < count; i++) {
        struct block *cached = cache_find(fs, first + i);

        if (cached != NULL)
            cache_forget(fs, cached);
    }
    fs->unflushed = true;
    return device_write(fs, first, count, from);
}

/* It lies in the transaction or in the log, or is to be gathered. */
static int write_cached(struct ext4 *fs, uint64_t number, ext4_ino ino, const uint8_t *from)
{
    const struct block *cached = cache_find(fs, number);
    const bool gather = cached == NULL || cached->gathered || (!cached->dirty && !cached->logged);

    return gather ? transaction_gather(fs, number, ino, from) : transaction_write(fs, number, from);
}

static bool is_gathered(const struct ext4 *fs, uint32_t count)
{
    return fs->gathers && count <= GATHERED_RUN / fs->block_size && gather_has_room(fs, count);
}

int data_write_blocks(struct ext4 *fs, ext4_ino ino, uint64_t first, uint32_t count,
                      const uint8_t *from)
{
    while (count > 0) {
        bool journalled;
        const uint32_t n = alike(fs, first, count, &journalled);
        const bool cached = journalled || is_gathered(fs, n);
        int error = 0;

        if (!cached)
            error = write_in_place(fs, first, n, from);
        for (uint32_t i = 0; i < n && cached && error == 0; i++)
            error = write_cached(fs, first + i, ino, from + (size_t)i * fs->block_size);
        if (error != 0)
            return error;
        first += n;
        count -= n;
        from += (size_t)n * fs->block_size;
    }
    return 0;
}
