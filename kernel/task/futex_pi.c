/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes with owners, and priority inheritance through them (kern/futex.h: F1 to F4).
 *
 * All their waiters stand in one tree under one lock, OWNED, which also guards who lends to whom: a
 * chain of waiters and owners is walked without letting go of anything, and no two chains can be
 * half changed. It is the leaf lock for raising threads that D5 allows. Every operation costs
 * at most FUTEX_HOPS times a few steps in trees and one look at a run queue; programs come here only
 * when they contend, so that one lock for the machine is not in anybody's way.
 *
 * That only the first waiter of a futex lends (F2) makes a change of owner a matter of one link,
 * however many wait, and needs no structure of its own for a futex: the owner stands in the first
 * waiter's record, and moves when another becomes the first.
 *
 * References: an owner is a thread of the waiters' own task, so the last reference on it is never
 * the last on its task, and may be dropped under the lock. Whoever is at the end of a chain may be
 * waiting for an answer: those who work for it are raised when the lock is free again, by what the
 * end's type-stable memory says then (T5).
 */
#include "futex_impl.h"
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/user_memory.h>
#include <kern/wait.h>

static struct bucket owned;

/* An ordinary futex at the same word is another one: addresses are multiples of four. */
enum { KEY_OWNED = 1 };

void futex_pi_init(void)
{
    spin_init(&owned.lock, LOCK_OWNED);
    owned.waiters = (struct rb_tree)RB_TREE_INIT;
}

void futex_pi_lock(void)
{
    spin_lock(&owned.lock);
}

void futex_pi_unlock(void)
{
    spin_unlock(&owned.lock);
}

bool futex_pi_is_lock(const struct spinlock *lock)
{
    return lock == &owned.lock;
}

/* ---- who lends to whom (F2); the lock is held ---- */

static struct thread *donor_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct thread, donor_node) : NULL;
}

/* The owner and the reference on it are the caller's then. */
static struct thread *stop_lending(struct thread *first)
{
    struct thread *owner = first ? first->lends_to : NULL;
    if (owner) {
        rb_remove(&owner->donors, &first->donor_node);
        first->lends_to = NULL;
    }
    return owner;
}

/* Takes the reference on the owner. Nobody lends to itself, whatever the program says. */
static void start_lending(struct thread *first, struct thread *owner)
{
    struct rb_node *parent = NULL, *node = owner->donors.root;
    unsigned side = 0;
    if (!first || first == owner) {
        thread_unref(owner);
        return;
    }
    while (node) {
        parent = node;
        side = first->wait.priority <= donor_of(node)->wait.priority;
        node = node->child[side];
    }
    rb_insert(&owner->donors, &first->donor_node, parent, side);
    first->lends_to = owner;
}

uint32_t futex_owner_of(const struct thread *waiter, const struct spinlock *lock)
{
    if (lock != &owned.lock)
        return 0;
    const struct thread *first = bucket_first(&owned, waiter->wait.key[0], waiter->wait.key[1]);
    return first && first->lends_to ? first->lends_to->id : 0;
}

/* Give a thread that waits its place by `priority`. Returns the owner of the futex. */
static struct thread *place_anew(struct thread *thread, unsigned priority)
{
    const uint64_t *key = thread->wait.key;
    struct thread *owner = stop_lending(bucket_first(&owned, key[0], key[1]));
    bucket_unlink(&owned, thread);
    thread->wait.priority = (uint8_t)priority;
    bucket_link(&owned, thread);
    if (owner)
        start_lending(bucket_first(&owned, key[0], key[1]), owner);
    return owner;
}

/* F1 */
static unsigned floor_of(struct thread *thread)
{
    unsigned base = atomic_load(&thread->own_context.priority);
    struct thread *top = donor_of(rb_first(&thread->donors));
    return top && top->wait.priority > base ? top->wait.priority : base;
}

/* As sched_effective(), seen in one order with `lends`: who raises the thread either finds that it
 * lends, or is found here. */
static unsigned effective(struct thread *thread)
{
    unsigned own = atomic_load(&thread->floor), lent = atomic_load(&thread->inherited);
    return own > lent ? own : lent;
}

/* What the thread has on loan, or its base, has changed: F1 and F3 for it and for those it lends to, at
 * most `hops` away. Returns where the chain ended. */
static struct thread *lend_on(struct thread *thread, unsigned hops)
{
    struct thread *last = thread;
    for (; thread; hops--) {
        last = thread;
        sched_set_floor(thread, floor_of(thread));
        unsigned priority = effective(thread);
        if (!atomic_load(&thread->lends) || thread->wait.priority == priority || hops == 0)
            break;
        thread = place_anew(thread, priority);
    }
    return last;
}

void futex_set_base(struct thread *thread, unsigned priority)
{
    futex_pi_lock();
    atomic_store(&thread->own_context.priority, priority);
    struct thread *last = lend_on(thread, FUTEX_HOPS);
    futex_pi_unlock();
    sched_raise_servers(last);
}

