/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory: frames of 4 KiB, a buddy allocator over them, per-CPU caches in front, one
 * record a frame.
 *
 * Records are made lazily, by 2 MiB block: the array of records is virtual (arch_frame_table()),
 * and a block's part of it is backed when the block's first frame is needed ("opened"), from frames
 * already free or from the block itself. So the boot does not touch all records, and memory nobody
 * used costs nothing. A frame of a block that is not open has no record and is free.
 *
 * Invariants (frame_check() verifies them):
 * F1 every managed frame is in exactly one place: an unopened block, a buddy list, a CPU's cache,
 *    or allocated.
 * F2 a free run of order n is aligned to 2^n frames, and its buddy is not a free run of the same
 *    order.
 * F3 free_frames counts the frames of unopened blocks, buddy lists and CPU caches.
 * F4 the charge of LEDGER_FRAMES/PAGE_TABLES/... made at allocation is returned to the same ledger
 *    at free: the caller names the ledger both times.
 */
#pragma once

#include <arch/mmu.h>
#include <kern/ledger.h>
#include <kern/types.h>
#include <stdatomic.h>

enum frame_state {
    FRAME_RESERVED, /* heads nothing: not ours, or inside a run. Zero: what a fresh record says */
    FRAME_FREE,     /* head of a free run */
    FRAME_CACHED,   /* in a CPU's cache */
    FRAME_USED,     /* allocated; `owner` is the allocator's */
};

struct frame {
    pfn_t next, prev; /* list links by frame number; FRAMES lock while free, else the owner's */
    _Atomic uint32_t mapped; /* number of user mappings; RMAP lock of the frame */
    _Atomic uint8_t state;   /* enum frame_state; FRAMES lock to or from FREE, else the owner or the
                                cache's CPU */
    uint8_t order;           /* of the run this frame heads, free or allocated */
    _Atomic uint16_t flags;  /* FRAME_FLAG_* */
    void *owner; /* what the frame belongs to (anon, object, page table's pmap, slab's cache); the
                    owner's lock */
    uint64_t owner_offset; /* and where in it; the owner's lock */
    void *rmap; /* first mapping: its pmap, or a chain of struct rmap_entry (tagged); RMAP lock */
    vaddr_t rmap_va; /* first mapping: its user address; RMAP lock */
};
_Static_assert(sizeof(struct frame) == 48, "one record a frame: every byte costs 256 KiB at 1 GiB");

enum {
    FRAME_FLAG_REFERENCED = 1, /* used since last asked, collected from mappings that went away */
    FRAME_FLAG_DIRTY = 2,      /* written through a mapping */
    FRAME_FLAG_WIRED =
        4, /* a mapping of it is wired, or was: who would take it away asks pmap_page_is_wired() */
    FRAME_FLAG_OWNER = 8,      /* this and the next four bits mean what the owner wants; its lock */
    FRAME_FLAG_PAGEABLE = 256, /* an anon's: page-out may take it (kern/pageout.h) */
    FRAME_FLAG_BUSY = 512, /* page-out looks at the owner; who takes PAGEABLE away waits for that */
    FRAME_FLAG_INACTIVE =
        1024, /* it was not used from one look of page-out to the next. Page-out's */
    FRAME_FLAG_OBJECT =
        2048, /* the page is an object's, which `next` and `prev` tell (kern/pageout.h) */
    FRAME_FLAG_OWNER_TOO = 4096, /* one more of the owner's */
    FRAME_FLAG_PINNED =
        8192, /* an anon's that devices may know: it stays (kern/pin.h), `next` times */
    FRAME_FLAG_KEPT = 16384, /* an anon's that has a slot, `prev` (kern/swap.h: S9); SWAP lock */
    FRAME_FLAG_LARGE =
        32768, /* since it was allocated, a leaf of 2 MiB has mapped the run that it heads */
    FRAME_FLAGS_OWNER = 0x10f8,
};

enum { FRAME_MAX_ORDER = 9 /* 2 MiB */ };

/** What is to be done with the memory. FRAME_ZEROED is for orders up to FRAME_MAX_ZEROED_ORDER:
 *  who wants more zeroes it in pieces (D1). */
enum { FRAME_MAX_ZEROED_ORDER = 4 };
enum {
    FRAME_ZEROED = 1 /* content must be zero */,
    FRAME_NOFAIL_INJECTION = 2 /* not counted by the n-th failure */
};

/** Give [start, end) of physical memory, page aligned and mapped in the direct map, to the
 *  allocator; nothing of it may have been given before. What lies above 16 TiB, and pieces of a 2
 *  MiB block too small for their records (below 64 KiB), are left unused. Boot CPU; may be called
 *  again later for memory the boot needed. */
void frame_add_range(paddr_t start, paddr_t end);

/** 2^order frames, contiguous and aligned; charged as `kind` pages to `ledger`. KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t frame_alloc(struct ledger *ledger, enum ledger_kind kind, unsigned order,
                          unsigned flags, struct frame **out);
/** Give the run headed by `frame` back; ledger and kind as at allocation. Nothing may map it
 *  (asserted). */
