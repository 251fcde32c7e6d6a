/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rights that the programs of init= have from the start (wharf/start.h).
 */
#include "boot_impl.h"
#include <kern/kobj.h>
#include <kern/space.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/start.h>

/* The kernel's own right to the initrd's memory entry; constant after boot_share_initrd(). */
static struct {
    struct kright right;
    uint64_t offset, size;
} initrd;

kern_return_t boot_share_initrd(const struct dt_range *range)
{
    paddr_t base = round_down(range->base, PAGE_SIZE);
    uint64_t pages = (round_up(range->base + range->size, PAGE_SIZE) - base) >> PAGE_SHIFT;
    initrd.offset = range->base - base;
    initrd.size = range->size;
    return memory_entry_of_range(base, pages, &initrd.right);
}

static kern_return_t give(struct task *task, struct port *port, uint32_t *name)
{
    kern_return_t kr = space_reserve(task->space, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kright right = port_send_right(port);
    *name = space_insert(task->space, &right);
    return KERN_SUCCESS;
}

static kern_return_t give_host(struct task *task, struct start_info *block)
{
    struct {
        enum kobject kind;
        uint32_t *name;
    } const rights[] = {
        {KOBJECT_HOST, &block->host},
        {KOBJECT_CLOCK, &block->clock},
        {KOBJECT_HOST_MEMORY, &block->host_memory},
        {KOBJECT_HOST_TIME, &block->host_time},
        {KOBJECT_HOST_REBOOT, &block->host_reboot},
        {KOBJECT_HOST_IRQ, &block->host_irq},
        {KOBJECT_HOST_DEBUG, &block->host_debug},
        {KOBJECT_HOST_TASKS, &block->host_tasks},
        {KOBJECT_HOST_DEVICES, &block->host_devices},
    };
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < array_count(rights) && kr == KERN_SUCCESS; i++)
        kr = give(task, host.port[rights[i].kind], rights[i].name);
    return kr;
}

kern_return_t boot_give_rights(struct task *task, struct thread *thread, struct start_info *block)
{
    kern_return_t kr = give(task, task->self_port, &block->task);
    if (kr == KERN_SUCCESS)
        kr = thread_name_port(thread);
    if (kr == KERN_SUCCESS)
        kr = give_host(task, block);
    if (kr == KERN_SUCCESS && initrd.right.object)
        kr = give(task, container_of(initrd.right.object, struct port, ipc), &block->initrd);
    block->thread = thread->self_name;
    block->initrd_offset = initrd.offset;
    block->initrd_size = initrd.size;
    return kr;
}
