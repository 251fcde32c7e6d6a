/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file_maps.h. A list of ranges, each with a reference to the open that it is of. A child of fork has the same ranges, and its own references under the same names.
 *
 * F1 What is not mapped any more is taken out before something else is added there: both are done under the lock. A range that could not be cut for want of memory is longer than it should be: what lies there
 *    is then synced in vain.
 * F2 Nobody waits for a server with the lock held.
 */
#include "file_maps.h"
#include "again.h"
#include "errors.h"
#include "process.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <stdlib.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

struct range {
    struct range *next;
    uint64_t start, end;
    mach_port_name_t file; /* a reference */
};

static struct mutex lock;
static struct range *ranges;

/* A server that is gone leaves a dead name, which has references as well. */
static kern_return_t refer(mach_port_name_t file)
{
    const kern_return_t kr = port_mod_refs(program_start_info->task, file, PORT_RIGHT_SEND, 1);

    return kr == KERN_INVALID_RIGHT
               ? port_mod_refs(program_start_info->task, file, PORT_RIGHT_DEAD, 1)
               : kr;
}

static struct range *make(mach_port_name_t file, uint64_t start, uint64_t end)
{
    struct range *range = malloc(sizeof(*range));

    if (range == NULL)
        return NULL;
    if (refer(file) != KERN_SUCCESS) {
        free(range);
        return NULL;
    }
    *range = (struct range){.start = start, .end = end, .file = file};
    return range;
}

static void drop(struct range *range)
{
    stub_release_right(range->file, MSG_MOVE_SEND);
    free(range);
}

/* F1: what is left of one range without [start, end). The lock is held. */
static void cut(struct range **link, uint64_t start, uint64_t end)
{
    struct range *range = *link, *rest;

    if (range->start >= start && range->end <= end) {
        *link = range->next;
        drop(range);
    } else if (range->start >= start) {
        range->start = end;
    } else if (range->end <= end) {
        range->end = start;
    } else if ((rest = make(range->file, end, range->end)) != NULL) {
        range->end = start;
        rest->next = range->next;
        range->next = rest;
    }
}

/* The lock is held. */
static void forget(uint64_t start, uint64_t end)
{
    struct range **link = &ranges;

    while (*link != NULL) {
        struct range *range = *link;
        if (range->start < end && range->end > start)
            cut(link, start, end);
        if (*link == range)
            link = &range->next;
    }
}

int file_maps_add(mach_port_name_t file, uint64_t address, uint64_t size)
{
    struct range *range = make(file, address, address + size);

    if (range == NULL)
        return ENOMEM;
    mutex_lock(&lock);
    range->next = ranges;
    ranges = range;
    mutex_unlock(&lock);
    return 0;
}

kern_return_t file_maps_unmap(uint64_t address, uint64_t size)
{
    mutex_lock(&lock);
    const kern_return_t kr = vm_deallocate(program_start_info->task, address, size);
    if (kr == KERN_SUCCESS)
        forget(address, address + size);
    mutex_unlock(&lock);
    return kr;
}

/* The file of the first range that ends behind *at, with a reference; *at is its end then. MSG_NULL: there is none before `end`. */
static mach_port_name_t next_file(uint64_t *at, uint64_t end)
{
    const struct range *found = NULL;
    mach_port_name_t file = MSG_NULL;

    mutex_lock(&lock);
    for (const struct range *r = ranges; r != NULL; r = r->next)
        if (r->end > *at && r->start < end && (found == NULL || r->start < found->start))
            found = r;
    if (found != NULL && refer(found->file) == KERN_SUCCESS) {
        file = found->file;
        *at = found->end;
    }
    mutex_unlock(&lock);
    return file;
}

int file_maps_sync(uint64_t address, uint64_t size)
{
    mach_port_name_t file, before = MSG_NULL;
    uint64_t at = address;
    int error = 0;

    while ((file = next_file(&at, address + size)) != MSG_NULL) {
        if (file != before) {
            const kern_return_t kr = AGAIN(file_sync(file, true));
            error = error == 0 ? posix_errno(kr) : error;
        }
        before = file;
        stub_release_right(file, MSG_MOVE_SEND);
    }
    return error;
}

/* ---- fork (process.h) ---- */

void file_maps_hold(void)
{
    mutex_lock(&lock);
}

void file_maps_release(bool child)
{
    (void)child;
    mutex_unlock(&lock);
}
