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

/* A charge has succeeded that took some ledger of the path beyond its peak. */
[[gnu::noinline]] static void note_peaks(struct ledger *ledger, enum ledger_kind kind)
{
    for (; ledger != NULL; ledger = ledger->parent) {
        struct ledger_account *account = &ledger->account[kind];
        int64_t used = relaxed_load(account->used);

        if (used > relaxed_load(account->peak))
            relaxed_store(account->peak, used);
    }
}

/* What is charged in one walk: `amount` of `kind` and, if there are any, `bytes` of LEDGER_KMEM. */
struct charge {
    enum ledger_kind kind;
    int64_t amount, bytes;
};

/* To one account. False: it is over its limit then, and to be undone. */
[[gnu::always_inline]] static inline bool add(struct ledger_account *account, int64_t amount,
                                              bool *higher)
{
    int64_t used = atomic_fetch_add_explicit(&account->used, amount, memory_order_relaxed) + amount;

    if (unlikely(used > relaxed_load(account->peak)))
        *higher = true;
    return used <= relaxed_load(account->limit);
}

[[gnu::always_inline]] static inline void subtract(struct ledger *ledger, enum ledger_kind kind,
                                                   int64_t amount)
{
    int64_t old =
        atomic_fetch_sub_explicit(&ledger->account[kind].used, amount, memory_order_relaxed);

    if (unlikely(old < amount))
        panic("ledger: %lld of kind %s returned, only %lld charged", (long long)amount,
              ledger_kind_name(kind), (long long)old);
}

/* Take back what `ledger` and its ancestors below `end` were charged. */
[[gnu::always_inline]] static inline void take_back(struct ledger *ledger, const struct ledger *end,
                                                    struct charge charge)
{
    for (; ledger != end; ledger = ledger->parent) {
        subtract(ledger, charge.kind, charge.amount);
        if (charge.bytes)
            subtract(ledger, LEDGER_KMEM, charge.bytes);
    }
}

/* No amount is negative. With this and no limit above LEDGER_NO_LIMIT, charges under way on all CPUs
 * cannot overflow a counter. */
static inline bool is_sane(struct charge charge)
{
    assert(charge.amount >= 0 && charge.bytes >= 0);
    return likely((charge.amount | charge.bytes) <= LEDGER_NO_LIMIT / MAX_CPUS);
}

[[gnu::always_inline]] static inline kern_return_t charge_all(struct ledger *ledger,
                                                              const struct ledger *end,
                                                              struct charge charge)
{
    bool higher = false;

    if (!is_sane(charge))
        return KERN_LIMIT;
    for (struct ledger *l = ledger; l != end; l = l->parent) {
        bool fits = add(&l->account[charge.kind], charge.amount, &higher);

        /* Both, whether the first fits or not: both are taken back. */
        if (charge.bytes && unlikely(!add(&l->account[LEDGER_KMEM], charge.bytes, &higher)))
            fits = false;
        if (unlikely(!fits)) {
            take_back(ledger, l->parent, charge);
            return KERN_LIMIT;
        }
    }
    if (unlikely(higher)) {
        note_peaks(ledger, charge.kind);
        if (charge.bytes)
            note_peaks(ledger, LEDGER_KMEM);
    }
    return KERN_SUCCESS;
}

kern_return_t ledger_charge(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    return charge_all(ledger, NULL, (struct charge){.kind = kind, .amount = amount});
}

void ledger_return(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    assert(amount >= 0);
    take_back(ledger, NULL, (struct charge){.kind = kind, .amount = amount});
}

kern_return_t ledger_charge_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                                   int64_t bytes)
{
    return charge_all(ledger, NULL,
                      (struct charge){.kind = kind, .amount = amount, .bytes = bytes});
}

void ledger_return_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                          int64_t bytes)
{
    assert(amount >= 0 && bytes >= 0);
    take_back(ledger, NULL, (struct charge){.kind = kind, .amount = amount, .bytes = bytes});
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
    return charge_all(ledger, end, (struct charge){.kind = kind, .amount = amount});
}

void ledger_return_below(struct ledger *ledger, const struct ledger *end, enum ledger_kind kind,
                         int64_t amount)
{
    assert(amount >= 0);
    take_back(ledger, end, (struct charge){.kind = kind, .amount = amount});
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
