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
#include <libsys/sync.h>

enum { PAGE = 0x1000, LEAST = 4 * PAGE, MOST = 256 * PAGE };

/* A region that lies where H1 forbids, kept while another is looked for. */
struct unfit {
    struct unfit *next;
    size_t size;
};

static struct mutex lock;
static char *at, *end; /* the rest of the last region */
static size_t total;   /* bytes of all regions */

/** A region behind the last one. While the kernel offers holes in front of it, they are filled. */
static char *take(size_t size)
{
    struct unfit *unfit = NULL;
    char *found = NULL;
    void *region;

    while (found == NULL && kernel_vm_allocate(size, &region) == KERN_SUCCESS) {
        if ((char *)region >= end) {
            found = region;
        } else {
            *(struct unfit *)region = (struct unfit){unfit, size};
            unfit = region;
        }
    }
    while (unfit != NULL) {
        struct unfit *next = unfit->next;

        /* It was allocated above with these very numbers. */
        (void)kernel_vm_deallocate(unfit, unfit->size);
        unfit = next;
    }
    return found;
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
