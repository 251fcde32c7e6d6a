/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the sender: the body's bytes, then its rights.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/panic.h>
#include <kern/task.h>
#include <kern/user_memory.h>

kern_return_t msg_check_control(uint64_t control)
{
    if (control >> MSG_FLAGS_SHIFT & ~(uint64_t)MSG_FLAG_TRUSTED ||
        msg_length(control) > MSG_BODY_MAX || msg_descriptors(control) > MSG_DESCRIPTORS_MAX ||
        msg_descriptors(control) * MSG_DESCRIPTOR_SIZE > msg_length(control))
        return msg_length(control) > MSG_BODY_MAX ? MACH_SEND_TOO_LARGE : MACH_SEND_INVALID_HEADER;
    return KERN_SUCCESS;
}

/* Names of an out-of-line array, into the objects' places. */
static kern_return_t copyin_array(struct thread *self, struct kmsg *msg, struct msg_descriptor *d)
{
    struct kport_array *array;
    mach_port_name_t name[MSG_OOL_PORTS_MAX];
    if (d->size > MSG_OOL_PORTS_MAX)
        return MACH_SEND_TOO_LARGE;
    kern_return_t kr = KERN_SUCCESS;
    if (d->size > 0)
        kr = user_copyin(self, name, d->value, d->size * sizeof(name[0]));
    if (kr != KERN_SUCCESS)
        return user_copy_error(kr, MACH_SEND_INVALID_DATA, MACH_SEND_NO_BUFFER);
    if (kmsg_add_array(msg, &array) != KERN_SUCCESS)
        return MACH_SEND_NO_BUFFER;
    for (uint32_t i = 0; i < d->size; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): user_copyin() wrote them */
        array->object[i] = (struct ipc_object *)(uintptr_t)name[i];
    }
    array->kind = d->disposition;
    d->value = (uintptr_t)array;
    /* array->count stays 0 until rights are in it. */
    return KERN_SUCCESS;
}

static kern_return_t check_descriptor(const struct msg_descriptor *d)
{
    if (d->kind > MSG_OOL_PORTS || d->zero)
        return MACH_SEND_INVALID_TYPE;
    if (d->kind == MSG_OOL_MEMORY)
        return d->disposition || d->flags & ~MSG_DEALLOCATE ? MACH_SEND_INVALID_TYPE : KERN_SUCCESS;
    if (!msg_kind_of(d->disposition) || d->flags ||
        (d->kind == MSG_PORT && (d->size || d->value > UINT32_MAX)))
        return MACH_SEND_INVALID_TYPE;
    return KERN_SUCCESS;
}

/* What there may not be too much of in one message. */
struct amounts {
    unsigned rights, memories;
    uint64_t bytes;
};

static kern_return_t count_descriptor(struct amounts *sum, const struct msg_descriptor *d)
{
    switch (d->kind) {
    case MSG_PORT: sum->rights++; break;
    case MSG_OOL_PORTS:
        sum->rights += d->size > MSG_RIGHTS_MAX ? MSG_RIGHTS_MAX + 1 : d->size;
        break;
    default:
        sum->memories += d->size > 0;
        sum->bytes += d->size;
        break;
    }
    bool fits = sum->rights <= MSG_RIGHTS_MAX && sum->memories <= MSG_OOL_MEMORIES_MAX &&
                sum->bytes <= MSG_OOL_MEMORY_MAX;
    return fits ? KERN_SUCCESS : MACH_SEND_TOO_LARGE;
}

