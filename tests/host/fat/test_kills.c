/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who was killed left a card, and memory with what the card did not have yet. Whoever comes next meets a card that refuses requests: nothing that was done is lost, no chain that nothing leads to,
 * and no mount goes on for ever.
 */
#include "image.h"
#include <stdlib.h>

enum {
    MEMORY = 1 << 20,
    CARD = 4 << 20,
    TABLE_BLOCK = 256 /* clusters in one block of the table */
};

static struct card *card;
static struct fat *fat;
static const uint8_t content[TABLE_BLOCK * 512] = {1, 2, 3};
static uint8_t memory[MEMORY] __attribute__((aligned(4096)));

static int mount_again(uint32_t nodes, bool read_only)
{
    return fat_mount(&card->storage,
                     &(struct fat_options){.cache_blocks = 64,
                                           .nodes = nodes,
                                           .read_only = read_only,
                                           .memory = memory,
                                           .memory_size = MEMORY},
                     &fat);
}

static void begin(void)
{
    memset(memory, 0, sizeof memory);
    card = image_make(CARD, 16, 512, 512);
    CHECK_EQ(mount_again(0, false), 0);
}

/* Card and memory are what there is; what it had in its own memory goes. */
static void be_killed(void)
{
    static uint8_t left[MEMORY];
    struct card *at_kill = card_make(CARD);

    card_copy(at_kill, card);
    memcpy(left, memory, MEMORY);
    (void)fat_unmount(fat);
    card_free(card);
    card = at_kill;
    memcpy(memory, left, MEMORY);
}

static void end(void)
{
    image_spoil(card, 0, 0, 0);
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
    card_free(card);
}

static void put(const char *name, size_t size)
{
    image_put(fat, name, content, size);
    fat_keep(fat);
}

/* ---- chains that nothing leads to ---- */

/* Files without names that somebody has, `count` of them, whose entries of the table lie in its second block. */
static void lose_names(unsigned count)
{
    struct fat_node *node;
    char name[16];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put(name, 512);
    }
    CHECK_EQ(fat_sync(fat), 0);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%u", i);
        CHECK_EQ(image_find(fat, name, &node), 0);
        CHECK_EQ(fat_remove(node), 0);
        fat_keep(fat);
    }
    CHECK_EQ(fat_sync(fat), 0);
}

static uint64_t second_table_block(void)
{
    return 512 * 2; /* the table begins behind the boot sector */
}

static uint32_t free_clusters(void)
{
    struct fat_space space;

    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK(!space.damaged);
    return space.free;
}

/* More of them than one commit takes, and the table cannot be read where they begin: they stay, until somebody can. */
static void test_unreadable_table(unsigned count)
{
    begin();
    const uint32_t before = free_clusters();
    put("filler", TABLE_BLOCK * 512);
    lose_names(count);
    be_killed();
    image_spoil(card, CARD_READ, second_table_block(), ALWAYS);
    CHECK_EQ(mount_again(0, false), 0);
    CHECK_EQ(fat_sync(fat), 0);
    be_killed();
    image_spoil(card, 0, 0, 0);
    CHECK_EQ(mount_again(0, false), 0);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(free_clusters(), before - TABLE_BLOCK);
    end();
}

/* As many as there can be nodes were left, and there are as many again without names: a successor takes all of them. */
static void test_many_left(void)
{
    enum { NODES = 5 };
    struct fat_node *node;

    begin();
    const uint32_t before = free_clusters();
    put("filler", TABLE_BLOCK * 512);
    lose_names(NODES);
    be_killed();
    image_spoil(card, CARD_READ, second_table_block(), ALWAYS);
    CHECK_EQ(mount_again(NODES, false), 0);
    CHECK_EQ(fat_sync(fat), 0);
    image_spoil(card, 0, 0, 0);
    lose_names(NODES);
    CHECK_EQ(fat_create(fat_root(fat), "acknowledged", FAT_FOLDER, &node), ENFILE);
    CHECK_EQ(fat_set_attributes(fat_root(fat), 0, NULL), EPERM);
    fat_keep(fat);
    const uint64_t progress = fat_progress(fat);
    be_killed();
    CHECK_EQ(mount_again(NODES, false), 0);
    CHECK_EQ(fat_progress(fat), progress);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(free_clusters(), before - TABLE_BLOCK);
    end();
}

/* ---- a successor that only reads ---- */

