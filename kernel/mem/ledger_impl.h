/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walks of ledgers, for the files of kernel/mem: objects are charged as often as anything is done, so their allocator has the
 * walk inline.
 */
#pragma once

#include <arch/atomic.h>
#include <kern/ledger.h>
#include <kern/panic.h>

/* What is charged in one walk: `amount` of `kind` and, if there are any, `bytes` of LEDGER_KMEM. */
struct ledger_charges {
    enum ledger_kind kind;
    int64_t amount, bytes;
};

/* ledger.c */
[[gnu::noreturn]] void ledger_returned_too_much(enum ledger_kind kind, int64_t amount,
                                                int64_t used);
/** Take back what `ledger` and its ancestors up to `last`, which is one of them, were charged. KERN_LIMIT. */
kern_return_t ledger_undo(struct ledger *ledger, const struct ledger *last, enum ledger_kind kind,
                          int64_t amount, int64_t bytes);

/** Charge one account. False: it is over its limit then, and to be undone. */
[[gnu::always_inline]] static inline bool ledger_add(struct ledger_account *account, int64_t amount)
{
    return atomic_fetch_add_explicit(&account->used, amount, memory_order_relaxed) + amount <=
           relaxed_load(account->limit);
}

/** The other way round; what it was before. */
[[gnu::always_inline]] static inline int64_t ledger_subtract(struct ledger_account *account,
                                                             enum ledger_kind kind, int64_t amount)
{
    int64_t old = atomic_fetch_sub_explicit(&account->used, amount, memory_order_relaxed);

    if (unlikely(old < amount))
        ledger_returned_too_much(kind, amount, old);
    return old;
}

/** The same for good, not to undo a charge. A counter is highest just before something is returned: so the peak is kept here, and
 *  charges need not look at it. */
[[gnu::always_inline]] static inline void ledger_give(struct ledger_account *account,
                                                      enum ledger_kind kind, int64_t amount)
{
    int64_t old = ledger_subtract(account, kind, amount);

    if (unlikely(old > relaxed_load(account->peak)))
        relaxed_store(account->peak, old);
}

[[gnu::always_inline]] static inline void ledger_return_all(struct ledger *ledger,
                                                            struct ledger_charges charges)
{
    assert((charges.amount | charges.bytes) >= 0);
    for (; ledger != NULL; ledger = ledger->parent) {
        ledger_give(&ledger->account[charges.kind], charges.kind, charges.amount);
        if (charges.bytes)
            ledger_give(&ledger->account[LEDGER_KMEM], LEDGER_KMEM, charges.bytes);
    }
}

/** NULL: all of them are charged. Else the ledger, which has no room, and those below it are, and ledger_undo() follows. The amounts
 *  are sane. */
[[gnu::always_inline]] static inline const struct ledger *ledger_charge_all(
    struct ledger *ledger, struct ledger_charges charges)
{
    for (; ledger != NULL; ledger = ledger->parent) {
        bool fits = ledger_add(&ledger->account[charges.kind], charges.amount);

        /* Both, whether the first fits or not: both are taken back. */
        if (charges.bytes && unlikely(!ledger_add(&ledger->account[LEDGER_KMEM], charges.bytes)))
            fits = false;
        if (unlikely(!fits))
            break;
    }
    return ledger;
}
