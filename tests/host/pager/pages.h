/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of the tests, made of a number: one word, compressible, or not.
 */
#pragma once

#include <string.h>
#include <tier.h>

static inline uint64_t page_mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* A third each; of those that become smaller, by how much differs. */
static inline void page_make(uint64_t number, uint64_t *page)
{
    const uint64_t kind = page_mix(number) % 3, random = page_mix(number + 1) % 400;

    for (unsigned i = 0; i < TIER_PAGE / 8; i++)
        page[i] = page_mix(number * 4096 + (kind == 0 ? 0 : kind == 1 && i > random ? i % 8 : i));
}

static inline bool page_is(uint64_t number, const uint64_t *page)
{
    uint64_t wanted[TIER_PAGE / 8];

    page_make(number, wanted);
    return memcmp(wanted, page, TIER_PAGE) == 0;
}
