/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that fail: of a short run of operations the first, the second, and so on until it passes untouched; once, and from then on. Whatever the operations say, what was
 * promised before is there afterwards, and what the card holds is what a power cut might have left. Then sectors that are bad for good.
 */
#include "power.h"

static struct history history;

/* Each of them works or says EIO, or that it may not write any more; none ends otherwise. */
static bool good(int error, bool *failed)
{
    CHECK(error == 0 || error == EIO || error == EROFS);
    *failed = *failed || error != 0;
    return error == 0;
}

static bool put(struct fat *fat, const char *name, size_t size, bool *failed)
{
    static const uint8_t bytes[5000] = {1, 2, 3};
    struct fat_node *node;
    size_t written = 0;
    const int error = fat_create(fat_root(fat), name, FAT_FILE, &node);

    if (!good(error, failed))
        return false;
    const bool done = good(fat_write(node, 0, bytes, size, &written), failed);
    fat_release(node);
    return done;
}

static void move_and_remove(struct fat *fat, bool *failed)
{
    struct fat_node *node, *folder;

    if (good(image_find(fat, "D", &folder), failed)) {
        if (good(fat_lookup(fat_root(fat), "A", &node), failed)) {
            if (good(fat_rename(node, folder, "moved", NULL), failed))
                (void)good(fat_rename(node, fat_root(fat), "A", NULL), failed);
            fat_release(node);
        }
        fat_release(folder);
    }
    if (!*failed && good(image_find(fat, "one", &node), failed)) {
        (void)good(fat_resize(node, 100), failed);
        (void)good(fat_remove(node), failed);
        fat_release(node);
    }
}

/* Files of the history are never written to: they keep what is in them, and their names but for "A". */
static bool work(struct card *card)
{
    struct fat *fat;
    struct fat_node *node;
    bool failed = false;

    if (!good(fat_mount(&card->storage, &(struct fat_options){.cache_blocks = 64}, &fat), &failed))
        return true;
    if (put(fat, "one", 5000, &failed) && put(fat, "another one", 700, &failed) &&
        good(fat_sync(fat), &failed) &&
        good(fat_create(fat_root(fat), "folder", FAT_FOLDER, &node), &failed))
        fat_release(node);
    move_and_remove(fat, &failed);
    (void)good(fat_sync(fat), &failed);
    (void)good(fat_unmount(fat), &failed);
    return failed;
}

/* What there was before is there; the rest may be anything that can be read. */
static void check_kept(struct card *card)
{
    struct fat_space space;
    struct fat *fat = image_mount(card);
    const struct state *state = &history.states[0];
    struct fat_node *node;

    for (unsigned i = 0; i < state->count; i++) {
        const struct state_file *file = &state->files[i];
        const char *path = file->path;
        if (strcmp(path, "A") == 0 && image_find(fat, path, &node) == ENOENT)
            path = "D/moved";
        else if (strcmp(path, "A") == 0) {
            fat_release(node);
            CHECK_EQ(image_find(fat, "D/moved", &node), ENOENT);
        }
        if (!file->folder)
            image_expect(fat, path, file->bytes, file->size);
    }
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK(!space.damaged);
    CHECK_EQ(fat_unmount(fat), 0);
}

static void fail_each(const struct card *base, unsigned kinds, bool sticky)
{
    struct card *card = card_make(base->storage.size);
    bool failed = true;
    uint64_t nth = 1;

    for (; failed; nth++) {
        CHECK(nth < 1000);
        card_copy(card, base);
        card_fail(card, kinds, nth, sticky);
        failed = work(card);
        failed = failed || card->failures != 0;
        card_fail(card, 0, 0, false);
        check_kept(card);
    }
    CHECK(nth > 2);
    image_check_clean(card);
    card_free(card);
}

/* ---- bad sectors ---- */

static struct card *card;
static struct fat *fat;

static void begin(uint64_t size, uint32_t type)
{
    card = image_make(size, type, 512, 512);
    fat = image_mount(card);
}

static uint64_t place_of(const void *bytes, size_t size)
{
    for (uint64_t at = 0; at < card->storage.size; at += 512)
        if (memcmp(card->bytes + at, bytes, size) == 0)
            return at;
    CHECK(false);
    return 0;
}

/* Part of a block of a file that the card does not take: its loss is told once, and nothing else is lost. */
static void test_bad_data(void)
{
    struct fat_node *node;
    size_t size;

    begin(1 << 20, 12);
    image_put(fat, "f", "content", 7);
    image_put(fat, "g", "other", 5);
    CHECK_EQ(fat_sync(fat), 0);
    image_spoil(card, CARD_WRITE, place_of("content", 7), ALWAYS);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(fat_write(node, 0, "CON", 3, &size), 0);
    image_put(fat, "g", "OTHER", 5);
    CHECK_EQ(fat_sync(fat), EIO);
    CHECK_EQ(fat_sync(fat), 0);
    image_expect(fat, "f", "content", 7);
    CHECK_EQ(fat_write(node, 0, "CON", 3, &size), 0);
    fat_release(node);
    CHECK_EQ(fat_unmount(fat), EIO);
    image_spoil(card, 0, 0, 0);
    fat = image_mount(card);
    image_expect(fat, "f", "content", 7);
    image_expect(fat, "g", "OTHER", 5);
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
    card_free(card);
}

