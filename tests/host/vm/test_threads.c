/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host threads as CPUs in one task and its children: they touch, protect, give back and allocate, share, copy and fork, all at
 * once. For ThreadSanitizer. Whatever a thread reads at a page was written for that page, whole; what is a thread's own
 * stays as it wrote it; and a copy does not change.
 */
#include "vm_test.h"
#include <pthread.h>

enum { THREADS = 3, OWN = 48, COMMON = 96, SHARED = 24, TAG_BITS = 16 };

/* Of the common task: pages of each thread, pages of all, and pages that children share. */
#define OWN_VA(t) (UINT64_C(0x40000000) - 20 * PAGE_SIZE + (t) * (OWN + 8) * PAGE_SIZE)
#define COMMON_VA UINT64_C(0x50000000)
#define SHARED_VA UINT64_C(0x60000000)

static struct task *common;
static unsigned step_count;

struct worker {
    unsigned cpu;
    uint64_t random, written, own[OWN];
    uint64_t shared[SHARED];       /* what it wrote at its place in shared pages */
    struct task *child;            /* NULL: none */
    uint64_t child_own[OWN];       /* what it got, and has by now */
    uint64_t child_common[COMMON]; /* read first; 0: not yet */
    pthread_t thread;
};

static uint64_t below(struct worker *w, uint64_t limit)
{
    return host_random_below(&w->random, limit);
}

/* A word that tells its page. */
static uint64_t word_for(struct worker *w, vaddr_t va)
{
    return ++w->written << (TAG_BITS + 2) | (uint64_t)w->cpu << TAG_BITS |
           (va >> PAGE_SHIFT & ((1u << TAG_BITS) - 1));
}

static void check_word(vaddr_t va, uint64_t word)
{
    CHECK(word == 0 ||
          (word & ((1u << TAG_BITS) - 1)) == (va >> PAGE_SHIFT & ((1u << TAG_BITS) - 1)));
}

static void check_error(kern_return_t kr)
{
    CHECK(kr == KERN_SUCCESS || kr == KERN_INVALID_ADDRESS || kr == KERN_PROTECTION_FAILURE ||
          kr == KERN_NO_SPACE);
}

/* ---- the thread's own pages ---- */

static void work_own(struct worker *w)
{
    unsigned n = (unsigned)below(w, OWN);
    vaddr_t va = OWN_VA(w->cpu) + n * PAGE_SIZE;
    uint64_t word = 0;
    switch (below(w, 6)) {
    case 0:
        CHECK_EQ(protect_range(common, va, 1, PROT_READ, false), KERN_SUCCESS);
        word = 1;
        CHECK_EQ(touch(common, va, PROT_WRITE, &word), KERN_PROTECTION_FAILURE);
        CHECK_EQ(protect_range(common, va, 1, RW, false), KERN_SUCCESS);
        break;
    case 1:
        CHECK_EQ(remove_range(common, va, 1), KERN_SUCCESS);
        CHECK_EQ(touch(common, va, PROT_READ, &word), KERN_INVALID_ADDRESS);
        CHECK_EQ(enter_anonymous(common, va, 1, RW), KERN_SUCCESS);
        w->own[n] = 0;
        break;
    case 2:
    case 3:
        word = w->own[n] = word_for(w, va);
        CHECK_EQ(touch(common, va, PROT_WRITE, &word), KERN_SUCCESS);
        break;
    default: break;
    }
    CHECK_EQ(touch(common, va, PROT_READ, &word), KERN_SUCCESS);
    CHECK_EQ(word, w->own[n]);
}

/* ---- words of its own, in pages that all share ---- */

static void work_shared(struct worker *w)
{
    struct task *task = w->child && below(w, 2) ? w->child : common;
    unsigned n = (unsigned)below(w, SHARED);
    vaddr_t va = SHARED_VA + n * PAGE_SIZE + (1 + w->cpu) * sizeof(uint64_t);
    uint64_t word = 0;
    if (below(w, 2))
        CHECK_EQ(touch_word(task, va, PROT_READ, &word), KERN_SUCCESS);
    else
        CHECK_EQ(map_copy(NULL, task, va, &word, sizeof(word), false, false), KERN_SUCCESS);
    CHECK_EQ(word, w->shared[n]); /* no write is lost */
    word = w->shared[n] = word_for(w, va);
    if (below(w, 4))
        CHECK_EQ(touch_word(task, va, PROT_WRITE, &word), KERN_SUCCESS);
    else
        CHECK_EQ(map_copy(NULL, task, va, &word, sizeof(word), true, false), KERN_SUCCESS);
}

/* ---- pages of all ---- */

static void work_common(struct worker *w)
{
    vaddr_t va = COMMON_VA + below(w, COMMON) * PAGE_SIZE;
    uint64_t word = 0, pages = 1 + below(w, 8);
    switch (below(w, 8)) {
    case 0:
    case 1:
        word = word_for(w, va);
        check_error(touch(common, va, PROT_WRITE, &word));
        break;
    case 2:
    case 3:
        check_error(touch(common, va, PROT_READ, &word));
        check_word(va, word);
        break;
    case 4: check_error(remove_range(common, va, pages)); break;
    case 5: check_error(enter_anonymous(common, va, pages, RW)); break;
    case 6:
        check_error(protect_range(common, va, pages, below(w, 2) ? PROT_READ : RW, false));
        break;
    default: check_error(protect_range(common, va, pages, RW, false)); break;
    }
}

