/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each function at the edges: of nodes, of heights, of ranges.
 */
#include "amap_test.h"

static const uint64_t edge[] = {0,
                                1,
                                62,
                                63,
                                64,
                                65,
                                4095,
                                4096,
                                262143,
                                262144,
                                1 << 24,
                                1 << 30,
                                LAST_PAGE,
                                LAST_PAGE - 1,
                                LAST_PAGE - 64};

static struct amap *fill(uint64_t first, uint64_t pages)
{
    struct amap *amap = make(&kernel_ledger);

    for (uint64_t i = 0; i < pages; i++)
        CHECK_EQ(write_page(amap, first + i, first + i + 1), KERN_SUCCESS);
    CHECK(amap_check(amap));
    return amap;
}

/* It has pages [first, first + pages), of what fill() wrote, and no others. */
static void check_has(struct amap *amap, uint64_t first, uint64_t pages)
{
    CHECK(amap_check(amap));
    CHECK_EQ(count_pages(amap), pages);
    for (uint64_t i = 0; i < pages; i++)
        CHECK_EQ(read_page(amap, first + i), first + i + 1);
}

static void drop(struct amap *amap)
{
    amap_unref(amap);
    reap_all();
}

static void test_anon(void)
{
    struct ledger *ledger;
    struct anon *anon;

    CHECK_EQ(ledger_create(&kernel_ledger, &ledger), KERN_SUCCESS);
    CHECK_EQ(anon_create(ledger, true, &anon), KERN_SUCCESS);
    CHECK(anon_frame(anon) != NULL && anon_frame(anon)->owner == anon);
    CHECK_EQ(ledger_used(ledger, LEDGER_FRAMES), 1);
    CHECK_EQ(ledger_used(ledger, LEDGER_KMEM), sizeof(struct anon));
    ledger_unref(ledger); /* the anon's is left */
    anon_ref(anon);
    anon_unref(anon);
    memset(frame_memory(anon_frame(anon)), 0x5a, PAGE_SIZE);
    const struct frame *frame = anon_frame(anon);
    anon_unref(anon);
    /* The frame freed last is the one that comes next: its content shows what was done with it. */
    CHECK_EQ(anon_create(&kernel_ledger, false, &anon), KERN_SUCCESS);
    CHECK(anon_frame(anon) == frame && *(uint64_t *)frame_memory(frame) == 0x5a5a5a5a5a5a5a5a);
    anon_unref(anon);
    CHECK_EQ(anon_create(&kernel_ledger, true, &anon), KERN_SUCCESS);
    CHECK(anon_frame(anon) == frame && *(uint64_t *)frame_memory(frame) == 0);
    anon_unref(anon);
}

/* A page at every edge alone, then all in one, both ways round. */
static void test_pages(void)
{
    struct amap *all = make(&kernel_ledger), *back = make(&kernel_ledger);

    for (unsigned i = 0; i < array_count(edge); i++) {
        struct amap *amap = fill(edge[i], 1);
        unsigned height = 0;
        while (edge[i] >> 6 * (height + 1) != 0)
            height++;
        CHECK_EQ(height_of(amap), height);
        check_has(amap, edge[i], 1);
        for (unsigned j = 0; j < array_count(edge); j++)
            CHECK_EQ(read_page(amap, edge[j]), j == i ? edge[i] + 1 : 0);
        CHECK_EQ(read_page(amap, LAST_PAGE + 1 + edge[i]), 0);
        CHECK_EQ(remove_all(amap, edge[i], 1), 1);
        CHECK_EQ(height_of(amap), -1);
        drop(amap);
        uint64_t mirror = edge[array_count(edge) - 1 - i];
        CHECK_EQ(write_page(all, edge[i], edge[i] + 1), KERN_SUCCESS);
        CHECK_EQ(write_page(back, mirror, mirror + 1), KERN_SUCCESS);
        CHECK(amap_check(all) && amap_check(back));
    }
    for (unsigned i = 0; i < array_count(edge); i++)
        CHECK(read_page(all, edge[i]) == edge[i] + 1 && read_page(back, edge[i]) == edge[i] + 1);
    CHECK_EQ(count_pages(all), array_count(edge));
    /* The highest first: the tree gets lower each time it can. */
    remove_all(all, 262144, UINT64_MAX);
    CHECK_EQ(height_of(all), 2);
    remove_all(all, 4096, UINT64_MAX - 4096);
    CHECK_EQ(height_of(all), 1);
    remove_all(all, 64, LAST_PAGE);
    CHECK_EQ(height_of(all), 0);
    CHECK_EQ(count_pages(all), 4);
    drop(all);
    drop(back);
}

