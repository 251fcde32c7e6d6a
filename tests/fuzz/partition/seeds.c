/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes good tables as inputs for the fuzz target: seeds FOLDER. */
#include "../../host/check.h"
#include "disk.h"

enum { BLOCKS = 250, WRITTEN = 64, SUMS = 8 };

static void save(const char *folder, const char *name, const struct disk *disk, uint8_t how)
{
    char path[4096];
    uint8_t head[2] = {how, BLOCKS - 1};
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(head, 1, sizeof(head), file), sizeof(head));
    CHECK_EQ(fwrite(disk->bytes, disk->block_size, WRITTEN, file), WRITTEN);
    CHECK_EQ(fclose(file), 0);
}

int main(int argc, char **argv)
{
    struct disk disk;

    check_begin(0, NULL);
    CHECK_EQ(argc, 2);
    disk_make(&disk, 512, BLOCKS);
    disk_gpt(&disk, 16);
    disk_gpt_entry(&disk, 0, 10, 19, "first");
    disk_gpt_entry(&disk, 2, 20, 200, "second");
    save(argv[1], "gpt", &disk, SUMS);
    disk_destroy(&disk);
    disk_make(&disk, 512, BLOCKS);
    disk_entry(&disk, 0, 0, 0x0c, 1, 9);
    disk_entry(&disk, 0, 1, 0x0f, 10, 200);
    for (uint32_t i = 0; i < 4; i++) {
        disk_entry(&disk, 10 + 10 * i, 0, 0x83, 1, 9);
        if (i < 3)
            disk_entry(&disk, 10 + 10 * i, 1, 0x05, 10 * (i + 1), 10);
    }
    save(argv[1], "mbr", &disk, 0);
    disk_destroy(&disk);
    return 0;
}
