/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file_maps.h. Ranges by their addresses, each with a reference to the open that it is of. A child of fork has the same ranges, and its own references under the same names.
 *
 * F1 No two ranges overlap, and none shows what is not mapped any more: it is taken out before something else is added there, for both are done under the lock, and what a range
 *    that is cut in two needs is there before anything is unmapped.
 * F2 Nobody waits for a server with the lock held.
 * F3 The tree is in the order of addresses from left to right, and none below a range is heavier than it. Weights are drawn by lot: so it is about as flat as it can be, whatever the order
 *    in which ranges come and go.
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
    struct range *left, *right;
    uint64_t start, end;
    mach_port_name_t file; /* a reference */
    uint32_t weight;       /* F3 */
};

static struct mutex lock;
static struct range *ranges; /* the topmost */

/* A server that is gone leaves a dead name, which has references as well. */
static kern_return_t refer(mach_port_name_t file)
{
    const kern_return_t kr = port_mod_refs(program_start_info->task, file, PORT_RIGHT_SEND, 1);

    return kr == KERN_INVALID_RIGHT
               ? port_mod_refs(program_start_info->task, file, PORT_RIGHT_DEAD, 1)
               : kr;
}

/* The lock is held, for the lots' sake. */
static struct range *make(mach_port_name_t file, uint64_t start, uint64_t end)
{
    static uint32_t lot = 1;
    struct range *range = malloc(sizeof(*range));

    if (range == NULL)
        return NULL;
    if (refer(file) != KERN_SUCCESS) {
        free(range);
        return NULL;
    }
    lot = lot * 1664525 + 1013904223;
    *range = (struct range){.start = start, .end = end, .file = file, .weight = lot};
    return range;
}

static void drop(struct range *range)
{
    stub_release_right(range->file, MSG_MOVE_SEND);
    free(range);
}

/* ---- the tree (F3); the lock is held ---- */

/* Those that start before `at`, and the others. */
static void split(struct range *tree, uint64_t at, struct range **low, struct range **high)
{
    while (tree != NULL) {
        if (tree->start < at) {
            *low = tree;
            low = &tree->right;
            tree = tree->right;
        } else {
            *high = tree;
            high = &tree->left;
            tree = tree->left;
        }
    }
    *low = *high = NULL;
}

/* One of two, of which the first lies before the second. */
static struct range *join(struct range *low, struct range *high)
{
    struct range *tree, **link = &tree;

    while (low != NULL && high != NULL) {
        if (low->weight > high->weight) {
            *link = low;
            link = &low->right;
            low = low->right;
        } else {
            *link = high;
            link = &high->left;
            high = high->left;
        }
    }
    *link = low != NULL ? low : high;
    return tree;
}

/* The first that ends behind `at`. */
static struct range *first_behind(uint64_t at)
{
    struct range *found = NULL;

    for (struct range *r = ranges; r != NULL;) {
        const bool ends_behind = r->end > at;
        if (ends_behind)
            found = r;
        r = ends_behind ? r->left : r->right;
    }
    return found;
}

/* What lies behind `end` of the last of a tree is a tree of its own. */
static struct range *cut_last(struct range **tree, uint64_t end)
{
    struct range **link = tree, *last;

    while (*link != NULL && (*link)->right != NULL)
        link = &(*link)->right;
    last = *link;
    if (last == NULL || last->end <= end)
        return NULL;
    *link = last->left;
    last->left = NULL;
    last->start = end;
    return last;
}

/* [start, end) shows none any more. `rest`: of the range that is cut in two, or NULL. */
static void forget(uint64_t start, uint64_t end, struct range *rest)
{
    struct range *low, *gone, *high, *cut = first_behind(start);

    if (cut != NULL && cut->start < start)
        cut->end = start;
    split(ranges, start, &low, &high);
    split(high, end, &gone, &high);
    if (rest == NULL)
        rest = cut_last(&gone, end);
    while (gone != NULL) {
        struct range *others = join(gone->left, gone->right);
        drop(gone);
        gone = others;
    }
    ranges = join(low, join(rest, high));
}

/* ---- for mmap.c ---- */

int file_maps_add(mach_port_name_t file, uint64_t address, uint64_t size)
{
    struct range *low, *high;

    mutex_lock(&lock);
    struct range *range = make(file, address, address + size);
    if (range != NULL) {
        split(ranges, address, &low, &high);
        ranges = join(join(low, range), high);
    }
    mutex_unlock(&lock);
    return range != NULL ? 0 : ENOMEM;
}

kern_return_t file_maps_unmap(uint64_t address, uint64_t size)
{
    const uint64_t end = address + size;
    kern_return_t kr = KERN_SUCCESS;
    struct range *rest = NULL;

    mutex_lock(&lock);
    const struct range *range = first_behind(address);
    if (range != NULL && range->start < address && range->end > end &&
        (rest = make(range->file, end, range->end)) == NULL)
        kr = KERN_RESOURCE_SHORTAGE;
    if (kr == KERN_SUCCESS)
        kr = vm_deallocate(program_start_info->task, address, size);
    if (kr == KERN_SUCCESS)
        forget(address, end, rest);
    else if (rest != NULL)
        drop(rest);
    mutex_unlock(&lock);
    return kr;
}

/* ---- sync ---- */

enum { SYNCED = 16 };

/* Files that have been synced by one call, with a reference each: so that their names are no others'. If there are more the oldest is forgotten, and perhaps synced twice. */
struct synced {
    mach_port_name_t file[SYNCED];
    unsigned count;
};

static bool is_synced(const struct synced *synced, mach_port_name_t file)
{
    for (unsigned i = 0; i < SYNCED; i++)
        if (synced->file[i] == file)
            return true;
    return false;
}

static void note_synced(struct synced *synced, mach_port_name_t file)
{
    mach_port_name_t *place = &synced->file[synced->count++ % SYNCED];

    if (*place != MSG_NULL)
        stub_release_right(*place, MSG_MOVE_SEND);
    *place = file;
}

static void forget_synced(struct synced *synced)
{
    for (unsigned i = 0; i < SYNCED; i++)
        if (synced->file[i] != MSG_NULL)
            stub_release_right(synced->file[i], MSG_MOVE_SEND);
}

/* The file of the first range that ends behind *at, with a reference; *at is its end then. MSG_NULL: there is none before `end`. */
static mach_port_name_t next_file(uint64_t *at, uint64_t end)
{
    mach_port_name_t file = MSG_NULL;

    mutex_lock(&lock);
    const struct range *range = first_behind(*at);
    if (range != NULL && range->start < end && refer(range->file) == KERN_SUCCESS) {
        file = range->file;
        *at = range->end;
    }
    mutex_unlock(&lock);
    return file;
}

int file_maps_sync(uint64_t address, uint64_t size)
{
    struct synced synced = {0};
    mach_port_name_t file;
    uint64_t at = address;
    int error = 0;

    while ((file = next_file(&at, address + size)) != MSG_NULL) {
        if (is_synced(&synced, file)) {
            stub_release_right(file, MSG_MOVE_SEND);
            continue;
        }
        const kern_return_t kr = AGAIN(file_sync(file, true));
        error = error == 0 ? posix_errno(kr) : error;
        note_synced(&synced, file);
    }
    forget_synced(&synced);
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
