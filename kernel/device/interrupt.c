/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices' shares in interrupt lines (interfaces/interrupt.defs, kern/interrupt.h: J1 to J3).
 */
#include <arch/irq.h>
#include <kern/clock.h>
#include <kern/interrupt.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/msg.h>
#include <kern/string.h>
#include <wharf/if/interrupt_kernel.h>

enum { SHARES_MAX = 12 /* bound to one line: they are told one after the other */ };
static_assert(sizeof(struct interrupt_occurrence) <= KMSG_SMALL);

static KMEM_CACHE(interrupt_cache, struct interrupt);
static work_step_t step;

/* ---- shares; the line's lock is held ---- */

/* J6: lines of one driver, that signal by a level, are what most are. */
static void note_only(struct irq_line *line)
{
    struct interrupt *first = list_entry(line->shares.next, struct interrupt, link);
    bool plain =
        line->bound == 1 && !line->edge && line->owing == 0 && !first->out && first->pending == 0;
    line->only = plain ? first : NULL;
}

/* A share that was told has acknowledged, or is gone. */
static void settle(struct interrupt *share)
{
    struct irq_line *line = share->line;
    if (!share->owes)
        return;
    share->owes = false;
    if (--line->owing == 0 && line->active)
        irq_line_complete(line, clock_now());
    note_only(line);
}

/* The right it had is the caller's to destroy, without the lock. */
static struct kright unbind(struct interrupt *share)
{
    struct kright gone = share->notify;
    struct irq_line *line = share->line;
    if (!share->bound)
        return (struct kright){0};
    share->notify = (struct kright){0};
    share->bound = false;
    share->pending = 0;
    list_remove(&share->link);
    if (--line->bound == 0)
        irq_line_shut(line);
    note_only(line);
    settle(share);
    return gone;
}

static void bind(struct interrupt *share, uint32_t id, uint64_t payload, struct kright notify)
{
    struct irq_line *line = share->line;
    share->notify = notify;
    share->id = id;
    share->payload = payload;
    share->bound = true;
    list_push_back(&line->shares, &share->link);
    if (line->bound++ == 0)
        irq_line_open(line);
    note_only(line);
}

/* One more send right to a port that is alive. */
static bool copy_if_alive(const struct kright *right, struct kright *out)
{
    struct port *port = container_of(right->object, struct port, ipc);
    spin_lock(&port->lock);
    bool alive = port->state == PORT_ALIVE;
    if (alive) {
        port->senders++;
        port_ref(port);
    }
    spin_unlock(&port->lock);
    *out = alive ? *right : (struct kright){0};
    return alive;
}

/* What is pending goes into the message, if that is not out: true, and it has to be sent, without the lock. */
static bool prepare(struct interrupt *share)
{
    if (share->out || share->pending == 0 || !copy_if_alive(&share->notify, &share->message.remote))
        return false;
    struct interrupt_occurrence body = {.payload = share->payload,
                                        .moment = share->first,
                                        .count = share->pending};
    share->pending = 0;
    kmsg_compose(&share->message, share->id, &body, sizeof(body));
    share->out = true;
    interrupt_ref(share); /* J2 */
    return true;
}

static void send(struct interrupt *share)
{
    struct kright to = share->message.remote;
    share->message.remote = (struct kright){0};
    msg_send_from_kernel(&to, &share->message);
}

static void note(struct interrupt *share, nanos_t now)
{
    if (share->pending++ == 0)
        share->first = now;
    share->fired++;
    if (!share->line->edge && !share->owes) {
        share->owes = true;
        share->line->owing++;
    }
}

static bool is_heard(const struct interrupt *share)
{
    const struct port *port = container_of(share->notify.object, struct port, ipc);
    return relaxed_load(port->state) == PORT_ALIVE;
}

/* Everybody who is bound is told. Those whose port has died are unbound by their work item. */
static void tell_all(struct irq_line *line, nanos_t now, struct list *sending)
{
    for (struct list *at = line->shares.next; at != &line->shares; at = at->next) {
        struct interrupt *share = list_entry(at, struct interrupt, link);
        if (unlikely(!is_heard(share))) {
            work_start(&share->work);
            continue;
        }
        note(share, now);
        if (prepare(share))
            list_push_back(sending, &share->sending);
        else if (!share->out) /* the port has died in this moment */
            work_start(&share->work);
    }
}

/* The line's lock is held. */
static void fire(struct irq_line *line, nanos_t now, struct list *sending)
{
    line->active = true;
    tell_all(line, now, sending);
    if (line->owing == 0)
        irq_line_complete(line, now);
}

/* The line's lock is held, and released. */
static void deliver(struct irq_line *line, nanos_t now)
{
    struct list sending = LIST_INIT(sending);
    if (likely(line->bound > 0)) {
        fire(line, now, &sending);
    } else { /* it was masked too late for this one */
        irq_line_shut(line);
        irq_line_complete(line, now);
    }
    note_only(line);
    spin_unlock(&line->lock);
    while (!list_is_empty(&sending))
        send(list_entry(list_pop_front(&sending), struct interrupt, sending));
}

bool interrupt_deliver(unsigned number)
{
    struct irq_line *line = irq_line_enter(number);
    if (unlikely(!line))
        return false;
    line->only = NULL;
    deliver(line, clock_now());
    return true;
}

/* Of what somebody is bound to now. */
uint64_t interrupt_fired(struct interrupt *share)
{
    spin_lock(&share->line->lock);
    uint64_t fired = share->fired;
    spin_unlock(&share->line->lock);
    return fired;
}

