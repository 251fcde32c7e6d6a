/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives, good and hostile (<libsys/archive.h>). Each lies in memory of its exact size, so that AddressSanitizer sees a read beyond its
 * end.
 */
#include "check.h"
#include <libsys/archive.h>

struct made {
    char bytes[8192];
    size_t size;
};

static void pad(struct made *a)
{
    while (a->size % 4 != 0)
        a->bytes[a->size++] = '\0';
}

static void add_raw(struct made *a, const char *magic, uint32_t name_size, uint32_t file_size,
                    const char *name, size_t name_bytes, const char *data)
{
    a->size += (size_t)sprintf(a->bytes + a->size,
                               "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", magic, 1u,
                               0x81a4u, 0u, 0u, 1u, 0u, file_size, 0u, 0u, 0u, 0u, name_size, 0u);
    memcpy(a->bytes + a->size, name, name_bytes);
    a->size += name_bytes;
    pad(a);
    memcpy(a->bytes + a->size, data, strlen(data));
    a->size += strlen(data);
    pad(a);
}

static void add(struct made *a, const char *name, const char *data)
{
    add_raw(a, "070701", (uint32_t)strlen(name) + 1, (uint32_t)strlen(data), name, strlen(name) + 1,
            data);
}

static uint32_t mode; /* of what look() has found */

/* In a copy of exactly that size. The result; and the content, in text. */
static kern_return_t look(const struct made *a, size_t size, const char *name, char *text)
{
    char *copy = malloc(size ? size : 1);
    struct archive_file file = {0};
    memcpy(copy, a->bytes, size);
    const kern_return_t kr = archive_find(&(struct archive){copy, size}, name, &file);
    text[0] = '\0';
    if (kr == KERN_SUCCESS) {
        const size_t at = (size_t)((const char *)file.data - copy);
        CHECK(at <= size && file.size <= size - at);
        mode = file.mode;
        memcpy(text, file.data, file.size);
        text[file.size] = '\0';
    }
    free(copy);
    return kr;
}

static void test_good(void)
{
    char text[8192];
    struct made a = {.size = 0};
    add(&a, ".", "");
    add(&a, "./one", "first");
    add(&a, "/two", "second");
    add_raw(&a, "070702", 12, 5, "page\0\0\0\0\0\0\0\0", 12, "third"); /* zeroes behind the name */
    add(&a, "one", "hidden");
    add(&a, "TRAILER!!!", "");
    add(&a, "behind", "not seen");
    CHECK_EQ(look(&a, a.size, "one", text), KERN_SUCCESS);
    CHECK_EQ(mode, 0x81a4);
    CHECK_TEXT(text, "first");
    CHECK_EQ(look(&a, a.size, "two", text), KERN_SUCCESS);
    CHECK_TEXT(text, "second");
    CHECK_EQ(look(&a, a.size, "page", text), KERN_SUCCESS);
    CHECK_TEXT(text, "third");
    CHECK_EQ(look(&a, a.size, "behind", text), KERN_NOT_FOUND);
    CHECK_EQ(look(&a, a.size, "", text), KERN_NOT_FOUND);
    for (size_t size = 0; size < a.size; size++) { /* cut anywhere */
        const kern_return_t kr = look(&a, size, "nobody", text);
        CHECK(kr == KERN_BAD_FORMAT || kr == KERN_NOT_FOUND);
    }
}

static void test_hostile(void)
{
    static const uint32_t sizes[] = {0, 1, 2, 100, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
    char text[8192];
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct made a = {.size = 0}, b = {.size = 0};
        add_raw(&a, "070701", sizes[i], 3, "x", 2, "abc");
        CHECK(look(&a, a.size, "y", text) != KERN_SUCCESS);
        add_raw(&b, "070701", 2, sizes[i], "x", 2, "abc");
        CHECK(look(&b, b.size, "y", text) != KERN_SUCCESS);
    }
    struct made a = {.size = 0};
    add(&a, "x", "abc");
    for (size_t i = 0; i < a.size; i++) { /* any byte another */
        struct made b = a;
        b.bytes[i] ^= 0x55;
        (void)!look(&b, b.size, "x", text);
        b.bytes[i] = (char)check_below(256);
        (void)!look(&b, b.size, "x", text);
    }
}

static void test_steps(void)
{
    struct archive_file file;
    struct made a = {.size = 0};
    size_t position = 0;
    add(&a, "one", "1");
    add(&a, "two", "22");
    add(&a, "TRAILER!!!", "");
    const struct archive archive = {a.bytes, a.size};
    CHECK_EQ(archive_next(&archive, &position, &file), KERN_SUCCESS);
    CHECK_TEXT(file.name, "one");
    CHECK_EQ(archive_next(&archive, &position, &file), KERN_SUCCESS);
    CHECK_TEXT(file.name, "two");
    CHECK_EQ(file.size, 2);
    CHECK_EQ(archive_next(&archive, &position, &file), KERN_NOT_FOUND);
    CHECK_EQ(archive_next(&archive, &position, &file), KERN_NOT_FOUND);
    position = SIZE_MAX;
    CHECK_EQ(archive_next(&archive, &position, &file), KERN_BAD_FORMAT);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_good();
    test_hostile();
    test_steps();
    return check_end();
}
