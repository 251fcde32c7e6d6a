/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * initrd_find() with good and hostile archives. Every archive lies in memory of its exact size, so
 * that AddressSanitizer sees a read beyond its end.
 */
#include "boot_impl.h"
#include "check.h"

static const char *const BROKEN = "the initrd is not a whole cpio archive in newc form";
static const char *const ABSENT = "the initrd has no such file";

/* ---- making archives ---- */

struct archive {
    char bytes[4096];
    size_t size;
};

static void pad(struct archive *a)
{
    while (a->size % 4 != 0)
        a->bytes[a->size++] = '\0';
}

/* An entry whose header says what it is told to say. */
static void add_raw(struct archive *a, const char *magic, uint32_t name_size, uint32_t file_size,
                    const char *name, size_t name_bytes, const char *data, size_t data_bytes)
{
    char header[111];
    snprintf(header, sizeof(header), "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             magic, 1u, 0x81a4u, 0u, 0u, 1u, 0u, file_size, 0u, 0u, 0u, 0u, name_size, 0u);
    memcpy(a->bytes + a->size, header, 110);
    a->size += 110;
    memcpy(a->bytes + a->size, name, name_bytes);
    a->size += name_bytes;
    pad(a);
    memcpy(a->bytes + a->size, data, data_bytes);
    a->size += data_bytes;
    pad(a);
}

static void add(struct archive *a, const char *name, const char *data)
{
    size_t n = strlen(name) + 1;
    add_raw(a, "070701", (uint32_t)n, (uint32_t)strlen(data), name, n, data, strlen(data));
}

static void end(struct archive *a)
{
    add(a, "TRAILER!!!", "");
}

/* What is found in a copy of exactly that size; text of the content, or the reason why nothing
 * was. */
static const char *look(const struct archive *a, size_t size, const char *name)
{
    static char content[4096];
    char *copy = malloc(size ? size : 1);
    const char *why = "no reason given";
    size_t length = 12345;
    memcpy(copy, a->bytes, size);
    const char *data = initrd_find(copy, size, name, &length, &why);
    if (data) {
        CHECK(data >= copy && length <= size && (size_t)(data - copy) <= size - length);
        CHECK((data - copy) % 4 == 0);
        snprintf(content, sizeof(content), "%.*s", (int)length, data);
        why = content;
    } else {
        CHECK_EQ(length, 12345); /* written on success only */
    }
    free(copy);
    return why;
}

/* ---- tests ---- */

static void test_names(void)
{
    struct archive a = {.size = 0};
    add(&a, ".", "");
    add(&a, "./dotted", "one");
    add(&a, "/rooted", "two");
    add(&a, "plain", "three");
    add(&a, "empty", "");
    add(&a, "dir/inner", "four");
    add(&a, "plain", "second of that name");
    end(&a);
    add(&a, "behind", "the end");
    static const struct {
        const char *name, *expected;
    } table[] = {
        {"dotted", "one"},     {"rooted", "two"},   {"plain", "three"},     {"empty", ""},
        {"dir/inner", "four"}, {"inner", ABSENT},   {"plai", ABSENT},       {"plain2", ABSENT},
        {"behind", ABSENT},    {"/rooted", ABSENT}, {"TRAILER!!!", ABSENT},
    };
    for (size_t i = 0; i < array_count(table); i++)
        CHECK_TEXT(look(&a, a.size, table[i].name), table[i].expected);
}

/* Cut anywhere, the file before the cut is still found, and everything else is a sentence. */
static void test_every_cut(void)
{
    struct archive a = {.size = 0};
    add(&a, "one", "first");
    size_t first_ends = a.size - 3; /* without its padding */
    add(&a, "two", "second");
    size_t second_ends = a.size - 2;
    end(&a);
    for (size_t size = 0; size <= a.size; size++) {
        CHECK_TEXT(look(&a, size, "one"), size < first_ends ? BROKEN : "first");
        CHECK_TEXT(look(&a, size, "two"), size < second_ends ? BROKEN : "second");
        CHECK_TEXT(look(&a, size, "three"), size < a.size ? BROKEN : ABSENT);
    }
}

static void test_hostile_headers(void)
{
    static const struct {
        const char *what, *magic;
        uint32_t name_size, file_size;
        const char *name, *expected;
    } table[] = {
        {"as it should be", "070701", 5, 4, "file", "data"},
        {"with a checksum", "070702", 5, 4, "file", "data"},
        {"old portable form", "070707", 5, 4, "file", BROKEN},
        {"no magic", "xxxxxx", 5, 4, "file", BROKEN},
        {"no name", "070701", 0, 4, "file", BROKEN},
        {"name not terminated", "070701", 4, 4, "file", BROKEN},
        {"name longer than the archive", "070701", 0x1000, 4, "file", BROKEN},
        {"name of 4 GiB", "070701", 0xffffffff, 4, "file", BROKEN},
        {"name wraps to the header", "070701", 0xffffff92, 4, "file", BROKEN},
        {"file longer than the archive", "070701", 5, 0x1000, "file", BROKEN},
        {"file of 4 GiB", "070701", 5, 0xffffffff, "file", BROKEN},
        {"file wraps", "070701", 5, 0xfffffff0, "file", BROKEN},
    };
    for (size_t i = 0; i < array_count(table); i++) {
        struct archive a = {.size = 0};
        add_raw(&a, table[i].magic, table[i].name_size, table[i].file_size, table[i].name, 5,
                "data", 4);
        end(&a);
        const char *got = look(&a, a.size, "file");
        if (strcmp(got, table[i].expected) != 0)
            fprintf(stderr, "%s:\n", table[i].what);
        CHECK_TEXT(got, table[i].expected);
    }
}

/* The digits of all fields: only hexadecimal ones, large and small; those of fields we do not
 * need may be anything. */
static void test_digits(void)
{
    enum { FILE_SIZE_AT = 6 + 6 * 8, NAME_SIZE_AT = 6 + 11 * 8 };
    static const char bad[] = " -+xgG/:@`\x80";
    for (unsigned field = 0; field < 13; field++) {
        unsigned at = 6 + field * 8;
        bool needed = at == FILE_SIZE_AT || at == NAME_SIZE_AT;
        for (unsigned i = 0; i < 8; i++)
            for (const char *c = bad; *c; c++) {
                struct archive a = {.size = 0};
                add(&a, "file", "data");
                end(&a);
                a.bytes[at + i] = *c;
                CHECK_TEXT(look(&a, a.size, "file"), needed ? BROKEN : "data");
            }
    }
    struct archive a = {.size = 0};
    add(&a, "ten_bytes", "eleven byte");
    end(&a);
    for (unsigned round = 0; round < 2; round++) {
        a.bytes[NAME_SIZE_AT + 7] = "aA"[round];
        a.bytes[FILE_SIZE_AT + 7] = "bB"[round];
        CHECK_TEXT(look(&a, a.size, "ten_bytes"), "eleven byte");
    }
}

/* One byte changed, anywhere: a file or a sentence, nothing worse, and it ends. */
static void test_damage(void)
{
    struct archive a = {.size = 0};
    add(&a, "one", "first");
    add(&a, "two", "second");
    end(&a);
    for (size_t at = 0; at < a.size; at++)
        for (unsigned i = 0; i < 256; i++) {
            struct archive b = a;
            b.bytes[at] = (char)i;
            (void)look(&b, b.size, "two");
        }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_names();
    test_every_cut();
    test_hostile_headers();
    test_digits();
    test_damage();
    return check_end();
}
