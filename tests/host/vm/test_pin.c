/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pinned pages (kern/pin.h): scenes, and the failure of each allocation.
 */
#include "pin_test.h"

#define AT   PIN_AT
#define COPY UINT64_C(0x48000000)

static vaddr_t page_of(unsigned page)
{
    return AT + ((vaddr_t)page << PAGE_SHIFT);
}

static vaddr_t copy_page_of(unsigned page)
{
    return COPY + ((vaddr_t)page << PAGE_SHIFT);
}

/* ---- scenes ---- */

static paddr_t pin_one(struct amap *amap, uint64_t page)
{
    CHECK_EQ(pin_begin(amap), KERN_SUCCESS);
    CHECK_EQ(pin_page(NULL, amap, page, 0), KERN_SUCCESS);
    struct frame *frame = frame_in(amap, page);
    CHECK(is_pinned(frame_address(frame)));
    return frame_address(frame);
}

static void unpin_one(struct amap *amap, uint64_t page)
{
    unpin_page(amap, page);
    pin_end(amap);
}

/* What was untouched, written, and seen by a child already: the task and the device have one frame; the child keeps what it had. */
static void scene_kinds(void)
{
    struct task *task = task_make(), *child = task_make();
    uint64_t first;
    CHECK_EQ(enter_anonymous(task, AT, 8, RW), KERN_SUCCESS);
    write_word(task, page_of(1), 1);
    write_word(task, page_of(2), 2);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    write_word(task, page_of(1), 11); /* its own again, but it does not share it */
    struct amap *amap = share(task, 8, &first);
    paddr_t pa[3];
    for (unsigned i = 0; i < 3; i++) {
        pa[i] = pin_one(amap, first + i);
        device_write(pa[i], 100 + i);
        CHECK_EQ(read_word(task, page_of(i)), 100 + i);
        write_word(task, page_of(i), 200 + i);
        CHECK_EQ(device_read(pa[i]), 200 + i);
    }
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(read_word(child, page_of(i)), i);
    /* pinned twice, it stays pinned until it has been unpinned twice */
    CHECK_EQ(pin_one(amap, first), pa[0]);
    unpin_one(amap, first);
    CHECK(is_pinned(pa[0]));
    for (unsigned i = 0; i < 3; i++) {
        unpin_one(amap, first + i);
        CHECK(!is_pinned(pa[i]));
        CHECK_EQ(read_word(task, page_of(i)), 200 + i);
    }
    check_structure((struct task *[]){task, child}, 2, &amap, 1);
    amap_unref(amap);
    task_end(task);
    task_end(child);
}

/* What comes of forks and copies while it is pinned. The child has a copy, and the parent goes on with the frame. */
static void scene_fork(void)
{
    struct task *task = task_make(), *child = task_make(), *sharer = task_make();
    uint64_t first;
    CHECK_EQ(enter_anonymous(task, AT, 8, RW), KERN_SUCCESS);
    write_word(task, page_of(3), 3);
    struct amap *amap = share(task, 8, &first);
    paddr_t pa = pin_one(amap, first + 3);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    device_write(pa, 5);
    CHECK_EQ(read_word(task, page_of(3)), 5);
    CHECK_EQ(read_word(child, page_of(3)), 3);
    write_word(child, page_of(3), 4);
    write_word(task, page_of(3), 6);
    CHECK_EQ(device_read(pa), 6);
    /* a child that shares it does */
    CHECK_EQ(inherit_range(task, AT, 8, VM_INHERIT_SHARE), KERN_SUCCESS);
    CHECK_EQ(fork_task(task, sharer), KERN_SUCCESS);
    write_word(sharer, page_of(3), 7);
    CHECK_EQ(device_read(pa), 7);
    /* a private copy does not */
    struct map_request copy = {.start = COPY, .pages = 8, .amap = amap, .amap_page = first};
    copy.prot = copy.max_prot = RW;
    amap_ref(amap);
    CHECK_EQ(copy_request(task, &copy), KERN_SUCCESS);
    CHECK_EQ(map_enter(task, &copy), KERN_SUCCESS);
    drop_request(&copy);
    device_write(pa, 8);
    CHECK_EQ(read_word(task, copy_page_of(3)), 7);
    CHECK_EQ(read_word(task, page_of(3)), 8);
    /* the owner goes; the frame does not, before it is unpinned */
    CHECK_EQ(remove_range(task, AT, 8), KERN_SUCCESS);
    task_end(sharer);
    reap_all();
    CHECK(is_pinned(pa) && frame_in(amap, first + 3) == frame_at(pa));
    device_write(pa, 9);
    unpin_one(amap, first + 3);
    amap_unref(amap);
    check_structure((struct task *[]){task, child}, 2, NULL, 0);
    task_end(task);
    task_end(child);
}

