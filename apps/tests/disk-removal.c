/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A card that is taken out and put back while it is worked with, by who reads the console: requests fail with KERN_MEMORY_FAILURE, the client is
 * told (block_events.medium_changed), nobody can attach; when it is there again attaching works, and what was written is there.
 *
 * Arguments: disk=block.sd0 partition=2 rounds=2; absent=1: there is none at first, and round 0 ends when it has been put in.
 */
#include "arguments.h"
#include "disk-blocks.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <user/msg.h>
#include <wharf/if/block_events.h>

enum { BLOCKS = 64, TRIES = 600 };
#define PAUSE UINT64_C(50000000)

static struct block_client disk;
static char service[64];
static uint32_t partition;

static struct block_image *data(void)
{
    return (struct block_image *)disk.data;
}

static kern_return_t transfer(enum block_operation operation)
{
    return block_client_do(&disk, operation, 0, BLOCKS, 0);
}

static void pause(void)
{
    (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
}

static bool attach(void)
{
    kern_return_t kr = KERN_FAILURE;

    for (unsigned i = 0; i < TRIES; i++) {
        kr = block_client_open(&disk, service, partition, (size_t)BLOCKS * DISK_BLOCK);
        if (kr != KERN_MEMORY_FAILURE)
            break;
        pause();
    }
    return CHECK_EQUAL(kr, KERN_SUCCESS);
}

static void write_all(uint32_t generation)
{
    for (uint32_t i = 0; i < BLOCKS; i++)
        block_fill(&data()[i], i, generation);
    CHECK_EQUAL(transfer(BLOCK_WRITE), KERN_SUCCESS);
    CHECK_EQUAL(transfer(BLOCK_FLUSH), KERN_SUCCESS);
}

static void verify_all(uint32_t generation)
{
    CHECK_EQUAL(transfer(BLOCK_READ), KERN_SUCCESS);
    for (uint32_t i = 0; i < BLOCKS; i++)
        CHECK(block_is(&data()[i], i, generation));
}

/* Work until it is out. What was answered with success is what was written. */
static void work_until_out(uint32_t generation)
{
    kern_return_t kr = KERN_SUCCESS;
    unsigned done = 0;

    for (unsigned i = 0; i < TRIES * 100 && kr == KERN_SUCCESS; i++) {
        kr = transfer(BLOCK_READ);
        for (uint32_t block = 0; block < BLOCKS && kr == KERN_SUCCESS; block++)
            CHECK(block_is(&data()[block], block, generation));
        done += kr == KERN_SUCCESS;
        if (i % 16 == 0)
            (void)!kernel_sleep_until(kernel_clock_now() + PAUSE / 10);
    }
    CHECK_EQUAL(kr, KERN_MEMORY_FAILURE);
    print("out after %u reads\n", done);
}

static void check_told(void)
{
    struct msg_registers m = {.receive = disk.notify,
                              .deadline = kernel_clock_now() + 20 * UINT64_C(1000000000)};

    user_msg_trap(&m);
    if (CHECK_EQUAL(trap_error(m.result), KERN_SUCCESS))
        CHECK_EQUAL(m.id, BLOCK_EVENTS_ID_MEDIUM_CHANGED);
}

static void check_nobody_attaches(void)
{
    struct block_client other;

    CHECK_EQUAL(block_client_open(&other, service, partition, DISK_BLOCK), KERN_MEMORY_FAILURE);
}

static void round_trip(uint32_t number)
{
    write_all(number);
    verify_all(number);
    print("round %u: take it out\n", number);
    work_until_out(number);
    check_told();
    CHECK_EQUAL(transfer(BLOCK_READ),
                KERN_MEMORY_FAILURE); /* it stays so until the client attaches anew */
    check_nobody_attaches();
    block_client_close(&disk);
    print("round %u: put it in\n", number);
    if (attach())
        verify_all(number);
}

int main(void)
{
    const uint32_t rounds = (uint32_t)number_argument("rounds=", 2);

    (void)word_argument("disk=", service, sizeof(service));
    partition = (uint32_t)number_argument("partition=", 2);
    if (number_argument("absent=", 0)) {
        check_nobody_attaches();
        print("round 0: put it in\n");
    }
    if (attach())
        for (uint32_t i = 1; i <= rounds && check_failures() == 0; i++)
            round_trip(i);
    block_client_close(&disk);
    return check_end("disk-removal");
}
