/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More memory than there is, kept by the default pager (pager/) on a swap partition: the partition is made one, taken into use, several tasks
 * fill pages that say what they are and look at each whenever they touch it, and the partition is given up again.
 *
 * Arguments: disk=block.vd0 partition=3 workers=4 percent=200 (of the memory that is free, all together) rounds=1 seed=1 soft=50 (of 100 pages, those that can be
 * compressed) same=10 (those that are one word) away=0 (1: swapoff while the workers work, and swapon) while=PROGRAM: as many rounds as it takes until that has ended.
 */
#include "disk-blocks.h"
#include "supervised.h"
#include "swap_header.h"
#include "vm-test.h"
#include <libsys/block_client.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/swap_areas.h>

enum { WORKERS_MAX = 16, PROGRESS_LIMIT = 600 /* s */ };

/* What the workers say; shared memory. */
struct board {
    _Atomic uint32_t begun, ended, failures, wrong, stop;
    _Atomic uint64_t touched;
};

static struct board *board;
static mach_port_name_t swap;
static char disk[SWAP_AREAS_NAME_MAX];
static uint32_t partition, soft, same;

/* ---- pages ---- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* What a page's words are made of: whose it is, which, and how often it was written. */
static uint64_t name_of(uint64_t who, uint64_t page, uint64_t version)
{
    return mix(who << 56 | page << 28 | version);
}

/* Random words; half of them random, half the same sixteen again and again; or one. By the page alone. */
static uint64_t word_at(uint64_t name, uint64_t page, unsigned i)
{
    const uint64_t kind = mix(page) % 100;

    if (kind < same)
        i = 0;
    else if (kind < same + soft && i >= PAGE_WORDS / 2)
        i %= 16;
    return mix(name + i);
}

static void fill(volatile uint64_t *at, uint64_t who, uint64_t page, uint64_t version)
{
    const uint64_t name = name_of(who, page, version);

    for (unsigned i = 0; i < PAGE_WORDS; i++)
        at[page * PAGE_WORDS + i] = word_at(name, page, i);
}

static bool is(const volatile uint64_t *at, uint64_t who, uint64_t page, uint64_t version)
{
    const uint64_t name = name_of(who, page, version);

    for (unsigned i = 0; i < PAGE_WORDS; i++)
        if (at[page * PAGE_WORDS + i] != word_at(name, page, i))
            return false;
    return true;
}

/* ---- workers ---- */

struct worker {
    uint64_t who;
    unsigned pages;
    uint64_t rounds; /* 0: until it is told to stop */
    uint64_t seed;
};

static void visit(const struct worker *self, uint64_t *area, uint32_t *version, uint64_t page)
{
    if (!is(area, self->who, page, version[page]) && atomic_fetch_add(&board->wrong, 1) < 8)
        print("swap-load: worker %lu: page %lu is not what was written\n", self->who, page);
    atomic_fetch_add_explicit(&board->touched, 1, memory_order_relaxed);
}

/* Runs of neighbours, as programs have them, here and there. */
static void go_round(const struct worker *self, uint64_t *area, uint32_t *version, uint64_t *dice)
{
    for (unsigned done = 0; done < self->pages && !atomic_load(&board->stop);) {
        *dice = mix(*dice + 1);
        uint64_t page = *dice % self->pages;
        for (uint64_t run = (*dice >> 32) % 32 + 1; run > 0 && page < self->pages; run--, page++) {
            visit(self, area, version, page);
            if ((*dice >> 40) % 4 == 0)
                fill(area, self->who, page, ++version[page]);
            done++;
        }
    }
}

static int work(void *argument)
{
    const struct worker *self = argument;
    const unsigned pages = self->pages;
    uint64_t *area = pages_make(pages), dice = self->seed + self->who * 1000;
    uint32_t *version = (uint32_t *)pages_make((unsigned)(pages * sizeof(*version) / PAGE + 1));

    atomic_fetch_add(&board->begun, 1);
    for (uint64_t page = 0; page < pages; page++)
        fill(area, self->who, page, 0);
    for (uint64_t round = 0;
         (self->rounds == 0 || round < self->rounds) && !atomic_load(&board->stop); round++)
        go_round(self, area, version, &dice);
    for (uint64_t page = 0; page < pages; page++)
        visit(self, area, version, page);
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}

/* ---- the partition ---- */

static void make_swap(void)
{
    struct block_client client;
    const uint8_t uuid[SWAP_UUID] = "swap-load's own";

    if (!OK(block_client_open(&client, disk, partition, SWAP_PAGE)))
        return;
    const uint64_t bytes = client.facts.blocks * client.facts.block_size;
    CHECK(swap_header_make(client.data, bytes, uuid, "swap-load"));
    OK(block_client_do(&client, BLOCK_WRITE, 0, SWAP_PAGE / client.facts.block_size, 0));
    block_client_close(&client);
}

static kern_return_t swap_on(void)
{
    return ASK(swap_areas_on(swap, disk, partition, 5));
}

