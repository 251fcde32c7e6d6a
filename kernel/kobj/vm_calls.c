/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about a task's memory; what they do stands in interfaces/vm.defs. Work that takes long is done in
 * pieces: by region_allocate() and its like, whose progress is kept with the caller (kern/kobj.h: B3).
 */
#include "kobj_impl.h"
#include <arch/mmu.h>
#include <arch/usercopy.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/vm_kernel.h>

static_assert(VM_PROT_READ == PROT_READ && VM_PROT_WRITE == PROT_WRITE &&
              VM_PROT_EXECUTE == PROT_EXECUTE);

bool vm_is_protection(uint32_t prot)
{
    return prot == PROT_NONE || prot == PROT_READ || prot == (PROT_READ | PROT_WRITE) ||
           prot == (PROT_READ | PROT_EXECUTE);
}

bool vm_is_maximum(uint32_t prot)
{
    return vm_is_protection(prot) || prot == PROT_ALL;
}

/* A range of whole pages: *size is rounded up. */
static kern_return_t check_range(uint64_t address, uint64_t *size)
{
    if (address % PAGE_SIZE != 0 || *size == 0)
        return KERN_INVALID_ARGUMENT;
    if (*size > USER_VA_END || address > USER_VA_END - *size)
        return KERN_INVALID_ADDRESS;
    *size = round_up(*size, PAGE_SIZE);
    return KERN_SUCCESS;
}

/* The same for memory that is to be made: a place that is none is one without room. */
static kern_return_t check_place(uint64_t address, uint64_t size, uint32_t flags,
                                 struct region_request *request)
{
    bool anywhere = flags & VM_ANYWHERE;
    if (size == 0 || (!anywhere && address % PAGE_SIZE != 0))
        return KERN_INVALID_ARGUMENT;
    if (size > USER_VA_END || (!anywhere && (address < PAGE_SIZE || address > USER_VA_END)))
        return KERN_NO_SPACE;
    request->start = anywhere ? 0 : address;
    request->pages = (size + PAGE_MASK) >> PAGE_SHIFT;
    return KERN_SUCCESS;
}

static kern_return_t make(struct kcall *call, struct task *task, struct region_request *request,
                          uint64_t *at)
{
    uint64_t progress = kcall_progress(call, KCALL_TAG_VM_ALLOCATE);
    kern_return_t kr = region_allocate(call->self, task, request, &progress);
    *at = request->start;
    return kcall_again(call, KCALL_TAG_VM_ALLOCATE, progress, kr);
}

kern_return_t kvm_allocate(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                           uint32_t flags, uint64_t *at)
{
    struct region_request request = {.prot = PROT_READ | PROT_WRITE,
                                     .max_prot = PROT_ALL,
                                     .inherit = VM_INHERIT_COPY};
    if (flags & ~VM_ANYWHERE)
        return KERN_INVALID_VALUE;
    kern_return_t kr = check_place(address, size, flags, &request);
    return kr == KERN_SUCCESS ? make(call, target, &request, at) : kr;
}

kern_return_t kvm_deallocate(struct kcall *call, struct task *target, uint64_t address,
                             uint64_t size)
{
    kern_return_t kr = check_range(address, &size);
    if (kr == KERN_SUCCESS)
        kr = region_deallocate(target, address, size >> PAGE_SHIFT);
    call->restart = kr == KERN_RETRY; /* how far it is, its region knows */
    return kr;
}

kern_return_t kvm_protect(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                          bool maximum, uint32_t protection)
{
    kern_return_t kr = check_range(address, &size);
    if (kr != KERN_SUCCESS)
        return kr;
    if (maximum ? !vm_is_maximum(protection) : !vm_is_protection(protection))
        return KERN_INVALID_VALUE;
    uint64_t done = round_down(kcall_progress(call, KCALL_TAG_VM_PROTECT), PAGE_SIZE);
    kr = maximum ? region_limit(target, address, size, protection, &done)
                 : region_protect(target, address, size, protection, &done);
    return kcall_again(call, KCALL_TAG_VM_PROTECT, done, kr);
}

kern_return_t kvm_read(struct kcall *call, struct task *target, uint64_t address, uint32_t size,
                       uint8_t *data, uint32_t *data_size)
{
    (void)call;
    kern_return_t kr = region_copy(target, address, data, size, false);
    *data_size = size;
    return kr;
}

