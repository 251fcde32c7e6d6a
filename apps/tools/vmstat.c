/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmstat: what happens to memory and swap, once or every so many seconds.
 */
#include "disks.h"
#include "tasks.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdio.h>
#include <unistd.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>

static const struct tool tool = {
    .name = "vmstat",
    .usage = "[-s | SECONDS [COUNT]]",
    .options = "s",
    .help =
        "Show, in KiB where nothing else is said:\n"
        "  r b          threads that run or could, and that wait for a page\n"
        "  swpd kept    swap in use, and what of it is of pages that have come back and are in memory, too\n"
        "  free wired   memory that nobody has, that stays in memory\n"
        "  si so        a second: came back from swap, left for it\n"
        "  bi bo        a second: read from disks and cards, written there\n"
        "  flt zero cow a second: faults, new pages of zeroes, pages that were copied\n"
        "  us id        percent of all processors' time: in use, not\n"
        "A second of the time since the line before; in the first line, since the start.\n"
        "  -s           counts since the start, one a line\n",
};

enum { PAGE_KIB = 4, CPUS_MAX = 8 };
#define SECOND UINT64_C(1000000000)

/* A moment. */
struct sample {
    uint64_t when, idle; /* nanoseconds; of all processors together */
    unsigned cpus, runnable, waiting;
    uint64_t read, written; /* bytes, since the sample before */
    struct host_memory_statistics memory;
};

/* ---- samples ---- */

static bool count_waiting(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)thread;
    *(unsigned *)context += info->waits == THREAD_WAITS_PAGE;
    return true;
}

static bool look_at_task(void *context, mach_port_name_t task, const struct task_info *info)
{
    (void)info;
    threads_each(task, count_waiting, context);
    return true;
}

static void look_at_disk(void *context, struct disk *disk, const struct block_statistics *now)
{
    struct sample *sample = context;

    sample->read += now->bytes_read - disk->before.bytes_read;
    sample->written += now->bytes_written - disk->before.bytes_written;
    disk->before = *now;
}

/* This program is not counted. */
static void look_at_processors(struct sample *sample)
{
    struct host_cpu_statistics cpu;

    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        if (host_cpu_statistics(program_start_info->host, i, &cpu) != KERN_SUCCESS || !cpu.online)
            continue;
        sample->cpus++;
        sample->idle += cpu.idle;
        sample->runnable += cpu.runnable;
    }
    sample->runnable -= sample->runnable > 0;
}

static void look_at_memory(struct host_memory_statistics *out)
{
    const kern_return_t kr = host_memory_statistics(program_start_info->host, out);

    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", tool_error(kr));
}

static struct sample take(mach_port_name_t supervisor)
{
    struct sample sample = {.when = kernel_clock_now()};

    look_at_processors(&sample);
    tasks_each(&tool, look_at_task, &sample.waiting);
    (void)disks_each(&tool, supervisor, look_at_disk, &sample);
    look_at_memory(&sample.memory);
    return sample;
}

/* ---- lines ---- */

static uint64_t a_second(uint64_t amount, uint64_t elapsed)
{
    return elapsed < SECOND / 1000 ? 0 : amount * 1000 / (elapsed / (SECOND / 1000));
}

static void show_header(void)
{
    puts(
        "-procs- ---------------memory-------------- ----swap--- -----io---- -------faults------ --cpu--\n"
        " r   b     swpd     free     kept    wired    si    so    bi    bo   flt   zero    cow  us  id");
}

