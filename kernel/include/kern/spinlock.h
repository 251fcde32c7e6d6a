/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spin locks: fair, one word, taken with interrupts masked (the kernel always runs so),
 * never held across a wait or a return to user code. Ranks stand in kern/lockrank.def; debug builds
 * check order and hold times.
 *
 * Memory order: taking a lock is an acquire, releasing it a release; nothing else is implied.
 */
#pragma once

#include <arch/atomic.h>
#include <arch/cpu.h>
#include <kern/types.h>
#include <stdatomic.h>

enum lock_rank {
#define LOCK_RANK(symbol, rank, what) LOCK_##symbol = rank,
#include <kern/lockrank.def>
#undef LOCK_RANK
};

struct spinlock {
    union {
        _Atomic uint32_t word;
        struct {
            _Atomic uint16_t serving; /* low half: the ticket being served */
            _Atomic uint16_t next;    /* high half: the next ticket to hand out */
        };
    };
    uint32_t rank; /* enum lock_rank, constant */
};

#define SPINLOCK_INIT(r)       \
    {                          \
        .word = 0, .rank = (r) \
    }

static inline void spin_init(struct spinlock *lock, enum lock_rank rank)
{
    atomic_init(&lock->word, 0);
    lock->rank = rank;
}

/** Out of line: wait until `ticket` is served. */
void spin_wait(struct spinlock *lock, uint16_t ticket);

/* Checks of debug builds; they compile to nothing in release. */
#include <kern/lockcheck.h>

static inline void spin_lock(struct spinlock *lock)
{
    arch_sim_point();
    lock_check_before(lock);
    uint32_t old = atomic_fetch_add_explicit(&lock->word, UINT32_C(1) << 16, memory_order_acquire);
    uint16_t ticket = (uint16_t)(old >> 16);
    if (unlikely(ticket != (uint16_t)old))
        spin_wait(lock, ticket);
    lock_check_taken(lock);
}

/** Take the lock if nobody has it. Allowed against the rank order: it cannot wait. */
static inline bool spin_trylock(struct spinlock *lock)
{
    uint32_t taken;
    if (!arch_ticket_try((uint32_t *)(void *)&lock->word, &taken))
        return false;
    lock_check_taken(lock);
    return true;
}

static inline void spin_unlock(struct spinlock *lock)
{
    lock_check_release(lock);
    /* Only the holder writes `serving`, so a plain load and a release store do. */
    uint32_t word = relaxed_load(lock->word);
    atomic_store_explicit(&lock->serving, (uint16_t)(word + 1), memory_order_release);
    arch_sim_point();
}

/** Somebody holds it. For assertions; says nothing about who. */
static inline bool spin_is_held(const struct spinlock *lock)
{
    uint32_t word =
        atomic_load_explicit(&((struct spinlock *)(uintptr_t)lock)->word, memory_order_relaxed);
    return (uint16_t)(word >> 16) != (uint16_t)word;
}

/** Two locks of one rank, in address order; a == b is allowed and takes one. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);
