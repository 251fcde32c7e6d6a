/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: what is where in a task's memory. An entry is a range of pages with the same attributes: an amap of
 * anonymous pages (kern/amap.h) over a memory object (kern/memory_object.h), both of which may be missing. Pages are found when
 * they are touched: amap, then object, then zero - two levels, always (D7). The page tables (kern/pmap.h) are a cache
 * of that.
 *
 * G1 entries of a map do not overlap, begin and end at pages, and lie in [PAGE_SIZE, USER_VA_END); those the kernel chose the
 *    place of have an unmapped page at either side.
 * G2 what the page tables let a program do at a page is what its entry's protection and ownership of the page allow, or less:
 *    who takes something away changes the entry first, then the page tables.
 * G3 an entry that is not `shared` writes to pages of its amap only, and only to those that are its amap's alone.
 *    One that is writes to the amap's, which others may see, or, without an amap, to the object's.
 * G4 messages may be about the memory of a task whose threads have all ended. They find entries under the MAP lock only, and
 *    none is made once teardown has closed the map.
 * G5 an entry that LEAVES has no page that could be found any more; its start moves up while pages are taken away.
 *    It belongs to whoever finds it.
 * G6 a page that is not its amap's alone may have been so when it was mapped, and can be written to still, in two cases: its entry
 *    is `shared`, or the map's `copying` is not 0 - copies of private memory (fork, messages) that have not taken writing from
 *    all of it yet. Those that were given up count for good. Who puts another page in its place takes writing away first.
 * G7 `wired` counts who wants an entry's pages to stay; while it is not 0 they are charged to the task's WIRED, and whatever page of it is
 *    mapped is mapped PMAP_WIRED, and its frame has FRAME_FLAG_WIRED before the page's lock is given up: page-out leaves it alone then, and has not taken it (anon_wired()). Children's copies are not wired.
 *
 * Long work is done in pieces: KERN_RETRY when it stopped early to let interrupts in, the same call then goes on.
 */
#pragma once

#include <kern/amap.h>
#include <kern/memory_object.h>
#include <kern/pmap.h>
#include <kern/rbtree.h>
#include <kern/spinlock.h>
#include <kern/types.h>

struct task;
struct thread;

struct vm_map {
    struct spinlock lock;   /* rank MAP; guards entries and all below */
    struct rb_tree entries; /* struct map_entry, by address */
    struct map_entry *last; /* that a page was found in, or that was made, or NULL */
    vaddr_t hole_from;      /* where to look for room first */
    uint64_t pages;         /* that entries have */
    uint32_t copying;       /* G6 */
    bool closed;            /* G4 */
    _Atomic uint32_t
        devices; /* 1: an entry is, or was, of a device's memory; set once, read without the lock */
    _Atomic bool wires_new; /* entries are made wired; to be read without the lock */
};

enum map_entry_state { ENTRY_READY, ENTRY_LEAVING };

/* Guarded by the MAP lock, all of it. */
struct map_entry {
    struct rb_node node;
    vaddr_t start, end;
    vaddr_t unmapped;             /* LEAVING: nothing maps the pages below */
    struct amap *amap;            /* reference held; NULL: no anonymous page yet, or never */
    uint64_t amap_page;           /* number in it of the first page */
    struct memory_object *object; /* reference held; NULL: anonymous memory */
    uint64_t object_page;         /* the page of it that is first */
    uint8_t state;                /* enum map_entry_state */
    uint8_t prot, max_prot;       /* PROT_* that pages have, and can be given */
    uint8_t inherit;              /* enum vm_inherit */
    bool shared;                  /* G3 */
    bool committed;               /* its pages are charged to the task's COMMITMENT */
    uint16_t wired;               /* G7 */
    uint8_t trust; /* runs that may be made before one is watched again (fault_anon.c) */
};

/** Where programs end and allocated memory begins. */
#define MAP_ALLOCATE_BASE UINT64_C(0x1000000000)

struct map_request {
    vaddr_t start; /* where, or 0: anywhere; where it is, afterwards */
    uint64_t pages;
    struct amap *amap; /* the caller's references: map_enter() takes its own */
    uint64_t amap_page;
    struct memory_object *object;
    uint64_t object_page;
    struct ledger *
        payer; /* it has been charged COMMITMENT for the pages, which becomes the entry's: the caller returns that
                             below what both have in common. NULL: nobody has */
    uint8_t prot, max_prot, inherit;
    uint8_t align; /* anywhere: at a multiple of 2^this, if that is more than a page */
    bool shared;
};

void map_init(struct vm_map *map);
/** It shows, or has shown, memory of devices. No lock held: what is mapped in this moment may be missed. */
static inline bool map_has_devices(const struct vm_map *map)
{
    return relaxed_load(map->devices) != 0; /* on the straight way of long messages */
}

/** Make an entry. KERN_INVALID_ARGUMENT, KERN_NO_SPACE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_TERMINATED. */
kern_return_t map_enter(struct task *task, struct map_request *request);

/** Take away whatever is in [start, end). KERN_RETRY; KERN_LIMIT, KERN_RESOURCE_SHORTAGE: an entry would have to be split, and
 *  has not been. */
