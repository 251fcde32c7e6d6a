/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Twice the memory, with what is too much on a swap partition: instructions on this CPU, all programs' and the kernel's included. They are
 * counted, not timed: while the card is at work the CPU is idle, and time goes on.
 *
 *   ROWS_fill_page           writing to each page for the first time, per page
 *   ROWS_card_bytes_per_page bytes written to the card meanwhile, per page
 *   ROWS_fault_random        random touches, per page that had to be fetched
 *   ROWS_fault_slowest       the same, instructions of the slowest of the touches but one in a hundred
 *
 * Arguments: disk=SERVICE rows=PREFIX percent=N (of the memory that is free) soft=1 (pages that can be compressed); boot with pmu=user and one CPU.
 */
#include "arguments.h"
#include "series.h"
#include "swap_format.h"
#include <libsys/check.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <user/machine.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/service.h>
#include <wharf/if/swap_areas.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, WORDS = PAGE / 8, TOUCHES = 1000 };

static mach_port_name_t swap;
static char disk[SWAP_AREAS_NAME_MAX], rows[32];
static uint64_t dice = 1;
static bool soft;

static uint64_t next_random(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static void make_swap(void)
{
    struct block_client client;
    const uint8_t uuid[SWAP_UUID] = "bench-swap";

    CHECK_EQUAL(block_client_open(&client, disk, 0, SWAP_PAGE), KERN_SUCCESS);
    CHECK_EQUAL(swap_format(&client, uuid, "bench"), KERN_SUCCESS);
    block_client_close(&client);
    CHECK_EQUAL(swap_areas_on(swap, disk, 0, 1), KERN_SUCCESS);
}

static uint64_t bytes_written(void)
{
    struct swap_areas_statistics now = {0};

    CHECK_EQUAL(swap_areas_statistics(swap, &now), KERN_SUCCESS);
    return now.bytes_written;
}

static uint64_t loads(void)
{
    struct host_memory_swap now = {0};

    CHECK_EQUAL(host_memory_get_swap(program_start_info->host_memory, &now), KERN_SUCCESS);
    return now.loads;
}

static void print_row(const char *row, const char *unit, uint64_t value, unsigned divisor)
{
    struct series one = {0};
    char name[64];

    format_text(name, sizeof(name), "%s_%s", rows, row);
    series_add(&one, value);
    series_print(&one, name, unit, divisor);
}

/* A word that tells which page it is; of pages that can be compressed the rest is zero, of others random numbers. */
static void fill_page(uint64_t *page, uint64_t number)
{
    page[0] = number + 1;
    if (!soft)
        page[1 + number % (WORDS - 1)] = next_random();
}

static void fill(uint64_t *area, uint64_t pages)
{
    const uint64_t written = bytes_written();
    const uint32_t before = machine_instructions();

    for (uint64_t i = 0; i < pages; i++)
        fill_page(area + i * WORDS, i);
    print_row("fill_page", "instructions", machine_instructions() - before, (unsigned)pages);
    print_row("card_bytes_per_page", "bytes", bytes_written() - written, (unsigned)pages);
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void touch(const uint64_t *area, uint64_t pages)
{
    static uint32_t each[TOUCHES];
    const uint64_t loaded = loads();
    uint32_t all = 0;

    for (unsigned i = 0; i < TOUCHES; i++) {
        const uint64_t number = next_random() % pages;
        const uint32_t before = machine_instructions();
        const uint64_t found = *(volatile const uint64_t *)(area + number * WORDS);
        each[i] = machine_instructions() - before;
        all += each[i];
        CHECK_EQUAL(found, number + 1);
    }
    print_row("fault_random", "instructions", all, (unsigned)(loads() - loaded));
    qsort(each, TOUCHES, sizeof(each[0]), compare);
    print_row("fault_slowest", "instructions", each[TOUCHES - TOUCHES / 100], 1);
}

int main(void)
{
    struct host_statistics statistics = {0};
    uint64_t at = 0;

    word_argument("disk=", disk, sizeof(disk));
    word_argument("rows=", rows, sizeof(rows));
    soft = number_argument("soft=", 0) != 0;
    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "swap", &swap), KERN_SUCCESS);
    make_swap();
    CHECK_EQUAL(host_statistics(program_start_info->host, &statistics), KERN_SUCCESS);
    const uint64_t pages = statistics.free_frames * number_argument("percent=", 200) / 100;
    CHECK_EQUAL(vm_allocate(program_start_info->task, 0, pages * PAGE, VM_ANYWHERE, &at),
                KERN_SUCCESS);
    if (!check_failures()) {
        fill((uint64_t *)(uintptr_t)at, pages);
        touch((uint64_t *)(uintptr_t)at, pages);
        touch((uint64_t *)(uintptr_t)at, pages);
    }
    print("bench: done\n");
    return check_end("bench-swap");
}
