/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to the default pager, composed as interfaces/default_pager.defs says, in memory that is there (S2). They go beyond the queue's
 * limit, one CPU at a time, without locks.
 */
#include "swap_impl.h"
#include <kern/msg.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/trace.h>
#include <wharf/if/default_pager_types.h>

/* ---- bodies; the lock is held ---- */

static struct kmsg *compose(struct swap_message *message, uint32_t id, const void *body,
                            size_t size)
{
    struct kmsg *msg = &message->message;
    assert(!message->out && size <= KMSG_SMALL);
    kmsg_compose(msg, id, body, size);
    message->out = true;
    return msg;
}

static struct kmsg *compose_request(struct swap_request *request)
{
    struct {
        uint32_t request, slot, count, zero;
    } body = {swap_request_number(request), request->first, request->sent, 0};
    swap_set_state(request, REQ_SENT);
    trace(request->load ? TRACE_SWAP_LOAD : TRACE_SWAP_STORE, body.request, body.slot);
    return compose(&request->message,
                   request->load ? DEFAULT_PAGER_ID_LOAD : DEFAULT_PAGER_ID_STORE, &body,
                   sizeof(body));
}

static struct kmsg *compose_freed(void)
{
    struct {
        uint32_t slot, count;
    } body;
    for (unsigned i = 0; i < SWAP_NOTICES; i++)
        if (!swap.freed[i].out)
            return swap_next_freed(&body.slot, &body.count)
                       ? compose(&swap.freed[i], DEFAULT_PAGER_ID_FREED, &body, sizeof(body))
                       : NULL;
    return NULL;
}

static struct kmsg *compose_drained(void)
{
    struct {
        uint32_t slot, zero;
    } body = {0};
    if (swap.drained.out)
        return NULL;
    if (swap_next_refused(&body.slot))
        return compose(&swap.drained, DEFAULT_PAGER_ID_KEPT, &body, sizeof(body));
    if (swap_next_drained(&body.slot))
        return compose(&swap.drained, DEFAULT_PAGER_ID_DRAINED, &body, sizeof(body));
    return NULL;
}

static struct kmsg *find_due(uint32_t which)
{
    uint32_t due = swap.in_state[REQ_DUE] & which;
    for (struct swap_request *request; (request = swap_next_request(&due));)
        if (!request->message.out)
            return compose_request(request);
    return NULL;
}

/* Who waits for a page comes first, and of slots that are free the pager hears before they can be stored to again. */
static struct kmsg *next_message(void)
{
    struct kmsg *msg;
    if (!swap.port || swap.died)
        return NULL;
    if ((msg = find_due(SWAP_LOAD_BITS)) || (msg = compose_freed()))
        return msg;
    if ((msg = find_due(SWAP_STORE_BITS)))
        return msg;
    return compose_drained();
}

void swap_send(void)
{
    struct kmsg *msg;
    spin_lock(&swap.lock);
    bool sends = !swap.sending;
    swap.sending = true;
    while (sends && (msg = next_message())) {
        struct kright to = swap.pager; /* it stays while somebody sends */
        spin_unlock(&swap.lock);
        port_copy_send(container_of(to.object, struct port, ipc));
        msg_send_from_kernel(&to, msg);
        spin_lock(&swap.lock);
    }
    if (sends)
        swap.sending = false;
    if (sends && swap.died)
        work_start(&swap.work);
    spin_unlock(&swap.lock);
}

void swap_message_init(struct swap_message *message)
{
    kmsg_init_embedded(&message->message);
    message->message.flags |= KMSG_IN_SWAP;
}

void swap_messages_init(void)
{
    static_assert(offsetof(struct swap_message, room) == sizeof(struct kmsg));
    for (unsigned i = 0; i < SWAP_NOTICES; i++)
        swap_message_init(&swap.freed[i]);
    swap_message_init(&swap.drained);
}

void swap_message_done(struct kmsg *msg)
{
    struct swap_message *message = container_of(msg, struct swap_message, message);
    spin_lock(&swap.lock);
    message->out = false;
    work_start(&swap.work); /* something may wait for it */
    spin_unlock(&swap.lock);
}
