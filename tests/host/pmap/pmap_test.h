/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the pmap tests: the frames they map, and the few things they all begin and end with.
 */
#pragma once

#include "../check.h"

#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/pmap.h>
#include <machine/host_machine.h>
#include <machine/host_mmu.h>

#define RUN_SIZE   (PAGE_SIZE * PT_RUN)
#define LARGE_SIZE (PAGE_SIZE * PT_ENTRIES)
#define DEVICE_PA  (UINT64_C(32) * GIB) /* no memory there */

enum { SINGLES = 24, RUNS = 3, LARGES = 2 };

/** What there is to be mapped; every page begins with its own address. */
struct pool {
    struct frame *single[SINGLES], *run[RUNS], *large[LARGES];
};

void be_cpu(unsigned number);

/** Memory banks, frame allocator, pmap, MMU with so many ASIDs. The first call adds the memory. */
void world_begin(uint64_t seed, unsigned asids);
void pool_make(struct pool *pool);
void pool_free(struct pool *pool);

/** What must be equal before and after. */
struct counts {
    int64_t objects, kmem, tables, frames;
    uint64_t free;
};
struct counts counts_now(struct ledger *ledger);
void counts_check(struct counts before, struct ledger *ledger);

/** Map, remove and so on until the whole range is done. */
void remove_all(struct pmap *pmap, vaddr_t va, vaddr_t end);
void protect_all(struct pmap *pmap, vaddr_t va, vaddr_t end, unsigned prot);

void test_basics(void);
void test_model(unsigned steps, unsigned pmaps, unsigned cpus, unsigned asids);
void test_failures(void);
void test_threads(unsigned steps);
