/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of files that are gone, which somebody else still has: a mapping, or a right to it that may be mapped.
 *
 * The kernel has this program pay for that memory until nobody has it any more. So it stays ours, and counted (F2), until then: otherwise who
 * maps and removes one file after the other would use up all that the program may have, and the program with it.
 *
 * L1 An extent here is seen by others, or was when it was last looked at. It is looked at when memory is short, and a few are whenever a file goes.
 * L2 What is needed to put a file's extents here is there from its first mapping on: that a file goes never fails.
 */
#include "memfs.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <wharf/if/vm.h>

enum { LOOK_AT = 16, AGAIN_NS = 10000000 };

struct limbo {
    struct limbo *next;
    struct extent *extents;
    uint32_t count, room;
};

bool limbo_prepare(struct memfs *fs, struct content *content)
{
    if (content->limbo)
        return true;
    if (!memfs_charge(fs, sizeof(*content->limbo)))
        return false;
    content->limbo = calloc(1, sizeof(*content->limbo));
    if (!content->limbo)
        memfs_uncharge(fs, sizeof(*content->limbo));
    return content->limbo != NULL;
}

/* Nobody else has any of it, and so nobody can get it. */
static bool is_ours(const struct extent *extent)
{
    const uint64_t end = (uintptr_t)extent->at + (uint64_t)extent->pages * PAGE;
    uint64_t start, size;
    uint32_t protection, most, inheritance, flags;

    for (uint64_t at = (uintptr_t)extent->at; at < end; at = start + size)
        if (vm_region(program_start_info->task, at, &start, &size, &protection, &most, &inheritance,
                      &flags) != KERN_SUCCESS ||
            flags & VM_SHARED)
            return false;
    return true;
}

/* Up to `budget` extents of it, from its last one on. What is left of the budget. */
static uint32_t look_at(struct memfs *fs, struct limbo *limbo, uint32_t budget)
{
    for (uint32_t i = limbo->count; i > 0 && budget > 0; budget--)
        if (is_ours(&limbo->extents[--i])) {
            content_give_back(fs, limbo->extents[i].at, limbo->extents[i].pages);
            limbo->extents[i] = limbo->extents[--limbo->count];
        }
    return budget;
}

static void end(struct memfs *fs, struct limbo *limbo)
{
    memfs_uncharge(fs, limbo->room * sizeof(*limbo->extents) + sizeof(*limbo));
    free(limbo->extents);
    free(limbo);
}

/* What was looked at comes last. */
static void sweep(struct memfs *fs, uint32_t budget)
{
    struct limbo *kept = NULL, **last = &kept, **rest;

    while (fs->limbo && budget > 0) {
        struct limbo *limbo = fs->limbo;
        fs->limbo = limbo->next;
        budget = look_at(fs, limbo, budget);
        if (limbo->count == 0) {
            end(fs, limbo);
            continue;
        }
        limbo->next = NULL;
        *last = limbo;
        last = &limbo->next;
    }
    for (rest = &fs->limbo; *rest; rest = &(*rest)->next)
        ;
    *rest = kept;
}

void limbo_take(struct memfs *fs, struct content *content)
{
    struct limbo *limbo = content->limbo;

    limbo->extents = content->extents;
    limbo->count = content->count;
    limbo->room = content->room;
    limbo->next = fs->limbo;
    fs->limbo = limbo;
    sweep(fs, LOOK_AT);
}

void limbo_sweep(struct memfs *fs)
{
    const uint64_t now = fs->limbo ? kernel_clock_now() : 0;

    if (!fs->limbo || (fs->swept != 0 && now - fs->swept < AGAIN_NS))
        return;
    fs->swept = now;
    sweep(fs, UINT32_MAX);
}
