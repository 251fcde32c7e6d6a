/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of paged objects (kern/paged_object.h: Q1, Q6). What takes time, or locks that a caller may hold, is done by
 * the object's work item.
 */
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/kmem.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/space.h>
#include <wharf/message.h>

static void init_object(void *memory)
{
    struct paged_object *object = memory;
    spin_init(&object->lock, LOCK_OBJECT);
}

static KMEM_CACHE_STABLE(paged_cache, struct paged_object, cluster, init_object);
static work_step_t step;
static deadline_handler_t too_late;
static _Atomic uint32_t ending; /* objects that nobody maps */

bool paged_object_is_idle(void)
{
    return atomic_load(&ending) == 0;
}

/* ---- holds ---- */

void paged_hold(struct paged_object *object)
{
    [[maybe_unused]] uint32_t before =
        atomic_fetch_add_explicit(&object->holds, 1, memory_order_relaxed);
    assert(before > 0);
}

void paged_unhold(struct paged_object *object)
{
    uint32_t before = atomic_fetch_sub_explicit(&object->holds, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before != 1)
        return;
    struct ledger *ledger = object->object.ledger;
    assert(object->state == PAGED_GONE);
    pageout_disable();
    kmem_free(&paged_cache, ledger, object);
    ledger_unref(ledger);
    atomic_fetch_sub(&ending, 1);
}

/* ---- making ---- */

static void init_messages(struct paged_object *object)
{
    paged_message_init(object, &object->init);
    paged_message_init(object, &object->terminate);
    paged_message_init(object, &object->locked);
    for (unsigned i = 0; i < PAGED_RETURNS; i++)
        paged_message_init(object, &object->returned[i]);
    for (unsigned i = 0; i < PAGED_REQUESTS; i++) {
        struct page_request *request = &object->request[i];
        request->state = REQUEST_FREE;
        request->waking = false;
        request->until = 0;
        list_init(&request->waiters);
        paged_message_init(object, &request->message);
    }
}

/* Nobody else knows of it, but for visitors who take its lock (W4). */
static void begin_life(struct paged_object *object, struct ledger *ledger, struct port *port,
                       uint64_t end)
{
    atomic_init(&object->object.references, 1);
    object->object.kind = OBJECT_PAGED;
    object->object.pages = end;
    object->object.ledger = ledger;
    atomic_init(&object->holds, 1);
    object->state = PAGED_INIT;
    object->sending = object->terminate_due = object->lock_due = object->told = false;
    object->wake_waiting = object->returning = object->locking = object->detached = false;
    object->flushing = object->scanning = object->wants_turn = false;
    object->may_cache = object->moved = false;
    atomic_init(&object->evicted, false);
    object->wake_writers = object->throttled = false;
    object->init_due = true;
    object->busy = 0;
    object->cluster = 1;
    object->why = object->unfetched = object->asked = 0;
    object->dirty = object->loose = object->clean_page = 0;
    object->again = UINT64_MAX;
    object->space = NULL;
    object->admitted = 0;
    list_init(&object->written_link);
    list_init(&object->throttled_link);
    list_init(&object->cached_link);
    deadline_init(&object->deadline, too_late);
    object->port = port;
    port_copy_send(port);
    object->pager = (struct kright){&port->ipc, MSG_MOVE_SEND};
    list_init(&object->waiting);
    list_init(&object->writers);
    work_init(&object->work, step, PRIORITY_MAX); /* those it wakes may be as urgent */
    init_messages(object);
    pageout_enable();
}

static kern_return_t create(struct ledger *ledger, struct port *port, uint64_t end,
                            struct paged_object **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&paged_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct paged_object *object = memory;
    kr = amap_create(ledger, &object->cache);
    if (kr != KERN_SUCCESS)
        goto free_object;
    kr = port_create_kobject(ledger, KOBJECT_MEMORY_OBJECT, object, &object->control);
    if (kr != KERN_SUCCESS)
        goto free_cache;
    ledger_ref(ledger);
    begin_life(object, ledger, port, end);
    *out = object;
    return KERN_SUCCESS;

free_cache:
    amap_unref(object->cache);
free_object:
    kmem_free(&paged_cache, ledger, memory);
    return kr;
}

/* ---- mapping ---- */

/* One mapping more. The port's lock is held, and keeps the object there. */
static void add_mapping(struct paged_object *object, uint64_t end)
{
    spin_lock(&object->lock);
    if (atomic_fetch_add(&object->object.references, 1) == 0) {
        atomic_fetch_sub(&ending, 1);
        work_start(&object->work); /* it was ending */
    }
    if (end > object->object.pages)
        object->object.pages = end;
    spin_unlock(&object->lock);
}

/* The port's object, if it can have one, or `fresh` becomes it. */
static kern_return_t attach(struct port *port, struct paged_object *fresh, uint64_t end,
                            struct paged_object **out)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&port->lock);
    if (port->state != PORT_ALIVE || port->kobject || port->default_pager)
        kr = KERN_INVALID_CAPABILITY;
    else if (port->object)
        add_mapping(*out = port->object, end);
    else if (fresh) {
        spin_lock(&fresh->lock);
        (void)paged_volume_move(fresh, port->space);
        spin_unlock(&fresh->lock);
        relaxed_store(port->object, *out = fresh);
    } else
        kr = KERN_NOT_FOUND;
    spin_unlock(&port->lock);
    return kr;
}

