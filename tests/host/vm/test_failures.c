/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n, in calls and faults: that is said, everybody sees what he saw before, nothing is
 * left of it when all is taken down; and the same call succeeds afterwards.
 */
#include "vm_test.h"

enum { SIZE = 200 };
#define AT (UINT64_C(0x40000000) - 100 * PAGE_SIZE)

static struct task *task, *other, *child;
static struct map_request kept;

static vaddr_t page(uint64_t n)
{
    return AT + (n << PAGE_SHIFT);
}

/* Pages 64 to 127, a node of the amap, are not there. */
static bool is_written(unsigned n)
{
    return n / AMAP_SLOTS != 1 && (n % 7 == 0 || n > SIZE - 5);
}

/* --- what is there before: what `task` has, page n, in the first half and in the second --- */

static void set_private(void)
{
    CHECK_EQ(enter_anonymous(task, AT, SIZE, RW), KERN_SUCCESS);
    for (unsigned i = 0; i < SIZE; i++)
        if (is_written(i))
            write_word(task, page(i), 1 + i);
}

static void set_copied(void)
{
    set_private();
    CHECK_EQ(fork_task(task, other), KERN_SUCCESS);
}

static void set_shared(void)
{
    set_private();
    CHECK_EQ(inherit_range(task, AT, SIZE / 2, VM_INHERIT_SHARE), KERN_SUCCESS);
    CHECK_EQ(fork_task(task, other), KERN_SUCCESS);
}

static void set_view(void)
{
    struct map_request request = {.start = AT,
                                  .pages = SIZE,
                                  .object = object_make(0, SIZE),
                                  .prot = RW,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    drop_request(&request);
    for (unsigned i = 0; i < SIZE; i++)
        if (is_written(i))
            write_word(task, page(i), 1 + i);
}

static bool views; /* set_view() */

static void check_contents(struct task *t)
{
    struct map_facts facts;
    for (unsigned i = 0; i < SIZE; i++) {
        uint64_t word = 0;
        if (map_describe(t, page(i), &facts) != KERN_SUCCESS || facts.start != page(i))
            continue;
        CHECK_EQ(poke(t, page(i), false, &word), KERN_SUCCESS);
        CHECK_EQ(word, is_written(i) ? 1 + i : views ? OBJECT_MARK + i : 0);
    }
}

/* --- what fails --- */

static kern_return_t act_enter(void)
{
    return enter_anonymous(task, page(SIZE), 10, RW);
}

static kern_return_t act_split(void)
{
    return inherit_range(task, page(50), 20, VM_INHERIT_NONE);
}

static kern_return_t act_protect(void)
{
    return protect_range(task, page(50), 20, PROT_READ, false);
}

static kern_return_t act_fork(void)
{
    kern_return_t kr = fork_task(task, child);
    if (kr != KERN_SUCCESS) { /* half a child is none */
        task_end(child);
        child = task_make();
    }
    return kr;
}

static kern_return_t act_share(void)
{
    return map_share(task, page(30), 40 * PAGE_SIZE, RW, &kept);
}

static kern_return_t act_share_and_copy(void)
{
    kern_return_t kr = act_share();
    if (kr != KERN_SUCCESS)
        return kr;
    kr = copy_request(child, &kept);
    if (kr != KERN_SUCCESS)
        return kr;
    kept.start = page(30);
    kept.prot = kept.max_prot = RW;
    kr = map_enter(child, &kept);
    drop_request(&kept);
    return kr;
}

/* The same content, so that all is as it was. */
static kern_return_t act_write(void)
{
    uint64_t word = 1 + 133;
    return touch(task, page(133), PROT_WRITE, &word);
}

static kern_return_t act_write_new(void)
{
    uint64_t word = views ? OBJECT_MARK + 120 : 0;
    return touch(task, page(120), PROT_WRITE, &word);
}

static kern_return_t act_poke(void)
{
    uint64_t word = 1 + 133;
    return poke(task, page(133), true, &word);
}

static kern_return_t act_read(void)
{
    uint64_t word = 0;
    return touch(task, page(121), PROT_READ, &word);
}

static kern_return_t act_remove(void)
{
    return remove_range(task, page(50), 20);
}

static const struct scenario {
    const char *name;
    void (*set)(void);
    kern_return_t (*act)(void);
    unsigned least; /* allocations there have to be */
} scenarios[] = {
    {"enter", set_private, act_enter, 1},
    {"split", set_private, act_split, 2},
    {"protect", set_private, act_protect, 2},
    {"remove", set_private, act_remove, 2},
    {"remove, copied", set_copied, act_remove, 2} /* pages stay, silently */,
    {"fork", set_private, act_fork, 2},
    {"fork, copied", set_copied, act_fork, 2},
    {"fork, shared", set_shared, act_fork, 4},
    {"fork of a view", set_view, act_fork, 2},
    {"share", set_private, act_share, 2},
    {"share of a view", set_view, act_share, 2},
    {"share and copy", set_copied, act_share_and_copy, 4},
    {"copy on write", set_copied, act_write, 3},
    {"copy on write, by the kernel", set_copied, act_poke, 3},
    {"write in a view", set_view, act_write_new, 2},
    {"a new page", set_private, act_write_new, 2},
    {"a page that is read", set_private, act_read, 2},
    {"a page of a view", set_view, act_read, 0},
};

/* True: it succeeded. */
static bool try_failure(const struct scenario *s, unsigned n)
{
    task = task_make();
    other = task_make();
    child = task_make();
    views = s->set == set_view;
    s->set();
    (void)alloc_fail_nth(n);
    kern_return_t kr = s->act();
    (void)alloc_fail_nth(0);
    bool failed = kr != KERN_SUCCESS;
    if (failed) {
        CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
        CHECK_EQ(kept.amap != NULL, false);
        check_contents(task);
        check_contents(other);
        check_structure((struct task *const[]){task, other, child}, 3, NULL, 0);
        CHECK_EQ(s->act(), KERN_SUCCESS);
    }
    check_contents(task);
    check_contents(other);
    check_contents(child);
    check_structure((struct task *const[]){task, other, child}, 3, &kept.amap, 1);
    drop_request(&kept);
    task_end(task);
    task_end(other);
    task_end(child);
    reap_all();
    return !failed;
}

void test_failures(void)
{
    struct counts before = counts_now();
    for (unsigned i = 0; i < array_count(scenarios); i++) {
        unsigned n = 1;
        for (; !try_failure(&scenarios[i], n); n++) {
            counts_check(before);
            CHECK(n < 100);
        }
        counts_check(before);
        printf("  %s: %u allocations\n", scenarios[i].name, n - 1);
        CHECK(n - 1 >= scenarios[i].least);
    }
}
