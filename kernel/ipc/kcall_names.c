/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights in the answer of a call that is executed by the fast way: they get their names at once, and the answer goes
 * into the caller's registers like any other.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/kcall.h>
#include <kern/notify.h>
#include <kern/task.h>
#include <kern/thread.h>

/* Room for the descriptors before the data, which is of whole words. */
static struct msg_descriptor *make_room(struct kcall *call)
{
    uint64_t *out = call->out;
    size_t head = (size_t)call->out_rights * MSG_DESCRIPTOR_SIZE / sizeof(*out);
    for (size_t i = call->out_size / sizeof(*out); i-- > 0;)
        out[head + i] = out[i];
    call->out_size += (uint32_t)(head * sizeof(*out));
    return call->out;
}

/* The space's lock is held, and entries are reserved. */
static void name_all(struct space *space, struct kcall *call, struct list *later)
{
    struct msg_descriptor *descriptor = make_room(call);
    for (unsigned i = 0; i < call->out_rights; i++) {
        uint8_t kind = call->out_right[i].kind;
        mach_port_name_t name = space_insert_locked(space, &call->out_right[i], later);
        descriptor[i] =
            (struct msg_descriptor){.value = name, .kind = MSG_PORT, .disposition = kind};
    }
}

bool msg_name_rights(struct thread *self, struct kcall *call)
{
    struct list later = LIST_INIT(later);
    struct space *space = self->space;
    if (call->out_size % sizeof(uint64_t) ||
        (size_t)call->out_rights * MSG_DESCRIPTOR_SIZE + call->out_size > MSG_REGISTER_BYTES)
        return false;
    spin_lock(&space->lock);
    bool room = space_reserve_locked(space, call->out_rights) == KERN_SUCCESS;
    if (likely(room))
        name_all(space, call, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    if (room && call->made) { /* its maker has its port */
        if (call->run)
            thread_resume(call->made);
        thread_unref(call->made);
    }
    return room;
}
