/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * swapon, swapoff: which partitions the default pager keeps pages on (docs/how-to/use-swap.md). One source; TOOL_SWAPOFF says which.
 */
#include "tool.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <swap_header.h>
#include <swap_name.h>
#include <unistd.h>
#include <wharf/if/swap_areas.h>

#ifdef TOOL_SWAPOFF
static const struct tool tool = {
    .name = "swapoff",
    .usage = "-a | PARTITION...",
    .options = "a",
    .help =
        "Fetch what is on swap partitions, such as sd0p3, and use them no more. If it is ended before that is done they stay in use.\n"
        "  -a      all of them\n",
};
static const char not_found[] = "it is not in use";
#else
static const struct tool tool = {
    .name = "swapon",
    .usage = "[-s | [-p PRIORITY] PARTITION...]",
    .options = "sp:",
    .help =
        "Let pages of programs' memory leave for swap partitions, such as sd0p3, which mkswap has made.\n"
        "LABEL=NAME is the first that mkswap -L NAME has made.\n"
        "  -p PRIORITY  0 to 32767: those of a higher one are filled first (0)\n"
        "  -s           show those in use, in KiB, as without words; and what is kept in memory\n",
};
static const char not_found[] = "there is no such partition";
#endif

/* What errors of the default pager mean here. */
static const char *words_of(kern_return_t kr)
{
    switch (kr) {
    case KERN_INVALID_ARGUMENT: return "it cannot be used for that";
    case KERN_NOT_FOUND: return not_found;
    case KERN_NO_ACCESS: return "the default pager may not use such a device";
    case KERN_BAD_FORMAT: return "it is no swap partition (mkswap makes one), or is damaged";
    case KERN_EXISTS: return "it is in use";
    case KERN_BUSY: return "it is coming or going";
    case KERN_LIMIT: return "it is too large, or there are too many";
    case KERN_RESOURCE_SHORTAGE: return "there is not enough memory";
    case KERN_MEMORY_FAILURE: return "there is no medium";
    case KERN_MEMORY_ERROR: return "it cannot be read";
    case KERN_PROTECTION_FAILURE: return "it cannot be written";
    default: return tool_error(kr);
    }
}

static kern_return_t act(mach_port_name_t pager, const struct swap_name *name, uint32_t priority)
{
#ifdef TOOL_SWAPOFF
    (void)priority;
    return swap_areas_off(pager, name->device, name->partition);
#else
    return swap_areas_on(pager, name->device, name->partition, priority);
#endif
}

/* Whether this file of /dev/disk is a swap partition of that name. */
static bool is_called(const char *file, const char *label)
{
    struct swap_header header;
    char page[SWAP_PAGE];
    const int disk = open(file, O_RDONLY | O_CLOEXEC);

    if (disk < 0)
        return false;
    const off_t size = lseek(disk, 0, SEEK_END);
    const bool whole = size > 0 && pread(disk, page, sizeof(page), 0) == (ssize_t)sizeof(page);
    close(disk);
    return whole && swap_header_read(page, (uint64_t)size, &header) &&
           strcmp(header.name, label) == 0;
}

/* The partition that LABEL=NAME means; what is none stays as it is. */
static const char *resolve(const char *word, char found[SWAP_NAME_TEXT])
{
    static const char by_label[] = "LABEL=", folder[] = "/dev/disk";
    DIR *disks = strncmp(word, by_label, sizeof(by_label) - 1) == 0 ? opendir(folder) : NULL;
    const struct dirent *entry;
    char file[PATH_MAX];

    while (disks && (entry = readdir(disks)) != NULL) {
        snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
        if (strlen(entry->d_name) >= SWAP_NAME_TEXT ||
            !is_called(file, word + sizeof(by_label) - 1))
            continue;
        strlcpy(found, entry->d_name, SWAP_NAME_TEXT);
        word = found;
        break;
    }
    if (disks)
        closedir(disks);
    return word;
}