static kern_return_t copyin_descriptors(struct thread *self, struct kmsg *msg, unsigned count)
{
    struct amounts sum = {0};
    for (unsigned i = 0; i < count; i++) {
        struct msg_descriptor *d = kmsg_descriptor(msg, i);
        kern_return_t kr = check_descriptor(d);
        if (kr == KERN_SUCCESS)
            kr = count_descriptor(&sum, d);
        if (kr != KERN_SUCCESS)
            return kr;
        if (d->kind == MSG_OOL_PORTS)
            kr = copyin_array(self, msg, d);
        else if (d->kind == MSG_OOL_MEMORY)
            kr = msg_add_memory(msg, d);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    return KERN_SUCCESS;
}

/* A descriptor of a body in registers is out of line, which needs memory that the message's ledger pays. */
static bool is_out_of_line(const struct thread *self, unsigned descriptors)
{
    struct msg_descriptor d[MSG_REGISTER_BYTES / MSG_DESCRIPTOR_SIZE];
    if (descriptors == 0)
        return false;
    arch_message_get_body(&self->arch, (uint64_t *)(void *)d);
    for (unsigned i = 0; i < descriptors; i++)
        if (d[i].kind != MSG_PORT)
            return true;
    return false;
}

/* Memory for the message. A short call lies in the reply that answers it, which is the caller's and IDLE: nobody else has
 * use for that memory until the message has been received, or destroyed, for the right to the reply is in it. */
static kern_return_t get_memory(struct thread *self, uint64_t control, struct kmsg **out)
{
    uint32_t length = msg_length(control);
    if (length > KMSG_SMALL || msg_local(control) != MSG_MAKE_REPLY ||
        is_out_of_line(self, msg_descriptors(control)))
        return kmsg_alloc(self->task->ledger, length, out);
    struct kmsg *msg = &self->reply->message;
    msg->flags &= (uint8_t)~KMSG_STAMPED; /* what a port wrote when it was used before */
    msg->payload = false;
    msg->local = 0;
    msg->length = (uint16_t)length;
    msg->descriptors = 0;
    *out = msg;
    return KERN_SUCCESS;
}

/* Names and bytes. */
static kern_return_t copyin_body(struct thread *self, uint64_t control, struct kmsg *msg)
{
    uint32_t length = msg_length(control);
    kern_return_t kr = KERN_SUCCESS;
    if (length <= MSG_REGISTER_BYTES) {
        if (length > 0)
            arch_message_get_body(&self->arch, kmsg_body(msg));
    } else {
        vaddr_t from = arch_message_get(&self->arch, MSG_X_ADDRESS);
        kr = user_copy_error(user_copyin(self, kmsg_body(msg), from, length),
                             MACH_SEND_INVALID_DATA, MACH_SEND_NO_BUFFER);
    }
    if (kr == KERN_SUCCESS)
        kr = copyin_descriptors(self, msg, msg_descriptors(control));
    msg->id = (uint32_t)arch_message_get(&self->arch, MSG_X_ID);
    msg->how_sent = (uint8_t)msg_remote(control);
    return kr;
}

kern_return_t msg_copyin(struct thread *self, uint64_t control, struct kmsg **out)
{
    kern_return_t kr = KERN_SUCCESS;
    struct kmsg *msg = unlikely(self->sending) ? msg_go_on_copying(self, control) : NULL;
    bool is_new = !msg;
    if (likely(is_new)) {
        if (get_memory(self, control, &msg) != KERN_SUCCESS)
            return MACH_SEND_NO_BUFFER;
        kr = copyin_body(self, control, msg);
    }
    if (kr == KERN_SUCCESS && unlikely(msg->memory))
        kr = msg_copy_memory(self, control, msg, is_new);
    if (kr != KERN_SUCCESS && kr != KERN_RETRY)
        kmsg_free(msg); /* it has no rights yet: msg->descriptors is 0 */
    *out = msg;
    return kr;
}

/* ---- rights; the space's lock is held ---- */

kern_return_t msg_take(struct space *space, struct taken_list *list, mach_port_name_t name,
                       unsigned disposition, struct kright *out)
{
    assert(list->count < array_count(list->right));
    kern_return_t kr = space_take(space, name, disposition, out);
    if (kr == KERN_SUCCESS)
        list->right[list->count++] = (struct taken){*out, name, (uint8_t)disposition};
    return kr;
}

/* A receive right is on its way to `dest` from here on: no circles. */
static kern_return_t take_checked(struct space *space, struct taken_list *list,
                                  mach_port_name_t name, unsigned disposition, struct port *dest,
                                  struct kright *out)
{
    kern_return_t kr = msg_take(space, list, name, disposition, out);
    if (kr != KERN_SUCCESS)
        return kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE ? MACH_SEND_NO_BUFFER
                                                                : MACH_SEND_INVALID_RIGHT;
    if (out->kind == MSG_MOVE_RECEIVE)
        kr = transit_begin(port_of(out->object), dest);
    return kr;
}

static kern_return_t take_array(struct space *space, struct taken_list *list,
                                struct kport_array *array, uint32_t count, struct port *dest)
{
    unsigned disposition = array->kind;
    for (uint32_t i = 0; i < count; i++) {
        struct kright right;
        mach_port_name_t name = (mach_port_name_t)(uintptr_t)array->object[i];
        kern_return_t kr = take_checked(space, list, name, disposition, dest, &right);
        if (kr != KERN_SUCCESS)
            return kr;
        array->object[i] = right.object;
        if (!right.object && right.kind)
            array->dead |= UINT64_C(1) << i;
    }
    array->kind = (uint8_t)msg_kind_of(disposition);
    array->count = count;
    return KERN_SUCCESS;
}

static kern_return_t take_descriptor(struct space *space, struct taken_list *list,
                                     struct msg_descriptor *d, struct port *dest)
{
    struct kright right;
    if (d->kind == MSG_OOL_MEMORY)
        return KERN_SUCCESS;
    if (d->kind == MSG_OOL_PORTS) {
        struct kport_array *array = (struct kport_array *)(uintptr_t)d->value;
        kern_return_t kr = take_array(space, list, array, d->size, dest);
        d->disposition = array->kind;
        return kr;
    }
    kern_return_t kr =
        take_checked(space, list, (mach_port_name_t)d->value, d->disposition, dest, &right);
    if (kr != KERN_SUCCESS)
        return kr;
    d->value = (uintptr_t)right.object;
    d->disposition = right.kind;
    return KERN_SUCCESS;
}

kern_return_t msg_take_body(struct space *space, struct taken_list *list, struct kmsg *msg,
                            unsigned descriptors, struct port *dest)
{
    for (unsigned i = 0; i < descriptors; i++) {
        kern_return_t kr = take_descriptor(space, list, kmsg_descriptor(msg, i), dest);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    msg->descriptors = (uint8_t)descriptors;
    return KERN_SUCCESS;
}

void msg_take_undo(struct space *space, struct taken_list *list, struct list *later)
{
    while (list->count > 0) {
        struct taken *t = &list->right[--list->count];
        if (t->right.kind == MSG_MOVE_RECEIVE)
            transit_end(port_of(t->right.object));
        space_untake(space, t->name, t->disposition, &t->right, later);
    }
}

void msg_take_finish(struct space *space, struct taken_list *list, struct list *later)
{
    for (unsigned i = 0; i < list->count; i++)
        space_finish(space, list->right[i].name, list->right[i].disposition, &list->right[i].right,
                     later);
}
