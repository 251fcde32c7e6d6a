/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /chosen: what the boot loader has to say. (Its stdout-path is read in dt_console.c.)
 */
#include "dt_impl.h"

static kern_return_t read_bootargs(const struct dt_walk *w, struct board *board)
{
    struct dt_value v = dt_get(w, DT_P_BOOTARGS);
    const char *nul;

    if (v.data == NULL || v.length == 0)
        return KERN_SUCCESS;
    nul = memchr(v.data, '\0', v.length < DT_STRING_MAX ? v.length : DT_STRING_MAX);
    if (nul == NULL)
        return dt_node_fail(w, KERN_BAD_FORMAT, "bootargs does not end within %u characters",
                            v.length < DT_STRING_MAX ? v.length : (unsigned)DT_STRING_MAX);
    board->bootargs = (const char *)v.data;
    board->bootargs_length = (size_t)(nul - board->bootargs);
    return KERN_SUCCESS;
}

static kern_return_t read_initrd(const struct dt_walk *w, struct board *board)
{
    struct dt_value start = dt_get(w, DT_P_INITRD_START), end = dt_get(w, DT_P_INITRD_END);
    uint64_t first, limit;

    if (start.data == NULL && end.data == NULL)
        return KERN_SUCCESS;
    if (!dt_number(start, &first) || !dt_number(end, &limit))
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "linux,initrd-start and linux,initrd-end are not "
                            "both there with one or two cells");
    if (limit < first)
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "linux,initrd-end 0x%llx is below "
                            "linux,initrd-start 0x%llx",
                            (unsigned long long)limit, (unsigned long long)first);
    board->initrd = (struct dt_range){first, limit - first};
    return KERN_SUCCESS;
}

/* Mix a seed into the entropy and note where it stands. An all-zero one was wiped before. */
static void read_seed(const struct dt_walk *w, enum dt_property id, struct dt_seed_place *place,
                      struct board *board)
{
    struct dt_value v = dt_get(w, id);
    bool any = false;

    if (v.data == NULL || v.length == 0)
        return;
    *place = (struct dt_seed_place){(uint32_t)(v.data - (const uint8_t *)w->blob), v.length};
    for (uint32_t i = 0; i < v.length; i++)
        any |= v.data[i] != 0;
    if (!any)
        return;
    for (uint32_t i = 0; i < v.length; i++) {
        uint32_t n = board->entropy_bytes++;

        board->entropy[n / 8 % array_count(board->entropy)] ^= (uint64_t)v.data[i] << (n % 8 * 8);
    }
}

kern_return_t dt_chosen_node(const struct dt_walk *w, struct board *board)
{
    kern_return_t result = read_bootargs(w, board);

    if (result == KERN_SUCCESS)
        result = read_initrd(w, board);
    read_seed(w, DT_P_RNG_SEED, &board->seeds[0], board);
    read_seed(w, DT_P_KASLR_SEED, &board->seeds[1], board);
    return result;
}

void dt_wipe_seeds(const struct board *board, void *blob)
{
    for (unsigned i = 0; i < array_count(board->seeds); i++)
        memset((uint8_t *)blob + board->seeds[i].offset, 0, board->seeds[i].length);
}
