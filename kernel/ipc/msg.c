/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message trap: send, then receive (wharf/message.h). Arguments are in the thread's saved
 * registers and results go there, so that whoever ends a wait can write them.
 *
 * When the send half is done, its registers say so (destination 0): a trap that is repeated does
 * only what is left (D1).
 */
#include "msg_impl.h"
#include "names.h"
#include "raise_impl.h"
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/notify.h>
#include <kern/paged_object.h>
#include <kern/sched.h>
#include <kern/task.h>

/* Nothing to receive: the trap ends here. */
static void finish(struct thread *self)
{
    arch_message_fail(&self->arch, KERN_SUCCESS);
}

static void fail(struct thread *self, kern_return_t kr)
{
    uint64_t control = arch_message_get(&self->arch, MSG_X_ID);
    if (unlikely(
            self->page.object)) { /* for want of a page: what is left of the trap is repeated */
        arch_message_repeat(&self->arch);
        paged_wait(self);
        return;
    }
    self->progress = 0;            /* of a call in pieces that could not be repeated; */
    page_wait_forget(&self->page); /* nor is what it was told about a page of use */
    arch_message_fail(&self->arch, kr);
    if (kr == MACH_RCV_TOO_LARGE)
        arch_message_set(&self->arch, MSG_X_CONTROL, control);
}

/* The whole of it, whatever it is. */
[[gnu::noinline]] static void send_and_receive(struct thread *self)
{
    kern_return_t kr = KERN_SUCCESS;
    enum stage stage = STAGE_DONE;
    uint32_t dest = (uint32_t)arch_message_get(&self->arch, MSG_X_DEST);
    if (dest != MSG_NULL) {
        if (unlikely(self->losing)) /* the message is on its way */
            stage = msg_lose_memory(self);
        else if (!msg_send_queued(self, &stage, &kr))
            stage = msg_send(self, &kr);
        if (stage == STAGE_DONE)
            arch_message_set(&self->arch, MSG_X_DEST, MSG_NULL);
    } else if (msg_receive_queued(self)) {
        return;
    }
    if (stage == STAGE_DONE) {
        if ((uint32_t)arch_message_get(&self->arch, MSG_X_RECEIVE) == MSG_NULL) {
            finish(self);
            return;
        }
        stage = msg_receive(self, &kr);
    }
    if (stage == STAGE_FAILED)
        fail(self, kr);
}

void kern_msg(struct thread *self)
{
    struct reply *held = self->held;
    if ((uint32_t)arch_message_get(&self->arch, MSG_X_DEST) != MSG_REPLY || !held ||
        !held->for_exception || !exception_answer_fast(self))
        send_and_receive(self);
}

/* An entry that is not promised to anybody. The space's lock is held. */
static inline kern_return_t have_entry(struct space *space)
{
    if (likely(!space->dead && space_free_count(space) > space->reserved))
        return KERN_SUCCESS;
    kern_return_t kr = space_reserve_locked(space, 1);
    if (kr == KERN_SUCCESS)
        space->reserved--; /* it is used at once */
    return kr;
}

int64_t reply_keep(struct thread *self)
{
    struct reply *reply = self->held;
    struct space *space = self->space;
    mach_port_name_t name = MSG_NULL;
    if (!reply)
        return -(int64_t)MACH_RCV_NO_REPLY;
    spin_lock(&space->lock);
    kern_return_t kr = have_entry(space);
    if (likely(kr == KERN_SUCCESS)) {
        /* Y1: before somebody can answer by the name. The holder stays, for reports: it lends no more (kernel/sched/lend.c). */
        relaxed_store(self->held, NULL);
        name = entry_new_once(space, &reply->ipc);
    }
    spin_unlock(&space->lock);
    if (unlikely(kr != KERN_SUCCESS))
        return -(int64_t)kr;
    msg_hold_and_go_on(self, NULL, 0);
    return name;
}

void thread_end_messages(struct thread *thread)
{
    msg_return_handed(thread);
    msg_end_memory(thread);
    msg_pass_turn(thread, thread->send_turn);
    struct reply *held = thread->held, *own = thread->reply;
    relaxed_store(thread->held, NULL);
    relaxed_store(thread->reply, NULL);
    if (held)
        reply_destroy_right(held);
    if (own)
        reply_abandon(own);
    spin_lock(&thread->task->lock); /* who lists the task's threads takes rights to their ports */
    struct port *port = thread->self_port;
    thread->self_port = NULL;
    spin_unlock(&thread->task->lock);
    port_destroy_kobject(port);
}