void futex_raised(struct thread *thread)
{
    if (!atomic_load(&thread->lends))
        return;
    futex_pi_lock();
    if (atomic_load(&thread->lends)) /* it waits, so it is there */
        (void)lend_on(thread, FUTEX_HOPS);
    futex_pi_unlock();
}

/* ---- changing a queue; the lock is held ---- */

struct thread *futex_pi_begin(const struct task *task, vaddr_t address)
{
    return stop_lending(bucket_first(&owned, futex_key(task), address | KEY_OWNED));
}

struct thread *futex_pi_end(const struct task *task, vaddr_t address, struct thread *owner,
                            struct thread *former)
{
    struct thread *last = NULL;
    if (owner) {
        thread_ref(owner);
        start_lending(bucket_first(&owned, futex_key(task), address | KEY_OWNED), owner);
        last = lend_on(owner, FUTEX_HOPS - 1);
        thread_unref(owner);
    }
    if (former) {
        (void)lend_on(former, FUTEX_HOPS - 1);
        thread_unref(former);
    }
    return last;
}

void futex_pi_join(struct thread *thread, vaddr_t address)
{
    struct wait_record *wait = &thread->wait;
    atomic_store(&wait->queue_lock, &owned.lock); /* W4 */
    wait->key[0] = futex_key(thread->task);
    wait->key[1] = address | KEY_OWNED;
    atomic_store(&thread->lends, true);
    wait->priority = (uint8_t)effective(thread);
    bucket_link(&owned, thread);
}

/* Out of the tree, between begin and end: a chain that leads to the thread ends there. */
static void leave(struct thread *thread)
{
    bucket_unlink(&owned, thread);
    atomic_store(&thread->lends, false);
}

void futex_pi_unlink(struct thread *thread)
{
    vaddr_t address = thread->wait.key[1] & ~(uint64_t)KEY_OWNED;
    struct thread *owner = futex_pi_begin(thread->task, address);
    leave(thread);
    (void)futex_pi_end(thread->task, address, owner, NULL);
}

/* ---- waiting and waking ---- */

/* Stop and link the current thread; takes the reference on the owner if it waits then. `*last`: the
 * end of the chain it lends to. */
static kern_return_t wait_locked(struct thread *self, vaddr_t address, ticks_t until,
                                 struct thread *owner, struct thread **last)
{
    kern_return_t kr = wait_begin(self, WAIT_FUTEX, &owned.lock, until);
    if (kr != KERN_SUCCESS)
        return kr;
    arch_thread_clear_scratch(&self->arch);
    struct thread *former = futex_pi_begin(self->task, address);
    futex_pi_join(self, address);
    *last = futex_pi_end(self->task, address, owner, former);
    return KERN_SUCCESS;
}

kern_return_t futex_wait_pi(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until,
                            struct thread *owner)
{
    struct thread *last = NULL;
    uint32_t value;
    kern_return_t kr = user_read_u32(self, address, &value); /* as futex_wait() */
    if (kr != KERN_SUCCESS) {
        if (owner)
            thread_unref(owner);
        return kr;
    }
    futex_pi_lock();
    kr = futex_compare(self, address, expected);
    if (kr == KERN_SUCCESS)
        kr = wait_locked(self, address, until, owner, &last);
    futex_pi_unlock();
    if (last)
        sched_raise_servers(last);
    if (kr != KERN_SUCCESS && owner)
        thread_unref(owner);
    return kr;
}

bool futex_wake_pi(struct task *task, vaddr_t address)
{
    futex_pi_lock();
    struct thread *thread = bucket_first(&owned, futex_key(task), address | KEY_OWNED);
    if (thread) {
        struct thread *former = futex_pi_begin(task, address);
        leave(thread); /* W2 */
        thread_ref(thread);
        (void)futex_pi_end(task, address, thread, former);
        wait_end(thread, KERN_SUCCESS);
    }
    futex_pi_unlock();
    return thread != NULL;
}

/* ---- checks ---- */

bool futex_check(struct thread *thread)
{
    futex_pi_lock();
    bool ok = rb_check(&thread->donors) && atomic_load(&thread->floor) == floor_of(thread);
    for (struct rb_node *node = rb_first(&thread->donors); node; node = rb_next(node)) {
        struct thread *donor = donor_of(node), *next = donor_of(rb_next(node));
        const uint64_t *key = donor->wait.key;
        ok = ok && donor->lends_to == thread && atomic_load(&donor->lends) &&
             donor == bucket_first(&owned, key[0], key[1]) &&
             (!next || next->wait.priority <= donor->wait.priority);
    }
    bool waits = atomic_load(&thread->wait.queue_lock) == &owned.lock;
    ok = ok && waits == atomic_load(&thread->lends) && (waits || !thread->lends_to);
    if (waits)
        ok = ok && thread->wait.priority == effective(thread) && thread->lends_to != thread;
    futex_pi_unlock();
    return ok;
}
