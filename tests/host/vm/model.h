/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks' memory should be: for each page its attributes, and a cell with its content. Pages that are shared have the
 * same cell.
 */
#pragma once

#include "vm_test.h"

enum { TASKS = 5, WINDOW = 256, PAGES = 2 * WINDOW /* a task */, HELD = 4 };

/** Two windows: one across a boundary of page tables, and where memory is placed that may be anywhere. */
#define WINDOW_VA (UINT64_C(0x40000000) - 100 * PAGE_SIZE)

struct cell {
    unsigned references;
    uint64_t value;
};

struct page_model {
    struct cell *cell; /* NULL: not mapped */
    uint8_t prot, max_prot, inherit;
    bool shared, committed;
    bool object; /* of an object, or a copy of one's */
    bool fixed;  /* the object as it is: nobody can write to it */
};

struct task_model {
    struct task *task;
    struct page_model page[PAGES];
};

/** A right to memory, as a memory entry is. */
struct held {
    struct map_request request; /* pages == 0: none */
    struct page_model page[WINDOW];
};

extern struct task_model model[TASKS];
extern struct held held[HELD];

vaddr_t va_of(unsigned page);
/** The page at va; PAGES: none. */
unsigned page_at(vaddr_t va);

struct cell *cell_new(uint64_t value);
struct cell *cell_ref(struct cell *cell);
void page_unmap(struct page_model *page);

/* ---- what calls change (model.c) ---- */

/** Pages [first, first + count) become what the request says; contents of an object if it has one. */
void model_enter(struct task_model *m, unsigned first, const struct map_request *request);
void model_remove(struct task_model *m, unsigned first, unsigned count);
/** Pages of the range, from its beginning, that are mapped. */
unsigned model_mapped(const struct task_model *m, unsigned first, unsigned count);
kern_return_t model_protect(struct task_model *m, unsigned first, unsigned count, unsigned prot,
                            bool maximum);
void model_inherit(struct task_model *m, unsigned first, unsigned count, unsigned inherit);
void model_fork(struct task_model *parent, struct task_model *child);
void model_share(struct task_model *m, unsigned first, struct held *out);
/** Map `count` pages of it, from `offset` on: `copy`, or shared. */
void model_map(struct task_model *m, unsigned first, const struct held *from, unsigned offset,
               const struct map_request *request, bool copy);
kern_return_t model_access(const struct page_model *page, unsigned access);

/* ---- comparisons (compare.c) ---- */

void compare_page(unsigned task, unsigned page);
void compare_range(unsigned task, unsigned first, unsigned count);
/** The page in all tasks. */
void compare_everywhere(unsigned page);
void compare_all(void);
