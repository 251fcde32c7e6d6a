/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts a bad driver in the place of a disk's, has it do all that a driver can do wrong, one after the other (bad-drivers.h), and sees that
 * its own work and that of others goes on: the supervisor restarts who has to be restarted, requests are answered, and what is
 * read is what was written, or is found to be not.
 *
 * Arguments: disk=block.vd0 victim=vd0 good=virtio-blk; faults=MASK: a bit for each, of enum fault.
 */
#include "bad-drivers.h"
#include "arguments.h"
#include "disk-blocks.h"
#include "supervised.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum {
    PARTITION = 4, /* nobody else's: 8 MiB */
    ORDER_BLOCK = 0,
    FIRST = 8,
    BLOCKS = 64,
    WAIT_SECONDS = 20,
};
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

static const struct {
    const char *name;
    uint32_t status; /* of the driver's end; 0: it goes on */
} faults[FAULTS] = {
    [FAULT_SPIN] = {"spins", 140},
    [FAULT_BLOCK] = {"waits for ever", 140},
    [FAULT_EXIT] = {"ends", 3},
    [FAULT_LEAK_MEMORY] = {"leaks memory", 139},
    [FAULT_LEAK_PORTS] = {"leaks ports", 139},
    [FAULT_SCRIBBLE] = {"scribbles over its memory", 139},
    [FAULT_RING] = {"scribbles over the rings", 0},
    [FAULT_LIE] = {"lies", 0},
    [FAULT_DEAF] = {"never acknowledges", 0},
    [FAULT_FLOOD] = {"floods its clients", 0},
};

static struct block_client disk;
static mach_port_name_t supervisor;
static char victim[SUPERVISOR_NAME_MAX];
static uint32_t generation, caught;

static struct block_image *data(void)
{
    return (struct block_image *)disk.data;
}

static void sleep_for(uint64_t nanoseconds)
{
    (void)!kernel_sleep_until(kernel_clock_now() + nanoseconds);
}

static bool find(struct supervisor_row *out)
{
    return supervised_row(supervisor, victim, out);
}

/* Until it runs, started `restarts` times or more. */
static bool wait_running(uint32_t restarts, struct supervisor_row *row)
{
    return supervised_wait(supervisor, victim, restarts, WAIT_SECONDS * SECOND, row);
}

static kern_return_t transfer(enum block_operation operation)
{
    return block_client_do(&disk, operation, FIRST, BLOCKS, 0);
}

/* Write and read; how many blocks are not what was written. */
static unsigned write_and_read(void)
{
    unsigned wrong = 0;

    generation++;
    for (uint32_t i = 0; i < BLOCKS; i++)
        block_fill(&data()[i], i, generation);
    CHECK_EQUAL(transfer(BLOCK_WRITE), KERN_SUCCESS);
    memset(disk.data, 0, (size_t)BLOCKS * DISK_BLOCK);
    CHECK_EQUAL(transfer(BLOCK_READ), KERN_SUCCESS);
    for (uint32_t i = 0; i < BLOCKS; i++)
        wrong += !block_is(&data()[i], i, generation);
    return wrong;
}

static void order(enum fault fault)
{
    struct fault_order *what = (struct fault_order *)disk.data;

    memset(disk.data, 0, DISK_BLOCK);
    *what = (struct fault_order){.magic = FAULT_MAGIC,
                                 .fault = fault,
                                 .first = disk.facts.first + FIRST,
                                 .count = BLOCKS};
    CHECK_EQUAL(block_client_do(&disk, BLOCK_WRITE, ORDER_BLOCK, 1, 0), KERN_SUCCESS);
}

static void try_fault(enum fault fault)
{
    struct supervisor_row before, after;

    if (!wait_running(0, &before))
        return;
    const uint64_t begun = kernel_clock_now();
    order(fault);
    unsigned wrong = write_and_read();
    const uint64_t taken = kernel_clock_now() - begun;
    if (fault == FAULT_LIE) {
        CHECK(wrong > 0); /* the checksums are there for that */
        caught += wrong;
        order(FAULT_NONE);
        wrong = write_and_read();
    }
    CHECK_EQUAL(wrong, 0);
    for (unsigned i = 0; i < 10; i++)
        CHECK_EQUAL(write_and_read(), 0);
    if (faults[fault].status != 0 && wait_running(before.restarts + 1, &after))
        CHECK_EQUAL(after.last_status, faults[fault].status);
    if (find(&after))
        print("a driver that %s: %u restarts, answered after %lu ms\n", faults[fault].name,
              after.restarts - before.restarts, (unsigned long)(taken / MILLISECOND));
    sleep_for(SECOND + SECOND / 5); /* a healthy second: no crash loop */
}

static void replace(const char *file)
{
    struct supervisor_row row;

    if (CHECK_EQUAL(supervisor_upgrade(supervisor, victim, file), KERN_SUCCESS))
        CHECK_EQUAL(write_and_read(), 0); /* of the next instance, when there is one */
    (void)wait_running(0, &row);
}

int main(void)
{
    char service[64], good[64];
    const uint64_t which = number_argument("faults=", UINT64_MAX);

    (void)word_argument("victim=", victim, sizeof(victim));
    if (!CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                     KERN_SUCCESS) ||
        !CHECK_EQUAL(block_client_open(&disk, word_argument("disk=", service, sizeof(service)),
                                       PARTITION, (size_t)BLOCKS * DISK_BLOCK),
                     KERN_SUCCESS))
        return check_end("bad-drivers");
    replace("faulty-blk");
    for (enum fault fault = FAULT_NONE + 1; fault < FAULTS; fault++)
        if (which & 1u << fault)
            try_fault(fault);
    replace(word_argument("good=", good, sizeof(good)));
    print("%lu attachments, %u lies caught\n", (unsigned long)disk.replays, caught);
    block_client_close(&disk);
    return check_end("bad-drivers");
}
