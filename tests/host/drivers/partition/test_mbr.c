/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MBR: primary partitions, chains of logical ones, and what is no table at all.
 */
#include "../../check.h"
#include "disk.h"

static struct partition_table table;

static void expect(unsigned number, uint64_t first, uint64_t blocks, uint8_t type)
{
    CHECK(number < table.count || blocks == 0);
    CHECK_EQ(table.partition[number].first, first);
    CHECK_EQ(table.partition[number].blocks, blocks);
    CHECK_EQ(table.partition[number].type[0], type);
}

static void expect_trouble(const char *word)
{
    CHECK(table.trouble != NULL);
    if (strstr(table.trouble, word) == NULL)
        CHECK_TEXT(table.trouble, word);
}

static void test_primary(uint32_t block_size)
{
    struct disk disk;

    disk_make(&disk, block_size, 100000);
    disk_entry(&disk, 0, 0, 0x0c, 64, 1000);
    disk_entry(&disk, 0, 2, 0x83, 2000, 98000);
    disk_block(&disk, 0)[446] = 0x80;
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL);
    CHECK_EQ(table.scheme, 1);
    CHECK_EQ(table.count, 4);
    expect(1, 64, 1000, 0x0c);
    expect(2, 0, 0, 0);
    expect(3, 2000, 98000, 0x83);
    disk_destroy(&disk);
}

/* Refused ones leave the others their numbers. */
static void test_primary_refused(void)
{
    static const struct {
        uint32_t first, blocks;
        const char *trouble;
    } bad[] = {
        {0, 10, "block 0"},
        {50, 0, "no blocks"},
        {99999, 2, "beyond the end"},
        {100000, 1, "beyond the end"},
        {UINT32_MAX, UINT32_MAX, "beyond the end"},
        {1, UINT32_MAX, "beyond the end"},
        {1099, 1, "overlaps"},
        {1, 100, "overlaps"},
        {50, 5000, "overlaps"},
        {500, 10, "overlaps"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct disk disk;

        disk_make(&disk, 512, 100000);
        disk_entry(&disk, 0, 0, 0x0c, 100, 1000);
        disk_entry(&disk, 0, 1, 0x83, bad[i].first, bad[i].blocks);
        disk_entry(&disk, 0, 3, 0xda, 90000, 10000);
        disk_table(&disk, &table);
        expect_trouble(bad[i].trouble);
        CHECK_EQ(table.count, 5);
        expect(1, 100, 1000, 0x0c);
        expect(2, 0, 0, 0);
        expect(4, 90000, 10000, 0xda);
        disk_destroy(&disk);
    }
}

/* An extended partition at 1000 with 700 blocks, and logical ones in it, 100 apart. */
static void make_chain(struct disk *disk, unsigned logical)
{
    disk_make(disk, 512, 100000);
    disk_entry(disk, 0, 0, 0x83, 10, 100);
    disk_entry(disk, 0, 3, 0x0f, 1000, 700);
    for (unsigned i = 0; i < logical; i++) {
        uint32_t at = 1000 + 100 * i;

        disk_entry(disk, at, 0, 0x83, 1, 99);
        if (i + 1 < logical)
            disk_entry(disk, at, 1, 0x05, 100 * (i + 1), 100);
    }
}

static void test_chain(void)
{
    struct disk disk;

    make_chain(&disk, 7);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL);
    CHECK_EQ(table.count, 12);
    for (unsigned i = 0; i < 7; i++)
        expect(5 + i, 1001 + 100 * i, 99, 0x83);
    expect(4, 0, 0, 0);
    disk_destroy(&disk);
}

static void chain_with(void (*spoil)(struct disk *), const char *trouble, unsigned logical)
{
    struct disk disk;

    make_chain(&disk, 4);
    spoil(&disk);
    disk_table(&disk, &table);
    expect_trouble(trouble);
    expect(1, 10, 100, 0x83);
    for (unsigned i = 0; i < 4 && logical >> i != 0; i++)
        if ((logical >> i & 1) != 0)
            expect(5 + i, 1001 + 100 * i, 99, 0x83);
        else
            expect(5 + i, 0, 0, 0);
    disk_destroy(&disk);
}

static void loop(struct disk *disk)
{
    disk_entry(disk, 1300, 1, 0x05, 200, 100);
}

static void loop_to_itself(struct disk *disk)
{
    disk_entry(disk, 1100, 1, 0x05, 100, 100);
}

static void lead_out(struct disk *disk)
{
    disk_entry(disk, 1100, 1, 0x05, 700, 100);
}

static void lead_far_out(struct disk *disk)
{
    disk_entry(disk, 1100, 1, 0x05, UINT32_MAX, 1);
}

static void lead_into_partition(struct disk *disk)
{
    disk_entry(disk, 1100, 1, 0x05, 150, 100);
}

