/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_usable_ranges() against a model that has one byte for each page of a small machine.
 */
#include "dt_check.h"

enum { PAGES = 256, TAKEN = 12, ROUNDS = 20000 };

struct model {
    uint8_t ram[PAGES], free[PAGES];
};

/* Random banks: ascending, disjoint, not adjacent, as dt_scan() makes them. */
static void make_banks(struct board *b, struct model *m)
{
    memset(m, 0, sizeof(*m));
    b->bank_count = 0;
    for (unsigned at = (unsigned)check_below(8); at < PAGES && b->bank_count < 16;) {
        unsigned size = 1 + (unsigned)check_below(40);

        if (size > PAGES - at)
            size = PAGES - at;
        b->banks[b->bank_count++] = (struct dt_range){at * PAGE_SIZE, size * PAGE_SIZE};
        memset(m->ram + at, 1, size);
        at += size + 1 + (unsigned)check_below(20);
    }
}

static struct dt_range random_range(void)
{
    struct dt_range r = {check_below(PAGES * PAGE_SIZE), check_below(9 * PAGE_SIZE)};

    switch (check_below(16)) {
    case 0: r.size = 0; break;
    case 1: r.size = UINT64_MAX; break;
    case 2: r.base = UINT64_MAX - check_below(5000); break;
    case 3: r.base &= ~(PAGE_SIZE - 1); break;
    case 4: r.size &= ~(PAGE_SIZE - 1); break;
    }
    return r;
}

static void take(struct model *m, struct dt_range r)
{
    for (unsigned page = 0; page < PAGES; page++) {
        uint64_t start = page * PAGE_SIZE, last = start + PAGE_SIZE - 1;

        if (r.size > 0 && r.base <= last && (r.base >= start || r.size > start - r.base))
            m->free[page] = 0;
    }
}

static void check_output(const struct model *m, const struct dt_range *out, unsigned count)
{
    uint8_t got[PAGES] = {0};

    for (unsigned i = 0; i < count; i++) {
        CHECK(out[i].size > 0 && out[i].base % PAGE_SIZE == 0 && out[i].size % PAGE_SIZE == 0);
        CHECK(i == 0 || out[i - 1].base + out[i - 1].size < out[i].base);
        for (uint64_t p = out[i].base / PAGE_SIZE; p < (out[i].base + out[i].size) / PAGE_SIZE; p++)
            got[p] = 1;
    }
    CHECK(memcmp(got, m->free, sizeof(got)) == 0);
}

static void one_round(void)
{
    static struct board b;
    struct model m;
    struct dt_range taken[TAKEN], out[PAGES];
    struct dt_error err;
    unsigned taken_count = (unsigned)check_below(TAKEN + 1), count = 0, free_pages = 0;
    uint64_t limit = check_below(3) == 0 ? 1 + check_below(PAGES * PAGE_SIZE) : 0;
    uint64_t left = limit == 0 ? PAGES : limit / PAGE_SIZE;
    kern_return_t result;

    make_banks(&b, &m);
    for (unsigned p = 0; p < PAGES; p++)
        if (m.ram[p] && left > 0) {
            m.free[p] = 1;
            left--;
        }
    b.reservation_count = (unsigned)check_below(8);
    for (unsigned i = 0; i < b.reservation_count; i++) {
        b.reservations[i].range = random_range();
        take(&m, b.reservations[i].range);
    }
    for (unsigned i = 0; i < taken_count; i++) {
        taken[i] = random_range();
        take(&m, taken[i]);
    }
    for (unsigned p = 0; p < PAGES; p++)
        free_pages += m.free[p];
    result = dt_usable_ranges(&b, limit, taken, taken_count, out, PAGES, &count, &err);
    CHECK_EQ(result, free_pages > 0 ? KERN_SUCCESS : KERN_NOT_SUPPORTED);
    if (result != KERN_SUCCESS)
        return;
    check_output(&m, out, count);
    /* Exactly enough room, then one too little. */
    CHECK_EQ(dt_usable_ranges(&b, limit, taken, taken_count, out, count, &count, &err),
             KERN_SUCCESS);
    result = dt_usable_ranges(&b, limit, taken, taken_count, out, count - 1, &count, &err);
    CHECK_EQ(result, KERN_NOT_SUPPORTED);
}

int main(int argc, char **argv)
{
    dt_check_begin(argc, argv);
    for (unsigned i = 0; i < ROUNDS; i++)
        one_round();
    return dt_check_end();
}
