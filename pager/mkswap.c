/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkswap: makes a partition one that swapon takes (docs/swap.md).
 *
 *      mkswap [-L NAME] sd0p2          partition 2 of the block device sd0
 *      mkswap [-L NAME] block.sd0 2    the same, by its service
 */
#include "swap_format.h"
#include "swap_name.h"
#include <inttypes.h>
#include <libsys/block_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILED = 1, MISUSED = 2 };

[[gnu::noreturn]] static void misuse(void)
{
    fprintf(stderr, "usage: mkswap [-L NAME] DEVICEpNUMBER | SERVICE PARTITION\n");
    exit(MISUSED);
}

[[gnu::noreturn]] static void fail(const char *what, kern_return_t kr)
{
    fprintf(stderr, "mkswap: %s: error %d\n", what, (int)kr);
    exit(FAILED);
}

static void show(const struct swap_header *header)
{
    printf("swap area of %" PRIu32 " KiB, ", header->pages * (SWAP_PAGE / 1024));
    for (unsigned i = 0; i < SWAP_UUID; i++)
        printf("%02x", header->uuid[i]);
    printf("\n");
}

static void make(const struct swap_name *where, const char *name)
{
    struct block_client disk;
    struct swap_header header;
    uint8_t uuid[SWAP_UUID];
    kern_return_t kr = block_client_open(&disk, where->device, where->partition, SWAP_PAGE);

    if (kr != KERN_SUCCESS)
        fail(where->device, kr);
    if (getentropy(uuid, sizeof(uuid)) != 0)
        fail("no random bytes", KERN_FAILURE);
    kr = swap_format(&disk, uuid, name);
    if (kr != KERN_SUCCESS)
        fail(kr == KERN_INVALID_ARGUMENT ? "the partition is too small" : "writing", kr);
    (void)swap_header_read(disk.data, disk.facts.blocks * disk.facts.block_size, &header);
    block_client_close(&disk);
    show(&header);
}

int main(int argc, char **argv)
{
    const char *name = "";
    struct swap_name where;
    int option;

    while ((option = getopt(argc, argv, "L:")) != -1) {
        if (option != 'L')
            misuse();
        name = optarg;
    }
    if (!swap_name_read((const char *const *)&argv[optind], argc - optind, &where))
        misuse();
    make(&where, name);
    return 0;
}
