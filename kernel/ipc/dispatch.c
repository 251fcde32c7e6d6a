/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interface a kernel object answers: by the kind of its port and the message's id (kern/kcall.h).
 * The object is taken hold of under the port's lock and kept for the call (kern/kobj.h: B1).
 */
#include <kern/exception.h>
#include <kern/kcall.h>
#include <kern/kobj.h>
#include <kern/port.h>
#include <wharf/if/clock_kernel.h>
#include <wharf/if/device_control_kernel.h>
#include <wharf/if/device_kernel.h>
#include <wharf/if/exception_ports_kernel.h>
#include <wharf/if/host_debug_kernel.h>
#include <wharf/if/host_devices_kernel.h>
#include <wharf/if/host_irq_kernel.h>
#include <wharf/if/host_kernel.h>
#include <wharf/if/host_memory_kernel.h>
#include <wharf/if/host_reboot_kernel.h>
#include <wharf/if/host_tasks_kernel.h>
#include <wharf/if/host_time_kernel.h>
#include <wharf/if/interrupt_kernel.h>
#include <wharf/if/memory_entry_kernel.h>
#include <wharf/if/memory_object_kernel.h>
#include <wharf/if/port_kernel.h>
#include <wharf/if/swap_kernel.h>
#include <wharf/if/task_kernel.h>
#include <wharf/if/thread_kernel.h>
#include <wharf/if/timer_kernel.h>
#include <wharf/if/vm_kernel.h>

enum { NUMBER_BITS = 8, NUMBER_MASK = 0xff };

static kern_return_t call_task(struct kcall *call, struct task *task, uint32_t id)
{
    uint32_t number = id & NUMBER_MASK;
    switch (id & ~(uint32_t)NUMBER_MASK) {
    case TASK_BASE: return task_demux(call, task, number);
    case PORT_BASE: return port_demux(call, task, number);
    case VM_BASE: return vm_demux(call, task, number);
    case EXCEPTION_PORTS_BASE:
        return exception_ports_demux(
            call, &(struct exception_place){.slot = EXCEPTION_OF_TASK, .task = task}, number);
    default: return MIG_BAD_ID;
    }
}

static kern_return_t call_thread(struct kcall *call, struct thread *thread, uint32_t id)
{
    uint32_t number = id & NUMBER_MASK;
    switch (id & ~(uint32_t)NUMBER_MASK) {
    case THREAD_BASE: return thread_demux(call, thread, number);
    case EXCEPTION_PORTS_BASE:
        return exception_ports_demux(
            call, &(struct exception_place){.slot = EXCEPTION_OF_THREAD, .thread = thread}, number);
    default: return MIG_BAD_ID;
    }
}

static kern_return_t call_tasks(struct kcall *call, uint32_t id)
{
    uint32_t number = id & NUMBER_MASK;
    switch (id & ~(uint32_t)NUMBER_MASK) {
    case HOST_TASKS_BASE: return host_tasks_demux(call, &host, number);
    case EXCEPTION_PORTS_BASE:
        return exception_ports_demux(call, &(struct exception_place){.slot = EXCEPTION_OF_HOST},
                                     number);
    default: return MIG_BAD_ID;
    }
}

/* The others answer one interface each; a number outside of it is none. */
kern_return_t kcall_execute(struct kcall *call, unsigned kind, void *object, uint32_t id)
{
    switch (kind) {
    case KOBJECT_TASK: return call_task(call, object, id);
    case KOBJECT_THREAD: return call_thread(call, object, id);
    case KOBJECT_HOST_TASKS: return call_tasks(call, id);
    case KOBJECT_HOST: return host_demux(call, &host, id - HOST_BASE);
    case KOBJECT_HOST_MEMORY: return host_memory_demux(call, &host, id - HOST_MEMORY_BASE);
    case KOBJECT_HOST_TIME: return host_time_demux(call, &host, id - HOST_TIME_BASE);
    case KOBJECT_HOST_REBOOT: return host_reboot_demux(call, &host, id - HOST_REBOOT_BASE);
    case KOBJECT_HOST_IRQ: return host_irq_demux(call, &host, id - HOST_IRQ_BASE);
    case KOBJECT_CLOCK: return clock_demux(call, &host, id - CLOCK_BASE);
    case KOBJECT_HOST_DEBUG: return host_debug_demux(call, &host, id - HOST_DEBUG_BASE);
    case KOBJECT_TIMER: return timer_demux(call, object, id - TIMER_BASE);
    case KOBJECT_MEMORY_ENTRY: return memory_entry_demux(call, object, id - MEMORY_ENTRY_BASE);
    case KOBJECT_MEMORY_OBJECT: return memory_object_demux(call, object, id - MEMORY_OBJECT_BASE);
    case KOBJECT_HOST_DEVICES: return host_devices_demux(call, &host, id - HOST_DEVICES_BASE);
    case KOBJECT_DEVICE: return device_control_demux(call, object, id - DEVICE_CONTROL_BASE);
    case KOBJECT_DEVICE_SESSION: return device_demux(call, object, id - DEVICE_BASE);
    case KOBJECT_INTERRUPT: return interrupt_demux(call, object, id - INTERRUPT_BASE);
    case KOBJECT_SWAP: return swap_demux(call, object, id - SWAP_BASE);
    default: return KERN_TERMINATED; /* it died since its port was found */
    }
}

kern_return_t kcall_dispatch(struct kcall *call, uint32_t id)
{
    struct port *port = call->port;
    /* The clock's port never changes, and is asked often. */
    if (port == host.port[KOBJECT_CLOCK])
        return clock_demux(call, &host, id - CLOCK_BASE);
    spin_lock(&port->lock);
    enum kobject kind = port->kobject;
    void *object = kobj_acquire_locked(port, kind);
    spin_unlock(&port->lock);
    if (!object)
        return KERN_TERMINATED;
    kern_return_t kr = kcall_execute(call, kind, object, id);
    kobj_release(kind, object);
    return kr;
}
