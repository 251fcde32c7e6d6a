/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the amap tests. A page's content is one word, which says what was written to it; 0: no
 * page.
 */
#pragma once

#include "../check.h"

#include <kern/amap.h>
#include <kern/anon.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <machine/host_mmu.h>

#define LAST_PAGE ((UINT64_C(1) << 36) - 1)

/* pmap/stub.c */
void be_cpu(unsigned number);

void world_begin(void);
/** Run a step of the reaper if it is started; false: it is not. */
bool reap_one(void);
void reap_all(void);

/** What must be equal before and after, when nothing waits for the reaper. */
struct counts {
    int64_t objects, kmem, frames;
    uint64_t free;
};
struct counts counts_now(void);
void counts_check(struct counts before);

struct amap *make(struct ledger *ledger);
/** As a write fault does it: in place if nobody else can see the page, else to a new one. */
kern_return_t write_page(struct amap *amap, uint64_t page, uint64_t value);
uint64_t read_page(struct amap *amap, uint64_t page);
struct amap *copy(struct amap *from, uint64_t first, uint64_t pages);
/** Piece by piece; returns how many there were. */
unsigned remove_all(struct amap *amap, uint64_t first, uint64_t pages);
/** Pages in use, by amap_next(). */
uint64_t count_pages(struct amap *amap);
/** Height of the root; -1: none. */
int height_of(struct amap *amap);

/** All references there are come from these amaps: nodes and anons have as many as slots and roots
 *  point at them (M1, M2). Nothing waits for the reaper. */
void census(struct amap *const *amaps, unsigned count);

void test_edges(void);
void test_failures(void);
void test_model(unsigned steps);
void test_threads(unsigned steps);
