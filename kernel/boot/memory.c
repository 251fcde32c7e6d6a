/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the device tree's memory to a working frame allocator.
 *
 * Order: a first piece of usable RAM is mapped with arch's own few table pages; table pages for the
 * rest come from that piece; then everything that may be mapped is, and what nobody occupies goes
 * to the allocator.
 */
#include "boot_impl.h"
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/mmu.h>
#include <kern/frame.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/string.h>

enum { MAX_RANGES = 2 * DT_MAX_BANKS + DT_MAX_RESERVATIONS };

static struct dt_range usable[MAX_RANGES];
static unsigned usable_count;
static paddr_t source_next, source_end; /* the first piece: where table pages come from */

static paddr_t take_page(void)
{
    if (source_next == source_end)
        return 0;
    paddr_t page = source_next;
    source_next += PAGE_SIZE;
    arch_zero_page(phys_to_virt(page));
    return page;
}

/* Map [start, end) without the parts that the tree forbids to map. */
static void map_allowed(const struct board *board, paddr_t start, paddr_t end)
{
    while (start < end) {
        /* The nearest forbidden range at or above start. */
        paddr_t hole = end, hole_end = end;
        for (unsigned i = 0; i < board->reservation_count; i++) {
            const struct dt_reservation *r = &board->reservations[i];
            paddr_t low = round_down(r->range.base, PAGE_SIZE);
            paddr_t high = round_up(r->range.base + r->range.size, PAGE_SIZE);
            if (r->no_map && high > start && low < hole) {
                hole = low > start ? low : start;
                hole_end = high;
            }
        }
        if (!arch_boot_map_memory(start, hole, take_page))
            boot_refuse("no room for the page tables of the direct map");
        start = hole_end;
    }
}

void boot_memory(const struct board *board, const struct boot_options *options,
                 const struct dt_range *taken, unsigned taken_count)
{
    struct dt_error error;
    if (dt_usable_ranges(board, options->mem_limit, taken, taken_count, usable, MAX_RANGES,
                         &usable_count, &error) != KERN_SUCCESS)
        boot_refuse(error.text);

    source_next = usable[0].base;
    source_end = source_next + (usable[0].size < 2 * MIB ? usable[0].size : 2 * MIB);
    if (!arch_boot_map_memory(source_next, source_end, NULL))
        boot_refuse("no room for the first page tables");
    for (unsigned i = 0; i < board->bank_count; i++)
        map_allowed(board, board->banks[i].base, board->banks[i].base + board->banks[i].size);

    usable[0].size -= source_next - usable[0].base;
    usable[0].base = source_next;
    for (unsigned i = 0; i < usable_count; i++)
        if (usable[i].size)
            frame_add_range(usable[i].base, usable[i].base + usable[i].size);

    boot_facts.managed_memory = board->ram_bytes;
    if (options->mem_limit && options->mem_limit < board->ram_bytes)
        boot_facts.managed_memory = options->mem_limit;
}
