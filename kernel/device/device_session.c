/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: a driver has a device, until its port goes (kern/device.h: V1 to V4).
 *
 * The end is a row of phases, each of bounded pieces, under the device's lock. Two may be at it, the work item and a call of
 * close() that waits for it to be done: so nobody waits for somebody who is less urgent.
 */
#include <arch/cpu.h>
#include <kern/device.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/notify.h>
#include <kern/port.h>
#include <kern/task.h>

static KMEM_CACHE(session_cache, struct device_session);
static work_step_t end_step;

enum end_phase { PHASE_SHARES, PHASE_KILL, PHASE_MAPPINGS, PHASE_DMA, PHASE_OVER };

/* ---- life ---- */

static kern_return_t create(struct device *device, struct ledger *ledger,
                            struct device_session **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&session_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct device_session *session = memory;
    atomic_init(&session->references, 1);
    work_init(&session->work, end_step, PRIORITY_REAP);
    kr = port_create_kobject(ledger, KOBJECT_DEVICE_SESSION, session, &session->port);
    if (kr != KERN_SUCCESS) {
        kmem_free(&session_cache, ledger, session);
        return kr;
    }
    ledger_ref(ledger);
    session->ledger = ledger;
    device_ref(device);
    session->device = device;
    *out = session;
    return KERN_SUCCESS;
}

void device_session_ref(struct device_session *session)
{
    atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
}

void device_session_unref(struct device_session *session)
{
    if (atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = session->ledger;
    struct device *device = session->device;
    kmem_free(&session_cache, ledger, session);
    device_unref(device);
    ledger_unref(ledger);
}

/* What the device said to who had it before is not told to this one. The device's lock is held. */
static void forget_edges(struct device *device)
{
    for (unsigned i = 0; i < device->lines; i++)
        irq_line_forget(device->line[i]);
}

kern_return_t device_open(struct device *device, struct ledger *ledger, uint64_t pages,
                          struct kright *out)
{
    struct device_session *session;
    spin_lock(&device->lock);
    kern_return_t kr = device->given_up  ? KERN_TERMINATED
                       : device->session ? KERN_BUSY
                                         : create(device, ledger, &session);
    if (kr == KERN_SUCCESS) {
        device->session = session;
        device->generation++;
        device_dma_session_begins(&device->dma, pages);
        forget_edges(device);
        *out = port_send_right(session->port);
    }
    spin_unlock(&device->lock);
    return kr;
}

bool device_session_enter(struct device_session *session)
{
    spin_lock(&session->device->lock);
    if (!session->ending)
        return true;
    spin_unlock(&session->device->lock);
    return false;
}

/* ---- the end; the device's lock is held ---- */

static bool cut_off_share(struct device_session *session)
{
    struct interrupt *share = session->share[session->share_at];
    if (share)
        interrupt_cut_off(share);
    return ++session->share_at < array_count(session->share);
}

static void kill_memory(struct device_session *session)
{
    for (unsigned i = 0; i < array_count(session->memory); i++)
        if (session->memory[i])
            memory_object_kill(session->memory[i]);
}

static void forget_memory(struct device_session *session)
{
    for (unsigned i = 0; i < array_count(session->memory); i++)
        if (session->memory[i])
            memory_object_unref(session->memory[i]);
}

/* Everything is done: the device is free for the next. What is to be told is put on `later`. */
static void finish(struct device_session *session, struct list *later)
{
    struct device *device = session->device;
    forget_memory(session);
    device->session = NULL; /* V3 */
    notify_prepare(later, &device->closed, device->closed_id, 0, 0);
    device_let_go_locked(device);
}

/* A piece of a phase; true: there is more of the same. */
static bool do_piece(struct device_session *session, struct list *later)
{
    switch ((enum end_phase)session->phase) {
    case PHASE_SHARES: return cut_off_share(session);
    case PHASE_KILL: kill_memory(session); break;
    case PHASE_MAPPINGS: return map_forget_devices(&session->task, &session->at);
    case PHASE_DMA:
        if (device_dma_session_ended(&session->device->dma))
            return true;
        finish(session, later);
        break;
    case PHASE_OVER: break;
    }
    return false;
}

/* True: there is more to do. */
static bool advance(struct device_session *session, struct list *later)
{
    if (session->phase < PHASE_OVER && !do_piece(session, later))
        session->phase++;
    return session->phase < PHASE_OVER;
}

static bool end_piece(struct device_session *session)
{
    struct list later = LIST_INIT(later);
    spin_lock(&session->device->lock);
    bool more = advance(session, &later);
    spin_unlock(&session->device->lock);
    notify_deliver(&later);
    return more;
}

/* V2. The port dies at once, and its reference is the work item's from here on. */
static void begin_end(struct device_session *session)
{
    if (session->ending)
        return;
    session->ending = true;
    port_destroy_kobject(session->port);
}

static bool end_step(struct work *work)
{
    struct device_session *session = container_of(work, struct device_session, work);
    spin_lock(&session->device->lock);
    begin_end(session);
    spin_unlock(&session->device->lock);
    if (end_piece(session) || !work_done(work))
        return true;
    device_session_unref(session);
    return false;
}

/* The port's lock is held. */
void device_session_ended(struct device_session *session)
{
    work_start(&session->work);
}

/* The session that is to be closed, with a reference; NULL: there is none. */
static struct device_session *begin_close(struct device *device)
{
    spin_lock(&device->lock);
    struct device_session *session = device->session;
    if (session) {
        device_session_ref(session);
        if (!session->ending) {
            begin_end(session);
            work_start(&session->work);
        }
    }
    spin_unlock(&device->lock);
    return session;
}

kern_return_t device_close(struct device *device)
{
    struct device_session *session = begin_close(device);
    bool more = session != NULL;
    while (more && !arch_irq_pending())
        more = end_piece(session);
    if (session)
        device_session_unref(session);
    return more ? KERN_RETRY : KERN_SUCCESS;
}
