/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Base address registers: what they say, how much they decode, writing them (pci.h: N1 to N3; PCI 3.0, 6.2.5.1).
 */
#include "pci_impl.h"

enum {
    BAR_IO = 1 << 0,
    BAR_KIND = 3 << 1,
    BAR_WIDE = 2 << 1,
    BAR_PREFETCHABLE = 1 << 3,
    BAR_FLAGS = 15,
};

static unsigned bar_at(unsigned bar)
{
    return PCI_BAR + 4 * bar;
}

/* The flags of a memory BAR that is implemented, from what it reads as; false: there is none. Wide: it takes the next, too. */
static bool read_flags(struct pci_bar *bar, unsigned number, unsigned count, uint32_t low)
{
    *bar = (struct pci_bar){0};
    if ((low & BAR_IO) != 0)
        return false;
    bar->wide = (low & BAR_KIND) == BAR_WIDE;
    bar->prefetchable = (low & BAR_PREFETCHABLE) != 0;
    return !bar->wide || number + 1 < count;
}

static uint64_t lowest_bit(uint64_t value)
{
    return value & (0 - value);
}

void pci_read_bars(const struct pci_host *host, struct pci_function *f)
{
    unsigned count = pci_bar_count(f);

    for (unsigned i = 0; i < count; i++) {
        struct pci_bar *bar = &f->bars[i];
        uint32_t low = pci_read32(host, f, bar_at(i));

        if (!read_flags(bar, i, count, low))
            continue;
        bar->address = low & ~(uint32_t)BAR_FLAGS;
        if (bar->wide)
            bar->address |= (uint64_t)pci_read32(host, f, bar_at(i + 1)) << 32;
        bar->span = bar->address == 0 ? 0 : lowest_bit(bar->address); /* N2 */
        if (bar->wide)
            f->bars[++i] = (struct pci_bar){0};
    }
}

/* Which address bits can be set. The BAR is as it was afterwards. */
static uint32_t probe(const struct pci_host *host, const struct pci_function *f, unsigned at)
{
    uint32_t before = pci_read32(host, f, at), mask;

    pci_write32(host, f, at, UINT32_MAX);
    mask = pci_read32(host, f, at);
    pci_write32(host, f, at, before);
    return mask;
}

/* One BAR that has `flags`. Its mask is ones down to its size, or it makes no sense. */
static bool size_bar(const struct pci_host *host, const struct pci_function *f, unsigned number,
                     struct pci_bar *bar)
{
    uint64_t mask = probe(host, f, bar_at(number)) & ~(uint32_t)BAR_FLAGS;
    uint64_t size;

    bar->address = pci_read32(host, f, bar_at(number)) & ~(uint32_t)BAR_FLAGS;
    if (bar->wide) {
        bar->address |= (uint64_t)pci_read32(host, f, bar_at(number + 1)) << 32;
        mask |= (uint64_t)probe(host, f, bar_at(number + 1)) << 32;
    } else if (mask != 0) {
        mask |= UINT64_C(0xffffffff) << 32;
    }
    if (mask == 0)
        return true; /* not implemented */
    size = lowest_bit(mask);
    if (mask + size != 0)
        return false;
    bar->span = size < PCI_PAGE ? PCI_PAGE : size;
    return true;
}

bool pci_size_bars(const struct pci_host *host, struct pci_function *f)
{
    unsigned count = pci_bar_count(f);
    bool good = true;

    for (unsigned i = 0; i < count; i++) {
        struct pci_bar *bar = &f->bars[i];
        uint32_t low = pci_read32(host, f, bar_at(i));

        if (!read_flags(bar, i, count, low)) {
            good &= (low & BAR_IO) != 0;
            *bar = (struct pci_bar){0};
            continue;
        }
        if (!size_bar(host, f, i, bar)) {
            *bar = (struct pci_bar){0};
            good = false;
        }
        if (bar->wide)
            f->bars[++i] = (struct pci_bar){0};
    }
    return good;
}

void pci_write_bar(const struct pci_host *host, const struct pci_function *f, unsigned bar)
{
    pci_write32(host, f, bar_at(bar), (uint32_t)f->bars[bar].address);
    if (f->bars[bar].wide)
        pci_write32(host, f, bar_at(bar + 1), (uint32_t)(f->bars[bar].address >> 32));
}
