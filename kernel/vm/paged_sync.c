/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those who map a paged object ask for what they wrote to be returned to its pager (vm.sync). Who wants to know that it has been fetched waits with
 * those that wait for a request to become free (Q5): they are woken when a page has been fetched, and look again.
 */
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/thread.h>
#include <wharf/if/memory_object_types.h>

/* Pages are with the pager, or will be. */
static bool returns_pages(const struct paged_object *object)
{
    return object->state == PAGED_READY || object->state == PAGED_ENDING ||
           object->state == PAGED_CACHED;
}

bool paged_is_returning(struct paged_object *object, uint64_t page)
{
    return returns_pages(object) && paged_next_returning(object, &page, page + 1);
}

/* The lock is held. */
static kern_return_t failure(const struct paged_object *object)
{
    return object->state == PAGED_DEAD ? page_result_error(object->why) : KERN_SUCCESS;
}

/* One that ends returns everything anyway, one that begins has nothing. */
kern_return_t paged_sync(struct paged_object *object, uint64_t *page, uint64_t end, bool invalidate)
{
    const unsigned pages = invalidate ? 1 : 8; /* who knows how many map one that is taken away */
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned n = 0; n < pages && *page < end && kr == KERN_SUCCESS; n++)
        kr = paged_lock_page(object, page, end, MEMORY_OBJECT_RETURNS_DIRTY, invalidate, false);
    spin_lock(&object->lock);
    if (kr == KERN_SUCCESS)
        work_start(&object->work); /* announces */
    else if ((kr = failure(object)) == KERN_SUCCESS)
        *page = end;
    spin_unlock(&object->lock);
    return kr == KERN_SUCCESS && *page < end ? KERN_RETRY : kr;
}

/* What the thread has been told when it waited for this page; once. */
static kern_return_t told(struct page_wait *wait, const struct paged_object *object, uint64_t page,
                          vaddr_t va)
{
    bool same = wait->returned && wait->of == object && wait->page == page && wait->va == va;
    uint64_t result = same ? wait->result : 0;
    wait->result = wait->kept.result = 0;
    return page_result_error(result);
}

static kern_return_t await(struct paged_object *object, struct thread *self, uint64_t page,
                           vaddr_t va)
{
    struct page_wait *wait = &self->page;
    kern_return_t kr = told(wait, object, page, va);
    if (kr != KERN_SUCCESS)
        return kr;
    wait->of = object;
    wait->page = page;
    wait->va = va;
    wait->returned = true;
    wait->room = wait->urgent = wait->admitted = false;
    assert(!wait->object);
    paged_hold(object);
    wait->object = object;
    return KERN_RETRY;
}

kern_return_t paged_sync_wait(struct paged_object *object, struct thread *self, uint64_t *page,
                              uint64_t end, vaddr_t va)
{
    spin_lock(&object->lock);
    kern_return_t kr = failure(object);
    if (kr == KERN_SUCCESS && !returns_pages(object))
        *page = end;
    if (kr == KERN_SUCCESS && *page < end && paged_next_returning(object, page, end))
        kr = await(object, self, *page, va);
    spin_unlock(&object->lock);
    return kr == KERN_SUCCESS && *page < end ? KERN_RETRY : kr;
}
