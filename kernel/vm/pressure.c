/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Levels of memory pressure (kern/pressure.h). All but the beginning of a watch is done by the work item of kernel/vm/swap.c, one CPU at a
 * time: what is marked so needs no lock.
 */
#include "swap_impl.h"
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/deadline.h>
#include <kern/msg.h>
#include <kern/pageout.h>
#include <kern/port.h>
#include <kern/pressure.h>
#include <wharf/if/memory_pressure_types.h>

#define HOLD UINT64_C(500000000)  /* ns before a lower level is believed (L1) */
#define SLOW UINT64_C(1000000000) /* that somebody waits for a frame, for SCARCE */
#define LOOK UINT64_C(1000000)    /* while page-out works, no more often than that; */
#define LINGER \
    UINT64_C(  \
        50000000) /* and while it cannot, as often: who waits waits for frames of others' doing */

enum { WATCHERS = 8 };

struct watcher {
    struct kright right; /* send right; null: the place is free. SWAP lock */
    struct swap_message message;
    enum pressure_level told; /* work item */
};

static deadline_handler_t look_again;

static struct {
    struct watcher watcher[WATCHERS];
    _Atomic uint32_t watchers;
    _Atomic bool died;  /* a watcher's port has */
    _Atomic bool armed; /* `again` is */
    struct deadline again;
    /* Work item. */
    enum pressure_level level;
    nanos_t looked;      /* at it last */
    nanos_t lower_since; /* what is seen is a lower level; 0: it is not */
    nanos_t waits_since; /* 0: nobody waits */
} pressure = {.again = {.handler = look_again}};

static_assert((int)PRESSURE_FULL == MEMORY_PRESSURE_LEVEL_FULL, "told as they are");

void pressure_init(void)
{
    for (unsigned i = 0; i < WATCHERS; i++)
        swap_message_init(&pressure.watcher[i].message);
}

bool pressure_is_watched(void)
{
    return atomic_load_explicit(&pressure.watchers, memory_order_relaxed) > 0;
}

/* ---- watching ---- */

/* The SWAP lock is held. A place whose last message is still on its way is not free. */
static struct watcher *find_place(void)
{
    for (unsigned i = 0; i < WATCHERS; i++)
        if (!pressure.watcher[i].right.object && !pressure.watcher[i].message.out)
            return &pressure.watcher[i];
    return NULL;
}

/* The port's lock is held. */
static kern_return_t watch_locked(struct port *port, const struct kright *right)
{
    if (port->state != PORT_ALIVE || port->kobject || port->object)
        return KERN_INVALID_CAPABILITY;
    if (port->pressure_watcher)
        return KERN_BUSY;
    spin_lock(&swap.lock);
    struct watcher *watcher = find_place();
    if (watcher) {
        watcher->right = *right;
        watcher->told = PRESSURE_NORMAL;
        port->pressure_watcher = true;
        atomic_fetch_add_explicit(&pressure.watchers, 1, memory_order_relaxed);
    }
    spin_unlock(&swap.lock);
    return watcher ? KERN_SUCCESS : KERN_LIMIT;
}

kern_return_t pressure_watch(struct kright *right)
{
    if (!right->object || right->object->kind != IPC_PORT || right->kind != MSG_MOVE_SEND)
        return KERN_INVALID_CAPABILITY;
    struct port *port = container_of(right->object, struct port, ipc);
    spin_lock(&port->lock);
    kern_return_t kr = watch_locked(port, right);
    spin_unlock(&port->lock);
    if (kr != KERN_SUCCESS)
        return kr;
    *right = (struct kright){0};
    work_start(&swap.work);
    return KERN_SUCCESS;
}

void pressure_watcher_died(void)
{
    atomic_store_explicit(&pressure.died, true, memory_order_release);
    work_start(&swap.work);
}

/* Nobody but the work item takes a right away. */
static bool is_dead(const struct watcher *watcher)
{
    struct port *port = container_of(watcher->right.object, struct port, ipc);
    spin_lock(&port->lock);
    bool dead = port->state != PORT_ALIVE;
    spin_unlock(&port->lock);
    return dead;
}

