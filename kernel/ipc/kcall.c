/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to kernel objects: executed at once, in the sender's context (kern/kcall.h). The answer
 * goes into the caller's registers if it waits for it there, else it becomes a message like any other.
 */
#include "msg_impl.h"
#include "names.h"
#include <kern/cpu.h>
#include <kern/kcall.h>
#include <kern/notify.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/user_memory.h>

/* Requests and replies longer than the registers. One call at a time runs on a CPU, and none waits inside. */
struct msg_buffers {
    uint64_t in[MSG_BODY_MAX / 8];
    uint64_t out[MSG_BODY_MAX / 8];
};

kern_return_t msg_cpu_init(struct cpu *cpu)
{
    enum { ORDER = 2 };
    static_assert(sizeof(struct msg_buffers) == PAGE_SIZE << ORDER);
    struct frame *frame;
    if (cpu->msg_buffers)
        return KERN_SUCCESS;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, ORDER, 0, &frame);
    if (kr == KERN_SUCCESS)
        cpu->msg_buffers = frame_memory(frame);
    return kr;
}

/* ---- the request ---- */

static kern_return_t copyin_request(struct thread *self, uint64_t control, uint64_t small[8],
                                    const void **body)
{
    uint32_t length = msg_length(control);
    if (length <= MSG_REGISTER_BYTES) {
        arch_message_get_body(&self->arch, small);
        *body = small;
        return KERN_SUCCESS;
    }
    uint64_t *in = arch_cpu_self()->msg_buffers->in;
    *body = in;
    vaddr_t from = arch_message_get(&self->arch, MSG_X_ADDRESS);
    return user_copy_error(user_copyin(self, in, from, length), MACH_SEND_INVALID_DATA,
                           MACH_SEND_NO_BUFFER);
}

static bool moves(unsigned disposition)
{
    return disposition == MSG_MOVE_SEND || disposition == MSG_MOVE_SEND_ONCE ||
           disposition == MSG_MOVE_RECEIVE;
}

/* Ports only. */
static kern_return_t check_descriptors(const struct msg_descriptor *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (d[i].kind != MSG_PORT || d[i].size || d[i].flags || d[i].zero ||
            d[i].value > UINT32_MAX || !msg_kind_of(d[i].disposition))
            return MACH_SEND_INVALID_TYPE;
    return KERN_SUCCESS;
}

static kern_return_t take_right(struct space *space, struct taken_list *list, uint64_t name,
                                unsigned disposition, struct kright *out)
{
    kern_return_t kr = msg_take(space, list, (mach_port_name_t)name, disposition, out);
    if (kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE)
        return MACH_SEND_NO_BUFFER;
    return kr == KERN_SUCCESS ? kr : MACH_SEND_INVALID_RIGHT;
}

