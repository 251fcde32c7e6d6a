/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mixed random work on a block device, verified: every block that is written says which it is, of which write, and carries a
 * checksum; what is read has to be what was written last. Drivers may be killed meanwhile: no request may fail for that.
 *
 * Arguments: disk=block.sd0 partition=0 operations=1000 seed=1 depth=8 blocks=4096 (used from the partition's beginning);
 * while=PROGRAM: that many operations again and again, until the program has ended.
 */
#include "arguments.h"
#include "disk-blocks.h"
#include "supervised.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/block_queue.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum {
    BLOCK = DISK_BLOCK,
    RUN_MAX = 64,   /* blocks of one request */
    DEPTH_MAX = 16, /* requests in flight */
    BLOCKS_MAX = 1 << 16,
};
/* A request in flight, and where its data is. */
struct slot {
    bool used;
    enum block_operation operation;
    unsigned ticket;
    uint64_t block;
    uint32_t count;
};

static struct block_client disk;
static uint32_t written[BLOCKS_MAX]; /* generation of each block's last write; 0: never */
static bool busy[BLOCKS_MAX];        /* a request in flight concerns it */
static struct slot slots[DEPTH_MAX];
static uint64_t state, operations[4], errors;
static uint32_t generation;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* ---- what is in blocks ---- */

static void verify(const struct block_image *image, uint64_t number)
{
    if (written[number] == 0)
        return;
    if (block_is(image, number, written[number]))
        return;
    if (errors++ < 8)
        print("disk-load: block %lu: wrong: magic %lx number %lu generation %lu, not %u\n",
              (unsigned long)number, (unsigned long)image->magic, (unsigned long)image->number,
              (unsigned long)image->generation, written[number]);
}

static struct block_image *data_of(unsigned slot)
{
    return (struct block_image *)(disk.data + (size_t)slot * RUN_MAX * BLOCK);
}

/* ---- requests ---- */

static void set_busy(const struct slot *slot, bool is)
{
    for (uint32_t i = 0; i < slot->count; i++)
        busy[slot->block + i] = is;
}

static bool is_free(uint64_t block, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (busy[block + i])
            return false;
    return true;
}

static void begin(unsigned number, uint64_t blocks)
{
    struct slot *slot = &slots[number];
    const uint64_t dice = random_below(100);

    slot->count = 1 + (uint32_t)random_below(random_below(4) ? 8 : RUN_MAX);
    slot->block = random_below(blocks - slot->count);
    slot->operation = dice < 48 ? BLOCK_WRITE : dice < 97 ? BLOCK_READ : BLOCK_FLUSH;
    if (slot->operation == BLOCK_FLUSH)
        slot->block = slot->count = 0;
    if (!is_free(slot->block, slot->count))
        return;
    if (slot->operation == BLOCK_WRITE) {
        generation++;
        for (uint32_t i = 0; i < slot->count; i++) {
            block_fill(&data_of(number)[i], slot->block + i, generation);
            written[slot->block + i] = generation;
        }
    }
    if (!CHECK_EQUAL(block_client_submit(&disk, slot->operation, slot->block, slot->count,
                                         (size_t)number * RUN_MAX * BLOCK, &slot->ticket),
                     KERN_SUCCESS))
        return;
    operations[slot->operation]++;
    set_busy(slot, true);
    slot->used = true;
}

static void finish(unsigned number)
{
    struct slot *slot = &slots[number];

    CHECK_EQUAL(block_client_wait(&disk, slot->ticket), KERN_SUCCESS);
    set_busy(slot, false);
    slot->used = false;
    if (slot->operation == BLOCK_READ)
        for (uint32_t i = 0; i < slot->count; i++)
            verify(&data_of(number)[i], slot->block + i);
}

static void work(uint64_t wanted, unsigned depth, uint64_t blocks)
{
    for (uint64_t i = 0; i < wanted; i++) {
        const unsigned number = (unsigned)random_below(depth);
        if (slots[number].used)
            finish(number);
        begin(number, blocks);
        if (i % 4 == 0)
            block_client_start(&disk);
    }
    for (unsigned number = 0; number < depth; number++)
        if (slots[number].used)
            finish(number);
}

/* All blocks once more, from the first to the last. */
static void read_all(uint64_t blocks)
{
    for (uint64_t block = 0; block < blocks; block += RUN_MAX) {
        const uint32_t count = blocks - block < RUN_MAX ? (uint32_t)(blocks - block) : RUN_MAX;
        CHECK_EQUAL(block_client_do(&disk, BLOCK_READ, block, count, 0), KERN_SUCCESS);
        for (uint32_t i = 0; i < count; i++)
            verify(&data_of(0)[i], block + i);
    }
}

