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
 */
#pragma once

#include <kern/rbtree.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/types.h>

/* BUILDING belongs to the one who called region_create(), who makes it READY or takes it away;
 * the others to whoever finds them under the MAP lock. So a pointer to a region that is not
 * BUILDING is good only while the lock is held. */
enum region_state { REGION_BUILDING, REGION_READY, REGION_DYING };

struct region {
    struct rb_node node; /* in task->regions; MAP lock, like all below */
    vaddr_t start, end;  /* constant */
    pfn_t *pages;        /* in frames of their own, 2^pages_order */
    uint64_t populated;  /* pages that have a frame and are mapped */
    struct frame *index; /* the frames `pages` lies in */
    uint8_t index_order;
    uint8_t state; /* enum region_state */
    uint8_t prot;  /* PROT_* given to new pages */
    bool program;  /* part of the program: not to be changed by vm_protect or vm_deallocate */
};

enum { REGION_MAX_PAGES = 1 << 18 /* 1 GiB */ };

/** Where programs end and allocated regions begin. */
#define REGION_ALLOCATE_BASE UINT64_C(0x1000000000)

/** A new region of `pages` pages at `start` (0: wherever there is room), not populated.
 *  KERN_NO_SPACE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_INVALID_ARGUMENT. */
kern_return_t region_create(struct task *task, vaddr_t start, uint64_t pages, unsigned prot,
                            bool program, struct region **out);
/** Give it frames until it is full, then READY: the caller must not touch it any more. After an
 *  error other than KERN_RETRY the caller takes it away with region_remove(). */
kern_return_t region_populate(struct task *task, struct region *region);
/** Take it away, frames and all; the caller is the only one who may. KERN_RETRY or KERN_SUCCESS. */
kern_return_t region_remove(struct task *task, struct region *region);
/** The same for the region that is exactly `pages` pages at `start`, for user code:
 *  KERN_INVALID_ADDRESS if there is none or it is the program's. A second caller may see that
 *  while the first is still at it. */
kern_return_t region_deallocate(struct task *task, vaddr_t start, uint64_t pages);
/** Any region; for teardown. */
struct region *region_any(struct task *task);
/** Change the protection of pages inside one READY region that is not the program's; *done counts
 *  the bytes done, from where a repeated call continues. */
kern_return_t region_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                             uint64_t *done);
/** Copy into a populated region whatever its protection (loader). */
void region_write(struct region *region, uint64_t offset, const void *src, uint64_t n);
/** After region_write: instruction fetch sees it. */
void region_sync_code(struct region *region);
