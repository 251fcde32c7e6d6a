/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages with out-of-line memory: its way from the descriptor to the copy, and what the sender loses with it (kern/ool.h says
 * what becomes of the memory itself). Copies are made in pieces: the message is kept by the thread, which repeats its trap.
 * Nothing else has been done then, so that an error leaves everything as it was. What the sender loses goes when the message is
 * on its way, in pieces, too.
 */
#include "msg_impl.h"
#include <arch/cpu.h>
#include <kern/cpu.h>
#include <kern/ool.h>
#include <kern/paged_object.h>
#include <kern/task.h>
#include <kern/user_memory.h>

static uint64_t pages_of(const struct msg_descriptor *d)
{
    return (d->value % PAGE_SIZE + d->size + PAGE_MASK) >> PAGE_SHIFT;
}

uint32_t msg_peek_memory(struct thread *self, uint64_t control)
{
    struct msg_descriptor d[MSG_DESCRIPTORS_MAX];
    unsigned count = msg_descriptors(control);
    uint64_t pages = 0;
    if (msg_length(control) <= MSG_REGISTER_BYTES)
        arch_message_get_body(&self->arch, (uint64_t *)(void *)d);
    else if (user_copyin(self, d, arch_message_get(&self->arch, MSG_X_ADDRESS),
                         count * sizeof(d[0])) != KERN_SUCCESS)
        return 0; /* the error comes when the body is wanted */
    for (unsigned i = 0; i < count; i++)
        if (d[i].kind == MSG_OOL_MEMORY && d[i].size > 0)
            pages += pages_of(&d[i]);
    return pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
}

uint32_t kmsg_count_memory(const struct kmsg *msg)
{
    uint64_t pages = 0;
    for (const struct kool *ool = msg->memory; ool; ool = ool->next)
        pages += ool->memory.pages;
    return (uint32_t)pages;
}

bool msg_is_refused(struct thread *self, const struct kmsg *msg)
{
    bool was_pagers = false;
    if (!(msg_flags(arch_message_get(&self->arch, MSG_X_CONTROL)) & MSG_FLAG_TRUSTED))
        return false;
    for (const struct kool *ool = msg->memory; ool; ool = ool->next)
        was_pagers |= ool->was_pagers;
    return was_pagers;
}

/* ---- the copy ---- */

kern_return_t msg_add_memory(struct kmsg *msg, struct msg_descriptor *d)
{
    struct kool *ool;
    bool moves = d->flags & MSG_DEALLOCATE;
    d->flags = 0;
    if (d->size == 0) {
        d->value = 0;
        return KERN_SUCCESS;
    }
    kern_return_t kr = ool_create(msg->ledger, d->value, d->size, moves, &ool);
    if (kr != KERN_SUCCESS)
        return kr == KERN_INVALID_ADDRESS ? MACH_SEND_INVALID_MEMORY : MACH_SEND_NO_BUFFER;
    ool->next = msg->memory;
    msg->memory = ool;
    d->value = (uintptr_t)ool;
    return KERN_SUCCESS;
}

/* The trap is in the midst of something that it has to go on with (thread.building). */
static void repeat(struct thread *self)
{
    self->building = true;
    arch_message_repeat(&self->arch);
    atomic_store(&arch_cpu_self()->reschedule, 1);
}

static kern_return_t keep(struct thread *self, uint64_t control, struct kmsg *msg)
{
    self->sending = msg;
    self->sending_control = control;
    if (self->page.object)
        self->building = true; /* msg.c repeats it after a wait */
    else
        repeat(self);
    return KERN_RETRY;
}

/* Making the message took long enough; who goes on always gets further. */
kern_return_t msg_copy_memory(struct thread *self, uint64_t control, struct kmsg *msg, bool is_new)
{
    if (is_new && arch_irq_pending())
        return keep(self, control, msg);
    for (struct kool *ool = msg->memory; ool; ool = ool->next) {
        kern_return_t kr = ool_copy_some(self, ool);
        if (kr == KERN_SUCCESS)
            continue;
        if (kr == KERN_RETRY)
            return keep(self, control, msg);
        return kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE ? MACH_SEND_NO_BUFFER
                                                                : MACH_SEND_INVALID_MEMORY;
    }
    return KERN_SUCCESS;
}

/* Only who changes the program's instructions in the midst comes here with another message. */
struct kmsg *msg_go_on_copying(struct thread *self, uint64_t control)
{
    struct kmsg *msg = self->sending;
    if (self->sending_control != control) {
        msg_stop_copying(self);
        return NULL;
    }
    self->sending = NULL;
    return msg;
}

void msg_stop_copying(struct thread *self)
{
    if (self->sending)
        kmsg_free(self->sending); /* it has no rights yet */
    self->sending = NULL;
}

/* ---- what the sender loses ---- */

void msg_note_losses(struct thread *self, struct kmsg *msg)
{
    for (struct kool *ool = msg->memory; ool; ool = ool->next) {
        if (!ool->loss)
            continue;
        ool->loss->next = self->losing;
        self->losing = ool->loss;
        ool->loss = NULL;
    }
}

static void forget_loss(struct thread *self)
{
    struct ool_loss *loss = self->losing;
    self->losing = loss->next;
    ool_free_loss(self->task->ledger, loss);
}

/* It has been split where it has to be (ool_copy.c): if that fails, somebody else has changed it meanwhile, and it stays. */
enum stage msg_lose_memory(struct thread *self)
{
    while (self->losing) {
        if (map_remove_some(self->task, &self->losing->start, self->losing->end) == KERN_RETRY) {
            repeat(self);
            return STAGE_STOPPED;
        }
        forget_loss(self);
    }
    self->building = false;
    return STAGE_DONE;
}

void msg_end_memory(struct thread *thread)
{
    msg_stop_copying(thread);
    while (thread->losing)
        forget_loss(thread);
}
