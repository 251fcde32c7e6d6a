/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single rules of kern/map.h, each where it once was, or easily would be, broken.
 */
#include "vm_test.h"
#include <kern/ool.h>
#include <kern/thread.h>

#define AT (UINT64_C(0x40000000) - 4 * PAGE_SIZE) /* a boundary of page tables in the middle */

static vaddr_t page(uint64_t n)
{
    return AT + (n << PAGE_SHIFT);
}

static struct task *task_with(uint64_t pages)
{
    struct task *task = task_make();
    CHECK_EQ(enter_anonymous(task, AT, pages, RW), KERN_SUCCESS);
    return task;
}

/* Page n has the word base + n. */
static void fill(struct task *task, uint64_t pages, uint64_t base)
{
    for (uint64_t i = 0; i < pages; i++)
        write_word(task, page(i), base + i);
}

static void share(struct task *task, vaddr_t at, uint64_t pages, unsigned prot,
                  struct map_request *out)
{
    CHECK_EQ(map_share(task, at, pages << PAGE_SHIFT, prot, out), KERN_SUCCESS);
    out->prot = out->max_prot = (uint8_t)prot;
    out->start = at;
}

static struct map_request view(uint64_t pages, bool shared)
{
    return (struct map_request){.start = AT,
                                .pages = pages,
                                .object = object_make(0, pages),
                                .prot = shared ? PROT_READ : RW,
                                .max_prot = shared ? RX : PROT_ALL,
                                .inherit = VM_INHERIT_COPY,
                                .shared = shared};
}

static void enter_and_drop(struct task *task, struct map_request *request)
{
    CHECK_EQ(map_enter(task, request), KERN_SUCCESS);
    drop_request(request);
}

/* --- G1 --- */

/* Memory placed anywhere keeps its distance from what was put beside it on purpose. */
static void anywhere(void)
{
    struct task *task = task_make();
    struct map_request request = {.pages = 2, .prot = RW, .max_prot = RW};
    task->map.hole_from = 0; /* it begins where it can */
    CHECK_EQ(enter_anonymous(task, MAP_ALLOCATE_BASE, 1, RW), KERN_SUCCESS);
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    CHECK(request.start >= MAP_ALLOCATE_BASE + 2 * PAGE_SIZE);
    CHECK_EQ(enter_anonymous(task, request.start + 2 * PAGE_SIZE, 1, RW), KERN_SUCCESS);
    vaddr_t before = request.start;
    request.start = 0;
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    CHECK(request.start >= before + 4 * PAGE_SIZE);
    CHECK(map_check(task));
    task_end(task);
}

/* Anywhere, but at a multiple of something: there is a free page at either side all the same. */
static void aligned(void)
{
    struct task *task = task_make();
    for (uint8_t align = 0; align <= 38; align++) {
        struct map_request request = {.pages = 1 + align % 3,
                                      .prot = RW,
                                      .max_prot = RW,
                                      .align = align};
        kern_return_t kr = map_enter(task, &request);
        CHECK(kr == KERN_SUCCESS || (kr == KERN_NO_SPACE && align >= 36));
        if (kr != KERN_SUCCESS)
            continue;
        CHECK_EQ(request.start & ((UINT64_C(1) << align) - 1), 0);
        CHECK_EQ(request.start % PAGE_SIZE, 0);
        struct map_entry *e = map_at(&task->map, request.start), *next = map_next(e);
        CHECK(!next || next->start > e->end);
        CHECK(!map_at(&task->map, e->start - PAGE_SIZE));
    }
    CHECK(map_check(task));
    task_end(task);
}

