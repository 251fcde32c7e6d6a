/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks of bytes (disk.h). Checksums are computed bit by bit, not as the reader does.
 */
#include "disk.h"

#include "../../check.h"

void disk_make_kept(struct disk *disk, uint32_t block_size, uint64_t blocks, uint32_t kept)
{
    *disk = (struct disk){.block_size = block_size, .blocks = blocks, .kept = kept};
    disk->bytes = calloc(kept, block_size);
    CHECK(disk->bytes != NULL);
}

void disk_make(struct disk *disk, uint32_t block_size, uint64_t blocks)
{
    disk_make_kept(disk, block_size, blocks, DISK_BLOCKS);
}

void disk_destroy(struct disk *disk)
{
    free(disk->bytes);
}

/* Its place in `bytes`; SIZE_MAX: it has none. */
static size_t place_of(const struct disk *disk, uint64_t block)
{
    if (block < disk->kept / 2 || disk->blocks <= disk->kept)
        return (size_t)block;
    if (disk->blocks - block <= disk->kept / 2)
        return (size_t)(disk->kept - (disk->blocks - block));
    return SIZE_MAX;
}

uint8_t *disk_block(struct disk *disk, uint64_t block)
{
    size_t place = place_of(disk, block);

    CHECK(block < disk->blocks && place != SIZE_MAX);
    return disk->bytes + place * disk->block_size;
}

kern_return_t disk_read(void *context, uint64_t block, uint32_t count, void *to)
{
    struct disk *disk = context;

    disk->reads++;
    CHECK(count > 0 && block < disk->blocks && count <= disk->blocks - block);
    CHECK((uint64_t)count * disk->block_size <= 4096);
    for (uint32_t i = 0; i < count; i++) {
        size_t place = place_of(disk, block + i);
        uint8_t *at = (uint8_t *)to + (size_t)i * disk->block_size;

        for (unsigned n = 0; n < DISK_BAD_MAX; n++)
            if ((disk->bad[n] != 0 && disk->bad[n] == block + i) ||
                (disk->bad_first && block + i == 0))
                return KERN_MEMORY_ERROR;
        if (place == SIZE_MAX)
            memset(at, 0, disk->block_size);
        else
            memcpy(at, disk->bytes + place * disk->block_size, disk->block_size);
    }
    return KERN_SUCCESS;
}

void disk_table(struct disk *disk, struct partition_table *table)
{
    memset(table, 0xa5, sizeof(*table));
    disk->reads = 0;
    partition_read(table, disk_read, disk, disk->block_size, disk->blocks);
    CHECK(disk->reads <= PARTITION_READS_MAX);
    CHECK(table->count >= 1 && table->count <= PARTITION_TABLE_MAX);
    CHECK(table->scheme <= 2);
    CHECK(table->trouble == NULL || strlen(table->trouble) > 10);
    CHECK_EQ(table->partition[0].first, 0);
    CHECK_EQ(table->partition[0].blocks, disk->blocks);
    for (uint32_t i = 1; i < PARTITION_TABLE_MAX; i++) {
        const struct partition *p = &table->partition[i];

        if (i >= table->count || p->blocks == 0) {
            CHECK_EQ(p->blocks, 0);
            CHECK_EQ(p->first, 0);
            continue;
        }
        CHECK(p->first >= 1 && p->first < disk->blocks && p->blocks <= disk->blocks - p->first);
        CHECK(memchr(p->name, 0, sizeof(p->name)) != NULL);
        for (uint32_t j = 1; j < i; j++) {
            const struct partition *q = &table->partition[j];

            CHECK(q->blocks == 0 || q->first + q->blocks <= p->first ||
                  p->first + p->blocks <= q->first);
        }
    }
}

void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void put32(uint8_t *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

void disk_entry(struct disk *disk, uint64_t block, unsigned number, uint8_t type, uint32_t first,
                uint32_t blocks)
{
    uint8_t *at = disk_block(disk, block), *entry = at + 446 + 16 * number;

    entry[4] = type;
    put32(entry + 8, first);
    put32(entry + 12, blocks);
    at[510] = 0x55;
    at[511] = 0xaa;
}

/* ---- GPT ---- */

static uint32_t crc_of(const uint8_t *at, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

uint8_t *disk_gpt_entry_at(struct disk *disk, uint64_t header, unsigned number)
{
    const uint8_t *at = disk_block(disk, header);

    return disk_block(disk, get64(at + 72)) + (size_t)number * get32(at + 84);
}

void disk_gpt_sums(struct disk *disk, uint64_t header)
{
    uint8_t *at = disk_block(disk, header);

    put32(at + 88,
          crc_of(disk_gpt_entry_at(disk, header, 0), (size_t)get32(at + 80) * get32(at + 84)));
    put32(at + 16, 0);
    put32(at + 16, crc_of(at, get32(at + 12)));
}

static uint64_t blocks_of_entries(const struct disk *disk, uint32_t count)
{
    return (count * UINT64_C(128) + disk->block_size - 1) / disk->block_size;
}

static void put_header(struct disk *disk, uint32_t count, uint64_t self, uint64_t other,
                       uint64_t entries)
{
    uint64_t blocks = blocks_of_entries(disk, count);
    uint8_t *at = disk_block(disk, self);

    memcpy(at, "EFI PART", 8);
    put32(at + 8, 0x10000);
    put32(at + 12, 92);
    put64(at + 24, self);
    put64(at + 32, other);
    put64(at + 40, 2 + blocks);
    put64(at + 48, disk->blocks - 2 - blocks);
    put64(at + 72, entries);
    put32(at + 80, count);
    put32(at + 84, 128);
    disk_gpt_sums(disk, self);
}

void disk_gpt(struct disk *disk, uint32_t count)
{
    uint64_t last = disk->blocks - 1;

    disk_entry(disk, 0, 0, 0xee, 1, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
    put_header(disk, count, 1, last, 2);
    put_header(disk, count, last, 1, last - blocks_of_entries(disk, count));
}

void disk_gpt_entry(struct disk *disk, unsigned number, uint64_t first, uint64_t last,
                    const char *name)
{
    for (unsigned which = 0; which < 2; which++) {
        uint64_t header = which == 0 ? 1 : disk->blocks - 1;
        uint8_t *entry = disk_gpt_entry_at(disk, header, number);

        memset(entry, 0, 128);
        for (unsigned i = 0; i < 16; i++)
            entry[i] = (uint8_t)(0x10 + i);
        entry[16] = (uint8_t)(number + 1);
        put64(entry + 32, first);
        put64(entry + 40, last);
        for (unsigned i = 0; name[i] != '\0'; i++)
            put16(entry + 56 + 2 * (size_t)i, (uint8_t)name[i]);
        disk_gpt_sums(disk, header);
    }
}
