/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be a device. Whoever asks has the power over all devices, and yet never gets what the kernel's own safety rests on:
 * RAM, whoever uses it and whether the kernel manages it or not; the interrupt controller with all that belongs to it; lines that are
 * a CPU's own. What counts are whole pages, for whole pages are mapped.
 */
#include <arch/irq.h>
#include <kern/device.h>
#include <kern/dt.h>

enum { FIRST_SHARED_LINE = 32 }; /* of a GIC: those below are the CPUs' own */

static const struct board *board; /* constant after device_check_init() */

void device_check_init(const struct board *of)
{
    board = of;
}

static bool is_within(uint64_t base, uint64_t size, uint64_t limit)
{
    return size != 0 && base < limit && size <= limit - base;
}

/* Pages of `range`, which is within the limit, that somebody of the list has. */
static bool touches(struct dt_range pages, struct dt_range other)
{
    uint64_t start = round_down(other.base, PAGE_SIZE);
    uint64_t end = round_up(other.base + other.size, PAGE_SIZE);
    return other.size && pages.base < end && start < pages.base + pages.size;
}

static bool touches_ram(struct dt_range pages)
{
    for (unsigned i = 0; i < board->bank_count; i++)
        if (touches(pages, board->banks[i]))
            return true;
    for (unsigned i = 0; i < board->reservation_count; i++)
        if (touches(pages, board->reservations[i].range))
            return true;
    return false;
}

static bool touches_controller(struct dt_range pages)
{
    const struct board_gic *gic = &board->gic;
    if (touches(pages, gic->gicd) || touches(pages, gic->gicc))
        return true;
    for (unsigned i = 0; i < gic->gicr_count; i++)
        if (touches(pages, gic->gicr[i]))
            return true;
    for (unsigned i = 0; i < board->gic_other_count; i++)
        if (touches(pages, board->gic_others[i]))
            return true;
    return false;
}

static kern_return_t check_range(const struct device_range *range)
{
    if (!is_within(range->base, range->size, DT_PADDR_LIMIT))
        return KERN_INVALID_ARGUMENT;
    uint64_t base = round_down(range->base, PAGE_SIZE);
    struct dt_range pages = {base, round_up(range->base + range->size, PAGE_SIZE) - base};
    return touches_ram(pages) || touches_controller(pages) ? KERN_DENIED : KERN_SUCCESS;
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
    kern_return_t kr = board ? KERN_SUCCESS : KERN_DENIED;
    for (unsigned i = 0; i < what->ranges && kr == KERN_SUCCESS; i++)
        kr = check_range(&what->range[i]);
    for (unsigned i = 0; i < what->lines && kr == KERN_SUCCESS; i++)
        kr = check_line(what->line[i].number);
    for (unsigned i = 0; i < what->windows && kr == KERN_SUCCESS; i++)
        kr = check_window(&what->window[i]);
    return kr;
}
