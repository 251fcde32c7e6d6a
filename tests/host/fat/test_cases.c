/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT, case by case: names of all bytes, letters, files without a name, deep trees, thousands of files, full folders and disks, attributes and dates, large files.
 */
#include "image.h"

static struct card *card;
static struct fat *fat;

static void begin(uint64_t size, uint32_t type)
{
    card = image_make(size, type, 512, 0);
    fat = image_mount(card);
}

static void end(void)
{
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
    card_free(card);
}

static int create(const char *name)
{
    struct fat_node *node;
    const int error = fat_create(fat_root(fat), name, FAT_FILE, &node);

    if (!error)
        fat_release(node);
    return error;
}

static int look_up(const char *name)
{
    struct fat_node *node;
    const int error = fat_lookup(fat_root(fat), name, &node);

    if (!error)
        fat_release(node);
    return error;
}

static void test_names(void)
{
    static const char *const bad[] = {"a/b", "a\\b", "a:b",  "a*",   "?",    "\"",  "<",
                                      ">",   "|",    "end.", "end ", "\x7f", "...", " "};
    char name[FAT_NAME_MAX + 2];

    begin(1 << 20, 12);
    for (unsigned byte = 1; byte < 256; byte++) {
        snprintf(name, sizeof name, "x%cy", (int)byte);
        const int error = create(name);
        if (byte >= 0x80)
            CHECK_EQ(error, EILSEQ);
        else if (byte < ' ' || byte == 0x7f || strchr("\\/:*?\"<>|", (int)byte))
            CHECK_EQ(error, EINVAL);
        else
            CHECK_EQ(error, byte >= 'a' && byte <= 'z' ? EEXIST : 0);
        CHECK_EQ(look_up(name), error == EEXIST ? 0 : error ? ENOENT : 0);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(create(bad[i]), EINVAL);
        CHECK_EQ(look_up(bad[i]), ENOENT);
    }
    CHECK_EQ(create("\xc0\xaf"), EILSEQ);
    CHECK_EQ(create("\xed\xa0\x80"), EILSEQ);
    CHECK_EQ(create("\xf4\x90\x80\x80"), EILSEQ);
    CHECK_EQ(create("\xf4\x8f\xbf\xbf"), 0); /* the last there is */
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    CHECK_EQ(create(name), 0);
    CHECK_EQ(look_up(name), 0);
    name[255] = 'n';
    name[256] = '\0';
    CHECK_EQ(create(name), ENAMETOOLONG);
    CHECK_EQ(look_up(name), ENAMETOOLONG);
    end();
}

static void test_letters(void)
{
    static const char *const same[][2] = {
        {"README.TXT", "readme.txt"},
        {"\xc3\x84pfel", "\xc3\xa4PFEL"},                         /* A umlaut */
        {"\xce\xa3\xce\x9f\xce\xa3", "\xcf\x83\xce\xbf\xcf\x83"}, /* Greek */
        {"\xd0\x96\xd0\xaf", "\xd0\xb6\xd1\x8f"},                 /* Cyrillic */
        {"\xc5\xbd.long name", "\xc5\xbe.LONG NAME"},
        {"\xce\x86\xce\x88\xce\x8a", "\xce\xac\xce\xad\xce\xaf"}, /* with accents */
        {"\xce\x8c\xce\x8e\xce\x8f", "\xcf\x8c\xcf\x8d\xcf\x8e"},
    };

    begin(1 << 20, 12);
    for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK_EQ(create(same[i][0]), 0);
        CHECK_EQ(look_up(same[i][1]), 0);
        CHECK_EQ(create(same[i][1]), EEXIST);
    }
    CHECK_EQ(create("a long name of a file.txt"), 0);
    CHECK_EQ(look_up("ALONGN~1.TXT"), 0); /* the short one */
    CHECK_EQ(create("along nAther"), 0);
    for (unsigned i = 0; i < 30; i++) {
        char name[64];
        snprintf(name, sizeof name, "a long name of a file %u.txt", i);
        CHECK_EQ(create(name), 0);
    }
    end();
}

/* Its name in another case is a name like any other. */
static void test_rename_case(void)
{
    struct fat_node *node;
    char name[FAT_NAME_MAX];

    begin(1 << 20, 12);
    image_put(fat, "name", "x", 1);
    CHECK_EQ(image_find(fat, "name", &node), 0);
    CHECK_EQ(fat_rename(node, fat_root(fat), "NaMe", node), 0);
    CHECK_EQ(fat_name(node, name), 0);
    CHECK_TEXT(name, "NaMe");
    fat_release(node);
    image_expect(fat, "name", "x", 1);
    end();
}

