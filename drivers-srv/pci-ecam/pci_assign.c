/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses for BARs (pci.h: N1 to N4).
 *
 * Each bus has two pools: `low`, below 4 GiB, which is tried first, and `high`, for BARs of 64 bits that find no room there; behind
 * a bridge for prefetchable ones only, since a bridge forwards nothing else up there. A bridge's pools are taken from those of its
 * bus; what its functions did not need goes back.
 *
 * Addresses are odd multiples of their span (N2), and ascend. When functions are in use, what they and the bridges have is looked at
 * first, and anything new gets addresses behind it.
 */
#include "pci_impl.h"

#define SPAN_MAX (UINT64_C(1) << 61) /* sums do not overflow */

struct pool {
    uint64_t next, end; /* next >= end: nothing is left */
};

struct pools {
    struct pool low, high;
    bool is_root;
};

static uint64_t align_up(uint64_t value, uint64_t unit)
{
    return value > UINT64_MAX - (unit - 1) ? UINT64_MAX : (value + unit - 1) & ~(unit - 1);
}

static bool place(struct pool *pool, uint64_t span, uint64_t *address)
{
    uint64_t at;

    if (pool->next >= pool->end || span > pool->end - pool->next || span > SPAN_MAX)
        return false;
    at = (pool->next & ~(2 * span - 1)) + span;
    if (at < pool->next)
        at += 2 * span;
    if (at >= pool->end || span > pool->end - at)
        return false;
    *address = at;
    pool->next = at + span;
    return true;
}

static bool place_bar(struct pools *pools, struct pci_bar *bar)
{
    if (place(&pools->low, bar->span, &bar->address))
        return true;
    return bar->wide && (bar->prefetchable || pools->is_root) &&
           place(&pools->high, bar->span, &bar->address);
}

static bool touches(uint64_t base, uint64_t end, const struct pci_forwarded *range)
{
    return base < range->end && range->base < end;
}

/* Whether a BAR of the bus that has its address, or a bridge for what is behind it, has some of [base, end). */
static bool is_taken(const struct pci_host *host, unsigned bus, uint64_t base, uint64_t end)
{
    for (unsigned i = 0; i < host->count; i++) {
        const struct pci_function *f = &host->functions[i];

        if (f->bus != bus)
            continue;
        if (touches(base, end, &f->memory) || touches(base, end, &f->prefetch))
            return true;
        for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
            const struct pci_bar *b = &f->bars[bar];
            struct pci_forwarded range = {b->address, b->address + b->span};

            if (b->assigned && touches(base, end, &range))
                return true;
        }
    }
    return false;
}

/* [base, base + span) is in a pool, of which that much is taken then. */
static bool take(struct pool *pool, uint64_t bottom, uint64_t base, uint64_t span)
{
    if (base < bottom || base >= pool->end || span > pool->end - base)
        return false;
    if (pool->next < base + span)
        pool->next = base + span;
    return true;
}

/* A BAR's address can stay: it tells the span, is inside the bus's pools, and is nobody else's. bottom: where the pools begin. */
static bool keep_bar(const struct pci_host *host, const struct pci_function *f,
                     const struct pci_bar *bar, struct pools *pools, const struct pools *bottom)
{
    if (bar->span < PCI_PAGE || (bar->address & (2 * bar->span - 1)) != bar->span)
        return false;
    return !is_taken(host, f->bus, bar->address, bar->address + bar->span) &&
           (take(&pools->low, bottom->low.next, bar->address, bar->span) ||
            take(&pools->high, bottom->high.next, bar->address, bar->span));
}

static void complain(const struct pci_host *host, const struct pci_function *f, const char *what)
{
    device_log(host->config.environment, "pci: %x:%x.%x (%x:%x) %s", f->bus, f->device, f->function,
               f->vendor, f->device_id, what);
}

/* ---- Functions ---- */

static void forget_bars(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS_MAX; i++)
        f->bars[i].assigned = false;
}

/* All addresses, or none. bottom NULL: old addresses mean nothing. */
static bool place_bars(const struct pci_host *host, struct pci_function *f, struct pools *pools,
                       const struct pools *bottom)
{
    struct pools before = *pools;

    for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
        struct pci_bar *bar = &f->bars[i];

        if (bar->span == 0)
            continue;
        if ((bottom == NULL || !keep_bar(host, f, bar, pools, bottom)) && !place_bar(pools, bar)) {
            *pools = before;
            forget_bars(f);
            return false;
        }
        bar->assigned = true;
    }
    return true;
}

