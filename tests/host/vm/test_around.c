/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that come along with one that is touched (kernel/vm/fault_around.c).
 */
#include "vm_test.h"

#define AT \
    (UINT64_C(0x40000000) - 4 * PAGE_SIZE) /* a boundary of page tables behind the fourth page */

static vaddr_t page(uint64_t n)
{
    return AT + (n << PAGE_SHIFT);
}

/* A private one. */
static struct map_request view(uint64_t pages)
{
    return (struct map_request){.start = AT,
                                .pages = pages,
                                .object = object_make(0, pages),
                                .prot = RW,
                                .max_prot = PROT_ALL,
                                .inherit = VM_INHERIT_COPY};
}

static void enter_and_drop(struct task *task, struct map_request *request)
{
    CHECK_EQ(map_enter(task, request), KERN_SUCCESS);
    drop_request(request);
}

static unsigned pages_with(struct task *task, unsigned from, unsigned to, unsigned access)
{
    unsigned count = 0;
    for (unsigned i = from; i < to; i++)
        count += has_access(task, page(i), access);
    return count;
}

/* A page of an object that is there brings those of its 64 KiB along, as far as the entry goes, but not where pages of its own may be. */
static void neighbours(void)
{
    enum { PAGES = 18 }; /* the first four lie below a boundary */
    struct task *task = task_make(), *child = task_make();
    struct map_request request = view(PAGES);
    enter_and_drop(task, &request);
    CHECK_EQ(enter_anonymous(task, page(PAGES), 4, RW), KERN_SUCCESS);
    CHECK_EQ(read_word(task, page(6)), OBJECT_MARK + 6);
    CHECK_EQ(pages_with(task, 0, 4, PROT_READ), 0);
    CHECK_EQ(pages_with(task, 4, PAGES, PROT_READ), PAGES - 4);
    CHECK_EQ(pages_with(task, 0, PAGES, PROT_WRITE), 0);
    CHECK_EQ(pages_with(task, PAGES, PAGES + 4, PROT_READ), 0);
    write_word(task, page(7), 4711);
    for (unsigned i = 0; i < PAGES; i++)
        CHECK_EQ(read_word(task, page(i)), i == 7 ? 4711 : OBJECT_MARK + i);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    CHECK_EQ(read_word(child, page(8)), OBJECT_MARK + 8);
    CHECK_EQ(pages_with(child, 0, PAGES, PROT_READ), 1);
    CHECK_EQ(read_word(child, page(7)), 4711);
    check_structure((struct task *const[]){task, child}, 2, NULL, 0);
    task_end(task);
    task_end(child);
}

/* Instructions are made known to the caches a few pages at a time, and once. */
static void neighbours_executed(void)
{
    enum { PAGES = 20, NEW = 4 };
    struct task *task = task_make(), *other = task_make();
    struct map_request request = view(PAGES), again;
    request.prot = request.max_prot = RX;
    again = request;
    memory_object_ref(again.object);
    enter_and_drop(task, &request);
    CHECK_EQ(read_word(task, page(6)), OBJECT_MARK + 6);
    CHECK_EQ(pages_with(task, 4, PAGES, PROT_EXECUTE), 1 + NEW);
    CHECK_EQ(read_word(task, page(15)), OBJECT_MARK + 15);
    CHECK_EQ(pages_with(task, 4, PAGES, PROT_EXECUTE), 2 + 2 * NEW);
    enter_and_drop(other, &again);
    CHECK_EQ(read_word(other, page(6)), OBJECT_MARK + 6);
    CHECK_EQ(pages_with(other, 4, PAGES, PROT_EXECUTE), 2 + 3 * NEW);
    for (unsigned i = 0; i < PAGES; i++)
        CHECK_EQ(read_word(other, page(i)), OBJECT_MARK + i);
    check_structure((struct task *const[]){task, other}, 2, NULL, 0);
    task_end(task);
    task_end(other);
}

void test_around(void)
{
    neighbours();
    neighbours_executed();
}
