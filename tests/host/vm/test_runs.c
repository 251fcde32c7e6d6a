/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous memory in blocks of 64 KiB: made where memory is used from its beginning to its end, and there only; and what becomes of
 * their pages one by one.
 */
#include "vm_test.h"

#define AT UINT64_C(0x40000000)
enum { BLOCK = ANON_RUN, BLOCKS = 16, PAGES = BLOCK * BLOCKS };

static vaddr_t page(uint64_t n)
{
    return AT + (n << PAGE_SHIFT);
}

static struct task *task_with(uint64_t first, uint64_t pages)
{
    struct task *task = task_make();
    CHECK_EQ(enter_anonymous(task, page(first), pages, RW), KERN_SUCCESS);
    return task;
}

static int64_t frames(struct task *task)
{
    return ledger_used(task->ledger, LEDGER_FRAMES);
}

static void read_pages(struct task *task, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        CHECK_EQ(read_word(task, page(i)), 0);
}

static struct pmap_mapping mapping(struct task *task, uint64_t n)
{
    struct pmap_mapping m = {0};
    CHECK_EQ(pmap_extract(task->pmap, page(n), &m), KERN_SUCCESS);
    return m;
}

/* Pages mapped as runs. */
static unsigned in_runs(struct task *task, uint64_t pages)
{
    unsigned count = 0;
    struct pmap_mapping m;
    for (uint64_t i = 0; i < pages; i++)
        count +=
            pmap_extract(task->pmap, page(i), &m) == KERN_SUCCESS && m.size == BLOCK * PAGE_SIZE;
    return count;
}

/* The first block is made by pages, the second is watched, the third is a run. */
static struct task *three_blocks(void)
{
    struct task *task = task_with(0, PAGES);
    read_pages(task, 0, 3 * BLOCK);
    CHECK_EQ(frames(task), 3 * BLOCK);
    CHECK_EQ(in_runs(task, PAGES), BLOCK);
    return task;
}