static bool act_on(mach_port_name_t pager, const char *word, uint32_t priority)
{
    char found[SWAP_NAME_TEXT];

    word = resolve(word, found);
    if (strchr(word, '=')) {
        tool_complain(&tool, "%s: %s", word, not_found);
        return false;
    }
    struct swap_name name;

    if (!swap_name_read(&word, 1, &name))
        tool_misuse(&tool);
    const kern_return_t kr = act(pager, &name, priority);
    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s: %s", word, words_of(kr));
    return kr == KERN_SUCCESS;
}

#ifdef TOOL_SWAPOFF

/* As it is told, it may end meanwhile. */
static bool act_on_all(mach_port_name_t pager)
{
    struct swap_areas_area area;
    bool done = true;

    for (uint32_t number = 0; number < SWAP_AREAS_AREAS_MAX; number++) {
        char word[SWAP_NAME_TEXT];
        if (swap_areas_area(pager, number, &area) != KERN_SUCCESS)
            continue;
        swap_name_write((const char *)area.device, area.partition, word);
        done &= act_on(pager, word, 0);
    }
    return done;
}

int main(int argc, char **argv)
{
    bool all = false, done = true;

    while (tool_option(&tool, argc, argv) != -1)
        all = true;
    if (all == (optind < argc))
        tool_misuse(&tool);
    const mach_port_name_t pager = tool_service(&tool, "swap");
    if (all)
        done = act_on_all(pager);
    for (int i = optind; i < argc; i++)
        done &= act_on(pager, argv[i], 0);
    return tool_end(&tool, !done);
}

#else

static const unsigned long KIB_PER_PAGE = 4;

static void show_area(const struct swap_areas_area *area)
{
    char name[SWAP_NAME_TEXT];

    swap_name_write((const char *)area->device, area->partition, name);
    printf("%-15s %-10s %10lu %10lu %8" PRIu32 " %8" PRIu32 "%s\n", name, "partition",
           area->slots * KIB_PER_PAGE, area->used * KIB_PER_PAGE, area->priority, area->failures,
           area->state == SWAP_AREAS_AREA_STATE_DRAINING ? " goes" : "");
}

/* What is in memory has its place on a partition, too, in which nothing may be. */
static void show_tier(const struct swap_areas_statistics *s)
{
    if (s->tier_same + s->tier_compressed > 0)
        printf("of that in memory: %" PRIu64 " KiB, in %" PRIu64 "; stored so far %" PRIu64
               " KiB in memory, %" PRIu64 " on partitions\n",
               (s->tier_same + s->tier_compressed) * KIB_PER_PAGE, s->tier_pages * KIB_PER_PAGE,
               (s->stores_same + s->stores_compressed) * KIB_PER_PAGE,
               (s->stores_card + s->written_back) * KIB_PER_PAGE);
}

static void show(mach_port_name_t pager)
{
    struct swap_areas_statistics statistics;
    struct swap_areas_area area;
    bool any = false;

    for (uint32_t number = 0; number < SWAP_AREAS_AREAS_MAX; number++) {
        if (swap_areas_area(pager, number, &area) != KERN_SUCCESS)
            continue;
        if (!any)
            puts("Filename        Type             Size       Used Priority Failures");
        any = true;
        show_area(&area);
    }
    const kern_return_t kr = swap_areas_statistics(pager, &statistics);
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", words_of(kr));
    show_tier(&statistics);
}

int main(int argc, char **argv)
{
    bool shows = argc == 1, done = true;
    uint64_t priority = 0;
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        shows |= option == 's';
        if (option == 'p')
            priority = tool_number(&tool, optarg);
    }
    if (shows == (optind < argc) || priority > INT16_MAX)
        tool_misuse(&tool);
    const mach_port_name_t pager = tool_service(&tool, "swap");
    if (shows)
        show(pager);
    for (int i = optind; i < argc; i++)
        done &= act_on(pager, argv[i], (uint32_t)priority);
    return tool_end(&tool, !done);
}

#endif
