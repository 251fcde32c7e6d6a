/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table: for each cluster the one behind it, or that it is the last, or free. Whatever else it says is TABLE_BAD to everybody here.
 *
 * T1 An entry of FAT12 that lies across two blocks cannot be changed at once: such clusters are never taken, and count as used.
 * T2 fat.free, where it is known, is the number of free clusters that can be taken.
 */
#include "fat_impl.h"

static int get_block(struct fat *fat, uint64_t byte, struct fat_block **out)
{
    return fat_get(fat, fat->shape.table + byte / BLOCK, GET_AHEAD, out);
}

/* Two bytes that need not be in one block. */
static int read_pair(struct fat *fat, uint64_t byte, uint32_t *out)
{
    struct fat_block *block;
    uint32_t value = 0;

    for (unsigned i = 0; i < 2; i++) {
        const int error = get_block(fat, byte + i, &block);
        if (error)
            return error;
        value |= (uint32_t)block->bytes[(byte + i) % BLOCK] << 8 * i;
        fat_put(block);
    }
    *out = value;
    return 0;
}

static uint32_t meaning(const struct fat *fat, uint32_t raw)
{
    const uint32_t all = fat->shape.type == 12   ? 0xfff
                         : fat->shape.type == 16 ? 0xffff
                                                 : 0x0fffffff;

    if (raw == 0)
        return TABLE_FREE;
    if (raw >= all - 7)
        return TABLE_END;
    return fat_is_cluster(fat, raw) ? raw : TABLE_BAD;
}

/* The entry in the bytes that begin at it. */
static uint32_t entry_of(const struct fat *fat, uint32_t cluster, const uint8_t *at)
{
    if (fat->shape.type == 12)
        return cluster % 2 ? read16(at) >> 4 : read16(at) & 0xfffu;
    return fat->shape.type == 16 ? read16(at) : read32(at) & 0x0fffffff;
}

int fat_table_get(struct fat *fat, uint32_t cluster, uint32_t *value)
{
    const uint64_t byte = fat_table_byte(&fat->shape, cluster);
    struct fat_block *block;
    int error;

    if (!fat_is_cluster(fat, cluster))
        return fat_damaged(fat);
    for (uint32_t i = fat->pending.link_count; i-- > 0;) {
        if (fat->pending.links[i].from == cluster) {
            *value = fat->pending.links[i].to;
            return 0;
        }
    }
    if (fat_table_across(&fat->shape, cluster)) {
        uint32_t pair;
        if ((error = read_pair(fat, byte, &pair)) != 0)
            return error;
        *value = meaning(fat, cluster % 2 ? pair >> 4 : pair & 0xfff);
        return 0;
    }
    if ((error = get_block(fat, byte, &block)) != 0)
        return error;
    *value = meaning(fat, entry_of(fat, cluster, block->bytes + byte % BLOCK));
    fat_put(block);
    return 0;
}

/* ---- changing ---- */

static int set_pair(struct fat *fat, uint32_t cluster, uint32_t value)
{
    const uint64_t byte = fat_table_byte(&fat->shape, cluster);
    const uint32_t shift = cluster % 2 ? 4 : 0;
    struct fat_block *blocks[2];
    uint32_t pair;
    int error = get_block(fat, byte, &blocks[0]);

    if (error)
        return error;
    if ((error = get_block(fat, byte + 1, &blocks[1])) != 0) {
        fat_put(blocks[0]);
        return error;
    }
    uint8_t *const low = &blocks[0]->bytes[byte % BLOCK];
    uint8_t *const high = &blocks[1]->bytes[(byte + 1) % BLOCK];
    pair = (*low | (uint32_t)*high << 8) & ~(0xfffu << shift);
    pair |= (value & 0xfff) << shift;
    *low = (uint8_t)pair;
    *high = (uint8_t)(pair >> 8);
    for (unsigned i = 0; i < 2; i++) {
        fat_dirty(fat, blocks[i], CLASS_EARLY);
        fat_put(blocks[i]);
    }
    return 0;
}