static void test_without_name(void)
{
    struct fat_node *node, *folder, *parent;
    struct fat_attributes attributes;
    struct fat_space before, after;
    char bytes[10];
    size_t got;

    begin(1 << 20, 12);
    CHECK_EQ(fat_space(fat, &before), 0);
    image_put(fat, "f", "content", 7);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(fat_remove(node), 0);
    CHECK_EQ(fat_remove(node), ENOENT);
    CHECK_EQ(fat_sync(fat), 0);
    image_put(fat, "f", "another", 7);
    CHECK_EQ(fat_read(node, 0, bytes, sizeof bytes, &got), 0);
    CHECK(got == 7 && memcmp(bytes, "content", 7) == 0);
    CHECK_EQ(fat_write(node, 5000, "more", 4, &got), 0);
    fat_attributes(node, &attributes);
    CHECK(attributes.links == 0 && attributes.size == 5004);
    CHECK_EQ(fat_parent(node, &parent), ENOENT);
    fat_release(node);

    CHECK_EQ(fat_create(fat_root(fat), "d", FAT_FOLDER, &folder), 0);
    CHECK_EQ(fat_remove(folder), 0);
    CHECK_EQ(fat_create(folder, "x", FAT_FILE, &node), ENOENT);
    CHECK_EQ(fat_lookup(folder, "x", &node), ENOENT);
    fat_release(folder);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(fat_lookup(node, "x", &folder), ENOTDIR);
    CHECK_EQ(fat_remove(node), 0);
    fat_release(node);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_space(fat, &after), 0);
    CHECK_EQ(before.free, after.free);
    end();
}

static void test_deep(void)
{
    enum { DEPTH = 300 };
    struct fat_node *node = NULL, *at;

    begin(2 << 20, 12);
    at = fat_reference(fat_root(fat));
    for (unsigned i = 0; i < DEPTH; i++) {
        CHECK_EQ(fat_create(at, "d", FAT_FOLDER, &node), 0);
        fat_release(at);
        at = node;
    }
    for (unsigned i = 0; i < DEPTH; i++) {
        struct fat_node *parent;
        CHECK_EQ(fat_parent(at, &parent), 0);
        CHECK_EQ(fat_rename(parent, at, "x", NULL), parent == fat_root(fat) ? EBUSY : EINVAL);
        fat_release(at);
        at = parent;
    }
    CHECK(at == fat_root(fat));
    end();
}

static bool count_one(void *context, const char *name, enum fat_kind kind, uint64_t inode,
                      uint64_t next)
{
    (void)name, (void)kind, (void)inode, (void)next;
    ++*(unsigned *)context;
    return true;
}

static void test_many(void)
{
    struct fat_node *folder, *node;
    unsigned count = 0, made = 0;
    char name[32];

    begin(4 << 20, 12);
    while (made < 2000) { /* the root's 512 entries do not grow */
        snprintf(name, sizeof name, "F%u", made);
        const int error = create(name);
        if (error == ENOSPC)
            break;
        CHECK_EQ(error, 0);
        made++;
    }
    CHECK_EQ(made, 512);
    CHECK_EQ(image_find(fat, "F7", &node), 0);
    CHECK_EQ(fat_remove(node), 0);
    fat_release(node);
    CHECK_EQ(fat_create(fat_root(fat), "D", FAT_FOLDER, &folder), 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "a file with number %u", i);
        CHECK_EQ(fat_create(folder, name, FAT_FILE, &node), 0);
        fat_release(node);
    }
    CHECK_EQ(fat_entries(folder, 0, count_one, &count), 0);
    CHECK_EQ(count, 1000);
    CHECK_EQ(fat_remove(folder), ENOTEMPTY);
    fat_release(folder);
    end();
}

static void test_full(void)
{
    static uint8_t bytes[70000];
    struct fat_node *node;
    struct fat_space space;
    size_t written = 1, all = 0;

    begin(1 << 20, 12);
    CHECK_EQ(create("first"), 0);
    CHECK_EQ(image_find(fat, "first", &node), 0);
    while (fat_write(node, all, bytes, sizeof bytes, &written) == 0)
        all += written;
    CHECK_EQ(fat_write(node, all, bytes, 1, &written), ENOSPC);
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK_EQ(space.free, 0);
    CHECK_EQ(fat_resize(node, all + 1), ENOSPC);
    CHECK_EQ(fat_write(node, all + 100000, bytes, 1, &written), ENOSPC);
    CHECK_EQ(create("second"), 0); /* it takes no cluster */
    CHECK_EQ(fat_resize(node, all / 2), 0);
    CHECK_EQ(fat_resize(node, all), 0);
    CHECK_EQ(fat_resize(node, 0), 0);
    CHECK_EQ(fat_write(node, 0, bytes, sizeof bytes, &written), 0);
    CHECK_EQ(written, sizeof bytes);
    fat_release(node);
    end();
}