kern_return_t map_remove(struct task *task, vaddr_t start, vaddr_t end);
/** The same, and *start is how far it has got: what is put there meanwhile stays. */
kern_return_t map_remove_some(struct task *task, vaddr_t *start, vaddr_t end);
/** Close the map (G4) and take away a piece of what is left. False: nothing is. */
bool map_teardown_some(struct task *task);

/** Change the protection of a range, or, `maximum`, lower what its pages can be given, and have, to it. *progress is 0 at the
 *  first call. KERN_RETRY, KERN_INVALID_ADDRESS: a page is not mapped; KERN_PROTECTION_FAILURE: above the maximum;
 *  and as map_remove(). After an error nothing is changed, unless others change the map at the same time. */
kern_return_t map_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                          bool maximum, uint64_t *progress);
/** What children get of it; the same errors. */
kern_return_t map_inherit(struct task *task, vaddr_t start, uint64_t size, unsigned inherit,
                          uint64_t *done);

/** Wire a range: its pages are made, or fetched, and stay. *progress is 0 at the first call. KERN_RETRY, and vm_fault()'s for `self`;
 *  KERN_INVALID_ADDRESS: a page is not mapped; KERN_PROTECTION_FAILURE: or cannot be read; KERN_LIMIT, KERN_RESOURCE_SHORTAGE. After an error
 *  nothing is wired that was not before, unless others change the map at the same time. */
kern_return_t map_wire(struct thread *self, struct task *task, vaddr_t start, uint64_t size,
                       uint64_t *progress);
/** Wire all that is mapped and can be read, passing over the rest; the same errors. */
kern_return_t map_wire_all(struct thread *self, struct task *task, uint64_t *progress);
/** Have what is mapped from now on wired, its pages as they come; or not any more. */
void map_wire_new(struct task *task, bool wires);
/** Take that back once. What is not wired, or not mapped, is passed over. KERN_RETRY; KERN_LIMIT, KERN_RESOURCE_SHORTAGE as
 *  map_remove(). */
kern_return_t map_unwire(struct task *task, vaddr_t start, uint64_t size, uint64_t *progress);

/** Return to their pagers what was written to pages of a range, and, with `invalidate`, take all of them out of memory; with `wait`,
 *  until they have been fetched. *progress is 0 at the first call. KERN_RETRY as vm_fault(), and what paged_sync() says; KERN_INVALID_ADDRESS: a page is not
 *  mapped; KERN_BUSY: one that would be taken away is wired. */
kern_return_t map_sync(struct thread *self, struct task *task, vaddr_t start, uint64_t size,
                       bool wait, bool invalidate, uint64_t *progress);

struct map_facts {
    vaddr_t start;
    uint64_t size;
    unsigned prot, max_prot, inherit;
    bool shared, wired;
};
/** The entry that contains va, from its page on, or the next above it. KERN_NOT_FOUND. */
kern_return_t map_describe(struct task *task, vaddr_t va, struct map_facts *out);

/** What a range inside one entry maps, to be mapped elsewhere: shared from now on. *request gets amap and object, with references
 *  that are the caller's. KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE (max_prot is above the entry's), KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t map_share(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                        struct map_request *out);

/** Give `child`, whose map is empty and which does not run, what it inherits of the memory of `parent`, whose threads stand
 *  still. *progress is 0 at the first call, and below twice USER_VA_END. KERN_RETRY, KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_TERMINATED. */
kern_return_t map_fork(struct task *parent, struct task *child, uint64_t *progress);

/** Give the page at va away, if it is anonymous, and this map's alone: `give` takes the reference, or fails, and then it stays. It is
 *  called with the map locked. KERN_NOT_FOUND: there is no such page. */
typedef kern_return_t map_give_t(struct anon *anon, void *argument);
kern_return_t map_give_page(struct task *task, vaddr_t va, map_give_t *give, void *argument);

/** Take writing away from everybody who maps pages of an amap, from *page up to `end`. *page is how far it has got. KERN_RETRY. */
kern_return_t map_take_writing(struct amap *amap, uint64_t *page, uint64_t end);

/* ---- faults ---- */

/** A thread of the task has touched va, or is about to have it done: find the page, and map it if it may be used so. `prot`: one
 *  of PROT_*. KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE, KERN_LIMIT, KERN_RESOURCE_SHORTAGE, and paged_need()'s: after KERN_RETRY the
 *  current thread `self` (NULL: none can wait) does what it says there. */
kern_return_t vm_fault(struct thread *self, struct task *task, vaddr_t va, unsigned prot);

/** Copy bytes between a task's memory and the kernel's, at most a page's size, all or nothing. With `force` protections do not count
 *  (the program loader). Errors of vm_fault(). */
kern_return_t map_copy(struct thread *self, struct task *task, vaddr_t va, void *buffer, size_t n,
                       bool write, bool force);

/** Have the page at va visited where the kernel sees it, with the map locked, if it is in memory. KERN_INVALID_ADDRESS,
 *  KERN_PROTECTION_FAILURE: it may not be read. */
typedef void map_visit_t(const void *page, size_t size);
kern_return_t map_visit(struct task *task, vaddr_t va, map_visit_t *visit);

/** Verify G1, and that page tables agree (slow). */
bool map_check(struct task *task);
