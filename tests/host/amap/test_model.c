/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random sequence of calls on several amaps that are copies of each other, beside a model that
 * knows nothing of trees: for each page of a few pieces of the number space, what was written to it
 * last. Now and then an allocation fails.
 */
#include "amap_test.h"

enum { PIECE = 140, PIECES = 6, PAGES = PIECE * PIECES, AMAPS = 7 };

static const uint64_t piece[PIECES] = {
    0, 4096 - 70, 262144 - 70, (1 << 24) - 70, (1 << 30) - 70, LAST_PAGE + 1 - PIECE};

static struct side {
    struct amap *amap;
    unsigned pieces; /* how many of the pieces are written to: the height of the tree */
    uint64_t value[PAGES];
} side[AMAPS];
static struct ledger *payer[2];
static uint64_t written;
static bool failing; /* an allocation of the present call fails */

static uint64_t page_at(unsigned index)
{
    return piece[index / PIECE] + index % PIECE;
}

static struct side *any_side(void)
{
    return &side[check_below(AMAPS)];
}

static struct ledger *any_payer(void)
{
    return payer[check_below(2)];
}

static unsigned any_index(const struct side *s)
{
    return (unsigned)(check_below(s->pieces) * PIECE + check_below(PIECE));
}

/* Ends anywhere among the pages, or of everything. */
static void any_range(uint64_t *first, uint64_t *pages)
{
    unsigned a = (unsigned)check_below(PAGES), b = (unsigned)check_below(PAGES);

    if (check_below(2))
        b = (unsigned)(a + check_below(80));
    b = b < PAGES ? b : PAGES - 1;
    if (b < a) {
        unsigned swap = a;
        a = b;
        b = swap;
    }
    *first = check_below(8) ? page_at(a) : 0;
    *pages = check_below(8) ? page_at(b) - *first + 1 : UINT64_MAX - check_below(3);
    if (check_below(4) == 0) {
        *first = round_down(*first, 64);
        *pages = *pages < UINT64_MAX - 128 ? round_up(*pages, 64) : *pages;
    }
}

static bool in_range(unsigned index, uint64_t first, uint64_t pages)
{
    return page_at(index) >= first && page_at(index) - first < pages;
}

static void check_side(struct side *s)
{
    uint64_t count = 0;

    CHECK(amap_check(s->amap));
    for (unsigned i = 0; i < PAGES; i++) {
        CHECK_EQ(read_page(s->amap, page_at(i)), s->value[i]);
        count += s->value[i] != 0;
    }
    CHECK_EQ(count_pages(s->amap), count);
}

static void check_all(void)
{
    struct amap *amaps[AMAPS];

    reap_all();
    for (unsigned i = 0; i < AMAPS; i++) {
        check_side(&side[i]);
        amaps[i] = side[i].amap;
    }
    census(amaps, AMAPS);
    CHECK(kmem_check());
}

static void step_write(struct side *s)
{
    unsigned index = any_index(s);
    unsigned count = check_below(4) ? 1 : (unsigned)check_below(50);

    for (; count > 0 && index < PAGES; index++, count--) {
        kern_return_t kr = write_page(s->amap, page_at(index), ++written);
        CHECK(kr == KERN_SUCCESS || (failing && kr == KERN_RESOURCE_SHORTAGE));
        if (kr == KERN_SUCCESS)
            s->value[index] = written;
    }
}

/* Where memory fails pages may stay, whole. */
static void removed(struct side *s, uint64_t first, uint64_t pages)
{
    for (unsigned i = 0; i < PAGES; i++) {
        if (!in_range(i, first, pages) || s->value[i] == 0)
            continue;
        uint64_t now = read_page(s->amap, page_at(i));
        CHECK(now == 0 || (failing && now == s->value[i]));
        s->value[i] = now;
    }
}

static void step_remove(struct side *s)
{
    uint64_t first, pages;
    unsigned pieces = check_below(2) ? 1 : UINT32_MAX;

    any_range(&first, &pages);
    for (; pieces > 0 && pages > 0; pieces--) {
        uint64_t done = amap_remove(s->amap, first, pages);
        CHECK(done > 0 && done <= pages);
        removed(s, first, done);
        first += done;
        pages -= done;
    }
}

static void step_copy(const struct side *s)
{
    struct side *to = any_side();
    struct amap *amap = NULL;
    uint64_t first = 0, pages = UINT64_MAX;

    if (check_below(3) != 0)
        any_range(&first, &pages);
    kern_return_t kr = amap_copy(s->amap, first, pages, any_payer(), &amap);
    CHECK(kr == KERN_SUCCESS || (failing && kr == KERN_RESOURCE_SHORTAGE && amap == NULL));
    if (kr != KERN_SUCCESS)
        return;
    amap_unref(to->amap);
    to->amap = amap;
    to->pieces = s->pieces;
    for (unsigned i = 0; i < PAGES; i++)
        to->value[i] = in_range(i, first, pages) ? s->value[i] : 0;
    check_side(to);
}

static void begin(struct side *s)
{
    *s = (struct side){.amap = make(any_payer()), .pieces = 1 + (unsigned)check_below(PIECES)};
}

static void step(struct side *s)
{
    unsigned what = (unsigned)check_below(100);

    failing = check_below(5) == 0;
    alloc_fail_nth(failing ? 1 + check_below(12) : 0);
    if (what < 60)
        step_write(s);
    else if (what < 80)
        step_remove(s);
    else if (what < 96)
        step_copy(s);
    else
        alloc_fail_nth(0);
    alloc_fail_nth(0);
    if (what == 99) {
        amap_unref(s->amap);
        begin(s);
    }
    check_side(s);
    for (uint64_t n = check_below(4); n > 0; n--)
        (void)reap_one();
}

void test_model(unsigned steps)
{
    for (unsigned i = 0; i < array_count(payer); i++)
        CHECK_EQ(ledger_create(&kernel_ledger, &payer[i]), KERN_SUCCESS);
    for (unsigned i = 0; i < AMAPS; i++)
        begin(&side[i]);
    for (unsigned i = 0; i < steps; i++) {
        step(any_side());
        if (i % 64 == 0)
            check_all();
    }
    for (unsigned i = 0; i < AMAPS; i++)
        amap_unref(side[i].amap);
    reap_all();
    for (unsigned i = 0; i < array_count(payer); i++) {
        CHECK_EQ(ledger_used(payer[i], LEDGER_KMEM), 0);
        CHECK_EQ(ledger_used(payer[i], LEDGER_FRAMES), 0);
        ledger_unref(payer[i]);
    }
}
