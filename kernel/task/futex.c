/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of queues (kern/futex.h).
 *
 * A wait follows W1 to W4 of kern/wait.h; its queue is a bucket. Buckets are trees by key, equal keys
 * in the order they came: finding a waiter takes a time that grows with the logarithm of all
 * waiters only, however a program chooses addresses that collide.
 */
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/user_memory.h>
#include <kern/wait.h>

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
}

static void unlink(struct bucket *bucket, struct wait_record *wait)
{
    rb_remove(&bucket->waiters, &wait->node);
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

/* Stop and link the current thread; the bucket's lock is held. */
static kern_return_t wait_locked(struct thread *self, struct bucket *bucket, uint64_t key0,
                                 uint64_t key1, ticks_t until)
{
    kern_return_t kr = wait_begin(self, WAIT_FUTEX, &bucket->lock, until);
    if (kr != KERN_SUCCESS)
        return kr;
    arch_thread_clear_scratch(&self->arch);
    self->wait.key[0] = key0;
    self->wait.key[1] = key1;
    link(bucket, &self->wait);
    return KERN_SUCCESS;
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
        wait_end(thread, KERN_SUCCESS);
    }
    spin_unlock(&bucket->lock);
    return woken;
}

/* ---- for those who end a wait from outside (kern/wait.h); the bucket's lock is held ---- */

bool futex_is_sleeper(const struct thread *thread)
{
    return thread->wait.key[0] == (uint64_t)(uintptr_t)thread;
}

void futex_unlink(struct thread *thread, struct spinlock *lock)
{
    unlink(container_of(lock, struct bucket, lock), &thread->wait);
}
