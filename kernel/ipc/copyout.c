/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message to the thread that receives it. In order, so that an error leaves the message whole: names
 * are reserved, the buffer is written once to see that it can be, arrays get their memory; then rights get
 * their names, which cannot fail, and the descriptors are written with them.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/map.h>
#include <kern/notify.h>
#include <kern/pageout.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/user_memory.h>
#include <wharf/if/vm_types.h>

void msg_set_header(struct thread *self, uint32_t id, uint64_t control, uint64_t local,
                    uint64_t remote, uint32_t seqno)
{
    struct arch_thread *t = &self->arch;
    arch_message_set(t, MSG_X_DEST, 0);
    arch_message_set(t, MSG_X_ID, id);
    arch_message_set(t, MSG_X_CONTROL, control);
    arch_message_set(t, MSG_X_LOCAL, local);
    arch_message_set(t, MSG_X_RECEIVE, remote);
    arch_message_set(t, MSG_X_DEADLINE, seqno);
    arch_message_set(t, MSG_X_BUFFER, 0);
    arch_message_set(t, MSG_X_BUFFER_SIZE, 0);
}

/* True: S1, it may have become less urgent than somebody who is ready, or more than what it is known to be. */
static inline bool hold(struct thread *self, struct reply *reply, unsigned priority)
{
    relaxed_store(self->held, reply);
    relaxed_store(self->inherited, priority);
    relaxed_store(self->context, &self->own_context);
    if (reply) {
        relaxed_store(reply->holder, self);
        pageout_note_call(reply, self);
        sched_borrow_context(self, reply);
    }
    return sched_effective(self) != relaxed_load(arch_cpu_self()->running_priority);
}

void msg_hold_reply(struct thread *self, struct reply *reply, unsigned priority)
{
    if (hold(self, reply, priority))
        relaxed_store(arch_cpu_self()->reschedule, 1);
}

void msg_hold_and_go_on(struct thread *self, struct reply *reply, unsigned priority)
{
    if (hold(self, reply, priority))
        sched_settle(self);
}

/* ---- names ---- */

static unsigned count_names(const struct kmsg *msg)
{
    unsigned count = msg->reply.object && msg->reply.object->kind != IPC_REPLY;
    for (unsigned i = 0; i < msg->descriptors; i++)
        count += kmsg_descriptor((struct kmsg *)(uintptr_t)msg, i)->kind == MSG_PORT;
    for (const struct kport_array *array = msg->arrays; array; array = array->next)
        count += array->count;
    return count;
}

static mach_port_name_t insert(struct space *space, struct ipc_object *object, uint8_t kind,
                               struct list *later)
{
    struct kright right = {object, kind};
    return space_insert_locked(space, &right, later);
}

/* Objects become names, in the message itself. */
static void insert_all(struct space *space, struct kmsg *msg, mach_port_name_t *reply,
                       struct list *later)
{
    *reply = MSG_NULL;
    spin_lock(&space->lock);
    if (msg->reply.object && msg->reply.object->kind == IPC_REPLY)
        *reply = MSG_REPLY;
    else if (msg->reply.object)
        *reply = space_insert_locked(space, &msg->reply, later);
    else if (msg->reply.kind)
        *reply = MSG_DEAD;
    for (unsigned i = 0; i < msg->descriptors; i++) {
        struct msg_descriptor *d = kmsg_descriptor(msg, i);
        if (d->kind == MSG_PORT)
            d->value =
                insert(space, (struct ipc_object *)(uintptr_t)d->value, d->disposition, later);
    }
    for (struct kport_array *array = msg->arrays; array; array = array->next)
        for (uint32_t i = 0; i < array->count; i++) {
            bool is_null = !array->object[i] && !(array->dead >> i & 1);
            array->object[i] =
                (struct ipc_object *)(uintptr_t)insert(space, array->object[i],
                                                       is_null ? 0 : array->kind, later);
        }
    spin_unlock(&space->lock);
}

/* ---- memory for out-of-line arrays: a page of the receiver's own each ---- */

