/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of memory inside ranges of addresses: what is found lies in one of them and overlaps nothing; if there was room, something
 * is found; what is given back can be had as a whole again.
 */
#include "mem_test.h"
#include "stub/stub.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_PIECES = 4096 };

static struct piece {
    pfn_t first;
    uint32_t pages;
} pieces[MAX_PIECES];
static unsigned piece_count;

/* Whose each frame is, counted from `base`: 0: nobody's. */
static uint16_t *owner;
static pfn_t base;

static kern_return_t search(const struct frame_range *ranges, unsigned count, uint32_t pages,
                            pfn_t *first)
{
    struct frame_search search = {.range = ranges, .ranges = count, .pages = pages};
    kern_return_t kr;
    pfn_t before = *first;
    unsigned pieces_of_it = 0;
    do {
        kr = frame_search_some(&search, first);
        CHECK(++pieces_of_it < 10000);
        CHECK(kr == KERN_SUCCESS || *first == before);
    } while (kr == KERN_RETRY);
    return kr;
}

static void note(pfn_t first, uint32_t pages, uint16_t who)
{
    for (uint32_t i = 0; i < pages; i++) {
        CHECK((owner[first + i - base] == 0) == (who != 0));
        owner[first + i - base] = who;
    }
}

static bool is_inside(const struct frame_range *ranges, unsigned count, pfn_t first, uint32_t pages)
{
    for (unsigned i = 0; i < count; i++)
        if (first >= ranges[i].start && first + pages <= ranges[i].end)
            return true;
    return false;
}

static bool take(const struct frame_range *ranges, unsigned count, uint32_t pages)
{
    pfn_t first = PFN_NONE;
    kern_return_t kr = search(ranges, count, pages, &first);
    if (kr != KERN_SUCCESS) {
        CHECK(kr == KERN_RESOURCE_SHORTAGE);
        return false;
    }
    CHECK(is_inside(ranges, count, first, pages) && piece_count < MAX_PIECES);
    pieces[piece_count++] = (struct piece){first, pages};
    note(first, pages, 1);
    return true;
}

static void give_back(unsigned index)
{
    struct piece piece = pieces[index];
    uint32_t freed = 0;
    pieces[index] = pieces[--piece_count];
    note(piece.first, piece.pages, 0);
    while (freed < piece.pages)
        freed += frame_free_run_paid(frame_record(piece.first + freed));
    CHECK(freed == piece.pages);
}

static void give_all_back(void)
{
    while (piece_count > 0)
        give_back(random_below(piece_count));
    frame_drain_cache();
    CHECK(frame_check());
    struct frame_statistics s;
    frame_statistics(&s);
    CHECK(s.free + s.record_pages == s.managed);
}

static void begin(paddr_t start, paddr_t size)
{
    stub_add_bank(start, start + size, false);
    frame_add_range(start, start + size);
    base = (pfn_t)(start >> PAGE_SHIFT);
    owner = calloc(size >> PAGE_SHIFT, sizeof(*owner));
    CHECK(owner != NULL);
}

/* Sizes that are no power of two, ranges that cut blocks, two blocks in a row, and none. */
void test_reach_places(void)
{
    const pfn_t at = 0x40000;
    begin(0x40000000, 32 * MIB);
    struct frame_range all = {at, at + 8192}, low = {at, at + 1024}, odd = {at + 2049, at + 2082};
    struct frame_range none = {0x10, 0x1000}, edge = {at + 8190, at + 9000};
    pfn_t first = PFN_NONE;
    CHECK(take(&all, 1, 1) && take(&all, 1, 3) && take(&all, 1, 511));
    CHECK(take(&odd, 1, 16) && pieces[piece_count - 1].first == at + 2064);
    CHECK(!take(&odd, 1, 16) && take(&odd, 1, 8) && take(&odd, 1, 4) && take(&odd, 1, 2));
    CHECK(take(&odd, 1, 1) && take(&odd, 1, 1) && take(&odd, 1, 1) && !take(&odd, 1, 1));
    CHECK(!take(&none, 1, 1) && !take(&all, 0, 1));
    CHECK(take(&edge, 1, 2) && !take(&edge, 1, 1));
    CHECK(frame_check());
    CHECK(search(&low, 1, 1024, &first) == KERN_RESOURCE_SHORTAGE); /* the records are there */
    CHECK(take(&all, 1, 1024) && take(&all, 1, 1000) && take(&all, 1, 513));
    CHECK(pieces[piece_count - 1].first % 512 == 0);
    CHECK(frame_check());
    alloc_fail_nth(0);
    alloc_fail_nth(1);
    CHECK(search(&all, 1, 2, &first) == KERN_RESOURCE_SHORTAGE && alloc_fail_nth(0) == 1);
    alloc_fail_nth(1);
    CHECK(search(&all, 1, 600, &first) == KERN_RESOURCE_SHORTAGE && alloc_fail_nth(0) == 1);
    give_all_back();
}

