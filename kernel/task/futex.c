/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queues (kern/futex.h).
 *
 * W1 a thread linked in a bucket is WAITING, or about to be by the CPU that holds the bucket's
 *    lock.
 * W2 who takes a thread out of a bucket, under its lock, is the one who wakes it: exactly one does.
 *    Buckets are trees by key, equal keys in the order they came: finding a waiter takes a time
 *    that grows with the logarithm of all waiters only, however a program chooses addresses that
 *    collide.
 * W3 an armed wait.deadline holds a reference on its thread; who disarms it, or its handler, drops
 *    it.
 * W4 wait.queue_lock points at a bucket's lock exactly while the thread is linked in that bucket,
 *    and is changed from or to it under that lock only. Who finds it so under the lock may look at
 *    the rest of the wait record; who does not, may not: the thread may be waiting anew elsewhere.
 */
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/user_memory.h>

enum { BUCKETS = 64 };

struct bucket {
    struct spinlock lock;
    struct rb_tree waiters; /* by key; lock */
};

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        spin_init(&buckets[i].lock, LOCK_WAITQ);
        buckets[i].waiters = (struct rb_tree)RB_TREE_INIT;
    }
}

static struct bucket *bucket_of(uint64_t key0, uint64_t key1)
{
    uint64_t h = (key0 >> 6 ^ key1 >> 2) * UINT64_C(0x9e3779b97f4a7c15);
    return &buckets[h >> 58];
}

/* ---- a bucket's tree; its lock is held ---- */

static struct thread *thread_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct thread, wait.node) : NULL;
}

static bool is_below(const struct wait_record *wait, uint64_t key0, uint64_t key1)
{
    return wait->key[0] != key0 ? wait->key[0] < key0 : wait->key[1] < key1;
}

static void link(struct bucket *bucket, struct wait_record *wait)
{
    struct rb_node *parent = NULL, *node = bucket->waiters.root;
    unsigned side = 0;
    while (node) {
        parent = node;
        const struct wait_record *other = &thread_of(node)->wait;
        side = !is_below(wait, other->key[0], other->key[1]); /* behind its equals */
        node = node->child[side];
    }
    rb_insert(&bucket->waiters, &wait->node, parent, side);
    atomic_store(&wait->queue_lock, &bucket->lock); /* W4 */
}

static void unlink(struct bucket *bucket, struct wait_record *wait)
{
    rb_remove(&bucket->waiters, &wait->node);
    atomic_store(&wait->queue_lock, NULL); /* W4 */
}

/* Who has waited longest by this key, or else by the next higher one. */
static struct thread *first_waiter(struct bucket *bucket, uint64_t key0, uint64_t key1)
{
    struct rb_node *node = bucket->waiters.root, *found = NULL;
    while (node) {
        bool below = is_below(&thread_of(node)->wait, key0, key1);
        if (!below)
            found = node;
        node = node->child[below];
    }
    return thread_of(found);
}

/* ---- waiting and waking ---- */

/* Link and stop the current thread; the bucket's lock is held. */
static kern_return_t wait_locked(struct thread *self, struct bucket *bucket, uint64_t key0,
                                 uint64_t key1, ticks_t until)
{
    struct wait_record *wait = &self->wait;
    if (until != TICKS_NEVER && until <= arch_counter())
        return KERN_OPERATION_TIMED_OUT;
    wait->key[0] = key0;
    wait->key[1] = key1;
    wait->until = until;
    link(bucket, wait);
    if (until != TICKS_NEVER) {
        thread_ref(self); /* W3 */
        deadline_arm(&wait->deadline, until);
    }
    if (sched_block(self))
        return KERN_SUCCESS;
    unlink(bucket, wait);
    if (until != TICKS_NEVER && deadline_cancel(&wait->deadline))
        thread_unref(self);
    return KERN_ABORTED;
}

kern_return_t futex_wait(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until)
{
    uint64_t key = (uint64_t)(uintptr_t)self->task;
    struct bucket *bucket = bucket_of(key, address);
    uint32_t value;
    /* The look and the link are one step under the bucket's lock: a waker that changed the word
     * comes after us. */
    spin_lock(&bucket->lock);
    kern_return_t kr = user_read_u32(self, address, &value);
    if (kr == KERN_SUCCESS)
        kr = value == expected ? wait_locked(self, bucket, key, address, until) : KERN_RETRY;
    spin_unlock(&bucket->lock);
    return kr;
}

kern_return_t futex_sleep(struct thread *self, ticks_t until)
{
    uint64_t key = (uint64_t)(uintptr_t)self;
    struct bucket *bucket = bucket_of(key, 0);
    spin_lock(&bucket->lock);
    kern_return_t kr = wait_locked(self, bucket, key, 0, until);
    spin_unlock(&bucket->lock);
    return kr;
}

unsigned futex_wake(struct task *task, vaddr_t address, uint32_t count)
{
    uint64_t key = (uint64_t)(uintptr_t)task;
    struct bucket *bucket = bucket_of(key, address);
    unsigned woken = 0;
    spin_lock(&bucket->lock);
    struct thread *thread = first_waiter(bucket, key, address), *next;
    for (; thread && woken < count; thread = next, woken++) {
        if (thread->wait.key[0] != key || thread->wait.key[1] != address)
            break;
        next = thread_of(rb_next(&thread->wait.node));
        unlink(bucket, &thread->wait); /* W2 */
        sched_wake(thread, KERN_SUCCESS);
    }
    spin_unlock(&bucket->lock);
    return woken;
}

/* End a wait that is on the queue of `lock`, if it is due or need not be. False: the thread does not
 * wait there (any more), and nothing else of its wait may be looked at. */
static bool end_wait(struct thread *thread, struct spinlock *lock, bool only_if_due,
                     kern_return_t result)
{
    spin_lock(lock);
    bool here = atomic_load(&thread->wait.queue_lock) == lock; /* W4: and stays so */
    if (here && (!only_if_due || thread->wait.until <= arch_counter())) {
        unlink(container_of(lock, struct bucket, lock), &thread->wait); /* W2 */
        /* A sleeper asked for nothing but this moment. */
        bool slept = only_if_due && thread->wait.key[0] == (uint64_t)(uintptr_t)thread;
        sched_wake(thread, slept ? KERN_SUCCESS : result);
    }
    spin_unlock(lock);
    return here;
}

/* End the thread's wait wherever it is; a thread that waits nowhere has been woken by somebody else. */
static void end_any_wait(struct thread *thread, bool only_if_due, kern_return_t result)
{
    struct spinlock *lock;
    while ((lock = atomic_load(&thread->wait.queue_lock)) &&
           !end_wait(thread, lock, only_if_due, result))
        arch_cpu_relax();
}

void futex_abort(struct thread *thread)
{
    end_any_wait(thread, false, KERN_ABORTED);
}

void futex_deadline(struct deadline *deadline)
{
    struct thread *thread = container_of(deadline, struct thread, wait.deadline);
    /* The thread may have been woken and wait anew, even elsewhere: only a wait that is due is
     * ended. */
    end_any_wait(thread, true, KERN_OPERATION_TIMED_OUT);
    thread_unref(thread); /* W3 */
}
