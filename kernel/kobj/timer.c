/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers that post to a port (interfaces/timer.defs).
 *
 * I1 `armed` <=> `moment` is when it rings next. The deadline is in a queue then, but between its ringing and
 *    the handler's taking the lock; it holds a reference while it is.
 * I2 `out`: the timer's one message is on its way, and holds a reference. What rings meanwhile is counted in
 *    `pending` and goes, as one message, when the first has been received: by the work item, for that may
 *    be found out deep inside a receive. Who starts that holds the lock, and `dead` is false.
 * I3 `ended` is set by the loss of the last send right, once. The work item then makes it `dead`, and drops
 *    the port's reference when nobody has started it anew.
 */
#include "kobj_impl.h"
#include <kern/clock.h>
#include <kern/deadline.h>
#include <kern/kmem.h>
#include <kern/kmsg.h>
#include <kern/msg.h>
#include <kern/string.h>
#include <wharf/if/timer_kernel.h>

struct timer {
    _Atomic uint32_t references; /* the port's, the deadline's, the message's, calls in progress */
    _Atomic bool ended;          /* I3 */
    struct port *port;           /* constant */
    struct ledger *ledger;       /* pays; reference held; constant */
    struct spinlock lock;        /* rank CLOCK; guards what follows */
    bool armed;                  /* I1 */
    bool out;                    /* I2 */
    bool dead;                   /* I3 */
    nanos_t moment, interval;    /* interval 0: once */
    uint64_t pending;            /* I2: expirations to be told of */
    nanos_t last;                /* the latest of them */
    struct kright notify;        /* send, or send-once; null: not set, or it has been used up */
    uint32_t id;                 /* of the message */
    uint64_t payload;
    struct deadline deadline;
    struct work work;
    struct kmsg message; /* its body follows */
    uint64_t room[KMSG_SMALL / 8];
};
static_assert(sizeof(struct timer_expiry) <= KMSG_SMALL);

static KMEM_CACHE(timer_cache, struct timer);
static deadline_handler_t ring;
static work_step_t step;

/* ---- life ---- */

kern_return_t timer_create(struct ledger *ledger, struct kright *out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&timer_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct timer *timer = memory;
    atomic_init(&timer->references, 1);
    spin_init(&timer->lock, LOCK_CLOCK);
    deadline_init(&timer->deadline, ring);
    work_init(&timer->work, step, PRIORITY_MAX); /* receivers may be as urgent */
    kmsg_init_embedded(&timer->message);
    timer->message.flags |= KMSG_OWNED;
    kr = port_create_kobject(ledger, KOBJECT_TIMER, timer, &timer->port);
    if (kr != KERN_SUCCESS) {
        kmem_free(&timer_cache, ledger, timer);
        return kr;
    }
    ledger_ref(ledger);
    timer->ledger = ledger;
    *out = port_send_right(timer->port);
    return KERN_SUCCESS;
}

void timer_ref(struct timer *timer)
{
    atomic_fetch_add_explicit(&timer->references, 1, memory_order_relaxed);
}

