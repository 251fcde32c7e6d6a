/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights to memory (interfaces/memory_entry.defs). An entry goes with the last send right to it
 * (kern/kobj.h: B2), the memory when nothing maps it either.
 */
#include "kobj_impl.h"
#include <arch/mmu.h>
#include <kern/kmem.h>
#include <kern/space.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/memory_entry_kernel.h>
#include <wharf/if/vm_kernel.h>

static KMEM_CACHE(entry_cache, struct memory_entry);
static work_step_t end_step;

static void entry_free(struct memory_entry *entry)
{
    struct ledger *ledger = entry->ledger;
    if (entry->amap)
        amap_unref(entry->amap);
    if (entry->object)
        memory_object_unref(entry->object);
    kmem_free(&entry_cache, ledger, entry);
    ledger_unref(ledger);
}

kern_return_t memory_entry_create(struct ledger *ledger, const struct map_request *memory_of,
                                  unsigned max_prot, struct kright *out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&entry_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct memory_entry *entry = memory;
    atomic_init(&entry->references, 1);
    entry->amap = memory_of->amap;
    entry->amap_page = memory_of->amap_page;
    entry->object = memory_of->object;
    entry->object_page = memory_of->object_page;
    entry->pages = memory_of->pages;
    entry->max_prot = max_prot;
    if (entry->amap)
        amap_ref(entry->amap);
    if (entry->object)
        memory_object_ref(entry->object);
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
    struct map_request memory = {.pages = pages};
    kern_return_t kr = memory_object_create_physical(&kernel_ledger, base, pages, &memory.object);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = memory_entry_create(&kernel_ledger, &memory, PROT_READ | PROT_EXECUTE, out);
    memory_object_unref(memory.object);
    return kr;
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
    uint64_t first = offset >> PAGE_SHIFT;
    struct map_request part = {.amap = target->amap,
                               .amap_page = target->amap_page + first,
                               .object = target->object,
                               .object_page = target->object_page + first,
                               .pages = size >> PAGE_SHIFT};
    return memory_entry_create(call->self->task->ledger, &part, max_protection, entry);
}

kern_return_t kvm_make_entry(struct kcall *call, struct task *target, uint64_t address,
                             uint64_t size, uint32_t max_protection, struct kright *entry)
{
    struct map_request memory;
    kern_return_t kr = vm_check_range(address, &size);
    if (kr == KERN_SUCCESS && !vm_is_maximum(max_protection))
        kr = KERN_INVALID_VALUE;
    if (kr == KERN_SUCCESS)
        kr = map_share(target, address, size, max_protection, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = memory_entry_create(call->self->task->ledger, &memory, max_protection, entry);
    if (memory.amap)
        amap_unref(memory.amap);
    if (memory.object)
        memory_object_unref(memory.object);
    return kr;
}

kern_return_t kvm_map_named(struct kcall *call, struct task *target, uint64_t address,
                            uint64_t size, uint64_t offset, uint32_t flags, uint32_t memory,
                            uint32_t protection, uint32_t max_protection, uint32_t inheritance,
                            uint64_t *at)
{
    struct kright right = {0};
    kern_return_t kr = space_extract(call->self->task->space, memory, MSG_COPY_SEND, &right);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = right.object ? kvm_map(call, target, address, size, offset, flags, &right, protection,
                                max_protection, inheritance, at)
                      : KERN_INVALID_CAPABILITY; /* a dead name */
    kright_destroy(&right);
    return kr;
}
