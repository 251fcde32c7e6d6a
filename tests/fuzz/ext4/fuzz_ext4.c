/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged file systems. An input is a row of patches, each of a place and a few bytes, to one of two file systems that were not unmounted: one without checksums, so
 * that all that is patched is also believed, and one with them. Places are counted in what is interesting: the superblock, descriptors, the inode table, the
 * journal, and everything.
 */
#include "abuse.h"
#include "check.h"
#include <sys/stat.h>

enum { BASES = 2, KIBIBYTES = 2560, PLACES = 6 };

static struct card *bases[BASES], *card;
static uint32_t places[BASES][PLACES];

/* Some files, and a journal that holds what makes them. */
static struct card *make_base(const char *arguments)
{
    static const struct ext4_attributes file = {.mode = S_IFREG | 0600};
    static const struct ext4_attributes folder = {.mode = S_IFDIR | 0700};
    struct card *made = image_make(KIBIBYTES, arguments);
    static uint8_t data[20000];
    struct ext4 *fs;
    ext4_ino in, ino;
    size_t done;

    CHECK_EQ(ext4_mount(&made->storage, 0, &fs), 0);
    CHECK_EQ(ext4_mkdir(fs, EXT4_ROOT, name_of("folder"), &folder, &in), 0);
    CHECK_EQ(ext4_create(fs, in, name_of("file"), &file, &ino), 0);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(ext4_write(fs, ino, 50000 * i, data, sizeof(data), &done), 0);
    CHECK_EQ(ext4_symlink(fs, in, name_of("link"), &file, name_of("/somewhere"), &ino), 0);
    CHECK_EQ(ext4_sync(fs), 0);
    CHECK_EQ(ext4_create(fs, in, name_of("other"), &file, &ino), 0);
    CHECK_EQ(ext4_unlink(fs, in, name_of("link")), 0);
    CHECK_EQ(ext4_sync(fs), 0);
    ext4_abandon(fs);
    return made;
}

/* The journal begins with its magic number, and a superblock's type. */
static uint32_t find_journal(const struct card *made)
{
    for (uint32_t at = 0; at < made->storage.size; at += 1024)
        if (memcmp(made->bytes + at, "\xc0\x3b\x39\x98\0\0\0\x04", 8) == 0)
            return at;
    return 0;
}

static void begin(void)
{
    bases[0] = make_base("-t ext4 -b 1024 -J size=1 -N 64 -O ^metadata_csum,^resize_inode");
    bases[1] = make_base("-t ext4 -b 1024 -J size=1 -N 64 -O metadata_csum,^resize_inode");
    card = card_make(bases[0]->storage.size);
    for (unsigned i = 0; i < BASES; i++) {
        const uint32_t table = *(uint32_t *)(bases[i]->bytes + 2048 + 8) * 1024;

        places[i][0] = 0;
        places[i][1] = 1024;
        places[i][2] = 2048;
        places[i][3] = table;
        places[i][4] = find_journal(bases[i]);
        places[i][5] = places[i][4] + 1024;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned base;

    if (card == NULL)
        begin();
    if (size == 0)
        return 0;
    base = data[0] % BASES;
    card_copy(card, bases[base]);
    for (size_t at = 1; at + 5 <= size;) {
        const uint32_t offset = (uint32_t)(data[at + 1] | data[at + 2] << 8 | data[at + 3] << 16);
        const uint32_t place =
            places[base][data[at] % PLACES] + offset % (data[at] & 128 ? 1 << 24 : 4096);
        size_t length = data[at + 4] % 16 + 1u;

        at += 5;
        length = length < size - at ? length : size - at;
        if (place + length <= card->storage.size)
            memcpy(card->bytes + place, data + at, length);
        at += length;
    }
    (void)abuse(card);
    return 0;
}
