/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that go to and from Linux' tools: what debugfs has written is read, what is written here is read by debugfs, and journals in all their forms that
 * debugfs has written are replayed to the same blocks as e2fsck makes of them.
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

static void save_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(data, 1, size, file), size);
    CHECK_EQ(fclose(file), 0);
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)check_random();
}

static void test_their_files(void)
{
    struct card *card = image_make(16384, "-t ext4 -b 1024 -J size=1");
    const char *image = image_path("image"), *source = image_path("source");
    static uint8_t data[700000], got[sizeof(data)];
    struct ext4 *fs;
    ext4_ino folder, ino;
    size_t n;

    fill(data, sizeof(data));
    save_file(source, data, sizeof(data));
    CHECK(card_save(card, image));
    card_free(card);
    CHECK_EQ(
        image_run(
            NULL, 0,
            "printf 'mkdir d\\ncd d\\nwrite %s f\\nsymlink l /a/target\\n' | debugfs -w -f - %s 2>&1",
            source, image),
        0);
    card = card_load(image);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("d"), &folder), 0);
    CHECK_EQ(ext4_lookup(fs, folder, name_of("f"), &ino), 0);
    CHECK_EQ(ext4_read(fs, ino, 0, got, sizeof(got), &n), 0);
    CHECK(n == sizeof(data) && memcmp(got, data, n) == 0);
    CHECK_EQ(ext4_lookup(fs, folder, name_of("l"), &ino), 0);
    CHECK_EQ(ext4_readlink(fs, ino, (char *)got, sizeof(got), &n), 0);
    CHECK(n == 9 && memcmp(got, "/a/target", n) == 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    card_free(card);
}

static void test_our_files(void)
{
    static const struct ext4_attributes mode = {.mode = S_IFREG | 0640};
    struct card *card = image_make(16384, "-t ext4 -b 1024 -J size=1");
    const char *image = image_path("image"), *source = image_path("source");
    static uint8_t data[500000];
    struct ext4 *fs;
    ext4_ino ino;
    size_t n;

    fill(data, sizeof(data));
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_create(fs, EXT4_ROOT, name_of("ours"), &mode, &ino), 0);
    CHECK_EQ(ext4_write(fs, ino, 0, data, sizeof(data), &n), 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(card_save(card, image));
    save_file(source, data, sizeof(data));
    CHECK_EQ(image_run(NULL, 0, "debugfs -R 'cat /ours' %s 2>/dev/null | cmp - %s", image, source),
             0);
    card_free(card);
}

struct listing {
    struct ext4 *fs;
    ext4_ino folder;
    uint64_t cursor;
    unsigned batch;
    uint8_t seen[2000];
};

static bool note(void *context, struct ext4_name name, ext4_ino ino, unsigned type, uint64_t cursor)
{
    struct listing *listing = context;

    (void)ino;
    (void)type;
    listing->cursor = cursor;
    if (name.length > 4 && memcmp(name.text, "name", 4) == 0) {
        char number[16] = "";
        unsigned n;

        memcpy(number, name.text + 4, name.length - 4);
        n = (unsigned)strtoul(number, NULL, 10);
        CHECK(n < sizeof(listing->seen));
        listing->seen[n]++;
    }
    return ++listing->batch % 10 != 0;
}

static void make_name(struct ext4 *fs, ext4_ino folder, unsigned n)
{
    static const struct ext4_attributes mode = {.mode = S_IFREG | 0640};
    char name[16];
    ext4_ino ino;

    snprintf(name, sizeof(name), "name%u", n);
    CHECK_EQ(ext4_create(fs, folder, name_of(name), &mode, &ino), 0);
}

static void remove_name(struct ext4 *fs, ext4_ino folder, unsigned n)
{
    char name[16];

    snprintf(name, sizeof(name), "name%u", n);
    CHECK_EQ(ext4_unlink(fs, folder, name_of(name)), 0);
}

