/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights to memory (interfaces/memory_entry.defs). An entry goes with the last send right to it
 * (kern/kobj.h: B2), the memory when no region maps it either.
 */
#include "kobj_impl.h"
#include <arch/mmu.h>
#include <kern/kmem.h>
#include <wharf/if/memory_entry_kernel.h>

static KMEM_CACHE(entry_cache, struct memory_entry);
static work_step_t end_step;

static void entry_free(struct memory_entry *entry)
{
    struct ledger *ledger = entry->ledger;
    backing_unref(entry->backing);
    kmem_free(&entry_cache, ledger, entry);
    ledger_unref(ledger);
}

kern_return_t memory_entry_create(struct ledger *ledger, struct backing *backing, uint64_t first,
                                  uint64_t pages, unsigned max_prot, struct kright *out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&entry_cache, ledger, &memory);
    if (kr != KERN_SUCCESS) {
        backing_unref(backing);
        return kr;
    }
    struct memory_entry *entry = memory;
    atomic_init(&entry->references, 1);
    entry->backing = backing;
    entry->first = first;
    entry->pages = pages;
    entry->max_prot = max_prot;
    ledger_ref(ledger);
    entry->ledger = ledger;
    work_init(&entry->ending, end_step, PRIORITY_REAP);
    kr = port_create_kobject(ledger, KOBJECT_MEMORY_ENTRY, entry, &entry->port);
    if (kr != KERN_SUCCESS) {
        entry_free(entry);
        return kr;
    }
    *out = port_send_right(entry->port);
    return KERN_SUCCESS;
}

kern_return_t memory_entry_of_range(paddr_t base, uint64_t pages, struct kright *out)
{
    struct backing *backing;
    kern_return_t kr = backing_create(&kernel_ledger, base, pages, &backing);
    if (kr != KERN_SUCCESS)
        return kr;
    return memory_entry_create(&kernel_ledger, backing, 0, pages, PROT_READ | PROT_EXECUTE, out);
}

void memory_entry_unref(struct memory_entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
        entry_free(entry);
}

/* The port's lock is held: its death has to wait until it is not. */
void memory_entry_ended(struct memory_entry *entry)
{
    work_start(&entry->ending);
}

static bool end_step(struct work *work)
{
    struct memory_entry *entry = container_of(work, struct memory_entry, ending);
    port_destroy_kobject(entry->port);
    memory_entry_unref(entry);
    return false;
}

kern_return_t kmemory_entry_info(struct kcall *call, struct memory_entry *target, uint64_t *size,
                                 uint32_t *max_protection)
{
    (void)call;
    *size = target->pages << PAGE_SHIFT;
    *max_protection = target->max_prot;
    return KERN_SUCCESS;
}

kern_return_t kmemory_entry_narrow(struct kcall *call, struct memory_entry *target, uint64_t offset,
                                   uint64_t size, uint32_t max_protection, struct kright *entry)
{
    uint64_t whole = target->pages << PAGE_SHIFT;
    if (offset % PAGE_SIZE != 0 || size % PAGE_SIZE != 0 || size == 0 || size > whole ||
        offset > whole - size)
        return KERN_INVALID_ARGUMENT;
    if (!vm_is_maximum(max_protection) || max_protection & ~target->max_prot)
        return KERN_PROTECTION_FAILURE;
    backing_ref(target->backing);
    return memory_entry_create(call->self->task->ledger, target->backing,
                               target->first + (offset >> PAGE_SHIFT), size >> PAGE_SHIFT,
                               max_protection, entry);
}
