/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of queues (kern/futex.h). A wait follows W1 to W4 of kern/wait.h; its queue is a bucket.
 */
#include "futex_impl.h"
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/user_memory.h>
#include <kern/wait.h>

enum { BUCKETS = 64, BATCH = 16 /* threads woken or moved under the locks */ };

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        spin_init(&buckets[i].lock, LOCK_WAITQ);
        buckets[i].waiters = (struct rb_tree)RB_TREE_INIT;
    }
    futex_pi_init();
}

static struct bucket *bucket_of(uint64_t key0, uint64_t key1)
{
    uint64_t h = (key0 >> 6 ^ key1 >> 2) * UINT64_C(0x9e3779b97f4a7c15);
    return &buckets[h >> 58];
}

/* ---- a bucket's tree (B1) ---- */

static struct thread *thread_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct thread, wait.node) : NULL;
}

static bool is_below(const struct wait_record *wait, uint64_t key0, uint64_t key1,
                     unsigned priority)
{
    if (wait->key[0] != key0)
        return wait->key[0] < key0;
    return wait->key[1] != key1 ? wait->key[1] < key1 : wait->priority > priority;
}

void bucket_link(struct bucket *bucket, struct thread *thread)
{
    struct wait_record *wait = &thread->wait;
    struct rb_node *parent = NULL, *node = bucket->waiters.root;
    unsigned side = 0;
    while (node) {
        parent = node;
        const struct wait_record *other = &thread_of(node)->wait;
        /* Behind its equals. */
        side = !is_below(wait, other->key[0], other->key[1], other->priority);
        node = node->child[side];
    }
    rb_insert(&bucket->waiters, &wait->node, parent, side);
}

void bucket_unlink(struct bucket *bucket, struct thread *thread)
{
    rb_remove(&bucket->waiters, &thread->wait.node);
}

struct thread *bucket_first(const struct bucket *bucket, uint64_t key0, uint64_t key1)
{
    struct rb_node *node = bucket->waiters.root, *found = NULL;
    while (node) {
        bool below = is_below(&thread_of(node)->wait, key0, key1, PRIORITY_COUNT);
        if (!below)
            found = node;
        node = node->child[below];
    }
    struct thread *thread = thread_of(found);
    bool there = thread && thread->wait.key[0] == key0 && thread->wait.key[1] == key1;
    return there ? thread : NULL;
}

/* ---- waiting and waking ---- */

kern_return_t futex_compare(struct thread *self, vaddr_t address, uint32_t expected)
{
    uint32_t value;
    /* The page was there a moment ago, and is being replaced: whoever looks again finds out what there is. */
    if (user_peek_u32(self, address, &value) != KERN_SUCCESS)
        return KERN_RETRY;
    return value == expected ? KERN_SUCCESS : KERN_RETRY;
}

/* Link a thread by this key; its wait is of this bucket already (W4). */
static void link_by_key(struct thread *thread, struct bucket *bucket, uint64_t key0, uint64_t key1)
{
    thread->wait.key[0] = key0;
    thread->wait.key[1] = key1;
    thread->wait.priority = 0;
    bucket_link(bucket, thread);
}

/* Stop and link the current thread; the bucket's lock is held. */
static kern_return_t wait_locked(struct thread *self, struct bucket *bucket, uint64_t key0,
                                 uint64_t key1, ticks_t until)
{
    kern_return_t kr = wait_begin(self, WAIT_FUTEX, &bucket->lock, until);
    if (kr != KERN_SUCCESS)
        return kr;
    arch_thread_clear_scratch(&self->arch);
    link_by_key(self, bucket, key0, key1);
    return KERN_SUCCESS;
}

kern_return_t futex_wait(struct thread *self, vaddr_t address, uint32_t expected, ticks_t until)
{
    uint64_t key = futex_key(self->task);
    struct bucket *bucket = bucket_of(key, address);
    uint32_t value;
    kern_return_t kr =
        user_read_u32(self, address, &value); /* the page is found before the lock is taken */
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&bucket->lock);
    kr = futex_compare(self, address, expected);
    if (kr == KERN_SUCCESS)
        kr = wait_locked(self, bucket, key, address, until);
    spin_unlock(&bucket->lock);
    return kr;
}

