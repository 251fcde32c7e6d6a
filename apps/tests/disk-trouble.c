/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on a disk that does something wrong, which is told to its clients as it is: whatever a request is answered with is what it has to
 * be answered with, and whatever is read is what was written, or is found to be not.
 *
 * Arguments: disk=block.vd0 partition=2 operations=400 seed=1;
 * bad=FIRST:COUNT io=read|write: requests of this kind for these blocks fail with KERN_MEMORY_ERROR, and no others;
 * any=1: each may fail with that; when the last has been answered the disk works again;
 * flips=1: bits of what is read may be wrong: each of these is found, and another read is right;
 * least=N: so many requests fail, or blocks are found wrong, at least; most=N.
 */
#include "arguments.h"
#include "disk-blocks.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 256, DEPTH = 6, RUN = 16, TRIES = 200 };

static struct slot {
    bool used;
    enum block_operation operation;
    unsigned ticket;
    uint64_t block;
    uint32_t count;
} slots[DEPTH];

static struct block_client disk;
static uint32_t written[BLOCKS]; /* generation; 0: nobody knows what is there */
static bool busy[BLOCKS];
static uint32_t generation;
static uint64_t state, requests, failed, found, wrong;
static struct {
    uint64_t first, count;
    enum block_operation operation;
    bool any, flips;
} trouble;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static struct block_image *data_of(unsigned number)
{
    return (struct block_image *)(disk.data + (size_t)number * RUN * DISK_BLOCK);
}

static bool is_bad(const struct slot *slot)
{
    return slot->operation == trouble.operation && slot->block < trouble.first + trouble.count &&
           slot->block + slot->count > trouble.first;
}

/* What was flipped on its way is right when it is read again. */
static void read_again(unsigned number, uint64_t block)
{
    struct block_image *image = data_of(number);

    found++;
    for (unsigned i = 0; i < TRIES; i++) {
        if (!CHECK_EQUAL(block_client_do(&disk, BLOCK_READ, block, 1,
                                         (size_t)number * RUN * DISK_BLOCK),
                         KERN_SUCCESS))
            return;
        if (block_is(image, block, written[block]))
            return;
        found++;
    }
    wrong++;
}

static void verify(unsigned number)
{
    const struct slot *slot = &slots[number];
    bool flipped[RUN] = {false};

    for (uint32_t i = 0; i < slot->count; i++)
        flipped[i] = written[slot->block + i] != 0 &&
                     !block_is(&data_of(number)[i], slot->block + i, written[slot->block + i]);
    for (uint32_t i = 0; i < slot->count; i++) {
        if (flipped[i] && trouble.flips)
            read_again(number, slot->block + i);
        else if (flipped[i] && wrong++ < 8)
            print("disk-trouble: block %lu is wrong\n", (unsigned long)(slot->block + i));
    }
}

static void finish(unsigned number)
{
    struct slot *slot = &slots[number];
    const kern_return_t kr = block_client_wait(&disk, slot->ticket);

    slot->used = false;
    for (uint32_t i = 0; i < slot->count; i++) {
        busy[slot->block + i] = false;
        if (kr != KERN_SUCCESS && slot->operation == BLOCK_WRITE)
            written[slot->block + i] = 0;
    }
    failed += kr != KERN_SUCCESS;
    if (!trouble.any)
        CHECK_EQUAL(kr, is_bad(slot) ? KERN_MEMORY_ERROR : KERN_SUCCESS);
    else if (kr != KERN_SUCCESS)
        CHECK_EQUAL(kr, KERN_MEMORY_ERROR);
    if (kr == KERN_SUCCESS && slot->operation == BLOCK_READ)
        verify(number);
}

static bool is_free(const struct slot *slot)
{
    for (uint32_t i = 0; i < slot->count; i++)
        if (busy[slot->block + i])
            return false;
    return true;
}

