/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Good tables with bytes changed, and checksums made right again or not: disk_table() checks what every table promises. Each block
 * of a good table that cannot be read, too.
 */
#include "../../check.h"
#include "disk.h"

enum { KEPT = 2400 };

static void make_random_mbr(struct disk *disk)
{
    uint32_t at = 1;

    disk_make_kept(disk, 512u << check_below(4), 3000 + check_below(2000), KEPT);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t blocks = 1 + (uint32_t)check_below(300);

        disk_entry(disk, 0, i, 0x83, at, blocks);
        at += blocks;
    }
    disk_entry(disk, 0, 3, 0x05, at, 1000);
    for (uint32_t i = 0; i < 5; i++) {
        disk_entry(disk, at + 20 * i, 0, 0x83, 1, 19);
        if (i < 4)
            disk_entry(disk, at + 20 * i, 1, 0x05, 20 * (i + 1), 20);
    }
}

static void make_random_gpt(struct disk *disk)
{
    uint64_t at = 300;

    disk_make_kept(disk, 512u << check_below(4), 20000 + check_skewed() % 1000000000, KEPT);
    disk_gpt(disk, 4 << check_below(8));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t blocks = 1 + check_below(2000);

        disk_gpt_entry(disk, i, at, at + blocks - 1, "random");
        at += blocks;
    }
}

static void change(struct disk *disk, uint64_t block, unsigned from, unsigned to)
{
    uint8_t *at = disk_block(disk, block) + from + check_below(to - from);

    switch (check_below(3)) {
    case 0: *at ^= (uint8_t)(1u << check_below(8)); break;
    case 1: *at = (uint8_t)check_random(); break;
    default: *at = check_below(2) == 0 ? 0 : 0xff; break;
    }
}

static void mutate_mbr(void)
{
    struct partition_table table;
    struct disk disk;

    make_random_mbr(&disk);
    for (uint64_t n = check_below(6); n > 0; n--)
        change(&disk, check_below(3) == 0 ? 0 : check_below(1100), 446, 512);
    disk_table(&disk, &table);
    disk_destroy(&disk);
}

static void mutate_gpt(void)
{
    struct partition_table table;
    struct disk disk;

    make_random_gpt(&disk);
    for (uint64_t n = check_below(3); n > 0; n--)
        disk_gpt_entry_at(&disk, 1, (unsigned)check_below(4))[32 + check_below(24)] =
            (uint8_t)check_skewed();
    disk_gpt_sums(&disk, 1);
    for (uint64_t n = check_below(3); n > 0; n--)
        change(&disk, check_below(2) == 0 ? 1 : disk.blocks - 1, 0, 92);
    disk_table(&disk, &table);
    disk_destroy(&disk);
}

/* Makes the header's own checksum right after any change of it. */
static void lie_in_header(void)
{
    struct partition_table table;
    struct disk disk;
    uint8_t *at;
    uint32_t crc = UINT32_MAX;

    make_random_gpt(&disk);
    at = disk_block(&disk, 1);
    for (uint64_t n = 1 + check_below(3); n > 0; n--)
        put32(at + 24 + 4 * check_below(17), (uint32_t)check_skewed());
    put32(at + 16, 0);
    for (size_t n = 0; n < 92; n++) {
        crc ^= at[n];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
    }
    put32(at + 16, ~crc);
    disk_table(&disk, &table);
    disk_destroy(&disk);
}

/* Every single block unreadable: all is as it was, or there is trouble. */
static void lose_each_block(void)
{
    struct partition_table whole, table;
    struct disk disk;

    make_random_gpt(&disk);
    disk_table(&disk, &whole);
    CHECK(whole.trouble == NULL && whole.count == 5);
    for (uint64_t block = 1; block < 64; block++) {
        disk.bad[0] = block;
        disk_table(&disk, &table);
        CHECK_EQ(table.count, 5);
        for (unsigned i = 0; i < 5; i++)
            CHECK(memcmp(&table.partition[i], &whole.partition[i], sizeof(table.partition[i])) ==
                  0);
    }
    disk_destroy(&disk);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < 120; i++) {
        mutate_mbr();
        mutate_gpt();
        lie_in_header();
    }
    for (unsigned i = 0; i < 5; i++)
        lose_each_block();
    return check_end();
}