kern_return_t paged_object_find(struct ledger *ledger, const struct kright *pager, uint64_t end,
                                struct memory_object **out)
{
    if (!pager->object || pager->object->kind != IPC_PORT || pager->kind != MSG_MOVE_SEND)
        return KERN_INVALID_CAPABILITY;
    struct port *port = container_of(pager->object, struct port, ipc);
    struct paged_object *fresh = NULL, *object = NULL;
    kern_return_t kr = attach(port, NULL, end, &object);
    if (kr == KERN_NOT_FOUND) {
        kr = create(ledger, port, end, &fresh);
        if (kr == KERN_SUCCESS)
            kr = attach(port, fresh, end, &object);
    }
    if (fresh && object != fresh)
        paged_object_unref(fresh); /* another was faster */
    if (kr == KERN_SUCCESS && object == fresh) {
        paged_hold(object);
        paged_send(object);
        paged_unhold(object);
    }
    if (kr == KERN_SUCCESS)
        *out = &object->object;
    return kr;
}

void paged_object_unref(struct paged_object *object)
{
    spin_lock(&object->lock);
    if (atomic_fetch_sub(&object->object.references, 1) == 1) {
        atomic_fetch_add(&ending, 1);
        work_start(&object->work);
    }
    spin_unlock(&object->lock);
}

/* ---- ends; the lock is held ---- */

static void die(struct paged_object *object, uint64_t why)
{
    object->detached = true;
    if (object->state == PAGED_INIT || object->state == PAGED_READY) {
        object->state = PAGED_DEAD;
        object->why = why;
    }
    object->init_due = object->returning = object->locking = object->lock_due = false;
    object->moved = true; /* counts nowhere any more */
    paged_wake_all(object);
    work_start(&object->work);
}

void paged_object_pager_died(struct paged_object *object)
{
    spin_lock(&object->lock);
    object->told = false;
    die(object, page_result(KERN_MEMORY_FAILURE, 0));
    spin_unlock(&object->lock);
}

void paged_object_moved(struct paged_object *object)
{
    spin_lock(&object->lock);
    if (object->space && object->space != object->port->space)
        paged_tell_again(object); /* Q9 */
    object->moved = true;
    work_start(&object->work);
    spin_unlock(&object->lock);
}

void paged_object_destroy(struct paged_object *object, uint32_t reason)
{
    struct port *port = object->port;
    spin_lock(&port->lock);
    spin_lock(&object->lock);
    if (port->object == object)
        relaxed_store(port->object, NULL);
    if (object->state != PAGED_GONE && !object->detached) {
        object->flushing = object->state == PAGED_READY;
        object->terminate_due = object->told;
        die(object, page_result(KERN_TERMINATED, reason));
    }
    spin_unlock(&object->lock);
    spin_unlock(&port->lock);
}

void paged_set_may_cache(struct paged_object *object, bool may_cache)
{
    object->may_cache = may_cache;
    if (object->state == PAGED_CACHED)
        work_start(&object->work);
}

/* ---- the work item ---- */

static void too_late(struct deadline *deadline)
{
    struct paged_object *object = container_of(deadline, struct paged_object, deadline);
    spin_lock(&object->lock);
    if (object->state == PAGED_ENDING)
        work_start(&object->work);
    spin_unlock(&object->lock);
    paged_unhold(object);
}

static void set_deadline(struct paged_object *object)
{
    object->give_up = paged_patience_ends();
    paged_hold(object);
    deadline_arm(&object->deadline, object->give_up);
}

static void drop_deadline(struct paged_object *object)
{
    if (deadline_cancel(&object->deadline))
        paged_unhold(object); /* not the last: it exists */
}

static bool is_mapped(const struct paged_object *object)
{
    return atomic_load(&((struct paged_object *)(uintptr_t)object)->object.references) > 0;
}

/* These have the lock. True: there is more to do at once. */

static bool begin_dropping(struct paged_object *object)
{
    paged_forget_written(object);
    object->state = PAGED_DROPPING;
    object->scan_page = 0;
    object->returning = object->locking = object->lock_due = false;
    object->again = UINT64_MAX;
    return true;
}

static bool begin_end(struct paged_object *object)
{
    paged_wake_all(object);
    if (object->state != PAGED_READY)
        return begin_dropping(object);
    object->state = PAGED_ENDING;
    object->scanning = true;
    object->scan_page = 0;
    set_deadline(object);
    return true;
}

/* The pager's task pays from now on. */
static void begin_caching(struct paged_object *object)
{
    object->scanning = true;
    object->scan_page = 0;
    paged_cache_add(object);
}

