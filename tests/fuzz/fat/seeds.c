/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First inputs for fuzz_fat: small file systems of each type with a few files.
 */
#include <card.h>
#include <fat.h>
#include <stdio.h>
#include <stdlib.h>

static void require(bool good)
{
    if (!good)
        abort();
}

static void make(const char *folder, uint32_t type)
{
    struct card *card = card_make(48 << 10);
    struct fat *fat;
    struct fat_node *node, *inner;
    size_t written;
    char path[512];

    require(fat_format(&card->storage,
                       &(struct fat_format){.type = type, .small_32 = true, .label = "SEED"}) == 0);
    require(fat_mount(&card->storage, &(struct fat_options){0}, &fat) == 0);
    require(fat_create(fat_root(fat), "a long name", FAT_FILE, &node) == 0);
    require(fat_write(node, 0, path, sizeof path, &written) == 0);
    require(fat_write(node, 1500, path, sizeof path, &written) == 0);
    fat_release(node);
    require(fat_create(fat_root(fat), "FOLDER", FAT_FOLDER, &node) == 0);
    require(fat_create(node, "inner", FAT_FILE, &inner) == 0);
    require(fat_write(inner, 0, "text", 4, &written) == 0);
    fat_release(inner);
    fat_release(node);
    require(fat_unmount(fat) == 0);
    snprintf(path, sizeof path, "%s/fat%u", folder, type);
    require(card_save(card, path));
    card_free(card);
}

int main(int argc, char **argv)
{
    require(argc == 2);
    make(argv[1], 12);
    make(argv[1], 32);
    return 0;
}
