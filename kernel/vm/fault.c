/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: what a page of an address space is, found or made (kern/map.h: G2, G3). The MAP lock is held from the look at the
 * entry to the change of the page tables, so that nobody can take the page away in between; and so is the amap's, for an amap
 * that others share: they copy it, and replace its pages, without this map's lock.
 */
#include "amap_impl.h"
#include "map_impl.h"
#include <arch/cache.h>
#include <kern/paged_object.h>
#include <kern/string.h>
#include <kern/swap.h>
#include <kern/thread.h>
#include <kern/vm_count.h>

/* What a page is, to be mapped or looked at. */
struct page {
    paddr_t pa;
    uint64_t size;               /* of the mapping it can be part of */
    unsigned prot;               /* that it may be mapped with */
    unsigned flags;              /* of pmap_enter() */
    uint8_t type;                /* enum mem_type */
    vaddr_t va;                  /* where that begins */
    struct memory_object *still; /* it is a page of this, which nobody writes to; or NULL */
    bool replaces;       /* another, anon or object's, that the page tables may still show */
    struct anon *before; /* that one, if it was an anon: a reference */
    struct amap *amap;   /* it is a page of, or might become one; locked. NULL: none */
    struct paged_object
        *paged; /* likewise; locked before the amap, and whether a page was found or not */
};

/* Who needs the page, and for what. */
struct need {
    struct task *task;
    struct thread *self; /* who may wait for it; NULL: nobody */
    bool write;
    unsigned access; /* PROT_* */
};

/* The anon's page, wherever it is. KERN_RETRY: struct need's self is to wait for it. */
static inline kern_return_t bring(const struct need *need, vaddr_t va, struct anon *anon,
                                  struct frame **out)
{
    *out = anon_frame(anon);
    if (likely(*out))
        return KERN_SUCCESS;
    kern_return_t kr = swap_need(need->self, anon, va);
    if (kr == KERN_SUCCESS)
        *out = anon_frame_held(anon);
    return kr;
}

static inline kern_return_t found(const struct need *need, struct page *page, struct anon *anon,
                                  unsigned prot)
{
    struct frame *frame;
    kern_return_t kr = bring(need, page->va, anon, &frame);
    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    page->pa = frame_address(frame);
    page->prot = prot;
    return KERN_SUCCESS;
}

/* ---- anonymous pages; the amap's lock is held ---- */

/* An anon with another page's content, or zeroes. */
static inline kern_return_t make_page(struct amap *amap, const void *content, struct anon **out)
{
    kern_return_t kr = anon_create(amap->ledger, content == NULL, out);
    if (content && kr == KERN_SUCCESS) {
        arch_copy_page(frame_memory(anon_frame_held(*out)), content);
        vm_count(VM_COUNT_COPIES);
    }
    return kr;
}

/* The way to the page's slot has to be made first. */
[[gnu::noinline]] static kern_return_t put_page_slowly(struct amap *amap, uint64_t number,
                                                       const void *content, struct anon **out)
{
    struct anon **slot;
    kern_return_t kr = amap_slot(amap, number, &slot);
    if (kr != KERN_SUCCESS)
        return kr;
    const struct anon *before = *slot;
    kr = make_page(amap, content, out);
    if (kr == KERN_SUCCESS)
        *slot = *out;
    if (before)
        return kr;
    if (kr == KERN_SUCCESS)
        amap_count_slot(amap, number);
    else
        amap_forget_slot(amap, number);
    return kr;
}

/* A new anon takes the place of one, or of none, in the amap. `leaf`: of amap_find(). */
static inline kern_return_t put_page(struct amap *amap, uint64_t number, struct amap_node *leaf,
                                     const void *content, struct anon **out)
{
    if (!leaf)
        return put_page_slowly(amap, number, content, out);
    kern_return_t kr = make_page(amap, content, out);
    if (kr != KERN_SUCCESS)
        return kr;
    void **slot = &leaf->slot[number % AMAP_SLOTS];
    leaf->used += *slot == NULL;
    *slot = *out;
    return KERN_SUCCESS;
}

