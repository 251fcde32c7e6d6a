/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iostat: what disks and cards have done, once or every so many seconds.
 */
#include "disks.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <stdio.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "iostat",
    .usage = "[SECONDS [COUNT]]",
    .options = "",
    .help =
        "Show for each disk the requests, in all and a second; the KiB read and written, a second and in all: since the line before (the\n"
        "first: since its driver began; one that was started anew begins at 0); requests that went wrong, and that it has now.\n",
};

#define SECOND UINT64_C(1000000000)

/* A second, in tenths. */
static uint64_t rate(uint64_t amount, uint64_t elapsed)
{
    return elapsed < SECOND / 1000 ? 0 : amount * 10000 / (elapsed / (SECOND / 1000));
}

static void show_rate(uint64_t amount, uint64_t elapsed)
{
    const uint64_t tenths = rate(amount, elapsed);

    printf(" %8" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

/* context: when the line before was shown. */
static void show(void *context, struct disk *disk, const struct block_statistics *now)
{
    const uint64_t last = *(const uint64_t *)context, moment = kernel_clock_now();
    const uint64_t from = last > disk->since ? last : disk->since;
    const struct block_statistics *then = &disk->before;
    const uint64_t requests =
        now->reads + now->writes + now->others - then->reads - then->writes - then->others;
    const uint64_t read = (now->bytes_read - then->bytes_read) / 1024,
                   written = (now->bytes_written - then->bytes_written) / 1024;

    printf("%-10s %8" PRIu64, disk->name, requests);
    show_rate(requests, moment - from);
    show_rate(read, moment - from);
    show_rate(written, moment - from);
    printf(" %10" PRIu64 " %10" PRIu64 " %7" PRIu64 " %5" PRIu64 "\n", read, written, now->failures,
           now->in_flight);
    disk->before = *now;
}

int main(int argc, char **argv)
{
    bool failed = false;
    uint64_t last = 0;

    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (argc - optind > 2)
        tool_misuse(&tool);
    const uint64_t seconds = optind < argc ? tool_number(&tool, argv[optind]) : 0;
    uint64_t rounds = optind + 1 < argc ? tool_number(&tool, argv[optind + 1]) : 1;
    const bool forever = optind + 1 == argc && seconds > 0;
    const mach_port_name_t supervisor = tool_service(&tool, "supervisor");
    for (uint64_t next = kernel_clock_now();;) {
        puts(
            "DISK       REQUESTS        TPS     READ/S  WRITTEN/S  READ(KiB)    WRITTEN  ERRORS QUEUE");
        failed |= !disks_each(&tool, supervisor, show, &last);
        fflush(stdout);
        last = kernel_clock_now();
        if (!forever && (rounds == 0 || --rounds == 0))
            break;
        next += seconds * SECOND;
        (void)kernel_sleep_until(next);
    }
    return tool_end(&tool, failed);
}
