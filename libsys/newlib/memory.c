/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where malloc() gets memory from. newlib's asks for more by moving the end of a heap (sbrk); here
 * the heap is a row of regions from the kernel with holes between them. What malloc() can stand:
 *
 * H1 An answer behind the end of the last one: it makes the end of the old memory a chunk that is
 *    never merged, and goes on. One in front of it: it fails, so those are not given.
 * H2 When it goes on so, it asks a second time, for what is missing to the end of the page, and
 *    that must follow: regions are whole pages, and a request is always answered from one of them.
 * H3 Memory that is not taken back: it keeps what is free for itself.
 */
#include "calls.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <wharf/if/vm.h>

enum { PAGE = 0x1000, LEAST = 4 * PAGE, MOST = 256 * PAGE };

static struct mutex lock;
static char *at, *end; /* the rest of the last region */
static size_t total;   /* bytes of all regions */

/** Free pages at both sides of a region, as the kernel has them, are kept. Where nothing lies, the last hole begins. */
static char *look_above(size_t size)
{
    const mach_port_name_t task = program_start_info->task;
    uint64_t from = (uintptr_t)end, start, length, where;
    uint32_t protection, most, inheritance, flags;

    for (;;) {
        const bool last = vm_region(task, from, &start, &length, &protection, &most, &inheritance,
                                    &flags) != KERN_SUCCESS;
        if ((last || (start > from && start - from >= size + (size_t)2 * PAGE)) &&
            vm_allocate(task, from + PAGE, size, 0, &where) == KERN_SUCCESS)
            return (char *)(uintptr_t)where;
        if (last)
            return NULL;
        from = start + length;
    }
}

/** A region behind the last one (H1). The kernel offers what lies behind its last one of any kind; when it has begun at the bottom again that may lie in front of ours. */
static char *take(size_t size)
{
    void *region;

    if (kernel_vm_allocate(size, &region) != KERN_SUCCESS)
        return NULL;
    if ((char *)region >= end)
        return region;
    /* It was allocated just now with these very numbers. */
    (void)kernel_vm_deallocate(region, size);
    return look_above(size);
}

/** Start a region with room for `size` bytes; a program that has much gets much. */
static bool grow(size_t size)
{
    size_t needed = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    size_t wanted = total / 2 & ~(size_t)(PAGE - 1);

    if (needed < size)
        return false;
    wanted = wanted < LEAST ? LEAST : wanted > MOST ? MOST : wanted;
    wanted = wanted < needed ? needed : wanted;
    char *region = take(wanted);

    if (region == NULL && wanted > needed) {
        wanted = needed;
        region = take(wanted);
    }
    if (region == NULL)
        return false;
    at = region;
    end = region + wanted;
    total += wanted;
    return true;
}

void *_sbrk(ptrdiff_t increment)
{
    void *answer = (void *)-1;

    mutex_lock(&lock);
    if (increment >= 0 && (increment <= end - at || grow((size_t)increment))) {
        answer = at;
        at += increment;
    } else {
        errno = ENOMEM;
    }
    mutex_unlock(&lock);
    return answer;
}
