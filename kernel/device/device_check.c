/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be a device. Whoever asks has the power over all devices, and yet never gets what the kernel's own safety rests on:
 * RAM, whoever uses it and whether the kernel manages it or not; the interrupt controller with all that belongs to it; lines that are
 * a CPU's own. What counts are whole pages, for whole pages are mapped.
 */
#include <arch/irq.h>
#include <kern/device.h>
#include <kern/dt.h>
#include <kern/string.h>

enum { FIRST_SHARED_LINE = 32 }; /* of a GIC: those below are the CPUs' own */

/* Where no device is: whole pages, ascending, disjoint. Constant after device_check_init(). */
enum {
    TAKEN_MAX = DT_MAX_BANKS + DT_MAX_RESERVATIONS + 2 + DT_MAX_GICR_REGIONS + DT_MAX_GIC_OTHERS
};
static struct {
    uint64_t start, end;
} taken[TAKEN_MAX];
static unsigned taken_count;
static bool known; /* it is: the board has been told */

static bool is_within(uint64_t base, uint64_t size, uint64_t limit)
{
    return size != 0 && base < limit && size <= limit - base;
}

/* Into its place; one that touches others is joined with them. */
static void take(struct dt_range range)
{
    uint64_t start = round_down(range.base, PAGE_SIZE);
    uint64_t end = round_up(range.base + range.size, PAGE_SIZE);
    unsigned at = 0, last;
    if (range.size == 0)
        return;
    if (end < start) /* to the end of the address space */
        end = UINT64_MAX;
    while (at < taken_count && taken[at].end < start)
        at++;
    for (last = at; last < taken_count && taken[last].start <= end; last++) {
        start = taken[last].start < start ? taken[last].start : start;
        end = taken[last].end > end ? taken[last].end : end;
    }
    unsigned joined = last - at, rest = taken_count - last;
    memmove(&taken[at + 1], &taken[last], rest * sizeof(taken[0]));
    taken[at] = (typeof(taken[0])){start, end};
    taken_count += 1 - joined;
}

void device_check_init(const struct board *board)
{
    const struct board_gic *gic = &board->gic;
    taken_count = 0;
    for (unsigned i = 0; i < board->bank_count; i++)
        take(board->banks[i]);
    for (unsigned i = 0; i < board->reservation_count; i++)
        take(board->reservations[i].range);
    take(gic->gicd);
    take(gic->gicc);
    for (unsigned i = 0; i < gic->gicr_count; i++)
        take(gic->gicr[i]);
    for (unsigned i = 0; i < board->gic_other_count; i++)
        take(board->gic_others[i]);
    known = true;
}

/* Is any page from `start` to `end` taken? The first that ends above `start` decides. */
static bool is_taken(uint64_t start, uint64_t end)
{
    unsigned low = 0, high = taken_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (taken[middle].end > start)
            high = middle;
        else
            low = middle + 1;
    }
    return low < taken_count && taken[low].start < end;
}

static kern_return_t check_range(const struct device_range *range)
{
    if (!is_within(range->base, range->size, DT_PADDR_LIMIT))
        return KERN_INVALID_ARGUMENT;
    uint64_t start = round_down(range->base, PAGE_SIZE);
    uint64_t end = round_up(range->base + range->size, PAGE_SIZE);
    return is_taken(start, end) ? KERN_DENIED : KERN_SUCCESS;
}

static kern_return_t check_line(unsigned number)
{
    if (number >= arch_irq_count())
        return KERN_INVALID_ARGUMENT;
    return number < FIRST_SHARED_LINE ? KERN_DENIED : KERN_SUCCESS;
}

static kern_return_t check_window(const struct device_window *window)
{
    bool ok = is_within(window->memory, window->size, DT_PADDR_LIMIT) &&
              window->bus <= UINT64_MAX - (window->size - 1);
    return ok ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

kern_return_t device_check(const struct device_description *what)
{
    kern_return_t kr = known ? KERN_SUCCESS : KERN_DENIED;
    for (unsigned i = 0; i < what->ranges && kr == KERN_SUCCESS; i++)
        kr = check_range(&what->range[i]);
    for (unsigned i = 0; i < what->lines && kr == KERN_SUCCESS; i++)
        kr = check_line(what->line[i].number);
    for (unsigned i = 0; i < what->windows && kr == KERN_SUCCESS; i++)
        kr = check_window(&what->window[i]);
    return kr;
}
