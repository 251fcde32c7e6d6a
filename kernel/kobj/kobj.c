/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel objects have in common (kern/kobj.h: B1 to B3).
 */
#include "kobj_impl.h"
#include <kern/device.h>
#include <kern/paged_object.h>
#include <kern/space.h>
#include <kern/task.h>
#include <kern/thread.h>

struct host host;

kern_return_t kobj_init(void)
{
    static const uint8_t kinds[] = {
        KOBJECT_HOST,     KOBJECT_HOST_MEMORY,  KOBJECT_HOST_TIME,  KOBJECT_HOST_REBOOT,
        KOBJECT_HOST_IRQ, KOBJECT_HOST_DEBUG,   KOBJECT_HOST_TASKS, KOBJECT_CLOCK,
        KOBJECT_SWAP,     KOBJECT_HOST_DEVICES,
    };
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < array_count(kinds) && kr == KERN_SUCCESS; i++) {
        struct port **port = &host.port[kinds[i]];
        kr = port_create_kobject(&kernel_ledger, kinds[i], &host, port);
        if (kr == KERN_SUCCESS)
            (void)port_send_right(*port); /* the kernel's, for good */
    }
    return kr == KERN_SUCCESS ? kclock_init() : kr;
}

kern_return_t thread_name_port(struct thread *thread)
{
    struct space *space = thread->task->space;
    kern_return_t kr = space_reserve(space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kright right = port_send_right(thread->self_port);
    thread->self_name = space_insert(space, &right);
    return KERN_SUCCESS;
}

void kobj_sender_gone(struct port *port)
{
    switch (port->kobject) {
    case KOBJECT_TASK: task_sender_gone(port->object, port->senders); break;
    case KOBJECT_THREAD: {
        struct thread *thread = port->object;
        if (atomic_load_explicit(&thread->started, memory_order_relaxed))
            break;
        if (port->senders == 0)
            thread_terminate(thread); /* parked, it is in no queue whose lock may be held */
        else
            task_sender_gone(thread->task, port->senders);
        break;
    }
    case KOBJECT_TIMER:
        if (port->senders == 0)
            timer_ended(port->object);
        break;
    case KOBJECT_MEMORY_ENTRY:
        if (port->senders == 0)
            memory_entry_ended(port->object);
        break;
    case KOBJECT_DEVICE:
        if (port->senders == 0)
            device_ended(port->object);
        break;
    case KOBJECT_DEVICE_SESSION:
        if (port->senders == 0)
            device_session_ended(port->object);
        break;
    case KOBJECT_INTERRUPT:
        if (port->senders == 0)
            interrupt_ended(port->object);
        break;
    default: break;
    }
}

void *kobj_acquire_locked(struct port *port, enum kobject kind)
{
    void *object = port->object;
    if (port->kobject != (uint8_t)kind || !object)
        return NULL;
    switch (kind) {
    case KOBJECT_TASK: task_ref(object); break;
    case KOBJECT_THREAD: thread_ref(object); break;
    case KOBJECT_TIMER: timer_ref(object); break;
    case KOBJECT_MEMORY_OBJECT: paged_hold(object); break;
    case KOBJECT_DEVICE: device_ref(object); break;
    case KOBJECT_DEVICE_SESSION: device_session_ref(object); break;
    case KOBJECT_INTERRUPT: interrupt_ref(object); break;
    case KOBJECT_MEMORY_ENTRY:
        atomic_fetch_add_explicit(&((struct memory_entry *)object)->references, 1,
                                  memory_order_relaxed);
        break;
    default: break;
    }
    return object;
}

void kobj_release(enum kobject kind, void *object)
{
    switch (kind) {
    case KOBJECT_TASK: task_unref(object); break;
    case KOBJECT_THREAD: thread_unref(object); break;
    case KOBJECT_TIMER: timer_unref(object); break;
    case KOBJECT_MEMORY_ENTRY: memory_entry_unref(object); break;
    case KOBJECT_MEMORY_OBJECT: paged_unhold(object); break;
    case KOBJECT_DEVICE: device_unref(object); break;
    case KOBJECT_DEVICE_SESSION: device_session_unref(object); break;
    case KOBJECT_INTERRUPT: interrupt_unref(object); break;
    default: break;
    }
}

void *kobj_of_right(const struct kright *right, enum kobject kind)
{
    if (!right->object || right->object->kind != IPC_PORT)
        return NULL;
    struct port *port = container_of(right->object, struct port, ipc);
    spin_lock(&port->lock);
    void *object = kobj_acquire_locked(port, kind);
    spin_unlock(&port->lock);
    return object;
}

bool kcall_is_in_pieces(const struct thread *thread)
{
    return thread->progress >> KCALL_PROGRESS_BITS >= KCALL_TAG_TASK_CREATE;
}

uint64_t kcall_progress(const struct kcall *call, enum kcall_tag tag)
{
    uint64_t progress = call->self->progress;
    return progress >> KCALL_PROGRESS_BITS == (uint64_t)tag
               ? progress & ((UINT64_C(1) << KCALL_PROGRESS_BITS) - 1)
               : 0;
}

kern_return_t kcall_again(struct kcall *call, enum kcall_tag tag, uint64_t progress,
                          kern_return_t kr)
{
    call->restart = kr == KERN_RETRY;
    /* A repeat without progress needs no note, and is no call in the midst of anything. */
    call->self->progress =
        call->restart && progress ? (uint64_t)tag << KCALL_PROGRESS_BITS | progress : 0;
    return kr;
}
