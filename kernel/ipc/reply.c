/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies (kern/reply.h: Y1 to Y4).
 */
#include "ipc_impl.h"
#include <arch/message.h>
#include <arch/timer.h>
#include <kern/exception.h>
#include <kern/kmem.h>
#include <kern/notify.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/wait.h>

static void init_reply(void *memory)
{
    struct reply *reply = memory;
    reply->ipc.kind = IPC_REPLY;
}

static KMEM_CACHE_STABLE(reply_cache, struct reply, room, init_reply);

kern_return_t reply_create(struct thread *owner, struct reply **out)
{
    void *memory;
    struct ledger *ledger = owner->task->ledger;
    kern_return_t kr = kmem_alloc(&reply_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct reply *reply = memory;
    ledger_ref(ledger);
    reply->ledger = ledger;
    relaxed_store(reply->owner, owner);
    reply->for_exception = false;
    atomic_store_explicit(&reply->holder, NULL, memory_order_relaxed);
    reply->answer = NULL;
    reply->message = (struct kmsg){0};
    kmsg_init_embedded(&reply->message);
    reply->message.flags |= KMSG_IN_REPLY;
    atomic_store(&reply->state, REPLY_IDLE);
    *out = reply;
    return KERN_SUCCESS;
}

void reply_free(struct reply *reply)
{
    struct ledger *ledger = reply->ledger;
    /* A lookup without a lock that still comes here finds an orphan. */
    atomic_store(&reply->state, REPLY_ORPHAN);
    kmem_free(&reply_cache, ledger, reply);
    ledger_unref(ledger);
}

static bool change(struct reply *reply, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong(&reply->state, &from, to);
}

/* From WAITED, whatever the wait's number. */
static bool claim(struct reply *reply, uint32_t to)
{
    uint32_t word = atomic_load(&reply->state);
    return (word & REPLY_STATE_MASK) == REPLY_WAITED && change(reply, word, to);
}

void reply_abandon(struct reply *reply)
{
    /* The owner is here: it does not wait. */
    if (change(reply, REPLY_OPEN, REPLY_ORPHAN))
        return;
    uint32_t state = atomic_load(&reply->state);
    assert(state == REPLY_IDLE || state == REPLY_DONE || state == REPLY_LOST);
    if (state == REPLY_DONE)
        kmsg_destroy(reply->answer);
    reply_free(reply);
}

/* The owner waits and is ours to wake: it finds `answer` when it repeats its trap. */
static void hand_over(struct reply *reply, uint32_t state)
{
    struct thread *owner = reply->owner;
    if (reply->for_exception) {
        exception_answered(reply, state == REPLY_LOST);
        return;
    }
    atomic_store(&reply->state, state);
    msg_wake_repeat(owner);
}

void reply_deliver(struct reply *reply, struct kmsg *msg)
{
    reply->answer = msg;
    for (;;) {
        if (claim(reply, REPLY_CLAIMED)) {
            hand_over(reply, REPLY_DONE);
            return;
        }
        if (change(reply, REPLY_OPEN, REPLY_DONE))
            return;
        if (atomic_load(&reply->state) == REPLY_ORPHAN) {
            kmsg_destroy(msg);
            reply_free(reply);
            return;
        }
        arch_cpu_relax();
    }
}

void reply_destroy_right(struct reply *reply)
{
    for (;;) {
        if (claim(reply, REPLY_CLAIMED)) {
            hand_over(reply, REPLY_LOST);
            return;
        }
        if (change(reply, REPLY_OPEN, REPLY_LOST))
            return;
        if (atomic_load(&reply->state) == REPLY_ORPHAN) {
            reply_free(reply);
            return;
        }
        arch_cpu_relax();
    }
}

bool reply_claim(struct reply *reply, uint32_t word)
{
    return change(reply, word, REPLY_CLAIMED);
}

/* From `word`, for somebody who came by way of the owner: the owner may have given this reply up meanwhile, and
 * its memory be somebody else's. Whose wait it is, is known when it is claimed. */
static bool claim_of(struct reply *reply, uint32_t word, const struct thread *owner)
{
    if ((word & REPLY_STATE_MASK) != REPLY_WAITED || !change(reply, word, REPLY_CLAIMED))
        return false;
    struct thread *found = relaxed_load(reply->owner);
    if (likely(found == owner)) {
        struct thread *holder = relaxed_load(reply->holder);
        atomic_store(&reply->state, REPLY_OPEN); /* Y4 */
        if (holder)
            sched_loan_ended(holder, reply);
        return true;
    }
    atomic_store(&reply->state, word);
    /* Who wanted to end that one's wait at this moment found it claimed: do it for them. */
    if (atomic_load(&found->flags) & THREAD_FLAG_TERMINATE)
        (void)wait_abort(found);
    else if (relaxed_load(found->wait.until) <= arch_counter())
        reply_deadline(found);
    return false;
}

bool reply_end_wait(struct thread *owner, kern_return_t result)
{
    struct reply *reply = relaxed_load(owner->reply);
    if (!reply || !claim_of(reply, atomic_load(&reply->state), owner))
        return exception_end_wait(owner);
    msg_wake_error(owner, result);
    return true;
}

bool reply_end_exception(struct reply *reply, struct thread *owner)
{
    if (!claim_of(reply, atomic_load(&reply->state), owner))
        return false;
    wait_end_written(owner);
    return true;
}

void reply_deadline(struct thread *owner)
{
    struct reply *reply = relaxed_load(owner->reply);
    uint32_t word = reply ? atomic_load(&reply->state) : REPLY_IDLE;
    /* The number in the word tells this wait from a later one, whose deadline we might read. */
    if (word != REPLY_WAITED &&
        __atomic_load_n(&owner->wait.until, __ATOMIC_RELAXED) <= arch_counter() &&
        claim_of(reply, word, owner))
        msg_wake_error(owner, MACH_RCV_TIMED_OUT);
}

/* ---- the owner's side ---- */

kern_return_t reply_prepare(struct thread *self)
{
    struct reply *reply = self->reply;
    uint32_t state = reply ? atomic_load(&reply->state) : REPLY_OPEN;
    if (state == REPLY_IDLE)
        return KERN_SUCCESS;
    if (state == REPLY_OPEN) {
        struct reply *fresh;
        kern_return_t kr = reply_create(self, &fresh);
        if (kr != KERN_SUCCESS)
            return kr;
        if (reply)
            reply_abandon(reply);
        relaxed_store(self->reply, fresh);
        return KERN_SUCCESS;
    }
    struct kmsg *answer = state == REPLY_DONE ? reply->answer : NULL;
    if (answer)
        kmsg_destroy(answer);
    atomic_store(&reply->state, REPLY_IDLE);
    return KERN_SUCCESS;
}

bool reply_wait(struct thread *self, ticks_t until, kern_return_t *why)
{
    struct reply *reply = self->reply;
    uint32_t number = 0;
    if (until != TICKS_NEVER)
        number = ++self->wait_number << REPLY_STATE_BITS;
    *why = wait_begin(self, WAIT_REPLY, NULL, until);
    if (*why != KERN_SUCCESS)
        return false;
    if (!change(reply, REPLY_OPEN, REPLY_WAITED | number)) {
        wait_undo(self); /* it has been answered meanwhile */
        *why = KERN_RETRY;
        return false;
    }
    /* Who came before WAITED was seen found no wait to end (W5). */
    if (atomic_load(&self->flags) & THREAD_FLAG_TERMINATE)
        (void)reply_end_wait(self, MACH_RCV_INTERRUPTED);
    return true;
}