static void from_beginning_to_end(void)
{
    struct task *task = task_with(0, PAGES);
    read_pages(task, 0, BLOCK);
    CHECK_EQ(frames(task), BLOCK);
    read_pages(task, BLOCK, BLOCK + 1);
    CHECK_EQ(frames(task), 2 * BLOCK);
    CHECK(mapping(task, BLOCK).young);
    for (unsigned i = BLOCK + 1; i < 2 * BLOCK; i++)
        CHECK(!mapping(task, i).young && mapping(task, i).size == PAGE_SIZE);
    read_pages(task, BLOCK, 2 * BLOCK);
    CHECK_EQ(frames(task), 2 * BLOCK);
    read_pages(task, 2 * BLOCK, 2 * BLOCK + 1);
    CHECK_EQ(frames(task), 3 * BLOCK);
    CHECK_EQ(in_runs(task, PAGES), BLOCK);
    for (unsigned i = 2 * BLOCK; i < 3 * BLOCK; i++)
        CHECK(has_access(task, page(i), PROT_WRITE));
    for (int64_t i = 3 * BLOCK; i < PAGES; i++) {
        read_pages(task, (uint64_t)i, (uint64_t)i + 1);
        CHECK(frames(task) > i && frames(task) < i + 1 + BLOCK);
    }
    CHECK_EQ(frames(task), PAGES);
    CHECK(in_runs(task, PAGES) >= PAGES / 2);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* Blocks whose pages are not all used come to an end, and may begin again. */
static void until_it_is_not(void)
{
    struct task *task = task_with(0, PAGES);
    read_pages(task, 0, BLOCK + 2);
    CHECK_EQ(frames(task), 2 * BLOCK);
    read_pages(task, 2 * BLOCK, 2 * BLOCK + 1);
    CHECK_EQ(frames(task), 2 * BLOCK + 1);
    read_pages(task, BLOCK, 3 * BLOCK + 1);
    CHECK_EQ(frames(task), 4 * BLOCK);
    CHECK(!mapping(task, 3 * BLOCK + 1).young); /* watched again */
    task_end(task);
}

/* A page here and there, or from the end to the beginning, is no more than itself. */
static void here_and_there(void)
{
    struct task *task = task_with(0, PAGES);
    for (unsigned i = 0; i < BLOCKS; i++)
        read_pages(task, i * BLOCK, i * BLOCK + 1);
    CHECK_EQ(frames(task), BLOCKS);
    for (unsigned i = PAGES; i-- > 0;)
        read_pages(task, i, i + 1);
    CHECK_EQ(frames(task), PAGES);
    CHECK_EQ(in_runs(task, PAGES), 0);
    task_end(task);
}

/* Nothing is made beyond the ends of an entry, nor where something is. */
static void at_ends(void)
{
    struct task *task = task_with(4, 2 * BLOCK); /* blocks 1 and the halves of others */
    read_pages(task, 4, 4 + 2 * BLOCK);
    CHECK_EQ(frames(task), 2 * BLOCK);
    CHECK_EQ(in_runs(task, 3 * BLOCK), 0);
    task_end(task);
    task = task_with(0, 3 * BLOCK);
    read_pages(task, BLOCK + 5, BLOCK + 6);
    read_pages(task, 0, BLOCK + 1);
    CHECK_EQ(frames(task), BLOCK + 2);
    task_end(task);
}

/* Pages of a run are copied, protected, removed one by one, and keep what they have. */
static void pages_of_runs(void)
{
    struct task *task = three_blocks(), *child = task_make();
    uint64_t first = 2 * BLOCK;
    for (uint64_t i = first; i < first + BLOCK; i++)
        write_word(task, page(i), 100 + i);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    CHECK_EQ(in_runs(task, PAGES), BLOCK); /* which lost a right as a whole */
    write_word(task, page(first + 3), 1);
    write_word(child, page(first + 4), 2);
    CHECK_EQ(in_runs(task, PAGES), 0);
    for (uint64_t i = first; i < first + BLOCK; i++) {
        CHECK_EQ(read_word(task, page(i)), i == first + 3 ? 1 : 100 + i);
        CHECK_EQ(read_word(child, page(i)), i == first + 4 ? 2 : 100 + i);
    }
    task_end(child);
    reap_all();
    CHECK_EQ(frames(task), 3 * BLOCK);
    CHECK_EQ(remove_range(task, page(first + 7), 2), KERN_SUCCESS);
    CHECK_EQ(frames(task), 3 * BLOCK - 2);
    CHECK_EQ(protect_range(task, page(first + 9), 1, PROT_READ, false), KERN_SUCCESS);
    CHECK(!has_access(task, page(first + 9), PROT_WRITE));
    CHECK_EQ(read_word(task, page(first + 9)), 100 + first + 9);
    CHECK_EQ(read_word(task, page(first + 6)), 100 + first + 6);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* A part of a run that is whole still goes. */
static void part_of_a_run(void)
{
    struct task *task = three_blocks();
    CHECK_EQ(remove_range(task, page(2 * BLOCK + 5), 1), KERN_SUCCESS);
    CHECK_EQ(frames(task), 3 * BLOCK - 1);
    CHECK_EQ(in_runs(task, PAGES), 0);
    CHECK(has_access(task, page(2 * BLOCK + 4), PROT_WRITE) &&
          has_access(task, page(2 * BLOCK + 6), PROT_WRITE));
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* Where memory is short, or the task may have no more, pages are made one by one. */
static void not_when_short(void)
{
    struct frame_statistics s;
    struct task *task = task_with(0, PAGES);
    pfn_t taken = PFN_NONE;
    read_pages(task, 0, BLOCK);
    for (frame_statistics(&s); s.free >= s.managed / FRAME_PLENTY; frame_statistics(&s)) {
        struct frame *frame;
        CHECK_EQ(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame), KERN_SUCCESS);
        frame->next = taken;
        taken = frame_number(frame);
    }
    read_pages(task, BLOCK, BLOCK + 1);
    CHECK_EQ(frames(task), BLOCK + 1);
    while (taken != PFN_NONE) {
        struct frame *frame = frame_record(taken);
        taken = frame->next;
        frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
    }
    task_end(task);
}

static void not_beyond_the_limit(void)
{
    struct task *task = task_with(0, PAGES);
    uint64_t word;
    read_pages(task, 0, BLOCK);
    ledger_set_limit(task->ledger, LEDGER_FRAMES, BLOCK + 4);
    read_pages(task, BLOCK, BLOCK + 4);
    CHECK_EQ(frames(task), BLOCK + 4);
    CHECK_EQ(touch(task, page(BLOCK + 4), PROT_READ, &word), KERN_LIMIT);
    ledger_set_limit(task->ledger, LEDGER_FRAMES, LEDGER_NO_LIMIT);
    task_end(task);
}

/* Whichever allocation fails: a page, or none, and nothing is lost. Block 4 begins a leaf. */
static void failures(unsigned block)
{
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        struct task *task = task_with(0, PAGES);
        uint64_t word = 1;
        read_pages(task, 0, block * BLOCK);
        int64_t before = frames(task);
        (void)alloc_fail_nth(n);
        kern_return_t kr = touch(task, page(block * BLOCK), PROT_READ, &word);
        whole = alloc_fail_nth(0) < n;
        if (kr == KERN_SUCCESS)
            CHECK(word == 0 && frames(task) > before);
        else
            CHECK(kr == KERN_RESOURCE_SHORTAGE && frames(task) == before);
        CHECK(!whole || kr == KERN_SUCCESS);
        check_structure(&task, 1, NULL, 0);
        read_pages(task, 0, PAGES);
        CHECK_EQ(frames(task), PAGES);
        task_end(task);
    }
}

void test_runs(void)
{
    from_beginning_to_end();
    until_it_is_not();
    here_and_there();
    at_ends();
    pages_of_runs();
    part_of_a_run();
    not_when_short();
    not_beyond_the_limit();
    failures(1);
    failures(2);
    failures(4);
}
