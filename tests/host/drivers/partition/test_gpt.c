/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GPT: whole, with damage to one or both, with lies in it.
 */
#include "../../check.h"
#include "disk.h"

static struct partition_table table;

static void expect_trouble(const char *words)
{
    CHECK(table.trouble != NULL);
    if (strstr(table.trouble, words) == NULL)
        CHECK_TEXT(table.trouble, words);
}

static void make(struct disk *disk, uint32_t block_size)
{
    disk_make(disk, block_size, UINT64_C(0x123456789));
    disk_gpt(disk, 128);
    disk_gpt_entry(disk, 0, 100, 199, "boot");
    disk_gpt_entry(disk, 2, 200, UINT64_C(0x100000000), "data");
}

static void expect_both(void)
{
    CHECK_EQ(table.scheme, 2);
    CHECK_EQ(table.count, 4);
    CHECK_EQ(table.partition[1].first, 100);
    CHECK_EQ(table.partition[1].blocks, 100);
    CHECK_TEXT((const char *)table.partition[1].name, "boot");
    CHECK_EQ(table.partition[1].type[3], 0x13);
    CHECK_EQ(table.partition[2].blocks, 0);
    CHECK_EQ(table.partition[3].first, 200);
    CHECK_EQ(table.partition[3].blocks, UINT64_C(0x100000000) - 199);
    CHECK_TEXT((const char *)table.partition[3].name, "data");
}

static void test_whole(uint32_t block_size)
{
    struct disk disk;

    make(&disk, block_size);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL);
    expect_both();
    disk_destroy(&disk);
}

/* Something is wrong with the header at 1, whose checksums are right then if `sums`. */
struct damage {
    unsigned offset, size;
    uint64_t value;
    bool sums;
    const char *trouble;
};

static const struct damage damages[] = {
    {0, 4, 0, false, "has no header"},
    {8, 4, 0x20000, true, "revision"},
    {12, 4, 91, false, "header with a wrong checksum"},
    {12, 4, 513, false, "header with a wrong checksum"},
    {12, 4, UINT32_MAX, false, "header with a wrong checksum"},
    {16, 4, 0, false, "header with a wrong checksum"},
    {24, 8, 2, true, "elsewhere"},
    {40, 8, 1, true, "usable range"},
    {40, 8, UINT64_C(0x123456789), true, "usable range"},
    {48, 8, UINT64_MAX, true, "usable range"},
    {48, 8, UINT64_C(0x123456789), true, "usable range"},
    {72, 8, 1, true, "entries outside"},
    {72, 8, 0, true, "entries outside"},
    {72, 8, 100, true, "entries outside"},
    {72, 8, UINT64_MAX, false, "header with a wrong checksum"},
    {80, 4, 0, true, "size or number"},
    {80, 4, UINT32_MAX, false, "header with a wrong checksum"},
    {84, 4, 64, true, "size or number"},
    {84, 4, 192, true, "size or number"},
    {84, 4, 8192, false, "header with a wrong checksum"},
    {88, 4, 0, false, "header with a wrong checksum"},
};

static void spoil(struct disk *disk, uint64_t header, const struct damage *damage)
{
    uint8_t *at = disk_block(disk, header);

    if (damage->size == 4)
        put32(at + damage->offset, (uint32_t)damage->value);
    else
        put64(at + damage->offset, damage->value);
    if (damage->sums)
        disk_gpt_sums(disk, header);
}

static void test_damage(void)
{
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct disk disk;

        make(&disk, 512);
        spoil(&disk, 1, &damages[i]);
        disk_table(&disk, &table);
        expect_trouble(damages[i].trouble);
        expect_trouble("its backup is used");
        expect_both();
        spoil(&disk, disk.blocks - 1, &(struct damage){16, 4, 0, false, NULL});
        disk_table(&disk, &table);
        expect_trouble(damages[i].trouble);
        expect_trouble("does not hold either");
        CHECK_EQ(table.count, 1);
        disk_destroy(&disk);
    }
}

