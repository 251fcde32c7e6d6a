/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Banks of RAM, reservations, and what is left of the one after the other.
 *
 * All ends are computed as base + size after it has been checked once that this does not wrap: for
 * banks and reservations when they are read (dt_reg(), dt_memreserve()), for what a caller passes
 * in by saturating.
 */
#include "dt_impl.h"

static uint64_t end_of(struct dt_range r)
{
    uint64_t end;

    return __builtin_add_overflow(r.base, r.size, &end) ? UINT64_MAX : end;
}

/* ---- Reading ---- */

kern_return_t dt_memory_node(const struct dt_walk *w, struct board *board)
{
    uint32_t count;
    kern_return_t result = dt_reg_count(w, &count);

    if (result != KERN_SUCCESS)
        return result;
    for (uint32_t i = 0; i < count; i++) {
        struct dt_range bank;

        result = dt_reg(w, i, &bank);
        if (result != KERN_SUCCESS)
            return result;
        if (bank.size == 0)
            continue; /* a place holder that the firmware had nothing for */
        if (end_of(bank) > DT_RAM_LIMIT)
            return dt_node_fail(w, KERN_NOT_SUPPORTED,
                                "RAM at 0x%llx, size 0x%llx lies beyond the "
                                "16 TiB that are supported",
                                (unsigned long long)bank.base, (unsigned long long)bank.size);
        if (board->bank_count == DT_MAX_BANKS)
            return dt_node_fail(w, KERN_NOT_SUPPORTED, "there are more than %u banks of memory",
                                (unsigned)DT_MAX_BANKS);
        board->banks[board->bank_count++] = bank;
    }
    return KERN_SUCCESS;
}

static bool add_reservation(struct board *board, struct dt_range range, const char *name,
                            bool no_map)
{
    if (range.size == 0)
        return true;
    if (board->reservation_count == DT_MAX_RESERVATIONS)
        return false;
    board->reservations[board->reservation_count++] = (struct dt_reservation){range, name, no_map};
    return true;
}

kern_return_t dt_reservation_node(const struct dt_walk *w, struct board *board)
{
    uint32_t count;
    kern_return_t result;

    if (dt_get(w, DT_P_REG).data == NULL) {
        board->dynamic_reservations++;
        return KERN_SUCCESS;
    }
    result = dt_reg_count(w, &count);
    for (uint32_t i = 0; result == KERN_SUCCESS && i < count; i++) {
        struct dt_range range;

        result = dt_reg(w, i, &range);
        if (result == KERN_SUCCESS &&
            !add_reservation(board, range, dt_here(w)->name, dt_get(w, DT_P_NO_MAP).data != NULL))
            result = dt_node_fail(w, KERN_NOT_SUPPORTED,
                                  "there are more than %u memory "
                                  "reservations",
                                  (unsigned)DT_MAX_RESERVATIONS);
    }
    return result;
}

kern_return_t dt_memreserve(const void *blob, struct board *board, struct dt_error *err)
{
    for (int i = 0;; i++) {
        uint64_t base, size, end;

        if (fdt_get_mem_rsv(blob, i, &base, &size) != 0)
            return dt_fail(err, KERN_BAD_FORMAT,
                           "the device tree is malformed: its list of memory "
                           "reservations does not end");
        if (base == 0 && size == 0)
            return KERN_SUCCESS;
        if (__builtin_add_overflow(base, size, &end))
            return dt_fail(err, KERN_BAD_FORMAT,
                           "memory reservation %u (0x%llx, size 0x%llx) "
                           "wraps round",
                           (unsigned)i, (unsigned long long)base, (unsigned long long)size);
        if (!add_reservation(board, (struct dt_range){base, size}, NULL, false))
            return dt_fail(err, KERN_NOT_SUPPORTED, "there are more than %u memory reservations",
                           (unsigned)DT_MAX_RESERVATIONS);
    }
}

/* ---- Bringing the banks in order ---- */

static void sort_banks(struct board *board)
{
    for (unsigned i = 1; i < board->bank_count; i++) {
        struct dt_range bank = board->banks[i];
        unsigned k = i;

        for (; k > 0 && board->banks[k - 1].base > bank.base; k--)
            board->banks[k] = board->banks[k - 1];
        board->banks[k] = bank;
    }
}

static kern_return_t check_overlap(const struct board *board, struct dt_error *err)
{
    for (unsigned i = 1; i < board->bank_count; i++) {
        const struct dt_range *a = &board->banks[i - 1], *b = &board->banks[i];

        if (end_of(*a) > b->base)
            return dt_fail(err, KERN_BAD_FORMAT,
                           "memory banks 0x%llx-0x%llx and 0x%llx-0x%llx "
                           "overlap",
                           (unsigned long long)a->base, (unsigned long long)end_of(*a) - 1,
                           (unsigned long long)b->base, (unsigned long long)end_of(*b) - 1);
    }
    return KERN_SUCCESS;
}

/* Join neighbours first, so that no page is lost where they meet within it; then trim to pages. */
static void merge_and_trim(struct board *board)
{
    unsigned count = 0;

    for (unsigned i = 0; i < board->bank_count; i++) {
        if (count > 0 && end_of(board->banks[count - 1]) == board->banks[i].base)
            board->banks[count - 1].size += board->banks[i].size;
        else
            board->banks[count++] = board->banks[i];
    }
    board->bank_count = 0;
    board->ram_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t base = round_up(board->banks[i].base, PAGE_SIZE);
        uint64_t end = round_down(end_of(board->banks[i]), PAGE_SIZE);

        if (base >= end)
            continue;
        board->banks[board->bank_count++] = (struct dt_range){base, end - base};
        board->ram_bytes += end - base;
    }
}

static kern_return_t check_initrd(const struct board *board, struct dt_error *err)
{
    if (board->initrd.size == 0)
        return KERN_SUCCESS;
    for (unsigned i = 0; i < board->bank_count; i++)
        if (board->initrd.base >= board->banks[i].base &&
            end_of(board->initrd) <= end_of(board->banks[i]))
            return KERN_SUCCESS;
    return dt_fail(err, KERN_BAD_FORMAT,
                   "the initrd 0x%llx-0x%llx does not lie within one bank of "
                   "memory",
                   (unsigned long long)board->initrd.base,
                   (unsigned long long)end_of(board->initrd) - 1);
}

kern_return_t dt_memory_finish(struct board *board, unsigned nodes, struct dt_error *err)
{
    kern_return_t result;

    if (nodes == 0)
        return dt_fail(err, KERN_NOT_SUPPORTED, "the device tree has no memory node");
    sort_banks(board);
    result = check_overlap(board, err);
    if (result != KERN_SUCCESS)
        return result;
    merge_and_trim(board);
    if (board->bank_count == 0)
        return dt_fail(err, KERN_NOT_SUPPORTED,
                       "the memory nodes of the device tree contain no "
                       "memory");
    return check_initrd(board, err);
}