kern_return_t kvm_write(struct kcall *call, struct task *target, uint64_t address,
                        const uint8_t *data, uint32_t data_size)
{
    (void)call;
    /* Not changed: it is read from when writing. */
    return region_copy(target, address, (void *)(uintptr_t)data, data_size, true);
}

/* ---- mapping ---- */

static kern_return_t check_map(const struct region_request *request, uint32_t protection,
                               uint32_t max_protection, uint32_t inheritance, uint32_t flags)
{
    if (flags & ~(VM_ANYWHERE | VM_COPY) || !vm_is_protection(protection) ||
        !vm_is_maximum(max_protection) || inheritance > VM_INHERIT_NONE)
        return KERN_INVALID_VALUE;
    if (protection & ~max_protection)
        return KERN_PROTECTION_FAILURE;
    return request->pages > REGION_MAX_PAGES ? KERN_NO_SPACE : KERN_SUCCESS;
}

/* A copy is its owner's, and may be written whatever the entry allows; it has to be readable. */
static kern_return_t use_entry(struct region_request *request, const struct memory_entry *entry,
                               uint64_t offset)
{
    if (offset % PAGE_SIZE != 0 || offset >> PAGE_SHIFT > entry->pages ||
        request->pages > entry->pages - (offset >> PAGE_SHIFT))
        return KERN_INVALID_ARGUMENT;
    unsigned wanted = request->copy ? PROT_READ : request->max_prot;
    if (wanted & ~entry->max_prot)
        return KERN_PROTECTION_FAILURE;
    request->backing = entry->backing;
    request->first = entry->first + (offset >> PAGE_SHIFT);
    return KERN_SUCCESS;
}

kern_return_t kvm_map(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                      uint64_t offset, uint32_t flags, struct kright *memory, uint32_t protection,
                      uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    struct region_request request = {.copy = memory->kind && (flags & VM_COPY),
                                     .prot = (uint8_t)protection,
                                     .max_prot = (uint8_t)max_protection,
                                     .inherit = (uint8_t)inheritance};
    kern_return_t kr = check_place(address, size, flags, &request);
    if (kr == KERN_SUCCESS)
        kr = check_map(&request, protection, max_protection, inheritance, flags);
    if (kr != KERN_SUCCESS)
        return kr;
    struct memory_entry *entry = kobj_of_right(memory, KOBJECT_MEMORY_ENTRY);
    if (memory->kind && !entry)
        return KERN_INVALID_CAPABILITY;
    if (entry)
        kr = use_entry(&request, entry, offset);
    if (kr == KERN_SUCCESS)
        kr = make(call, target, &request, at);
    if (entry)
        memory_entry_unref(entry);
    return kr;
}

kern_return_t kvm_region(struct kcall *call, struct task *target, uint64_t address, uint64_t *start,
                         uint64_t *size, uint32_t *protection, uint32_t *max_protection,
                         uint32_t *inheritance, uint32_t *flags)
{
    (void)call;
    struct region_facts facts;
    if (address >= USER_VA_END)
        return KERN_NOT_FOUND;
    kern_return_t kr = region_describe(target, address, &facts);
    if (kr != KERN_SUCCESS)
        return kr;
    *start = facts.start;
    *size = facts.size;
    *protection = facts.prot;
    *max_protection = facts.max_prot;
    *inheritance = facts.inherit;
    *flags = facts.shared ? VM_SHARED : 0;
    return KERN_SUCCESS;
}

kern_return_t kvm_make_entry(struct kcall *call, struct task *target, uint64_t address,
                             uint64_t size, uint32_t max_protection, struct kright *entry)
{
    struct backing *backing;
    uint64_t first;
    kern_return_t kr = check_range(address, &size);
    if (kr == KERN_SUCCESS && !vm_is_maximum(max_protection))
        kr = KERN_INVALID_VALUE;
    if (kr == KERN_SUCCESS)
        kr = region_share(target, address, size, max_protection, &backing, &first);
    if (kr != KERN_SUCCESS)
        return kr;
    return memory_entry_create(call->self->task->ledger, backing, first, size >> PAGE_SHIFT,
                               max_protection, entry);
}