static void begin(unsigned number)
{
    struct slot *slot = &slots[number];

    slot->count = 1 + (uint32_t)random_below(RUN);
    slot->block = random_below(BLOCKS - slot->count);
    slot->operation = random_below(2) ? BLOCK_WRITE : BLOCK_READ;
    if (!is_free(slot))
        return;
    if (slot->operation == BLOCK_WRITE)
        generation++;
    for (uint32_t i = 0; i < slot->count; i++) {
        busy[slot->block + i] = true;
        if (slot->operation != BLOCK_WRITE)
            continue;
        block_fill(&data_of(number)[i], slot->block + i, generation);
        written[slot->block + i] = generation;
    }
    requests++;
    slot->used = CHECK_EQUAL(block_client_submit(&disk, slot->operation, slot->block, slot->count,
                                                 (size_t)number * RUN * DISK_BLOCK, &slot->ticket),
                             KERN_SUCCESS);
}

static void work(uint64_t operations)
{
    for (uint64_t i = 0; i < operations && check_failures() == 0; i++) {
        const unsigned number = (unsigned)random_below(DEPTH);
        if (slots[number].used)
            finish(number);
        begin(number);
        if (i % 3 == 0)
            block_client_start(&disk);
    }
    for (unsigned number = 0; number < DEPTH; number++)
        if (slots[number].used)
            finish(number);
}

/* So that whatever is read can be judged. */
static void write_all(void)
{
    generation++;
    for (uint64_t block = 0; block < BLOCKS; block += RUN) {
        for (uint32_t i = 0; i < RUN; i++) {
            block_fill(&data_of(0)[i], block + i, generation);
            written[block + i] = generation;
        }
        CHECK_EQUAL(block_client_do(&disk, BLOCK_WRITE, block, RUN, 0), KERN_SUCCESS);
    }
}

/* The trouble is over after a while. */
static void wait_well(void)
{
    kern_return_t kr = KERN_FAILURE;

    for (unsigned i = 0; i < TRIES && kr != KERN_SUCCESS; i++) {
        (void)!kernel_sleep_until(kernel_clock_now() + 50000000);
        kr = block_client_do(&disk, BLOCK_READ, 0, RUN, 0);
    }
    CHECK_EQUAL(kr, KERN_SUCCESS);
    CHECK_EQUAL(block_client_do(&disk, BLOCK_FLUSH, 0, 0, 0), KERN_SUCCESS);
}

static void read_arguments(void)
{
    char word[32];
    const char *bad = word_argument("bad=", word, sizeof(word)), *colon = strchr(bad, ':');

    trouble.first = strtoull(bad, NULL, 0);
    trouble.count = colon ? strtoull(colon + 1, NULL, 0) : 0;
    trouble.operation =
        strcmp(word_argument("io=", word, sizeof(word)), "write") == 0 ? BLOCK_WRITE : BLOCK_READ;
    trouble.any = number_argument("any=", 0);
    trouble.flips = number_argument("flips=", 0);
    state = number_argument("seed=", 1) * UINT64_C(0x2545f4914f6cdd1d) | 1;
}

int main(void)
{
    char service[64];

    read_arguments();
    if (!CHECK_EQUAL(block_client_open(&disk, word_argument("disk=", service, sizeof(service)),
                                       (uint32_t)number_argument("partition=", 2),
                                       (size_t)DEPTH * RUN * DISK_BLOCK),
                     KERN_SUCCESS))
        return check_end("disk-trouble");
    const uint64_t begun = kernel_clock_now();
    if (trouble.flips)
        write_all();
    work(number_argument("operations=", 400));
    if (trouble.any)
        wait_well();
    CHECK_EQUAL(wrong, 0);
    CHECK(failed + found >= number_argument("least=", 0));
    CHECK(failed + found <= number_argument("most=", UINT64_MAX));
    print("%lu requests, %lu failed, %lu flips found, %lu wrong, %lu replays, %lu ms\n",
          (unsigned long)requests, (unsigned long)failed, (unsigned long)found,
          (unsigned long)wrong, (unsigned long)disk.replays,
          (unsigned long)((kernel_clock_now() - begun) / 1000000));
    block_client_close(&disk);
    return check_end("disk-trouble");
}
