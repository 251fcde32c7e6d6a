/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lending along chains of calls (D4): a caller's context goes to who works for it, and so does its
 * urgency. The chain is that of the replies: thread.held leads to the caller, reply.holder to who
 * works for it. Nothing locks a chain, for a hand-over takes no lock; memory of threads and replies
 * is type-stable (T5, O1), so that following one that changes meanwhile finds hints, never rubbish.
 */
#include <kern/cpu.h>
#include <kern/reply.h>
#include <kern/sched.h>
#include <kern/thread.h>
#include <stdatomic.h>

enum { HOPS_MAX = 8 };

static struct sched_context *context_of(const struct thread *thread)
{
    return __atomic_load_n(&thread->context, __ATOMIC_RELAXED);
}

static bool is_waited(struct reply *reply)
{
    return (atomic_load_explicit(&reply->state, memory_order_acquire) & REPLY_STATE_MASK) ==
           REPLY_WAITED;
}

void sched_borrow_context(struct thread *thread, struct reply *reply)
{
    if (is_waited(reply))
        __atomic_store_n(&thread->context, context_of(reply->owner), __ATOMIC_RELAXED);
}

/* Does a chain of callers, all of them waiting, lead to the owner of the context? Longer chains than
 * HOPS_MAX do not lend. */
static bool is_lent(const struct thread *thread, const struct sched_context *context)
{
    for (unsigned hop = 0; hop < HOPS_MAX; hop++) {
        struct reply *reply = __atomic_load_n(&thread->held, __ATOMIC_RELAXED);
        if (!reply || !is_waited(reply))
            return false;
        thread = reply->owner;
        if (context_of(thread) != context)
            return false;
        if (context == &thread->own_context)
            return true;
    }
    return false;
}

struct sched_context *sched_valid_context(struct thread *thread)
{
    struct sched_context *context = thread->context;
    if (context != &thread->own_context && !is_lent(thread, context)) {
        context = &thread->own_context;
        __atomic_store_n(&thread->context, context, __ATOMIC_RELAXED);
    }
    return context;
}

/* The reply that the thread waits for; NULL: none. */
static struct reply *waited_by(struct thread *thread)
{
    struct reply *reply = __atomic_load_n(&thread->reply, __ATOMIC_RELAXED);
    if (reply && is_waited(reply))
        return reply;
    reply = atomic_load_explicit(&thread->exception_reply, memory_order_relaxed);
    return reply && is_waited(reply) ? reply : NULL;
}

void sched_raise_servers(struct thread *thread)
{
    unsigned priority = sched_effective(thread);
    for (unsigned hop = 0; hop < HOPS_MAX; hop++) {
        struct reply *reply = waited_by(thread);
        if (!reply)
            return;
        struct thread *holder = atomic_load_explicit(&reply->holder, memory_order_acquire);
        if (!holder || __atomic_load_n(&holder->held, __ATOMIC_RELAXED) != reply)
            return;
        sched_lend_priority(holder, priority);
        thread = holder;
    }
}

void sched_loan_ended(struct thread *thread, const struct reply *reply)
{
    /* If it answers at this very moment, what it does next may lose what it is lent for once. */
    if (__atomic_load_n(&thread->held, __ATOMIC_RELAXED) != reply)
        return;
    relaxed_store(thread->inherited, 0);
    sched_place_again(thread);
}
