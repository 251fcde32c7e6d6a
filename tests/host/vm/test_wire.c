/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is wired (kern/map.h: G7): scenes, the failure of each allocation, and a random walk after whose every step page tables,
 * frames and ledger agree with the entries.
 */
#include "vm_test.h"

#define AT (UINT64_C(0x40000000) - 8 * PAGE_SIZE) /* a boundary of page tables in the middle */

static vaddr_t page(uint64_t n)
{
    return AT + (n << PAGE_SHIFT);
}

static kern_return_t wire(struct task *task, vaddr_t at, uint64_t pages)
{
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = map_wire(NULL, task, at, pages << PAGE_SHIFT, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

static kern_return_t unwire(struct task *task, vaddr_t at, uint64_t pages)
{
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = map_unwire(task, at, pages << PAGE_SHIFT, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

static int64_t charged(struct task *task)
{
    return ledger_used(task->ledger, LEDGER_WIRED);
}

/* Of a page that is mapped. */
static void check_mapping(const struct map_entry *entry, const struct pmap_mapping *mapping)
{
    CHECK_EQ(mapping->wired, entry->wired > 0);
    if (entry->wired == 0 || !frame_is_managed(mapping->pa))
        return;
    struct frame *frame = frame_at(round_down(mapping->pa, PAGE_SIZE));
    CHECK(atomic_load(&frame->flags) & FRAME_FLAG_WIRED);
    CHECK(pmap_page_is_wired(frame));
}

/* G7. Returns how many pages are mapped and wired. */
static uint64_t check_wired(struct task *task)
{
    uint64_t pages = 0, mapped = 0;
    struct pmap_mapping mapping;
    for (struct map_entry *e = entry_of(rb_first(&task->map.entries)); e; e = map_next(e)) {
        pages += e->wired ? entry_pages(e) : 0;
        for (vaddr_t va = e->start; va < e->end; va += PAGE_SIZE)
            if (pmap_extract(task->pmap, va, &mapping) == KERN_SUCCESS) {
                check_mapping(e, &mapping);
                mapped += mapping.wired;
            }
    }
    CHECK_EQ(charged(task), (int64_t)pages);
    CHECK_EQ(task->pmap->wired, mapped);
    return mapped;
}

/* ---- scenes ---- */

/* Written to, only read, never touched, an object's, a private view of it: all are there, and can be used without a fault. */
static void all_kinds(void)
{
    struct task *task = task_make();
    struct map_request view = {.start = page(8),
                               .pages = 4,
                               .object = object_make(0, 8),
                               .prot = PROT_READ,
                               .max_prot = RX,
                               .shared = true};
    uint64_t word = 3;
    CHECK_EQ(enter_anonymous(task, page(0), 8, RW), KERN_SUCCESS);
    CHECK_EQ(map_enter(task, &view), KERN_SUCCESS);
    view.start = page(12);
    view.object_page = 4;
    view.prot = RW;
    view.max_prot = PROT_ALL;
    view.shared = false;
    CHECK_EQ(map_enter(task, &view), KERN_SUCCESS);
    drop_request(&view);
    write_word(task, page(0), 1);
    CHECK_EQ(protect_range(task, page(0), 1, PROT_READ, false), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(0), 16), KERN_SUCCESS);
    for (unsigned i = 0; i < 16; i++) {
        CHECK(has_access(task, page(i), PROT_READ));
        CHECK_EQ(has_access(task, page(i), PROT_WRITE), i != 0 && (i < 8 || i >= 12));
    }
    CHECK_EQ(check_wired(task), 16);
    CHECK_EQ(read_word(task, page(13)), OBJECT_MARK + 5);
    /* what comes later is as wired as what was there */
    CHECK_EQ(protect_range(task, page(2), 2, PROT_NONE, false), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 14);
    CHECK_EQ(protect_range(task, page(2), 2, RW, false), KERN_SUCCESS);
    write_word(task, page(2), 2);
    CHECK_EQ(poke(task, page(3), true, &word), KERN_SUCCESS);
    CHECK_EQ(read_word(task, page(3)), 3);
    CHECK_EQ(check_wired(task), 16);
    /* and goes with its range */
    CHECK_EQ(remove_range(task, page(6), 5), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 11);
    CHECK_EQ(charged(task), 11);
    CHECK_EQ(unwire(task, page(0), 16), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 0);
    CHECK_EQ(unwire(task, page(0), 16), KERN_SUCCESS);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* As often as it was wired, piece by piece. */
static void counts(void)
{
    struct task *task = task_make();
    struct map_facts facts;
    CHECK_EQ(enter_anonymous(task, AT, 16, RW), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(0), 10), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(5), 10), KERN_SUCCESS);
    CHECK_EQ(charged(task), 15);
    CHECK_EQ(unwire(task, page(0), 7), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 10);
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(map_describe(task, page(i), &facts), KERN_SUCCESS);
        CHECK_EQ(facts.wired, i >= 5 && i < 15);
    }
    CHECK_EQ(unwire(task, page(0), 16), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 3);
    task_end(task);
}

/* Errors leave nothing wired. */
static void refused(void)
{
    struct task *task = task_make();
    uint64_t progress = 0;
    CHECK_EQ(enter_anonymous(task, page(0), 6, RW), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(task, page(7), 6, PROT_NONE), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(0), 7), KERN_INVALID_ADDRESS);
    CHECK_EQ(wire(task, page(6), 1), KERN_INVALID_ADDRESS);
    CHECK_EQ(wire(task, page(7), 1), KERN_PROTECTION_FAILURE);
    CHECK_EQ(map_wire(NULL, task, AT, UINT64_MAX & ~PAGE_MASK, &progress), KERN_INVALID_ADDRESS);
    CHECK_EQ(map_unwire(task, USER_VA_END - PAGE_SIZE, 2 * PAGE_SIZE, &progress),
             KERN_INVALID_ADDRESS);
    CHECK_EQ(check_wired(task), 0);
    ledger_set_limit(task->ledger, LEDGER_WIRED, 4);
    CHECK_EQ(wire(task, page(0), 2), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(0), 6), KERN_LIMIT);
    CHECK_EQ(check_wired(task), 2);
    CHECK_EQ(wire(task, page(1), 3), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 4);
    ledger_set_limit(task->ledger, LEDGER_WIRED, LEDGER_NO_LIMIT);
    ledger_set_limit(task->ledger, LEDGER_FRAMES, 5); /* found when the pages are made */
    CHECK_EQ(wire(task, page(0), 6), KERN_LIMIT);
    CHECK_EQ(check_wired(task), 4);
    CHECK_EQ(unwire(task, page(0), 2), KERN_SUCCESS);
    CHECK_EQ(unwire(task, page(1), 3), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 0);
    task_end(task);
}