/* What was done has to be written before, and some request of that fails: the mount does, and the next one finds all of it. */
static void test_reading(void)
{
    const unsigned kinds = CARD_READ | CARD_WRITE | CARD_FLUSH;
    struct card *killed;
    static uint8_t left[MEMORY];
    uint64_t nth = 0;
    bool failed = true;

    begin();
    put("f", 700);
    be_killed();
    killed = card_make(CARD);
    card_copy(killed, card);
    memcpy(left, memory, MEMORY);
    while (failed) {
        card_copy(card, killed);
        memcpy(memory, left, MEMORY);
        card_fail(card, kinds, ++nth, true);
        const int error = mount_again(0, true);
        failed = card->failures != 0;
        card_fail(card, 0, 0, false);
        if (error)
            CHECK_EQ(mount_again(0, true), 0);
        CHECK_EQ(fat_progress(fat), 1);
        image_expect(fat, "f", content, 700);
        CHECK_EQ(fat_unmount(fat), 0);
    }
    CHECK(nth > 5);
    image_check_clean(card);
    card_free(killed);
    card_free(card);
}

/* ---- files that were open ---- */

/* As many as there can be, and on the way to the last one lie folders that nobody had. */
static void test_reopening(void)
{
    enum { NODES = 5 };
    struct fat_node *nodes[NODES], *folder;
    struct fat_attributes attributes;
    uint64_t inodes[NODES];
    char name[8];

    begin();
    CHECK_EQ(fat_create(fat_root(fat), "a", FAT_FOLDER, &folder), 0);
    CHECK_EQ(fat_create(folder, "b", FAT_FOLDER, &nodes[0]), 0);
    fat_release(nodes[0]);
    fat_release(folder);
    for (unsigned i = 0; i < NODES; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put(name, 512);
        CHECK_EQ(image_find(fat, name, &nodes[i]), 0);
        fat_attributes(nodes[i], &attributes);
        inodes[i] = attributes.inode;
    }
    be_killed();
    CHECK_EQ(mount_again(NODES, false), 0);
    for (unsigned i = 0; i < NODES; i++)
        CHECK_EQ(fat_reopen(fat, inodes[i], &nodes[i]), 0);
    CHECK_EQ(fat_lookup(fat_root(fat), "a", &folder), ENFILE);
    for (unsigned i = 0; i < NODES; i++)
        fat_release(nodes[i]);
    end();
}

enum { FOLDERS = 60 };

/* A file in each of many folders, more than the cache has blocks, and their inodes. The folder of one has a block of its own that cannot be read. */
static void make_folders(uint64_t inodes[FOLDERS])
{
    struct fat_attributes attributes;
    struct fat_node *node;
    char name[32];

    for (unsigned i = 0; i < FOLDERS; i++) {
        snprintf(name, sizeof name, "folder %u", i);
        CHECK_EQ(fat_create(fat_root(fat), name, FAT_FOLDER, &node), 0);
        fat_release(node);
        snprintf(name, sizeof name, "folder %u/file", i);
        put(name, 512);
        CHECK_EQ(image_find(fat, name, &node), 0);
        fat_attributes(node, &attributes);
        inodes[i] = attributes.inode;
        fat_release(node);
    }
    CHECK_EQ(fat_sync(fat), 0);
}

static void reopen_all(const uint64_t inodes[FOLDERS], unsigned bad)
{
    struct fat_attributes attributes;
    struct fat_node *node;

    for (unsigned i = 0; i < FOLDERS; i++) {
        CHECK_EQ(fat_reopen(fat, inodes[i], &node), i == bad ? EIO : 0);
        if (i == bad)
            continue;
        fat_attributes(node, &attributes);
        CHECK_EQ(attributes.inode, inodes[i]);
        fat_release(node);
    }
}

/* They are found in one walk, if that is asked for, and whether or not a folder before theirs can be read. */
static void test_many_folders(bool soon, unsigned bad)
{
    uint64_t inodes[FOLDERS], before;
    struct fat_node *node;

    begin();
    make_folders(inodes);
    be_killed();
    CHECK_EQ(mount_again(0, false), 0);
    if (bad < FOLDERS)
        image_spoil(card, CARD_READ, inodes[bad] * 32, ALWAYS);
    before = card->reads;
    if (soon)
        CHECK_EQ(fat_reopen_soon(fat, inodes, FOLDERS), 0);
    reopen_all(inodes, bad);
    if (soon && bad == FOLDERS)
        CHECK(card->reads - before < 3 * FOLDERS);
    CHECK_EQ(fat_reopen(fat, inodes[0] + 1, &node), bad < FOLDERS ? EIO : ESTALE);
    fat_reopened(fat);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    image_need_tools();
    test_unreadable_table(30);
    test_unreadable_table(200);
    test_many_left();
    test_reading();
    test_reopening();
    for (unsigned i = 0; i < 2; i++) {
        test_many_folders(i, FOLDERS);
        test_many_folders(i, 5);
    }
    return check_end();
}
