/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checkpoints: what is in the journal goes to its place, and the journal is empty then. Only when no block is dirty (I5), so that the cache has exactly what
 * was committed.
 */
#include "ext4_impl.h"

bool checkpoint_is_due(const struct ext4 *fs)
{
    return fs->cache.logged > LOGGED_BLOCKS ||
           fs->journal.used > (fs->journal.length - fs->journal.first) / 2;
}

static int write_places(struct ext4 *fs, struct block **blocks, uint32_t count, uint8_t *staging)
{
    uint32_t n;

    for (uint32_t done = 0; done < count; done += n) {
        const int error = cache_write_run(fs, blocks + done, count - done, staging, &n);

        if (error != 0)
            return error;
    }
    return device_flush(fs);
}

int checkpoint(struct ext4 *fs)
{
    struct journal *journal = &fs->journal;
    uint8_t *staging;
    struct block **blocks;
    uint32_t count;
    int error;

    if (!journal->started)
        return 0;
    if (!cache_list(fs, BLOCKS_LOGGED, &blocks, &count))
        return ENOMEM;
    staging = malloc(STAGING);
    error = staging ? write_places(fs, blocks, count, staging) : ENOMEM;
    free(staging);
    if (error == 0)
        error = journal_write_super(fs, journal->head, journal->sequence);
    if (error == 0)
        error = device_flush(fs);
    if (error == 0) {
        journal->used = 0;
        for (uint32_t i = 0; i < count; i++)
            cache_set_state(fs, blocks[i], false, false);
        while (fs->cache.clean > CACHE_CLEAN)
            cache_forget(fs, fs->cache.oldest);
    }
    free(blocks);
    return error;
}