/* The copy is not wired; the original stays so, with a page of its own again after the next write. */
static void copied(void)
{
    struct task *task = task_make(), *child = task_make();
    struct pmap_mapping mapping;
    CHECK_EQ(enter_anonymous(task, AT, 8, RW), KERN_SUCCESS);
    CHECK_EQ(wire(task, AT, 8), KERN_SUCCESS);
    write_word(task, page(1), 1);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 8);
    CHECK_EQ(read_word(child, page(1)), 1);
    CHECK_EQ(check_wired(child), 0);
    CHECK_EQ(pmap_extract(child->pmap, page(1), &mapping), KERN_SUCCESS);
    struct frame *frame = frame_at(mapping.pa);
    CHECK(pmap_page_is_wired(frame)); /* by the parent */
    write_word(task, page(1), 2);
    CHECK_EQ(check_wired(task), 8);
    CHECK(!pmap_page_is_wired(frame));
    CHECK(!(atomic_load(&frame->flags) & FRAME_FLAG_WIRED));
    CHECK_EQ(read_word(child, page(1)), 1);
    /* and at once, if it is written from outside */
    uint64_t word = 9;
    CHECK_EQ(poke(task, page(4), true, &word), KERN_SUCCESS);
    CHECK(has_access(task, page(4), PROT_WRITE));
    CHECK_EQ(check_wired(task), 8);
    CHECK_EQ(read_word(task, page(4)), 9);
    CHECK_EQ(read_word(child, page(4)), 0);
    check_structure((struct task *const[]){task, child}, 2, NULL, 0);
    task_end(task);
    task_end(child);
}

