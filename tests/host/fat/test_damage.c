/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that are not what they should be: chains with loops, out of range, too short, through free clusters; folders that contain themselves; two files with the same clusters; names that
 * are broken; boot sectors with every number changed; and bytes changed at random. Errors, and EROFS where writing would do harm; never a crash, never for ever.
 */
#include "image.h"

static struct card *card;
static struct fat *fat;

enum { TABLE = 512, TABLES = 2 };

static uint8_t *table(void)
{
    return card->bytes + TABLE;
}

static uint32_t table_blocks(void)
{
    return card->bytes[22] | (uint32_t)card->bytes[23] << 8;
}

static uint8_t *root_entry(unsigned index)
{
    return card->bytes + 512 * (1 + TABLES * (size_t)table_blocks()) + 32 * (size_t)index;
}

static void set_next(uint32_t cluster, uint32_t next)
{
    table()[cluster * 2] = (uint8_t)next;
    table()[cluster * 2 + 1] = (uint8_t)(next >> 8);
}

static uint32_t cluster_of(unsigned index)
{
    return root_entry(index)[26] | (uint32_t)root_entry(index)[27] << 8;
}

/* FAT16: FILE of five clusters, FOLDER, OTHER of two. Unmounted. */
static void begin(void)
{
    static uint8_t bytes[5 * 512] = {7};
    struct fat_node *node;

    card = image_make(2300 << 10, 16, 512, 512);
    fat = image_mount(card);
    image_put(fat, "FILE", bytes, sizeof bytes);
    CHECK_EQ(fat_create(fat_root(fat), "FOLDER", FAT_FOLDER, &node), 0);
    fat_release(node);
    image_put(fat, "OTHER", bytes, 1000);
    image_put(fat, "FOLDER/inner", bytes, 600);
    CHECK_EQ(fat_unmount(fat), 0);
    CHECK(memcmp(root_entry(0), "FILE ", 5) == 0 && memcmp(root_entry(1), "FOLDER", 6) == 0);
}

static void end(bool damaged)
{
    struct fat_space space;

    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK_EQ(space.damaged, damaged);
    CHECK_EQ(space.read_only, damaged);
    CHECK_EQ(fat_unmount(fat), 0);
    card_free(card);
}

static int read_file(const char *path)
{
    static uint8_t bytes[100000];
    struct fat_node *node;
    size_t got;
    int error = image_find(fat, path, &node);

    if (error)
        return error;
    error = fat_read(node, 0, bytes, sizeof bytes, &got);
    fat_release(node);
    return error;
}

/* A chain that leads on to `next` after its second cluster. */
static void test_chain(uint32_t next, int expected, bool damaged)
{
    begin();
    set_next(cluster_of(0) + 1, next);
    fat = image_mount(card);
    CHECK_EQ(read_file("FILE"), expected);
    end(damaged);
}

/* Removing it comes to an end, and says so. */
static void test_remove_chain(uint32_t next)
{
    struct fat_node *node;

    begin();
    set_next(cluster_of(0) + 1, next ? next : cluster_of(0));
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "FILE", &node), 0);
    CHECK_EQ(fat_remove(node), 0);
    fat_release(node);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_create(fat_root(fat), "new", FAT_FILE, &node), EROFS);
    end(true);
}

static void test_folders(void)
{
    begin(); /* a folder that is the root's parent, itself, or nowhere */
    root_entry(1)[26] = root_entry(1)[27] = 0;
    fat = image_mount(card);
    CHECK_EQ(read_file("FOLDER/inner"), EIO);
    end(true);

    begin();
    struct card *other = card_make(card->storage.size);
    card_copy(other, card);
    fat = image_mount(other);
    CHECK_EQ(fat_unmount(fat), 0);
    card_free(other);
    uint8_t *inner = card->bytes + 512 * (1 + 2 * (size_t)table_blocks()) + 512 * 32 +
                     512 * (size_t)(cluster_of(1) - 2) + 64;
    CHECK(memcmp(inner, "INNER", 5) == 0);
    inner[11] = 0x10;
    inner[26] = root_entry(1)[26];
    inner[27] = root_entry(1)[27];
    fat = image_mount(card);
    CHECK_EQ(read_file("FOLDER/inner/inner/inner"), EIO);
    end(true);

    begin(); /* its chain is a ring */
    set_next(cluster_of(1), cluster_of(1));
    inner = card->bytes + 512 * (1 + 2 * (size_t)table_blocks()) + 512 * 32 +
            512 * (size_t)(cluster_of(1) - 2);
    for (unsigned i = 2; i < 16; i++) /* without an end */
        memcpy(inner + (size_t)i * 32, "\xe5", 1);
    fat = image_mount(card);
    CHECK_EQ(read_file("FOLDER/nothing"), ENOENT);
    end(false);
}

static void test_shared(void)
{
    struct fat_node *one, *two;

    begin();
    memcpy(root_entry(2) + 26, root_entry(0) + 26, 2);
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "FILE", &one), 0);
    CHECK_EQ(image_find(fat, "OTHER", &two), EIO);
    fat_release(one);
    end(true);
}

/* The first cluster of a file is checked like those behind it. */
static void test_first(uint32_t value)
{
    begin();
    set_next(cluster_of(0), value);
    root_entry(0)[28] = 100; /* all of it lies there */
    root_entry(0)[29] = 0;
    fat = image_mount(card);
    CHECK_EQ(read_file("FILE"), EIO);
    CHECK_EQ(read_file("OTHER"), 0);
    end(true);

    begin();
    set_next(cluster_of(1), value);
    fat = image_mount(card);
    CHECK_EQ(read_file("FOLDER/inner"), EIO);
    end(true);
}