/* Progress that is beyond the range, as another call may have left it. */
static void far_progress(void)
{
    struct task *task = task_with(8);
    uint64_t done = 3 * PAGE_SIZE, progress = 16 * PAGE_SIZE | 1, farther = UINT64_C(3) << 47;
    fill(task, 8, 1);
    CHECK_EQ(map_inherit(task, AT, PAGE_SIZE, VM_INHERIT_NONE, &done), KERN_SUCCESS);
    CHECK_EQ(map_protect(task, AT, PAGE_SIZE, PROT_READ, false, &progress), KERN_SUCCESS);
    CHECK_EQ(map_protect(task, AT, PAGE_SIZE, PROT_READ, false, &farther), KERN_SUCCESS);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* --- G2 --- */

/* A change that fails changes nothing, and page tables show what entries say. */
static void failing_protect(void)
{
    struct task *task = task_make();
    struct map_facts facts;
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(enter_anonymous(task, page(2 * i), 2, RW), KERN_SUCCESS);
    fill(task, 8, 1);
    int64_t used = ledger_used(task->ledger, LEDGER_MAP_ENTRIES);
    ledger_set_limit(task->ledger, LEDGER_MAP_ENTRIES, used);
    CHECK_EQ(protect_range(task, AT, 7, PROT_READ, false), KERN_LIMIT);
    ledger_set_limit(task->ledger, LEDGER_MAP_ENTRIES, LEDGER_NO_LIMIT);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(map_describe(task, page(i), &facts), KERN_SUCCESS);
        CHECK_EQ(facts.prot, RW);
        write_word(task, page(i), 1);
    }
    task_end(task);
}

enum { LARGE = 1600 /* pages: more than one piece of anything */ };

/* Writing is about to be taken away, and the entry says so already, when the task is copied. */
static void fork_in_protect(void)
{
    struct task *task = task_with(LARGE), *child = task_make();
    uint64_t progress = 0, word = 99;
    fill(task, LARGE, 1);
    irq_rate = 1;
    CHECK_EQ(map_protect(task, AT, LARGE * PAGE_SIZE, PROT_READ, false, &progress), KERN_RETRY);
    irq_rate = 0;
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS);
    for (unsigned i = 0; i < LARGE; i++) {
        CHECK_EQ(touch(task, page(i), PROT_WRITE, &word), KERN_PROTECTION_FAILURE);
        CHECK_EQ(read_word(child, page(i)), i + 1);
    }
    task_end(task);
    task_end(child);
}

/* The memory of a task that is gone by the time the page tables would be changed. */
static void protect_after_the_end(void)
{
    struct task *task = task_with(LARGE);
    uint64_t progress = 0;
    fill(task, LARGE, 1);
    irq_rate = 1;
    CHECK_EQ(map_protect(task, AT, LARGE * PAGE_SIZE, PROT_READ, false, &progress), KERN_RETRY);
    irq_rate = 0;
    while (map_teardown_some(task))
        ;
    struct pmap *pmap = task->pmap;
    task->pmap = NULL;
    CHECK_EQ(map_protect(task, AT, LARGE * PAGE_SIZE, PROT_READ, false, &progress), KERN_SUCCESS);
    task->pmap = pmap;
    task_end(task);
}

/* --- G3 --- */

