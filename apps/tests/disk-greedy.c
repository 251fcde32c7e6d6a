/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes of a block driver what it can get, of every partition, again and again, while another program works on one of them (disk-load): it is refused
 * precisely, and who comes later gets an attachment all the same. Nothing is read or written.
 *
 * Arguments: disk=block.vd0 rounds=20
 */
#include "arguments.h"
#include <libsys/block_client.h>
#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>

enum { HELD_MAX = 64, PAGE = 4096, KEPT = 256 * 1024 - BLOCK_RING_PAGE };

static struct block_client held[HELD_MAX], one;
static char service[64];
static uint64_t granted, refused;

/* As many as there are, of `size` bytes for data each. Returns how many. */
static unsigned take_all(uint32_t partition, size_t size, unsigned first)
{
    kern_return_t kr = KERN_SUCCESS;
    unsigned at = first;

    while (at < HELD_MAX && kr == KERN_SUCCESS) {
        kr = block_client_open(&held[at], service, partition, size);
        at += kr == KERN_SUCCESS;
    }
    CHECK(kr == KERN_LIMIT || kr == KERN_NOT_FOUND);
    granted += at - first;
    refused += kr == KERN_LIMIT;
    return at - first;
}

static void give_back(unsigned count)
{
    while (count > 0)
        block_client_close(&held[--count]);
}

/* The driver learns of the ends a moment later. */
static void open_and_close(uint32_t partition, size_t size)
{
    kern_return_t kr;

    do
        kr = block_client_open(&one, service, partition, size);
    while (kr == KERN_LIMIT);
    if (CHECK_EQUAL(kr, KERN_SUCCESS))
        block_client_close(&one);
}

static void be_greedy(uint32_t partitions, uint32_t last, size_t size)
{
    unsigned count = 0;

    for (uint32_t partition = 0; partition < partitions; partition++)
        if (partition != last)
            count += take_all(partition, size, count);
    CHECK(count > 0);
    /* The last has nothing but what is kept for it, or what the other program left. */
    if (CHECK_EQUAL(block_client_open(&one, service, last, KEPT), KERN_SUCCESS))
        block_client_close(&one);
    give_back(count);
}

int main(void)
{
    mach_port_name_t port;
    uint32_t partitions = 0, scheme;
    const uint64_t rounds = number_argument("rounds=", 20);

    (void)word_argument("disk=", service, sizeof(service));
    if (!CHECK_EQUAL(service_look_up(program_start_info->bootstrap, service, &port),
                     KERN_SUCCESS) ||
        !CHECK_EQUAL(block_partitions(port, &partitions, &scheme), KERN_SUCCESS) ||
        !CHECK(partitions >= 3))
        return check_end("disk-greedy");
    CHECK_EQUAL(block_client_open(&one, service, 1, BLOCK_AREA_MAX), KERN_INVALID_ARGUMENT);
    for (uint64_t i = 0; i < rounds; i++) {
        be_greedy(partitions, partitions - 1, i % 2 ? PAGE : BLOCK_AREA_MAX - BLOCK_RING_PAGE);
        open_and_close(1, BLOCK_AREA_MAX - BLOCK_RING_PAGE); /* all of it was given back */
    }
    print("disk-greedy: %lu granted, %lu refused\n", (unsigned long)granted,
          (unsigned long)refused);
    stub_release_right(port, MSG_MOVE_SEND);
    return check_end("disk-greedy");
}