/* Somebody else sees the page, too: this entry's is a copy from now on. Others that map this amap must not see the old one any
 * longer. */
static kern_return_t break_sharing(const struct need *need, struct map_entry *entry,
                                   uint64_t number, struct amap_node *leaf, struct anon **anon,
                                   struct page *page)
{
    struct anon *before = *anon;
    struct frame *old;
    if (unlikely(entry->amap->pins) && anon_is_pinned(before)) /* A5: it is where the device is */
        return KERN_SUCCESS;
    kern_return_t kr = bring(need, page->va, before, &old);
    if (unlikely(kr != KERN_SUCCESS))
        return kr;
    if (entry->shared) /* first: one of them may still write to it (map_take_writing()) */
        pmap_page_protect(old, PROT_NONE);
    else if (unlikely(need->task->map.copying)) /* G6 */
        (void)pmap_protect(need->task->pmap, page->va, page->va + PAGE_SIZE,
                           PROT_READ | PROT_EXECUTE);
    kr = put_page(entry->amap, number, leaf, frame_memory(old), anon);
    if (kr != KERN_SUCCESS)
        return kr;
    page->replaces = true;
    page->before = before; /* the slot's reference */
    return KERN_SUCCESS;
}

/* ---- objects ---- */

/* As large as place and alignment allow; what is a copy is a page at a time, for single pages of it will be replaced. */
static void map_physical(const struct map_entry *entry, vaddr_t va, struct page *page)
{
    static const uint64_t sizes[] = {PAGE_SIZE << 9, PAGE_SIZE * PT_RUN};
    paddr_t pa = entry->object->base + (object_page_at(entry, va) << PAGE_SHIFT);
    page->pa = pa;
    page->flags = PMAP_UNMANAGED;
    page->prot = entry->prot;
    if (!memory_object_is_device(entry->object)) {
        page->prot &= ~(unsigned)PROT_WRITE;
        page->still = entry->object;
    }
    for (unsigned i = 0; entry->shared && i < array_count(sizes); i++) {
        vaddr_t start = round_down(va, sizes[i]);
        if (start >= entry->start && entry->end - start >= sizes[i] && (pa - va) % sizes[i] == 0) {
            page->va = start;
            page->size = sizes[i];
            page->pa = pa - (va - start);
            return;
        }
    }
}

/* A device's memory, as long as its driver has it. It is shared: it has no amap, and nothing is a copy of it. */
static kern_return_t show_device(const struct map_entry *entry, vaddr_t va, struct page *page)
{
    if (memory_object_is_dead(entry->object))
        return KERN_TERMINATED;
    map_physical(entry, va, page);
    page->type = entry->object->type;
    return KERN_SUCCESS;
}

/* What the thread was told about a page while it waited is of no use any more: it must not be told later. */
static void forget_error(struct thread *self, vaddr_t va)
{
    if (self)
        page_wait_came(&self->page, va);
}

/* The access is not allowed, whatever the page is; nor is what was to be done with others. */
[[gnu::noinline]] static kern_return_t refuse(struct thread *self, const struct map_entry *entry)
{
    if (self)
        page_wait_forget(&self->page);
    return entry ? KERN_PROTECTION_FAILURE : KERN_INVALID_ADDRESS;
}

/* The object's page; its lock is held. KERN_RETRY: struct need's self is to wait for it. */
static kern_return_t find_paged(const struct need *need, const struct map_entry *entry, vaddr_t va,
                                struct page *page, struct anon **out, struct frame **frame)
{
    uint64_t number = object_page_at(entry, va);
    *out = paged_lookup(page->paged, number);
    if (!*out)
        return paged_need(page->paged, need->self, number, (entry->end - va) >> PAGE_SHIFT, va,
                          need->access);
    return bring(need, va, *out, frame);
}

