/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of swap-load, and the workers who fill them and look at them.
 */
#include "raised.h"
#include "swap-load.h"
#include <libsys/kernel.h>
#include <wharf/if/exception.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/vm.h>

uint32_t pages_same, pages_soft;

/* ---- pages ---- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t dice_next(uint64_t *dice)
{
    return *dice = mix(*dice + 1);
}

enum { VERSION_BITS = 28 };

static uint64_t name_of(uint64_t who, uint64_t page, uint64_t version)
{
    return who << 56 | page << VERSION_BITS | version;
}

/* The words behind the first: like random ones; half of them so, half the same sixteen again and again; or all like the first. By the page
 * alone. */
struct filling {
    uint64_t name, base, step;
    unsigned fresh; /* words, before they repeat */
};

static struct filling filling_of(uint64_t who, uint64_t page, uint64_t version)
{
    const uint64_t kind = mix(page) % 100;
    struct filling f = {.name = name_of(who, page, version), .fresh = PAGE_WORDS};

    if (kind < pages_same) {
        f.base = f.name;
    } else {
        f.base = mix(f.name);
        f.step = f.base | 1;
        f.fresh = kind < pages_same + pages_soft ? PAGE_WORDS / 2 : PAGE_WORDS;
    }
    return f;
}

static inline uint64_t word_at(const struct filling *f, unsigned i)
{
    const uint64_t n = i < f->fresh ? i : i % 16;

    return i == 0 ? f->name : f->base + n * n * f->step;
}

void page_fill(volatile uint64_t *area, uint64_t who, uint64_t page, uint64_t version)
{
    const struct filling f = filling_of(who, page, version);

    for (unsigned i = 0; i < PAGE_WORDS; i++)
        area[page * PAGE_WORDS + i] = word_at(&f, i);
}

bool page_is(const volatile uint64_t *area, uint64_t who, uint64_t page, uint64_t version)
{
    const struct filling f = filling_of(who, page, version);

    for (unsigned i = 0; i < PAGE_WORDS; i++)
        if (area[page * PAGE_WORDS + i] != word_at(&f, i))
            return false;
    return true;
}

uint64_t page_version(const volatile uint64_t *area, uint64_t page)
{
    return area[page * PAGE_WORDS] & ((UINT64_C(1) << VERSION_BITS) - 1);
}

void page_report(bool good, const char *where, uint64_t who, uint64_t page)
{
    if (!good && atomic_fetch_add(&board->wrong, 1) < 8)
        print("swap-load: worker %lu: %s %lu is not what was written\n", who, where, page);
    atomic_fetch_add_explicit(&board->touched, 1, memory_order_relaxed);
}

/* ---- pages that are lost ---- */

/* One that is lost is lost for good; in its place comes a new one, which may go the same way. */
static void renew(struct worker *self, uint64_t page)
{
    const uint64_t at = (uintptr_t)self->area + page * PAGE;
    uint32_t before;

    do {
        uint64_t made;
        CHECK_EQUAL(atomic_load(&raised_code), EXCEPTION_CODE_PAGE | (uint64_t)KERN_MEMORY_ERROR);
        CHECK_EQUAL(atomic_load(&raised_address) & ~(PAGE - 1), at);
        atomic_fetch_add(&board->lost, 1);
        OK(vm_deallocate(me(), at, PAGE));
        OK(vm_allocate(me(), at, PAGE, 0, &made));
        before = atomic_load(&raised);
        page_fill(self->area, self->who, page, ++self->version[page]);
    } while (atomic_load(&raised) != before);
}

/* ---- workers ---- */

static void visit(struct worker *self, uint64_t page)
{
    const uint32_t before = atomic_load(&raised);
    const bool good = page_is(self->area, self->who, page, self->version[page]);
    const bool is_lost = atomic_load(&raised) != before;

    page_report(good || is_lost, "page", self->who, page);
    if (is_lost)
        renew(self, page);
}

static void rewrite(struct worker *self, uint64_t page)
{
    const uint32_t before = atomic_load(&raised);

    page_fill(self->area, self->who, page, ++self->version[page]);
    if (atomic_load(&raised) != before)
        renew(self, page);
}

/* A run of neighbours, as programs have them. Returns its pages. */
static unsigned do_run(struct worker *self)
{
    const uint64_t dice = dice_next(&self->dice);
    const uint64_t first = dice % self->pages, end = first + (dice >> 32) % 32 + 1;
    uint64_t page = first;

    for (; page < end && page < self->pages; page++) {
        visit(self, page);
        if ((dice >> 40) % 4 == 0)
            rewrite(self, page);
    }
    return (unsigned)(page - first);
}

static bool is_stopped(void)
{
    return atomic_load(&board->stop) != 0;
}

static void do_runs(struct worker *self)
{
    const uint64_t pages = self->rounds * self->pages;
    uint64_t runs = 0;

    if (self->pages == 0)
        return;
    for (uint64_t done = 0; !is_stopped(); runs++) {
        if (self->runs > 0 ? runs >= self->runs : self->rounds > 0 && done >= pages)
            break;
        done += do_run(self);
        if (self->mixes)
            mix_do(self);
    }
}

/* Until all have all their pages: one that were through before another begins would leave it its memory. */
static void wait_for_others(void)
{
    atomic_fetch_add(&board->filled, 1);
    while (atomic_load(&board->filled) < board->workers && !is_stopped())
        pause_for(10000);
}

/* Its exceptions are its own, and all that it has by now stays: only pages of the area can be lost. */
static void be_careful(void)
{
    start_handler();
    OK(host_memory_wire_all(program_start_info->host_memory, me(), HOST_MEMORY_WIRE_CURRENT));
}

int work(void *argument)
{
    struct worker *self = argument;
    const size_t versions = self->pages * sizeof(*self->version);

    self->version = (uint32_t *)pages_make((unsigned)(versions / PAGE + 1));
    if (self->careful)
        be_careful();
    if (self->mixes)
        mix_enter();
    self->area = pages_make(self->pages);
    atomic_fetch_add(&board->begun, 1);
    for (uint64_t page = 0; page < self->pages; page++)
        rewrite(self, page);
    wait_for_others();
    do_runs(self);
    for (uint64_t page = 0; page < self->pages; page++)
        if (page % 100 < self->last)
            visit(self, page);
    if (self->mixes)
        mix_leave();
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}