/* So is that of FAT32's root, which else would be given to a file. */
static void test_root(void)
{
    struct fat_node *node;

    card = image_make(700 << 10, 32, 512, 512);
    memset(card->bytes + 32 * 512 + 2 * 4, 0, 4);
    fat = image_mount(card);
    CHECK_EQ(fat_create(fat_root(fat), "new", FAT_FILE, &node), EROFS);
    CHECK_EQ(read_file("new"), ENOENT);
    end(true);
}

/* A chain that is too short for the size is not made longer by writing to where it is missing. */
static void test_write_short(uint32_t position)
{
    static const uint8_t bytes[512];
    struct fat_node *node;
    size_t size;

    begin();
    root_entry(0)[28] = 0;
    root_entry(0)[29] = 20; /* ten clusters, of which there are five */
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "FILE", &node), 0);
    const int error = fat_write(node, position, bytes, sizeof bytes, &size);
    CHECK(error == EIO || (error == 0 && size < sizeof bytes));
    fat_release(node);
    end(true);
}

/* An empty file that others gave clusters to: what cannot be written does not take them away while its entry has them. */
static void test_preallocated(void)
{
    static const uint8_t bytes[512] = {1};
    struct fat_node *node;
    size_t size;

    begin();
    memset(root_entry(0) + 28, 0, 4);
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "FILE", &node), 0);
    image_spoil(card, CARD_WRITE,
                (uint64_t)(root_entry(32 * 16) - card->bytes) + 512 * (uint64_t)(cluster_of(0) - 2),
                ALWAYS);
    CHECK_EQ(fat_write(node, 0, bytes, sizeof bytes, &size), EIO);
    image_spoil(card, 0, 0, 0);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK(cluster_of(0) != 0 && (table()[cluster_of(0) * 2] | table()[cluster_of(0) * 2 + 1]) != 0);
    CHECK_EQ(fat_write(node, 0, bytes, sizeof bytes, &size), 0);
    CHECK_EQ(fat_resize(node, 0), 0);
    fat_release(node);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(cluster_of(0), 0);
    end(false);
}

/* Every byte of the boot sector's numbers, to all kinds of values: it is mounted and used, or refused. */
static void use_all(void);

static void test_boot(void)
{
    static const uint8_t values[] = {0, 1, 2, 3, 7, 8, 16, 64, 127, 128, 255};

    begin();
    struct card *copy = card_make(card->storage.size);
    for (unsigned at = 0; at < 64; at++)
        for (unsigned i = 0; i < sizeof values; i++) {
            card_copy(copy, card);
            copy->bytes[at] = values[i];
            const int error =
                fat_mount(&copy->storage, &(struct fat_options){.cache_blocks = 64}, &fat);
            CHECK(error == 0 || error == EINVAL || error == EIO);
            if (!error)
                use_all();
        }
    card_free(copy);
    card_free(card);
}

static bool keep_name(void *context, const char *name, enum fat_kind kind, uint64_t inode,
                      uint64_t next)
{
    (void)kind, (void)inode, (void)next;
    snprintf(context, FAT_NAME_MAX, "%s", name);
    return check_below(3) != 0;
}

/* Look into what is there, change it, and end; errors do not matter. */
static void use_all(void)
{
    char name[FAT_NAME_MAX] = "FILE", bytes[3000];
    struct fat_node *folder = fat_reference(fat_root(fat)), *node;
    struct fat_space space;
    size_t size;

    for (unsigned i = 0; i < 6; i++) {
        if (fat_entries(folder, check_below(3), keep_name, name) != 0 ||
            fat_lookup(folder, name, &node) != 0)
            continue;
        (void)fat_read(node, check_below(4000), bytes, sizeof bytes, &size);
        (void)fat_write(node, check_below(6000), bytes, sizeof bytes, &size);
        if (check_below(3) == 0)
            (void)fat_resize(node, check_below(5000));
        if (check_below(3) == 0)
            (void)fat_rename(node, fat_root(fat), "a new name for it", NULL);
        if (check_below(3) == 0)
            (void)fat_remove(node);
        fat_release(folder);
        folder = node;
    }
    if (fat_create(folder, "something new", FAT_FOLDER, &node) == 0)
        fat_release(node);
    fat_release(folder);
    (void)fat_space(fat, &space);
    (void)fat_sync(fat);
    (void)fat_unmount(fat);
}

static void test_random(unsigned runs)
{
    begin();
    struct card *copy = card_make(card->storage.size);
    const uint64_t head = 512 * (1 + TABLES * (uint64_t)table_blocks() + 40);
    for (unsigned i = 0; i < runs; i++) {
        card_copy(copy, card);
        for (uint64_t n = check_below(40); n > 0; n--) {
            const uint64_t at =
                check_below(2) ? check_below(64) * 32 + check_below(32) : check_below(head);
            copy->bytes[check_below(2) ? at : (uint64_t)(root_entry(0) - card->bytes) + at % 160] =
                (uint8_t)check_skewed();
        }
        if (fat_mount(&copy->storage, &(struct fat_options){.cache_blocks = 64}, &fat) == 0)
            use_all();
    }
    card_free(copy);
    card_free(card);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_chain(0xffff, EIO, true); /* ends early */
    test_chain(0, EIO, true);
    test_chain(1, EIO, true);
    test_chain(0xfff7, EIO, true);
    test_chain(0xfff0, EIO, true);
    test_chain(2, 0, false); /* a ring: as many bytes as the size says */
    test_remove_chain(0);
    test_remove_chain(0xfff7);
    test_remove_chain(1);
    test_first(0);
    test_first(1);
    test_first(0xfff7);
    test_root();
    test_write_short(4 * 512 + 1);
    test_write_short(8 * 512);
    test_preallocated();
    test_folders();
    test_shared();
    test_boot();
    test_random(3000);
    return check_end();
}
