/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More memory than there is, kept by the default pager (pager/) on a swap partition: the partition is made one, taken into use, several tasks
 * fill pages that say what they are and look at each whenever they touch it, and the partition is given up again.
 *
 * Arguments: disk=block.vd0 partition=3 workers=4 percent=200 (of the memory that is free, all together) rounds=1 seed=1 soft=50 (of 100 pages, those that can be
 * compressed) same=10 (those that are one word) while=PROGRAM: as many rounds as it takes until that has ended;
 * runs=N: so many runs of neighbours instead of rounds; last=100: of 100 pages, those that are looked at in the end;
 * mix=1: forks, messages with memory, and shared memory, too;
 * away=1: swapoff while the workers work, and swapon; second=N: another partition, which is used after the first: then no swapoff is refused;
 * tier=PERCENT: of all memory, what the pager's tier may come to hold;
 * lost=N: the card fails: so many pages are lost at least, each is told to its worker once, and nothing else is; failing=1: it fails, and nothing is lost.
 */
#include "swap-load.h"
#include "arguments.h"
#include "others.h"
#include "supervised.h"
#include "swap_format.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <string.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/swap_areas.h>

enum { PROGRESS_LIMIT = 600 /* s */, CACHED_FRAMES = 160 };

struct board *board;
static mach_port_name_t swap;
static char disk[SWAP_AREAS_NAME_MAX];
static uint32_t partition, second;
static bool careful;

/* ---- the partition ---- */

static void make_swap(uint32_t number)
{
    struct block_client client;
    uint8_t uuid[SWAP_UUID] = "swap-load's own";

    if (!OK(block_client_open(&client, disk, number, SWAP_PAGE)))
        return;
    uuid[SWAP_UUID - 1] = (uint8_t)number;
    OK(swap_format(&client, uuid, "swap-load"));
    block_client_close(&client);
}

static kern_return_t swap_on(uint32_t number, uint32_t priority)
{
    return ASK(swap_areas_on(swap, disk, number, priority));
}

static kern_return_t swap_off(uint32_t number)
{
    return ASK(swap_areas_off(swap, disk, number));
}

/* What is lost is lost to one worker, who has been told. */
static void check_failures_of_card(const struct host_memory_swap *kernel, uint32_t failures)
{
    CHECK_EQUAL(kernel->lost, atomic_load(&board->lost));
    if (careful)
        CHECK(kernel->lost >= number_argument("lost=", 0));
    else
        CHECK_EQUAL(kernel->lost, 0);
    if (number_argument("failing=", 0))
        CHECK(failures > 0);
    else if (!careful)
        CHECK_EQUAL(failures, 0);
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
    print("mixed: %lu forks, %lu refused; %lu messages; %lu times a shared page\n", board->forks,
          board->refused, board->messages, board->shared);
    check_failures_of_card(&kernel, area.failures);
}

/* ---- the whole ---- */

static bool goes_on(const char *name)
{
    static mach_port_name_t supervisor;

    if (supervisor == MSG_NULL)
        OK(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor));
    return supervised_goes_on(supervisor, name);
}

/* Those that kill begin when there is something to be lost. */
static bool is_paged(void)
{
    struct host_memory_swap kernel = {0};

    OK(host_memory_get_swap(program_start_info->host_memory, &kernel));
    return kernel.used > 100;
}

/* The kernel's records of slots do not wait for frames, as pages do. */
static void swap_on_again(void)
{
    kern_return_t kr;

    while ((kr = swap_on(partition, 5)) == KERN_RESOURCE_SHORTAGE)
        pause_for(50000);
    OK(kr);
}

/* Refused when more has been promised than there is without; then it was no use to ask. */
static void give_up_and_take(uint32_t *times)
{
    OK(host_memory_page_out(program_start_info->host_memory, 4000));
    pause_for(50000);
    const kern_return_t kr = swap_off(partition);

    *times += kr == KERN_SUCCESS;
    if (kr == KERN_SUCCESS)
        swap_on_again();
    else
        CHECK_EQUAL(kr, KERN_RESOURCE_SHORTAGE);
}

/* No page is touched for so long: something hangs. */
static void wait_for(uint32_t workers, const char *until, bool away)
{
    uint64_t seen = 0, moment = kernel_clock_now(), longest = 0;
    uint32_t given_up = 0;
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
            give_up_and_take(&given_up);
        pause_for(100000);
    }
    print("%lu pages were looked at; the longest time without one: %lu ms\n",
          atomic_load(&board->touched), longest / 1000000);
    if (away)
        print("swapoff succeeded %u times while they were\n", given_up);
    CHECK(second == 0 || given_up > 0);
}

static struct worker plan(uint32_t number, uint64_t pages, bool mixes, bool for_ever)
{
    const uint64_t seed = number_argument("seed=", 1);

