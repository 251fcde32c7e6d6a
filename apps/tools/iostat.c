/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iostat: what disks and cards have done, once or every so many seconds. Their drivers are those of the supervisor's programs that offer block.NAME.
 */
#include "tool.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

static const struct tool tool = {
    .name = "iostat",
    .usage = "[SECONDS [COUNT]]",
    .options = "",
    .help =
        "Show for each disk the requests, in all and a second; the KiB read and written, a second and in all: since the line before (the\n"
        "first: since its driver began; one that was started anew begins at 0); requests that went wrong, and that it has now.\n",
};

enum { DISKS_MAX = 16 };
#define SECOND   UINT64_C(1000000000)
#define PATIENCE SECOND /* that a driver gets to answer */

struct disk {
    char name[SUPERVISOR_NAME_MAX];
    mach_port_name_t service;
    uint64_t since; /* when its driver began */
    struct block_statistics before;
};
static struct disk disks[DISKS_MAX];
static unsigned count;

/* ---- which there are ---- */

static struct disk *find(const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(disks[i].name, name) == 0)
            return &disks[i];
    return NULL;
}

/* Whether it offers a disk is known when it is looked up: no other has such a name. */
static void consider(const struct supervisor_row *row)
{
    char name[sizeof row->name + 1], service[sizeof name + 8];
    struct disk *disk;

    snprintf(name, sizeof name, "%.*s", (int)sizeof row->name, (const char *)row->name);
    snprintf(service, sizeof service, "block.%s", name);
    disk = find(name);
    if (disk || count == DISKS_MAX || row->state != SUPERVISOR_STATE_RUNNING ||
        strlen(name) >= sizeof disk->name) {
        if (disk &&
            disk->since != row->started) { /* another instance: it has begun to count anew */
            disk->since = row->started;
            disk->before = (struct block_statistics){.reads = 0};
        }
        return;
    }
    disk = &disks[count];
    if (service_look_up(program_start_info->bootstrap, service, &disk->service) != KERN_SUCCESS)
        return;
    strcpy(disk->name, name);
    disk->since = row->started;
    count++;
}

static void look(mach_port_name_t supervisor)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, got;

    do {
        const kern_return_t kr = supervisor_list(supervisor, position, &position, rows, &got);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", tool_error(kr));
        for (uint32_t i = 0; i < got; i++)
            consider(&rows[i]);
    } while (got == SUPERVISOR_ROWS_MAX);
}

/* ---- lines ---- */

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

static bool show(struct disk *disk, uint64_t last)
{
    struct block_statistics now;
    const uint64_t moment = kernel_clock_now(), from = last > disk->since ? last : disk->since;
    const kern_return_t kr = block_statistics_until(disk->service, &now, moment + PATIENCE);

    if (kr != KERN_SUCCESS) {
        tool_complain(&tool, "%s: %s", disk->name, tool_error(kr));
        return false;
    }
    const struct block_statistics *then = &disk->before;
    const uint64_t requests =
        now.reads + now.writes + now.others - then->reads - then->writes - then->others;
    const uint64_t read = (now.bytes_read - then->bytes_read) / 1024,
                   written = (now.bytes_written - then->bytes_written) / 1024;
    printf("%-10s %8" PRIu64, disk->name, requests);
    show_rate(requests, moment - from);
    show_rate(read, moment - from);
    show_rate(written, moment - from);
    printf(" %10" PRIu64 " %10" PRIu64 " %7" PRIu64 " %5" PRIu64 "\n", read, written, now.failures,
           now.in_flight);
    disk->before = now;
    return true;
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
        look(supervisor);
        puts(
            "DISK       REQUESTS        TPS     READ/S  WRITTEN/S  READ(KiB)    WRITTEN  ERRORS QUEUE");
        for (unsigned i = 0; i < count; i++)
            failed |= !show(&disks[i], last);
        fflush(stdout);
        last = kernel_clock_now();
        if (!forever && (rounds == 0 || --rounds == 0))
            break;
        next += seconds * SECOND;
        (void)kernel_sleep_until(next);
    }
    return tool_end(&tool, failed);
}
