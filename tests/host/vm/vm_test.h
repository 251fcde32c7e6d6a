/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the tests of address spaces. A page's content is one word, which is at both ends of the page and says what was
 * written to it; 0: nothing was.
 */
#pragma once

#include "../amap/amap_test.h"

#include "map_impl.h"

#include <machine/host_machine.h>

enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXECUTE };

/** Memory that objects show; page n of it has the content OBJECT_MARK + n at first. */
#define OBJECT_PA   (UINT64_C(4) * GIB)
#define OBJECT_MARK UINT64_C(0xf00d000000000000)
enum { OBJECT_PAGES = 1024 };

/** Memory, allocators, MMU. */
void vm_begin(void);
/** Interrupts are waiting: one time in so many; 0: never; 1: always. */
extern unsigned irq_rate;

/** Called before each lock and after it, instead of letting others run. */
extern void (*at_locks)(void);

struct task *task_make(void);
void task_end(struct task *task);

/* ---- what programs do, on the current CPU ---- */

/** Touch a page as a program does, with faults; `*word` is written, or read from both ends. */
kern_return_t touch(struct task *task, vaddr_t va, unsigned access, uint64_t *word);
/** One word only. */
kern_return_t touch_word(struct task *task, vaddr_t va, unsigned access, uint64_t *word);
/** Could the program, without a fault? */
bool has_access(struct task *task, vaddr_t va, unsigned access);
/** The same by map_copy(), whatever the protection. */
kern_return_t poke(struct task *task, vaddr_t va, bool write, uint64_t *word);
void write_word(struct task *task, vaddr_t va, uint64_t word);
uint64_t read_word(struct task *task, vaddr_t va);

/* ---- calls, repeated until they are done ---- */

kern_return_t enter_anonymous(struct task *task, vaddr_t at, uint64_t pages, unsigned prot);
kern_return_t remove_range(struct task *task, vaddr_t at, uint64_t pages);
kern_return_t protect_range(struct task *task, vaddr_t at, uint64_t pages, unsigned prot,
                            bool maximum);
kern_return_t inherit_range(struct task *task, vaddr_t at, uint64_t pages, unsigned inherit);
kern_return_t fork_task(struct task *parent, struct task *child);
void drop_request(struct map_request *request);
/** The request's memory as a private copy, as vm.map with VM_COPY makes it; takes the request's references. */
kern_return_t copy_request(struct task *payer, struct map_request *request);
struct memory_object *object_make(uint64_t first, uint64_t pages);

/** Maps, page tables and amaps agree with themselves, and all references to pages come from these tasks and amaps. */
void check_structure(struct task *const *tasks, unsigned count, struct amap *const *more,
                     unsigned more_count);

void test_scenes(void);
void test_around(void);
void test_runs(void);
void test_failures(void);
void test_wire(unsigned steps);
void test_pin(unsigned steps);
void test_model(unsigned steps);
void test_threads(unsigned steps);