/* Always an interrupt waiting: a split needs a record, and no piece may be done in vain. */
static void share_under_interrupts(void)
{
    struct task *task = task_with(8);
    struct map_request request;
    irq_rate = 1;
    share(task, page(2), 3, RW, &request);
    irq_rate = 0;
    drop_request(&request);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* A private view of an object, shared: what anybody writes is seen by all, also where the object's page was shown. */
static void shared_view(bool by_fork)
{
    struct task *task = task_make(), *other = task_make();
    struct map_request request = view(8, false);
    enter_and_drop(task, &request);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(read_word(task, page(i)), OBJECT_MARK + i);
    write_word(task, page(1), 1);
    if (by_fork) {
        CHECK_EQ(inherit_range(task, AT, 8, VM_INHERIT_SHARE), KERN_SUCCESS);
        CHECK_EQ(fork_task(task, other), KERN_SUCCESS);
    } else {
        share(task, AT, 8, RW, &request);
        enter_and_drop(other, &request);
    }
    CHECK_EQ(read_word(other, page(1)), 1);
    CHECK_EQ(read_word(other, page(2)), OBJECT_MARK + 2);
    CHECK_EQ(read_word(task, page(2)), OBJECT_MARK + 2);
    for (unsigned i = 1; i < 4; i++)
        write_word(other, page(i), 10 + i);
    for (unsigned i = 1; i < 4; i++)
        CHECK_EQ(read_word(task, page(i)), 10 + i);
    write_word(task, page(5), 15);
    CHECK_EQ(read_word(other, page(5)), 15);
    task_end(task);
    CHECK_EQ(read_word(other, page(5)), 15);
    CHECK_EQ(read_word(other, page(6)), OBJECT_MARK + 6);
    task_end(other);
}

/* Shared memory of three tasks, and a copy of it: writing is taken from all three, and comes back to all of them together. */
static void copy_of_shared(void)
{
    struct task *task[4];
    struct map_request request;
    task[0] = task_with(4);
    fill(task[0], 4, 1);
    for (unsigned t = 1; t < 4; t++) {
        task[t] = task_make();
        share(task[0], AT, 4, RW, &request);
        if (t == 3)
            CHECK_EQ(copy_request(task[3], &request), KERN_SUCCESS);
        enter_and_drop(task[t], &request);
        for (unsigned i = 0; i < 4 && t < 3; i++)
            CHECK_EQ(read_word(task[t], page(i)), i + 1);
    }
    write_word(task[1], page(0), 100);
    write_word(task[3], page(1), 101);
    write_word(task[2], page(2), 102);
    static const uint64_t shared[] = {100, 2, 102, 4}, copy[] = {1, 101, 3, 4};
    for (unsigned t = 0; t < 4; t++)
        for (unsigned i = 0; i < 4; i++)
            CHECK_EQ(read_word(task[t], page(i)), t < 3 ? shared[i] : copy[i]);
    check_structure(task, 4, NULL, 0);
    for (unsigned t = 0; t < 4; t++)
        task_end(task[t]);
}

static struct {
    vaddr_t va;
    uint64_t tries, last, refused; /* what was written last, where that was possible */
} writer;

/* A program on another CPU, which writes whenever it can. */
static void write_beside(void)
{
    uint64_t word = ++writer.tries;
    if (host_user_access(1, writer.va, PROT_WRITE, &word, sizeof(word)) == HOST_FAULT_NONE)
        writer.last = word;
    else
        writer.refused++;
}

/* Shared memory has been copied, and writing not been taken from who maps it when another writes to it: what the first writes
 * meanwhile is not lost. */
static void write_in_a_copy(bool by_kernel)
{
    struct task *task = task_with(1), *other = task_make();
    struct map_request request;
    struct amap *copied;
    uint64_t word = 0;
    share(task, AT, 1, RW, &request);
    CHECK_EQ(map_enter(other, &request), KERN_SUCCESS);
    be_cpu(1);
    write_word(task, AT, 7);
    be_cpu(0);
    CHECK_EQ(amap_copy(request.amap, request.amap_page, 1, task->ledger, &copied), KERN_SUCCESS);
    writer.va = AT + 64;
    writer.refused = 0;
    at_locks = write_beside;
    host_on_cpu = true;
    CHECK_EQ(by_kernel ? poke(other, AT, true, &word) : touch(other, AT, PROT_WRITE, &word),
             KERN_SUCCESS);
    at_locks = NULL;
    host_on_cpu = false;
    CHECK(writer.last > 0 && writer.refused > 0);
    CHECK_EQ(touch_word(task, writer.va, PROT_READ, &word), KERN_SUCCESS);
    CHECK_EQ(word, writer.last);
    CHECK_EQ(read_word(task, AT), 0);
    amap_unref(copied);
    drop_request(&request);
    task_end(task);
    task_end(other);
}

/* By a thread of the task's, which waits for nothing. */
static kern_return_t copy_some(struct task *task, struct kool *ool)
{
    static struct thread thread;
    thread.task = task;
    return ool_copy_some(&thread, ool);
}

/* Private memory is being copied, in pieces, or was until that was given up: not all of it has lost its writable mappings when
 * somebody writes to a page from outside, or by a fault that came too late. What the program writes meanwhile is not lost. */
static void write_in_the_midst(bool by_message, bool by_kernel)
{
    struct task *task = task_with(LARGE), *child = task_make();
    const vaddr_t last = page(LARGE - 1);
    struct kool *ool = NULL;
    uint64_t progress = 0, word = 0;
    fill(task, LARGE, 1);
    be_cpu(1);
    write_word(task, last, 7);
    be_cpu(0);
    irq_rate = 1;
    if (by_message) {
        CHECK_EQ(ool_create(task->ledger, AT, LARGE * PAGE_SIZE, false, &ool), KERN_SUCCESS);
        CHECK_EQ(copy_some(task, ool), KERN_RETRY);
    } else {
        CHECK_EQ(map_fork(task, child, &progress), KERN_RETRY);
    }
    irq_rate = 0;
    writer.va = last + 64;
    writer.refused = writer.last = 0;
    at_locks = write_beside;
    host_on_cpu = true;
    CHECK_EQ(by_kernel ? poke(task, last, true, &word) : vm_fault(NULL, task, last, PROT_WRITE),
             KERN_SUCCESS);
    at_locks = NULL;
    host_on_cpu = false;
    CHECK(writer.last > 0 && writer.refused > 0);
    CHECK_EQ(touch_word(task, writer.va, PROT_READ, &word), KERN_SUCCESS);
    CHECK_EQ(word, writer.last);
    if (ool)
        ool_free(task->ledger, ool);
    task_end(child);
    check_structure(&task, 1, NULL, 0);
    task_end(task);
}

/* What the kernel writes into a private view is seen at once, also where the object's page is mapped. */
static void poked_view(void)
{
    struct task *task = task_make();
    struct map_request request = view(2, false);
    uint64_t word = 4711;
    enter_and_drop(task, &request);
    CHECK_EQ(read_word(task, AT), OBJECT_MARK);
    CHECK_EQ(poke(task, AT, true, &word), KERN_SUCCESS);
    CHECK_EQ(read_word(task, AT), 4711);
    CHECK_EQ(read_word(task, page(1)), OBJECT_MARK + 1);
    task_end(task);
}

/* Nobody can change an object that is mapped as it is. */
static void object_as_it_is(void)
{
    struct task *task = task_make(), *child = task_make();
    struct map_request request = view(600, true);
    uint64_t word = 5;
    enter_and_drop(task, &request);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_COMMITMENT), 0);
    for (unsigned i = 0; i < 600; i++)
        CHECK_EQ(read_word(task, page(i)), OBJECT_MARK + i);
    CHECK_EQ(touch(task, page(3), PROT_WRITE, &word), KERN_PROTECTION_FAILURE);
    CHECK_EQ(poke(task, page(3), true, &word), KERN_PROTECTION_FAILURE);
    CHECK_EQ(remove_range(task, page(5), 520), KERN_SUCCESS);
    CHECK(has_access(task, page(4), PROT_READ) || read_word(task, page(4)) == OBJECT_MARK + 4);
    CHECK(!has_access(task, page(5), PROT_READ) && !has_access(task, page(524), PROT_READ));
    CHECK_EQ(read_word(task, page(525)), OBJECT_MARK + 525);
    CHECK_EQ(fork_task(task, child), KERN_SUCCESS); /* a private view */
    word = 6;
    CHECK_EQ(poke(child, page(3), true, &word), KERN_SUCCESS);
    CHECK_EQ(read_word(child, page(3)), 6);
    CHECK_EQ(read_word(task, page(3)), OBJECT_MARK + 3);
    check_structure((struct task *const[]){task, child}, 2, NULL, 0);
    task_end(task);
    task_end(child);
}

