/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ledgers (kern/ledger.h): counters in a tree, charged from the leaf to the root without a lock.
 *
 * Counters are relaxed: they order nothing. A charge adds first and looks afterwards; one that went
 * over a limit takes back what it added, so the sums are always those of the charges that succeeded
 * plus those still under way.
 */
#include <kern/kmem.h>
#include <kern/ledger.h>
#include <kern/panic.h>

static KMEM_CACHE(ledger_cache, struct ledger);

struct ledger kernel_ledger = {
    .references = 1,
    .limit =
        {
#define LEDGER(symbol, name, unit, what) [LEDGER_##symbol] = LEDGER_NO_LIMIT,
#include <wharf/abi/ledgers.def>
#undef LEDGER
        },
};

static const char *const kind_names[LEDGER_KIND_COUNT] = {
#define LEDGER(symbol, name, unit, what) [LEDGER_##symbol] = name,
#include <wharf/abi/ledgers.def>
#undef LEDGER
};

const char *ledger_kind_name(enum ledger_kind kind)
{
    return (unsigned)kind < LEDGER_KIND_COUNT ? kind_names[kind] : "?";
}

/* Ledgers from this one up to the root, both included. */
static unsigned ledger_depth(const struct ledger *ledger)
{
    unsigned depth = 0;

    for (; ledger != NULL; ledger = ledger->parent)
        depth++;
    return depth;
}

kern_return_t ledger_create(struct ledger *parent, struct ledger **out)
{
    void *object;
    kern_return_t kr;

    if (ledger_depth(parent) >= LEDGER_MAX_DEPTH)
        return KERN_LIMIT;
    kr = kmem_alloc(&ledger_cache, parent, &object);
    if (kr != KERN_SUCCESS)
        return kr;

    struct ledger *ledger = object;
    ledger->parent = parent;
    atomic_init(&ledger->references, 1);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        atomic_init(&ledger->limit[kind], LEDGER_NO_LIMIT);
    ledger_ref(parent);
    *out = ledger;
    return KERN_SUCCESS;
}

void ledger_ref(struct ledger *ledger)
{
    uint32_t old = atomic_fetch_add_explicit(&ledger->references, 1, memory_order_relaxed);

    assert(old > 0 && old < UINT32_MAX);
}

static void assert_all_returned(struct ledger *ledger)
{
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
        int64_t used = ledger_used(ledger, (enum ledger_kind)kind);

        if (unlikely(used != 0))
            panic("ledger: destroyed with %lld of kind %s still charged", (long long)used,
                  ledger_kind_name((enum ledger_kind)kind));
    }
}

void ledger_unref(struct ledger *ledger)
{
    /* The last reference of a child holds one of its parent: go on upwards, at most
     * LEDGER_MAX_DEPTH times. */
    while (ledger != NULL) {
        uint32_t old = atomic_fetch_sub_explicit(&ledger->references, 1, memory_order_acq_rel);

        assert(old > 0);
        if (old > 1)
            return;
        assert(ledger != &kernel_ledger);
        assert_all_returned(ledger);

        struct ledger *parent = ledger->parent;
        kmem_free(&ledger_cache, parent, ledger);
        ledger = parent;
    }
}

static void note_peak(struct ledger *ledger, enum ledger_kind kind)
{
    int64_t used = atomic_load_explicit(&ledger->used[kind], memory_order_relaxed);

    if (used > atomic_load_explicit(&ledger->peak[kind], memory_order_relaxed))
        atomic_store_explicit(&ledger->peak[kind], used, memory_order_relaxed);
}

/* Take back `amount` in `ledger` and its ancestors below `end`. */
static void undo_charge(struct ledger *ledger, const struct ledger *end, enum ledger_kind kind,
                        int64_t amount)
{
    for (; ledger != end; ledger = ledger->parent)
        atomic_fetch_sub_explicit(&ledger->used[kind], amount, memory_order_relaxed);
}

kern_return_t ledger_charge(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    assert(amount >= 0);
    /* With this and no limit above LEDGER_NO_LIMIT, charges under way on all CPUs cannot overflow a
     * counter. */
    if (unlikely(amount > LEDGER_NO_LIMIT / MAX_CPUS))
        return KERN_LIMIT;

    for (struct ledger *l = ledger; l != NULL; l = l->parent) {
        int64_t old = atomic_fetch_add_explicit(&l->used[kind], amount, memory_order_relaxed);
        int64_t room = atomic_load_explicit(&l->limit[kind], memory_order_relaxed) - amount;

        if (unlikely(old > room)) {
            undo_charge(ledger, l->parent, kind, amount);
            return KERN_LIMIT;
        }
    }
    for (struct ledger *l = ledger; l != NULL; l = l->parent)
        note_peak(l, kind);
    return KERN_SUCCESS;
}

void ledger_return(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    assert(amount >= 0);
    for (struct ledger *l = ledger; l != NULL; l = l->parent) {
        int64_t old = atomic_fetch_sub_explicit(&l->used[kind], amount, memory_order_relaxed);

        if (unlikely(old < amount))
            panic("ledger: %lld of kind %s returned, only %lld charged", (long long)amount,
                  ledger_kind_name(kind), (long long)old);
    }
}

void ledger_set_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit)
{
    assert(limit >= 0);
    if (limit > LEDGER_NO_LIMIT)
        limit = LEDGER_NO_LIMIT;
    atomic_store_explicit(&ledger->limit[kind], limit, memory_order_relaxed);
}

bool ledger_lower_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit)
{
    int64_t now = atomic_load_explicit(&ledger->limit[kind], memory_order_relaxed);

    assert(limit >= 0);
    while (limit <= now)
        if (atomic_compare_exchange_weak_explicit(&ledger->limit[kind], &now, limit,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}