/* Take everything as a message to a program would, and put it back: what is moved is there as often as it is named. */
static kern_return_t rehearse(struct thread *self, uint64_t control, const struct msg_descriptor *d,
                              unsigned count)
{
    struct space *space = self->task->space;
    struct kright right;
    struct taken_list list;
    struct list later;
    list.count = 0; /* alone: the list is long */
    list_init(&later);
    spin_lock(&space->lock);
    kern_return_t kr = msg_take_header(self, &list, control, &right, &right);
    for (unsigned i = 0; i < count && kr == KERN_SUCCESS; i++)
        kr = take_right(space, &list, d[i].value, d[i].disposition, &right);
    msg_take_undo(space, &list, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}

/* Has the local right to be taken before the call? If it needs memory, or its port's receive right is in the request. */
static bool takes_early(uint64_t control, const struct msg_descriptor *d, unsigned count)
{
    bool receive = false;
    for (unsigned i = 0; i < count; i++)
        receive |= d[i].disposition == MSG_MOVE_RECEIVE;
    return msg_local(control) == MSG_MAKE_SEND_ONCE ||
           (msg_local(control) == MSG_MAKE_SEND && receive);
}

/* The rights it carries, and `to`, if it is taken early. A send right that is moved is copied, and given up when the
 * call has been executed: that may have to be repeated. What cannot be copied goes to calls that are not. */
static kern_return_t take_all(struct thread *self, uint64_t control, const struct msg_descriptor *d,
                              unsigned count, struct kcall *call, struct kright *to)
{
    struct taken_list list;
    struct list later = LIST_INIT(later);
    struct space *space = self->task->space;
    kern_return_t kr = KERN_SUCCESS;
    list.count = 0;
    spin_lock(&space->lock);
    if (takes_early(control, d, count))
        kr = msg_take_local(self, &list, control, to);
    for (unsigned i = 0; i < count && kr == KERN_SUCCESS; i++) {
        bool copied = d[i].disposition == MSG_MOVE_SEND;
        kr = take_right(space, &list, d[i].value, copied ? MSG_COPY_SEND : d[i].disposition,
                        &call->right[i]);
    }
    if (kr == KERN_SUCCESS) {
        msg_take_finish(space, &list, &later);
        call->rights = count;
    } else {
        msg_take_undo(space, &list, &later);
        *to = (struct kright){0};
    }
    spin_unlock(&space->lock);
    notify_deliver(&later);
    return kr;
}

/* Everything that the call needs, or nothing. */
static kern_return_t take_rights(struct thread *self, uint64_t control,
                                 const struct msg_descriptor *d, unsigned count, struct kcall *call,
                                 struct kright *to)
{
    unsigned local = msg_local(control);
    bool moved = moves(msg_remote(control));
    kern_return_t kr = check_descriptors(d, count);
    for (unsigned i = 0; i < count; i++)
        moved |= moves(d[i].disposition);
    *to = (struct kright){0};
    if (kr == KERN_SUCCESS && local == MSG_MAKE_REPLY && reply_prepare(self) != KERN_SUCCESS)
        kr = MACH_SEND_NO_BUFFER;
    bool plain = (local == 0 || local == MSG_MAKE_REPLY) && !moved &&
                 (mach_port_name_t)arch_message_get(&self->arch, MSG_X_LOCAL) == MSG_NULL;
    if (kr == KERN_SUCCESS && !plain)
        kr = rehearse(self, control, d, count);
    if (kr == KERN_SUCCESS && (count > 0 || !plain))
        kr = take_all(self, control, d, count, call, to);
    return kr;
}

static void give_up_moved(struct thread *self, const struct msg_descriptor *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (d[i].disposition == MSG_MOVE_SEND && d[i].value != MSG_NULL && d[i].value != MSG_DEAD)
            (void)!space_deallocate(self->task->space, (mach_port_name_t)d[i].value);
}

static void destroy_rights(struct kright *right, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        kright_destroy(&right[i]);
}

/* ---- the answer ---- */

/* As a message, for a reply port, or because it does not fit the caller's registers or buffer. */
static kern_return_t make_message(struct thread *self, struct kcall *call, kern_return_t result,
                                  struct kmsg **out)
{
    uint32_t head = call->out_rights * (uint32_t)MSG_DESCRIPTOR_SIZE;
    struct kmsg *msg;
    /* The call has been executed: the error is one of receiving. */
    if (kmsg_alloc(self->task->ledger, head + call->out_size, &msg) != KERN_SUCCESS)
        return MACH_RCV_NO_SPACE;
    msg->id = (uint32_t)result;
    msg->descriptors = (uint8_t)call->out_rights;
    msg->how_sent = MSG_MOVE_SEND_ONCE;
    for (unsigned i = 0; i < call->out_rights; i++) {
        *kmsg_descriptor(msg, i) =
            (struct msg_descriptor){.value = (uintptr_t)call->out_right[i].object,
                                    .kind = MSG_PORT,
                                    .disposition = call->out_right[i].kind};
        call->out_right[i] = (struct kright){0};
    }
    memcpy((uint8_t *)kmsg_body(msg) + head, call->out, call->out_size);
    *out = msg;
    return KERN_SUCCESS;
}

/* Into the caller's registers: it is short and carries no rights. */
static void answer_in_registers(struct thread *self, struct kcall *call, kern_return_t result)
{
    arch_message_set_body(&self->arch, call->out, (call->out_size + 7) / 8);
    msg_set_header(self, (uint32_t)result, MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, call->out_size, 0), 0,
                   0, 0);
}

void msg_send_to_right(struct kright *to, struct kmsg *msg)
{
    if (!to->object) {
        kmsg_destroy(msg);
    } else if (to->object->kind == IPC_REPLY) {
        struct reply *reply = reply_of(to->object);
        *to = (struct kright){0};
        reply_deliver(reply, msg);
    } else if (to->object->kind == IPC_SONCE) {
        struct port *port = sonce_of(to->object)->port;
        struct kright right = {&port->ipc, MSG_MOVE_SEND_ONCE};
        port_ref(port);
        sonce_free(sonce_of(to->object));
        *to = (struct kright){0};
        msg_send_from_kernel(&right, msg);
    } else {
        msg_send_from_kernel(to, msg);
    }
}

/* The caller waits for the answer in this very trap. */
static bool answers_in_place(const struct thread *self, uint64_t control)
{
    return msg_local(control) == MSG_MAKE_REPLY &&
           (uint32_t)arch_message_get(&self->arch, MSG_X_RECEIVE) == MSG_REPLY;
}

/* STAGE_OVER: the trap is over. */
static enum stage give_answer(struct thread *self, uint64_t control, struct kcall *call,
                              kern_return_t result, struct kright *to, kern_return_t *kr)
{
    struct kmsg *msg;
    bool in_place = answers_in_place(self, control);
    if (in_place && call->out_rights == 0 && call->out_size <= MSG_REGISTER_BYTES) {
        answer_in_registers(self, call, result);
        return STAGE_OVER;
    }
    if (!to->object && msg_local(control) != MSG_MAKE_REPLY)
        return STAGE_DONE; /* nobody wants to know */
    *kr = make_message(self, call, result, &msg);
    if (*kr != KERN_SUCCESS)
        return STAGE_FAILED;
    if (msg_local(control) == MSG_MAKE_REPLY) {
        self->reply->answer = msg;
        atomic_store(&self->reply->state, REPLY_DONE);
    } else {
        msg_send_to_right(to, msg);
    }
    return STAGE_DONE; /* the receive half finds it */
}

