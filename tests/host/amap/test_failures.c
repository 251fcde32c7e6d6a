/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n: the call says so, nothing that can be seen has changed,
 * and nothing more is charged than before. Then limits of the ledger.
 */
#include "amap_test.h"

static struct ledger *payer;
static struct amap *amap, *other; /* `other` shares everything with `amap` in some scenarios */

static const uint64_t sample[] = {0,    1,    63,     64,     100,       4000,         4095,
                                  4096, 5000, 262143, 262144, LAST_PAGE, LAST_PAGE - 1};

/* --- what is there before --- */

static void set_nothing(void) {}

static void set_one(void)
{
    CHECK_EQ(write_page(amap, 0, 1), KERN_SUCCESS);
}

static void set_many(void)
{
    for (unsigned i = 0; i < array_count(sample); i++)
        CHECK_EQ(write_page(amap, sample[i], i + 1), KERN_SUCCESS);
}

static void set_low(void)
{
    for (unsigned i = 0; i < 9; i++)
        CHECK_EQ(write_page(amap, sample[i], i + 1), KERN_SUCCESS);
}

static void set_shared(void)
{
    set_many();
    CHECK_EQ(amap_copy(amap, 0, UINT64_MAX, payer, &other), KERN_SUCCESS);
}

/* --- what fails --- */

static kern_return_t create(void)
{
    struct amap *made;
    kern_return_t kr = amap_create(payer, &made);

    if (kr == KERN_SUCCESS)
        amap_unref(made);
    return kr;
}

static kern_return_t anon(void)
{
    struct anon *made;
    kern_return_t kr = anon_create(payer, true, &made);

    if (kr == KERN_SUCCESS)
        anon_unref(made);
    return kr;
}

static kern_return_t write_last(void)
{
    return write_page(amap, LAST_PAGE - 1, 99);
}

static kern_return_t write_middle(void)
{
    return write_page(amap, 4095, 99);
}

static kern_return_t write_new(void)
{
    return write_page(amap, 5 << 24, 99);
}

static kern_return_t copy_of(uint64_t first, uint64_t pages)
{
    struct amap *made;
    kern_return_t kr = amap_copy(amap, first, pages, payer, &made);

    if (kr == KERN_SUCCESS) {
        CHECK(amap_check(made));
        amap_unref(made);
    }
    reap_all();
    return kr;
}

static kern_return_t copy_all(void)
{
    return copy_of(0, UINT64_MAX);
}

static kern_return_t copy_middle(void)
{
    return copy_of(64, 4096 + 10 - 64);
}

static kern_return_t copy_most(void)
{
    return copy_of(1, LAST_PAGE - 1);
}

static kern_return_t copy_hole(void)
{
    return copy_of(101, 3000);
}

static const struct scenario {
    const char *name;
    void (*set)(void);
    kern_return_t (*act)(void);
    unsigned allocations;
} scenarios[] = {
    {"create", set_nothing, create, 1},
    {"anon", set_nothing, anon, 2},
    {"first page, high", set_nothing, write_last, 6 + 2},
    {"growth", set_one, write_last, 5 + 5 + 2},
    {"another way", set_many, write_new, 4 + 2},
    {"shared way", set_shared, write_last, 6 + 2},
    {"shared way, middle", set_shared, write_middle, 6 + 2},
    {"shared way, new", set_shared, write_new, 6 + 2},
    {"copy of all", set_many, copy_all, 1},
    {"copy, low tree", set_low, copy_middle, 1 + 4},
    {"copy, high tree", set_many, copy_middle, 1 + 4},
    {"copy of most", set_shared, copy_most, 1 + 11},
    {"copy of nothing", set_low, copy_hole, 1 + 2},
};

static void take_down(void)
{
    amap_unref(amap);
    if (other != NULL)
        amap_unref(other);
    other = NULL;
    reap_all();
}

static void check_unchanged(const uint64_t *before)
{
    CHECK(amap_check(amap));
    for (unsigned i = 0; i < array_count(sample); i++) {
        CHECK_EQ(read_page(amap, sample[i]), before[i]);
        CHECK(other == NULL || read_page(other, sample[i]) == before[i]);
    }
    census((struct amap *const[]){amap, other}, 2);
}

