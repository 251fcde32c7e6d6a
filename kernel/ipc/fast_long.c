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

bool fast_copy_long(struct thread *self, struct thread *to, uint64_t control)
{
    uint32_t length = msg_length(control);
    vaddr_t dst = arch_message_get(&to->arch, MSG_X_BUFFER);
    vaddr_t src = arch_message_get(&self->arch, MSG_X_ADDRESS);
    if (arch_message_get(&to->arch, MSG_X_BUFFER_SIZE) < length)
        return false;
    if (unlikely(map_has_devices(&self->task->map)))
        return pmap_copy_memory_across(self->pmap, to->pmap, dst, src, length) == KERN_SUCCESS;
    return pmap_copy_across(to->pmap, dst, src, length) == KERN_SUCCESS;
}

bool fast_give_long(struct thread *self, struct reply *reply, uint64_t control)
{
    struct thread *client = reply->owner;
    uint32_t waited = REPLY_WAITED;
    if (!atomic_compare_exchange_strong(&reply->state, &waited, REPLY_CLAIMED))
        return false;
    if (likely(fast_copy_long(self, client, control))) {
        atomic_store(&reply->state, REPLY_IDLE);
        return true;
    }
    atomic_store(&reply->state, REPLY_WAITED);
    if (atomic_load(&client->flags) &
        THREAD_FLAG_TERMINATE) /* who came meanwhile found nothing to end */
        (void)wait_abort(client);
    return false;
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