/* A copy is being made when the last pin goes: what the sharers may write they may not from then on. */
static void scene_unpin_in_between(void)
{
    struct task *task = task_make();
    uint64_t first, page;
    struct amap *copy;
    CHECK_EQ(enter_anonymous(task, AT, 8, RW), KERN_SUCCESS);
    struct amap *amap = share(task, 8, &first);
    paddr_t pa = pin_one(amap, first);
    write_word(task, page_of(0), 1);
    CHECK_EQ(amap_copy(amap, first, 8, task->ledger, &copy), KERN_SUCCESS);
    page = first;
    CHECK_EQ(map_take_writing(amap, &page, first + 8), KERN_SUCCESS);
    write_word(task, page_of(0), 2);
    CHECK_EQ(device_read(pa), 2);
    CHECK(has_access(task, page_of(0), PROT_WRITE));
    unpin_one(amap, first);
    CHECK(!has_access(task, page_of(0), PROT_WRITE));
    page = first;
    CHECK_EQ(amap_settle(copy, &page, first + 8), KERN_SUCCESS);
    write_word(task, page_of(0), 3);
    CHECK_EQ(device_read(frame_address(frame_in(copy, first))), 2);
    CHECK_EQ(read_word(task, page_of(0)), 3);
    amap_unref(copy);
    amap_unref(amap);
    task_end(task);
}

/* Pages that were made as a run of 64 KiB. */
static void scene_run(void)
{
    struct task *task = task_make();
    uint64_t first;
    const vaddr_t at = 0x50000000;
    CHECK_EQ(enter_anonymous(task, at, 256, RW), KERN_SUCCESS);
    for (unsigned i = 0; i < 256; i++)
        write_word(task, at + i * PAGE_SIZE, i);
    struct map_request request;
    CHECK_EQ(map_share(task, at, 256 * PAGE_SIZE, RW, &request), KERN_SUCCESS);
    first = request.amap_page;
    CHECK_EQ(pin_begin(request.amap), KERN_SUCCESS);
    uint64_t told = 0, longest = 0;
    for (unsigned i = 0; i < 256; i++)
        CHECK_EQ(pin_page(NULL, request.amap, first + i, 0), KERN_SUCCESS);
    while (told < 256) {
        paddr_t pa;
        uint64_t n = pin_run(request.amap, first + told, first + 256, 32, &pa);
        CHECK(n > 0 && n <= 32);
        for (uint64_t i = 0; i < n; i++)
            CHECK_EQ(device_read(pa + i * PAGE_SIZE), told + i);
        told += n;
        longest = n > longest ? n : longest;
    }
    CHECK(longest >= 16);
    for (unsigned i = 0; i < 256; i++)
        unpin_page(request.amap, first + i);
    pin_end(request.amap);
    drop_request(&request);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* ---- the n-th allocation fails ---- */

static void fail_every(void)
{
    for (uint64_t n = 1;; n++) {
        struct task *task = task_make(), *child = task_make(), *late = task_make();
        uint64_t first;
        CHECK_EQ(enter_anonymous(task, AT, 100, RW), KERN_SUCCESS);
        for (unsigned i = 0; i < 100; i += 9)
            write_word(task, AT + i * PAGE_SIZE, i);
        CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
        struct amap *amap = share(task, 100, &first);
        alloc_fail_nth(0);
        alloc_fail_nth(n);
        kern_return_t kr = pin_begin(amap);
        unsigned pinned = 0;
        while (kr == KERN_SUCCESS && pinned < 70) {
            kr = pin_page(NULL, amap, first + pinned, 0);
            pinned += kr == KERN_SUCCESS;
        }
        bool in_pin = kr != KERN_SUCCESS;
        if (kr == KERN_SUCCESS)
            kr = fork_task(task, late);
        uint64_t counted = alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS ? counted < n : kr == KERN_RESOURCE_SHORTAGE);
        for (unsigned i = 0; i < pinned; i++) {
            device_write(frame_address(frame_in(amap, first + i)), 1000 + i);
            CHECK_EQ(read_word(task, AT + i * PAGE_SIZE), 1000 + i);
            write_word(task, AT + i * PAGE_SIZE, 2000 + i);
            CHECK_EQ(device_read(frame_address(frame_in(amap, first + i))), 2000 + i);
        }
        for (unsigned i = 0; i < 100; i++) {
            CHECK_EQ(read_word(child, AT + i * PAGE_SIZE), i % 9 == 0 ? i : 0);
            if (kr == KERN_SUCCESS)
                CHECK_EQ(read_word(late, AT + i * PAGE_SIZE), i % 9 == 0 ? i : 0);
        }
        while (pinned > 0)
            unpin_page(amap, first + --pinned);
        pin_end(amap);
        if (in_pin) /* and again, with all there is */
            unpin_one(amap, first + (pin_one(amap, first), 0));
        amap_unref(amap);
        task_end(task);
        task_end(child);
        task_end(late);
        reap_all();
        if (kr == KERN_SUCCESS)
            break;
    }
}

void test_pin(unsigned steps)
{
    scene_kinds();
    scene_fork();
    scene_unpin_in_between();
    scene_run();
    fail_every();
    pin_walk(steps);
}
