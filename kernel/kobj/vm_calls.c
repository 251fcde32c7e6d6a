/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about a task's memory; what they do stands in interfaces/vm.defs. Work that takes long is done in
 * pieces, whose progress is kept with the caller (kern/kobj.h: B3).
 */
#include "kobj_impl.h"
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/usercopy.h>
#include <kern/paged_object.h>
#include <kern/pin.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/vm_kernel.h>

static_assert(VM_PROT_READ == PROT_READ && VM_PROT_WRITE == PROT_WRITE &&
              VM_PROT_EXECUTE == PROT_EXECUTE);

/* A multiple of more than that has no room beside address 0. */
enum { ALIGN_MAX = 38, ALIGN_BITS = 63 << VM_ALIGN_SHIFT };

bool vm_is_protection(uint32_t prot)
{
    return prot == PROT_NONE || prot == PROT_READ || prot == (PROT_READ | PROT_WRITE) ||
           prot == (PROT_READ | PROT_EXECUTE);
}

bool vm_is_maximum(uint32_t prot)
{
    return vm_is_protection(prot) || prot == PROT_ALL;
}

kern_return_t vm_check_range(uint64_t address, uint64_t *size)
{
    if (address % PAGE_SIZE != 0 || *size == 0)
        return KERN_INVALID_ARGUMENT;
    if (*size > USER_VA_END || address > USER_VA_END - *size)
        return KERN_INVALID_ADDRESS;
    *size = round_up(*size, PAGE_SIZE);
    return KERN_SUCCESS;
}