/* ---- the call ---- */

/* What was taken early of a call that is repeated. No receive right was in it: it is a right that nobody has heard of. */
static void give_back_early(struct kright *to)
{
    assert(!to->object || to->kind == MSG_MOVE_SEND_ONCE);
    if (to->object)
        sonce_free(sonce_of(to->object));
}

/* The local right, if it has not been taken before: the call may have had to be repeated. If another thread of the task
 * took it away meanwhile, nobody hears of the result. */
static void take_reply_right(struct thread *self, uint64_t control, struct kright *to)
{
    struct taken_list list;
    struct list later = LIST_INIT(later);
    struct space *space = self->task->space;
    unsigned disposition = msg_local(control);
    list.count = 0;
    if (to->object || disposition == 0 || disposition == MSG_MAKE_REPLY)
        return;
    spin_lock(&space->lock);
    if (msg_take_local(self, &list, control, to) == KERN_SUCCESS)
        msg_take_finish(space, &list, &later);
    spin_unlock(&space->lock);
    notify_deliver(&later);
    if (self->held && to->object == &self->held->ipc) { /* handed on */
        relaxed_store(self->held->holder, NULL);
        msg_hold_reply(self, NULL, 0);
    }
}

/* The destination's right is used up, if it was moved. */
static void consume_destination(struct thread *self, uint64_t control)
{
    if (msg_remote(control) == MSG_MOVE_SEND)
        (void)!space_deallocate(self->task->space,
                                (mach_port_name_t)arch_message_get(&self->arch, MSG_X_DEST));
}

/* Its maker has its port, or does not know of it. */
static void settle_thread(struct kcall *call, bool known)
{
    if (!known)
        thread_terminate(call->made);
    else if (call->run)
        thread_resume(call->made);
    thread_unref(call->made);
}

static enum stage conclude(struct thread *self, uint64_t control, struct kcall *call,
                           kern_return_t result, struct kright *to, kern_return_t *kr)
{
    if (result != KERN_SUCCESS)
        call->out_size = 0;
    take_reply_right(self, control, to);
    enum stage stage = give_answer(self, control, call, result, to, kr);
    if (unlikely(call->made))
        settle_thread(call, stage != STAGE_FAILED);
    destroy_rights(call->out_right, call->out_rights);
    kright_destroy(to);
    consume_destination(self, control);
    return stage;
}

kern_return_t msg_conclude_kernel_fast(struct thread *self, uint64_t control, struct kcall *call,
                                       kern_return_t result)
{
    kern_return_t kr = KERN_SUCCESS;
    struct kright to = {0};
    /* Without memory for the answer there is none: what it would have carried has been destroyed. */
    if (conclude(self, control, call, result, &to, &kr) == STAGE_FAILED)
        return kr;
    arch_message_set(&self->arch, MSG_X_DEST, MSG_NULL); /* the send half is done */
    return KERN_SUCCESS;
}

enum stage msg_call_kernel(struct thread *self, struct port *port, kern_return_t *kr)
{
    uint64_t control = arch_message_get(&self->arch, MSG_X_CONTROL);
    uint64_t small_in[8];
    unsigned descriptors = msg_descriptors(control);
    uint32_t head = descriptors * (uint32_t)MSG_DESCRIPTOR_SIZE;
    const void *body;
    struct kright to;
    struct kcall call;
    call.self = self;
    call.port = port;
    call.rights = 0;
    call.out_size = 0;
    call.special = 0;
    call.made = NULL;
    call.out = arch_cpu_self()->msg_buffers->out;
    *kr = copyin_request(self, control, small_in, &body);
    if (*kr == KERN_SUCCESS)
        *kr = take_rights(self, control, body, descriptors, &call, &to);
    if (*kr != KERN_SUCCESS) {
        port_unref(port);
        return STAGE_FAILED;
    }
    call.in = (const uint8_t *)body + head;
    call.in_size = msg_length(control) - head;
    kern_return_t result = kcall_dispatch(&call, (uint32_t)arch_message_get(&self->arch, MSG_X_ID));
    destroy_rights(call.right, call.rights);
    enum stage stage;
    if (call.restart) {
        give_back_early(&to);
        arch_message_repeat(&self->arch);
        atomic_store(&arch_cpu_self()->reschedule,
                     1); /* interrupts, and who is more urgent; the turn is kept */
        if (unlikely(self->page.object))
            paged_wait(self);
        stage = STAGE_STOPPED;
    } else {
        self->progress = 0; /* the object may have gone between two pieces */
        stage = conclude(self, control, &call, result, &to, kr);
        give_up_moved(self, body, descriptors);
    }
    port_unref(port);
    return stage;
}
