/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of mounts: what they say, and what is wrong with others, which keeps no other line from counting. Each text lies in memory of its exact size.
 */
#include "check.h"
#include "table.h"
#include <stdio.h>
#include <wharf/if/mounts_types.h>

static struct table table;

static void read_bytes(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    memset(&table, 0xaa, sizeof(table));
    table_read(copy, size, &table);
    free(copy);
}

static void read_text(const char *text)
{
    read_bytes(text, strlen(text));
}

static void check_line(unsigned i, unsigned number, const char *device, const char *path,
                       const char *format, uint32_t flags)
{
    const struct table_line *line = &table.line[i];

    CHECK_EQ(line->number, number);
    CHECK_TEXT(line->device, device);
    CHECK_TEXT(line->path, path);
    CHECK_TEXT(line->format, format);
    CHECK_EQ(line->flags, flags | MOUNTS_LISTED);
}

static void test_lines(void)
{
    read_text("# a comment\n"
              "\n"
              "sd0p2 /data ext4\n"
              " \t/dev/disk/vd0p1\t/mnt/a.b  auto ro,mkdir # another\r\n"
              "LABEL=x#y /c fat\n"
              "LABEL=x /c fat nofail noauto,,rw\n"
              "UUID=0A1B-2C3D /d fat defaults");
    CHECK_EQ(table.count, 4);
    check_line(0, 3, "sd0p2", "/data", "ext4", 0);
    check_line(1, 4, "/dev/disk/vd0p1", "/mnt/a.b", "", MOUNTS_READ_ONLY | MOUNTS_MAKE);
    check_line(2, 6, "LABEL=x", "/c", "fat", MOUNTS_NO_FAIL | MOUNTS_ON_DEMAND);
    check_line(3, 7, "UUID=0A1B-2C3D", "/d", "fat", 0);
    CHECK_EQ(table.wrong, 1); /* the comment took its path */
    CHECK(table_find(&table, "/c") == &table.line[2]);
    CHECK(table_find(&table, "/e") == NULL && table_find(&table, "") == NULL);
    read_text("");
    CHECK(table.count == 0 && table.wrong == 0);
}

/* One wrong line between two good ones. */
static void wrong(const char *line, const char *word, const char *why)
{
    char text[512];

    snprintf(text, sizeof(text), "sd0p1 /one auto\n%s\nsd0p2 /two auto\n", line);
    read_text(text);
    CHECK_EQ(table.count, 2);
    CHECK_EQ(table.wrong, 1);
    CHECK_EQ(table.error[0].line, 2);
    CHECK_TEXT(table.error[0].word, word);
    CHECK_TEXT(table.error[0].why, why);
}

static void test_wrong(void)
{
    static const char names[] = "a path to mount on has no empty names, . and ..";
    char text[256] = "sd0p3 /";

    wrong("sd0p3", "", "a path is missing");
    wrong("sd0p3 /x", "", "a format is missing");
    wrong("sd0/3 /x auto", "sd0/3",
          "a device is DISKpN, /dev/disk/DISKpN, LABEL=TEXT or UUID=TEXT");
    wrong("sd0p0 /x auto", "sd0p0", "partitions are numbered from 1 to 128");
    wrong("LABEL= /x auto", "LABEL=", "nothing is behind the =");
    wrong("sd0p3 x auto", "x", "a path begins at the root");
    wrong("sd0p3 / auto", "/", "what the root is does the boot argument root= say");
    wrong("sd0p3 /x/ auto", "/x/", names);
    wrong("sd0p3 //x auto", "//x", names);
    wrong("sd0p3 /x/../y auto", "/x/../y", names);
    wrong("sd0p3 /./y auto", "/./y", names);
    wrong("sd0p3 /one auto", "/one", "there is a line of this path");
    wrong("sd0p3 /x ext5", "ext5", "a format is ext4, fat or auto");
    wrong("sd0p3 /x verylongformat", "verylongformat", "a format is ext4, fat or auto");
    wrong("sd0p3 /x auto ro,quick", "quick",
          "options are ro, rw, mkdir, nofail, noauto and defaults");
    wrong("sd0p3 /\x01 auto", "/?", "there is a letter in it that cannot be");
    memset(text + strlen(text), 'n', TABLE_PATH_MAX - 1);
    strcat(text, " auto");
    read_text(text);
    CHECK(table.count == 0 && table.wrong == 1);
    CHECK_TEXT(table.error[0].why, "this is too long");
    CHECK_EQ(strlen(table.error[0].word), TABLE_WORD_MAX - 1);
}

/* Too many, right and wrong: up to the last that fits. */
static void test_limits(void)
{
    static char text[8192];
    size_t n = 0;

    for (unsigned i = 0; i < TABLE_LINES_MAX + 1; i++)
        n += (size_t)sprintf(text + n, "sd0p%u /p%u auto\n", i + 1, i);
    read_text(text);
    CHECK(table.count == TABLE_LINES_MAX && table.wrong == 1);
    CHECK_EQ(table.error[0].line, TABLE_LINES_MAX + 1);
    CHECK_TEXT(table.error[0].why, "there are too many lines");
    n = 0;
    for (unsigned i = 0; i < TABLE_WRONG_MAX + 3; i++)
        n += (size_t)sprintf(text + n, "wrong\n");
    read_text(text);
    CHECK(table.count == 0 && table.wrong == TABLE_WRONG_MAX + 3);
}

/* Any bytes of a good text become others. */
static void test_damaged(void)
{
    static const char good[] = "sd0p2 /data ext4 ro\nLABEL=x /b auto mkdir,nofail\n";

    for (unsigned i = 0; i < 20000; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (unsigned n = check_below(4); n-- > 0;)
            text[check_below(sizeof(good) - 1)] = (char)check_below(256);
        read_bytes(text, check_below(sizeof(good)));
        for (unsigned j = 0; j < table.count; j++)
            CHECK(table_check_path(table.line[j].path) == NULL);
        for (unsigned j = 0; j < table.wrong && j < TABLE_WRONG_MAX; j++)
            CHECK(table.error[j].why[0] != '\0');
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_lines();
    test_wrong();
    test_limits();
    test_damaged();
    return check_end();
}
