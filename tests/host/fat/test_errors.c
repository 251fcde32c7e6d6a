/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that fail: of a short run of operations the first, the second, and so on until it passes untouched; once, and from then on. Whatever the operations say, what was
 * promised before is there afterwards, and what the card holds is what a power cut might have left.
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
        else if (strcmp(path, "A") == 0)
            fat_release(node);
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

int main(int argc, char **argv)
{
    static const struct {
        uint64_t size;
        uint32_t type;
    } shapes[] = {{200 << 10, 12}, {2300 << 10, 16}, {700 << 10, 32}};
    static const unsigned kinds[] = {CARD_READ, CARD_WRITE, CARD_FLUSH,
                                     CARD_READ | CARD_WRITE | CARD_FLUSH};

    check_begin(argc, argv);
    image_need_tools();
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct card *base = image_make(shapes[i].size, shapes[i].type, 512, 512);
        struct fat *fat = image_mount(base);
        state_begin(fat, &history.states[0]);
        CHECK_EQ(fat_unmount(fat), 0);
        for (unsigned j = 0; j < sizeof kinds / sizeof *kinds; j++) {
            fail_each(base, kinds[j], false);
            fail_each(base, kinds[j], true);
        }
        card_free(base);
    }
    return check_end();
}