static void work_while(const char *name, uint64_t wanted, unsigned depth, uint64_t blocks)
{
    mach_port_name_t supervisor;

    if (name[0] == '\0') {
        work(wanted, depth, blocks);
        return;
    }
    if (!CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                     KERN_SUCCESS))
        return;
    do
        work(wanted, depth, blocks);
    while (supervised_goes_on(supervisor, name) && errors == 0 && check_failures() == 0);
}

/* ---- what the driver is not to be misled by ---- */

/* The answer to an attempt to attach, whichever instance it is of. */
static kern_return_t try_attach(mach_port_name_t to, mach_port_name_t area)
{
    mach_port_name_t queue;
    struct block_facts facts;
    kern_return_t kr;

    do
        kr = block_attach(to, 0, area, disk.notify, &queue, &facts);
    while (kr == MIG_SERVER_DIED);
    return kr;
}

/* Memory that is none: a port of ours, which nobody serves. It is not waited for. And a queue is one partition's, no way to others. */
static void attach_wrongly(void)
{
    mach_port_name_t port = MSG_NULL, name;

    CHECK_EQUAL(port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(program_start_info->task, port, port, &name), KERN_SUCCESS);
    CHECK_EQUAL(try_attach(disk.service, port), KERN_INVALID_CAPABILITY);
    const kern_return_t kr = try_attach(disk.queue, disk.entry);
    CHECK(kr == MIG_BAD_ID || kr == MACH_SEND_INVALID_DEST); /* its driver was killed just now */
    stub_release_right(name, MSG_MOVE_SEND);
    stub_release_right(port, MSG_MOVE_RECEIVE);
}

/* A full ring is more than is taken in one go: `run` is answered when all of it is. */
static void run_means_all(void)
{
    unsigned tickets[BLOCK_RING_ENTRIES];

    for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++)
        CHECK_EQUAL(block_client_submit(&disk, BLOCK_READ, 0, 1, 0, &tickets[i]), KERN_SUCCESS);
    const bool all = block_queue_run(disk.queue) == KERN_SUCCESS;
    for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++)
        CHECK(!all || block_client_is_done(&disk, tickets[i]));
    for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++)
        CHECK_EQUAL(block_client_wait(&disk, tickets[i]), KERN_SUCCESS);
}

int main(void)
{
    char service[64], program[64];
    const uint64_t seed = number_argument("seed=", 1);
    const uint64_t wanted = number_argument("operations=", 1000);
    unsigned depth = (unsigned)number_argument("depth=", 8);
    uint64_t blocks = number_argument("blocks=", 4096);

    state = seed * UINT64_C(0x2545f4914f6cdd1d) | 1;
    if (depth < 1 || depth > DEPTH_MAX)
        depth = DEPTH_MAX;
    if (!CHECK_EQUAL(block_client_open(&disk, word_argument("disk=", service, sizeof(service)),
                                       (uint32_t)number_argument("partition=", 0),
                                       (size_t)DEPTH_MAX * RUN_MAX * BLOCK),
                     KERN_SUCCESS))
        return check_end("disk-load");
    if (blocks > BLOCKS_MAX)
        blocks = BLOCKS_MAX;
    if (blocks > disk.facts.blocks)
        blocks = disk.facts.blocks;
    const uint64_t begun = kernel_clock_now();
    attach_wrongly();
    run_means_all();
    work_while(word_argument("while=", program, sizeof(program)), wanted, depth, blocks);
    read_all(blocks);
    CHECK_EQUAL(block_client_do(&disk, BLOCK_FLUSH, 0, 0, 0), KERN_SUCCESS);
    CHECK_EQUAL(errors, 0);
    print("%s, seed %lu: %lu reads, %lu writes, %lu flushes, %lu replays, %lu wrong, "
          "%lu ms\n",
          service, (unsigned long)seed, (unsigned long)operations[BLOCK_READ],
          (unsigned long)operations[BLOCK_WRITE], (unsigned long)operations[BLOCK_FLUSH],
          (unsigned long)disk.replays, (unsigned long)errors,
          (unsigned long)((kernel_clock_now() - begun) / 1000000));
    block_client_close(&disk);
    return check_end("disk-load");
}
