/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of physical maps on the machine's own MMU: what user accesses (through the copy
 * routines, which have the user's rights) see after each change. The thorough tests run on the
 * simulated machine, tests/host/pmap.
 */
#include <arch/usercopy.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/ktest.h>
#include <kern/pmap.h>

#define VA UINT64_C(0x12200000) /* of all tests; 2 MiB aligned */

enum { RW = PROT_READ | PROT_WRITE };

static struct frame *make_frame(unsigned order, uint64_t mark)
{
    struct frame *frame;
    if (frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, &frame) != KERN_SUCCESS)
        return NULL;
    for (unsigned i = 0; i < 1u << order; i++)
        *(uint64_t *)((char *)frame_memory(frame) + i * PAGE_SIZE) = mark + i;
    return frame;
}

/** What a user would read at va; ~0 if it would fault. */
static uint64_t user_read(vaddr_t va)
{
    uint64_t value;
    return arch_copyin(&value, va, sizeof(value)) == KERN_SUCCESS ? value : ~UINT64_C(0);
}

static bool user_writes(vaddr_t va, uint64_t value)
{
    return arch_copyout(va, &value, sizeof(value)) == KERN_SUCCESS;
}

static bool enter(struct pmap *pmap, vaddr_t va, struct frame *frame, uint64_t size, unsigned prot,
                  unsigned flags)
{
    return pmap_enter(pmap, va, frame_address(frame), size, prot, MEM_NORMAL, flags) ==
           KERN_SUCCESS;
}

static void remove_all(struct pmap *pmap, vaddr_t va, vaddr_t end)
{
    while (va < end)
        va = pmap_remove(pmap, va, end);
}

/** A pmap that is active, and the counts to compare at the end. */
struct fixture {
    struct pmap *pmap, *before;
    int64_t objects, tables;
};

static bool fixture_begin(struct fixture *f)
{
    f->objects = kmem_live_objects();
    f->tables = ledger_used(&kernel_ledger, LEDGER_PAGE_TABLES);
    f->before = arch_cpu_self()->pmap;
    if (!KTEST_EXPECT(pmap_create(&kernel_ledger, &f->pmap) == KERN_SUCCESS))
        return false;
    pmap_activate(f->pmap);
    return true;
}

static void fixture_end(struct fixture *f)
{
    KTEST_EXPECT(pmap_check(f->pmap));
    remove_all(f->pmap, 0, USER_VA_END);
    KTEST_EXPECT(user_read(VA) == ~UINT64_C(0));
    pmap_activate(f->before);
    pmap_destroy(f->pmap);
    KTEST_EXPECT(kmem_live_objects() == f->objects);
    KTEST_EXPECT(ledger_used(&kernel_ledger, LEDGER_PAGE_TABLES) == f->tables);
}

KTEST(pmap_page_rights_and_copy_on_write)
{
    struct fixture f;
    struct frame *a = make_frame(0, 100), *b = make_frame(0, 200);
    if (!KTEST_EXPECT(a != NULL && b != NULL) || !fixture_begin(&f))
        return;
    KTEST_EXPECT(user_read(VA) == ~UINT64_C(0));
    KTEST_EXPECT(enter(f.pmap, VA, a, PAGE_SIZE, RW, 0));
    KTEST_EXPECT(user_read(VA) == 100 && user_writes(VA, 101) && user_read(VA) == 101);
    KTEST_EXPECT(pmap_protect(f.pmap, VA, VA + PAGE_SIZE, PROT_READ) == VA + PAGE_SIZE);
    KTEST_EXPECT(!user_writes(VA, 1) && user_read(VA) == 101);
    KTEST_EXPECT(enter(f.pmap, VA, b, PAGE_SIZE, RW, PMAP_REPLACE));
    KTEST_EXPECT(user_read(VA) == 200 && user_writes(VA, 201) && user_read(VA) == 201);
    KTEST_EXPECT(*(uint64_t *)frame_memory(a) == 101 && atomic_load(&a->mapped) == 0);
    KTEST_EXPECT(enter(f.pmap, VA + 0x5000, b, PAGE_SIZE, PROT_READ, 0) &&
                 user_read(VA + 0x5000) == 201);
    pmap_page_protect(b, PROT_NONE);
    KTEST_EXPECT(user_read(VA) == ~UINT64_C(0) && user_read(VA + 0x5000) == ~UINT64_C(0));
    fixture_end(&f);
    frame_free(&kernel_ledger, LEDGER_FRAMES, a);
    frame_free(&kernel_ledger, LEDGER_FRAMES, b);
}