    return (struct worker){
        .who = 1 + number,
        .pages = (unsigned)pages,
        .rounds = for_ever ? 0 : number_argument("rounds=", 1),
        .runs = for_ever ? 0 : number_argument("runs=", 0),
        .last = number_argument("last=", 100),
        .dice = seed + UINT64_C(1000) * (1 + number),
        .mixes = mixes,
        .careful = careful,
    };
}

static void storm(uint32_t workers)
{
    static struct worker worker[WORKERS_MAX];
    struct clone clone[WORKERS_MAX];
    struct host_statistics statistics = {0};
    const bool mixes = number_argument("mix=", 0) != 0;
    char until[64];

    word_argument("while=", until, sizeof(until));
    OK(host_statistics(program_start_info->host, &statistics));
    const uint64_t pages =
        statistics.free_frames * number_argument("percent=", 200) / 100 / workers;
    if (mixes)
        mix_begin(workers, (unsigned)(pages / 4));
    board->workers = workers;
    for (uint32_t i = 0; i < workers; i++) {
        worker[i] = plan(i, pages, mixes, until[0] != 0);
        OK(clone_make(&clone[i], work, &worker[i], THREAD_PRIORITY_DEFAULT));
        if (mixes)
            OK(clone_give_receive(&clone[i], mix_port(i)));
    }
    for (uint32_t i = 0; i < workers; i++)
        OK(clone_run(&clone[i]));
    wait_for(workers, until, number_argument("away=", 0) != 0);
    for (uint32_t i = 0; i < workers; i++)
        clone_end(&clone[i]);
    if (mixes)
        mix_end();
    CHECK_EQUAL(atomic_load(&board->failures), 0);
    CHECK_EQUAL(atomic_load(&board->wrong), 0);
}

static void read_arguments(void)
{
    word_argument("disk=", disk, sizeof(disk));
    partition = (uint32_t)number_argument("partition=", 3);
    second = (uint32_t)number_argument("second=", 0);
    pages_soft = (uint32_t)number_argument("soft=", 50);
    pages_same = (uint32_t)number_argument("same=", 10);
    careful = number_argument("lost=", 0) != 0;
}

/* Nothing of it is lost where pages are. */
static void stay(void)
{
    OK(host_memory_wire_all(program_start_info->host_memory, me(), HOST_MEMORY_WIRE_CURRENT));
}

/* Frames that are not free afterwards: what the pager's tier has come to hold stays, and object caches keep some. */
static uint64_t frames_kept(void)
{
    const uint64_t managed = kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / PAGE;

    return CACHED_FRAMES + managed * number_argument("tier=", 0) / 100;
}

/* What comes with the first area, and stays. */
static void rehearse(void)
{
    make_swap(partition);
    OK(swap_on(partition, 5));
    FAILS(swap_on(partition, 5), KERN_EXISTS);
    OK(swap_off(partition));
}

/* Pages that the card lost when they were fetched for swapoff. */
static bool others_have_lost(void)
{
    struct host_memory_swap kernel = {0};

    OK(host_memory_get_swap(program_start_info->host_memory, &kernel));
    if (kernel.lost > atomic_load(&board->lost))
        print("other programs have lost %lu pages\n", kernel.lost - atomic_load(&board->lost));
    return kernel.lost > atomic_load(&board->lost);
}

/* Others begin at the same time. */
static struct left settled(void)
{
    struct left last, now = left_now();

    do {
        last = now;
        pause_for(1000000);
        let_others_run();
        now = left_now();
    } while (now.objects != last.objects);
    return now;
}

/* The partitions are taken into use, and given up when the workers have ended. */
static void use(uint32_t workers)
{
    OK(swap_on(partition, 5));
    if (second != 0) {
        make_swap(second);
        OK(swap_on(second, 3));
    }
    storm(workers);
    show();
    OK(swap_off(partition));
    if (second != 0)
        OK(swap_off(second));
}

int main(void)
{
    const uint32_t workers = (uint32_t)number_argument("workers=", 4);
    const uint64_t begun = kernel_clock_now();

    board = pages_make_shared(1);
    read_arguments();
    if (!CHECK(workers > 0 && workers <= WORKERS_MAX) ||
        !OK(service_look_up(program_start_info->bootstrap, "swap", &swap)))
        return check_end("swap-load");
    FAILS(swap_off(partition), KERN_NOT_FOUND);
    if (careful)
        stay();
    rehearse();
    const struct left before = settled();
    use(workers);
    /* Slots of what somebody else has lost stay, with all of their area, as long as he.
     * Programs that are killed come back, and who kills goes; what has come meanwhile would be taken for left over. */
    if (!strstr(program_start_info->arguments, "while=") && !others_have_lost())
        left_expect_but(&before, frames_kept());
    print("all of it in %lu ms\n", (kernel_clock_now() - begun) / 1000000);
    return check_end("swap-load");
}
