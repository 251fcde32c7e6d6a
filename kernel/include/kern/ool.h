/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out-of-line memory of messages: what a descriptor of kind MSG_OOL_MEMORY stands for while its message is in the kernel.
 *
 * V1 the content is that of the sender's range at some moment of the send. Whole pages are seen by both copy-on-write
 *    (kern/amap.h); when the message can be received nobody can write to them in place any more.
 * V2 of pages that the range does not wholly cover, only the bytes inside come along; the rest is zero.
 * V3 it is one amap over one object, or neither: what a map entry is made of. A range that is several things is put together
 *    page by page.
 * V4 it is charged to the message's ledger (COMMITMENT for all its pages) until it is freed or the receiver has it: then that is the
 *    receiver's charge. Nobody above both pays twice meanwhile. Pages stay charged to who made them (kern/anon.h: A3).
 * V5 no object in it is one that has to be trusted (memory_object_is_trusted()): its pages are copied when they are sent, for
 *    a queue does not know who will receive from it. The sender waits for the pager, with nothing locked. That this was so is
 *    noted, for receivers that want no such memory (MSG_FLAG_TRUSTED).
 */
#pragma once

#include <kern/map.h>
#include <kern/types.h>

/** A range that the sender loses with its message. */
struct ool_loss {
    struct ool_loss *next; /* of the same message */
    vaddr_t start, end;    /* of whole pages; start: what is gone already */
};

enum ool_state {
    OOL_NEW,     /* nothing has been copied */
    OOL_MERGING, /* page by page, up to `at` (V3) */
    OOL_ENDS,    /* whole pages are shared; those at the ends are to be copied (V2) */
    OOL_TAKING,  /* writing is being taken away, up to `at` (V1) */
    OOL_SETTLING, /* pages that devices may write to are being replaced, up to from_page (kern/amap.h: M7) */
    OOL_SPLITTING, /* the sender's entries are being cut at the ends of what it will lose */
    OOL_READY,     /* may be received */
};

/* In the hands of the CPU that works on its message, all of it. */
struct kool {
    struct kool *next; /* of the same message */
    vaddr_t source;    /* of the first byte, in the sender */
    uint32_t size;     /* bytes, more than 0 */
    uint8_t state;     /* enum ool_state */
    bool was_pagers;   /* pages of it were copied out of a paged object */
    vaddr_t at;
    struct amap *
        from; /* OOL_TAKING: shared memory that it is a copy of, a reference held; NULL: the sender's own */
    uint64_t
        from_page; /* the first of it that may still be written; OOL_SETTLING: that has not been looked at */
    bool taking;           /* the sender's map counts it (kern/map.h: G6) */
    struct ool_loss *loss; /* NULL: the sender keeps it */
    struct map_request
        memory;         /* V3, with references; start: where the receiver has got it. payer: V4 */
    struct amap *fresh; /* while it is received: the receiver's amap. A reference */
    struct map_entry *entry; /* while it is received: not in the map yet */
};

static inline vaddr_t ool_first(const struct kool *ool)
{
    return round_down(ool->source, PAGE_SIZE);
}
static inline vaddr_t ool_end(const struct kool *ool)
{
    return round_up(ool->source + ool->size, PAGE_SIZE);
}

/** For a range of the sender; nothing is looked at. KERN_INVALID_ADDRESS: it cannot be one; KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t ool_create(struct ledger *ledger, vaddr_t source, uint32_t size, bool moves,
                         struct kool **out);
/** With all it has. Bounded, whatever that is. */
void ool_free(struct ledger *ledger, struct kool *ool);
void ool_free_loss(struct ledger *ledger, struct ool_loss *loss);

/** Go on with the copy, until it is OOL_READY. The current thread is the sender. KERN_RETRY, with thread->page.object set if it
 *  is to wait for a pager first; KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE: a page is not mapped, may not be read;
 *  paged_need()'s; KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t ool_copy_some(struct thread *self, struct kool *ool);

/** Map all of the list in the receiver, or nothing: anywhere, an entry each; memory.start says where. Their amaps are gone then, and
 *  their COMMITMENT is the receiver's. KERN_NO_SPACE, KERN_TERMINATED, KERN_LIMIT, KERN_RESOURCE_SHORTAGE: the list is as it was. */
kern_return_t ool_map_all(struct task *task, struct kool *list);