/* A function that decodes nothing. */
static void assign_function(const struct pci_host *host, struct pci_function *f,
                            struct pools *pools, const struct pools *bottom)
{
    if (!pci_size_bars(host, f)) {
        complain(host, f, "has a BAR that makes no sense: left out");
        return;
    }
    if (!place_bars(host, f, pools, bottom)) {
        complain(host, f, "asks for more addresses than there are: left out");
        return;
    }
    for (unsigned i = 0; i < PCI_BARS_MAX; i++)
        if (f->bars[i].assigned)
            pci_write_bar(host, f, i);
    f->usable = true;
}

/* A function that is in use: its BARs are read. */
static void keep_function(const struct pci_host *host, struct pci_function *f, struct pools *pools,
                          const struct pools *bottom)
{
    pci_read_bars(host, f);
    for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
        if (f->bars[i].span == 0)
            continue;
        if (!keep_bar(host, f, &f->bars[i], pools, bottom)) {
            complain(host, f, "is in use at addresses that cannot be: left alone");
            forget_bars(f); /* what is theirs stays taken from the pools all the same */
            return;
        }
        f->bars[i].assigned = true;
    }
    f->usable = true;
}

/* ---- Bridges ---- */

static bool forwards_high(const struct pci_host *host, const struct pci_function *f)
{
    return (pci_read16(host, f, PCI_PREFETCH_WINDOW) & 15) == 1;
}

/* Base and limit of a window, in units of 1 MiB; base above limit: it is closed. */
static uint32_t window_of(uint64_t base, uint64_t end)
{
    if (end == 0)
        return 0x0000fff0;
    return (uint32_t)(base >> 16 & 0xfff0) | (uint32_t)((end - 1) >> 16 & 0xfff0) << 16;
}

static void write_windows(const struct pci_host *host, const struct pci_function *f)
{
    pci_write16(host, f, PCI_IO_WINDOW, 0x00f0);
    pci_write32(host, f, PCI_MEMORY_WINDOW, window_of(f->memory.base, f->memory.end));
    if (forwards_high(host, f)) {
        pci_write32(host, f, PCI_PREFETCH_BASE_HIGH, (uint32_t)(f->prefetch.base >> 32));
        pci_write32(host, f, PCI_PREFETCH_LIMIT_HIGH,
                    f->prefetch.end == 0 ? 0 : (uint32_t)((f->prefetch.end - 1) >> 32));
    }
    pci_write32(host, f, PCI_PREFETCH_WINDOW, window_of(f->prefetch.base, f->prefetch.end));
}

static struct pci_forwarded window_read(uint32_t window, uint32_t base_high, uint32_t limit_high)
{
    uint64_t base = (uint64_t)(window & 0xfff0) << 16 | (uint64_t)base_high << 32;
    uint64_t limit = (uint64_t)(window >> 16 & 0xfff0) << 16 | (uint64_t)limit_high << 32;

    if (base > limit)
        return (struct pci_forwarded){0, 0};
    return (struct pci_forwarded){base, limit + PCI_BRIDGE_UNIT};
}

/* What a bridge forwards, as it is; it has to be inside its bus's pools. */
static void keep_windows(const struct pci_host *host, struct pci_function *f, struct pools *pools,
                         const struct pools *bottom)
{
    bool high = forwards_high(host, f);
    struct pci_forwarded memory = window_read(pci_read32(host, f, PCI_MEMORY_WINDOW), 0, 0);
    struct pci_forwarded prefetch =
        window_read(pci_read32(host, f, PCI_PREFETCH_WINDOW),
                    high ? pci_read32(host, f, PCI_PREFETCH_BASE_HIGH) : 0,
                    high ? pci_read32(host, f, PCI_PREFETCH_LIMIT_HIGH) : 0);

    if (memory.end != 0 && !is_taken(host, f->bus, memory.base, memory.end) &&
        take(&pools->low, bottom->low.next, memory.base, memory.end - memory.base))
        f->memory = memory;
    if (prefetch.end != 0 && !is_taken(host, f->bus, prefetch.base, prefetch.end) &&
        take(&pools->high, bottom->high.next, prefetch.base, prefetch.end - prefetch.base))
        f->prefetch = prefetch;
}