/* Large mappings, wired in part and released in part. */
static void large(void)
{
    struct task *task = task_make();
    enum { LARGE = 1024 };
    const vaddr_t at = UINT64_C(0x40000000);
    struct map_request request = {.start = at,
                                  .pages = LARGE,
                                  .object = object_make(0, LARGE),
                                  .prot = PROT_READ,
                                  .max_prot = RX,
                                  .shared = true};
    struct pmap_mapping mapping;
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    drop_request(&request);
    CHECK_EQ(wire(task, at, LARGE), KERN_SUCCESS);
    CHECK_EQ(task->pmap->wired, LARGE);
    CHECK_EQ(pmap_extract(task->pmap, at, &mapping), KERN_SUCCESS);
    CHECK(mapping.size > PAGE_SIZE);
    CHECK_EQ(unwire(task, at + 5 * PAGE_SIZE, 600), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), LARGE - 600);
    CHECK_EQ(wire(task, at + 100 * PAGE_SIZE, 10), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), LARGE - 590);
    for (unsigned i = 0; i < LARGE; i++)
        CHECK_EQ(read_word(task, at + i * PAGE_SIZE), OBJECT_MARK + i);
    CHECK(pmap_check(task->pmap));
    task_end(task);
}

static kern_return_t wire_all(struct task *task)
{
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = map_wire_all(NULL, task, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

static kern_return_t unwire_all(struct task *task)
{
    return unwire(task, PAGE_SIZE, (USER_VA_END >> PAGE_SHIFT) - 1);
}

/* All there is, with holes and what cannot be read; and what comes later. */
static void everything(void)
{
    struct task *task = task_make();
    struct map_request request = {.pages = 3, .prot = RW, .max_prot = RW};
    CHECK_EQ(wire_all(task), KERN_SUCCESS); /* nothing */
    CHECK_EQ(enter_anonymous(task, AT, 4, RW), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(task, page(9), 4, RW), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(task, page(13), 2, PROT_NONE), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(task, USER_VA_END - 2 * PAGE_SIZE, 2, PROT_READ), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(2), 1), KERN_SUCCESS);
    CHECK_EQ(wire_all(task), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 10);
    CHECK_EQ(unwire_all(task), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 1);
    ledger_set_limit(task->ledger, LEDGER_WIRED, 9); /* the last one is too much */
    CHECK_EQ(wire_all(task), KERN_LIMIT);
    CHECK_EQ(check_wired(task), 1);
    map_wire_new(task, true);
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    CHECK_EQ(charged(task), 4);
    write_word(task, request.start + PAGE_SIZE, 5);
    CHECK_EQ(check_wired(task), 2);
    CHECK_EQ(enter_anonymous(task, page(20), 6, RW), KERN_LIMIT);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_COMMITMENT), 15);
    map_wire_new(task, false);
    CHECK_EQ(enter_anonymous(task, page(20), 6, RW), KERN_SUCCESS);
    CHECK_EQ(remove_range(task, request.start, 3), KERN_SUCCESS);
    CHECK_EQ(check_wired(task), 1);
    task_end(task);
}