static kern_return_t place_array(struct thread *self, struct kport_array *array)
{
    struct map_request request = {.pages = 1,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    kern_return_t kr = map_enter(self->task, &request);
    if (kr != KERN_SUCCESS)
        return kr;
    array->address = request.start;
    /* Now, for there is no way back once the names have been made. Taken away meanwhile: not our matter. */
    kr = vm_fault(NULL, self->task, request.start, PROT_WRITE);
    return kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE ? kr : KERN_SUCCESS;
}

static void remove_arrays(struct thread *self, struct kmsg *msg)
{
    for (struct kport_array *array = msg->arrays; array; array = array->next)
        if (array->address) {
            while (map_remove(self->task, array->address, array->address + PAGE_SIZE) == KERN_RETRY)
                ; /* one page: not for long */
            array->address = 0;
        }
}

static kern_return_t place_arrays(struct thread *self, struct kmsg *msg)
{
    for (struct kport_array *array = msg->arrays; array; array = array->next) {
        kern_return_t kr = array->count > 0 ? place_array(self, array) : KERN_SUCCESS;
        if (kr != KERN_SUCCESS) {
            remove_arrays(self, msg);
            return MACH_RCV_NO_SPACE;
        }
    }
    return KERN_SUCCESS;
}

/* The names into the arrays' memory; the descriptors tell where it is. A page taken away by another thread of
 * the task meanwhile gets nothing: the names are there all the same. */
static void write_arrays(struct thread *self, struct kmsg *msg)
{
    mach_port_name_t name[MSG_OOL_PORTS_MAX];
    for (unsigned i = 0; i < msg->descriptors; i++) {
        struct msg_descriptor *d = kmsg_descriptor(msg, i);
        if (d->kind != MSG_OOL_PORTS)
            continue;
        const struct kport_array *array = (const struct kport_array *)(uintptr_t)d->value;
        for (uint32_t n = 0; n < array->count; n++)
            name[n] = (mach_port_name_t)(uintptr_t)array->object[n];
        if (array->count > 0 && user_copyout(self, array->address, name,
                                             array->count * sizeof(name[0])) != KERN_SUCCESS)
            d->flags = 0;
        d->value = array->address;
    }
}

/* ---- out-of-line memory: an entry more in the receiver's map each ---- */

static kern_return_t place_memory(struct thread *self, struct kmsg *msg)
{
    if (likely(!msg->memory) || ool_map_all(self->task, msg->memory) == KERN_SUCCESS)
        return KERN_SUCCESS;
    remove_arrays(self, msg);
    return MACH_RCV_NO_SPACE;
}

/* The data are where they were in their first page. */
static void write_memory(struct kmsg *msg)
{
    for (unsigned i = 0; i < msg->descriptors; i++) {
        struct msg_descriptor *d = kmsg_descriptor(msg, i);
        const struct kool *ool = (const struct kool *)(uintptr_t)d->value;
        if (d->kind != MSG_OOL_MEMORY)
            continue;
        d->value = ool ? ool->memory.start + ool->source % PAGE_SIZE : 0;
    }
}

/* ---- the buffer ---- */

/* Write what does not depend on names, and zeroes where the descriptors will be. */
static kern_return_t try_buffer(struct thread *self, const struct kmsg *msg)
{
    static const uint8_t zero[MSG_DESCRIPTORS_MAX * MSG_DESCRIPTOR_SIZE];
    vaddr_t to = arch_message_get(&self->arch, MSG_X_BUFFER);
    uint32_t head = msg->descriptors * (uint32_t)MSG_DESCRIPTOR_SIZE;
    if (arch_message_get(&self->arch, MSG_X_BUFFER_SIZE) < msg->length)
        return MACH_RCV_TOO_LARGE;
    kern_return_t kr = head > 0 ? user_copyout(self, to, zero, head) : KERN_SUCCESS;
    if (kr == KERN_SUCCESS && msg->length > head)
        kr = user_copyout(self, to + head, (const uint8_t *)kmsg_body(msg) + head,
                          msg->length - head);
    return user_copy_error(kr, MACH_RCV_INVALID_DATA, MACH_RCV_NO_SPACE);
}

static void write_body(struct thread *self, struct kmsg *msg)
{
    if (msg->length <= MSG_REGISTER_BYTES) {
        unsigned words = (msg->length + 7u) / 8;
        if (msg->length % 8) /* behind the end: zero */
            kmsg_body(msg)[words - 1] &= (UINT64_C(1) << msg->length % 8 * 8) - 1;
        arch_message_set_body(&self->arch, kmsg_body(msg), words);
        return;
    }
    vaddr_t to = arch_message_get(&self->arch, MSG_X_BUFFER);
    arch_message_set_body(&self->arch, NULL, 0);
    /* It could be written a moment ago. A task that unmaps its own buffer meanwhile has the names, and
     * zeroes where they should stand: nothing is to be done about it. */
    (void)!(msg->descriptors > 0 &&
            user_copyout(self, to, kmsg_body(msg),
                         msg->descriptors * (size_t)MSG_DESCRIPTOR_SIZE) == KERN_SUCCESS);
}

kern_return_t msg_copyout(struct thread *self, struct kmsg *msg, uint64_t *control)
{
    struct list later = LIST_INIT(later);
    struct space *space = self->task->space;
    unsigned names = count_names(msg);
    *control = MSG_CONTROL(0, msg->how_sent, msg->length, msg->descriptors);
    kern_return_t kr = KERN_SUCCESS;
    if (unlikely(msg->memory) && msg_is_refused(self, msg))
        return MACH_RCV_UNTRUSTED;
    if (names > 0 && space_reserve(space, names) != KERN_SUCCESS)
        return MACH_RCV_NO_SPACE;
    if (msg->length > MSG_REGISTER_BYTES)
        kr = try_buffer(self, msg);
    if (kr == KERN_SUCCESS)
        kr = place_arrays(self, msg);
    if (kr == KERN_SUCCESS)
        kr = place_memory(self, msg);
    if (kr != KERN_SUCCESS) {
        if (names > 0)
            space_unreserve(space, names);
        return kr;
    }
    struct kright reply = msg->reply;
    mach_port_name_t remote = MSG_NULL;
    if (names > 0 || msg->reply.kind)
        insert_all(space, msg, &remote, &later);
    if (msg->arrays)
        write_arrays(self, msg);
    if (msg->memory)
        write_memory(msg);
    write_body(self, msg);
    uint64_t flags = msg->payload ? (uint64_t)MSG_FLAG_PAYLOAD << MSG_FLAGS_SHIFT : 0;
    msg_set_header(self, msg->id, *control | reply.kind | flags, msg->local, remote,
                   msg->flags & KMSG_STAMPED ? msg->seqno : 0);
    if (remote == MSG_REPLY)
        msg_hold_and_go_on(self, reply_of(reply.object), msg->priority);
    msg->reply = (struct kright){0};
    msg->descriptors = 0;
    for (struct kport_array *array = msg->arrays; array; array = array->next)
        array->count = 0;
    kmsg_drop_remote(msg);
    kmsg_free(msg);
    notify_deliver(&later);
    return KERN_SUCCESS;
}
