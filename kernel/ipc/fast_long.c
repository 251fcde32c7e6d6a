/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of messages whose bodies are in memory: they are copied from the sender's to the receiver's,
 * while the receiver is kept where it is - by the port's lock, or because its wait for an answer has been
 * claimed.
 */
#include "fast_way.h"
#include "raise_impl.h"
#include <arch/upcalls.h>

#define LONG_LENGTHS (UINT64_C(0x3ff8) << MSG_LENGTH_SHIFT)

kern_return_t fast_copy_beside_devices(struct thread *self, struct thread *to, vaddr_t dst,
                                       vaddr_t src, uint32_t length)
{
    return pmap_copy_memory_across(self->pmap, to->pmap, dst, src, length);
}

kern_return_t fast_copy_long(struct thread *self, struct thread *to, uint64_t control)
{
    return fast_copy_here(self, to, control);
}

void fast_take_back(struct reply *reply)
{
    struct thread *client = reply->owner;
    atomic_store(&reply->state, REPLY_WAITED);
    if (atomic_load(&client->flags) &
        THREAD_FLAG_TERMINATE) /* who came meanwhile found nothing to end */
        (void)wait_abort(client);
}

bool fast_give_long(struct thread *self, struct reply *reply, uint64_t control)
{
    return fast_give_here(self, reply, control);
}

struct thread *fast_answer_exception(struct thread *self)
{
    return exception_answer_fast(self) ? arch_message_leave_whole(arch_cpu_self()->current) : NULL;
}

struct thread *kern_msg_fast_long(uint64_t dest, FAST_PARAMETERS)
{
    static const struct variant v = {.is_long = true, .has_fp = true};
    uint64_t shape = control & ~LONG_LENGTHS;
    if (msg_length(control) > MSG_BODY_MAX)
        return NULL;
    if (shape == CALL_CONTROL && (uint32_t)receive == MSG_REPLY)
        return fast_call(v, (mach_port_name_t)dest, FAST_ARGUMENTS);
    if (shape == ANSWER_CONTROL && (uint32_t)dest == MSG_REPLY)
        return fast_answer(v, FAST_ARGUMENTS);
    return NULL;
}