/* Progress that another call has left. */
static void far_progress(void)
{
    struct task *task = task_make();
    CHECK_EQ(enter_anonymous(task, AT, 8, RW), KERN_SUCCESS);
    for (unsigned bits = 0; bits < 56; bits++) {
        uint64_t progress = UINT64_C(1) << bits, again = progress, all = progress;
        while (map_wire_all(NULL, task, &all) == KERN_RETRY)
            ;
        while (map_wire(NULL, task, AT, 8 * PAGE_SIZE, &progress) == KERN_RETRY)
            ;
        while (map_unwire(task, AT, 8 * PAGE_SIZE, &again) == KERN_RETRY)
            ;
    }
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* ---- every allocation fails once ---- */

static void failures(void)
{
    struct task *task = task_make();
    kern_return_t kr;
    for (unsigned n = 1;; n++) {
        CHECK_EQ(enter_anonymous(task, page(0), 20, RW), KERN_SUCCESS);
        (void)alloc_fail_nth(n);
        kr = wire(task, page(3), 14);
        (void)alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        CHECK_EQ(check_wired(task), kr == KERN_SUCCESS ? 14 : 0);
        CHECK_EQ(remove_range(task, page(0), 20), KERN_SUCCESS);
        if (kr == KERN_SUCCESS)
            break;
    }
    CHECK_EQ(enter_anonymous(task, page(0), 20, RW), KERN_SUCCESS);
    CHECK_EQ(wire(task, page(0), 20), KERN_SUCCESS);
    for (unsigned n = 1;; n++) {
        (void)alloc_fail_nth(n);
        kr = unwire(task, page(3), 14);
        (void)alloc_fail_nth(0);
        CHECK_EQ(check_wired(task), kr == KERN_SUCCESS ? 6 : 20);
        if (kr == KERN_SUCCESS)
            break;
        CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
    }
    task_end(task);
}

/* ---- at random ---- */

enum { PAGES = 40, TASKS = 2 };

static uint64_t random_below(uint64_t limit)
{
    static uint64_t state;
    if (state == 0)
        state = check_random() | 1;
    return host_random_below(&state, limit);
}

static void random_step(struct task **task)
{
    struct task *t = task[random_below(TASKS)];
    uint64_t first = random_below(PAGES), count = 1 + random_below(PAGES - first), word = first;
    vaddr_t at = page(first);
    switch (random_below(12)) {
    case 0: (void)remove_range(t, at, 1 + count / 4); break;
    case 1:
    case 2: (void)enter_anonymous(t, at, count, RW); break;
    case 3: (void)protect_range(t, at, count, PROT_READ, false); break;
    case 4: (void)protect_range(t, at, count, random_below(4) ? RW : PROT_NONE, false); break;
    case 5:
    case 6: (void)wire(t, at, count); break;
    case 7: (void)unwire(t, at, count); break;
    case 8: (void)touch(t, at, PROT_WRITE, &word); break;
    case 9: (void)poke(t, at, random_below(2), &word); break;
    case 10:
        if (random_below(8) == 0) {
            task_end(task[1]);
            task[1] = task_make();
            CHECK_EQ(fork_task(task[0], task[1]), KERN_SUCCESS);
        }
        break;
    default: (void)inherit_range(t, at, count, random_below(3)); break;
    }
}

static void at_random(unsigned steps)
{
    struct task *task[TASKS] = {task_make(), task_make()};
    irq_rate = 3;
    for (unsigned i = 0; i < steps; i++) {
        random_step(task);
        if (i % 8 == 0)
            for (unsigned t = 0; t < TASKS; t++)
                (void)check_wired(task[t]);
    }
    irq_rate = 0;
    check_structure(task, TASKS, NULL, 0);
    for (unsigned t = 0; t < TASKS; t++)
        task_end(task[t]);
}

void test_wire(unsigned steps)
{
    for (unsigned i = 0; i < 2; i++) { /* in one go, and always interrupted */
        irq_rate = i;
        all_kinds();
        counts();
        refused();
        copied();
        large();
        everything();
        far_progress();
        failures();
    }
    at_random(steps);
}