static void drop_dead(void)
{
    if (!atomic_exchange_explicit(&pressure.died, false, memory_order_acquire))
        return;
    for (unsigned i = 0; i < WATCHERS; i++) {
        struct watcher *watcher = &pressure.watcher[i];
        spin_lock(&swap.lock);
        bool taken = watcher->right.object != NULL;
        spin_unlock(&swap.lock);
        if (!taken || !is_dead(watcher))
            continue;
        spin_lock(&swap.lock);
        struct kright right = watcher->right;
        watcher->right = (struct kright){0};
        spin_unlock(&swap.lock);
        kright_destroy(&right);
        if (atomic_fetch_sub_explicit(&pressure.watchers, 1, memory_order_relaxed) == 1)
            pageout_retry(); /* nobody does anything any more for who waits */
    }
}

/* ---- the level ---- */

static enum pressure_level level_of(const struct pressure_sight *sight, nanos_t now)
{
    if (!sight->waits)
        pressure.waits_since = 0;
    else if (pressure.waits_since == 0)
        pressure.waits_since = now;
    if (!sight->in_force)
        return PRESSURE_NORMAL;
    if (sight->stuck && !sight->has_frames)
        return PRESSURE_FULL;
    if (sight->waits && now - pressure.waits_since >= SLOW)
        return PRESSURE_SCARCE;
    if (!sight->leaving)
        return PRESSURE_NORMAL;
    return sight->few_slots ? PRESSURE_SCARCE : PRESSURE_PAGING;
}

static void look_again(struct deadline *deadline)
{
    (void)deadline;
    atomic_store_explicit(&pressure.armed, false, memory_order_release);
    work_start(&swap.work);
}

/* What changes by itself is seen in time. */
static void arm(nanos_t now)
{
    if (!atomic_exchange_explicit(&pressure.armed, true, memory_order_acquire))
        deadline_arm(&pressure.again,
                     clock_ticks_at(now + (pressure.level == PRESSURE_FULL ? LINGER : HOLD)));
}

static void look(nanos_t now)
{
    struct pressure_sight sight;
    pageout_sight(&sight);
    enum pressure_level level = level_of(&sight, now);
    if (level < pressure.level && pressure.lower_since == 0)
        pressure.lower_since = now;
    else if (level >= pressure.level || now - pressure.lower_since >= HOLD) {
        pressure.level = level;
        pressure.lower_since = 0;
    }
    if (pressure.level != PRESSURE_NORMAL || sight.awaited)
        arm(now);
    pageout_watch(sight.awaited, now);
}

/* ---- telling ---- */

/* The SWAP lock is held. */
static struct kmsg *compose(struct watcher *watcher)
{
    const uint64_t body = pressure.level;
    if (!watcher->right.object || watcher->message.out || watcher->told == pressure.level)
        return NULL;
    kmsg_compose(&watcher->message.message, MEMORY_PRESSURE_ID_CHANGED, &body, sizeof(body));
    watcher->message.out = true;
    watcher->told = pressure.level;
    return &watcher->message.message;
}

/* For the first one that is to be told; NULL: there is none. *to: it stays, for nobody else takes it away. */
static struct kmsg *next_message(struct kright *to)
{
    struct kmsg *msg = NULL;
    spin_lock(&swap.lock);
    for (unsigned i = 0; i < WATCHERS && !msg; i++) {
        msg = compose(&pressure.watcher[i]);
        *to = pressure.watcher[i].right;
    }
    spin_unlock(&swap.lock);
    return msg;
}

static void tell_all(void)
{
    struct kright to;
    struct kmsg *msg;
    while (pressure_is_watched() && (msg = next_message(&to))) {
        port_copy_send(container_of(to.object, struct port, ipc));
        msg_send_from_kernel(&to, msg);
    }
}

void pressure_step(bool more)
{
    nanos_t now = clock_now();
    if (more && now - pressure.looked < LOOK)
        return;
    pressure.looked = now;
    drop_dead();
    look(now);
    tell_all();
}