/* ---- children ---- */

static void end_child(struct worker *w)
{
    if (w->child)
        task_end(w->child);
    w->child = NULL;
}

/* Others go on meanwhile, as other tasks would; the thread's own pages stand still. */
static void work_fork(struct worker *w)
{
    end_child(w);
    w->child = task_make();
    kern_return_t kr = fork_task(common, w->child);
    memcpy(w->child_own, w->own, sizeof(w->own));
    memset(w->child_common, 0, sizeof(w->child_common));
    if (kr != KERN_SUCCESS) { /* split and moved under its hands */
        CHECK_EQ(kr, KERN_NO_SPACE);
        end_child(w);
    }
}

/* What the child has as its own does not change, whatever the others do. */
static void work_child(struct worker *w)
{
    unsigned n = (unsigned)below(w, OWN);
    vaddr_t va = OWN_VA(w->cpu) + n * PAGE_SIZE;
    uint64_t word = 0;
    if (!w->child)
        return;
    if (below(w, 3) == 0) {
        word = w->child_own[n] = word_for(w, va);
        CHECK_EQ(touch(w->child, va, PROT_WRITE, &word), KERN_SUCCESS);
    }
    CHECK_EQ(touch(w->child, va, PROT_READ, &word), KERN_SUCCESS);
    CHECK_EQ(word, w->child_own[n]);
    n = (unsigned)below(w, COMMON);
    va = COMMON_VA + n * PAGE_SIZE;
    word = 0;
    if (touch(w->child, va, PROT_READ, &word) != KERN_SUCCESS)
        return;
    check_word(va, word);
    CHECK(w->child_common[n] == 0 || w->child_common[n] == word);
    w->child_common[n] = word;
}

/* A copy of what all three write to, which then stands still. */
static void work_copy(struct worker *w)
{
    struct task *task = w->child;
    struct map_request request;
    vaddr_t to = UINT64_C(0x70000000);
    if (!task)
        return;
    CHECK_EQ(remove_range(task, to, SHARED), KERN_SUCCESS);
    CHECK_EQ(map_share(common, SHARED_VA, SHARED * PAGE_SIZE, RW, &request), KERN_SUCCESS);
    CHECK_EQ(copy_request(task, &request), KERN_SUCCESS);
    request.start = to;
    request.prot = request.max_prot = RW;
    CHECK_EQ(map_enter(task, &request), KERN_SUCCESS);
    drop_request(&request);
    uint64_t seen[SHARED][THREADS];
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < SHARED * THREADS; i++) {
            uint64_t word = 0, *before = &seen[i / THREADS][i % THREADS];
            vaddr_t at = i / THREADS * PAGE_SIZE + (1 + i % THREADS) * sizeof(word);
            CHECK_EQ(touch_word(task, to + at, PROT_READ, &word), KERN_SUCCESS);
            check_word(SHARED_VA + at, word);
            CHECK(i % THREADS != w->cpu || word == w->shared[i / THREADS]);
            CHECK(round == 0 || word == *before);
            *before = word;
        }
}

static void *work(void *argument)
{
    struct worker *w = argument;
    be_cpu(w->cpu);
    host_on_cpu = true;
    for (unsigned i = 0; i < step_count; i++) {
        switch (below(w, 16)) {
        case 0:
            if (below(w, 8) == 0)
                work_fork(w);
            break;
        case 1:
            if (below(w, 4) == 0)
                work_copy(w);
            break;
        case 2:
        case 3:
        case 4: work_child(w); break;
        case 5:
        case 6:
        case 7: work_own(w); break;
        case 8:
        case 9:
        case 10: work_shared(w); break;
        default: work_common(w); break;
        }
        if (i % 256 == 0)
            CHECK(map_check(common) && pmap_check(common->pmap));
        for (uint64_t n = below(w, 8); n > 0 && reap_one(); n--)
            ;
    }
    end_child(w);
    pmap_activate(NULL);
    return NULL;
}

void test_threads(unsigned steps)
{
    static struct worker worker[THREADS];
    step_count = steps;
    common = task_make();
    for (unsigned t = 0; t < THREADS; t++)
        CHECK_EQ(enter_anonymous(common, OWN_VA(t), OWN, RW), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(common, COMMON_VA, COMMON, RW), KERN_SUCCESS);
    CHECK_EQ(enter_anonymous(common, SHARED_VA, SHARED, RW), KERN_SUCCESS);
    CHECK_EQ(inherit_range(common, SHARED_VA, SHARED, VM_INHERIT_SHARE), KERN_SUCCESS);
    irq_rate = 4;
    for (unsigned t = 0; t < THREADS; t++) {
        worker[t] = (struct worker){.cpu = t, .random = check_random()};
        CHECK_EQ(pthread_create(&worker[t].thread, NULL, work, &worker[t]), 0);
    }
    for (unsigned t = 0; t < THREADS; t++)
        CHECK_EQ(pthread_join(worker[t].thread, NULL), 0);
    irq_rate = 0;
    check_structure(&common, 1, NULL, 0);
    task_end(common);
}
