/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock and its like: pages are wired by host_memory.wire, which takes a right that not every program has (EPERM).
 *
 * K1 The kernel counts how often a page was wired; POSIX does not. So what mlock() has wired is known here, as ranges that neither touch nor overlap, in order, and wired once;
 *    mlockall() wires everything once more.
 * K2 A child of fork has nothing locked.
 */
#include "errors.h"
#include "memory_lock.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wharf/if/host_memory.h>

enum { PAGE = 0x1000 };
#define EVERYTHING (UINT64_C(1) << 39)

struct range {
    struct range *next;
    uint64_t start, end;
};

static struct mutex lock; /* of all below */
static struct range *ranges;
static bool all, told_of_fork;

static kern_return_t wire(uint64_t start, uint64_t end)
{
    return host_memory_wire(program_start_info->host_memory, program_start_info->task, start,
                            end - start);
}

static void unwire(uint64_t start, uint64_t end)
{
    (void)!host_memory_unwire(program_start_info->host_memory, program_start_info->task, start,
                              end - start);
}

/* ---- ranges ---- */

/* Takes [start, end) out of them; still_there: it is to be unwired. False: one would have to be two, and there is no memory for that; nothing has changed. */
static bool remove_range(uint64_t start, uint64_t end, bool still_there)
{
    for (struct range **link = &ranges; *link != NULL && (*link)->start < end;) {
        struct range *r = *link;
        const uint64_t from = r->start > start ? r->start : start;
        const uint64_t to = r->end < end ? r->end : end;

        if (r->end <= start) {
            link = &r->next;
            continue;
        }
        if (r->start < start && r->end > end) {
            struct range *rest = malloc(sizeof(*rest));
            if (rest == NULL)
                return false;
            *rest = (struct range){r->next, end, r->end};
            r->next = rest;
        }
        if (still_there)
            unwire(from, to);
        if (r->start < start) {
            r->end = start;
            link = &r->next;
        } else if (r->end > end) {
            r->start = end;
        } else {
            *link = r->next;
            free(r);
        }
    }
    return true;
}

/* Wires what of [start, end) is not wired; after an error all of that is as it was. */
static kern_return_t wire_gaps(uint64_t start, uint64_t end)
{
    uint64_t at = start;
    kern_return_t kr = KERN_SUCCESS;
    const struct range *r = ranges;

    for (; kr == KERN_SUCCESS && at < end; r = r != NULL ? r->next : NULL) {
        const uint64_t stop = r == NULL || r->start > end ? end : r->start;

        if (r != NULL && r->end <= at)
            continue;
        if (at < stop)
            kr = wire(at, stop);
        if (kr == KERN_SUCCESS)
            at = r == NULL || stop == end ? end : r->end;
    }
    if (kr == KERN_SUCCESS)
        return kr;
    uint64_t undone = start;
    for (r = ranges; undone < at; r = r != NULL ? r->next : NULL) {
        const uint64_t stop = r == NULL || r->start > at ? at : r->start;

        if (r != NULL && r->end <= undone)
            continue;
        if (undone < stop)
            unwire(undone, stop);
        undone = r == NULL || stop == at ? at : r->end;
    }
    return kr;
}

/* One range for [start, end) and all that touch it. */
static void join(struct range *new, uint64_t start, uint64_t end)
{
    struct range **link = &ranges;

    while (*link != NULL && (*link)->end < start)
        link = &(*link)->next;
    *new = (struct range){*link, start, end};
    while (new->next != NULL &&new->next->start <= new->end) {
        struct range *old = new->next;

        new->start = old->start < new->start ? old->start : new->start;
        new->end = old->end > new->end ? old->end : new->end;
        new->next = old->next;
        free(old);
    }
    *link = new;
}

/* ---- fork ---- */

static void hold(void)
{
    mutex_lock(&lock);
}

static void release(void)
{
    mutex_unlock(&lock);
}

static void begin_as_child(void)
{
    while (ranges != NULL) {
        struct range *r = ranges;
        ranges = r->next;
        free(r);
    }
    all = false;
    mutex_unlock(&lock);
}

