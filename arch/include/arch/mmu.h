/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table contract under kernel/vm/pmap.c: format of entries, TLB maintenance, the active
 * address space.
 *
 * Tables are radix trees of 512 eight-byte entries, one page each. `height` counts from the leaves:
 * entries of a height-0 table map 4 KiB pages, height 1 maps 2 MiB blocks, height 2 1 GiB. A user
 * root is a table of height ARCH_USER_ROOT_HEIGHT; user addresses are below ARCH_USER_VA_END.
 * Sixteen neighbouring height-0 entries, aligned in virtual and physical address, with the same
 * attributes and PTE_RUN set, form a 64 KiB run that one TLB entry serves.
 *
 * Rules that pmap keeps and implementations rely on:
 * R1  A valid entry is changed to another valid entry only if merely permissions or the young bit
 *     change. Any change of address, size (runs included) or attribute goes through invalid + TLB
 *     flush first (break-before-make).
 * R2  After writing entries over invalid ones: arch_pte_sync() before user code relies on them.
 * R3  After taking rights away: arch_tlb_begin(), arch_tlb_flush_*() for each address,
 *     arch_tlb_end(); only then may the frame be reused. Maintenance is broadcast to all CPUs; no
 *     interrupts are sent.
 * R4  A table page is freed only after arch_tlb_flush_walks() between begin and end (cached
 *     intermediate entries).
 * R5  The young bit (access flag) is never set by hardware: first use of an entry without it
 *     faults, and pmap sets it.
 *
 * machine/mmu_md.h supplies the inline functions and the constants ARCH_USER_ROOT_HEIGHT,
 * ARCH_USER_VA_END.
 */
#pragma once

#include <kern/types.h>

typedef uint64_t pte_t;

enum { PT_ENTRIES = 512, PT_RUN = 16 };

/** Protection bits, Mach's values. Write implies read on this hardware. */
enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXECUTE = 4, PROT_ALL = 7 };

/** How a mapping behaves. */
enum mem_type {
    MEM_NORMAL,        /* cached, shared between CPUs */
    MEM_UNCACHED,      /* normal memory, not cached: framebuffers, DMA descriptors */
    MEM_DEVICE,        /* registers; writes may be posted (nGnRE) */
    MEM_DEVICE_STRICT, /* registers; writes complete in order (nGnRnE): configuration spaces */
    MEM_TYPE_COUNT,
};

/** Flags of an entry beside address, protection and memory type. */
enum {
    PTE_YOUNG = 1,
    /* access flag set */ PTE_RUN = 2,
    /* part of a 64 KiB run */ PTE_WIRED = 4 /* software bit */,
    PTE_UNMANAGED = 8 /* software bit: no reverse mapping */
};

/* --- entries: pure functions of their arguments (inline, machine/mmu_md.h) --- */

static inline bool arch_pte_is_valid(pte_t pte);
static inline bool arch_pte_is_table(pte_t pte, unsigned height);
static inline paddr_t arch_pte_address(pte_t pte);    /* of the frame or of the next table */
static inline unsigned arch_pte_prot(pte_t pte);      /* PROT_* of a leaf */
static inline enum mem_type arch_pte_type(pte_t pte); /* of a leaf */
static inline bool arch_pte_serves(
    pte_t pte, unsigned prot); /* a valid leaf of normal memory with that right, of PROT_READ
                                                                  and PROT_WRITE */
static inline unsigned arch_pte_flags(pte_t pte);  /* PTE_* of a leaf */
static inline pte_t arch_pte_table(paddr_t table); /* entry that points to a table */
static inline pte_t arch_pte_leaf(paddr_t pa, unsigned prot, enum mem_type type, unsigned height,
                                  unsigned flags); /* user leaf */

/* --- table memory: single-copy atomic, relaxed order --- */

static inline pte_t arch_pte_read(const pte_t *slot);
static inline void arch_pte_write(pte_t *slot, pte_t pte);
static inline void arch_pte_sync(void); /* R2 */

/* --- TLB: broadcast; between begin and end any number of flushes --- */

static inline void arch_tlb_begin(void); /* earlier entry writes are seen by all walkers */
static inline void arch_tlb_flush_page(unsigned asid, vaddr_t va,
                                       unsigned height); /* last-level entry of a leaf */
static inline void arch_tlb_flush_walks(unsigned asid,
                                        vaddr_t va); /* leaf and cached table entries above va */
static inline void arch_tlb_flush_asid(unsigned asid);
static inline void arch_tlb_flush_all(void); /* everything of user spaces; ASID rollover */
static inline void arch_tlb_end(void);       /* waits until all CPUs have done it */

/* --- the active user address space of this CPU --- */

/** Use the tables at `root` tagged `asid`. */
static inline void arch_mmu_activate(paddr_t root, unsigned asid);
struct pmap;
/** The same, and afterwards - other CPUs see it in that order - *note = pmap. */
static inline void arch_mmu_activate_noted(paddr_t root, unsigned asid, struct pmap **note,
                                           struct pmap *pmap);
/** No user address space: every user access faults. */
static inline void arch_mmu_deactivate(void);
/** May the fault whose code this is be one of a mapped page that only is old (PTE_YOUNG)? */
static inline bool arch_mmu_was_old(uint64_t code);
/** ASIDs the machine has (256 or 65536); ASID 0 is arch's own for "no address space". */
unsigned arch_asid_count(void);

/* --- the direct map: all RAM at a constant offset --- */

static inline void *phys_to_virt(paddr_t pa);
static inline paddr_t virt_to_phys(const void *direct_map_address);

/** Virtual address of the array of frame records, large enough for every frame number; not backed
 *  until arch_map_frame_records(). */
static inline void *arch_frame_table(void);

/** Back [va, va + PAGE_SIZE) of the frame table with the zeroed frame at pa. `take_page` supplies
 *  table pages (may be called up to three times). False if it could not. Serialised by the
 *  caller's FRAMES lock. */
[[nodiscard]] bool arch_map_frame_record_page(void *va, paddr_t pa, paddr_t (*take_page)(void));

#include <machine/mmu_md.h>