/* Slots asked for and not used. */
static void test_forget(void)
{
    struct amap *amap = make(&kernel_ledger);
    struct counts before = counts_now();

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < array_count(edge); i++) {
            struct anon **slot;
            if (read_page(amap, edge[i]) != 0)
                continue;
            spin_lock(&amap->lock);
            CHECK_EQ(amap_slot(amap, edge[i], &slot), KERN_SUCCESS);
            CHECK(*slot == NULL);
            amap_forget_slot(amap, edge[i]);
            spin_unlock(&amap->lock);
            CHECK(amap_check(amap));
            CHECK_EQ(height_of(amap), (int)round - 1);
            counts_check(before);
        }
        if (round == 0)
            CHECK_EQ(write_page(amap, 1, 1), KERN_SUCCESS);
        before = counts_now();
    }
    drop(amap);
}

static void test_next(void)
{
    struct amap *amap = make(&kernel_ledger);
    uint64_t page = 0;

    CHECK(!amap_next(amap, &page));
    for (unsigned i = 0; i < array_count(edge); i++)
        CHECK_EQ(write_page(amap, edge[i], 1), KERN_SUCCESS);
    static const uint64_t pair[][2] = {{2, 62},
                                       {62, 62},
                                       {66, 4095},
                                       {4097, 262143},
                                       {262145, 1 << 24},
                                       {(1 << 24) + 1, 1 << 30},
                                       {(1 << 30) + 1, LAST_PAGE - 64},
                                       {LAST_PAGE, LAST_PAGE}};
    for (unsigned i = 0; i < array_count(pair); i++) {
        page = pair[i][0];
        CHECK(amap_next(amap, &page));
        CHECK_EQ(page, pair[i][1]);
    }
    page = LAST_PAGE + 1;
    CHECK(!amap_next(amap, &page));
    page = UINT64_MAX;
    CHECK(!amap_next(amap, &page));
    CHECK_EQ(page, UINT64_MAX);
    drop(amap);
}

/* Who may write in place: in copies, copies of copies, and when the others are gone. */
static void test_owns(void)
{
    struct amap *a = fill(4000, 200);

    struct amap *b = copy(a, 0, UINT64_MAX), *c = copy(b, 0, UINT64_MAX);
    struct amap *const all[] = {a, b, c};
    CHECK(!amap_owns(a, 4095) && !amap_owns(b, 4095) && !amap_owns(c, 4095));
    CHECK(a->root == b->root && b->root == c->root);
    CHECK_EQ(write_page(b, 4095, 77), KERN_SUCCESS);
    CHECK(amap_owns(b, 4095) && !amap_owns(a, 4095) && !amap_owns(b, 4096));
    CHECK(read_page(a, 4095) == 4096 && read_page(b, 4095) == 77 && read_page(c, 4095) == 4096);
    census(all, 3);
    drop(c);
    CHECK(!amap_owns(a, 4096) && amap_owns(a, 4095)); /* one leaf is seen by b */
    drop(b);
    CHECK(amap_owns(a, 4095) && amap_owns(a, 4096));
    check_has(a, 4000, 200);
    drop(a);
}

/* Copies of ranges that begin and end on and beside every border. */
static void test_copy_ranges(void)
{
    enum { FIRST = 4000, PAGES = 400 };
    static const uint64_t at[] = {0, 31, 32, 33, 95, 96, 97, 160, 399};
    struct amap *amap = fill(FIRST, PAGES);

    for (unsigned i = 0; i < array_count(at); i++) {
        for (unsigned j = i; j < array_count(at); j++) {
            uint64_t pages = at[j] - at[i] + 1;
            struct amap *part = copy(amap, FIRST + at[i], pages);
            check_has(part, FIRST + at[i], pages);
            struct amap *half = copy(part, FIRST + at[i] + pages / 2, UINT64_MAX);
            check_has(half, FIRST + at[i] + pages / 2, pages - pages / 2);
            census((struct amap *const[]){amap, part, half}, 3);
            CHECK_EQ(write_page(half, FIRST + at[j], 5), KERN_SUCCESS);
            drop(part);
            CHECK_EQ(read_page(half, FIRST + at[j]), 5);
            drop(half);
        }
    }
    check_has(amap, FIRST, PAGES);
    struct amap *none[] = {copy(amap, 0, FIRST), copy(amap, FIRST + PAGES, LAST_PAGE),
                           copy(amap, LAST_PAGE, 1), copy(amap, FIRST, 0)};
    for (unsigned i = 0; i < array_count(none); i++) {
        CHECK_EQ(height_of(none[i]), -1);
        drop(none[i]);
    }
    drop(amap);
}