static void test_attributes(void)
{
    struct fat_attributes attributes;
    struct fat_node *node;

    begin(1 << 20, 12);
    image_put(fat, "f", "x", 1);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    attributes =
        (struct fat_attributes){.read_only = true,
                                .modified = INT64_C(951782400) * 1000000000, /* 29 February 2000 */
                                .accessed = INT64_C(4354819198) * 1000000000};
    CHECK_EQ(fat_set_attributes(node, 7, &attributes), 0);
    fat_release(node);
    CHECK_EQ(fat_unmount(fat), 0);
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    fat_attributes(node, &attributes);
    CHECK(attributes.read_only && attributes.size == 1 && attributes.blocks == 1);
    CHECK_EQ(attributes.modified, INT64_C(951782400) * 1000000000);
    CHECK_EQ(attributes.accessed, INT64_C(4354732800) * 1000000000);
    attributes.modified = -5; /* before there are dates, and after */
    CHECK_EQ(fat_set_attributes(node, FAT_SET_MODIFIED, &attributes), 0);
    fat_attributes(node, &attributes);
    CHECK_EQ(attributes.modified, INT64_C(315532800) * 1000000000);
    attributes.modified = INT64_MAX;
    CHECK_EQ(fat_set_attributes(node, FAT_SET_MODIFIED, &attributes), 0);
    fat_attributes(node, &attributes);
    CHECK_EQ(attributes.modified, INT64_C(4354819198) * 1000000000);
    CHECK_EQ(fat_set_attributes(fat_root(fat), FAT_SET_MODIFIED, &attributes), EPERM);
    fat_release(node);
    end();
}

static void test_read_only(void)
{
    struct fat_node *node;
    size_t size;

    begin(1 << 20, 12);
    image_put(fat, "f", "x", 1);
    CHECK_EQ(fat_unmount(fat), 0);
    card->storage.read_only = true;
    fat = image_mount(card);
    CHECK_EQ(create("g"), EROFS);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(fat_write(node, 0, "y", 1, &size), EROFS);
    CHECK_EQ(fat_resize(node, 0), EROFS);
    CHECK_EQ(fat_remove(node), EROFS);
    CHECK_EQ(fat_rename(node, fat_root(fat), "g", NULL), EROFS);
    fat_release(node);
    CHECK_EQ(fat_sync(fat), 0);
    image_expect(fat, "f", "x", 1);
    CHECK_EQ(fat_unmount(fat), 0);
    card->storage.read_only = false;
    fat = image_mount(card);
    end();
}

static void test_limits(void)
{
    struct fat_node *nodes[8], *node;
    size_t written;
    char name[8];

    begin(1 << 20, 12);
    image_put(fat, "f", "x", 1);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(fat_write(node, UINT32_MAX, "x", 1, &written), EFBIG);
    CHECK_EQ(fat_write(node, UINT64_MAX, "x", 1, &written), EFBIG);
    CHECK_EQ(fat_resize(node, UINT64_C(1) << 32), EFBIG);
    CHECK_EQ(fat_resize(node, UINT32_MAX), ENOSPC);
    CHECK_EQ(fat_resize(fat_root(fat), 0), EISDIR);
    fat_release(node);
    CHECK_EQ(fat_unmount(fat), 0);
    CHECK_EQ(fat_mount(&card->storage, &(struct fat_options){.nodes = 5}, &fat), 0);
    for (unsigned i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "n%u", i);
        CHECK_EQ(fat_create(fat_root(fat), name, FAT_FILE, &nodes[i]), i < 5 ? 0 : ENFILE);
    }
    CHECK_EQ(fat_lookup(fat_root(fat), "f", &node), ENFILE);
    for (unsigned i = 0; i < 5; i++)
        fat_release(nodes[i]);
    end();
}

/* It is on the medium after every unmount that was not of a reader. */
static void test_free_count(void)
{
    struct fat_space space;

    begin(700 << 10, 32);
    image_put(fat, "f", "content", 7);
    CHECK_EQ(fat_unmount(fat), 0);
    const uint8_t *const info = card->bytes + 512 + 488;
    const uint32_t told =
        info[0] | (uint32_t)info[1] << 8 | (uint32_t)info[2] << 16 | (uint32_t)info[3] << 24;
    fat = image_mount(card);
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK_EQ(told, space.free);
    end();
}

/* A chain of many more entries than the cache holds is not gone along from its beginning by every piece. */
static void test_large(void)
{
    enum { PIECE = 64 << 10, SIZE = 16 << 20 };
    static uint8_t bytes[PIECE];
    struct fat_node *node, *other;
    size_t size;

    card = image_make(20 << 20, 16, 512, 512);
    fat = image_mount(card);
    CHECK_EQ(create("other"), 0);
    CHECK_EQ(create("large"), 0);
    CHECK_EQ(image_find(fat, "large", &node), 0);
    CHECK_EQ(image_find(fat, "other", &other), 0);
    CHECK_EQ(fat_write(other, 0, bytes, 5000, &size), 0);
    CHECK_EQ(fat_resize(node, SIZE), 0);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_resize(other, 700), 0); /* from here on a cut waits, and is looked for */
    const uint64_t before = card->reads;
    for (uint64_t at = 0; at < SIZE / 4; at += PIECE)
        CHECK(fat_write(node, at, bytes, PIECE, &size) == 0 && size == PIECE);
    CHECK(card->reads - before < 200);
    fat_release(node);
    fat_release(other);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    image_need_tools();
    test_names();
    test_letters();
    test_rename_case();
    test_without_name();
    test_deep();
    test_many();
    test_full();
    test_attributes();
    test_read_only();
    test_limits();
    test_free_count();
    test_large();
    return check_end();
}
