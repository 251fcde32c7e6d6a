/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical maps: the page tables of one user address space, portable over arch/mmu.h (in the manner
 * of NetBSD's pmap(9)). A pmap is a cache of what the layer above knows: only wired mappings may
 * not be forgotten.
 *
 * Besides page tables this layer keeps the reverse maps: for each frame, every (pmap, address) that
 * maps it. The first mapping is inline in the frame record, further ones are entries allocated when
 * the mapping is made, so taking a frame away from its users allocates nothing (D7, D9).
 *
 * P1 A valid leaf for managed memory has exactly one reverse mapping, and the other way round.
 * P2 frame->mapped == number of reverse mappings of that frame; if one of them is a 2 MiB leaf's, FRAME_FLAG_LARGE is set.
 * P3 Every table page below the root has at least one valid entry; empty ones are freed; all are
 *    charged to the ledger.
 * P4 No CPU's TLB holds a translation that grants more than the tables do once a call has returned.
 * P5 Sizes: a 2 MiB leaf or 64 KiB run exists only if address, physical address, protection and
 *    type agree all over; it is split (or degraded to pages) when a part of it changes.
 *
 * Locks: PMAP (tables) before RMAP (a frame's chain). Operations by frame (pmap_page_*) start from
 * the RMAP side: they take the frame's RMAP lock, pick a mapping, and try the PMAP lock; on failure
 * they drop, wait for the PMAP lock in order, and look again. All calls: interrupts masked, any
 * CPU, bounded to `PMAP_CHUNK` entries a call where a range is given - they return how far they
 * got.
 */
#pragma once

#include <arch/mmu.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>

struct pmap {
    struct spinlock lock; /* rank PMAP; guards tables and counts */
    paddr_t root;         /* constant */
    uint64_t
        active; /* root | asid << 48; 0: the ASID is shared, and pmap_switch() must see to that.
                              Constant */
    struct ledger *ledger; /* constant; pays for tables and rmap entries; a reference is held */
    uint32_t asid;         /* tags its TLB entries; constant */
    uint64_t resident;     /* pages mapped */
    uint64_t wired;        /* of them wired */
    uint64_t tables;       /* table pages, root and spares included */
    _Atomic uint32_t
        pins; /* CPUs that found the pmap by a frame and wait for its lock; RMAP lock to raise */
};

enum { PMAP_CHUNK = 16 /* leaves changed per call before a range operation returns early */ };

/** Flags of pmap_enter(). */
enum {
    PMAP_WIRED = 1,     /* may not be forgotten */
    PMAP_UNMANAGED = 2, /* device memory or other frames without record: no reverse map */
    PMAP_REPLACE = 4,   /* an existing mapping at va is replaced (else KERN_EXISTS) */
};

/** Once, boot CPU, after frames and object caches work. */
void pmap_init(void);

kern_return_t pmap_create(struct ledger *ledger, struct pmap **out);
/** Nothing may be mapped and no CPU may have it active. Frees root and ASID. */
void pmap_destroy(struct pmap *pmap);

/**
 * Map the frame(s) at pa at user address va: size PAGE_SIZE, 64 KiB or 2 MiB, all three aligned to
 * it. W and X together are refused (KERN_PROTECTION_FAILURE). For managed memory of more than a
 * page the frames are one run whose head's record carries the reverse mapping (2 MiB), or 16 frames
 * with one each (64 KiB). KERN_RESOURCE_SHORTAGE / KERN_LIMIT: no table page or rmap entry; nothing
 * changed then (beyond freeable tables).
 */
kern_return_t pmap_enter(struct pmap *pmap, vaddr_t va, paddr_t pa, uint64_t size, unsigned prot,
                         enum mem_type type, unsigned flags);

/** The same for a page of managed normal memory, in the place of whatever is mapped there. */
kern_return_t pmap_enter_page(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot);

/** Map pages of normal memory without records beside one that is mapped: page i, at va + i * PAGE_SIZE to pa + i * PAGE_SIZE, if bit i of `wanted` is
 *  set and nothing is mapped there. va is a multiple of the size of PT_RUN pages. */
void pmap_enter_around(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned wanted, unsigned prot);

/** Would the PT_RUN pages from va on go on what is before them: nothing is mapped there and the table is there; and the PT_RUN pages
 *  before are all mapped and young? va is a multiple of their size, and not 0. */
bool pmap_run_would_follow(struct pmap *pmap, vaddr_t va);
/** Map them, where the table is and nothing is mapped, to the frames from pa on, a multiple of their size as well: managed normal
 *  memory that nobody maps. As a 64 KiB run; or, `watched`, as pages of which all but the first are old. False: the table is not
 *  there any more, or something else is. */
bool pmap_enter_run(struct pmap *pmap, vaddr_t va, paddr_t pa, unsigned prot, bool watched);

/** Remove all mappings in [va, end), at most PMAP_CHUNK leaves; returns the address up to which it
 *  is done. A leaf that extends beyond the range is split first; KERN_RESOURCE_SHORTAGE can then
 *  not happen: splitting a 2 MiB leaf uses a table page kept with it since it was entered. */
vaddr_t pmap_remove(struct pmap *pmap, vaddr_t va, vaddr_t end);

/** Limit the protection of existing mappings in the range to exactly `prot` (PROT_NONE removes).
 *  Same chunking, but of plain pages that keep some right up to 64. */
vaddr_t pmap_protect(struct pmap *pmap, vaddr_t va, vaddr_t end, unsigned prot);

struct pmap_mapping {
    paddr_t pa;    /* of the byte at va */
    uint64_t size; /* of the leaf or run */
    unsigned prot;
    enum mem_type type;
    bool young, wired;
};
/** What va maps to. KERN_INVALID_ADDRESS if nothing. */
kern_return_t pmap_extract(struct pmap *pmap, vaddr_t va, struct pmap_mapping *out);

/** A user access faulted: if the mapping allows it and only the software access flag was missing,
 *  set it and return KERN_SUCCESS (the access is repeated). Otherwise KERN_INVALID_ADDRESS /
 *  KERN_PROTECTION_FAILURE. */
kern_return_t pmap_fault(struct pmap *pmap, vaddr_t va, unsigned prot_wanted);

/** Change whether the mapping at va is wired. */
kern_return_t pmap_set_wired(struct pmap *pmap, vaddr_t va, bool wired);
/** No mapping in [va, end) is wired any more; a piece: returns the address up to which it is done. A leaf that extends beyond the range
 *  is split first. */
vaddr_t pmap_unwire(struct pmap *pmap, vaddr_t va, vaddr_t end);

/** Copy n bytes, at most MSG_BODY_MAX, from user address src of the current address space to dst of another,
 *  with the users' own rights. KERN_INVALID_ADDRESS: something is not there (any more) or may not be
 *  written; then an unspecified part has been copied. Pages of either side that are old stay so. */
kern_return_t pmap_copy_across(struct pmap *to, vaddr_t dst, vaddr_t src, size_t n);
/** Bytes of memory of the direct map, as fast as there is a way. */
void pmap_copy_bytes(char *restrict to, const char *restrict from, size_t n);
/** Copy up to n bytes, in one page each inside an address space, but no registers; both addresses are users'. Returns how many; 0: one of the pages is
 *  not mapped for that at the moment, or both are in one frame, and overlap there. */
size_t pmap_copy_within(struct pmap *pmap, vaddr_t dst, vaddr_t src, size_t n);
/** For address spaces that may show registers of devices (map_has_devices()). Between the kernel and the current address space, as arch_copyin(),
 *  or, PROT_WRITE, arch_copyout(); and as pmap_copy_across(), `from` being the current one. Registers are not touched, which the lock makes
 *  sure of page by page: KERN_PROTECTION_FAILURE. */
kern_return_t pmap_copy_memory(struct pmap *pmap, void *kernel, vaddr_t user, size_t n,
                               unsigned prot);
kern_return_t pmap_copy_memory_across(struct pmap *from, struct pmap *to, vaddr_t dst, vaddr_t src,
                                      size_t n);

/** A piece of user memory, of n bytes within a page and at a multiple of 8, as the kernel reads and writes it; `prot`,
 *  PROT_READ or PROT_WRITE, is the user's right that it takes. The pmap is locked until pmap_give_back(). NULL: it is not
 *  there, not allowed, not of that form, or no normal memory. An old page stays so. */
void *pmap_borrow(struct pmap *pmap, vaddr_t va, size_t n, unsigned prot);
static inline void pmap_give_back(struct pmap *pmap)
{
    spin_unlock(&pmap->lock);
}

/* --- by frame, over all address spaces --- */

/** Reduce every mapping of the frame to `prot`: PROT_READ|PROT_EXECUTE takes writing away,
 *  PROT_NONE removes all. */
void pmap_page_protect(struct frame *frame, unsigned prot);
/** Remove every mapping of the frame that is not wired. False: some are left. */
bool pmap_page_take(struct frame *frame);
/** Is any mapping of the frame wired? FRAME_FLAG_WIRED is cleared if not. No lock is needed: who makes a wired mapping sets the flag when
 *  it is there, and then looks what page-out did meanwhile (anon_wired()). The answer stands as long as the caller holds what keeps new
 *  ones from being made (the lock of what owns the page). */
bool pmap_page_is_wired(struct frame *frame);
/** Has any mapping used the frame since the last pmap_page_clear_referenced()? Those of a `resident` ledger's task always have. */
bool pmap_page_is_referenced(struct frame *frame);
/** Make all mappings old; returns whether any was young. One broadcast flush a mapping. */
bool pmap_page_clear_referenced(struct frame *frame);

/* --- the CPU's current address space --- */

enum {
    PMAP_ASID_SHARED = 1 /* the number of all pmaps that got none of their own (kernel/vm/asid.c) */
};

/** The rest of pmap_activate(). */
void pmap_switch(struct pmap *pmap);

/** Make it the current CPU's user address space (NULL: none). */
static inline void pmap_activate(struct pmap *pmap)
{
    if (arch_cpu_self()->pmap != pmap)
        pmap_switch(pmap);
}

/** The same for a thread's, which is there. `active`: pmap->active. */
static inline void pmap_activate_user(struct cpu *cpu, struct pmap *pmap, uint64_t active)
{
    if (cpu->pmap == pmap)
        return;
    if (unlikely(active == 0)) {
        pmap_switch(pmap);
        return;
    }
    /* Noted after the hardware has left the old one: pmap_is_active(). */
    arch_mmu_activate_noted(active & ((UINT64_C(1) << 48) - 1), (unsigned)(active >> 48),
                            &cpu->pmap, pmap);
}

/** Is it the active address space of any CPU? Once no thread of its task exists, a "no" is for
 *  good. */
bool pmap_is_active(const struct pmap *pmap);

/** Verify P1..P3, P5 of one pmap (slow). */
bool pmap_check(struct pmap *pmap);
