/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast way of an interrupt: the line is one driver's, whose thread waits to receive: it gets the message in its saved registers, and, if it is
 * more urgent than what was interrupted, the processor. Everything else is left to kernel/device/interrupt.c. The rules are those of
 * fast_oneway.c; there is no sender, and so no body in registers that would have to be kept. Until the line "from here on"
 * nothing has been changed.
 */
#include "fast_impl.h"
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/clock.h>
#include <kern/interrupt.h>
#include <kern/sched.h>
#include <kern/thread.h>
#include <wharf/if/interrupt_types.h>

/* The port's lock is held; its set's comes after it. */
[[gnu::noinline]] static struct thread *take_of_set(struct port *port)
{
    struct port_set *set = port->set;
    bool plain = (port->head & PORT_HEAD_MASK) == PORT_HEAD && list_is_empty(&port->blocked);
    if (!plain || !set || !spin_trylock(&set->lock))
        return NULL;
    struct thread *receiver = take_receiver(port, &set->receivers);
    spin_unlock(&set->lock);
    return receiver;
}

/* The words of struct interrupt_occurrence, and zero. */
static_assert(sizeof(struct interrupt_occurrence) == 24);

static inline struct thread *give(struct port *port, const struct interrupt *share, nanos_t now)
{
    if (unlikely(!spin_trylock(&port->lock)))
        return NULL;
    struct thread *receiver =
        likely(port->head == PORT_HEAD) ? take_receiver(port, &port->receivers) : take_of_set(port);
    if (unlikely(!receiver)) {
        spin_unlock(&port->lock);
        return NULL;
    }

    /* From here on it is done. */
    uint32_t seqno = port->seqno++;
    uint64_t local = port->local, payload = port->has_payload;
    spin_unlock(&port->lock);
    const uint64_t words[] = {share->payload, now, 1};
    set_header(receiver, share->id,
               MSG_CONTROL(0, MSG_MOVE_SEND, sizeof(words), 0) |
                   payload << MSG_FLAGS_SHIFT, /* MSG_FLAG_PAYLOAD */
               local, MSG_NULL, seqno);
    arch_message_set_body(&receiver->arch, words, array_count(words));
    arch_message_set(&receiver->arch, MSG_X_BUFFER, 0);
    arch_message_set(&receiver->arch, MSG_X_BUFFER_SIZE, 0);
    return receiver;
}

/* The line's lock is held. NULL: it is not as it is most of the time. */
static inline struct thread *tell(struct irq_line *line, ticks_t counter)
{
    struct interrupt *share = line->only;
    if (unlikely(!share))
        return NULL;
    struct thread *receiver = give(container_of(share->notify.object, struct port, ipc), share,
                                   clock_nanos_of(counter - clock_rate.origin));
    if (unlikely(!receiver))
        return NULL;
    line->only = NULL;
    line->active = true;
    line->owing = 1;
    share->owes = true;
    share->fired++;
    return receiver;
}

/* It may be a thread that has the processor, interrupted in user mode, or none. */
void kern_interrupt_fast(unsigned number)
{
    struct irq_line *line = irq_line_enter(number);
    if (unlikely(!line)) {
        kern_interrupt_slow(number);
        return;
    }
    ticks_t counter = arch_counter();
    struct thread *receiver = tell(line, counter);
    spin_unlock(&line->lock);
    if (likely(receiver))
        sched_ready_from_interrupt(receiver, counter);
    else
        kern_interrupt_slow(number);
}
