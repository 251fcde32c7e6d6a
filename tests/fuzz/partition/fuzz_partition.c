/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the partition reader. An input is a disk: a byte for the size of blocks and what is done to it, a byte for how
 * many blocks there are, then blocks 0, 1, 2 ... Since no mutation hits a checksum, they are made right here if the first byte says
 * so; and a table block gets its signature. Oracle: disk_table() (tests/host/drivers/partition/disk.c), which checks each promise of
 * libsys/driver/partition.h.
 */
#include <string.h>

#include "../../host/check.h"
#include "disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEPT = 128 };
enum { SIZE_MASK = 3, SIGN = 4, SUMS = 8, MIRROR = 16, BAD = 32, LARGE = 64 };

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The sums of a header that describes entries which are there. */
static void make_sums(struct disk *disk, uint64_t header)
{
    uint8_t *at = disk_block(disk, header);
    uint64_t bytes = (uint64_t)get32(at + 80) * get32(at + 84), entries = get32(at + 72);

    if (get32(at + 76) != 0 || entries >= KEPT / 2 || entries >= disk->blocks ||
        bytes > (KEPT / 2 - entries) * disk->block_size)
        return;
    if (get32(at + 12) < 92 || get32(at + 12) > disk->block_size)
        put32(at + 12, 92);
    disk_gpt_sums(disk, header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct disk disk;
    struct partition_table table;
    uint8_t how;
    size_t room;

    if (size < 2)
        return 0;
    how = data[0];
    disk_make_kept(&disk, 512u << (how & SIZE_MASK),
                   (how & LARGE) != 0 ? (uint64_t)data[1] << 32 | 1000 : 1u + data[1], KEPT);
    room = (size_t)disk.block_size * (disk.blocks < KEPT / 2 ? (size_t)disk.blocks : KEPT / 2);
    memcpy(disk.bytes, data + 2, size - 2 < room ? size - 2 : room);
    if ((how & SIGN) != 0)
        memcpy(disk.bytes + 510, "\x55\xaa", 2);
    if (disk.blocks > 4 && (how & MIRROR) != 0)
        memcpy(disk_block(&disk, disk.blocks - 1), disk_block(&disk, 1), disk.block_size);
    if (disk.blocks > 4 && (how & SUMS) != 0) {
        make_sums(&disk, 1);
        make_sums(&disk, disk.blocks - 1);
    }
    if ((how & BAD) != 0)
        disk.bad[0] = size % 4 + 1;
    disk_table(&disk, &table);
    disk_destroy(&disk);
    return 0;
}
