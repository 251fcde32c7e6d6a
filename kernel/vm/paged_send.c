/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to pagers, composed as interfaces/memory_pager.defs says, in memory that is there (kern/paged_object.h: Q4).
 */
#include <kern/msg.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <wharf/if/memory_pager_types.h>

void paged_message_init(struct paged_object *object, struct pager_message *message)
{
    static_assert(offsetof(struct pager_message, room) == sizeof(struct kmsg));
    message->message = (struct kmsg){0};
    kmsg_init_embedded(&message->message);
    message->message.flags |= KMSG_IN_PAGED;
    message->object = object;
    message->out = false;
}

/* ---- bodies; the lock is held ---- */

static struct kmsg *compose(struct pager_message *message, uint32_t id, const void *body,
                            size_t size)
{
    struct kmsg *msg = &message->message;
    assert(!message->out && size <= KMSG_SMALL);
    kmsg_compose(msg, id, body, size);
    return msg;
}

struct range_body {
    uint64_t offset, length;
};

static struct kmsg *compose_init(struct paged_object *object)
{
    struct {
        struct msg_descriptor control;
        uint32_t page_size, zero;
    } body = {.control = {.kind = MSG_PORT, .disposition = MSG_MOVE_SEND}, .page_size = PAGE_SIZE};
    /* The right itself is made without this lock. */
    struct kmsg *msg = compose(&object->init, MEMORY_PAGER_ID_INIT, &body, sizeof(body));
    object->told = true;
    return msg;
}

static struct kmsg *compose_request(struct page_request *request)
{
    struct {
        struct range_body range;
        uint32_t access, zero;
    } body = {{request->page << PAGE_SHIFT, request->count << PAGE_SHIFT}, request->access, 0};
    request->state = REQUEST_SENT;
    struct kmsg *msg =
        compose(&request->message, MEMORY_PAGER_ID_DATA_REQUEST, &body, sizeof(body));
    msg->priority = request->priority; /* who waits lends it */
    return msg;
}

static struct kmsg *compose_return(struct pager_message *message, const struct paged_run *run)
{
    struct {
        struct range_body range;
        uint8_t dirty, kept, zero[6];
    } body = {{run->page << PAGE_SHIFT, run->count << PAGE_SHIFT}, run->dirty, run->kept, {0}};
    return compose(message, MEMORY_PAGER_ID_DATA_RETURN, &body, sizeof(body));
}

/* ---- what is due ---- */

static struct kmsg *next_request(struct paged_object *object)
{
    struct page_request *request;
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));)
        if (request->state == REQUEST_DUE && !request->message.out)
            return compose_request(request);
    return NULL;
}

/* Looking for pages takes long: once in one go (*looks), the work item goes on. */
static struct kmsg *next_return(struct paged_object *object, unsigned *looks)
{
    struct paged_run run;
    unsigned i = 0;
    while (i < PAGED_RETURNS && object->returned[i].out)
        i++;
    if (!object->returning || i == PAGED_RETURNS)
        return NULL;
    if (++*looks > 1) {
        work_start(&object->work);
        return NULL;
    }
    return paged_next_return(object, &run) ? compose_return(&object->returned[i], &run) : NULL;
}

static struct kmsg *next_completion(struct paged_object *object)
{
    struct range_body body = {object->lock_page << PAGE_SHIFT, object->lock_pages << PAGE_SHIFT};
    if (!object->lock_due || object->locked.out)
        return NULL;
    object->lock_due = false;
    return compose(&object->locked, MEMORY_PAGER_ID_LOCK_COMPLETED, &body, sizeof(body));
}

/* In the order in which they have to arrive. */
static struct kmsg *next_message(struct paged_object *object, unsigned *looks)
{
    struct kmsg *msg;
    if (object->terminate_due && !object->terminate.out) {
        object->terminate_due = object->told = false;
        return compose(&object->terminate, MEMORY_PAGER_ID_TERMINATE, "", 0);
    }
    if (object->init_due && !object->terminate_due) {
        if (object->init.out)
            return NULL; /* all else stands behind it */
        object->init_due = false;
        return compose_init(object);
    }
    if ((msg = next_return(object, looks)))
        return msg;
    if ((msg = next_completion(object)))
        return msg;
    return next_request(object);
}

static struct pager_message *message_of(struct kmsg *msg)
{
    return container_of(msg, struct pager_message, message);
}

static void send(struct paged_object *object, struct kmsg *msg)
{
    struct kright to = object->pager;
    if (msg->id == MEMORY_PAGER_ID_INIT) {
        struct msg_descriptor *d = kmsg_descriptor(msg, 0);
        struct kright control = port_send_right(object->control);
        d->value = (uintptr_t)control.object;
        d->disposition = control.kind;
        msg->descriptors = 1;
    }
    port_copy_send(object->port);
    msg_send_from_kernel(&to, msg);
}

void paged_send(struct paged_object *object)
{
    struct kmsg *msg;
    unsigned looks = 0;
    spin_lock(&object->lock);
    if (object->sending || object->state == PAGED_GONE) { /* who sends looks again afterwards */
        spin_unlock(&object->lock);
        return;
    }
    object->sending = true;
    while ((msg = next_message(object, &looks))) {
        message_of(msg)->out = true;
        paged_hold(object);
        spin_unlock(&object->lock);
        send(object, msg);
        spin_lock(&object->lock);
    }
    object->sending = false;
    if (object->wants_turn) {
        object->wants_turn = false;
        work_start(&object->work);
    }
    spin_unlock(&object->lock);
}

void paged_tell_again(struct paged_object *object)
{
    if (!object->told || object->detached || object->state > PAGED_CACHED)
        return;
    object->init_due = true;
    object->locking = object->lock_due = false;
    paged_ask_again(object);
    paged_return_again(object);
}

/* Is anything due that this message's coming back makes possible? */
static bool has_more(struct paged_object *object)
{
    struct page_request *request;
    bool due = object->init_due || object->terminate_due || object->lock_due || object->returning ||
               object->state == PAGED_DROPPING;
    for (uint32_t left = object->busy; !due && (request = paged_next_busy(object, &left));)
        due = request->state == REQUEST_DUE;
    return due;
}

void paged_message_done(struct kmsg *msg)
{
    struct pager_message *message = message_of(msg);
    struct paged_object *object = message->object;
    spin_lock(&object->lock);
    message->out = false;
    bool back = paged_request_back(object, message);
    if (object->state != PAGED_GONE && (back || has_more(object)))
        work_start(&object->work);
    spin_unlock(&object->lock);
    paged_unhold(object);
}