static void no_signature(struct disk *disk)
{
    disk_block(disk, 1200)[510] = 0;
}

static void unreadable(struct disk *disk)
{
    disk->bad[0] = 1200;
}

static void logical_too_long(struct disk *disk)
{
    disk_entry(disk, 1100, 0, 0x83, 1, 600);
}

static void logical_over_first(struct disk *disk)
{
    disk_entry(disk, 1200, 0, 0x83, 0, 10);
}

static void logical_over_chain(struct disk *disk)
{
    disk_entry(disk, 1000, 1, 0x05, 300, 100); /* 1300 before 1100 and 1200 */
    disk_entry(disk, 1300, 1, 0x05, 100, 100);
    disk_entry(disk, 1100, 0, 0x83, 50, 300);
}

static void test_chain_refused(void)
{
    chain_with(loop, "does not end", 0xf);
    chain_with(loop_to_itself, "does not end", 3);
    chain_with(lead_out, "out of the extended", 3);
    chain_with(lead_far_out, "out of the extended", 3);
    chain_with(lead_into_partition, "into a partition", 3);
    chain_with(no_signature, "no table", 3);
    chain_with(unreadable, "cannot be read", 3);
    chain_with(logical_too_long, "not inside", 0xd);
    chain_with(logical_over_first, "not inside", 0xb);
    chain_with(logical_over_chain, "over the chain", 1);
}

static void test_many_logical(void)
{
    struct disk disk;

    disk_make(&disk, 512, 100000);
    disk_entry(&disk, 0, 1, 0x85, 100, 1000);
    for (uint32_t i = 0; i < 60; i++) {
        disk_entry(&disk, 100 + 10 * i, 0, 0x83, 1, 9);
        disk_entry(&disk, 100 + 10 * i, 1, 0x05, 10 * (i + 1), 10);
    }
    disk_table(&disk, &table);
    CHECK_EQ(table.count, PARTITION_TABLE_MAX);
    expect_trouble("more than 31");
    expect(31, 100 + 26 * 10 + 1, 9, 0x83);
    disk_destroy(&disk);
}

static void test_extended_refused(void)
{
    struct disk disk;

    disk_make(&disk, 512, 100000);
    disk_entry(&disk, 0, 0, 0x0f, 1000, 99001);
    disk_entry(&disk, 0, 1, 0x83, 100, 100);
    disk_table(&disk, &table);
    expect_trouble("extended partition goes beyond");
    expect(2, 100, 100, 0x83);
    disk_entry(&disk, 0, 0, 0x0f, 150, 1000);
    disk_table(&disk, &table);
    expect_trouble("extended partition overlaps");
    disk_entry(&disk, 0, 0, 0x0f, 500, 1000);
    disk_entry(&disk, 500, 0, 0x83, 1, 10);
    disk_entry(&disk, 0, 2, 0x05, 5000, 1000);
    disk_table(&disk, &table);
    expect_trouble("more than one extended");
    expect(5, 501, 10, 0x83);
    disk_destroy(&disk);
}

/* A file system that begins at block 0, garbage, nothing. */
static void test_no_table(void)
{
    struct disk disk;
    uint8_t *block;

    disk_make(&disk, 512, 5000);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL && table.scheme == 0 && table.count == 1);
    block = disk_block(&disk, 0);
    block[510] = 0x55;
    block[511] = 0xaa;
    memcpy(block + 82, "FAT32   ", 8);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL && table.scheme == 0 && table.count == 1);
    memset(block + 82, 0, 8);
    disk_table(&disk, &table);
    CHECK(table.scheme == 1 && table.count == 1);
    memcpy(block + 446, "Remove disks or other media.", 28);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL && table.scheme == 0 && table.count == 1);
    disk.bad_first = true;
    disk_table(&disk, &table);
    expect_trouble("block 0 cannot be read");
    disk_destroy(&disk);
}

static void test_odd_devices(void)
{
    static const uint32_t sizes[] = {0, 1, 256, 511, 513, 1536, 8192, UINT32_MAX};
    struct disk disk;

    disk_make(&disk, 512, 5000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        partition_read(&table, disk_read, &disk, sizes[i], 5000);
        CHECK_EQ(table.count, 1);
        expect_trouble("size that has no tables");
    }
    CHECK_EQ(disk.reads, 0);
    partition_read(&table, disk_read, &disk, 512, 0);
    CHECK(table.count == 1 && table.trouble == NULL && disk.reads == 0);
    disk_destroy(&disk);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t size = 512; size <= 4096; size *= 2)
        test_primary(size);
    test_primary_refused();
    test_chain();
    test_chain_refused();
    test_many_logical();
    test_extended_refused();
    test_no_table();
    test_odd_devices();
    return check_end();
}