/* Numbers so large that they would overflow, with right checksums. */
static void test_overflow(void)
{
    static const struct damage lies[] = {
        {72, 8, UINT64_MAX, true, "entries outside"},
        {72, 8, UINT64_C(0x123456780), true, "entries outside"},
        {80, 4, UINT32_MAX, true, "size or number"},
        {80, 4, 2049, true, "size or number"},
        {84, 4, 8192, true, "size or number"},
        {84, 4, UINT32_C(0x80000000), true, "size or number"},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct disk disk;
        uint8_t *at;
        uint32_t crc = UINT32_MAX;

        make(&disk, 512);
        spoil(&disk, 1, &(struct damage){lies[i].offset, lies[i].size, lies[i].value, false, NULL});
        at = disk_block(&disk, 1); /* of the header alone */
        put32(at + 16, 0);
        for (size_t n = 0; n < 92; n++) {
            crc ^= at[n];
            for (unsigned bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
        }
        put32(at + 16, ~crc);
        disk_table(&disk, &table);
        expect_trouble(lies[i].trouble);
        expect_both();
        disk_destroy(&disk);
    }
}

static void test_entries_damaged(void)
{
    struct disk disk;

    make(&disk, 4096);
    disk_gpt_entry_at(&disk, 1, 127)[5] ^= 1; /* an unused one, at the end */
    disk_table(&disk, &table);
    expect_trouble("entries with a wrong checksum: its backup is used");
    expect_both();
    disk.bad[0] = disk.blocks - 1;
    disk_table(&disk, &table);
    expect_trouble("entries with a wrong checksum, and its backup does not hold");
    CHECK_EQ(table.count, 1); /* nothing of a table whose sum is wrong */
    disk_destroy(&disk);
}

/* The backup is where the header says, or at the device's end: a card's image on a larger card has it in the middle. */
static void test_backup_place(void)
{
    struct disk disk;

    make(&disk, 512);
    disk.bad[0] = 2;
    disk_table(&disk, &table);
    expect_trouble("cannot be read: its backup is used");
    expect_both();
    spoil(&disk, 1,
          &(struct damage){32, 8, 1000, true, NULL}); /* says that it is where there is none */
    disk_table(&disk, &table);
    expect_trouble("cannot be read: its backup is used");
    expect_both();
    disk.bad[0] = 1;
    disk_table(&disk, &table);
    expect_both();
    disk_destroy(&disk);
}

static void test_partitions_refused(void)
{
    static const struct {
        uint64_t first, last;
        const char *trouble;
    } bad[] = {
        {150, 160, "overlaps"},
        {199, 199, "overlaps"},
        {33, 40, "usable range"},
        {0, UINT64_MAX, "usable range"},
        {UINT64_C(0x100000010), UINT64_C(0x100000001), "usable range"},
        {UINT64_C(0x100000001), UINT64_C(0x123456788), "usable range"},
        {UINT64_MAX, UINT64_MAX, "usable range"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct disk disk;

        make(&disk, 512);
        disk_gpt_entry(&disk, 1, bad[i].first, bad[i].last, "bad");
        disk_gpt_entry(&disk, 2, 200, UINT64_C(0x100000000), "data");
        disk_table(&disk, &table);
        expect_trouble(bad[i].trouble);
        expect_both();
        disk_destroy(&disk);
    }
}

static void test_many(void)
{
    struct disk disk;

    disk_make(&disk, 2048, 100000);
    disk_gpt(&disk, 2048); /* 256 KiB of entries, the most there may be */
    for (unsigned i = 0; i < 40; i++)
        disk_gpt_entry(&disk, i, 1000 + i, 1000 + i, "one block");
    disk_table(&disk, &table);
    CHECK_EQ(table.count, PARTITION_TABLE_MAX);
    expect_trouble("more than 31");
    CHECK_EQ(table.partition[31].first, 1030);
    disk_destroy(&disk);
}

static void test_protective(void)
{
    struct disk disk;

    make(&disk, 512);
    disk_entry(&disk, 0, 0, 0xee, 2, 1000);
    disk_table(&disk, &table);
    expect_trouble("protective MBR");
    CHECK(table.count == 1 && table.scheme == 0);
    disk_entry(&disk, 0, 1, 0xee, 1, 1000); /* a hybrid one */
    disk_entry(&disk, 0, 0, 0x0c, 100, 100);
    disk_table(&disk, &table);
    CHECK(table.trouble == NULL);
    expect_both();
    disk_block(&disk, 0)[511] = 0; /* without: no table, whatever is behind it */
    disk_table(&disk, &table);
    CHECK(table.count == 1 && table.scheme == 0);
    disk_destroy(&disk);
}

/* Names: more than fits, characters of all lengths, halves of pairs, what must not reach a terminal. */
static void test_names(void)
{
    static const struct {
        uint16_t units[36];
        const char *name;
    } names[] = {
        {{'a', 0, 'b'}, "a"},
        {{0}, ""},
        {{0xe4, 0x20ac, 0xd83d, 0xde00}, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {{0xd83d, 'x', 0xde00}, "?x?"},
        {{'\n', 0x1b, 0x7f, 0x9b, 0xa0}, "????\xc2\xa0"},
        {{[0 ... 35] = 'z'}, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"},
        {{[0 ... 34] = 'z', 0xd83d}, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz?"},
        {{[0 ... 35] = 0x20ac},
         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct disk disk;
        uint8_t *entry;

        make(&disk, 512);
        entry = disk_gpt_entry_at(&disk, 1, 0);
        for (size_t unit = 0; unit < 36; unit++)
            put16(entry + 56 + 2 * unit, names[i].units[unit]);
        disk_gpt_sums(&disk, 1);
        disk_table(&disk, &table);
        CHECK(table.trouble == NULL);
        CHECK_TEXT((const char *)table.partition[1].name, names[i].name);
        disk_destroy(&disk);
    }
}

/* Too small for a GPT, of every size. */
static void test_small(void)
{
    for (uint64_t blocks = 1; blocks < 80; blocks++) {
        struct disk disk;

        disk_make(&disk, 512, blocks);
        disk_entry(&disk, 0, 0, 0xee, 1, 1);
        if (blocks > 1)
            memcpy(disk_block(&disk, 1), "EFI PART", 8);
        if (blocks > 68)
            disk_gpt(&disk, 128);
        disk_table(&disk, &table);
        CHECK_EQ(table.count, 1);
        CHECK_EQ(table.trouble == NULL, blocks > 68);
        disk_destroy(&disk);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t size = 512; size <= 4096; size *= 2)
        test_whole(size);
    test_damage();
    test_overflow();
    test_entries_damaged();
    test_backup_place();
    test_partitions_refused();
    test_many();
    test_protective();
    test_names();
    test_small();
    return check_end();
}