static void assign_bus(struct pci_host *host, unsigned parent, struct pools *pools, bool fresh);

/* What a bridge's functions need, in whole units. */
static struct pci_forwarded used_of(struct pool *pool, const struct pool *behind, uint64_t start)
{
    struct pci_forwarded used = {start, align_up(behind->next, PCI_BRIDGE_UNIT)};

    if (behind->next <= start)
        return (struct pci_forwarded){0, 0};
    pool->next = used.end;
    return used;
}

static struct pool pool_behind(const struct pool *pool)
{
    return (struct pool){.next = align_up(pool->next, PCI_BRIDGE_UNIT),
                         .end = pool->end & ~(uint64_t)(PCI_BRIDGE_UNIT - 1)};
}

static void assign_bridge(struct pci_host *host, unsigned number, struct pools *pools)
{
    struct pci_function *f = &host->functions[number];
    struct pools behind = {.low = pool_behind(&pools->low)};
    uint64_t low = behind.low.next, high;

    if (forwards_high(host, f))
        behind.high = pool_behind(&pools->high);
    high = behind.high.next;
    assign_bus(host, number, &behind, true);
    f->memory = used_of(&pools->low, &behind.low, low);
    f->prefetch = used_of(&pools->high, &behind.high, high);
    write_windows(host, f);
}

static void assign_kept_bridge(struct pci_host *host, unsigned number)
{
    const struct pci_function *f = &host->functions[number];
    struct pools behind = {
        .low = {f->memory.base, f->memory.end},
        .high = {f->prefetch.base, f->prefetch.end},
    };

    assign_bus(host, number, &behind, false);
}

/* ---- Buses ---- */

static bool is_on(const struct pci_function *f, unsigned parent)
{
    return f->parent == parent && f->kind != PCI_IGNORED;
}

/* Nothing is in use. */
static void assign_fresh(struct pci_host *host, unsigned parent, struct pools *pools)
{
    for (unsigned i = 0; i < host->count; i++)
        if (is_on(&host->functions[i], parent))
            assign_function(host, &host->functions[i], pools, NULL);
    for (unsigned i = 0; i < host->count; i++)
        if (is_on(&host->functions[i], parent) && host->functions[i].secondary != 0)
            assign_bridge(host, i, pools);
}

/* Some may be: they come first. */
static void assign_kept(struct pci_host *host, unsigned parent, struct pools *pools)
{
    const struct pools bottom = *pools;

    for (unsigned i = 0; i < host->count; i++) {
        struct pci_function *f = &host->functions[i];

        if (is_on(f, parent) && f->kept)
            keep_function(host, f, pools, &bottom);
        if (is_on(f, parent) && f->secondary != 0)
            keep_windows(host, f, pools, &bottom);
    }
    for (unsigned i = 0; i < host->count; i++)
        if (is_on(&host->functions[i], parent) && !host->functions[i].kept)
            assign_function(host, &host->functions[i], pools, &bottom);
    for (unsigned i = 0; i < host->count; i++)
        if (is_on(&host->functions[i], parent) && host->functions[i].secondary != 0)
            assign_kept_bridge(host, i);
}

static void assign_bus(struct pci_host *host, unsigned parent, struct pools *pools, bool fresh)
{
    if (fresh)
        assign_fresh(host, parent, pools);
    else
        assign_kept(host, parent, pools);
}

/* The largest window of memory below, or above 4 GiB; whole pages of it. */
static struct pool root_pool(const struct pci_host_config *config, bool low)
{
    struct pool best = {0, 0};

    for (unsigned i = 0; i < config->window_count; i++) {
        const struct pci_window *window = &config->windows[i];
        struct pool pool = {align_up(window->address, PCI_PAGE),
                            (window->address + window->size) & ~(uint64_t)(PCI_PAGE - 1)};

        if (window->kind != PCI_WINDOW_MEMORY || (pool.end <= UINT64_C(1) << 32) != low ||
            pool.next >= pool.end)
            continue;
        if (pool.end - pool.next > best.end - best.next)
            best = pool;
    }
    return best;
}

void pci_assign(struct pci_host *host, bool fresh)
{
    struct pools pools = {
        .low = root_pool(&host->config, true),
        .high = root_pool(&host->config, false),
        .is_root = true,
    };

    assign_bus(host, PCI_NO_PARENT, &pools, fresh);
}