void interrupt_message_done(struct kmsg *message)
{
    struct interrupt *share = container_of(message, struct interrupt, message);
    spin_lock(&share->line->lock);
    share->out = false;
    note_only(share->line);
    if (!share->dead && share->bound && (share->pending > 0 || !is_heard(share)))
        work_start(&share->work);
    spin_unlock(&share->line->lock);
    interrupt_unref(share); /* the message's */
}

/* ---- life ---- */

kern_return_t interrupt_create(struct ledger *ledger, struct device_session *session,
                               unsigned index, struct kright *out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&interrupt_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct interrupt *share = memory;
    atomic_init(&share->references, 1);
    work_init(&share->work, step, PRIORITY_MAX); /* receivers may be as urgent */
    list_init(&share->link);
    list_init(&share->sending);
    kmsg_init_embedded(&share->message);
    share->message.flags |= KMSG_IN_INTERRUPT;
    kr = port_create_kobject(ledger, KOBJECT_INTERRUPT, share, &share->port);
    if (kr != KERN_SUCCESS) {
        kmem_free(&interrupt_cache, ledger, share);
        return kr;
    }
    ledger_ref(ledger);
    share->ledger = ledger;
    device_ref(session->device);
    share->device = session->device;
    share->line = session->device->line[index];
    share->index = index;
    share->session = session;
    session->share[index] = share;
    *out = port_send_right(share->port);
    return KERN_SUCCESS;
}

void interrupt_ref(struct interrupt *share)
{
    atomic_fetch_add_explicit(&share->references, 1, memory_order_relaxed);
}

void interrupt_unref(struct interrupt *share)
{
    if (atomic_fetch_sub_explicit(&share->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = share->ledger;
    struct device *device = share->device;
    kmem_free(&interrupt_cache, ledger, share);
    device_unref(device);
    ledger_unref(ledger);
}

void interrupt_ended(struct interrupt *share)
{
    atomic_store(&share->ended, true);
    work_start(&share->work);
}

/* The device's lock is held. The right that is left over goes with the work item. */
static void detach(struct interrupt *share)
{
    if (share->session) {
        share->session->share[share->index] = NULL;
        share->device->interrupts += interrupt_fired(share);
    }
    share->session = NULL;
}

/* At once, for the session's end has to know that nobody is told any more. It has ended when the line can be locked again: nobody binds it
 * anew, and the work item, which may be running, does not find it ended and frees it before it has been started once more. */
void interrupt_cut_off(struct interrupt *share)
{
    detach(share);
    spin_lock(&share->line->lock);
    struct kright gone = unbind(share);
    share->notify = gone; /* not bound: destroyed by step() */
    interrupt_ended(share);
    spin_unlock(&share->line->lock);
}

/* What has to be done without a calling thread; the line's lock is held. */
static bool look(struct interrupt *share, struct kright *gone, bool *sends)
{
    bool ends = atomic_load(&share->ended) && !share->dead;
    *sends = false;
    if (ends || (share->bound && !is_heard(share))) {
        *gone = share->bound ? unbind(share) : share->notify;
        share->notify = (struct kright){0};
    }
    share->dead |= ends;
    if (share->bound)
        *sends = prepare(share);
    note_only(share->line);
    return ends;
}

static bool step(struct work *work)
{
    struct interrupt *share = container_of(work, struct interrupt, work);
    struct kright gone = {0};
    bool sends;
    if (atomic_load(&share->ended)) {
        spin_lock(&share->device->lock);
        detach(share);
        spin_unlock(&share->device->lock);
    }
    spin_lock(&share->line->lock);
    bool ends = look(share, &gone, &sends);
    bool dead = share->dead;
    spin_unlock(&share->line->lock);
    kright_destroy(&gone);
    if (sends)
        send(share);
    if (ends)
        port_destroy_kobject(share->port);
    if (!work_done(work))
        return true;
    if (dead) /* else it may be another CPU's already */
        interrupt_unref(share);
    return false;
}

/* ---- calls ---- */

/* A port that somebody receives from. */
static bool can_be_told(const struct kright *notify)
{
    return notify->object && notify->object->kind == IPC_PORT &&
           !relaxed_load(container_of(notify->object, struct port, ipc)->kobject);
}

kern_return_t kinterrupt_bind(struct kcall *call, struct interrupt *target, uint32_t id,
                              uint64_t payload, struct kright *notify)
{
    (void)call;
    if (notify->kind && !can_be_told(notify))
        return KERN_INVALID_CAPABILITY;
    spin_lock(&target->line->lock);
    bool room = target->bound || target->line->bound < SHARES_MAX;
    if (target->dead || atomic_load(&target->ended) || !room) {
        spin_unlock(&target->line->lock);
        return room ? KERN_TERMINATED : KERN_LIMIT;
    }
    struct kright gone = unbind(target);
    if (notify->object)
        bind(target, id, payload, *notify);
    spin_unlock(&target->line->lock);
    *notify = gone; /* destroyed with what the request carried */
    return KERN_SUCCESS;
}

kern_return_t kinterrupt_acknowledge(struct kcall *call, struct interrupt *target)
{
    (void)call;
    spin_lock(&target->line->lock);
    settle(target);
    spin_unlock(&target->line->lock);
    return KERN_SUCCESS;
}

kern_return_t kinterrupt_acknowledged(struct kcall *call, struct interrupt *target)
{
    return kinterrupt_acknowledge(call, target);
}

kern_return_t kinterrupt_info(struct kcall *call, struct interrupt *target, uint64_t *fired,
                              uint64_t *storms, bool *masked)
{
    (void)call;
    spin_lock(&target->line->lock);
    *fired = target->fired;
    *storms = target->line->storms;
    *masked = target->line->storm || target->line->bound == 0;
    spin_unlock(&target->line->lock);
    return KERN_SUCCESS;
}
