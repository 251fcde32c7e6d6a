/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File data that is gathered (I6): of many small writes, that their blocks lie side by side shows only when all of them are there. They are blocks of the cache until the
 * commit, so that who reads sees them and an operation that fails takes them back, and go to their places before anything of the log is written. Data of files
 * that are removed before that goes nowhere.
 */
#include "ext4_impl.h"

bool gather_has_room(const struct ext4 *fs, uint32_t blocks)
{
    return fs->cache.gathered + blocks <= GATHERED_BYTES / fs->block_size;
}

bool ext4_gather(struct ext4 *fs, bool gathers)
{
    fs->gathers = gathers;
    return gather_has_room(fs, 2 * (GATHERED_RUN / fs->block_size));
}

/* ---- what is lost ---- */

static void note_lost(struct ext4 *fs, ext4_ino ino, int error)
{
    for (uint32_t i = 0; i < fs->lost_count; i++)
        if (fs->lost[i].ino == ino)
            return;
    if (fs->lost_count == LOST_FILES)
        fs->lost[LOST_FILES - 1].ino = 0;
    else
        fs->lost[fs->lost_count++] = (struct lost_file){ino, error};
}

bool ext4_take_lost(struct ext4 *fs, ext4_ino *ino, int *error)
{
    if (fs->lost_count == 0)
        return false;
    *ino = fs->lost[--fs->lost_count].ino;
    *error = fs->lost[fs->lost_count].error;
    return true;
}

/* ---- the commit ---- */

/* One of them could not be written: the others can. Or there is no memory to put them side by side. */
static void write_alone(struct ext4 *fs, struct block **blocks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const int error = device_write(fs, blocks[i]->number, 1, blocks[i]->data);

        if (error != 0)
            note_lost(fs, blocks[i]->ino, error);
    }
}

int gather_write(struct ext4 *fs)
{
    uint8_t *staging;
    struct block **blocks;
    uint32_t count, n;

    if (!cache_list(fs, BLOCKS_GATHERED, &blocks, &count))
        return ENOMEM;
    staging = count == 0 ? NULL : malloc(STAGING);
    if (staging == NULL)
        write_alone(fs, blocks, count);
    for (uint32_t done = 0; done < count && staging != NULL; done += n)
        if (cache_write_run(fs, blocks + done, count - done, staging, &n) != 0)
            write_alone(fs, blocks + done, n);
    for (uint32_t i = 0; i < count; i++)
        cache_forget(fs, blocks[i]);
    free(staging);
    free(blocks);
    return 0;
}
