/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new name space with the send rights of another, under the same names, for fork (D3). The new
 * space is nobody's yet: no name is given out that a later entry needs. Entries left out below the last one
 * copied are put on the list of free ones by a second pass.
 */
#include "names.h"
#include <arch/cpu.h>
#include <kern/kmem.h>

/* The child's entry of this index exists. */
static kern_return_t cover(struct space *to, uint32_t index)
{
    kern_return_t kr = KERN_SUCCESS;
    while (kr == KERN_SUCCESS && index >= atomic_load(&to->limit))
        kr = space_grow(to);
    return kr;
}

static void copy_entry(struct space *to, uint32_t index, struct ipc_entry *from)
{
    struct ipc_object *object = entry_object(from);
    uint32_t bits = atomic_load(&from->bits);
    unsigned rights = bits & (RIGHT_SEND | RIGHT_DEAD | ENTRY_KERNEL);
    if (rights & RIGHT_SEND)
        port_copy_send(port_of(object));
    entry_place(to, index, object, (bits & 0xffff0000u) | rights);
    entry_at(to, index)->urefs = from->urefs;
}

/* First pass: `*progress` is the next index of `from`. */
static kern_return_t copy_some(struct space *from, struct space *to, uint32_t *progress)
{
    enum { BATCH = 16 };
    kern_return_t kr = KERN_SUCCESS;
    spin_lock_pair(&from->lock, &to->lock);
    uint32_t limit = from->fresh /* N6 */, index = *progress ? *progress : 1;
    for (unsigned n = 0; n < BATCH && index < limit && kr == KERN_SUCCESS; n++, index++) {
        struct ipc_entry *entry = entry_at(from, index);
        if (!(entry_rights(entry) & (RIGHT_SEND | RIGHT_DEAD)))
            continue;
        kr = cover(to, index);
        if (kr == KERN_SUCCESS)
            copy_entry(to, index, entry);
    }
    spin_unlock_pair(&from->lock, &to->lock);
    *progress = index;
    return kr == KERN_SUCCESS && index < limit ? KERN_RETRY : kr;
}

static kern_return_t copy_piece(struct space *from, struct space *to, uint32_t *progress)
{
    enum { SECOND_PASS = 1u << 31, BATCH = 64 };
    if (!(*progress & SECOND_PASS)) {
        kern_return_t kr = copy_some(from, to, progress);
        if (kr != KERN_SUCCESS)
            return kr;
        *progress = SECOND_PASS | 1;
        return KERN_RETRY;
    }
    uint32_t index = *progress & ~SECOND_PASS;
    spin_lock(&to->lock);
    for (unsigned n = 0; n < BATCH && index < to->fresh; n++, index++)
        if (!entry_rights(entry_at(to, index)))
            entry_append_free(to, index);
    bool more = index < to->fresh;
    spin_unlock(&to->lock);
    *progress = SECOND_PASS | index;
    return more ? KERN_RETRY : KERN_SUCCESS;
}

kern_return_t space_copy_send_rights(struct space *from, struct space *to, uint32_t *progress)
{
    kern_return_t kr;
    do
        kr = copy_piece(from, to, progress);
    while (kr == KERN_RETRY && !arch_irq_pending());
    return kr;
}
