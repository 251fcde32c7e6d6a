/* SPDX-License-Identifier: BSD-2-Clause */
/* See kern/commitment.h. */
#include <kern/commitment.h>
#include <kern/ledger.h>
#include <kern/pageout.h>
#include <kern/spinlock.h>
#include <stdatomic.h>

/* More than can be mapped, and far from LEDGER_NO_LIMIT. */
#define EXCESS_MAX (INT64_C(1) << 50)

static _Atomic int64_t excess;

static struct {
    struct spinlock lock;
    struct ledger *ledger; /* reference held; NULL: there is none. `lock`, as the next */
    int64_t pages;
} kept_from = {.lock = SPINLOCK_INIT(LOCK_COMMITMENT)};

/* The lock is held. */
static void limit_rest(void)
{
    int64_t limit = atomic_load(&kernel_ledger.account[LEDGER_COMMITMENT].limit);
    if (!kept_from.ledger)
        return;
    if (limit < LEDGER_NO_LIMIT)
        limit = limit > kept_from.pages ? limit - kept_from.pages : 0;
    ledger_set_limit(kept_from.ledger, LEDGER_COMMITMENT, limit);
}

void commitment_add(int64_t pages)
{
    _Atomic int64_t *limit = &kernel_ledger.account[LEDGER_COMMITMENT].limit;
    spin_lock(&kept_from.lock);
    if (atomic_load(limit) < LEDGER_NO_LIMIT)
        (void)atomic_fetch_add(limit, pages);
    limit_rest();
    spin_unlock(&kept_from.lock);
}

void commitment_keep_from(struct ledger *ledger, uint64_t pages)
{
    if (pages > 0)
        ledger_ref(ledger);
    spin_lock(&kept_from.lock);
    struct ledger *before = kept_from.ledger;
    kept_from.ledger = pages > 0 ? ledger : NULL;
    kept_from.pages = pages < (uint64_t)EXCESS_MAX ? (int64_t)pages : EXCESS_MAX;
    limit_rest();
    spin_unlock(&kept_from.lock);
    if (before)
        ledger_unref(before);
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
