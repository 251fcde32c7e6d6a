/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records (lasting.h). Nothing in them is believed before it has been looked at: the next instance may find what a broken one left.
 */
#include "lasting.h"
#include <stdatomic.h>
#include <string.h>

size_t file_server_lasting_size(const struct file_server_limits *limits)
{
    return sizeof(struct lasting_head) +
           limits->opens * (sizeof(struct lasting_open) + sizeof(struct lasting_lock));
}

const struct keep *file_server_keep(const struct file_server *server)
{
    return &server->lasting->keep;
}

/* ---- opens ---- */

struct lasting_open *lasting_record(const struct file_server *server, uint32_t slot)
{
    const struct lasting *lasting = server->lasting;

    return lasting && slot < lasting->head->opens ? &lasting->head->open[slot] : NULL;
}

/* The request that was carried out last is not this slot's any more. */
static void forget_request(struct lasting_head *head, uint32_t slot)
{
    if (head->now.slot == slot)
        head->now.kind = LASTING_NONE;
    atomic_signal_fence(memory_order_seq_cst);
}

static uint32_t slot_of(const struct file_open *open)
{
    return (uint32_t)(open->lasting - open->server->lasting->head->open);
}

kern_return_t lasting_open(struct file_open *open)
{
    struct lasting_open *record = open->lasting;
    uint64_t identity;

    if (!record)
        return KERN_SUCCESS;
    const struct file_server_lasting *by = &open->server->lasting->by;
    const kern_return_t kr = by->identity(by->context, open->node, &identity);
    if (kr != KERN_SUCCESS)
        return kr;
    forget_request(open->server->lasting->head, slot_of(open));
    record->identity = identity;
    record->offset = open->offset;
    record->flags = open->flags;
    record->kind = open->node->kind;
    __atomic_store_n(&record->used, 1, __ATOMIC_RELEASE);
    return KERN_SUCCESS;
}

void lasting_close(struct file_open *open)
{
    if (!open->lasting)
        return;
    __atomic_store_n(&open->lasting->used, 0, __ATOMIC_RELEASE);
    forget_request(open->server->lasting->head, slot_of(open));
}

/* ---- requests ---- */

const struct lasting_request *lasting_was_done(const struct file_open *open, int64_t id,
                                               enum lasting_kind kind)
{
    const struct lasting *lasting = open->server->lasting;

    if (!lasting->any_done || id >= FILE_CURRENT)
        return NULL;
    for (unsigned i = 0; i < LASTING_DONE; i++) {
        const struct lasting_request *done = &lasting->head->done[i];
        if (done->id == id && done->kind == (uint32_t)kind && done->slot == slot_of(open))
            return done;
    }
    return NULL;
}

void lasting_will_do(const struct file_open *open, int64_t id, enum lasting_kind kind,
                     uint64_t before, uint64_t most)
{
    struct lasting *lasting = open->server->lasting;

    if (id >= FILE_CURRENT)
        return;
    struct lasting_request *now = &lasting->head->now;
    if (kind == LASTING_NAMES)
        before = lasting->by.progress ? lasting->by.progress(lasting->by.context) : 0;
    now->kind = LASTING_NONE;
    atomic_signal_fence(memory_order_seq_cst);
    now->id = id;
    now->slot = slot_of(open);
    now->before = before;
    now->result = most;
    __atomic_store_n(&now->kind, kind, __ATOMIC_RELEASE);
}
