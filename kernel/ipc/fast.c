/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of the message trap: a call to a thread that waits for messages, and its answer. The
 * processor goes from one thread to the other, with no queue, no allocation, no run queue and one lock
 * (docs/ipc-budget.md counts the steps). What is here is what happens most of the time, and what is a little
 * less common is in fast_odd.c; all else is left to kern_msg(): until the line "from here on" of each
 * function nothing has been changed.
 *
 * What is done here is what send.c, receive.c and sched.c would do:
 *  - N3: the name is looked up without the space's lock, and looked at again under the port's;
 *  - W1, W2, W4: the server leaves the port's list of waiters under its lock, and is put on it under it;
 *  - Y1 to Y4: the reply goes IDLE -> WAITED by the call, WAITED -> IDLE by the answer;
 *  - S1, S4, S6: the server runs on its caller's context, at no less than its urgency;
 *  - T1, T3: a thread's registers are saved before anybody can find that it waits.
 *
 * The body stays in the processor's registers, and the header goes from those of the sender to those of the
 * receiver.
 */
#include "fast_way.h"
#include <arch/upcalls.h>

struct thread *fast_call_fp(struct port *port, FAST_PARAMETERS)
{
    return call_port(port, self->reply, (struct variant){.has_fp = true}, FAST_ARGUMENTS);
}

struct thread *fast_answer_fp(struct port *port, FAST_PARAMETERS)
{
    return answer_port(port, self->held, (struct variant){.has_fp = true}, FAST_ARGUMENTS);
}

struct thread *kern_msg_fast(uint64_t dest, FAST_PARAMETERS)
{
    static const struct variant v = {.is_long = false};
    if (control & 1 ? !has_shape(control, CALL_CONTROL) || (uint32_t)receive != MSG_REPLY
                    : !has_shape(control, ANSWER_CONTROL) || (uint32_t)dest != MSG_REPLY)
        return msg_oneway_fast(dest, FAST_ARGUMENTS);
    return control & 1 ? fast_call(v, (mach_port_name_t)dest, FAST_ARGUMENTS)
                       : fast_answer(v, FAST_ARGUMENTS);
}
