/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a task at this stage: regions whose frames are all there from the start. The
 * kernel's next parts replace what is behind these calls by map entries, anonymous memory and
 * memory objects.
 *
 * G1 regions of a task do not overlap and are page aligned; those the kernel chose the place of
 *    have an unmapped page at either side.
 * G2 page i of a region is backed by frame pages[i] for i < populated; its frames are charged to
 * the task (FRAMES). Long work is done in chunks: the functions return KERN_RETRY when they stopped
 * early to let interrupts in; the same call then continues (progress is in the region).
 * G3 a region whose memory can be mapped elsewhere has a backing, which has the frames then; G2 holds of the
 *    backing's pages from `first` on. The backing lives as long as regions and memory entries refer to it.
 * G4 messages may be about the memory of a task whose threads have all ended. They find regions under the MAP
 *    lock only, and none is made once teardown has closed the map.
 */
#pragma once

#include <kern/rbtree.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/types.h>
#include <kern/work.h>

/** Memory that several regions may map. */
struct backing {
    _Atomic uint32_t references;
    uint64_t count;      /* pages; constant, like all below */
    const pfn_t *pages;  /* their frames; NULL: contiguous, and not the frame allocator's */
    paddr_t base;        /* then: where */
    struct frame *index; /* the frames `pages` lies in */
    unsigned index_order;
    struct ledger *ledger; /* pays for all of it; reference held */
    struct work teardown;  /* gives the frames back, a few at a time */
    uint64_t left;         /* for that: pages that have not been given back. Teardown only */
};

/* BUILDING belongs to the one who called region_create(), who makes it READY or takes it away;
 * the others to whoever finds them under the MAP lock. So a pointer to a region that is not
 * BUILDING is good only while the lock is held. */
enum region_state { REGION_BUILDING, REGION_READY, REGION_DYING };

struct region {
    struct rb_node node; /* in task->regions; MAP lock, like all below */
    vaddr_t start, end;  /* constant */
    pfn_t *pages;        /* in frames of their own, 2^pages_order; NULL: G3 */
    struct backing
        *backing;       /* G3; or, while `copies`, what its pages are copied from. Reference held */
    uint64_t first;     /* page of the backing that the region begins with */
    uint64_t populated; /* pages that have a frame and are mapped */
    struct frame *index; /* the frames `pages` lies in */
    uint8_t index_order;
    uint8_t state;    /* enum region_state */
    uint8_t prot;     /* PROT_* given to new pages, and that all have unless `mixed` */
    uint8_t max_prot; /* what can be given */
    uint8_t inherit;  /* enum vm_inherit, for the kernel's next part */
    bool mixed;       /* pages may have different protections */
    bool copies;      /* populated by copying from the backing */
    bool program;     /* part of the program: not to be changed by vm.protect or vm.deallocate */
};

enum { REGION_MAX_PAGES = 1 << 18 /* 1 GiB */ };

/** Where programs end and allocated regions begin. */
#define REGION_ALLOCATE_BASE UINT64_C(0x1000000000)

/** A new region of `pages` pages at `start` (0: wherever there is room), not populated.
 *  KERN_NO_SPACE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_INVALID_ARGUMENT. */
kern_return_t region_create(struct task *task, vaddr_t start, uint64_t pages, unsigned prot,
                            bool program, struct region **out);
/** What region_allocate() shall make. */
struct region_request {
    vaddr_t start; /* where, or 0: anywhere; where it is, afterwards */
    uint64_t pages;
    struct backing *backing; /* to map, or NULL: zeroed memory; the caller's reference */
    uint64_t first;          /* its page */
    bool copy;               /* a copy of it */
    uint8_t prot, max_prot, inherit;
    bool program;
};

/** Make a region, step by step, for a call of the current thread, in any task. Nobody else can touch it before it is
 *  whole. *progress is 0 at the first call, and after every result but KERN_RETRY. Errors of region_create(),
 *  KERN_TERMINATED. */
kern_return_t region_allocate(struct thread *self, struct task *task,
                              struct region_request *request, uint64_t *progress);
/** The thread will not go on with what it began to make: it is left to the task as far as it is there. */
void region_abandon(struct thread *self);

/** Give it frames until it is full, then READY: the caller must not touch it any more. After an
 *  error other than KERN_RETRY the caller takes it away with region_remove(). */
kern_return_t region_populate(struct task *task, struct region *region);
/** Take it away, frames and all; the caller is the only one who may. KERN_RETRY or KERN_SUCCESS. */
kern_return_t region_remove(struct task *task, struct region *region);
/** The same for the region that is exactly `pages` pages at `start`, for user code:
 *  KERN_INVALID_ADDRESS if there is none or it is the program's. A second caller may see that
 *  while the first is still at it. */
kern_return_t region_deallocate(struct task *task, vaddr_t start, uint64_t pages);
/** Close the map (G4) and take away a piece of what is left. False: nothing is. */
bool region_teardown_some(struct task *task);
/** Change the protection of pages inside one READY region that is not the program's; *done counts
 *  the bytes done, from where a repeated call continues. KERN_PROTECTION_FAILURE: above its maximum. */
kern_return_t region_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                             uint64_t *done);
/** Lower the maximum of the region that is exactly this range, and the protection of its pages with it. */
kern_return_t region_limit(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                           uint64_t *done);

/* ---- kernel/task/region_share.c ---- */

/** Copy at most a page's size of bytes between the task's memory and the kernel's. All or nothing.
 *  KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE. */
kern_return_t region_copy(struct task *task, vaddr_t va, void *buffer, size_t n, bool write);

struct region_facts {
    vaddr_t start;
    uint64_t size;
    unsigned prot, max_prot, inherit;
    bool shared;
};
/** The region that contains va, from its page on, or the next above it, as far as the protection is the
 *  same or can be looked at. KERN_NOT_FOUND. */
kern_return_t region_describe(struct task *task, vaddr_t va, struct region_facts *out);

/** The backing of a range inside one region, with a reference; *first: its page there. KERN_INVALID_ADDRESS,
 *  KERN_PROTECTION_FAILURE (max_prot is above the region's), KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t region_share(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                           struct backing **out, uint64_t *first);

/** Memory that is there already and nobody's frames. KERN_RESOURCE_SHORTAGE. */
kern_return_t backing_create(struct ledger *ledger, paddr_t base, uint64_t pages,
                             struct backing **out);
void backing_ref(struct backing *backing);
void backing_unref(struct backing *backing);
static inline paddr_t backing_page(const struct backing *backing, uint64_t page)
{
    return backing->pages ? (paddr_t)backing->pages[page] << PAGE_SHIFT
                          : backing->base + (page << PAGE_SHIFT);
}

/** Where page i of a region is; i < populated. The MAP lock is held. */
static inline paddr_t region_page(const struct region *region, uint64_t i)
{
    return region->pages ? (paddr_t)region->pages[i] << PAGE_SHIFT
                         : backing_page(region->backing, region->first + i);
}
/** Flags of pmap_enter(): memory that is not the frame allocator's has no records for reverse maps. */
static inline unsigned region_map_flags(const struct region *region)
{
    return region->pages || region->backing->pages ? 0 : PMAP_UNMANAGED;
}
/** First region of the task that ends above va, or NULL. The MAP lock is held. */
struct region *region_above(struct task *task, vaddr_t va);

/** Copy into a populated region whatever its protection (loader). */
void region_write(struct region *region, uint64_t offset, const void *src, uint64_t n);
/** After region_write: instruction fetch sees it. */
void region_sync_code(struct region *region);