/* Copies of high trees are cut without the lock; and a copy is as low as it can be. */
static void test_copy_high(void)
{
    struct amap *amap = make(&kernel_ledger);

    for (unsigned i = 0; i < array_count(edge); i++)
        CHECK_EQ(write_page(amap, edge[i], edge[i] + 1), KERN_SUCCESS);
    for (unsigned i = 0; i < array_count(edge); i++) {
        struct amap *one = copy(amap, edge[i], 1);
        check_has(one, edge[i], 1);
        for (unsigned j = 0; j < array_count(edge); j++) {
            if (edge[j] < edge[i])
                continue;
            struct amap *part = copy(amap, edge[i], edge[j] - edge[i] + 1);
            for (unsigned k = 0; k < array_count(edge); k++)
                CHECK_EQ(read_page(part, edge[k]),
                         edge[k] >= edge[i] && edge[k] <= edge[j] ? edge[k] + 1 : 0);
            CHECK(amap_check(part) && amap_check(amap));
            census((struct amap *const[]){amap, one, part}, 3);
            drop(part);
        }
        drop(one);
    }
    drop(amap);
}

/* Pieces: what of a tree is whole goes at once, shared or not; what is left stays. */
static void test_remove(void)
{
    for (unsigned shared = 0; shared < 2; shared++) {
        struct amap *amap = fill(0, 300), *other = shared ? copy(amap, 0, 300) : NULL;

        CHECK_EQ(amap_remove(amap, 7, 0), 0);
        CHECK_EQ(amap_remove(amap, 60, 200), 4);   /* 60 to 63 */
        CHECK_EQ(amap_remove(amap, 64, 196), 64);  /* a leaf */
        CHECK_EQ(remove_all(amap, 128, 132), 3);   /* two leaves, 256 to 259 */
        CHECK_EQ(amap_remove(amap, 60, 200), 200); /* nothing */
        CHECK_EQ(amap_remove(amap, 260, 30), 8);   /* a few at a time */
        CHECK(amap_check(amap));
        CHECK_EQ(count_pages(amap), 60 + 32);
        CHECK_EQ(remove_all(amap, 64, UINT64_MAX), 2); /* the leaf, nothing */
        CHECK_EQ(height_of(amap), 0);
        check_has(amap, 0, 60);
        CHECK_EQ(amap_remove(amap, 0, UINT64_MAX), 64);
        CHECK_EQ(height_of(amap), -1);
        drop(amap);
        if (other != NULL) {
            check_has(other, 0, 300);
            census(&other, 1);
            drop(other);
        }
    }
}

/* Small trees are gone at once, others in steps. */
static void test_reaper(void)
{
    struct counts before = counts_now();

    amap_unref(fill(50, 3));
    CHECK(amap_reaper_is_idle());
    counts_check(before);
    struct amap *amap = fill(50, 4);
    amap_ref(amap);
    amap_unref(amap);
    CHECK(amap_check(amap) && amap_reaper_is_idle());
    amap_unref(amap);
    CHECK(!amap_reaper_is_idle());
    reap_all();
    counts_check(before);
    amap_unref(fill(0, 300));
    amap_unref(fill(LAST_PAGE - 299, 300));
    unsigned steps = 0;
    while (reap_one()) {
        int64_t used = ledger_used(&kernel_ledger, LEDGER_FRAMES);
        steps += reap_one();
        /* Slabs of anons and nodes may become empty with it. */
        CHECK(used - ledger_used(&kernel_ledger, LEDGER_FRAMES) <= 8 + 2);
    }
    CHECK(amap_reaper_is_idle() && steps > 600 / 16);
    counts_check(before);
}

void test_edges(void)
{
    test_anon();
    test_pages();
    test_forget();
    test_next();
    test_owns();
    test_copy_ranges();
    test_copy_high();
    test_remove();
    test_reaper();
}