KTEST(pmap_access_flag_in_software)
{
    struct fixture f;
    struct frame *a = make_frame(0, 7);
    if (!KTEST_EXPECT(a != NULL) || !fixture_begin(&f))
        return;
    KTEST_EXPECT(enter(f.pmap, VA, a, PAGE_SIZE, RW, 0) && user_read(VA) == 7);
    KTEST_EXPECT(pmap_page_clear_referenced(a) && !pmap_page_is_referenced(a));
    KTEST_EXPECT(user_read(VA) == ~UINT64_C(0)); /* refused, until the fault has been handled */
    KTEST_EXPECT(pmap_fault(f.pmap, VA, PROT_READ) == KERN_SUCCESS);
    KTEST_EXPECT(user_read(VA) == 7 && pmap_page_is_referenced(a));
    fixture_end(&f);
    frame_free(&kernel_ledger, LEDGER_FRAMES, a);
}

/** A mapping of 2 MiB or 64 KiB: all of it there; then one page less; then by frame. */
static void check_size(unsigned order, uint64_t size)
{
    struct fixture f;
    struct frame *run = make_frame(order, 1000);
    if (!KTEST_EXPECT(run != NULL) || !fixture_begin(&f))
        return;
    KTEST_EXPECT(enter(f.pmap, VA, run, size, RW, 0));
    for (uint64_t o = 0; o < size; o += PAGE_SIZE)
        KTEST_EXPECT(user_read(VA + o) == 1000 + o / PAGE_SIZE);
    remove_all(f.pmap, VA + 3 * PAGE_SIZE, VA + 4 * PAGE_SIZE);
    for (uint64_t o = 0; o < size; o += PAGE_SIZE)
        KTEST_EXPECT(user_read(VA + o) ==
                     (o == 3 * PAGE_SIZE ? ~UINT64_C(0) : 1000 + o / PAGE_SIZE));
    KTEST_EXPECT(pmap_check(f.pmap));
    pmap_page_protect(run + 2, PROT_READ);
    KTEST_EXPECT(!user_writes(VA + 2 * PAGE_SIZE, 1) && user_writes(VA + PAGE_SIZE, 1001));
    fixture_end(&f);
    frame_free(&kernel_ledger, LEDGER_FRAMES, run);
}

KTEST(pmap_run_of_64k)
{
    check_size(4, PAGE_SIZE * PT_RUN);
}

KTEST(pmap_leaf_of_2m)
{
    check_size(9, PAGE_SIZE * PT_ENTRIES);
}

KTEST(pmap_address_spaces_are_apart)
{
    struct fixture f;
    struct pmap *other;
    struct frame *a = make_frame(0, 1), *b = make_frame(0, 2);
    if (!KTEST_EXPECT(a != NULL && b != NULL) || !fixture_begin(&f))
        return;
    if (KTEST_EXPECT(pmap_create(&kernel_ledger, &other) == KERN_SUCCESS)) {
        KTEST_EXPECT(enter(f.pmap, VA, a, PAGE_SIZE, RW, 0) &&
                     enter(other, VA, b, PAGE_SIZE, RW, 0));
        for (unsigned i = 0; i < 8; i++) {
            pmap_activate(i % 2 ? other : f.pmap);
            KTEST_EXPECT(user_read(VA) == 1 + i % 2);
        }
        pmap_activate(f.pmap);
        remove_all(other, 0, USER_VA_END);
        KTEST_EXPECT(user_read(VA) == 1);
        pmap_destroy(other);
    }
    fixture_end(&f);
    frame_free(&kernel_ledger, LEDGER_FRAMES, a);
    frame_free(&kernel_ledger, LEDGER_FRAMES, b);
}
