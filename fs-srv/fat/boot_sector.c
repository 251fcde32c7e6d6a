/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector: numbers from which everything else follows, and none of which is to be believed. What comes out of here keeps struct fat_shape's promise.
 */
#include "fat_impl.h"

/* Its bytes. */
enum {
    BOOT_SECTOR_SIZE = 11,
    BOOT_CLUSTER = 13,
    BOOT_RESERVED = 14,
    BOOT_TABLES = 16,
    BOOT_ROOT_ENTRIES = 17,
    BOOT_SECTORS_16 = 19,
    BOOT_MEDIUM = 21,
    BOOT_TABLE_16 = 22,
    BOOT_SECTORS_32 = 32,
    BOOT_TABLE_32 = 36,
    BOOT_TABLE_IN_USE = 40, /* bits 0 to 3, if bit 7 is set; else all of them are */
    BOOT_VERSION = 42,
    BOOT_ROOT_CLUSTER = 44,
    BOOT_INFO = 48,
    BOOT_STATE = 37,
    BOOT_STATE_32 = 65,
    BOOT_MARK = 510,
};

/* What is the same for all types. Counts are of sectors. */
struct numbers {
    uint32_t sector_size, cluster, reserved, tables, root_entries;
    uint64_t sectors, table;
    bool is_32;
};

static bool is_power(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static bool read_numbers(const uint8_t boot[BLOCK], struct numbers *out)
{
    const uint32_t small_table = read16(boot + BOOT_TABLE_16);
    const uint32_t small_sectors = read16(boot + BOOT_SECTORS_16);

    if (read16(boot + BOOT_MARK) != 0xaa55 || boot[BOOT_MEDIUM] < 0xf0)
        return false;
    *out = (struct numbers){
        .sector_size = read16(boot + BOOT_SECTOR_SIZE),
        .cluster = boot[BOOT_CLUSTER],
        .reserved = read16(boot + BOOT_RESERVED),
        .tables = boot[BOOT_TABLES],
        .root_entries = read16(boot + BOOT_ROOT_ENTRIES),
        .sectors = small_sectors ? small_sectors : read32(boot + BOOT_SECTORS_32),
        .table = small_table ? small_table : read32(boot + BOOT_TABLE_32),
        .is_32 = small_table == 0,
    };
    return is_power(out->sector_size) && out->sector_size >= 512 && out->sector_size <= 4096 &&
           is_power(out->cluster) && out->cluster * out->sector_size <= 65536 &&
           out->reserved != 0 && out->tables >= 1 && out->tables <= 4 && out->table != 0 &&
           out->sectors != 0;
}

/* Tables: the one in use, or all of them. */
static bool read_tables(const uint8_t boot[BLOCK], const struct numbers *n, struct fat_shape *shape)
{
    const uint64_t blocks = n->sector_size / BLOCK;
    const uint32_t in_use = n->is_32 ? read16(boot + BOOT_TABLE_IN_USE) : 0;

    shape->table = n->reserved * blocks;
    shape->table_blocks = n->table * blocks;
    shape->copies = n->tables;
    if (in_use & 0x80) {
        if ((in_use & 15) >= n->tables)
            return false;
        shape->table += (in_use & 15) * shape->table_blocks;
        shape->copies = 1;
    }
    return true;
}

static bool read_32(const uint8_t boot[BLOCK], const struct numbers *n, struct fat_shape *shape)
{
    const uint32_t info = read16(boot + BOOT_INFO);

    shape->type = 32;
    shape->root_cluster = read32(boot + BOOT_ROOT_CLUSTER);
    shape->info = info != 0 && info < n->reserved ? (uint64_t)info * (n->sector_size / BLOCK) : 0;
    shape->state_at = BOOT_STATE_32;
    return read16(boot + BOOT_VERSION) == 0 && n->root_entries == 0 &&
           shape->root_cluster >= FIRST_CLUSTER && shape->root_cluster < shape->end;
}

/* The number of clusters decides between 12 and 16. */
static bool read_small(const struct numbers *n, uint64_t clusters, struct fat_shape *shape)
{
    shape->type = clusters < 4085 ? 12 : 16;
    shape->root_entries = n->root_entries;
    shape->state_at = BOOT_STATE;
    return clusters < 65525 && n->root_entries != 0 &&
           n->root_entries % (n->sector_size / ENTRY) == 0;
}

int fat_read_shape(const uint8_t boot[BLOCK], uint64_t storage_size, struct fat_shape *out)
{
    struct fat_shape shape = {0};
    struct numbers n;

    if (!read_numbers(boot, &n) || n.sectors * n.sector_size > storage_size)
        return EINVAL;
    const uint64_t root = ((uint64_t)n.root_entries * ENTRY + n.sector_size - 1) / n.sector_size;
    const uint64_t before = n.reserved + n.tables * n.table + root;
    if (before >= n.sectors || !read_tables(boot, &n, &shape))
        return EINVAL;
    const uint64_t clusters = (n.sectors - before) / n.cluster;
    shape.sector_blocks = n.sector_size / BLOCK;
    shape.cluster_blocks = n.cluster * shape.sector_blocks;
    shape.root = (before - root) * shape.sector_blocks;
    shape.data = before * shape.sector_blocks;
    /* As many as the table has entries for. */
    const uint64_t bits = n.is_32 ? 32 : clusters < 4085 ? 12 : 16;
    uint64_t end = n.table * n.sector_size * 8 / bits;
    end = end < clusters + FIRST_CLUSTER ? end : clusters + FIRST_CLUSTER;
    if (clusters == 0 || end <= FIRST_CLUSTER)
        return EINVAL;
    shape.end = end < 0x0ffffff7 ? (uint32_t)end : 0x0ffffff7;
    if (!(n.is_32 ? read_32(boot, &n, &shape) : read_small(&n, clusters, &shape)))
        return EINVAL;
    *out = shape;
    return 0;
}