/* What lies in a range is found as long as anything fits, however little is left of it, and whoever else takes frames. */
void test_reach_last(void)
{
    const pfn_t at = 0x40000;
    begin(0x40000000, 16 * MIB);
    struct frame_range low = {at, at + 1024}, rest = {at + 1024, at + 4096};
    random_seed(7);
    for (unsigned round = 0; round < 4; round++) {
        uint32_t pages = 1u << round;
        while (take(&low, 1, pages))
            ;
        /* Everything that is free in the range is smaller now, or not there. */
        for (pfn_t pfn = at; pfn < at + 1024; pfn += pages)
            if (frame_record(pfn)->state == FRAME_FREE)
                CHECK(1u << frame_record(pfn)->order < pages);
        CHECK(take(&rest, 1, pages));
        give_all_back();
    }
}

static uint64_t admit_none(bool user, uint64_t left)
{
    (void)user, (void)left;
    return 0;
}

void test_reach_random(void)
{
    const pfn_t at = 0x40000;
    begin(0x40000000, 24 * MIB);
    random_seed(8);
    struct frame *single[256];
    unsigned singles = 0;
    for (unsigned step = 0; step < 8000; step++) {
        struct frame_range ranges[3];
        unsigned count = 1 + random_below(3);
        for (unsigned i = 0; i < count; i++) {
            ranges[i].start = at + random_below(6144);
            ranges[i].end = ranges[i].start + 1 + random_below(i ? 3000 : 40);
        }
        unsigned what = random_below(10);
        bool grow = random_below(100) < (step / 700 % 2 ? 35 : 65);
        stub_become_cpu(random_below(3));
        if (what < 5 && grow && piece_count < MAX_PIECES)
            (void)take(ranges, count, 1 + random_below(random_below(8) ? 40 : FRAME_SEARCH_MAX));
        else if (what < 8 && piece_count > 0)
            give_back(random_below(piece_count));
        else if (singles < 256 && grow &&
                 frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &single[singles]) == KERN_SUCCESS)
            note(frame_number(single[singles++]), 1, 2);
        else if (singles > 0) {
            note(frame_number(single[--singles]), 1, 0);
            frame_free(&kernel_ledger, LEDGER_FRAMES, single[singles]);
        }
        if (step % 16 == 0)
            CHECK(frame_check());
    }
    struct frame_range all = {at, at + 6144};
    frame_set_admission(admit_none, UINT64_MAX);
    CHECK(!take(&all, 1, 1));
    frame_set_admission(NULL, 0);
    while (singles > 0) {
        note(frame_number(single[--singles]), 1, 0);
        frame_free(&kernel_ledger, LEDGER_FRAMES, single[singles]);
    }
    for (unsigned i = 1; i < 3; i++) {
        stub_become_cpu(i);
        frame_drain_cache();
    }
    stub_become_cpu(0);
    give_all_back();
}

/* 8 GiB of which a device reaches the first: pieces come from there, of whatever is opened, and no piece of the search is long. */
void test_reach_large(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 8 * GIB, true);
    frame_add_range(0x40000000, 0x40000000 + 8 * GIB);
    struct frame_range low = {0x40000, 0x40000 + 0x40000}, high = {0x180000, 0x1c0000};
    pfn_t first = PFN_NONE;
    for (unsigned i = 0; i < 200; i++) {
        CHECK(search(&high, 1, 1024, &first) == KERN_SUCCESS || i > 120);
        CHECK(search(&low, 1, 1 + i, &first) == KERN_SUCCESS);
        CHECK(first >= low.start && first + 1 + i <= low.end);
    }
    CHECK(frame_check());
}