/* The parent's memory is split by somebody else while it is being copied. */
static void fork_in_pieces(void)
{
    struct task *task = task_with(LARGE), *child = task_make();
    uint64_t progress = 0;
    unsigned pieces = 0;
    fill(task, LARGE, 1);
    irq_rate = 1;
    for (; map_fork(task, child, &progress) == KERN_RETRY; pieces++)
        if (progress > page(0) && progress < page(LARGE)) {
            irq_rate = 0;
            CHECK_EQ(protect_range(task, progress, 1, PROT_READ, false), KERN_SUCCESS);
            irq_rate = 1;
        }
    irq_rate = 0;
    CHECK(pieces > 2);
    for (unsigned i = 0; i < LARGE; i++)
        CHECK_EQ(read_word(child, page(i)), i + 1);
    for (unsigned i = 0; i < LARGE; i++)
        CHECK(!has_access(task, page(i), PROT_WRITE));
    check_structure((struct task *const[]){task, child}, 2, NULL, 0);
    task_end(child);
    task_end(task);
}

/* What is given back in the middle is free at once, also where the rest stays. */
static void parts_go(void)
{
    struct task *task = task_with(300);
    fill(task, 300, 1);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_FRAMES), 300);
    CHECK_EQ(remove_range(task, page(10), 200), KERN_SUCCESS);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_FRAMES), 100);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_COMMITMENT), 100);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_MAP_ENTRIES), 2);
    CHECK_EQ(enter_anonymous(task, page(10), 200, RW), KERN_SUCCESS);
    for (unsigned i = 0; i < 300; i++)
        CHECK_EQ(read_word(task, page(i)), i < 10 || i >= 210 ? i + 1 : 0);
    task_end(task);
}

