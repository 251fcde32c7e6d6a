/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What partitions begin with. With the name of a file: says what is on it (made.py).
 */
#include "check.h"
#include "probe.h"
#include <stdio.h>

static uint8_t begin_of[PROBE_SIZE];
static struct probe probe;

/* In memory of its exact size. */
static void look(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, begin_of, size);
    probe_read(copy, size, &probe);
    free(copy);
}

static void put16(size_t at, uint16_t value)
{
    begin_of[at] = (uint8_t)value;
    begin_of[at + 1] = (uint8_t)(value >> 8);
}

static void make_ext4(uint16_t state)
{
    memset(begin_of, 0, sizeof(begin_of));
    put16(1024 + 56, 0xef53);
    put16(1024 + 58, state);
    memcpy(begin_of + 1024 + 104, "0123456789abcdef", 16);
    memcpy(begin_of + 1024 + 120, "sixteen letters!", 16);
}

static void test_ext4(void)
{
    make_ext4(1);
    look(PROBE_SIZE);
    CHECK_TEXT(probe.format, "ext4");
    CHECK_TEXT(probe.label, "sixteen letters!");
    CHECK_TEXT(probe.uuid, "30313233-3435-3637-3839-616263646566");
    CHECK(!probe.dirty && !probe.errors);
    look(2048);
    CHECK(probe.format != NULL);
    look(2047);
    CHECK(probe.format == NULL);
    make_ext4(0);
    look(PROBE_SIZE);
    CHECK(probe.dirty && !probe.errors);
    make_ext4(3);
    look(PROBE_SIZE);
    CHECK(!probe.dirty && probe.errors);
    make_ext4(1);
    begin_of[1024 + 96] = 4; /* the journal has to be replayed */
    look(PROBE_SIZE);
    CHECK(probe.dirty);
    begin_of[1024 + 96] = 8; /* it is a journal */
    look(PROBE_SIZE);
    CHECK(probe.format == NULL);
}

/* more: what FAT32 has more. */
static void make_fat(size_t more)
{
    memset(begin_of, 0, sizeof(begin_of));
    put16(11, 512);
    begin_of[13] = 4;
    put16(14, 1);
    begin_of[16] = 2;
    begin_of[21] = 0xf8;
    put16(more ? 36 : 22, 9);
    begin_of[more + 38] = 0x29;
    memcpy(begin_of + more + 39, "\x01\x23\x45\xab", 4);
    memcpy(begin_of + more + 43, "A LABEL    ", 11);
    put16(510, 0xaa55);
}

static void test_fat(size_t more)
{
    make_fat(more);
    look(512);
    CHECK_TEXT(probe.format, "fat");
    CHECK_TEXT(probe.label, "A LABEL");
    CHECK_TEXT(probe.uuid, "AB45-2301");
    CHECK(!probe.dirty && !probe.errors);
    begin_of[more + 37] = 1;
    memcpy(begin_of + more + 43, "NO NAME    ", 11);
    look(PROBE_SIZE);
    CHECK(probe.dirty);
    CHECK_TEXT(probe.label, "");
    begin_of[more + 38] = 0;
    look(PROBE_SIZE);
    CHECK_TEXT(probe.uuid, "");
    look(511);
    CHECK(probe.format == NULL);
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{11, 1}, {13, 3}, {13, 0}, {14, 0}, {16, 3}, {21, 0}, {510, 0}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        make_fat(more);
        begin_of[wrong[i].at] = wrong[i].value;
        look(PROBE_SIZE);
        CHECK(probe.format == NULL);
    }
}

static void test_others(void)
{
    memset(begin_of, 0, sizeof(begin_of));
    look(PROBE_SIZE);
    CHECK(probe.format == NULL);
    look(0);
    CHECK(probe.format == NULL);
    put16(510, 0xaa55); /* a table of partitions */
    look(PROBE_SIZE);
    CHECK(probe.format == NULL);
    for (unsigned i = 0; i < 5000; i++) {
        if (i % 2)
            make_fat(i % 4 < 2 ? 0 : 28);
        else
            make_ext4(1);
        for (unsigned n = check_below(64); n-- > 0;)
            begin_of[check_below(2048)] = (uint8_t)check_below(256);
        look(check_below(PROBE_SIZE + 1));
        CHECK(memchr(probe.label, 0, sizeof(probe.label)) &&
              memchr(probe.uuid, 0, sizeof(probe.uuid)));
    }
}

static int tell(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return 1;
    const size_t size = fread(begin_of, 1, sizeof(begin_of), file);
    fclose(file);
    look(size);
    printf("%s %s %s %d %d\n", probe.format ? probe.format : "none", probe.label, probe.uuid,
           probe.dirty, probe.errors);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return tell(argv[1]);
    check_begin(argc, argv);
    test_ext4();
    test_fat(0);
    test_fat(28);
    test_others();
    return check_end();
}
