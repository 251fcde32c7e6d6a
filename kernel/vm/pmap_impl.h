/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the physical-map layer share (pmap*.c, rmap.c, asid.c). Nobody else includes
 * it.
 *
 * A table page's frame record is used, under the PMAP lock, as follows: `owner` is the pmap;
 * `owner_offset` counts its valid entries (bits 0..15) and its pieces (bits 16..31); `prev` is the
 * frame that heads the run the pieces belong to; `next` links lists of tables (the spares of a pmap
 * start in the root's record, at `next`).
 *
 * Pieces: a 2 MiB leaf has one reverse mapping, in the record of the run's head. When it is split
 * there is no memory for 512 of them, so the 4 KiB leaves it became ("pieces") go on sharing that
 * one until the last of them is gone. A leaf in slot i is a piece exactly if its table has pieces
 * and it maps frame prev + i.
 *
 * Spares: for each 2 MiB leaf one empty table page is kept, so that splitting never allocates.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <stdalign.h>

#define PMAP_RUN_SIZE   (PAGE_SIZE * PT_RUN)
#define PMAP_LARGE_SIZE (PAGE_SIZE * PT_ENTRIES)
#define PTE_NONE        ((pte_t)0)

enum {
    PMAP_FLUSH_LIMIT =
        32, /* more single flushes than this: flush the address space's ASID instead */
    /* What a range operation may spend before it returns early, so that a call stays below 5,000
     * instructions: a slot looked at costs 1, an entry changed PMAP_ENTRY_COST more. */
    PMAP_SCAN = 96,
    PMAP_ENTRY_COST = 9,
};

static inline uint64_t pmap_span(unsigned height)
{
    return PAGE_SIZE << (9 * height);
}

static inline unsigned pmap_index(vaddr_t va, unsigned height)
{
    return (unsigned)(va >> (PAGE_SHIFT + 9 * height)) % PT_ENTRIES;
}

/* --- table pages and their records --- */

/** Record of the table page that a slot lies in. */
static inline struct frame *pmap_table_of(const pte_t *slot)
{
    return frame_at(virt_to_phys(slot));
}

static inline unsigned pmap_table_valid(const struct frame *table)
{
    return table->owner_offset & 0xffff;
}

static inline unsigned pmap_table_pieces(const struct frame *table)
{
    return (unsigned)(table->owner_offset >> 16);
}

static inline void pmap_table_count(struct frame *table, int valid, int pieces)
{
    table->owner_offset += (uint64_t)(int64_t)valid + ((uint64_t)(int64_t)pieces << 16);
}

/** Would a leaf to pa in this slot share the reverse mapping of the 2 MiB leaf the table came
 *  from? */
static inline bool pmap_is_piece(const struct frame *table, const pte_t *slot, paddr_t pa)
{
    unsigned index = (unsigned)((uintptr_t)slot % PAGE_SIZE / sizeof(pte_t));
    return pmap_table_pieces(table) != 0 && pa >> PAGE_SHIFT == (uint64_t)table->prev + index;
}

/** Record that keeps the flags of the managed page mapped by this entry: its own, or that of the
 *  run's head. */
static inline struct frame *pmap_flags_frame(const pte_t *slot, paddr_t pa, unsigned height)
{
    if (height == 0 && pmap_is_piece(pmap_table_of(slot), slot, pa))
        pa = round_down(pa, PMAP_LARGE_SIZE);
    return frame_at(pa);
}

static inline void pmap_list_push(pfn_t *list, struct frame *table)
{
    table->next = *list;
    *list = frame_number(table);
}

static inline struct frame *pmap_list_pop(pfn_t *list)
{
    struct frame *table = frame_record(*list);
    *list = table->next;
    return table;
}

/** The pmap's spare tables. */
static inline pfn_t *pmap_spares(const struct pmap *pmap)
{
    return &frame_at(pmap->root)->next;
}

/* pmap_table.c; all with the PMAP lock held */

/** One more empty table on `list`, charged. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t pmap_table_alloc(struct pmap *pmap, pfn_t *list);
/** Free all tables of a list: no walker may know them any more. */
void pmap_table_free(struct pmap *pmap, pfn_t *list);
/** The slot for va at height `target`, or the higher one where the walk ends (invalid entry or
 *  leaf). */
pte_t *pmap_walk(const struct pmap *pmap, vaddr_t va, unsigned target, unsigned *height);
/** The same inline, for one that is on a short path. */
[[gnu::always_inline]] static inline pte_t *pmap_walk_down(const struct pmap *pmap, vaddr_t va,
                                                           unsigned target, unsigned *height)
{
    pte_t *slot = (pte_t *)phys_to_virt(pmap->root) + pmap_index(va, ARCH_USER_ROOT_HEIGHT);
    unsigned h;
#pragma GCC unroll 4
    for (h = ARCH_USER_ROOT_HEIGHT; h > target; h--) {
        pte_t pte = arch_pte_read(slot);
        if (!arch_pte_is_table(pte, h))
            break;
        slot = (pte_t *)phys_to_virt(arch_pte_address(pte)) + pmap_index(va, h - 1);
    }
    *height = h;
    return slot;
}
/** Hang tables of `list` below `slot` until height `target`; returns the slot for va there. */
pte_t *pmap_link(pte_t *slot, vaddr_t va, unsigned height, unsigned target, pfn_t *list);
/** Move the empty tables on the way to va to `dead`. The caller flushes the walks to va, then
 *  frees them. */
void pmap_prune(struct pmap *pmap, vaddr_t va, pfn_t *dead);
/** Make a 2 MiB leaf into a table of 64 KiB runs with the same effect. */
void pmap_split(struct pmap *pmap, pte_t *slot, vaddr_t va);
/** Make the 64 KiB run that `slot` belongs to into 16 single pages. */
void pmap_degrade(struct pmap *pmap, pte_t *slot, vaddr_t va);
/** Flush the last-level entries of `count` leaves of a height, from va on. */
void pmap_flush(struct pmap *pmap, vaddr_t va, unsigned count, unsigned height);

static inline pte_t pmap_leaf_with(pte_t pte, unsigned height, unsigned prot, unsigned flags)
{
    return arch_pte_leaf(arch_pte_address(pte), prot, arch_pte_type(pte), height, flags);
}

/** Leaves (entries) that translate together with this one: 16 for a run. */
static inline unsigned pmap_leaf_count(pte_t pte, unsigned height)
{
    return height == 0 && (arch_pte_flags(pte) & PTE_RUN) ? PT_RUN : 1;
}

/** Of a table without pieces: a page with a reverse mapping of its own, and nothing else that would have to be known. */
static inline bool pmap_is_plain(pte_t pte)
{
    return !(arch_pte_flags(pte) & (PTE_RUN | PTE_WIRED | PTE_UNMANAGED)) &&
           arch_pte_type(pte) == MEM_NORMAL;
}

/** What must not be lost when rights of a mapping of managed memory go away. */
void pmap_collect(struct frame *frame, bool referenced, bool dirty);

/* --- changes that wait for their TLB flush (pmap_range.c) --- */

/** What happened to the leaf; in the low bits of its address. */
enum {
    GATHER_LARGE = 1,     /* it was a 2 MiB leaf */
    GATHER_GONE = 2,      /* it was removed; else it lost rights */
    GATHER_UNMANAGED = 4, /* no frame record */
    GATHER_PIECE = 8,     /* a piece of a split 2 MiB leaf */
    GATHER_LAST = 16,     /* and the last one: the head's reverse mapping goes */
    GATHER_WALKS = 32,    /* its table became empty */
};

struct gather {
    struct pmap *pmap;
    struct frame
        *held;   /* the caller holds this frame's RMAP lock and unlinks the mapping himself ... */
    bool unlink; /* ... if this says so */
    pfn_t dead;  /* tables to be freed after the flush */
    unsigned count;
    struct {
        vaddr_t va; /* and GATHER_* */
        pte_t pte;  /* as it was */
    } leaf[PMAP_CHUNK];
};

static inline void gather_init(struct gather *g, struct pmap *pmap, struct frame *held)
{
    g->pmap = pmap;
    g->held = held;
    g->unlink = false;
    g->dead = PFN_NONE;
    g->count = 0;
}

/** Invalidate one entry and note what has to follow; empty tables are left to the caller
 *  (pmap_prune). */
void gather_drop(struct gather *g, pte_t *slot, vaddr_t va, unsigned height);
/** Flush, then give up reverse mappings and tables. Leaves `g` empty. */
void gather_finish(struct gather *g);

/* --- walking over a range (pmap_range.c) --- */

/** Only leaves that map address va to pa = va + offset are wanted, if `only`. */
struct pmap_filter {
    bool only;
    uint64_t offset;
};

struct pmap_cursor {
    vaddr_t va; /* where to look next; after a find: the start of the leaf or run */
    vaddr_t end;
    pte_t *table; /* last-level table that maps table_va.., or NULL */
    vaddr_t table_va;
    unsigned budget; /* slots that may still be looked at */
    unsigned height; /* of the leaf found */
};

/** Next valid leaf at or after cursor->va; NULL when there is none, or the budget is used up. */
pte_t *pmap_find_leaf(const struct pmap *pmap, struct pmap_cursor *cursor);

/** pmap_protect() with the lock held, for leaves that pass the filter; `g` may name a held
 * frame. */
vaddr_t pmap_limit(struct gather *g, vaddr_t va, vaddr_t end, unsigned prot,
                   struct pmap_filter filter);

/* --- reverse mappings (rmap.c) --- */

/** In the low bit of a reverse mapping's address: the mapping is a 2 MiB leaf, or what is left of
 *  one. */
enum { RMAP_LARGE = 1 };

/** A mapping after the first. */
struct rmap_entry {
    void *next;        /* link, as struct frame's `rmap`; RMAP lock of the frame */
    struct pmap *pmap; /* constant */
    vaddr_t va;        /* and RMAP_LARGE; constant */
};

void rmap_init(void);
enum { RMAP_LOCKS = 64 };
extern struct rmap_lock {
    alignas(64) struct spinlock lock;
} rmap_lock[RMAP_LOCKS];
static inline struct spinlock *rmap_lock_by_number(pfn_t pfn)
{
    return &rmap_lock[(pfn ^ pfn >> 6) % RMAP_LOCKS].lock;
}
static inline struct spinlock *rmap_lock_of(const struct frame *frame)
{
    return rmap_lock_by_number(frame_number(frame));
}
/** One mapping more, or less; RMAP lock of the frame. Who finds it 0 without the lock, and frees the frame, finds everything as
 *  the last mapping left it. */
static inline void rmap_count(struct frame *frame, int change)
{
    uint32_t mapped = atomic_load_explicit(&frame->mapped, memory_order_relaxed);
    atomic_store_explicit(&frame->mapped, mapped + (uint32_t)change, memory_order_release);
}
/** A mapping that is about to be counted: FRAME_FLAG_LARGE is there before that. RMAP lock of the frame. */
static inline void rmap_note_large(struct frame *frame, vaddr_t va)
{
    if (unlikely(va & RMAP_LARGE))
        (void)atomic_fetch_or_explicit(&frame->flags, FRAME_FLAG_LARGE, memory_order_relaxed);
}
/** Note that pmap maps the frame at va. Takes the RMAP lock. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t rmap_add(struct frame *frame, struct pmap *pmap, vaddr_t va);
/** The same of the frame at pa, if nobody else maps it; else false. */
static inline bool rmap_add_first(paddr_t pa, struct pmap *pmap, vaddr_t va)
{
    struct spinlock *lock = rmap_lock_by_number((pfn_t)(pa >> PAGE_SHIFT));
    struct frame *frame = frame_at(pa);
    spin_lock(lock);
    bool first = frame->rmap == NULL;
    if (likely(first)) {
        frame->rmap = pmap;
        frame->rmap_va = va;
        rmap_note_large(frame, va);
        rmap_count(frame, 1);
    }
    spin_unlock(lock);
    return first;
}
/** Forget it. Takes the RMAP lock. */
void rmap_remove(struct frame *frame, struct pmap *pmap, vaddr_t va);
/** The same of the frame at pa, inline for what is most: it is the only one. */
static inline void rmap_remove_at(paddr_t pa, struct pmap *pmap, vaddr_t va)
{
    struct spinlock *lock = rmap_lock_by_number((pfn_t)(pa >> PAGE_SHIFT));
    struct frame *frame = frame_at(pa);
    spin_lock(lock);
    bool only = frame->rmap == pmap && frame->rmap_va == va;
    if (likely(only)) {
        frame->rmap = NULL;
        frame->rmap_va = 0;
        rmap_count(frame, -1);
    }
    spin_unlock(lock);
    if (unlikely(!only))
        rmap_remove(frame, pmap, va);
}

/** With the RMAP lock held: the mapping that a link stands for; false at the end of the chain. */
bool rmap_get(const struct frame *frame, void *const *link, struct pmap **pmap, vaddr_t *va);
/** The link after this one; NULL after the last. */
void **rmap_next(void **link);
/** The link that stands for (pmap, va), or NULL. */
void **rmap_find(struct frame *frame, const struct pmap *pmap, vaddr_t va);
/** Take the mapping at `link` out; `link` then stands for its successor. PMAP lock of its pmap
 *  held as well. */
void rmap_unlink(struct frame *frame, void **link);

/* --- address space identifiers (asid.c) --- */

/** A number for a new pmap; never fails: when all are taken it is the one that several pmaps
 *  share. */
unsigned asid_alloc(void);
/** Give it back: flushed everywhere, free for another pmap. No CPU has the pmap active. */
void asid_free(unsigned number);
