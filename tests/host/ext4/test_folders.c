/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders of several blocks, whose names are remembered (folder_index.c): of how many folders, and what becomes of one with a block that is bad.
 */
#include "check.h"
#include "ext4_impl.h"
#include "images.h"
#include <sys/stat.h>

enum { BLOCK = 1024, NAMES = 100, FOLDERS = 12 };

static const struct ext4_attributes as = {.mode = S_IFREG | 0644};

static struct ext4_name name(unsigned number)
{
    static char text[128];

    snprintf(text, sizeof text, "%03u a name that is long enough for few to fit a block %050u",
             number, number);
    return name_of(text);
}

static ext4_ino make_folder(struct ext4 *fs, ext4_ino in, const char *text)
{
    const struct ext4_attributes folder_as = {.mode = S_IFDIR | 0755};
    ext4_ino folder, ino;

    CHECK_EQ(ext4_mkdir(fs, in, name_of(text), &folder_as, &folder), 0);
    CHECK_EQ(ext4_create(fs, folder, name(0), &as, &ino), 0);
    for (unsigned i = 1; i < NAMES; i++)
        CHECK_EQ(ext4_link(fs, ino, folder, name(i)), 0);
    return folder;
}

static const struct folder_index *index_of(const struct ext4 *fs, ext4_ino folder)
{
    for (unsigned i = 0; i < FOLDER_INDEXES; i++)
        if (fs->indexes[i].folder == folder)
            return &fs->indexes[i];
    return NULL;
}

/* A path through them is gone a second time without anything that has to be remembered anew. */
static void test_path(void)
{
    struct card *card = image_make(8192, "-t ext4 -b 1024 -J size=1 -O ^dir_index");
    const struct folder_index *index;
    ext4_ino folders[FOLDERS], ino;
    struct ext4 *fs;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    for (unsigned i = 0; i < FOLDERS; i++)
        folders[i] = make_folder(fs, i == 0 ? EXT4_ROOT : folders[i - 1], "folder");
    for (unsigned i = 0; i < FOLDERS; i++)
        CHECK_EQ(ext4_lookup(fs, folders[i], name(7), &ino), 0);
    for (unsigned i = 0; i < FOLDERS; i++) {
        index = index_of(fs, folders[i]);
        CHECK(index && !index->refused && index->block_count > 2);
    }
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

/* All copies; others than the folder's are in the journal, and over. */
static void spoil_blocks_of(struct card *card, struct ext4_name text)
{
    for (uint64_t at = 0; at + text.length <= card->storage.size; at += 4)
        if (memcmp(card->bytes + at, text.text, text.length) == 0)
            memset(card->bytes + at / BLOCK * BLOCK, 0xff, BLOCK);
}

/* What lies before it is found, without a problem; what does not says what it is. */
static void test_bad_block(void)
{
    struct card *card = image_make(8192, "-t ext4 -b 1024 -J size=1 -O ^dir_index");
    const struct folder_index *index;
    ext4_ino folder, ino;
    struct ext4 *fs;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    folder = make_folder(fs, EXT4_ROOT, "folder");
    CHECK_EQ(ext4_unmount(fs), 0);
    spoil_blocks_of(card, name(NAMES - 1));
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(ext4_lookup(fs, folder, name(i), &ino), 0);
        CHECK_TEXT(ext4_problem(fs), "");
        CHECK(!ext4_is_read_only(fs));
        index = index_of(fs, folder);
        CHECK(index && index->refused);
    }
    CHECK_EQ(ext4_lookup(fs, folder, name(NAMES - 1), &ino), EBADMSG);
    CHECK(*ext4_problem(fs) != '\0');
    (void)ext4_unmount(fs);
    card_free(card);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_path();
    test_bad_block();
    return check_end();
}
