/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt lines that devices have, and the shares in them (kernel/device/irq_line.c, interrupt.c; kernel/ipc/fast_interrupt.c).
 *
 * J1 a line that has fired is active, and cannot fire again, until every share that was told has acknowledged, is bound anew, or is
 *    gone: `owing` counts them, and the line is active as long as it is not 0. A line that signals by edges is completed
 *    at once: edges that come meanwhile are counted.
 * J2 `out`: the share's one message is on its way, and holds a reference. What comes meanwhile is counted in `pending` and goes, as one
 *    message, when the first has been received: by the work item, for that may be found out deep inside a receive.
 * J3 `ended` is set once, by the loss of the last right or by the end of the session. The work item then makes it `dead`, and drops the
 *    port's reference when nobody has started it anew. A dead share is not bound.
 * J4 who finds a line in the table without a lock takes its lock and sees whether it is the one still: records of lines are
 *    type-stable (kern/kmem.h: K4), and one that is free has no number.
 * J6 `only` is the share that a line which is not active tells the fast way: the one that is bound, of a line that signals by a level, with nothing
 *    pending and no message out. NULL: it is not so simple.
 * J7 an edge that comes while nobody is bound stays with the controller, and is told to who binds; but not to the driver of a session that
 *    began later, or of a device that was made later: `irq_line_forget()`. If several devices have the line it cannot be known whose it
 *    was, and it is told.
 * J5 a line that is up still whenever it is completed is masked for a while, and then tried again (irq_line.c).
 */
#pragma once

#include <kern/deadline.h>
#include <kern/device.h>
#include <kern/kmsg.h>
#include <kern/list.h>
#include <kern/spinlock.h>
#include <stdatomic.h>

struct irq_line {
    uint32_t number;        /* J4: 0: none. Written under both locks */
    struct spinlock lock;   /* rank LINE; guards what follows but for `references` */
    uint32_t references;    /* devices that have it; LINES lock */
    bool edge;              /* constant while there is a number */
    bool active;            /* J1 */
    bool storm;             /* J5: masked for that */
    uint32_t owing;         /* J1 */
    uint32_t bound;         /* shares on the list */
    struct interrupt *only; /* J6 */
    struct list shares;     /* interrupt.link */
    uint64_t storms;        /* how often */
    uint32_t firings; /* J5: since it was seen to be down when it was completed, or not looked at */
    struct deadline retry; /* holds no reference: cancelled, or it finds no storm */
    struct ledger *ledger; /* pays; reference held */
};

struct interrupt {
    _Atomic uint32_t references;    /* the port's, the message's, calls in progress */
    _Atomic bool ended;             /* J3 */
    struct port *port;              /* constant, like: */
    struct ledger *ledger;          /* pays; reference held */
    struct device *device;          /* reference held */
    struct irq_line *line;          /* the device's */
    uint32_t index;                 /* of it, in the device */
    struct device_session *session; /* NULL: cut off. The device's lock */
    struct list link; /* on the line's list, if `bound`. The line's lock, like all that follows */
    bool bound, owes, out, dead;
    uint32_t id;
    uint64_t payload;
    struct kright notify; /* send right; null if not bound */
    uint64_t pending, fired;
    nanos_t first;       /* of the pending */
    struct list sending; /* while it is being sent, on a list of the CPU that does */
    struct work work;
    struct kmsg message; /* its body follows */
    uint64_t room[KMSG_SMALL / 8];
};

enum { IRQ_LINES_MAX = 1024 /* what a GIC without extended ranges has */ };
extern struct irq_line *_Atomic irq_line_of[IRQ_LINES_MAX]; /* by number; LINES lock to change */

/** The line with that number, locked. NULL: no device has it. */
static inline struct irq_line *irq_line_enter(unsigned number)
{
    struct irq_line *line = likely(number < IRQ_LINES_MAX)
                                ? atomic_load_explicit(&irq_line_of[number], memory_order_acquire)
                                : NULL;
    if (unlikely(!line))
        return NULL;
    spin_lock(&line->lock);
    if (likely(line->number == number)) /* J4 */
        return line;
    spin_unlock(&line->lock);
    return NULL;
}
/** It can fire again, if it is not masked for a while because it does so too often. The lock is held. */
void irq_line_complete(struct irq_line *line, nanos_t now);
/** Somebody is bound to it now, or nobody any more. The lock is held. */
void irq_line_open(struct irq_line *line);
void irq_line_shut(struct irq_line *line);
