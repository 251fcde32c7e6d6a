/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * These tests' objects are never a pager's: who asks for a page of one is wrong.
 */
#include <kern/device_dma.h>
#include <kern/paged_object.h>
#include <kern/panic.h>

struct anon *paged_lookup(const struct paged_object *object, uint64_t page)
{
    panic("page %llu of paged object %p", (unsigned long long)page, (const void *)object);
}

kern_return_t paged_begin_write(struct paged_object *object, struct thread *self, uint64_t page,
                                vaddr_t va, struct anon *anon)
{
    (void)self, (void)va, (void)anon;
    panic("page %llu of paged object %p", (unsigned long long)page, (void *)object);
}

bool paged_is_written(const struct anon *anon)
{
    panic("page %p of a paged object", (const void *)anon);
}

kern_return_t paged_need(struct paged_object *object, struct thread *self, uint64_t page,
                         uint64_t pages, vaddr_t va, unsigned access)
{
    (void)self, (void)pages, (void)va, (void)access;
    panic("page %llu of paged object %p", (unsigned long long)page, (void *)object);
}

void paged_forget(struct thread *self)
{
    panic("thread %p waits for a page", (void *)self);
}

void paged_object_unref(struct paged_object *object)
{
    panic("paged object %p", (void *)object);
}

kern_return_t paged_sync(struct paged_object *object, uint64_t *page, uint64_t end, bool invalidate)
{
    (void)end, (void)invalidate;
    panic("page %llu of paged object %p", (unsigned long long)*page, (void *)object);
}

kern_return_t paged_sync_wait(struct paged_object *object, struct thread *self, uint64_t *page,
                              uint64_t end, vaddr_t va)
{
    (void)self, (void)end, (void)va;
    panic("page %llu of paged object %p", (unsigned long long)*page, (void *)object);
}

/* Nor has anybody a device. */
void device_dma_unreferenced(struct memory_object *object)
{
    panic("memory object %p of a device", (void *)object);
}
