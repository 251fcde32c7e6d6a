/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing FAT: the input is a card. It is mounted, walked, read and written; whatever it holds, that ends, inside of the memory that there is.
 */
#include <card.h>
#include <fat.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH = 6, NAMES = 8 };

struct names {
    unsigned count;
    char names[NAMES][FAT_NAME_MAX];
};

static bool keep(void *context, const char *name, enum fat_kind kind, uint64_t inode, uint64_t next)
{
    struct names *names = context;

    (void)kind, (void)inode, (void)next;
    if (names->count == NAMES)
        return false;
    strcpy(names->names[names->count++], name);
    return true;
}

static void change(struct fat *fat, struct fat_node *node, unsigned number)
{
    static const char text[700] = "text";
    struct fat_attributes attributes;
    size_t done;

    fat_attributes(node, &attributes);
    (void)fat_write(node, attributes.size % 5000, text, sizeof text, &done);
    (void)fat_resize(node, number * 400);
    if (number % 3 == 0)
        (void)fat_rename(node, fat_root(fat), "another name for this file", NULL);
    if (number % 3 == 1)
        (void)fat_remove(node);
}

static void walk(struct fat *fat, struct fat_node *folder, unsigned depth)
{
    struct names *names = calloc(1, sizeof *names);
    char bytes[1000];
    struct fat_node *node;
    size_t got;

    (void)fat_entries(folder, 0, keep, names);
    for (unsigned i = 0; i < names->count; i++) {
        if (fat_lookup(folder, names->names[i], &node) != 0)
            continue;
        if (fat_read(node, i * 300, bytes, sizeof bytes, &got) != 0 && depth < DEPTH)
            walk(fat, node, depth + 1);
        change(fat, node, i + depth);
        fat_release(node);
    }
    free(names);
    if (fat_create(folder, "new folder", FAT_FOLDER, &node) == 0)
        fat_release(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct card *card = card_make((size + 511) / 512 * 512);
    struct fat *fat;
    struct fat_space space;

    memcpy(card->bytes, data, size);
    if (fat_mount(&card->storage, &(struct fat_options){.cache_blocks = 64}, &fat) == 0) {
        walk(fat, fat_root(fat), 0);
        (void)fat_space(fat, &space);
        (void)fat_sync(fat);
        (void)fat_unmount(fat);
    }
    card_free(card);
    return 0;
}
