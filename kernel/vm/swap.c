/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager's coming and going, and the one work item that does all of page-out that nobody waits for (kern/swap.h,
 * kern/pageout.h): requests, who is to be woken, the hand.
 */
#include "pageout_impl.h"
#include "swap_impl.h"
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/kobj.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/pressure.h>
#include <kern/task.h>

static work_step_t step;

struct swap swap = {.lock = SPINLOCK_INIT(LOCK_SWAP)};

void swap_init(void)
{
    list_init(&swap.waiting);
    list_init(&swap.want_frames);
    list_init(&swap.want_kept);
    swap_requests_init();
    work_init(&swap.work, step,
              PRIORITY_MAX); /* whoever waits for a page or frame may be as urgent */
    swap_messages_init();
    pageout_init();
    pressure_init();
    if (swap_window_init() != KERN_SUCCESS)
        panic("swap: there is no memory for a frame");
}

/* ---- coming ---- */

/* The port's lock is held, and then ours. */
static kern_return_t attach_locked(struct port *port, struct task *task, const struct kright *pager)
{
    if (port->state != PORT_ALIVE || port->kobject || port->object)
        return KERN_INVALID_CAPABILITY;
    spin_lock(&swap.lock);
    bool busy = swap.port || swap.dropping;
    if (!busy) {
        swap.pager = *pager;
        swap.port = port;
        swap.task = task;
        task_ref(task);
        port->default_pager = true;
        swap.wake_waiting = true; /* who found nobody to ask */
        atomic_fetch_add_explicit(&swap.changes, 1, memory_order_relaxed);
    }
    spin_unlock(&swap.lock);
    return busy ? KERN_BUSY : KERN_SUCCESS;
}

kern_return_t swap_set_pager(struct task *task, struct kright *pager, struct kright *control)
{
    if (!pager->object || pager->object->kind != IPC_PORT || pager->kind != MSG_MOVE_SEND)
        return KERN_INVALID_CAPABILITY;
    struct port *port = container_of(pager->object, struct port, ipc);
    spin_lock(&port->lock);
    kern_return_t kr = attach_locked(port, task, pager);
    spin_unlock(&port->lock);
    if (kr != KERN_SUCCESS)
        return kr;
    *pager = (struct kright){0};
    ledger_set_resident(task->ledger, LEDGER_RESIDENT_PAGER, true);
    *control = port_send_right(host.port[KOBJECT_SWAP]);
    pageout_begin_anew();
    work_start(&swap.work); /* what its predecessor was asked for */
    return KERN_SUCCESS;
}

/* ---- going ---- */

void swap_pager_died(void)
{
    spin_lock(&swap.lock);
    swap.died = true;
    work_start(&swap.work);
    spin_unlock(&swap.lock);
}

/* Take it off, when nobody is sending to it; nobody begins to, once it has died. While anything of it is left there is no place for a
 * successor, whose window and requests would be taken for its. */
static void detach(void)
{
    spin_lock(&swap.lock);
    bool goes = swap.died && !swap.sending;
    spin_unlock(&swap.lock);
    if (!goes)
        return;
    swap_window_forget();
    spin_lock(&swap.lock);
    swap_abandon_requests();
    struct kright right = swap.pager;
    struct task *task = swap.task;
    swap.pager = (struct kright){0};
    swap.port = NULL;
    swap.task = NULL;
    swap.died = false;
    swap.pagers++;
    swap.vacant_until = paged_patience_ends();
    for (unsigned i = 0; i < SWAP_AREA_COUNT; i++)
        if (swap.area[i].phase == AREA_GROWING)
            swap.area[i].phase = AREA_GOING; /* who made it does not go on */
    spin_unlock(&swap.lock);
    kright_destroy(&right);
    ledger_set_resident(task->ledger, LEDGER_RESIDENT_PAGER, false);
    task_unref(task);
}

bool swap_awaits_successor(void)
{
    spin_lock(&swap.lock);
    bool awaits = !swap.port && swap.used > 0 && arch_counter() < swap.vacant_until;
    spin_unlock(&swap.lock);
    return awaits;
}

/* ---- the work ---- */

static bool wake_some(void)
{
    spin_lock(&swap.lock);
    bool more = swap_wake_some();
    spin_unlock(&swap.lock);
    return more;
}

/* What there is beside requests. True: there is more at once. */
static bool look_round(void)
{
    enum { STEPS = 4 }; /* of the hand for one look at all else, unless an interrupt waits */
    spin_lock(&swap.lock);
    bool died = swap.died;
    if (!swap.port && swap.used == swap.kept)
        swap_reclaim_kept(); /* nobody keeps what they stand for */
    bool unkept = !swap.port && swap.used > 0 && swap.used == swap.kept;
    spin_unlock(&swap.lock);
    if (died)
        detach();
    bool more = swap_drop_slots() || unkept;
    swap_send();
    if (more)
        return true;
    unsigned steps = 0;
    do {
        more = pageout_step();
    } while (more && ++steps < STEPS && !arch_irq_pending());
    return more;
}

/* All of it, but what fetches pages of areas that go, keeps S2, whoever's memory it handles. Requests come first, as long as there is something to do for
 * them: their number is small, and what others wait for is that they end. */
static bool step(struct work *work)
{
    alloc_forbid(true);
    bool more = swap_work_requests();
    if (more) {
        (void)wake_some();
        alloc_forbid(false);
        return true;
    }
    alloc_forbid(false);
    bool drains =
        swap_drain_some(); /* which needs frames, and so must not keep pages from leaving */
    alloc_forbid(true);
    more = look_round() || drains;
    more |= wake_some();
    pressure_step(more);
    alloc_forbid(false);
    return more || !work_done(work);
}

/* ---- facts ---- */

void swap_facts(struct swap_facts *out)
{
    spin_lock(&swap.lock);
    assert(swap.slots == 0 || pageout_is_enabled()); /* S10 */
    *out = (struct swap_facts){
        .pagers = swap.port != NULL,
        .slots = swap.slots,
        .used = swap.used - swap.kept,
        .kept = swap.kept,
        .in_flight = swap.in_flight,
        .stores = atomic_load_explicit(&swap.stores, memory_order_relaxed),
        .loads = atomic_load_explicit(&swap.loads, memory_order_relaxed),
        .rescues = atomic_load_explicit(&swap.rescues, memory_order_relaxed),
        .lost = atomic_load_explicit(&swap.lost, memory_order_relaxed),
        .unchanged = atomic_load_explicit(&swap.unchanged, memory_order_relaxed),
        .ahead = atomic_load_explicit(&swap.ahead, memory_order_relaxed),
    };
    spin_unlock(&swap.lock);
}