unsigned futex_wake(struct task *task, vaddr_t address, uint32_t count)
{
    uint64_t key = futex_key(task);
    struct bucket *bucket = bucket_of(key, address);
    struct thread *thread;
    unsigned woken = 0;
    spin_lock(&bucket->lock);
    for (; woken < count && (thread = bucket_first(bucket, key, address)); woken++) {
        bucket_unlink(bucket, thread); /* W2 */
        wait_end(thread, KERN_SUCCESS);
    }
    spin_unlock(&bucket->lock);
    return woken;
}

/* ---- requeue ---- */

/* Wake or move the next ones; the locks of both queues are held. */
static void requeue_locked(struct thread *self, const struct futex_requeue *what,
                           struct bucket *from, struct bucket *to, uint64_t *done, bool *more)
{
    uint64_t key = futex_key(self->task), total = (uint64_t)what->wake + what->move;
    struct thread *thread = NULL;
    for (unsigned n = 0; n < BATCH && *done < total; n++, ++*done) {
        thread = bucket_first(from, key, what->address);
        if (!thread)
            break;
        bucket_unlink(from, thread);
        if (*done < what->wake) {
            wait_end(thread, KERN_SUCCESS); /* W2 */
        } else if (what->pi) {
            futex_pi_join(thread, what->target);
        } else {
            atomic_store(&thread->wait.queue_lock, &to->lock); /* W4 */
            link_by_key(thread, to, key, what->target);
        }
    }
    *more = thread && *done < total;
}

static kern_return_t requeue_plain(struct thread *self, const struct futex_requeue *what,
                                   struct bucket *from, uint64_t *done, bool *more)
{
    struct bucket *to = bucket_of(futex_key(self->task), what->target);
    spin_lock_pair(&from->lock, &to->lock);
    kern_return_t kr = *done ? KERN_SUCCESS : futex_compare(self, what->address, what->expected);
    if (kr == KERN_SUCCESS)
        requeue_locked(self, what, from, to, done, more);
    spin_unlock_pair(&from->lock, &to->lock);
    return kr;
}

static kern_return_t requeue_pi(struct thread *self, const struct futex_requeue *what,
                                struct bucket *from, uint64_t *done, bool *more)
{
    struct thread *last = NULL;
    spin_lock(&from->lock);
    futex_pi_lock();
    kern_return_t kr = *done ? KERN_SUCCESS : futex_compare(self, what->address, what->expected);
    if (kr == KERN_SUCCESS) {
        struct thread *former = futex_pi_begin(self->task, what->target);
        requeue_locked(self, what, from, NULL, done, more);
        if (what->owner)
            thread_ref(what->owner);
        last = futex_pi_end(self->task, what->target, what->owner, former);
    }
    futex_pi_unlock();
    spin_unlock(&from->lock);
    if (last)
        sched_raise_servers(last);
    return kr;
}

kern_return_t futex_requeue(struct thread *self, const struct futex_requeue *what, uint64_t *done,
                            bool *more)
{
    struct bucket *from = bucket_of(futex_key(self->task), what->address);
    uint32_t value;
    *more = false;
    kern_return_t kr = *done ? KERN_SUCCESS : user_read_u32(self, what->address, &value);
    if (kr != KERN_SUCCESS)
        return kr;
    return what->pi ? requeue_pi(self, what, from, done, more)
                    : requeue_plain(self, what, from, done, more);
}

/* ---- for those who end a wait from outside (kern/wait.h); the queue's lock is held ---- */

void futex_unlink(struct thread *thread, struct spinlock *lock)
{
    if (futex_pi_is_lock(lock))
        futex_pi_unlink(thread);
    else
        bucket_unlink(container_of(lock, struct bucket, lock), thread);
}
