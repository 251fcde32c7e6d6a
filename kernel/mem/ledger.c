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

/* What is charged in one walk: `amount` of `kind` and, if there are any, `bytes` of LEDGER_KMEM. */
struct charge {
    enum ledger_kind kind;
    int64_t amount, bytes;
};

/* To one account. False: it is over its limit then, and to be undone. */
[[gnu::always_inline]] static inline bool add(struct ledger_account *account, int64_t amount)
{
    return atomic_fetch_add_explicit(&account->used, amount, memory_order_relaxed) + amount <=
           relaxed_load(account->limit);
}

[[gnu::noinline, gnu::noreturn]] static void too_much(enum ledger_kind kind, int64_t amount,
                                                      int64_t used)
{
    panic("ledger: %lld of kind %s returned, only %lld charged", (long long)amount,
          ledger_kind_name(kind), (long long)used);
}

[[gnu::always_inline]] static inline int64_t subtract(struct ledger_account *account,
                                                      enum ledger_kind kind, int64_t amount)
{
    int64_t old = atomic_fetch_sub_explicit(&account->used, amount, memory_order_relaxed);

    if (unlikely(old < amount))
        too_much(kind, amount, old);
    return old;
}

/* The same for good, not to undo a charge. A counter is highest just before something is returned: so the peak is kept here, and
 * charges need not look at it. */
[[gnu::always_inline]] static inline void give(struct ledger_account *account,
                                               enum ledger_kind kind, int64_t amount)
{
    int64_t old = subtract(account, kind, amount);

    if (unlikely(old > relaxed_load(account->peak)))
        relaxed_store(account->peak, old);
}

/* Take back what `ledger` and its ancestors below `end` were charged. */
[[gnu::noinline]] static void take_back(struct ledger *ledger, const struct ledger *end,
                                        struct charge charge)
{
    for (; ledger != end; ledger = ledger->parent) {
        (void)subtract(&ledger->account[charge.kind], charge.kind, charge.amount);
        (void)subtract(&ledger->account[LEDGER_KMEM], LEDGER_KMEM, charge.bytes);
    }
}

[[gnu::always_inline]] static inline void return_all(struct ledger *ledger, struct charge charge)
{
    assert((charge.amount | charge.bytes) >= 0);
    for (; ledger != NULL; ledger = ledger->parent) {
        give(&ledger->account[charge.kind], charge.kind, charge.amount);
        if (charge.bytes)
            give(&ledger->account[LEDGER_KMEM], LEDGER_KMEM, charge.bytes);
    }
}

/* With this and no limit above LEDGER_NO_LIMIT, charges under way on all CPUs cannot overflow a
 * counter. Nor is an amount negative. */
static inline bool is_sane(struct charge charge)
{
    if (likely((uint64_t)(charge.amount | charge.bytes) <= LEDGER_NO_LIMIT / MAX_CPUS))
        return true;
    assert(charge.amount >= 0 && charge.bytes >= 0);
    return false;
}

[[gnu::always_inline]] static inline kern_return_t charge_all(struct ledger *ledger,
                                                              struct charge charge)
{
    if (!is_sane(charge))
        return KERN_LIMIT;
    for (struct ledger *l = ledger; l != NULL; l = l->parent) {
        bool fits = add(&l->account[charge.kind], charge.amount);

        /* Both, whether the first fits or not: both are taken back. */
        if (charge.bytes && unlikely(!add(&l->account[LEDGER_KMEM], charge.bytes)))
            fits = false;
        if (unlikely(!fits)) {
            take_back(ledger, l->parent, charge);
            return KERN_LIMIT;
        }
    }
    return KERN_SUCCESS;
}

kern_return_t ledger_charge(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    return charge_all(ledger, (struct charge){.kind = kind, .amount = amount});
}

void ledger_return(struct ledger *ledger, enum ledger_kind kind, int64_t amount)
{
    return_all(ledger, (struct charge){.kind = kind, .amount = amount});
}

kern_return_t ledger_charge_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                                   int64_t bytes)
{
    return charge_all(ledger, (struct charge){.kind = kind, .amount = amount, .bytes = bytes});
}

void ledger_return_object(struct ledger *ledger, enum ledger_kind kind, int64_t amount,
                          int64_t bytes)
{
    return_all(ledger, (struct charge){.kind = kind, .amount = amount, .bytes = bytes});
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
