/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device, from its client's request to its client's data: instructions on this CPU, the driver's and the kernel's included.
 * They are counted, not timed: while the device is at work the CPU is idle, and time goes on.
 *
 * Arguments: disk=SERVICE rows=PREFIX; boot with pmu=user and one CPU.
 */
#include "arguments.h"
#include "series.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <user/machine.h>

enum { MIB = 1 << 20, PIECE = 4096, BLOCK = 512, READS = 100, RANGE = 32 * MIB };

static struct block_client disk;
static uint64_t state = 1;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static void read_at(uint64_t byte, uint32_t size)
{
    CHECK_EQUAL(block_client_do(&disk, BLOCK_READ, byte / BLOCK, size / BLOCK, 0), KERN_SUCCESS);
}

static uint32_t random_reads(void)
{
    uint64_t places[READS];

    for (unsigned i = 0; i < READS; i++)
        places[i] = random_below(RANGE / PIECE) * PIECE;
    const uint32_t before = machine_instructions();
    for (unsigned i = 0; i < READS; i++)
        read_at(places[i], PIECE);
    return machine_instructions() - before;
}

static uint32_t sequential_read(unsigned piece)
{
    const uint32_t before = machine_instructions();

    read_at((uint64_t)piece * MIB, MIB);
    return machine_instructions() - before;
}

static void name_row(char *name, size_t size, const char *prefix, const char *row)
{
    format_text(name, size, "%s_%s", prefix, row);
}

int main(void)
{
    static struct series pieces, whole;
    char service[64], prefix[32], name[64];

    word_argument("disk=", service, sizeof(service));
    word_argument("rows=", prefix, sizeof(prefix));
    if (!CHECK_EQUAL(block_client_open(&disk, service, 0, MIB), KERN_SUCCESS))
        return check_end("bench-block");
    (void)random_reads();
    (void)sequential_read(0);
    for (unsigned i = 0; i < SERIES_LENGTH; i++) {
        series_add(&pieces, random_reads());
        series_add(&whole, sequential_read(i + 1));
    }
    name_row(name, sizeof(name), prefix, "read_4k");
    series_print(&pieces, name, "instructions", READS);
    name_row(name, sizeof(name), prefix, "read_mib");
    series_print(&whole, name, "instructions", 1);
    block_client_close(&disk);
    print("bench: done\n");
    return check_end("bench-block");
}
