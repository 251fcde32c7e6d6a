/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinned pages (kern/pin.h). The amap's lock is held from the look at a page until it is pinned, as it is when a fault finds it: so
 * nobody can be in the midst of putting another in its place.
 */
#include "amap_impl.h"
#include <arch/cache.h>
#include <arch/cpu.h>
#include <kern/pin.h>
#include <kern/pmap.h>
#include <kern/swap.h>
#include <kern/vm_count.h>

kern_return_t pin_begin(struct amap *amap)
{
    spin_lock(&amap->lock);
    bool full = amap->pins == UINT16_MAX;
    amap->pins += !full;
    spin_unlock(&amap->lock);
    return full ? KERN_LIMIT : KERN_SUCCESS;
}

void pin_end(struct amap *amap)
{
    spin_lock(&amap->lock);
    assert(amap->pins > 0);
    amap->pins--;
    spin_unlock(&amap->lock);
}

/* ---- the lock is held ---- */

/* A page with the content of one that stays others', or zeroes, takes its place. */
static kern_return_t put_new(struct amap *amap, uint64_t page, const struct frame *content,
                             struct anon **out)
{
    struct anon **slot;
    kern_return_t kr = amap_slot(amap, page, &slot);
    if (kr != KERN_SUCCESS)
        return kr;
    bool is_empty = !*slot;
    kr = anon_create(amap->ledger, !content, out);
    if (kr != KERN_SUCCESS) {
        if (is_empty)
            amap_forget_slot(amap, page);
        return kr;
    }
    if (content) {
        arch_copy_page(frame_memory(anon_frame_held(*out)), frame_memory(content));
        vm_count(VM_COUNT_COPIES);
    }
    *slot = *out;
    if (is_empty)
        amap_count_slot(amap, page);
    return KERN_SUCCESS;
}

/* The page is there, this amap's alone or pinned in it already, and HERE or RESCUED. *before: what was there instead; the slot's
 * reference is the caller's. */
static kern_return_t make_sole(struct thread *self, struct amap *amap, uint64_t page, vaddr_t va,
                               struct anon **out, struct anon **before)
{
    struct anon *anon = amap_lookup(amap, page);
    if (!anon)
        return put_new(amap, page, NULL, out);
    *out = anon;
    if (!anon_is_usable(anon)) {
        kern_return_t kr = swap_need(self, anon, va);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    if (amap_owns(amap, page) || anon_is_pinned(anon))
        return KERN_SUCCESS;
    struct frame *old = anon_frame_held(anon);
    pmap_page_protect(old, PROT_NONE); /* those who share the amap must not see it any longer */
    kern_return_t kr = put_new(amap, page, old, out);
    if (kr == KERN_SUCCESS)
        *before = anon;
    return kr;
}

kern_return_t pin_page(struct thread *self, struct amap *amap, uint64_t page, vaddr_t va)
{
    struct anon *anon = NULL, *before = NULL;
    spin_lock(&amap->lock);
    assert_slow(amap->pins > 0);
    kern_return_t kr = make_sole(self, amap, page, va, &anon, &before);
    if (kr == KERN_SUCCESS)
        kr = anon_pin(anon);
    spin_unlock(&amap->lock);
    if (before)
        anon_unref(before);
    return swap_wait_if_short(self, va, kr);
}

void unpin_page(struct amap *amap, uint64_t page)
{
    spin_lock(&amap->lock);
    struct anon *anon = amap_lookup(amap, page);
    /* N4, before who settles a copy finds it so. */
    if (anon_has_last_pin(anon) && !amap_owns(amap, page))
        pmap_page_protect(anon_frame_held(anon), PROT_READ | PROT_EXECUTE);
    anon_unpin(anon);
    spin_unlock(&amap->lock);
}

uint64_t pin_run(struct amap *amap, uint64_t page, uint64_t end, uint64_t most, paddr_t *first)
{
    uint64_t n = 0;
    spin_lock(&amap->lock);
    *first = anon_address(amap_lookup(amap, page));
    do
        n++;
    while (page + n < end && n < most &&
           anon_address(amap_lookup(amap, page + n)) == *first + (n << PAGE_SHIFT));
    spin_unlock(&amap->lock);
    return n;
}

/* ---- copies ---- */

/* The first page in use at or after *page is looked at. */
static kern_return_t settle_page(struct amap *amap, uint64_t *page, uint64_t end)
{
    kern_return_t kr = KERN_SUCCESS;
    struct anon *before = NULL, *copy;
    spin_lock(&amap->lock);
    if (!amap_next(amap, page) || *page >= end) {
        *page = end;
    } else {
        struct anon *anon = amap_lookup(amap, *page);
        if (anon_is_pinned(anon)) {
            kr = put_new(amap, *page, anon_frame_held(anon), &copy);
            before = kr == KERN_SUCCESS ? anon : NULL;
        }
        *page += kr == KERN_SUCCESS;
    }
    spin_unlock(&amap->lock);
    if (before)
        anon_unref(before);
    return kr;
}

kern_return_t amap_settle(struct amap *amap, uint64_t *page, uint64_t end)
{
    kern_return_t kr = KERN_SUCCESS;
    while (kr == KERN_SUCCESS && *page < end) {
        kr = settle_page(amap, page, end);
        if (kr == KERN_SUCCESS && *page < end && arch_irq_pending())
            kr = KERN_RETRY;
    }
    if (kr == KERN_SUCCESS)
        amap->unsettled = false;
    return kr;
}
