/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of bytes that outlive their server (lasting.h). Whose they are is known by a port, to which the keeper has a right, too: under the owner's number.
 */
#include "lasting.h"
#include <libsys/print.h>
#include <libsys/stub.h>
#include <stdlib.h>

static struct lasting_lock *records(const struct lasting *lasting)
{
    return (struct lasting_lock *)(lasting->head->open + lasting->head->opens);
}

struct lasting_lock *lasting_lock_make(struct file_server *server)
{
    struct lasting *lasting = server->lasting;

    if (!lasting)
        return NULL;
    const uint32_t all = lasting->head->opens;
    for (uint32_t i = 0; i < all; i++) {
        struct lasting_lock *record = &records(lasting)[(lasting->next_lock + i) % all];
        if (record->used == 0) {
            lasting->next_lock = (lasting->next_lock + i + 1) % all;
            return record;
        }
    }
    return NULL;
}

/* ---- owners ---- */

kern_return_t lasting_owner_keep(struct file_server *server, mach_port_name_t right,
                                 uint32_t *number)
{
    struct lasting *lasting = server->lasting;
    uint32_t i = 0;

    *number = 0;
    if (!lasting)
        return KERN_SUCCESS;
    while (i < lasting->head->opens && lasting->owner_used[i])
        i++;
    if (i == lasting->head->opens)
        return KERN_LIMIT;
    if (i >= lasting->head->owners)
        lasting->head->owners = i + 1;
    const kern_return_t kr = keep_right(&lasting->keep, LASTING_KEY_OWNER + i, right);
    if (kr != KERN_SUCCESS)
        return kr;
    lasting->owner_used[i] = 1;
    *number = i + 1;
    return KERN_SUCCESS;
}

void lasting_owner_forget(struct file_server *server, uint32_t number)
{
    struct lasting *lasting = server->lasting;

    if (number == 0)
        return;
    lasting->owner_used[number - 1] = 0;
    keep_forget_right(&lasting->keep, LASTING_KEY_OWNER + number - 1);
}

/* ---- the next instance ---- */

static bool makes_sense(const struct file_server *server, const struct lasting_lock *record)
{
    const struct lasting_head *head = server->lasting->head;

    return record->slot < server->slots && server->opens[record->slot]->node &&
           server->opens[record->slot]->lasting && record->start <= record->last &&
           record->last <= INT64_MAX && record->owner <= head->opens;
}

/* False: nobody has it any more. */
static bool restore(struct file_server *server, struct lasting_lock *record)
{
    struct lasting *lasting = server->lasting;
    mach_port_name_t owner = MSG_NULL;

    if (!makes_sense(server, record))
        return false;
    if (record->owner != 0 &&
        keep_restored_right(&lasting->keep, LASTING_KEY_OWNER + record->owner - 1, &owner) !=
            KERN_SUCCESS)
        return false;
    if (record->owner != 0)
        lasting->owner_used[record->owner - 1] = 1;
    const bool done = lock_restore(server, record, owner);
    if (owner != MSG_NULL)
        stub_release_right(owner, MSG_MOVE_SEND); /* lock.c has its own */
    return done;
}

/* Owners without a lock are there no more: they were about to get one, or had given up their last. */
static void forget_owners(struct lasting *lasting)
{
    const uint32_t most = lasting->head->opens;
    const uint32_t owners = lasting->head->owners < most ? lasting->head->owners : most;

    for (uint32_t i = 0; i < owners; i++)
        if (!lasting->owner_used[i])
            keep_forget_right(&lasting->keep, LASTING_KEY_OWNER + i);
}

kern_return_t lasting_locks_begin(struct file_server *server)
{
    struct lasting *lasting = server->lasting;

    lasting->owner_used = calloc(lasting->head->opens, 1);
    if (!lasting->owner_used)
        return KERN_RESOURCE_SHORTAGE;
    for (uint32_t i = 0; i < lasting->head->opens; i++) {
        struct lasting_lock *record = &records(lasting)[i];
        if (record->used != 0 && !restore(server, record))
            record->used = 0;
    }
    forget_owners(lasting);
    return KERN_SUCCESS;
}