void timer_unref(struct timer *timer)
{
    if (atomic_fetch_sub_explicit(&timer->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = timer->ledger;
    kmem_free(&timer_cache, ledger, timer);
    ledger_unref(ledger);
}

/* The port's lock is held; ours comes before it. */
void timer_ended(struct timer *timer)
{
    atomic_store(&timer->ended, true);
    work_start(&timer->work);
}

/* ---- sending ---- */

/* The right that a message goes to; an interval goes on with the same. */
static struct kright take_right(struct timer *timer)
{
    struct kright right = timer->notify;
    if (timer->interval)
        port_copy_send(container_of(right.object, struct port, ipc));
    else
        timer->notify = (struct kright){0};
    return right;
}

/* What is pending goes into the message, if that is not out. The lock is held. True: it is to be sent to *to,
 * without the lock. */
static bool prepare(struct timer *timer, struct kright *to)
{
    if (timer->out || timer->pending == 0)
        return false;
    struct kmsg *msg = &timer->message;
    struct timer_expiry body = {.payload = timer->payload,
                                .moment = timer->last,
                                .count = timer->pending};
    timer->pending = 0;
    msg->id = timer->id;
    msg->length = sizeof(body);
    msg->descriptors = 0;
    msg->flags &= (uint8_t)~KMSG_STAMPED;
    msg->priority = 0;
    msg->how_sent = timer->notify.kind;
    memcpy(kmsg_body(msg), &body, sizeof(body));
    *to = take_right(timer);
    timer->out = true;
    timer_ref(timer); /* I2 */
    return true;
}

void timer_message_done(struct kmsg *message)
{
    struct timer *timer = container_of(message, struct timer, message);
    spin_lock(&timer->lock);
    timer->out = false;
    if (timer->pending > 0 && !timer->dead)
        work_start(&timer->work);
    spin_unlock(&timer->lock);
    timer_unref(timer); /* the message's */
}

/* ---- ringing and setting; the lock is held ---- */

static bool is_alive(const struct kright *right)
{
    if (right->object->kind != IPC_PORT)
        return true;
    struct port *port = container_of(right->object, struct port, ipc);
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    spin_unlock(&port->lock);
    return alive;
}

/* Set to nothing; the right it had is the caller's to destroy without the lock. */
static struct kright disarm(struct timer *timer)
{
    struct kright gone = timer->notify;
    if (deadline_cancel(&timer->deadline))
        timer_unref(timer); /* the caller has one more */
    timer->armed = false;
    timer->pending = 0;
    timer->notify = (struct kright){0};
    return gone;
}

static void start(struct timer *timer)
{
    timer->armed = true;
    timer_ref(timer);
    deadline_arm(&timer->deadline, clock_ticks_at(timer->moment));
}

/* The moment has come, and the deadline is in no queue. */
static void expire(struct timer *timer, nanos_t now)
{
    uint64_t count = timer->interval ? 1 + (now - timer->moment) / timer->interval : 1;
    timer->pending += count;
    timer->last = timer->moment + (count - 1) * timer->interval;
    timer->armed = false;
    if (timer->interval && !__builtin_mul_overflow(count, timer->interval, &count) &&
        !__builtin_add_overflow(timer->moment, count, &timer->moment))
        start(timer);
}

static void ring(struct deadline *deadline)
{
    struct timer *timer = container_of(deadline, struct timer, deadline);
    struct kright to = {0}, gone = {0};
    nanos_t now = clock_now();
    spin_lock(&timer->lock);
    /* It may have been set anew, or cancelled, since it rang. */
    if (timer->armed && timer->moment <= now) {
        if (deadline_cancel(deadline))
            timer_unref(timer);
        if (is_alive(&timer->notify))
            expire(timer, now);
        else
            gone = disarm(timer);
    }
    bool send = prepare(timer, &to);
    spin_unlock(&timer->lock);
    kright_destroy(&gone);
    if (send)
        msg_send_to_right(&to, &timer->message);
    timer_unref(timer); /* the deadline's */
}

/* Send what had to wait, or end. */
static bool step(struct work *work)
{
    struct timer *timer = container_of(work, struct timer, work);
    struct kright to = {0}, gone = {0};
    spin_lock(&timer->lock);
    bool ends = atomic_load(&timer->ended) && !timer->dead;
    if (ends) {
        timer->dead = true;
        gone = disarm(timer);
    }
    bool dead = timer->dead, send = prepare(timer, &to);
    spin_unlock(&timer->lock);
    kright_destroy(&gone);
    if (send)
        msg_send_to_right(&to, &timer->message);
    if (ends)
        port_destroy_kobject(timer->port);
    if (!work_done(work))
        return true;
    if (dead) /* else it may be another CPU's already */
        timer_unref(timer);
    return false;
}

/* ---- calls ---- */

static kern_return_t set(struct timer *timer, nanos_t moment, nanos_t interval, uint64_t payload,
                         uint32_t id, struct kright *notify)
{
    if (!notify->object)
        return KERN_INVALID_CAPABILITY;
    spin_lock(&timer->lock);
    if (timer->dead) {
        spin_unlock(&timer->lock);
        return KERN_TERMINATED;
    }
    struct kright gone = disarm(timer);
    timer->notify = *notify;
    timer->id = id;
    timer->payload = payload;
    timer->interval = interval;
    timer->moment = moment;
    start(timer);
    spin_unlock(&timer->lock);
    *notify = gone; /* destroyed with what the request carried */
    return KERN_SUCCESS;
}

kern_return_t ktimer_arm(struct kcall *call, struct timer *target, uint64_t moment,
                         uint64_t interval, uint64_t payload, uint32_t id, struct kright *notify)
{
    (void)call;
    if (interval != 0 && interval < TIMER_INTERVAL_MIN)
        return KERN_INVALID_ARGUMENT;
    return set(target, moment, interval, payload, id, notify);
}

kern_return_t ktimer_arm_once(struct kcall *call, struct timer *target, uint64_t moment,
                              uint64_t payload, uint32_t id, struct kright *notify)
{
    (void)call;
    return set(target, moment, 0, payload, id, notify);
}

kern_return_t ktimer_cancel(struct kcall *call, struct timer *target, bool *was_armed)
{
    (void)call;
    spin_lock(&target->lock);
    *was_armed = target->armed || target->pending > 0;
    struct kright gone = disarm(target);
    spin_unlock(&target->lock);
    kright_destroy(&gone);
    return KERN_SUCCESS;
}