/* A folder that e2fsck gives an index: it is kept, and a listing that goes on while names come and go has all that stay once. */
static void test_index(void)
{
    struct card *card = image_make(16384, "-t ext4 -b 1024 -J size=1 -N 4000");
    const char *image = image_path("image");
    static struct listing listing;
    char text[4096];
    struct ext4 *fs;
    ext4_ino folder;

    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_mkdir(fs, EXT4_ROOT, name_of("d"), &(struct ext4_attributes){.mode = 0755},
                        &folder),
             0);
    for (unsigned n = 0; n < 300; n++)
        make_name(fs, folder, n);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(card_save(card, image));
    card_free(card);
    CHECK_EQ(image_run(NULL, 0, "e2fsck -fyD %s 2>&1", image) & ~1, 0);
    card = card_load(image);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    listing = (struct listing){.fs = fs, .folder = folder};
    for (unsigned n = 300, batch = 1; batch != listing.batch; n++) {
        batch = listing.batch;
        CHECK_EQ(ext4_readdir(fs, folder, listing.cursor, note, &listing), 0);
        for (unsigned i = 0; i < 20 && n < 330; i++)
            make_name(fs, folder, 300 + (n - 300) * 20 + i);
        if (n < 330)
            remove_name(fs, folder, 270 + n - 300);
    }
    for (unsigned n = 0; n < sizeof(listing.seen); n++)
        CHECK(n < 270 ? listing.seen[n] == 1 : listing.seen[n] <= 1);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    CHECK(card_save(card, image));
    CHECK_EQ(image_run(text, sizeof(text), "debugfs -R 'stat /d' %s 2>&1", image), 0);
    CHECK(strstr(text, "Flags: 0x81000") != NULL); /* extents and an index */
    card_free(card);
}

/* A journal with three transactions in three blocks that are free: one begins with the journal's magic number, one is revoked. */
static void one_journal(const char *form, const char *open)
{
    static const unsigned blocks[] = {2500, 2501, 2502};
    struct card *card = image_make(8192, form), *theirs, *ours;
    const char *image = image_path("image"), *source = image_path("source");
    uint8_t data[3 * 1024];
    struct ext4 *fs;

    fill(data, sizeof(data));
    memcpy(data + 1024, "\xc0\x3b\x39\x98", 4);
    save_file(source, data, sizeof(data));
    CHECK(card_save(card, image));
    CHECK_EQ(
        image_run(NULL, 0,
                  "printf 'jo %s\\njw -b 2500-2502 %s\\njw -r 2502\\njw -b 2500 /dev/zero\\njc\\n'"
                  " | debugfs -w -f - %s 2>&1",
                  open, source, image),
        0);
    ours = card_load(image);
    CHECK_EQ(image_run(NULL, 0, "e2fsck -E journal_only -y %s 2>&1", image) & ~1, 0);
    theirs = card_load(image);
    CHECK_EQ(ext4_mount(&ours->storage, 0, &fs), 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK(memcmp(ours->bytes + blocks[i] * 1024, theirs->bytes + blocks[i] * 1024, 1024) == 0);
    CHECK(memcmp(ours->bytes + 2501 * 1024, data + 1024, 1024) == 0);
    CHECK(memcmp(ours->bytes + 2502 * 1024, data + 2048, 1024) != 0);
    CHECK(image_is_clean(ours));
    card_free(card);
    card_free(ours);
    card_free(theirs);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_their_files();
    test_our_files();
    test_index();
    one_journal("-t ext4 -b 1024 -J size=1 -O 64bit,metadata_csum", "-c");
    one_journal("-t ext4 -b 1024 -J size=1 -O 64bit,metadata_csum", "-c -v 3");
    one_journal("-t ext4 -b 1024 -J size=1 -O 64bit,metadata_csum", "-c -v 2");
    one_journal("-t ext4 -b 1024 -J size=1 -O ^64bit,metadata_csum", "-c -v 2");
    one_journal("-t ext4 -b 1024 -J size=1 -O 64bit,^metadata_csum", "");
    one_journal("-t ext3 -b 1024 -J size=1", "");
    return check_end();
}
