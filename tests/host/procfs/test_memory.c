/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/meminfo, vmstat and swaps: their lines, as programs written for Linux read them, with a kernel and a default pager that say what they are to.
 */
#include "check.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <procfs.h>
#include <wharf/if/host.h>
#include <wharf/if/swap_areas.h>

enum { HOST = 7, PAGER = 9 };
#define NOW      UINT64_C(5000)
#define PATIENCE UINT64_C(1000000000)

static struct start_info info = {.host = HOST};
const struct start_info *program_start_info = &info;
mach_port_name_t procfs_swap;

/* What is told. */
static kern_return_t host_says, pager_says;
static unsigned areas_asked;
static struct host_memory_statistics memory;
static struct swap_areas_area areas[SWAP_AREAS_AREAS_MAX]; /* without slots: there is none */

uint64_t kernel_clock_now(void)
{
    return NOW;
}

kern_return_t host_memory_statistics(mach_port_name_t host, struct host_memory_statistics *out)
{
    CHECK_EQ(host, HOST);
    *out = memory;
    return host_says;
}

kern_return_t swap_areas_area_until(mach_port_name_t pager, uint32_t number,
                                    struct swap_areas_area *out, uint64_t until)
{
    CHECK_EQ(pager, PAGER);
    CHECK_EQ(until, NOW + PATIENCE);
    areas_asked++;
    *out = areas[number];
    if (pager_says != KERN_SUCCESS)
        return pager_says;
    return areas[number].slots > 0 ? KERN_SUCCESS : KERN_NOT_FOUND;
}

typedef kern_return_t fill_t(struct text *text, const struct subject *subject);

static void expect(fill_t *fill, kern_return_t result, const char *wanted)
{
    struct text text = {.at = NULL};

    CHECK_EQ(fill(&text, NULL), result);
    CHECK(!text.failed);
    if (result == KERN_SUCCESS) {
        text_add_bytes(&text, "", 1);
        CHECK_TEXT(text.at, wanted);
    }
    text_end(&text);
}

static void test_memory(void)
{
    memory = (struct host_memory_statistics){
        .managed = 25000,
        .free = 1000,
        .cached = 300,
        .written = 50,
        .wired = 400,
        .committed = 30000,
        .commitment_limit = 40000,
        .faults = 1234567890123,
        .swap_ins = 11,
        .swap_outs = 12,
        .reactivations = 13,
        .swap_slots = 16383,
        .swap_used = 6000,
        .swap_kept = 383,
    };
    expect(
        fill_meminfo, KERN_SUCCESS,
        "MemTotal:         100000 kB\nMemFree:            4000 kB\nMemAvailable:       5000 kB\n"
        "Buffers:               0 kB\nCached:             1200 kB\n"
        "SwapCached:         1532 kB\nMlocked:            1600 kB\nDirty:               200 kB\nSwapTotal:         65532 kB\n"
        "SwapFree:          40000 kB\nCommitLimit:      160000 kB\nCommitted_AS:     120000 kB\n");
    expect(fill_vmstat, KERN_SUCCESS,
           "nr_free_pages 1000\nnr_mlock 400\nnr_file_pages 300\nnr_dirty 50\n"
           "nr_swapcached 383\npswpin 11\npswpout 12\npgactivate 13\npgfault 1234567890123\n");
    host_says = KERN_TERMINATED;
    expect(fill_meminfo, unix_error(EIO), "");
    expect(fill_vmstat, unix_error(EIO), "");
    host_says = KERN_SUCCESS;
}

#define HEADER "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static void test_swaps(void)
{
    procfs_swap = MSG_NULL;
    expect(fill_swaps, KERN_SUCCESS, HEADER);
    CHECK_EQ(areas_asked, 0);
    procfs_swap = PAGER;
    expect(fill_swaps, KERN_SUCCESS, HEADER);
    areas[1] = (struct swap_areas_area){.device = "block.sd0",
                                        .partition = 3,
                                        .priority = 32767,
                                        .slots = UINT32_C(4) << 20,
                                        .used = 1};
    areas[7] = (struct swap_areas_area){.device = "block.vd0", .slots = 16};
    expect(fill_swaps, KERN_SUCCESS,
           HEADER "sd0p3                                   partition\t16777216\t\t4\t\t32767\n"
                  "vd0                                     partition\t64\t\t0\t\t0\n");
    pager_says = MACH_RCV_TIMED_OUT;
    areas_asked = 0;
    expect(fill_swaps, unix_error(EIO), "");
    CHECK_EQ(areas_asked, 1); /* who does not answer once is not asked again */
    pager_says = KERN_SUCCESS;
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_memory();
    test_swaps();
    return check_end();
}
