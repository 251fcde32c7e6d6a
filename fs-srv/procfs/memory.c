/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of memory and swap. What Linux tells and Wharf does not know is left out.
 */
#include "procfs.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <swap_name.h>
#include <wharf/if/host.h>
#include <wharf/if/swap_areas.h>

enum { PAGE_KIB = PAGE / 1024 };
/* That the default pager gets to answer, for all of a text. */
#define PATIENCE UINT64_C(1000000000)

static kern_return_t look(struct host_memory_statistics *out)
{
    return host_memory_statistics(program_start_info->host, out) == KERN_SUCCESS ? KERN_SUCCESS
                                                                                 : unix_error(EIO);
}

/* The two are not counted at the same moment. */
static uint64_t clean(const struct host_memory_statistics *m)
{
    return m->cached > m->written ? m->cached - m->written : 0;
}

static void add_kilobytes(struct text *text, const char *key, uint64_t pages)
{
    text_add(text, "%-16s%8" PRIu64 " kB\n", key, pages * PAGE_KIB);
}

/* What is cached and not written to can be had at once. Pages that are used at this moment are among it, as they are on Linux. */
kern_return_t fill_meminfo(struct text *text, const struct subject *subject)
{
    struct host_memory_statistics m;
    const kern_return_t kr = look(&m);

    (void)subject;
    if (kr != KERN_SUCCESS)
        return kr;
    add_kilobytes(text, "MemTotal:", m.managed);
    add_kilobytes(text, "MemFree:", m.free);
    add_kilobytes(text, "MemAvailable:", m.free + clean(&m));
    add_kilobytes(text, "Buffers:", 0);
    add_kilobytes(text, "Cached:", m.cached);
    add_kilobytes(text, "SwapCached:", m.swap_kept);
    add_kilobytes(text, "Mlocked:", m.wired);
    add_kilobytes(text, "Dirty:", m.written);
    add_kilobytes(text, "SwapTotal:", m.swap_slots);
    add_kilobytes(text, "SwapFree:", m.swap_slots - m.swap_used - m.swap_kept);
    add_kilobytes(text, "CommitLimit:", m.commitment_limit);
    add_kilobytes(text, "Committed_AS:", m.committed);
    return KERN_SUCCESS;
}

static void add_count(struct text *text, const char *key, uint64_t count)
{
    text_add(text, "%s %" PRIu64 "\n", key, count);
}

kern_return_t fill_vmstat(struct text *text, const struct subject *subject)
{
    struct host_memory_statistics m;
    const kern_return_t kr = look(&m);

    (void)subject;
    if (kr != KERN_SUCCESS)
        return kr;
    add_count(text, "nr_free_pages", m.free);
    add_count(text, "nr_mlock", m.wired);
    add_count(text, "nr_file_pages", m.cached);
    add_count(text, "nr_dirty", m.written);
    add_count(text, "nr_swapcached", m.swap_kept);
    add_count(text, "pswpin", m.swap_ins);
    add_count(text, "pswpout", m.swap_outs);
    add_count(text, "pgactivate", m.reactivations);
    add_count(text, "pgfault", m.faults);
    return KERN_SUCCESS;
}

static void add_area(struct text *text, const struct swap_areas_area *area)
{
    char name[SWAP_NAME_TEXT];

    swap_name_write((const char *)area->device, area->partition, name);
    text_add(text, "%-39s partition\t%" PRIu64 "\t\t%" PRIu64 "\t\t%" PRIu32 "\n", name,
             (uint64_t)area->slots * PAGE_KIB, (uint64_t)area->used * PAGE_KIB, area->priority);
}

kern_return_t fill_swaps(struct text *text, const struct subject *subject)
{
    const uint64_t until = kernel_clock_now() + PATIENCE;
    struct swap_areas_area area;

    (void)subject;
    text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    for (uint32_t number = 0; procfs_swap != MSG_NULL && number < SWAP_AREAS_AREAS_MAX; number++) {
        const kern_return_t kr = swap_areas_area_until(procfs_swap, number, &area, until);
        if (kr == KERN_SUCCESS)
            add_area(text, &area);
        else if (kr != KERN_NOT_FOUND)
            return unix_error(EIO);
    }
    return KERN_SUCCESS;
}
