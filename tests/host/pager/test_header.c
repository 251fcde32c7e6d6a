/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page of a swap partition: what mkswap makes is read, and nothing else; and names of partitions.
 */
#include "check.h"
#include <swap_header.h>
#include <swap_name.h>

static const uint8_t uuid[SWAP_UUID] = "sixteen letters";

static void test_sizes(void)
{
    uint8_t page[SWAP_PAGE];
    struct swap_header header;
    const uint64_t least = (SWAP_PAGES_LEAST + 1) * (uint64_t)SWAP_PAGE;

    CHECK(!swap_header_make(page, 0, uuid, ""));
    CHECK(!swap_header_make(page, least - 1, uuid, ""));
    CHECK(swap_header_make(page, least, uuid, "a name"));
    CHECK(swap_header_read(page, least, &header));
    CHECK_EQ(header.pages, SWAP_PAGES_LEAST);
    CHECK_TEXT(header.name, "a name");
    CHECK(memcmp(header.uuid, uuid, SWAP_UUID) == 0);
    CHECK(swap_header_read(page, least + 12345, &header)); /* a partition that has grown */
    CHECK(!swap_header_read(page, least - 1, &header));
    CHECK(swap_header_make(page, UINT64_C(1) << 60, uuid, "a name that is much too long"));
    CHECK(swap_header_read(page, UINT64_C(1) << 60, &header));
    CHECK_EQ(header.pages, SWAP_PAGES_MAX);
    CHECK_TEXT(header.name, "a name that is ");
}

static void test_damage(void)
{
    uint8_t page[SWAP_PAGE];
    struct swap_header header;

    CHECK(swap_header_make(page, 1 << 20, uuid, "x"));
    for (unsigned bit = 0; bit < 8 * SWAP_PAGE; bit += bit < 8 * sizeof(header) ? 1 : 97) {
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!swap_header_read(page, 1 << 20, &header));
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(swap_header_read(page, 1 << 20, &header));
}

static void expect_name(const char *one, const char *two, const char *device, uint32_t partition)
{
    const char *const words[] = {one, two};
    struct swap_name name;

    CHECK(swap_name_read(words, two ? 2 : 1, &name));
    CHECK_TEXT(name.device, device);
    CHECK_EQ(name.partition, partition);
}

static void expect_text(const char *device, uint32_t partition, const char *text)
{
    char given[SWAP_DEVICE_MAX] = "", got[SWAP_NAME_TEXT];

    memcpy(given, device, strnlen(device, SWAP_DEVICE_MAX));
    swap_name_write(given, partition, got);
    CHECK_TEXT(got, text);
}

static void test_texts(void)
{
    expect_text("block.sd0", 2, "sd0p2");
    expect_text("block.vd0", 0, "vd0");
    expect_text("other", 31, "otherp31");
    expect_text("block.a-device-of-thirty-four-letters-x", 4294967295,
                "a-device-of-thirty-four-letters-xp4294967295");
    expect_text("a-device-that-has-forty-letters-in-all-x", 4294967295,
                "a-device-that-has-forty-letters-in-all-xp4294967295");
}

static void test_names(void)
{
    static const char *const bad[][2] = {
        {"", NULL},    {"sd0", "x"},
        {"sd0", "32"}, {"sd0", ""},
        {"sd0", "-1"}, {"sd0", "99999999"},
        {"sd0", "2 "}, {"a-name-that-is-longer-than-any-device-has-one", NULL},
    };
    struct swap_name name;

    expect_name("sd0p2", NULL, "block.sd0", 2);
    expect_name("block.sd0p31", NULL, "block.sd0", 31);
    expect_name("block.sd0", "3", "block.sd0", 3);
    expect_name("vd0", NULL, "block.vd0", 0);
    expect_name("sd0p32", NULL, "block.sd0p32", 0); /* no number of a partition: a name */
    expect_name("ramp1", NULL, "block.ramp1", 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!swap_name_read(bad[i], bad[i][1] ? 2 : 1, &name));
    CHECK(!swap_name_read(bad[0], 0, &name));
    CHECK(!swap_name_read(bad[0], 3, &name));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_sizes();
    test_damage();
    test_names();
    test_texts();
    return check_end();
}