void frame_free(struct ledger *ledger, enum ledger_kind kind, struct frame *frame);
/** The same for one frame that the caller charges together with what it is for, with any content. PFN_NONE: there is none. */
pfn_t frame_take_paid(void);
/** The same from what is kept back (kern/pageout.h), for what is not a program's new page. */
pfn_t frame_take_reserved(void);
void frame_free_paid(struct frame *frame);
/** 2^order frames in a row, aligned to as many, each of which is given back on its own. PFN_NONE: less than one frame in
 *  FRAME_PLENTY is free, or there is no such run at hand; nothing is done to get one. */
enum { FRAME_PLENTY = 8 };
pfn_t frame_take_run_paid(unsigned order);

/** The same for the run that `frame` heads; how many frames that were. */
uint32_t frame_free_run_paid(struct frame *frame);

/** Frames [start, end) where something has to lie. */
struct frame_range {
    pfn_t start, end;
};
/** The search for frames that lie in a row, within one of some ranges, which takes as long as there is memory. */
struct frame_search {
    const struct frame_range *range; /* constant, as are the next two */
    unsigned ranges;
    uint32_t pages; /* to be found: 1 to FRAME_SEARCH_MAX */
    unsigned stage; /* 0 at first. frame_reach.c, as the next two */
    unsigned index;
    pfn_t at;
};
enum { FRAME_SEARCH_MAX = 2 << FRAME_MAX_ORDER };
/** Go on with it, a bounded piece. Several frames come as runs, each of which its first frame heads: they are given back with
 *  frame_free_run_paid(). KERN_RETRY; KERN_RESOURCE_SHORTAGE: there are none. *first is left alone then. */
kern_return_t frame_search_some(struct frame_search *search, pfn_t *first);

static inline struct frame *frame_record(pfn_t pfn)
{
    return (struct frame *)arch_frame_table() + pfn;
}
static inline pfn_t frame_number(const struct frame *frame)
{
    return (pfn_t)(frame - (struct frame *)arch_frame_table());
}
static inline paddr_t frame_address(const struct frame *frame)
{
    return (paddr_t)frame_number(frame) << PAGE_SHIFT;
}
static inline struct frame *frame_at(paddr_t pa)
{
    return frame_record((pfn_t)(pa >> PAGE_SHIFT));
}
static inline void *frame_memory(const struct frame *frame)
{
    return phys_to_virt(frame_address(frame));
}

struct frame_statistics {
    uint64_t managed;      /* frames ever added */
    uint64_t free;         /* F3 */
    uint64_t listed;       /* of them those in no CPU's cache: what admission looks at */
    uint64_t record_pages; /* frames the allocator itself uses: records of opened blocks, their
                              tables, the block map */
};
void frame_statistics(struct frame_statistics *out);
/** Of these `managed` and `listed` alone. */
uint64_t frame_count_managed(void);
uint64_t frame_count_listed(void);

/** True if pa lies in managed RAM, free or not. Its record exists only if the frame is
 * allocated. */
bool frame_is_managed(paddr_t pa);

/** The first frame at or after *pfn that has a record, in address order. False: there is none. */
bool frame_next_record(pfn_t *pfn);

/** Whom the allocator asks before it takes more frames from the lists than `ask_below` are left there, `user`: for programs'
 *  pages. How many more may be taken at the most; 0: the allocation fails. Called with the FRAMES lock held. NULL: nobody; as it is from the start. */
typedef uint64_t frame_admit_t(bool user, uint64_t left);
void frame_set_admission(frame_admit_t *admit, uint64_t ask_below);

/** Move every CPU cache of this CPU back to the buddy lists (tests, memory pressure). */
void frame_drain_cache(void);

/** Let the n-th allocation from now on fail with KERN_RESOURCE_SHORTAGE (frames and objects
 *  counted together); 0: none. Returns how many allocations were counted since the last call:
 *  none, at the first, for until then nothing is counted. Part of every build (D16). */
uint64_t alloc_fail_nth(uint64_t n);
/** For alloc_must_fail(). */
struct alloc_count {
    _Atomic bool wanted;      /* somebody has asked once; then it stays so */
    _Atomic uint64_t counted; /* allocations since the last alloc_fail_nth() */
    _Atomic uint64_t fail_at; /* value of `counted` that fails; 0: none */
};
extern struct alloc_count alloc_count;
/** Another that says which fail, besides: `brings_page`: it is a frame for a page that comes back. NULL: nobody. It may be called until all CPUs have been
 *  elsewhere once. */
typedef bool alloc_fails_t(bool brings_page);
void alloc_fail_when(alloc_fails_t *fails);
/** Count one allocation; true if it is one that must fail. */
bool alloc_count_one(bool brings_page);
/** Internal to the allocators: the same where somebody has asked for it. */
static inline bool alloc_is_counted(void)
{
    return unlikely(atomic_load_explicit(&alloc_count.wanted, memory_order_relaxed));
}
static inline bool alloc_must_fail(void)
{
    return alloc_is_counted() && alloc_count_one(false);
}

/** Verify F1..F3 (slow). All other CPUs must be outside the allocator. */
bool frame_check(void);