static bool go_on_ending(struct paged_object *object)
{
    if (is_mapped(object) && !object->detached) {
        drop_deadline(object);
        object->state = PAGED_READY;
        paged_wake_all(object);
        return true;
    }
    if (object->scanning && !object->detached) {
        object->scanning = paged_return_all(object, &object->scan_page, !object->may_cache);
        return true;
    }
    if (object->unfetched > 0 && arch_counter() < object->give_up && !object->detached)
        return false;
    drop_deadline(object);
    if (object->detached || !object->may_cache || object->unfetched > 0 || !object->space)
        return begin_dropping(object);
    object->state = PAGED_CACHED;
    begin_caching(object);
    return true;
}

static bool go_on_caching(struct paged_object *object)
{
    bool mapped = is_mapped(object) && !object->detached;
    if (mapped || object->detached || relaxed_load(object->evicted) || !object->may_cache) {
        paged_cache_remove(object);
        if (!mapped)
            return begin_dropping(object);
        object->state = PAGED_READY;
        paged_wake_all(object);
        return true;
    }
    if (object->scanning)
        object->scanning = paged_recharge_some(object, object->space->ledger);
    return object->scanning;
}

/* A pass through its pages, of which those that are written to are returned (kern/pager_volume.h: L2). If it is about to end that
 * is done anyway: others' turn. */
static bool go_on_cleaning(struct paged_object *object)
{
    if (!paged_volume_is_cleaner(object))
        return false;
    bool more = object->state == PAGED_READY && object->loose > 0 &&
                paged_return_all(object, &object->clean_page, false);
    if (!more)
        paged_volume_cleaned(object);
    return more;
}

/* What the state asks for. */
static bool advance(struct paged_object *object)
{
    if (object->locking && object->asked == 0) {
        object->locking = false;
        object->lock_due = true;
    }
    bool more = go_on_cleaning(object);
    if (object->state <= PAGED_DEAD && !is_mapped(object))
        more |= begin_end(object);
    else if (object->state == PAGED_CACHED)
        more |= go_on_caching(object);
    else if (object->state == PAGED_ENDING)
        more |= go_on_ending(object);
    return more;
}

/* All pages have been dropped, and the pager told. The locks of port and object are held. True: there is more to do at once. */
static bool conclude(struct paged_object *object)
{
    if (is_mapped(object)) {
        object->state = object->detached ? PAGED_DEAD : PAGED_INIT;
        object->init_due = !object->detached;
        paged_wake_all(object);
        return true;
    }
    if (!paged_has_no_waiters(object)) {
        paged_wake_all(object);
        return true;
    }
    if (object->port->object == object)
        relaxed_store(object->port->object, NULL);
    object->state = PAGED_GONE;
    return false;
}

/* The pager's volume that it counts in is that of the space where the right is. */
static void follow_right(struct paged_object *object)
{
    struct space *left = NULL;
    spin_lock(&object->port->lock);
    spin_lock(&object->lock);
    struct space *now = object->port->space;
    if (object->detached)
        left = paged_volume_move(object, NULL);
    else if (now && now != object->space)
        left = paged_volume_move(object, now);
    if (left && object->state == PAGED_CACHED && !object->detached) {
        paged_cache_remove(object);
        begin_caching(object);
    }
    object->moved = false;
    spin_unlock(&object->lock);
    spin_unlock(&object->port->lock);
    if (left)
        space_unref(left);
}

static void tear_down(struct paged_object *object)
{
    spin_lock(&object->lock);
    struct space *space = paged_volume_move(object, NULL);
    spin_unlock(&object->lock);
    if (space)
        space_unref(space);
    port_destroy_kobject(object->control);
    amap_unref(object->cache);
    object->cache = NULL;
    kright_destroy(&object->pager);
}

/* No lock is held. True: there is more to do at once. */
static bool drop(struct paged_object *object, bool *gone)
{
    if (paged_drop_some(object))
        return true;
    spin_lock(&object->lock);
    object->init_due = false;
    if (object->told)
        object->terminate_due = true;
    spin_unlock(&object->lock);
    paged_send(object);
    spin_lock(&object->port->lock);
    spin_lock(&object->lock);
    /* While an earlier terminate is out, its coming back starts this anew. */
    object->wants_turn = object->sending;
    bool more = !object->terminate_due && !object->sending && conclude(object);
    *gone = object->state == PAGED_GONE;
    spin_unlock(&object->lock);
    spin_unlock(&object->port->lock);
    if (*gone)
        tear_down(object);
    return more;
}

static bool step(struct work *work)
{
    struct paged_object *object = container_of(work, struct paged_object, work);
    spin_lock(&object->lock);
    bool more = paged_wake_some(object);
    more |= advance(object);
    uint8_t state = object->state;
    bool gone = state == PAGED_GONE, moved = object->moved && !gone;
    if (object->flushing && state == PAGED_DEAD)
        more |= object->flushing = paged_flush_some(object);
    spin_unlock(&object->lock);
    if (moved)
        follow_right(object);
    more |= moved;
    if (state == PAGED_DROPPING)
        more |= drop(object, &gone);
    else if (!gone)
        paged_send(object);
    if (more || !work_done(work))
        return true;
    if (gone)
        paged_unhold(object); /* its existence */
    return false;
}