/* ---- who changes mappings ---- */

void memory_lock_forget(uint64_t address, uint64_t size)
{
    mutex_lock(&lock);
    (void)remove_range(address, address + size,
                       false); /* else more is unwired one day than is there, which is nothing */
    mutex_unlock(&lock);
}

bool memory_lock_has(uint64_t address, uint64_t size)
{
    mutex_lock(&lock);
    bool has = all;
    for (const struct range *r = ranges; r != NULL; r = r->next)
        has |= r->start < address + size && r->end > address;
    mutex_unlock(&lock);
    return has;
}

/* ---- the functions ---- */

static int error_of(kern_return_t kr)
{
    switch (kr) {
    case KERN_SUCCESS: return 0;
    case KERN_LIMIT: return EAGAIN;
    case KERN_TERMINATED: return EINTR;
    default: return ENOMEM; /* it is not mapped, or its content cannot be had */
    }
}

static int begin(void)
{
    if (program_start_info->host_memory == MSG_NULL)
        return EPERM;
    if (!told_of_fork && pthread_atfork(hold, release, begin_as_child) != 0)
        return ENOMEM;
    told_of_fork = true;
    return 0;
}

static bool in_pages(const void *address, size_t size, uint64_t *start, uint64_t *end)
{
    *start = (uintptr_t)address & ~(uint64_t)(PAGE - 1);
    *end = ((uintptr_t)address + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return *end > *start && size <= EVERYTHING;
}

int mlock(const void *address, size_t size)
{
    uint64_t start, end;

    if (size == 0)
        return 0;
    if (!in_pages(address, size, &start, &end))
        return posix_error(ENOMEM);
    struct range *new = malloc(sizeof(*new));
    mutex_lock(&lock);
    int error = new == NULL ? ENOMEM : begin();
    if (error == 0)
        error = error_of(wire_gaps(start, end));
    if (error == 0)
        join(new, start, end);
    mutex_unlock(&lock);
    if (error == 0)
        return 0;
    free(new);
    return posix_error(error);
}

/* Every page of it is mapped: each answers to msync(). */
static bool is_mapped(uint64_t start, uint64_t end)
{
    return msync((void *)(uintptr_t)start, end - start, MS_ASYNC) == 0;
}

int munlock(const void *address, size_t size)
{
    uint64_t start, end;

    if (size == 0)
        return 0;
    if (!in_pages(address, size, &start, &end) || !is_mapped(start, end))
        return posix_error(ENOMEM);
    mutex_lock(&lock);
    const bool done = remove_range(start, end, true);
    if (done && all)
        unwire(start, end);
    mutex_unlock(&lock);
    return done ? 0 : posix_error(ENOMEM);
}

int mlockall(int flags)
{
    if ((flags & ~(MCL_CURRENT | MCL_FUTURE)) != 0 || flags == 0)
        return posix_error(EINVAL);
    mutex_lock(&lock);
    int error = begin();
    if (error == 0 && all) {
        (void)!host_memory_wire_all(program_start_info->host_memory, program_start_info->task, 0);
        unwire(0, EVERYTHING);
        all = false;
    }
    if (error == 0)
        error = error_of(
            host_memory_wire_all(program_start_info->host_memory, program_start_info->task,
                                 ((flags & MCL_CURRENT) != 0 ? HOST_MEMORY_WIRE_CURRENT : 0) |
                                     ((flags & MCL_FUTURE) != 0 ? HOST_MEMORY_WIRE_FUTURE : 0)));
    all |= error == 0;
    mutex_unlock(&lock);
    return error == 0 ? 0 : posix_error(error);
}

int munlockall(void)
{
    mutex_lock(&lock);
    (void)remove_range(0, EVERYTHING, true);
    if (all) {
        (void)!host_memory_wire_all(program_start_info->host_memory, program_start_info->task, 0);
        unwire(0, EVERYTHING);
    }
    all = false;
    mutex_unlock(&lock);
    return 0;
}
