/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ledgers (kern/ledger.h): counters in a tree, charged from the leaf to the root without a lock.
 *
 * Counters are relaxed: they order nothing. A charge adds first and looks afterwards; one that went
 * over a limit takes back what it added, so the sums are always those of the charges that succeeded
 * plus those still under way.
 */
#include "ledger_impl.h"
#include <kern/kmem.h>

static KMEM_CACHE(ledger_cache, struct ledger);

struct ledger kernel_ledger = {
    .references = 1,
    .account =
        {
#define LEDGER(symbol, name, unit, what) [LEDGER_##symbol].limit = LEDGER_NO_LIMIT,
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
        atomic_init(&ledger->account[kind].limit, LEDGER_NO_LIMIT);
    ledger_ref(parent);
    *out = ledger;
    return KERN_SUCCESS;
}

static void assert_all_returned(struct ledger *ledger)
{
    assert(atomic_load_explicit(&ledger->out, memory_order_relaxed) == 0);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
        int64_t used = ledger_used(ledger, (enum ledger_kind)kind);

        if (unlikely(used != 0))
            panic("ledger: destroyed with %lld of kind %s still charged", (long long)used,
                  ledger_kind_name((enum ledger_kind)kind));
    }
}

void ledger_destroy(struct ledger *ledger)
{
    /* The last reference of a child holds one of its parent: go on upwards, at most
     * LEDGER_MAX_DEPTH times. */
    for (;;) {
        assert(ledger != &kernel_ledger);
        assert_all_returned(ledger);

        struct ledger *parent = ledger->parent;
        kmem_free(&ledger_cache, parent, ledger);
        ledger = parent;

        uint32_t old = atomic_fetch_sub_explicit(&ledger->references, 1, memory_order_acq_rel);

        assert(old > 0);
        if (old > 1)
            return;
    }
}

[[gnu::cold]] void ledger_returned_too_much(enum ledger_kind kind, int64_t amount, int64_t used)
{
    panic("ledger: %lld of kind %s returned, only %lld charged", (long long)amount,
          ledger_kind_name(kind), (long long)used);
}

[[gnu::cold]] kern_return_t ledger_undo(struct ledger *ledger, const struct ledger *last,
                                        enum ledger_kind kind, int64_t amount, int64_t bytes)
{
    for (const struct ledger *end = last->parent; ledger != end; ledger = ledger->parent) {
        (void)ledger_subtract(&ledger->account[kind], kind, amount);
        (void)ledger_subtract(&ledger->account[LEDGER_KMEM], LEDGER_KMEM, bytes);
    }
    return KERN_LIMIT;
}

/* With this and no limit above LEDGER_NO_LIMIT, charges under way on all CPUs cannot overflow a
 * counter. */
static inline bool is_sane(struct ledger_charges charges)
{
    assert((charges.amount | charges.bytes) >= 0);
    return likely((charges.amount | charges.bytes) <= LEDGER_NO_LIMIT / MAX_CPUS);
}

static inline kern_return_t charge(struct ledger *ledger, struct ledger_charges charges)
{
    if (!is_sane(charges))
        return KERN_LIMIT;
    const struct ledger *last = ledger_charge_all(ledger, charges);
    if (unlikely(last != NULL))
        return ledger_undo(ledger, last, charges.kind, charges.amount, charges.bytes);
    return KERN_SUCCESS;
}

kern_return_t ledger_charge(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    return charge(ledger, (struct ledger_charges){.kind = kind, .amount = amount});
}

void ledger_return(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    ledger_return_all(ledger, (struct ledger_charges){.kind = kind, .amount = amount});
}

kern_return_t ledger_charge_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                                   int64_t bytes)
{
    return charge(ledger, (struct ledger_charges){.kind = kind, .amount = amount, .bytes = bytes});
}

void ledger_return_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                          int64_t bytes)
{
    ledger_return_all(ledger,
                      (struct ledger_charges){.kind = kind, .amount = amount, .bytes = bytes});
}

struct ledger *ledger_common(struct ledger *one, struct ledger *other)
{
    unsigned of_one = ledger_depth(one), of_other = ledger_depth(other);

    for (; of_one > of_other; of_one--)
        one = one->parent;
    for (; of_other > of_one; of_other--)
        other = other->parent;
    for (; one != other; one = one->parent)
        other = other->parent;
    return one;
}

kern_return_t ledger_charge_below(struct ledger *ledger, const struct ledger *end,
                                  enum ledger_kind kind, int64_t amount)
{
    if (!is_sane((struct ledger_charges){.kind = kind, .amount = amount}))
        return KERN_LIMIT;
    for (struct ledger *l = ledger; l != end; l = l->parent)
        if (unlikely(!ledger_add(&l->account[kind], amount)))
            return ledger_undo(ledger, l, kind, amount, 0);
    return KERN_SUCCESS;
}

void ledger_return_below(struct ledger *ledger, const struct ledger *end, enum ledger_kind kind,
                         int64_t amount)
{
    assert(amount >= 0);
    for (; ledger != end; ledger = ledger->parent)
        ledger_give(&ledger->account[kind], kind, amount);
}

void ledger_set_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit)
{
    assert(limit >= 0);
    if (limit > LEDGER_NO_LIMIT)
        limit = LEDGER_NO_LIMIT;
    atomic_store_explicit(&ledger->account[kind].limit, limit, memory_order_relaxed);
}

bool ledger_lower_limit(struct ledger *ledger, enum ledger_kind kind, int64_t limit)
{
    _Atomic int64_t *where = &ledger->account[kind].limit;
    int64_t now = atomic_load_explicit(where, memory_order_relaxed);

    assert(limit >= 0);
    while (limit <= now)
        if (atomic_compare_exchange_weak_explicit(where, &now, limit, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}