static void show(void)
{
    struct swap_areas_statistics s = {0};
    struct host_memory_swap kernel = {0};
    struct swap_areas_area area = {0};

    OK(ASK(swap_areas_statistics(swap, &s)));
    OK(ASK(swap_areas_area(swap, 0, &area)));
    OK(host_memory_get_swap(program_start_info->host_memory, &kernel));
    print("kernel: %lu stores, %lu loads, %lu rescues, %lu lost, %lu of %lu slots\n", kernel.stores,
          kernel.loads, kernel.rescues, kernel.lost, kernel.used, kernel.slots);
    print("stores: %lu same, %lu compressed, %lu card, %lu written back; loads: %lu, %lu, %lu\n",
          s.stores_same, s.stores_compressed, s.stores_card, s.written_back, s.loads_same,
          s.loads_compressed, s.loads_card);
    print(
        "card: %lu MiB in %lu writes, %lu MiB in %lu reads, %lu failures, %lu times another driver\n",
        s.bytes_written >> 20, s.writes, s.bytes_read >> 20, s.reads, s.failures, s.reattached);
    print("tier: %lu pages hold %lu and %lu of one word\n", s.tier_pages, s.tier_compressed,
          s.tier_same);
    CHECK_EQUAL(kernel.lost, 0);
    CHECK_EQUAL(area.failures, 0);
}

/* ---- the whole ---- */

static bool goes_on(const char *name)
{
    static mach_port_name_t supervisor;
    struct supervisor_row row;

    if (supervisor == MSG_NULL)
        OK(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor));
    return supervised_row(supervisor, name, &row) && row.state != SUPERVISOR_STATE_STOPPED &&
           row.state != SUPERVISOR_STATE_FAILED;
}

/* Those that kill begin when there is something to be lost. */
static bool is_paged(void)
{
    struct host_memory_swap kernel = {0};

    OK(host_memory_get_swap(program_start_info->host_memory, &kernel));
    return kernel.used > 100;
}

/* Refused when more has been promised than there is without; then it was no use to ask. */
static void give_up_and_take(void)
{
    OK(host_memory_page_out(program_start_info->host_memory, 4000));
    pause_for(50000);
    const kern_return_t kr = ASK(swap_areas_off(swap, disk, partition));

    if (kr == KERN_SUCCESS)
        OK(swap_on());
    else
        CHECK_EQUAL(kr, KERN_RESOURCE_SHORTAGE);
}

/* No page is touched for so long: something hangs. */
static void wait_for(uint32_t workers, const char *until, bool away)
{
    uint64_t seen = 0, moment = kernel_clock_now(), longest = 0;
    bool ready = false;

    while (atomic_load(&board->ended) < workers) {
        const uint64_t touched = atomic_load(&board->touched), now = kernel_clock_now();
        if (touched != seen)
            moment = now;
        seen = touched;
        if (now - moment > longest)
            longest = now - moment;
        if (!CHECK(longest < PROGRESS_LIMIT * UINT64_C(1000000000)))
            return;
        if (!ready && is_paged()) {
            OK(service_ready(program_start_info->bootstrap));
            ready = true;
        }
        if (until[0] && !goes_on(until))
            atomic_store(&board->stop, 1);
        if (away && atomic_load(&board->begun) == workers)
            give_up_and_take();
        pause_for(100000);
    }
    print("%lu pages were looked at; the longest time without one: %lu ms\n",
          atomic_load(&board->touched), longest / 1000000);
}

static void storm(uint32_t workers, uint64_t percent, uint64_t rounds, uint64_t seed)
{
    static struct worker worker[WORKERS_MAX];
    struct clone clone[WORKERS_MAX];
    struct host_statistics statistics = {0};
    char until[64];

    word_argument("while=", until, sizeof(until));
    OK(host_statistics(program_start_info->host, &statistics));
    for (uint32_t i = 0; i < workers; i++) {
        worker[i] = (struct worker){
            .who = 1 + i,
            .pages = (unsigned)(statistics.free_frames * percent / 100 / workers),
            .rounds = until[0] ? 0 : rounds,
            .seed = seed,
        };
        OK(clone_make(&clone[i], work, &worker[i], THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone[i]));
    }
    wait_for(workers, until, number_argument("away=", 0) != 0);
    for (uint32_t i = 0; i < workers; i++)
        clone_end(&clone[i]);
    CHECK_EQUAL(atomic_load(&board->failures), 0);
    CHECK_EQUAL(atomic_load(&board->wrong), 0);
}

int main(void)
{
    const uint32_t workers = (uint32_t)number_argument("workers=", 4);
    const uint64_t begun = kernel_clock_now();

    board = pages_make_shared(1);
    word_argument("disk=", disk, sizeof(disk));
    partition = (uint32_t)number_argument("partition=", 3);
    soft = (uint32_t)number_argument("soft=", 50);
    same = (uint32_t)number_argument("same=", 10);
    if (!CHECK(workers > 0 && workers <= WORKERS_MAX) ||
        !OK(service_look_up(program_start_info->bootstrap, "swap", &swap)))
        return check_end("swap-load");
    FAILS(ASK(swap_areas_off(swap, disk, partition)), KERN_NOT_FOUND);
    make_swap();
    OK(swap_on());
    FAILS(swap_on(), KERN_EXISTS);
    storm(workers, number_argument("percent=", 200), number_argument("rounds=", 1),
          number_argument("seed=", 1));
    show();
    OK(ASK(swap_areas_off(swap, disk, partition)));
    print("all of it in %lu ms\n", (kernel_clock_now() - begun) / 1000000);
    return check_end("swap-load");
}
