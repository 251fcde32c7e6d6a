/* SPDX-License-Identifier: BSD-2-Clause */
/* See kern/commitment.h. */
#include <kern/commitment.h>
#include <kern/ledger.h>
#include <kern/pageout.h>
#include <stdatomic.h>

/* More than can be mapped, and far from LEDGER_NO_LIMIT. */
#define EXCESS_MAX (INT64_C(1) << 50)

static _Atomic int64_t excess;

void commitment_add(int64_t pages)
{
    _Atomic int64_t *limit = &kernel_ledger.account[LEDGER_COMMITMENT].limit;
    if (atomic_load(limit) < LEDGER_NO_LIMIT)
        (void)atomic_fetch_add(limit, pages);
}

void commitment_set_excess(uint64_t pages)
{
    int64_t now = pages < (uint64_t)EXCESS_MAX ? (int64_t)pages : EXCESS_MAX;
    int64_t before = atomic_exchange(&excess, now);
    commitment_add(now - before);
    if (now > 0 && before == 0)
        pageout_enable();
    else if (now == 0 && before > 0)
        pageout_disable();
}