/* A table or a folder that it does not take: nothing is written any more, and all is as it was. */
static void test_bad_structure(uint64_t byte)
{
    struct fat_node *node;
    struct fat_space space;
    size_t size;

    begin(1 << 20, 12);
    image_put(fat, "f", "content", 7);
    CHECK_EQ(fat_unmount(fat), 0);
    fat = image_mount(card);
    image_spoil(card, CARD_WRITE, byte, ALWAYS);
    CHECK_EQ(fat_create(fat_root(fat), "g", FAT_FILE, &node), 0);
    CHECK_EQ(fat_write(node, 0, "text", 4, &size), 0);
    fat_release(node);
    CHECK_EQ(fat_sync(fat), EIO);
    CHECK_EQ(fat_sync(fat), EIO);
    CHECK_EQ(fat_create(fat_root(fat), "h", FAT_FILE, &node), EIO);
    image_expect(fat, "f", "content", 7);
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK(space.read_only && !space.damaged);
    CHECK_EQ(fat_unmount(fat), EIO);
    image_spoil(card, 0, 0, 0);
    fat = image_mount(card);
    CHECK_EQ(image_find(fat, "g", &node), ENOENT);
    image_expect(fat, "f", "content", 7);
    CHECK_EQ(fat_unmount(fat), 0);
    card_free(card);
}

/* What cannot be written any more keeps nothing from being read. */
static void test_full_cache(void)
{
    static const uint8_t zeroes[200 * 512];
    struct fat_node *node;
    size_t size;
    int error = 0;

    begin(1 << 20, 12);
    image_put(fat, "f", "content", 7);
    image_put(fat, "g", zeroes, sizeof zeroes);
    CHECK_EQ(fat_unmount(fat), 0);
    fat = image_mount(card);
    image_put(fat, "h", "content", 7);
    CHECK_EQ(image_find(fat, "g", &node), 0);
    image_spoil(card, CARD_WRITE, 512, ALWAYS); /* the table, which is dirty */
    for (uint64_t at = 10; at < sizeof zeroes && !error; at += 512)
        error = fat_write(node, at, "x", 1, &size);
    CHECK_EQ(error, EIO);
    fat_release(node);
    image_expect(fat, "f", "content", 7);
    CHECK_EQ(fat_unmount(fat), EIO);
    image_spoil(card, 0, 0, 0);
    card_free(card);
}

/* Nobody needs FSInfo. */
static void test_bad_info(void)
{
    static const uint8_t zeroes[100 * 512];
    struct fat_node *node;
    char byte;
    size_t size;

    begin(700 << 10, 32);
    image_put(fat, "f", zeroes, sizeof zeroes);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(image_find(fat, "f", &node), 0);
    image_spoil(card, CARD_READ, 512, ALWAYS);
    for (uint64_t at = 0; at < sizeof zeroes; at += 512) /* the cache holds it no more */
        CHECK_EQ(fat_read(node, at, &byte, 1, &size), 0);
    fat_release(node);
    image_put(fat, "g", "content", 7);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_unmount(fat), 0);
    image_spoil(card, 0, 0, 0);
    fat = image_mount(card);
    image_expect(fat, "g", "content", 7);
    CHECK_EQ(fat_unmount(fat), 0);
    card_free(card);
}

static uint64_t read32(const uint8_t *at)
{
    return at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

/* A file is made shorter, and longer again before the end of its chain is written; the table where the chain ends cannot be read a few times meanwhile. What it grows by are
 * not the clusters that it gave away. */
static void test_cut(unsigned times)
{
    static uint8_t bytes[512 * 400];
    const uint32_t kept = 300 * 512;
    struct fat_node *node, *other;
    char byte;
    size_t size;

    begin(700 << 10, 32);
    memset(bytes, 0, sizeof bytes);
    image_put(fat, "other", bytes, sizeof bytes);
    memset(bytes, 7, sizeof bytes);
    image_put(fat, "f", bytes, sizeof bytes);
    CHECK_EQ(fat_sync(fat), 0);
    const uint64_t last =
        place_of(bytes, 512) / 512 + 299 - (32 + 2 * read32(card->bytes + 36)) + 2;
    CHECK_EQ(image_find(fat, "f", &node), 0);
    CHECK_EQ(image_find(fat, "other", &other), 0);
    CHECK_EQ(fat_resize(node, kept), 0);
    for (uint64_t at = 0; at < (100 << 9);
         at += 512) /* the cache holds that part of the table no more */
        CHECK_EQ(fat_read(other, at, &byte, 1, &size), 0);
    image_spoil(card, CARD_READ, 32 * 512 + last * 4, times);
    const int error = fat_write(node, kept, bytes, 5 * 512, &size);
    image_spoil(card, 0, 0, 0);
    CHECK(error == 0 || error == EIO);
    fat_release(node);
    fat_release(other);
    CHECK_EQ(fat_unmount(fat), 0);
    fat = image_mount(card);
    image_expect(fat, "f", bytes, kept + (error ? 0 : 5 * 512));
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
    card_free(card);
}

static void test_each(void)
{
    static const struct {
        uint64_t size;
        uint32_t type;
    } shapes[] = {{200 << 10, 12}, {2300 << 10, 16}, {700 << 10, 32}};
    static const unsigned kinds[] = {CARD_READ, CARD_WRITE, CARD_FLUSH,
                                     CARD_READ | CARD_WRITE | CARD_FLUSH};

    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct card *base = image_make(shapes[i].size, shapes[i].type, 512, 512);
        fat = image_mount(base);
        state_begin(fat, &history.states[0]);
        CHECK_EQ(fat_unmount(fat), 0);
        for (unsigned j = 0; j < sizeof kinds / sizeof *kinds; j++) {
            fail_each(base, kinds[j], false);
            fail_each(base, kinds[j], true);
        }
        card_free(base);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    image_need_tools();
    test_each();
    test_bad_data();
    test_bad_structure(512);           /* the first block of the table */
    test_bad_structure(512 * (1 + 6)); /* the root's */
    test_full_cache();
    test_bad_info();
    for (unsigned times = 1; times < 8; times++)
        test_cut(times);
    return check_end();
}