static void show(const struct sample *now, const struct sample *then)
{
    const struct host_memory_statistics *m = &now->memory, *before = &then->memory;
    const uint64_t elapsed = now->when - then->when, all = elapsed * now->cpus;
    const uint64_t idle = now->idle - then->idle < all ? now->idle - then->idle : all;
    const uint64_t idle_percent = all > 0 ? (idle * 100 + all / 2) / all : 0;

    printf("%2u %3u %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64, now->runnable, now->waiting,
           (m->swap_used + m->swap_kept) * PAGE_KIB, m->free * PAGE_KIB, m->swap_kept * PAGE_KIB,
           m->wired * PAGE_KIB);
    printf(" %5" PRIu64 " %5" PRIu64,
           a_second((m->swap_ins - before->swap_ins) * PAGE_KIB, elapsed),
           a_second((m->swap_outs - before->swap_outs) * PAGE_KIB, elapsed));
    printf(" %5" PRIu64 " %5" PRIu64, a_second(now->read / 1024, elapsed),
           a_second(now->written / 1024, elapsed));
    printf(" %5" PRIu64 " %6" PRIu64 " %6" PRIu64, a_second(m->faults - before->faults, elapsed),
           a_second(m->zero_fills - before->zero_fills, elapsed),
           a_second(m->copies - before->copies, elapsed));
    printf(" %3" PRIu64 " %3" PRIu64 "\n", 100 - idle_percent, idle_percent);
    fflush(stdout);
}

static void show_again_and_again(uint64_t seconds, uint64_t count, bool forever)
{
    const mach_port_name_t supervisor = tool_service(&tool, "supervisor");
    struct sample before = {.when = 0};

    show_header();
    for (uint64_t next = kernel_clock_now();;) {
        const struct sample now = take(supervisor);
        show(&now, &before);
        before = now;
        if (!forever && (count == 0 || --count == 0))
            break;
        next += seconds * SECOND;
        (void)kernel_sleep_until(next);
    }
}

static void show_count(uint64_t count, const char *what)
{
    printf("%12" PRIu64 " %s\n", count, what);
}

static void show_counts(void)
{
    struct host_memory_statistics m;
    struct host_memory_swap swap;

    look_at_memory(&m);
    const kern_return_t kr = host_memory_get_swap(tool_power(&tool, "host_memory"), &swap);
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", tool_error(kr));
    show_count(m.managed * PAGE_KIB, "K total memory");
    show_count((m.managed - m.free) * PAGE_KIB, "K used memory");
    show_count(m.cached * PAGE_KIB, "K of that pages of files and other objects");
    show_count(m.written * PAGE_KIB, "K of those not given back to pagers yet");
    show_count(m.free * PAGE_KIB, "K free memory");
    show_count(m.wired * PAGE_KIB, "K wired memory");
    show_count(m.swap_slots * PAGE_KIB, "K total swap");
    show_count((m.swap_used + m.swap_kept) * PAGE_KIB, "K used swap");
    show_count(m.swap_kept * PAGE_KIB, "K of that in memory, too");
    show_count(m.faults, "page faults");
    show_count(m.zero_fills, "pages of zeroes made");
    show_count(m.copies, "pages copied");
    show_count(m.page_ins, "pages supplied by pagers");
    show_count(m.page_outs, "pages given to pagers");
    show_count(m.swap_ins, "pages swapped in");
    show_count(swap.ahead, "of them before anybody asked");
    show_count(m.swap_outs, "pages swapped out");
    show_count(swap.unchanged, "of them without being written: they were there");
    show_count(swap.rescues, "pages wanted again on their way out");
    show_count(swap.lost, "pages lost");
    show_count(swap.in_flight, "pages on their way now");
}

int main(int argc, char **argv)
{
    bool counts = false;

    while (tool_option(&tool, argc, argv) != -1)
        counts = true;
    if (argc - optind > (counts ? 0 : 2))
        tool_misuse(&tool);
    const uint64_t seconds = optind < argc ? tool_number(&tool, argv[optind]) : 0;
    const uint64_t count = optind + 1 < argc ? tool_number(&tool, argv[optind + 1]) : 0;
    if (counts)
        show_counts();
    else
        show_again_and_again(seconds, count, optind + 1 == argc && seconds > 0);
    return tool_end(&tool, false);
}
