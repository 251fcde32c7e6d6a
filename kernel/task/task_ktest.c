/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of tasks, threads and their memory: rights, limits, and that nothing is left when an
 * allocation fails anywhere.
 */
#include <arch/usercopy.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>
#include <kern/map.h>
#include <wharf/if/vm_types.h>

enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXECUTE };

/* A task that pays into a ledger of the test's own. */
struct fixture {
    struct ledger *ledger;
    struct task *task;
};

static bool begin(struct fixture *f)
{
    if (!KTEST_EXPECT(ledger_create(&kernel_ledger, &f->ledger) == KERN_SUCCESS))
        return false;
    if (KTEST_EXPECT(task_create(f->ledger, "ktest", &f->task) == KERN_SUCCESS))
        return true;
    ledger_unref(f->ledger);
    return false;
}

static bool all_returned(struct ledger *ledger)
{
    int64_t sum = 0;

    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        sum += ledger_used(ledger, kind);
    return sum == 0;
}

static void end(struct fixture *f)
{
    ktest_end_task(f->task);
    KTEST_EXPECT(all_returned(f->ledger));
    ledger_unref(f->ledger);
}

static kern_return_t make(struct task *task, vaddr_t start, uint64_t pages, unsigned prot,
                          vaddr_t *at)
{
    struct map_request request = {.start = start,
                                  .pages = pages,
                                  .prot = (uint8_t)prot,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    kern_return_t kr = map_enter(task, &request);

    *at = request.start;
    return kr;
}

static kern_return_t touch(struct task *task, vaddr_t start, uint64_t pages, unsigned prot)
{
    kern_return_t kr = KERN_SUCCESS;

    for (uint64_t i = 0; i < pages && kr == KERN_SUCCESS; i++)
        kr = vm_fault(NULL, task, start + i * PAGE_SIZE, prot);
    return kr;
}

static kern_return_t protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot)
{
    uint64_t progress = 0;
    kern_return_t kr;

    do
        kr = map_protect(task, start, size, prot, false, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

static kern_return_t deallocate(struct task *task, vaddr_t start, uint64_t pages)
{
    kern_return_t kr;

    do
        kr = map_remove(task, start, start + pages * PAGE_SIZE);
    while (kr == KERN_RETRY);
    return kr;
}

/* Rights of the page at va; -1: not mapped. */
static int rights(struct task *task, vaddr_t va)
{
    struct pmap_mapping mapping;

    return pmap_extract(task->pmap, va, &mapping) == KERN_SUCCESS ? (int)mapping.prot : -1;
}

static bool rights_are(struct task *task, vaddr_t start, uint64_t pages, int expected)
{
    bool same = true;

    for (uint64_t i = 0; i < pages; i++)
        same = same && rights(task, start + i * PAGE_SIZE) == expected;
    return same;
}

KTEST(task_ends_without_threads)
{
    struct fixture f;

    if (!begin(&f))
        return;
    KTEST_EXPECT(ledger_used(f.ledger, LEDGER_KMEM) > 0);
    KTEST_EXPECT(ledger_used(f.ledger, LEDGER_PAGE_TABLES) > 0);
    task_terminate(f.task, 1, false);
    task_terminate(f.task, 2, false); /* the first status stays, and it ends once */
    KTEST_EXPECT(f.task->exit_status == 1);
    struct thread *thread;
    KTEST_EXPECT(thread_create(f.task, 0, 0, 0, 0, 1, &thread) == KERN_INVALID_TASK);
    KTEST_EXPECT(ktest_settle() == NULL); /* without page tables, too */
    KTEST_EXPECT(!f.task->pmap);
    KTEST_EXPECT(thread_create(f.task, 0, 0, 0, 0, 1, &thread) == KERN_INVALID_TASK);
    end(&f);
}

KTEST(map_places_and_refusals)
{
    const vaddr_t at = 0x40000000;
    struct fixture f;
    vaddr_t a, b;

    if (!begin(&f))
        return;
    struct task *task = f.task;
    KTEST_EXPECT(make(task, at, 0, RW, &a) == KERN_INVALID_ARGUMENT);
    KTEST_EXPECT(make(task, at + 1, 1, RW, &a) == KERN_INVALID_ARGUMENT);
    KTEST_EXPECT(make(task, at, UINT64_MAX, RW, &a) == KERN_NO_SPACE);
    KTEST_EXPECT(make(task, USER_VA_END, 1, RW, &a) == KERN_NO_SPACE);
    KTEST_EXPECT(make(task, USER_VA_END - PAGE_SIZE, 2, RW, &a) == KERN_NO_SPACE);
    KTEST_EXPECT(make(task, 0 - PAGE_SIZE, 2, RW, &a) == KERN_NO_SPACE);
    KTEST_EXPECT(make(task, at, 1, RW | PROT_EXECUTE, &a) == KERN_PROTECTION_FAILURE);
    if (KTEST_EXPECT(make(task, at, 4, RW, &a) == KERN_SUCCESS)) {
        KTEST_EXPECT(make(task, at + 3 * PAGE_SIZE, 1, RW, &b) == KERN_NO_SPACE);
        KTEST_EXPECT(make(task, at - PAGE_SIZE, 2, RW, &b) == KERN_NO_SPACE);
        KTEST_EXPECT(make(task, at - PAGE_SIZE, 6, RW, &b) == KERN_NO_SPACE);
        KTEST_EXPECT(touch(task, at, 4, PROT_WRITE) == KERN_SUCCESS);
        KTEST_EXPECT(deallocate(task, at + PAGE_SIZE, 2) == KERN_SUCCESS); /* out of the middle */
        KTEST_EXPECT(rights(task, at) == RW && rights(task, at + PAGE_SIZE) == -1 &&
                     rights(task, at + 3 * PAGE_SIZE) == RW && map_check(task));
        KTEST_EXPECT(touch(task, at + PAGE_SIZE, 1, PROT_READ) == KERN_INVALID_ADDRESS);
        KTEST_EXPECT(make(task, at + PAGE_SIZE, 2, RW, &b) == KERN_SUCCESS);
        KTEST_EXPECT(deallocate(task, at, 4) == KERN_SUCCESS && rights(task, at) == -1);
        KTEST_EXPECT(deallocate(task, at, 4) == KERN_SUCCESS); /* nothing is there */
    }
    if (KTEST_EXPECT(make(task, 0, 3, RW, &a) == KERN_SUCCESS) &&
        KTEST_EXPECT(make(task, 0, 20, RW, &b) == KERN_SUCCESS)) {
        KTEST_EXPECT(a > MAP_ALLOCATE_BASE && b >= a + 4 * PAGE_SIZE); /* G1 */
        KTEST_EXPECT(rights(task, b) == -1 && touch(task, b, 20, PROT_READ) == KERN_SUCCESS);
        KTEST_EXPECT(rights_are(task, b, 20, RW) && rights(task, b + 20 * PAGE_SIZE) == -1);
    }
    end(&f);
}

KTEST(map_rights_follow)
{
    const vaddr_t at = 0x40000000;
    struct fixture f;
    vaddr_t place;

    if (!begin(&f))
        return;
    struct task *task = f.task;
    if (KTEST_EXPECT(make(task, at, 20, RW, &place) == KERN_SUCCESS) &&
        KTEST_EXPECT(touch(task, at, 20, PROT_WRITE) == KERN_SUCCESS)) {
        vaddr_t middle = at + 5 * PAGE_SIZE;
        KTEST_EXPECT(protect(task, middle, 10 * PAGE_SIZE, RX) == KERN_SUCCESS);
        KTEST_EXPECT(rights_are(task, at, 5, RW) && rights_are(task, middle, 10, PROT_READ));
        KTEST_EXPECT(touch(task, middle, 10, PROT_EXECUTE) == KERN_SUCCESS);
        KTEST_EXPECT(rights_are(task, middle, 10, RX));
        KTEST_EXPECT(touch(task, middle, 1, PROT_WRITE) == KERN_PROTECTION_FAILURE);
        KTEST_EXPECT(protect(task, middle, PAGE_SIZE, RW | PROT_EXECUTE) ==
                     KERN_PROTECTION_FAILURE);
        KTEST_EXPECT(rights_are(task, middle, 10, RX) &&
                     rights_are(task, at + 15 * PAGE_SIZE, 5, RW));
        KTEST_EXPECT(protect(task, at, 20 * PAGE_SIZE, PROT_NONE) == KERN_SUCCESS);
        KTEST_EXPECT(rights_are(task, at, 20, -1));
        KTEST_EXPECT(protect(task, at, 20 * PAGE_SIZE, PROT_READ) == KERN_SUCCESS);
        KTEST_EXPECT(touch(task, at, 20, PROT_READ) == KERN_SUCCESS);
        KTEST_EXPECT(rights_are(task, at, 20, PROT_READ) && pmap_check(task->pmap) &&
                     map_check(task));
        KTEST_EXPECT(protect(task, at, 21 * PAGE_SIZE, RW) == KERN_INVALID_ADDRESS);
        KTEST_EXPECT(protect(task, at - PAGE_SIZE, PAGE_SIZE, RW) == KERN_INVALID_ADDRESS);
        KTEST_EXPECT(protect(task, at + PAGE_SIZE, UINT64_MAX - PAGE_SIZE, RW) ==
                     KERN_INVALID_ADDRESS);
    }
    end(&f);
}

static uint64_t word_at(struct task *task, vaddr_t va)
{
    uint64_t word = 0;

    KTEST_EXPECT(map_copy(NULL, task, va, &word, sizeof(word), false, false) == KERN_SUCCESS);
    return word;
}

static void set_word(struct task *task, vaddr_t va, uint64_t word)
{
    KTEST_EXPECT(map_copy(NULL, task, va, &word, sizeof(word), true, false) == KERN_SUCCESS);
}

KTEST(map_fork_copies_when_written)
{
    const vaddr_t at = 0x40000000;
    struct fixture f;
    struct task *child;
    vaddr_t place;
    uint64_t progress = 0;
    kern_return_t kr;

    if (!begin(&f))
        return;
    if (!KTEST_EXPECT(task_create(f.ledger, "ktest child", &child) == KERN_SUCCESS)) {
        end(&f);
        return;
    }
    KTEST_EXPECT(make(f.task, at, 100, RW, &place) == KERN_SUCCESS);
    for (unsigned i = 0; i < 100; i += 3)
        set_word(f.task, at + i * PAGE_SIZE, i);
    KTEST_EXPECT(touch(f.task, at, 100, PROT_READ) == KERN_SUCCESS);
    do
        kr = map_fork(f.task, child, &progress);
    while (kr == KERN_RETRY);
    KTEST_EXPECT(kr == KERN_SUCCESS && rights_are(f.task, at, 100, PROT_READ));
    for (unsigned i = 0; i < 100; i += 2) {
        set_word(f.task, at + i * PAGE_SIZE, 1000 + i);
        set_word(child, at + i * PAGE_SIZE, 2000 + i);
    }
    for (unsigned i = 0; i < 100; i++) {
        uint64_t old = i % 3 == 0 ? i : 0;
        KTEST_EXPECT(word_at(f.task, at + i * PAGE_SIZE) == (i % 2 == 0 ? 1000 + i : old));
        KTEST_EXPECT(word_at(child, at + i * PAGE_SIZE) == (i % 2 == 0 ? 2000 + i : old));
    }
    KTEST_EXPECT(touch(child, at, 100, PROT_WRITE) == KERN_SUCCESS);
    KTEST_EXPECT(touch(f.task, at, 100, PROT_WRITE) == KERN_SUCCESS);
    KTEST_EXPECT(rights_are(f.task, at, 100, RW) && pmap_check(f.task->pmap) &&
                 pmap_check(child->pmap));
    ktest_end_task(child);
    end(&f);
}

KTEST(task_limits_hold)
{
    struct fixture f;
    struct thread *thread;
    vaddr_t at;

    if (!begin(&f))
        return;
    struct ledger *own = f.task->ledger;
    ledger_set_limit(own, LEDGER_THREADS, 2);
    for (unsigned i = 0; i < 2; i++)
        if (KTEST_EXPECT((thread = ktest_thread(f.task, arch_cpu_self()->number, 5)) != NULL))
            thread_unref(thread);
    KTEST_EXPECT(thread_create(f.task, 0, 0, 0, 0, 5, &thread) == KERN_LIMIT);
    KTEST_EXPECT(ledger_used(own, LEDGER_THREADS) == 2 && f.task->thread_count == 2);
    ledger_set_limit(own, LEDGER_THREADS, 3);
    ledger_set_limit(own, LEDGER_KMEM, ledger_used(own, LEDGER_KMEM) + 8);
    KTEST_EXPECT(thread_create(f.task, 0, 0, 0, 0, 5, &thread) == KERN_LIMIT);
    KTEST_EXPECT(ledger_used(own, LEDGER_THREADS) == 2);
    KTEST_EXPECT(make(f.task, 0, 1, RW, &at) == KERN_LIMIT);
    ledger_set_limit(own, LEDGER_KMEM, LEDGER_NO_LIMIT);
    ledger_set_limit(own, LEDGER_COMMITMENT, 20);
    KTEST_EXPECT(make(f.task, 0, 21, RW, &at) == KERN_LIMIT);
    KTEST_EXPECT(ledger_used(own, LEDGER_COMMITMENT) == 0);
    ledger_set_limit(own, LEDGER_FRAMES, 12);
    KTEST_EXPECT(make(f.task, 0, 20, RW, &at) == KERN_SUCCESS);
    KTEST_EXPECT(make(f.task, 0, 1, RW, &at) == KERN_LIMIT);
    ledger_set_limit(own, LEDGER_COMMITMENT, LEDGER_NO_LIMIT);
    KTEST_EXPECT(make(f.task, 0x50000000, 20, RW, &at) == KERN_SUCCESS);
    KTEST_EXPECT(touch(f.task, at, 12, PROT_READ) == KERN_SUCCESS);
    KTEST_EXPECT(touch(f.task, at + 12 * PAGE_SIZE, 1, PROT_READ) == KERN_LIMIT);
    KTEST_EXPECT(ledger_used(own, LEDGER_FRAMES) == 12);
    ledger_set_limit(own, LEDGER_FRAMES, LEDGER_NO_LIMIT);
    ledger_set_limit(own, LEDGER_MAP_ENTRIES, 2);
    KTEST_EXPECT(make(f.task, 0, 1, RW, &at) == KERN_LIMIT);
    KTEST_EXPECT(deallocate(f.task, 0x50000000 + PAGE_SIZE, 1) ==
                 KERN_LIMIT); /* it would be split */
    ledger_set_limit(own, LEDGER_MAP_ENTRIES, LEDGER_NO_LIMIT);
    ledger_set_limit(own, LEDGER_PAGE_TABLES, ledger_used(own, LEDGER_PAGE_TABLES));
    KTEST_EXPECT(make(f.task, 0x140000000, 1, RW, &at) == KERN_SUCCESS);
    KTEST_EXPECT(touch(f.task, at, 1, PROT_READ) == KERN_LIMIT);
    end(&f);
}

/* All that a program's start and a little life allocate; false as soon as something fails. */
static bool live(struct ledger *ledger, struct task **task)
{
    const vaddr_t at = 0x40000000;
    struct thread *thread;
    vaddr_t place;

    if (task_create(ledger, "ktest", task) != KERN_SUCCESS) {
        *task = NULL;
        return false;
    }
    if (make(*task, at, 9, RW, &place) != KERN_SUCCESS ||
        touch(*task, at, 9, PROT_WRITE) != KERN_SUCCESS ||
        make(*task, 0, 2, RX, &place) != KERN_SUCCESS ||
        touch(*task, place, 2, PROT_EXECUTE) != KERN_SUCCESS)
        return false;
    if ((thread = ktest_thread(*task, arch_cpu_self()->number, 5)) == NULL)
        return false;
    thread_unref(thread);
    return protect(*task, at, 9 * PAGE_SIZE, PROT_NONE) == KERN_SUCCESS &&
           protect(*task, at, 9 * PAGE_SIZE, PROT_READ) == KERN_SUCCESS &&
           deallocate(*task, at, 9) == KERN_SUCCESS;
}

KTEST(task_every_allocation_may_fail)
{
    struct ledger *ledger;
    unsigned n = 0;
    bool whole;

    if (!KTEST_EXPECT(ledger_create(&kernel_ledger, &ledger) == KERN_SUCCESS))
        return;
    do {
        struct task *task;

        alloc_fail_nth(++n);
        whole = live(ledger, &task);
        uint64_t counted = alloc_fail_nth(0);
        KTEST_EXPECT(whole == (counted < n)); /* nobody swallows a failure */
        if (task != NULL)
            ktest_end_task(task);
        if (!KTEST_EXPECT(all_returned(ledger)))
            break;
    } while (!whole && n < 200);
    KTEST_EXPECT(whole && n > 15);
    ledger_unref(ledger);
}