int fat_table_set(struct fat *fat, uint32_t cluster, uint32_t value)
{
    const uint64_t byte = fat_table_byte(&fat->shape, cluster);
    struct fat_block *block;
    int error;

    if (fat->shape.type == 12)
        return set_pair(fat, cluster, value);
    if ((error = get_block(fat, byte, &block)) != 0)
        return error;
    uint8_t *const at = block->bytes + byte % BLOCK;
    if (fat->shape.type == 16)
        write16(at, value);
    else
        write32(at, (value & 0x0fffffff) | (read32(at) & 0xf0000000));
    fat_dirty(fat, block, CLASS_EARLY);
    fat_put(block);
    return 0;
}

bool fat_table_together(const struct fat *fat, uint32_t a, uint32_t b)
{
    return fat_table_byte(&fat->shape, a) / BLOCK == fat_table_byte(&fat->shape, b) / BLOCK &&
           !fat_table_across(&fat->shape, a) && !fat_table_across(&fat->shape, b);
}

/* The first free cluster of [from, to). ENOENT. */
static int look_for(struct fat *fat, uint32_t from, uint32_t to, uint32_t *out)
{
    for (uint32_t cluster = from; cluster < to; cluster++) {
        uint32_t value;
        const int error = fat_table_get(fat, cluster, &value);
        if (error)
            return error;
        if (value == TABLE_FREE && !fat_table_across(&fat->shape, cluster)) {
            *out = cluster;
            return 0;
        }
    }
    return ENOENT;
}

int fat_table_take(struct fat *fat, uint32_t near, uint32_t *out)
{
    uint32_t from = fat_is_cluster(fat, near + 1) && near != 0 ? near + 1 : fat->next, found;
    int error;

    if (fat->counted && fat->free == 0)
        return ENOSPC;
    if (!fat_is_cluster(fat, from))
        from = FIRST_CLUSTER;
    error = look_for(fat, from, fat->shape.end, &found);
    if (error == ENOENT)
        error = look_for(fat, FIRST_CLUSTER, from, &found);
    if (error == ENOENT) {
        fat->free = 0; /* whatever it was thought to be */
        fat->counted = fat->info_old = true;
        return ENOSPC;
    }
    if (error || (error = fat_table_set(fat, found, TABLE_END)) != 0)
        return error;
    fat->free -= fat->counted && fat->free != 0;
    fat->next = found + 1;
    fat->info_old = true;
    *out = found;
    return 0;
}

/* Free ones among those whose entries begin in the blocks that are in cache.run. */
static uint32_t count_run(const struct fat *fat, uint64_t first_byte, uint64_t bytes,
                          uint32_t *cluster)
{
    uint32_t count = 0;

    for (; *cluster < fat->shape.end; ++*cluster) {
        const uint64_t at = fat_table_byte(&fat->shape, *cluster) - first_byte;
        if (at >= bytes)
            break;
        if (!fat_table_across(&fat->shape, *cluster))
            count += entry_of(fat, *cluster, fat->cache.run + at) == 0;
    }
    return count;
}

int fat_table_count(struct fat *fat)
{
    const uint64_t all = fat->shape.table_blocks;
    uint32_t cluster = FIRST_CLUSTER, count = 0;

    if (fat->counted)
        return 0;
    for (uint64_t at = 0; at < all && cluster < fat->shape.end; at += CACHE_RUN) {
        const uint32_t blocks = all - at < CACHE_RUN ? (uint32_t)(all - at) : CACHE_RUN;
        if (fat_read_blocks(fat, fat->shape.table + at, blocks, fat->cache.run))
            return EIO;
        count += count_run(fat, at * BLOCK, (uint64_t)blocks * BLOCK, &cluster);
    }
    fat->free = count;
    fat->counted = true;
    return 0;
}