/* A message's memory is promised once, also while it is received: to the sender, then to the receiver, whose limits count. */
static void promised_once(void)
{
    enum { PAGES = 10 };
    struct task *from = task_with(PAGES), *to = task_make();
    struct kool *ool;
    fill(from, PAGES, 1);
    CHECK_EQ(ool_create(from->ledger, AT, PAGES * PAGE_SIZE, false, &ool), KERN_SUCCESS);
    while (copy_some(from, ool) == KERN_RETRY)
        ;
    int64_t all = ledger_used(&kernel_ledger, LEDGER_COMMITMENT);
    CHECK_EQ(ledger_used(from->ledger, LEDGER_COMMITMENT), 2 * PAGES);
    ledger_set_limit(&kernel_ledger, LEDGER_COMMITMENT, all);
    ledger_set_limit(to->ledger, LEDGER_COMMITMENT, PAGES - 1);
    CHECK_EQ(ool_map_all(to, ool), KERN_LIMIT);
    CHECK_EQ(ledger_used(from->ledger, LEDGER_COMMITMENT), 2 * PAGES);
    CHECK_EQ(ledger_used(to->ledger, LEDGER_COMMITMENT), 0);
    ledger_set_limit(to->ledger, LEDGER_COMMITMENT, PAGES);
    ledger_set_limit(to->ledger, LEDGER_MAP_ENTRIES,
                     0); /* another reason, and again nothing has moved */
    CHECK_EQ(ool_map_all(to, ool), KERN_LIMIT);
    ledger_set_limit(to->ledger, LEDGER_MAP_ENTRIES, LEDGER_NO_LIMIT);
    CHECK_EQ(ledger_used(&kernel_ledger, LEDGER_COMMITMENT), all);
    CHECK_EQ(ool_map_all(to, ool), KERN_SUCCESS);
    ledger_set_limit(&kernel_ledger, LEDGER_COMMITMENT, LEDGER_NO_LIMIT);
    CHECK_EQ(ledger_used(from->ledger, LEDGER_COMMITMENT), PAGES);
    CHECK_EQ(ledger_used(to->ledger, LEDGER_COMMITMENT), PAGES);
    CHECK_EQ(ledger_used(&kernel_ledger, LEDGER_COMMITMENT), all);
    for (unsigned i = 0; i < PAGES; i++)
        CHECK_EQ(read_word(to, ool->memory.start + i * PAGE_SIZE), i + 1);
    ool_free(from->ledger, ool);
    CHECK_EQ(ledger_used(from->ledger, LEDGER_COMMITMENT), PAGES);
    task_end(from);
    CHECK_EQ(ledger_used(to->ledger, LEDGER_COMMITMENT), PAGES);
    task_end(to);
}

void test_scenes(void)
{
    anywhere();
    aligned();
    far_progress();
    failing_protect();
    fork_in_protect();
    protect_after_the_end();
    share_under_interrupts();
    shared_view(false);
    shared_view(true);
    copy_of_shared();
    write_in_a_copy(false);
    write_in_a_copy(true);
    for (unsigned i = 0; i < 4; i++)
        write_in_the_midst(i & 1, i & 2);
    poked_view();
    object_as_it_is();
    fork_in_pieces();
    parts_go();
    promised_once();
}
