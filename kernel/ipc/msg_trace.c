/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of messages, as traces tell it: class 6 of kern/trace_events.def. A message has a number there, by which its sending and its
 * receiving are known to be of the same; an answer has that of its call, and is of another kind.
 *
 * The number of a call is kept in the reply that awaits the answer; that of a message on its way to a port where its local name will
 * stand, with a mark above it: of a message that was sent before the trace began anything may stand there.
 */
#include "msg_impl.h"
#include <kern/cpu.h>
#include <kern/kobj.h>
#include <kern/task.h>
#include <kern/trace.h>

/* What an event is about; in the upper half of its second argument. */
enum kind { KIND_ONEWAY, KIND_CALL, KIND_ANSWER, KIND_KERNEL };

#define MARK (UINT64_C(0x7f10e57a) << 32)

/* As events are counted, and so another one than that of any other message whose sending the same trace tells. */
static uint32_t new_number(void)
{
    const struct cpu *cpu = arch_cpu_self();
    return (uint32_t)(cpu->trace.head + 1) * MAX_CPUS + cpu->number;
}

static void record(enum trace_number event, uint32_t number, const struct thread *thread,
                   uint32_t id, enum kind kind)
{
    trace_record(event, number | (uint64_t)(thread ? thread->id : 0) << 32,
                 id | (uint64_t)kind << 32);
}

/* ---- by way of ports and replies ---- */

static void trace_answer(const struct thread *self, const struct kmsg *msg,
                         const struct reply *answered)
{
    uint32_t number = relaxed_load(answered->traced);
    if (number != 0)
        record(TRACE_MESSAGE_SEND, number, self, msg->id, KIND_ANSWER);
}

void msg_trace_send(const struct thread *self, struct kmsg *msg, const struct port *port,
                    const struct reply *answered)
{
    trace_record(TRACE_MSG_SEND, msg->id, port ? port->name : 0);
    if (!trace_is_on(TRACE_MESSAGE_SEND))
        return;
    if (!port) {
        trace_answer(self, msg, answered);
        return;
    }
    uint32_t number = new_number();
    bool is_call = self->reply && msg->reply.object == &self->reply->ipc;
    if (is_call)
        relaxed_store(self->reply->traced, number);
    msg->local = MARK | number;
    record(TRACE_MESSAGE_SEND, number, self, msg->id, is_call ? KIND_CALL : KIND_ONEWAY);
}

/* What devices and timers send is nobody's. */
void msg_trace_send_from_kernel(struct kmsg *msg)
{
    bool is_nobodys = msg->flags & (KMSG_IN_INTERRUPT | KMSG_IN_TIMER);
    uint32_t number = new_number();
    msg->local = MARK | number;
    record(TRACE_MESSAGE_SEND, number, is_nobodys ? NULL : arch_cpu_self()->current, msg->id,
           KIND_KERNEL);
}

void msg_trace_receive(const struct kmsg *msg, const struct thread *receiver)
{
    if ((msg->flags & KMSG_STAMPED) || (msg->local & ~(uint64_t)UINT32_MAX) != MARK)
        return;
    record(TRACE_MESSAGE_RECEIVE, (uint32_t)msg->local,
           receiver ? receiver : arch_cpu_self()->current, msg->id,
           msg->reply.kind ? KIND_CALL : KIND_ONEWAY);
}

void msg_trace_answered(const struct thread *self)
{
    struct reply *reply = self->reply;
    uint32_t number = relaxed_load(reply->traced);
    if (number == 0)
        return;
    relaxed_store(reply->traced, 0);
    record(TRACE_MESSAGE_RECEIVE, number, self, 0, KIND_ANSWER);
}

/* ---- from one thread to the other, with the processor ---- */

/* By way of `next`, which is here: `self` may be anywhere by now, and its reply given up. */
void msg_trace_switch(const struct thread *self, const struct thread *next)
{
    bool is_call = (uint32_t)arch_message_get(&next->arch, MSG_X_RECEIVE) == MSG_REPLY;
    uint32_t id = (uint32_t)arch_message_get(&next->arch, MSG_X_ID);
    struct reply *reply = is_call ? next->held : next->reply;
    uint32_t number = is_call ? new_number() : relaxed_load(reply->traced);
    relaxed_store(reply->traced, is_call ? number : 0);
    enum kind kind = is_call ? KIND_CALL : KIND_ANSWER;
    if (number != 0 && trace_is_on(TRACE_MESSAGE_SEND))
        record(TRACE_MESSAGE_SEND, number, self, id, kind);
    trace(TRACE_SCHED_SWITCH, self->id, next->id);
    if (number != 0 && trace_is_on(TRACE_MESSAGE_RECEIVE))
        record(TRACE_MESSAGE_RECEIVE, number, next, id, kind);
}
