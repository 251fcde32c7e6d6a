/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where no file may lie: superblocks, descriptors, bitmaps, inode tables and the journal. A damaged file system may say otherwise, and writing there would
 * destroy the rest of it.
 */
#include "ext4_impl.h"

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

static bool add(struct ranges *zones, uint64_t first, uint64_t count)
{
    return first == 0 || count == 0 || ranges_add(zones, 0, first, count);
}

int zones_make(struct ext4 *fs)
{
    ext2_filsys lib = fs->lib;
    struct ranges *zones = &fs->zones;
    const uint64_t descriptors = ext2fs_has_feature_meta_bg(lib->super)
                                     ? lib->super->s_first_meta_bg
                                     : lib->desc_blocks + lib->super->s_reserved_gdt_blocks;
    bool good = ranges_add(zones, 0, 0, lib->super->s_first_data_block + 1);

    for (uint32_t g = 0; g < lib->group_desc_count && good; g++) {
        blk64_t super, old_descriptors, new_descriptors;
        blk_t used;

        ext2fs_super_and_bgd_loc2(lib, g, &super, &old_descriptors, &new_descriptors, &used);
        good = add(zones, super, 1) && add(zones, old_descriptors, descriptors) &&
               add(zones, new_descriptors, 1) && add(zones, ext2fs_block_bitmap_loc(lib, g), 1) &&
               add(zones, ext2fs_inode_bitmap_loc(lib, g), 1) &&
               add(zones, ext2fs_inode_table_loc(lib, g), lib->inode_blocks_per_group);
    }
    if (!good)
        return ENOMEM;
    qsort(zones->list, zones->count, sizeof(*zones->list), compare);
    return 0;
}

int zones_add_journal(struct ext4 *fs)
{
    for (uint32_t i = 0; i < fs->journal.run_count; i++)
        if (!ranges_add(&fs->zones, 0, fs->journal.runs[i].first, fs->journal.runs[i].count))
            return ENOMEM;
    qsort(fs->zones.list, fs->zones.count, sizeof(*fs->zones.list), compare);
    return 0;
}

bool zones_touch(const struct ext4 *fs, uint64_t first, uint64_t count)
{
    uint32_t low = 0, high = fs->zones.count;

    /* The last zone that begins before the end; zones that overlap are a damaged file system's, which has no better answer. */
    while (low < high) {
        const uint32_t middle = (low + high) / 2;

        if (fs->zones.list[middle].first < first + count)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && fs->zones.list[low - 1].first + fs->zones.list[low - 1].count > first;
}