/* To be mapped as it is in the object: its first write is noted (Q3). */
static kern_return_t show_paged(const struct need *need, const struct map_entry *entry, vaddr_t va,
                                struct page *page)
{
    struct anon *anon;
    struct frame *frame;
    kern_return_t kr = find_paged(need, entry, va, page, &anon, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    bool in_place = entry->shared && !entry->amap;
    if (need->write)
        kr = paged_begin_write(page->paged, need->self, object_page_at(entry, va), va, anon);
    if (kr != KERN_SUCCESS)
        return kr;
    forget_error(need->self, va);
    page->pa = frame_address(frame);
    page->prot =
        in_place && paged_is_written(anon) ? entry->prot : entry->prot & ~(unsigned)PROT_WRITE;
    return KERN_SUCCESS;
}

static kern_return_t show_object(const struct need *need, const struct map_entry *entry, vaddr_t va,
                                 struct page *page)
{
    if (page->paged)
        return show_paged(need, entry, va, page);
    if (unlikely(entry->object->kind == OBJECT_WINDOW)) {
        if (need->self)
            page_wait_forget(&need->self->page);
        return KERN_MEMORY_ERROR;
    }
    if (unlikely(memory_object_is_device(entry->object)))
        return show_device(entry, va, page);
    map_physical(entry, va, page);
    return need->write ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

/* ---- the two levels ---- */

/* A page that is the amap's: zero, or a copy of the object's. */
static kern_return_t make_anonymous(const struct need *need, struct map_entry *entry,
                                    uint64_t number, vaddr_t va, struct amap_node *leaf,
                                    struct anon **out, struct page *page)
{
    const void *content = NULL;
    struct anon *shown;
    struct frame *frame = NULL;
    kern_return_t kr = KERN_SUCCESS;
    if (page->paged)
        kr = find_paged(need, entry, va, page, &shown, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    if (frame) {
        forget_error(need->self, va);
        content = frame_memory(frame);
    } else if (entry->object)
        content = phys_to_virt(entry->object->base + (object_page_at(entry, va) << PAGE_SHIFT));
    kr = put_page(entry->amap, number, leaf, content, out);
    page->replaces = kr == KERN_SUCCESS && entry->object;
    if (frame && entry->shared && kr == KERN_SUCCESS)
        pmap_page_protect(frame, PROT_NONE);
    return kr;
}

/* The amap's lock is held. */
[[gnu::always_inline]] static inline kern_return_t find_in_amap(const struct need *need,
                                                                struct map_entry *entry, vaddr_t va,
                                                                struct page *page)
{
    uint64_t number = amap_page_at(entry, va);
    struct amap_node *leaf;
    bool owned;
    struct anon *anon = amap_find(entry->amap, number, &leaf, &owned);
    kern_return_t kr = KERN_SUCCESS;
    if (!anon && entry->object && !need->write && !entry->shared)
        return show_object(need, entry, va, page);
    if (!anon)
        kr = make_anonymous(need, entry, number, va, leaf, &anon, page);
    else if (need->write && !owned)
        kr = break_sharing(need, entry, number, leaf, &anon, page);
    else if (!owned)
        return found(need, page, anon, entry->prot & ~(unsigned)PROT_WRITE);
    return kr == KERN_SUCCESS ? found(need, page, anon, entry->prot) : kr;
}

/* What is at va of the entry, for this access; whether that is allowed has been looked at. The MAP lock is held. done_with()
 * follows, whatever it returns. Inline, for faults are counted in instructions. */
[[gnu::always_inline]] static inline kern_return_t find_page(const struct need *need,
                                                             struct map_entry *entry, vaddr_t va,
                                                             struct page *page)
{
    *page = (struct page){.va = va, .size = PAGE_SIZE};
    if (unlikely(entry->object && entry->object->kind == OBJECT_PAGED)) {
        page->paged = paged_of(entry->object);
        spin_lock(&page->paged->lock);
    }
    if (!entry->amap) {
        if (entry->object && (!need->write || entry->shared))
            return show_object(need, entry, va, page);
        kern_return_t kr = entry_make_amap(need->task, entry);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    spin_lock(&entry->amap->lock);
    page->amap = entry->amap;
    kern_return_t kr = find_in_amap(need, entry, va, page);
    if (unlikely(page->paged) && kr == KERN_SUCCESS) /* another thread may have made the copy */
        forget_error(need->self, va);
    return kr;
}

static void done_with(struct page *page)
{
    if (page->amap)
        spin_unlock(&page->amap->lock);
    if (page->paged)
        spin_unlock(&page->paged->lock);
    if (page->before)
        anon_unref(page->before);
}

/* ---- faults ---- */

static kern_return_t map_page(struct task *task, const struct page *page)
{
    if ((page->prot & PROT_EXECUTE) && page->still)
        memory_object_sync_code(page->still, page->pa, page->size);
    else if (page->prot & PROT_EXECUTE)
        arch_cache_sync_code(phys_to_virt(page->pa), page->size);
    if (!page->flags && page->size == PAGE_SIZE)
        return pmap_enter_page(task->pmap, page->va, page->pa, page->prot);
    return pmap_enter(task->pmap, page->va, page->pa, page->size, page->prot,
                      (enum mem_type)page->type, PMAP_REPLACE | page->flags);
}

/* A large mapping where there are small ones already, or no memory for it: the page alone, then. */
static kern_return_t map_other(struct task *task, struct page *page, vaddr_t va)
{
    kern_return_t kr = map_page(task, page);
    if (kr == KERN_SUCCESS || page->size == PAGE_SIZE)
        return kr;
    page->pa += va - page->va;
    page->va = va;
    page->size = PAGE_SIZE;
    return map_page(task, page);
}

static inline kern_return_t map_something(struct task *task, struct page *page, vaddr_t va)
{
    if (likely(!(page->prot & PROT_EXECUTE) && !page->flags && page->size == PAGE_SIZE))
        return pmap_enter_page(task->pmap, va, page->pa, page->prot);
    return map_other(task, page, va);
}

/* Of a wired entry (G7): it is mapped so that it stays. By value: nobody else's page has to lie in memory for this. */
[[gnu::noinline]] static kern_return_t map_wired(struct task *task, struct page page, vaddr_t va)
{
    bool managed = !(page.flags & PMAP_UNMANAGED); /* then it is an anon's, and one page */
    page.flags |= PMAP_WIRED;
    kern_return_t kr = map_other(task, &page, va);
    if (managed && kr == KERN_SUCCESS)
        anon_wired(frame_at(page.pa)->owner);
    return kr;
}

/* What the thread was about to wait for is asked for anew. */
static void begin(struct thread *self)
{
    if (unlikely(self && self->page.object))
        paged_forget(self);
}

/* Whatever it is, and the access is allowed. The MAP lock is held. */
[[gnu::noinline]] static kern_return_t fault_on_entry(const struct need *need,
                                                      struct map_entry *entry, vaddr_t va)
{
    struct page page;
    struct task *task = need->task;
    kern_return_t kr = find_page(need, entry, va, &page);
    if (kr == KERN_SUCCESS) {
        kr = unlikely(entry->wired) ? map_wired(task, page, va) : map_something(task, &page, va);
        if (unlikely(page.still) && kr == KERN_SUCCESS && page.size == PAGE_SIZE && !page.amap &&
            !entry->wired)
            fault_around(task, entry, page.va, page.pa, page.prot);
        if (page.replaces && kr != KERN_SUCCESS)
            (void)pmap_remove(task->pmap, va, va + PAGE_SIZE); /* G2: it shows what was */
    }
    done_with(&page);
    return kr;
}

static inline kern_return_t fault_locked(struct thread *self, struct task *task, vaddr_t va,
                                         unsigned prot)
{
    struct map_entry *entry = map_at(&task->map, va);
    kern_return_t kr = KERN_BUSY;
    if (unlikely(!entry || !(entry->prot & prot)))
        return refuse(self, entry);
    if (likely(!entry->object && !(entry->prot & PROT_EXECUTE) && !entry->wired))
        kr = fault_anonymous(task, entry, va, prot == PROT_WRITE);
    if (likely(kr != KERN_BUSY))
        return kr;
    return fault_on_entry(&(struct need){task, self, prot == PROT_WRITE, prot}, entry, va);
}

kern_return_t vm_fault(struct thread *self, struct task *task, vaddr_t va, unsigned prot)
{
    if (va >= USER_VA_END)
        return KERN_INVALID_ADDRESS;
    va = round_down(va, PAGE_SIZE);
    vm_count(VM_COUNT_FAULTS);
    begin(self);
    spin_lock(&task->map.lock);
    kern_return_t kr = fault_locked(self, task, va, prot);
    spin_unlock(&task->map.lock);
    return swap_wait_if_short(self, va, kr);
}

/* ---- copies ---- */

/* One find_page() for all that are not faults: these need not have it inline. */
static kern_return_t find_page_to_copy(const struct need *need, struct map_entry *entry, vaddr_t va,
                                       struct page *page)
{
    return find_page(need, entry, va, page);
}

/* The page tables may show what was there (G2). A page that is to stay takes its place at once. */
[[gnu::noinline]] static void show_instead(struct task *task, const struct map_entry *entry,
                                           const struct page *page)
{
    kern_return_t kr = entry->wired ? map_wired(task, *page, page->va) : KERN_RETRY;
    if (kr != KERN_SUCCESS)
        (void)pmap_remove(task->pmap, page->va, page->va + PAGE_SIZE);
}

/* The MAP lock is held. */
static kern_return_t copy_piece(const struct need *need, vaddr_t va, char *buffer, size_t n,
                                bool force)
{
    struct page page;
    struct task *task = need->task;
    struct map_entry *entry = map_at(&task->map, va);
    if (!entry || (!force && !(entry->prot & need->access)) || entry_is_device(entry))
        return refuse(need->self, entry);
    kern_return_t kr = find_page_to_copy(need, entry, round_down(va, PAGE_SIZE), &page);
    if (kr == KERN_SUCCESS && page.replaces)
        show_instead(task, entry, &page);
    if (kr == KERN_SUCCESS && buffer) {
        char *memory = (char *)phys_to_virt(page.pa) + (va - page.va);
        if (need->write)
            pmap_copy_bytes(memory, buffer, n);
        else
            pmap_copy_bytes(buffer, memory, n);
    }
    done_with(&page);
    return kr;
}

kern_return_t map_copy(struct thread *self, struct task *task, vaddr_t va, void *buffer, size_t n,
                       bool write, bool force)
{
    if (n == 0)
        return KERN_SUCCESS;
    if (n > PAGE_SIZE || va >= USER_VA_END || n > USER_VA_END - va)
        return KERN_INVALID_ADDRESS;
    size_t in_page = PAGE_SIZE - (va & PAGE_MASK), piece = n < in_page ? n : in_page;
    struct need need = {task, self, write, write ? PROT_WRITE : PROT_READ};
    kern_return_t kr = KERN_SUCCESS;
    begin(self);
    spin_lock(&task->map.lock);
    if (piece < n) /* all or nothing */
        kr = copy_piece(&need, va + piece, NULL, n - piece, force);
    if (kr == KERN_SUCCESS)
        kr = copy_piece(&need, va, buffer, piece, force);
    if (kr == KERN_SUCCESS && piece < n)
        kr = copy_piece(&need, va + piece, (char *)buffer + piece, n - piece, force);
    spin_unlock(&task->map.lock);
    return swap_wait_if_short(self, va, kr);
}
