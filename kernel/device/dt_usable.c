/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Banks minus everything that is taken: what the page allocator may have.
 *
 * There is no memory to sort the taken ranges in, and they are few: for every free range all of
 * them are looked at, once to leave the ones that cover its start, once to find its end.
 */
#include "dt_impl.h"

struct taken {
    const struct board *board;
    const struct dt_range *more;
    unsigned count; /* of the board's reservations and of `more` together */
};

/* The pages that the i-th taken range touches: [*start, *end). */
static void taken_pages(const struct taken *t, unsigned i, uint64_t *start, uint64_t *end)
{
    unsigned own = t->board->reservation_count;
    struct dt_range r = i < own ? t->board->reservations[i].range : t->more[i - own];
    uint64_t last; /* address, so that the sum cannot wrap */

    if (r.size == 0) {
        *start = *end = 0;
        return;
    }
    if (__builtin_add_overflow(r.base, r.size - 1, &last))
        last = UINT64_MAX;
    *start = round_down(r.base, PAGE_SIZE);
    *end = last > UINT64_MAX - PAGE_SIZE ? UINT64_MAX : round_down(last, PAGE_SIZE) + PAGE_SIZE;
}

/* The first address from `at` on that is not taken. */
static uint64_t leave_taken(const struct taken *t, uint64_t at)
{
    for (unsigned i = 0; i < t->count;) {
        uint64_t start, end;

        taken_pages(t, i, &start, &end);
        if (at >= start && at < end) {
            at = end;
            i = 0; /* another one may cover this */
        } else {
            i++;
        }
    }
    return at;
}

/* Where the free range that begins at `at` ends: `limit` at the latest. */
static uint64_t next_taken(const struct taken *t, uint64_t at, uint64_t limit)
{
    for (unsigned i = 0; i < t->count; i++) {
        uint64_t start, end;

        taken_pages(t, i, &start, &end);
        if (end > start && start >= at && start < limit)
            limit = start;
    }
    return limit;
}

kern_return_t dt_usable_ranges(const struct board *board, uint64_t mem_limit,
                               const struct dt_range *taken, unsigned taken_count,
                               struct dt_range *out, unsigned max, unsigned *out_count,
                               struct dt_error *err)
{
    struct taken t = {board, taken, board->reservation_count + taken_count};
    uint64_t left = mem_limit == 0 ? UINT64_MAX : round_down(mem_limit, PAGE_SIZE);
    unsigned count = 0;

    for (unsigned b = 0; b < board->bank_count && left > 0; b++) {
        uint64_t at = board->banks[b].base;
        uint64_t size = board->banks[b].size < left ? board->banks[b].size : left;
        uint64_t bank_end = at + size;

        left -= size;
        while ((at = leave_taken(&t, at)) < bank_end) {
            uint64_t end = next_taken(&t, at, bank_end);

            if (count == max)
                return dt_fail(err, KERN_NOT_SUPPORTED, "the free memory is in more than %u pieces",
                               max);
            out[count++] = (struct dt_range){at, end - at};
            at = end;
        }
    }
    if (count == 0)
        return dt_fail(err, KERN_NOT_SUPPORTED, "no memory is left beside what is reserved");
    *out_count = count;
    return KERN_SUCCESS;
}