[[gnu::noinline]] static kern_return_t check_align(uint64_t address, uint32_t flags,
                                                   struct map_request *request)
{
    unsigned align = flags >> VM_ALIGN_SHIFT;
    if (align > ALIGN_MAX)
        return KERN_INVALID_VALUE;
    request->align = (uint8_t)align;
    bool fits = flags & VM_ANYWHERE || address % (UINT64_C(1) << align) == 0;
    return fits ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

/* The same for memory that is to be made: a place that is none is one without room. */
static inline kern_return_t check_place(uint64_t address, uint64_t size, uint32_t flags,
                                        struct map_request *request)
{
    bool anywhere = flags & VM_ANYWHERE;
    if (unlikely(flags >> VM_ALIGN_SHIFT)) {
        kern_return_t kr = check_align(address, flags, request);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    if (size == 0 || (!anywhere && address % PAGE_SIZE != 0))
        return KERN_INVALID_ARGUMENT;
    if (size > USER_VA_END || (!anywhere && (address < PAGE_SIZE || address > USER_VA_END)))
        return KERN_NO_SPACE;
    request->start = anywhere ? 0 : address;
    request->pages = (size + PAGE_MASK) >> PAGE_SHIFT;
    return KERN_SUCCESS;
}

/* There was no memory for what the kernel notes of it, and what was done can be done again: it waits for frames, as a touch would, if any can
 * be made free. */
static kern_return_t wait_for_frames(struct kcall *call, uint64_t address, kern_return_t kr)
{
    if (likely(swap_wait_if_short(call->self, address, kr) == kr))
        return kr;
    call->self->building = false;
    call->self->progress = 0;
    call->restart = true;
    return KERN_RETRY;
}

kern_return_t kvm_allocate(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                           uint32_t flags, uint64_t *at)
{
    struct map_request request = {.prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    if (flags & ~(VM_ANYWHERE | ALIGN_BITS))
        return KERN_INVALID_VALUE;
    kern_return_t kr = check_place(address, size, flags, &request);
    if (kr == KERN_SUCCESS)
        kr = wait_for_frames(call, address, map_enter(target, &request));
    *at = request.start;
    return kr;
}

kern_return_t kvm_deallocate(struct kcall *call, struct task *target, uint64_t address,
                             uint64_t size)
{
    kern_return_t kr = vm_check_range(address, &size);
    if (kr == KERN_SUCCESS)
        kr = wait_for_frames(call, address, map_remove(target, address, address + size));
    call->restart = kr == KERN_RETRY; /* what is gone is not found again */
    return kr;
}

/* A change of a range has looked at all of it when that much is done, and changes it from there on: it is not aborted any more, or
 * a part would be as it was. */
static kern_return_t go_on_changing(struct kcall *call, enum kcall_tag tag, uint64_t done,
                                    uint64_t size, kern_return_t kr)
{
    call->self->building = kr == KERN_RETRY && done >= size;
    return kcall_again(call, tag, done, kr);
}

kern_return_t kvm_protect(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                          bool maximum, uint32_t protection)
{
    kern_return_t kr = vm_check_range(address, &size);
    if (kr != KERN_SUCCESS)
        return kr;
    if (maximum ? !vm_is_maximum(protection) : !vm_is_protection(protection))
        return KERN_INVALID_VALUE;
    uint64_t progress = kcall_progress(call, KCALL_TAG_VM_PROTECT);
    kr = map_protect(target, address, size, protection, maximum, &progress);
    kr = go_on_changing(call, KCALL_TAG_VM_PROTECT, progress, size, kr);
    return wait_for_frames(call, address, kr);
}

kern_return_t kvm_inherit(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                          uint32_t inheritance)
{
    kern_return_t kr = vm_check_range(address, &size);
    if (kr != KERN_SUCCESS)
        return kr;
    if (inheritance > VM_INHERIT_NONE)
        return KERN_INVALID_VALUE;
    uint64_t done = kcall_progress(call, KCALL_TAG_VM_INHERIT);
    kr = map_inherit(target, address, size, inheritance, &done);
    kr = go_on_changing(call, KCALL_TAG_VM_INHERIT, done, size, kr);
    return wait_for_frames(call, address, kr);
}

kern_return_t kvm_read(struct kcall *call, struct task *target, uint64_t address, uint32_t size,
                       uint8_t *data, uint32_t *data_size)
{
    kern_return_t kr = map_copy(call->self, target, address, data, size, false, false);
    call->restart = kr == KERN_RETRY; /* a page is to be waited for */
    *data_size = size;
    return kr;
}

kern_return_t kvm_write(struct kcall *call, struct task *target, uint64_t address,
                        const uint8_t *data, uint32_t data_size)
{
    /* Not changed: it is read from when writing. */
    kern_return_t kr =
        map_copy(call->self, target, address, (void *)(uintptr_t)data, data_size, true, false);
    call->restart = kr == KERN_RETRY;
    return kr;
}

/* ---- mapping ---- */

static kern_return_t check_map(uint32_t protection, uint32_t max_protection, uint32_t inheritance,
                               uint32_t flags)
{
    if (flags & ~(VM_ANYWHERE | VM_COPY | ALIGN_BITS) || !vm_is_protection(protection) ||
        !vm_is_maximum(max_protection) || inheritance > VM_INHERIT_NONE)
        return KERN_INVALID_VALUE;
    return protection & ~max_protection ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

/* A copy is its owner's, and may be written whatever the entry allows; it has to be readable. */
static kern_return_t use_entry(struct map_request *request, const struct memory_entry *entry,
                               uint64_t offset, bool copy)
{
    uint64_t first = offset >> PAGE_SHIFT;
    if (offset % PAGE_SIZE != 0 || first > entry->pages || request->pages > entry->pages - first)
        return KERN_INVALID_ARGUMENT;
    unsigned wanted = copy ? PROT_READ : request->max_prot;
    if (wanted & ~entry->max_prot)
        return KERN_PROTECTION_FAILURE;
    if (entry->object && memory_object_is_device(entry->object)) {
        if (copy)
            return KERN_NOT_SUPPORTED;
        if (memory_object_is_dead(entry->object))
            return KERN_TERMINATED;
    }
    request->amap = entry->amap;
    request->amap_page = entry->amap_page + first;
    request->object = entry->object;
    request->object_page = entry->object_page + first;
    request->shared = !copy;
    return KERN_SUCCESS;
}

/* The object behind a pager's port; the reference is the caller's. */
static kern_return_t use_pager(struct task *task, struct map_request *request,
                               const struct kright *pager, uint64_t offset, bool copy)
{
    uint64_t first = offset >> PAGE_SHIFT;
    if (offset % PAGE_SIZE != 0 || first > PAGED_PAGES_MAX ||
        request->pages > PAGED_PAGES_MAX - first)
        return KERN_INVALID_ARGUMENT;
    request->object_page = first;
    request->shared = !copy;
    return paged_object_find(task->ledger, pager, first + request->pages, &request->object);
}

/* Nobody else knows of the copy yet. *done: pages of two passes over the range. */
static kern_return_t complete_copy(struct amap *copy, const struct map_request *of, uint64_t *done)
{
    uint64_t first = of->amap_page, end = first + of->pages, page;
    kern_return_t kr = KERN_SUCCESS;
    if (*done < of->pages) {
        page = first + *done;
        kr = map_take_writing(of->amap, &page, end);
        *done = page - first;
    }
    if (kr == KERN_SUCCESS && copy->unsettled && *done < 2 * of->pages) {
        page = first + *done - of->pages;
        kr = amap_settle(copy, &page, end);
        *done = page - first + of->pages;
    }
    return kr;
}

/* A copy of the pages that there are, first kept by the caller, so that nobody can write to it; then mapped. Progress is how far the
 * copy is complete, and 1. */
static kern_return_t map_the_copy(struct thread *self, struct task *task,
                                  struct map_request *request, uint64_t *progress)
{
    kern_return_t kr = KERN_SUCCESS;
    if (*progress == 0 || !self->copied) {
        if (self->copied)
            amap_unref(self->copied); /* of a call that was given up */
        self->copied = NULL;
        kr = amap_copy(request->amap, request->amap_page, request->pages, task->ledger,
                       &self->copied);
        *progress = 1;
    }
    if (kr == KERN_SUCCESS) {
        uint64_t done = *progress - 1;
        kr = complete_copy(self->copied, request, &done);
        *progress = done + 1;
    }
    if (kr == KERN_RETRY)
        return kr;
    if (kr == KERN_SUCCESS) {
        request->amap = self->copied;
        kr = map_enter(task, request);
    }
    if (self->copied)
        amap_unref(self->copied);
    self->copied = NULL;
    return kr;
}

static kern_return_t map_memory(struct kcall *call, struct task *task, struct map_request *request)
{
    if (request->shared || !request->amap)
        return map_enter(task, request);
    uint64_t progress = kcall_progress(call, KCALL_TAG_VM_MAP);
    kern_return_t kr = map_the_copy(call->self, task, request, &progress);
    call->self->building = kr == KERN_RETRY;
    return kcall_again(call, KCALL_TAG_VM_MAP, progress, kr);
}

kern_return_t kvm_map(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                      uint64_t offset, uint32_t flags, struct kright *memory, uint32_t protection,
                      uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    struct map_request request = {.prot = (uint8_t)protection,
                                  .max_prot = (uint8_t)max_protection,
                                  .inherit = (uint8_t)inheritance};
    kern_return_t kr = check_place(address, size, flags, &request);
    if (kr == KERN_SUCCESS)
        kr = check_map(protection, max_protection, inheritance, flags);
    if (kr != KERN_SUCCESS)
        return kr;
    struct memory_entry *entry = kobj_of_right(memory, KOBJECT_MEMORY_ENTRY);
    if (entry)
        kr = use_entry(&request, entry, offset, flags & VM_COPY);
    else if (memory->kind)
        kr = use_pager(target, &request, memory, offset, flags & VM_COPY);
    /* A pager has heard of its object, which goes again if it is not mapped: that is told, not repeated. */
    bool told = !entry && request.object;
    if (kr == KERN_SUCCESS)
        kr = map_memory(call, target, &request);
    if (entry)
        memory_entry_unref(entry);
    else if (request.object)
        memory_object_unref(request.object);
    *at = request.start;
    return told ? kr : wait_for_frames(call, address, kr);
}

kern_return_t kvm_region(struct kcall *call, struct task *target, uint64_t address, uint64_t *start,
                         uint64_t *size, uint32_t *protection, uint32_t *max_protection,
                         uint32_t *inheritance, uint32_t *flags)
{
    (void)call;
    struct map_facts facts;
    if (address >= USER_VA_END)
        return KERN_NOT_FOUND;
    kern_return_t kr = map_describe(target, address, &facts);
    if (kr != KERN_SUCCESS)
        return kr;
    *start = facts.start;
    *size = facts.size;
    *protection = facts.prot;
    *max_protection = facts.max_prot;
    *inheritance = facts.inherit;
    *flags = (facts.shared ? VM_SHARED : 0) | (facts.wired ? VM_WIRED : 0);
    return KERN_SUCCESS;
}

/* ---- content ---- */

/* Of one task's memory into another's, or the same one's, page by page. Progress is bytes. */
struct transfer {
    struct task *from_task, *to_task;
    uint64_t from, to, size;
};

static kern_return_t check_transfer(const struct transfer *t)
{
    if (t->size > USER_VA_END || t->from > USER_VA_END - t->size || t->to > USER_VA_END - t->size)
        return KERN_INVALID_ADDRESS;
    bool overlap = t->from < t->to + t->size && t->to < t->from + t->size && t->size > 0;
    return overlap && t->from_task == t->to_task ? KERN_INVALID_ARGUMENT : KERN_SUCCESS;
}

/* Its page tables show the page from here on, for a moment at least. */
static kern_return_t show(struct thread *self, vaddr_t va, unsigned prot)
{
    return vm_fault(self, self->task, va, prot);
}

/* Between pages of the caller's own that its page tables show, or will. *copied 0: as map_copy() has it, which also knows what is wrong with an address. What a pager's
 * error tells is told once: it is the call's. */
static kern_return_t copy_own(struct thread *self, const struct transfer *t, uint64_t done,
                              size_t piece, size_t *copied)
{
    struct task *task = self->task;
    vaddr_t from = t->from + done, to = t->to + done;
    kern_return_t kr = KERN_SUCCESS;
    *copied = 0;
    if (t->from_task != task || t->to_task != task)
        return KERN_SUCCESS;
    *copied = pmap_copy_within(task->pmap, to, from, piece);
    if (*copied == 0)
        kr = show(self, from, PROT_READ);
    if (*copied == 0 && kr == KERN_SUCCESS)
        kr = show(self, to, PROT_WRITE);
    if (*copied == 0 && kr == KERN_SUCCESS)
        *copied = pmap_copy_within(task->pmap, to, from, piece);
    return kr == KERN_INVALID_ADDRESS || kr == KERN_PROTECTION_FAILURE ? KERN_SUCCESS : kr;
}

static kern_return_t transfer(struct kcall *call, enum kcall_tag tag, const struct transfer *t)
{
    uint64_t done = kcall_progress(call, tag);
    kern_return_t kr = check_transfer(t);
    while (done < t->size && kr == KERN_SUCCESS) {
        size_t piece = t->size - done < PAGE_SIZE ? t->size - done : PAGE_SIZE;
        size_t own;
        kr = copy_own(call->self, t, done, piece, &own);
        if (own != 0)
            piece = own;
        if (own == 0 && kr == KERN_SUCCESS)
            kr = map_copy(call->self, t->from_task, t->from + done, call->out, piece, false, false);
        if (own == 0 && kr == KERN_SUCCESS)
            kr = map_copy(call->self, t->to_task, t->to + done, call->out, piece, true, false);
        if (kr == KERN_SUCCESS)
            done += piece;
        if (kr == KERN_SUCCESS && done < t->size && arch_irq_pending())
            kr = KERN_RETRY;
    }
    return kcall_again(call, tag, done, kr);
}

kern_return_t kvm_copy(struct kcall *call, struct task *target, uint64_t from, uint64_t size,
                       uint64_t to)
{
    return transfer(call, KCALL_TAG_VM_COPY, &(struct transfer){target, target, from, to, size});
}

kern_return_t kvm_read_overwrite(struct kcall *call, struct task *target, uint64_t address,
                                 uint64_t size, uint64_t to)
{
    struct transfer t = {target, call->self->task, address, to, size};
    return transfer(call, KCALL_TAG_VM_READ_OVERWRITE, &t);
}

kern_return_t kvm_write_from(struct kcall *call, struct task *target, uint64_t address,
                             uint64_t size, uint64_t source)
{
    struct transfer t = {call->self->task, target, source, address, size};
    return transfer(call, KCALL_TAG_VM_WRITE_FROM, &t);
}

static map_visit_t *const maintenance[] = {
    [VM_MAINTENANCE_CODE] = arch_cache_sync_code,
    [VM_MAINTENANCE_CLEAN] = arch_cache_clean,
    [VM_MAINTENANCE_CLEAN_INVALIDATE] = arch_cache_clean_invalidate,
};

kern_return_t kvm_maintain(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                           uint32_t operation)
{
    vaddr_t start = round_down(address, PAGE_SIZE);
    if (size == 0)
        return KERN_INVALID_ARGUMENT;
    if (size > USER_VA_END || address > USER_VA_END - size)
        return KERN_INVALID_ADDRESS;
    if (operation >= array_count(maintenance))
        return KERN_INVALID_VALUE;
    uint64_t done = kcall_progress(call, KCALL_TAG_VM_MAINTAIN), all = address + size - start;
    kern_return_t kr = KERN_SUCCESS;
    while (done < all && kr == KERN_SUCCESS) {
        kr = map_visit(target, start + done, maintenance[operation]);
        if (kr == KERN_SUCCESS)
            done += PAGE_SIZE;
        if (kr == KERN_SUCCESS && done < all && arch_irq_pending())
            kr = KERN_RETRY;
    }
    return kcall_again(call, KCALL_TAG_VM_MAINTAIN, done, kr);
}

kern_return_t kvm_sync(struct kcall *call, struct task *target, uint64_t address, uint64_t size,
                       uint32_t flags)
{
    kern_return_t kr = vm_check_range(address, &size);
    if (kr != KERN_SUCCESS)
        return kr;
    if (flags & ~(VM_SYNC_WAIT | VM_SYNC_INVALIDATE))
        return KERN_INVALID_VALUE;
    uint64_t progress = kcall_progress(call, KCALL_TAG_VM_SYNC);
    kr = map_sync(call->self, target, address, size, flags & VM_SYNC_WAIT,
                  flags & VM_SYNC_INVALIDATE, &progress);
    return kcall_again(call, KCALL_TAG_VM_SYNC, progress, kr);
}

kern_return_t kvm_statistics(struct kcall *call, struct task *target, uint64_t *mapped,
                             uint64_t *tables)
{
    (void)call;
    *mapped = *tables = 0;
    spin_lock(&target->map.lock);
    if (!target->map.closed) { /* else there may be no page tables any more */
        *mapped = target->pmap->resident;
        *tables = target->pmap->tables;
    }
    spin_unlock(&target->map.lock);
    return KERN_SUCCESS;
}

/* Peaks of the ledger are not exact when several charge it at once. */
static void count_paid(struct ledger *ledger, struct vm_usage *usage)
{
    const struct ledger_account *frames = &ledger->account[LEDGER_FRAMES];
    const struct ledger_account *commitment = &ledger->account[LEDGER_COMMITMENT];
    usage->paid = (uint64_t)relaxed_load(frames->used);
    usage->paid_peak = (uint64_t)relaxed_load(frames->peak);
    usage->committed = (uint64_t)relaxed_load(commitment->used);
    usage->committed_peak = (uint64_t)relaxed_load(commitment->peak);
    usage->out = relaxed_load(ledger->out);
}

kern_return_t kvm_usage(struct kcall *call, struct task *target, struct vm_usage *usage)
{
    (void)call;
    *usage = (struct vm_usage){0};
    count_paid(target->ledger, usage);
    spin_lock(&target->map.lock);
    usage->mapped = target->map.pages;
    if (!target->map.closed) { /* else there may be no page tables any more */
        usage->resident = target->pmap->resident;
        usage->wired = target->pmap->wired;
        usage->tables = target->pmap->tables;
    }
    spin_unlock(&target->map.lock);
    return KERN_SUCCESS;
}
