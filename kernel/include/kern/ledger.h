/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ledgers: who pays for what (D6). A ledger counts each kind of resource against a limit; ledgers
 * form a tree, and a charge is made in the ledger and all its ancestors or in none. Lock-free:
 * counters are atomics; a charge that fails part way up is undone below, so a concurrent charge may
 * see a limit as reached for a moment (it then fails cleanly).
 */
#pragma once

#include <kern/panic.h>
#include <kern/types.h>
#include <stdatomic.h>

enum ledger_kind {
#define LEDGER(symbol, name, unit, what) LEDGER_##symbol,
#include <wharf/abi/ledgers.def>
#undef LEDGER
    LEDGER_KIND_COUNT
};

/** Above every amount that can be charged, low enough that concurrent charges cannot overflow a
 *  counter. */
#define LEDGER_NO_LIMIT (INT64_C(1) << 60)

/** Ledgers nest no deeper than this: a charge walks to the root with interrupts masked. */
enum { LEDGER_MAX_DEPTH = 32 };

/** Reasons for memory to be resident. */
enum {
    LEDGER_RESIDENT_PAGER = 1,   /* it is the default pager's */
    LEDGER_RESIDENT_RECLAIM = 2, /* page-out needs the task (host_memory.set_reclaim) */
};

/** What a charge of one kind looks at, side by side. */
struct ledger_account {
    _Atomic int64_t used; /* >= 0 */
    _Atomic int64_t
        peak; /* highest `used` from which something was returned, approximate under contention: ledger_peak() */
    _Atomic int64_t limit; /* LEDGER_NO_LIMIT: none */
};

struct ledger {
    struct ledger *parent;       /* constant; holds a reference on it */
    _Atomic uint32_t references; /* own life, children included */
    _Atomic uint8_t
        resident; /* why its pages are not paged out, and it may use what is kept back: LEDGER_RESIDENT_ bits (kern/pageout.h) */
    _Atomic uint32_t
        out; /* pages that it pays for and that are OUT (kern/anon.h); SWAP lock for writing */
    struct ledger_account account[LEDGER_KIND_COUNT];
};

/** Pays for what the kernel itself needs; never freed, no limits, parent of all. */
extern struct ledger kernel_ledger;

/** New ledger under `parent` without limits of its own, one reference. Its own memory is charged
 *  to `parent`. KERN_LIMIT (also: nested too deep), KERN_RESOURCE_SHORTAGE. */
kern_return_t ledger_create(struct ledger *parent, struct ledger **out);
static inline void ledger_ref_many(struct ledger *ledger, uint32_t count)
{
    uint32_t old = atomic_fetch_add_explicit(&ledger->references, count, memory_order_relaxed);

    assert(old > 0 && old < UINT32_MAX - count + 1);
}
static inline void ledger_ref(struct ledger *ledger)
{
    ledger_ref_many(ledger, 1);
}
/** For ledger_unref(): nobody refers to it any more. */
void ledger_destroy(struct ledger *ledger);
/** The last reference frees it; everything charged must have been returned (asserted). */
static inline void ledger_unref(struct ledger *ledger)
{
    uint32_t old = atomic_fetch_sub_explicit(&ledger->references, 1, memory_order_acq_rel);

    assert(old > 0);
    if (old == 1)
        ledger_destroy(ledger);
}

/** Does `ancestor` pay for it, too? It is not below itself. */
static inline bool ledger_is_below(const struct ledger *ledger, const struct ledger *ancestor)
{
    while (ledger->parent && ledger->parent != ancestor)
        ledger = ledger->parent;
    return ledger->parent != NULL;
}

/** Whether its memory is resident for that reason; there may be others. Ledgers below it are not concerned. */
static inline void ledger_set_resident(struct ledger *ledger, uint8_t reason, bool resident)
{
    if (resident)
        (void)atomic_fetch_or(&ledger->resident, reason);
    else
        (void)atomic_fetch_and(&ledger->resident, (uint8_t)~reason);
}
static inline bool ledger_is_resident(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->resident, memory_order_relaxed) != 0;
}

/** KERN_LIMIT if the ledger or an ancestor would exceed its limit; nothing charged then. amount >=
 *  0. */
kern_return_t ledger_charge(struct ledger *ledger, enum ledger_kind kind, int64_t amount);
void ledger_return(struct ledger *ledger, enum ledger_kind kind, int64_t amount);
/** The same for two kinds in one go, both or none: `amount` of `kind` and `bytes` of LEDGER_KMEM. */
kern_return_t ledger_charge_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                                   int64_t bytes);
void ledger_return_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                          int64_t bytes);

/* What was charged to one ledger becomes another's in two steps, between which both pay, but nobody above both pays twice: charge the
 * one and then return the other, or, if it comes to nothing, the one, each below the ledger that they have in common. */

/** The lowest ledger that is above both, or one of them and above the other. */
struct ledger *ledger_common(struct ledger *one, struct ledger *other);
/** For the ledger and its ancestors below `end`, which is one of these. KERN_LIMIT. */
kern_return_t ledger_charge_below(struct ledger *ledger, const struct ledger *end,
                                  enum ledger_kind kind, int64_t amount);
void ledger_return_below(struct ledger *ledger, const struct ledger *end, enum ledger_kind kind,
                         int64_t amount);
void ledger_set_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit);
/** The same, but never up, whoever else sets it at this moment: false then. */
bool ledger_lower_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit);

static inline int64_t ledger_used(struct ledger *ledger, enum ledger_kind kind)
{
    return atomic_load_explicit(&ledger->account[kind].used, memory_order_relaxed);
}

/** The highest that was ever used, but for charges that failed in the end. */
static inline int64_t ledger_peak(struct ledger *ledger, enum ledger_kind kind)
{
    int64_t used = ledger_used(ledger, kind),
            peak = atomic_load_explicit(&ledger->account[kind].peak, memory_order_relaxed);
    return used > peak ? used : peak;
}

const char *ledger_kind_name(enum ledger_kind kind);