/* Returns whether it succeeded. */
static bool try_failure(const struct scenario *s, unsigned n)
{
    uint64_t value[array_count(sample)];

    amap = make(payer);
    s->set();
    for (unsigned i = 0; i < array_count(sample); i++)
        value[i] = read_page(amap, sample[i]);
    struct counts before = counts_now();
    alloc_fail_nth(n);
    kern_return_t kr = s->act();
    alloc_fail_nth(0);
    if (kr != KERN_SUCCESS) {
        CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
        /* Once the way is private it stays so, when there is no memory for the page itself. */
        if (s->set != set_shared || n <= s->allocations - 2)
            counts_check(before);
        check_unchanged(value);
    }
    CHECK(amap_check(amap) && (other == NULL || amap_check(other)));
    take_down();
    return kr == KERN_SUCCESS;
}

/* Removing says no error: what cannot be copied stays, the rest goes. */
static void remove_failures(void)
{
    static const struct {
        uint64_t first, pages;
    } range[] = {{1, LAST_PAGE - 1}, {64, 64}, {0, 262144}, {4095, 2}, {63, LAST_PAGE - 63}};

    for (unsigned r = 0; r < array_count(range); r++) {
        for (unsigned n = 1; n < 30; n++) {
            amap = make(payer);
            set_shared();
            alloc_fail_nth(n);
            remove_all(amap, range[r].first, range[r].pages);
            uint64_t allocations = alloc_fail_nth(0);
            CHECK(amap_check(amap) && amap_check(other));
            for (unsigned i = 0; i < array_count(sample); i++) {
                bool inside = sample[i] - range[r].first < range[r].pages;
                uint64_t now = read_page(amap, sample[i]);
                CHECK_EQ(read_page(other, sample[i]), i + 1);
                CHECK(now == i + 1 || (inside && now == 0));
                CHECK(!inside || now == 0 || allocations >= n);
            }
            reap_all();
            census((struct amap *const[]){amap, other}, 2);
            take_down();
        }
    }
}

/* Limits are errors of their own, and as harmless. */
static void limits(void)
{
    amap = make(payer);
    set_shared();
    int64_t kmem = ledger_used(payer, LEDGER_KMEM), frames = ledger_used(payer, LEDGER_FRAMES);
    struct amap *made;
    ledger_set_limit(payer, LEDGER_KMEM, kmem + (int64_t)sizeof(struct amap_node) * 3);
    CHECK_EQ(write_middle(), KERN_LIMIT);
    CHECK_EQ(amap_copy(amap, 1, LAST_PAGE, payer, &made), KERN_LIMIT);
    reap_all();
    CHECK_EQ(ledger_used(payer, LEDGER_KMEM), kmem);
    ledger_set_limit(payer, LEDGER_KMEM, LEDGER_NO_LIMIT);
    ledger_set_limit(payer, LEDGER_FRAMES, frames);
    CHECK_EQ(write_new(), KERN_LIMIT);
    CHECK_EQ(ledger_used(payer, LEDGER_FRAMES), frames);
    CHECK(amap_check(amap) && amap_check(other));
    CHECK_EQ(read_page(amap, 4095), 7);
    ledger_set_limit(payer, LEDGER_FRAMES, LEDGER_NO_LIMIT);
    take_down();
}

void test_failures(void)
{
    CHECK_EQ(ledger_create(&kernel_ledger, &payer), KERN_SUCCESS);
    for (unsigned i = 0; i < array_count(scenarios); i++) {
        unsigned n = 1;
        while (!try_failure(&scenarios[i], n))
            n++;
        if (n - 1 != scenarios[i].allocations)
            fprintf(stderr, "scenario: %s\n", scenarios[i].name);
        CHECK_EQ(n - 1, scenarios[i].allocations);
    }
    remove_failures();
    limits();
    CHECK_EQ(ledger_used(payer, LEDGER_KMEM), 0);
    CHECK_EQ(ledger_used(payer, LEDGER_FRAMES), 0);
    ledger_unref(payer);
}
