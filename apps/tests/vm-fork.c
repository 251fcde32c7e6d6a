/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that inherit memory: who sees whose writes, through generations; that the copy is of one moment, whatever the
 * other threads write then; many at once, killed at any point; and that nothing is left.
 *
 *      vm-fork [ROUNDS]        of the storm
 */
#include "others.h"
#include "vm-test.h"

#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { ROUNDS = 12, AREA = 20, DEPTH = 3, CHILDREN = 2, TASKS_MAX = 16 };

/* Shared by all. */
static struct board {
    _Atomic uint32_t ended, failures, number;
    _Atomic uint64_t word[TASKS_MAX];
} * board;

static void start(struct clone *clone, clone_function_t *function, void *argument)
{
    OK(clone_make(clone, function, argument, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(clone));
}

static int end_child(void)
{
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}

static void wait_for(uint32_t ended)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(20000000000);
    while (atomic_load(&board->ended) < ended && kernel_clock_now() < give_up)
        pause_for(300);
    CHECK_EQUAL(atomic_load(&board->ended), ended);
    CHECK_EQUAL(atomic_exchange(&board->failures, 0), 0);
    atomic_store(&board->ended, 0);
}

/* ---- generations ---- */

static uint64_t *area, *none; /* none: not inherited */

struct person {
    unsigned depth;
    uint64_t parent; /* who wrote what there is at first */
};

static int live(void *argument);

static void have_children(const struct person *self, uint64_t who)
{
    struct clone clone[CHILDREN];
    struct person child = {self->depth - 1, who};
    if (self->depth == 0)
        return;
    for (unsigned i = 0; i < CHILDREN; i++) {
        start(&clone[i], live, &child);
        pages_write(area, 1, who); /* its first page is the parent's alone again */
    }
    pages_write(area + AREA / 2 * PAGE_WORDS, AREA / 2, who + 1000);
    CHECK(pages_are(area, AREA / 2, who));
    for (unsigned i = 0; i < CHILDREN; i++) /* they go on without */
        OK(port_deallocate(me(), clone[i].task)), OK(port_deallocate(me(), clone[i].thread));
}

static int live(void *argument)
{
    const struct person *self = argument;
    uint64_t who = atomic_fetch_add(&board->number, 1), start = 0, size;
    uint32_t prot, max, inherit, flags;
    kern_return_t kr =
        vm_region(me(), (uintptr_t)none, &start, &size, &prot, &max, &inherit, &flags);
    CHECK(kr == KERN_NOT_FOUND || start > (uintptr_t)none);
    CHECK(pages_are(area, AREA, self->parent));
    pages_write(area + PAGE_WORDS, AREA / 2, who); /* copies of pages, and of pages' owners */
    pause_for(500);
    pages_write(area, AREA, who);
    atomic_fetch_add(&board->word[who % TASKS_MAX], who);
    have_children(self, who);
    pause_for(2000);
    CHECK(pages_are(area, AREA / 2, who));
    return end_child();
}

static void test_generations(void)
{
    const uint64_t first = 77;
    struct person top = {DEPTH, first};
    struct clone clone;
    unsigned tasks = 0, last = 1;
    area = pages_make(AREA);
    none = pages_make(1);
    OK(vm_inherit(me(), (uintptr_t)none, PAGE, VM_INHERIT_NONE));
    pages_write(area, AREA, first);
    pages_write(none, 1, first);
    for (unsigned i = 0; i <= DEPTH; i++, last *= CHILDREN)
        tasks += last;
    start(&clone, live, &top);
    pages_write(area + PAGE_WORDS, AREA - 1, first + 1);
    wait_for(tasks);
    clone_end(&clone);
    CHECK(pages_are(area, 1, first) && pages_are(none, 1, first));
    uint64_t sum = 0;
    for (unsigned i = 0; i < TASKS_MAX; i++)
        sum += atomic_load(&board->word[i]);
    CHECK_EQUAL(sum, (uint64_t)tasks * (tasks - 1) / 2);
    pages_drop(area, AREA);
    pages_drop(none, 1);
}

/* ---- memory seen twice ---- */

static uint64_t *alias; /* the same pages as area, shared, but that a child gets a copy of them */

static int see_twice(void *argument)
{
    (void)argument;
    CHECK(pages_are(area, AREA, 5) && pages_are(alias, AREA, 5));
    atomic_store(&board->word[0], 1);
    while (atomic_load(&board->word[0]) == 1)
        pause_for(200);
    CHECK(pages_are(alias, AREA, 5)); /* not what the parent has written since */
    pages_write(alias, AREA / 2, 7);
    CHECK(pages_are(alias, AREA / 2, 7));
    return end_child();
}

/* `area` is the child's and the parent's; `alias` becomes a copy. */
static void test_entries(void)
{
    mach_port_name_t entry = MSG_NULL;
    struct clone clone;
    uint64_t at = 0, copy = 0, size = (uint64_t)AREA * PAGE;
    area = pages_make_shared(AREA);
    pages_write(area, AREA, 5);
    OK(vm_make_entry(me(), (uintptr_t)area, size, READ_WRITE, &entry));
    OK(vm_map(me(), 0, size, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, VM_INHERIT_COPY, &at));
    OK(vm_map(me(), 0, size, 0, VM_ANYWHERE | VM_COPY, entry, READ_WRITE, READ_WRITE,
              VM_INHERIT_NONE, &copy));
    OK(port_deallocate(me(), entry));
    alias = (uint64_t *)at;
    start(&clone, see_twice, NULL);
    while (atomic_load(&board->word[0]) != 1)
        pause_for(200);
    pages_write(alias, AREA, 6);
    CHECK(pages_are(area, AREA, 6));
    CHECK(pages_are((uint64_t *)copy, AREA, 5));
    atomic_store(&board->word[0], 2);
    wait_for(1);
    CHECK(pages_are(area, AREA, 6) && pages_are(alias, AREA, 6));
    clone_end(&clone);
    pages_drop(area, AREA);
    pages_drop(alias, AREA);
    pages_drop((void *)copy, AREA);
}

/* ---- one moment ---- */

enum { WRITERS = 3, STEPS = 40, SNAPSHOTS = 10 };

/* A writer counts up a word in each of its pages, in order or against it: at any moment the words are a number, and from some
 * word on the number before. */
static struct writer {
    struct thread thread;
    volatile uint64_t *pages;
    bool backwards;
} writers[WRITERS];
static _Atomic bool stop;

static volatile uint64_t *step_of(const struct writer *w, unsigned i)
{
    return w->pages + (uint64_t)(w->backwards ? STEPS - 1 - i : i) * PAGE_WORDS;
}

static void write_on(void *argument)
{
    struct writer *w = argument;
    for (uint64_t round = 1; !atomic_load(&stop); round++)
        for (unsigned i = 0; i < STEPS; i++) {
            *step_of(w, i) = round;
            atomic_signal_fence(memory_order_seq_cst);
        }
}

static bool is_whole(const struct writer *w)
{
    uint64_t first = *step_of(w, 0), last = first;
    for (unsigned i = 1; i < STEPS; i++) {
        uint64_t word = *step_of(w, i);
        if (word > last || word + 1 < first)
            return false;
        last = word;
    }
    return true;
}

static int look(void *argument)
{
    uint64_t seen[WRITERS];
    (void)argument;
    for (unsigned i = 0; i < WRITERS; i++) {
        CHECK(is_whole(&writers[i]));
        seen[i] = *step_of(&writers[i], STEPS / 2);
    }
    pause_for(1500);
    for (unsigned i = 0; i < WRITERS; i++) {
        CHECK(is_whole(&writers[i]));
        CHECK_EQUAL(*step_of(&writers[i], STEPS / 2), seen[i]);
    }
    return end_child();
}

static void test_moment(void)
{
    atomic_store(&stop, false);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i].pages = pages_make(STEPS);
        writers[i].backwards = i % 2;
        OK(thread_start(&writers[i].thread, write_on, &writers[i], THREAD_PRIORITY_DEFAULT));
    }
    for (unsigned i = 0; i < SNAPSHOTS && check_failures() == 0; i++) {
        struct clone clone;
        start(&clone, look, NULL);
        wait_for(1);
        clone_end(&clone);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        pages_drop((void *)(uintptr_t)writers[i].pages, STEPS);
    }
}

/* ---- storms ---- */

enum { STORMERS = 3 };
static struct thread stormers[STORMERS];
static unsigned rounds = ROUNDS;

static int write_some(void *argument)
{
    (void)argument;
    CHECK(pages_are(area, AREA, 4));
    pages_write(area, AREA, 8);
    CHECK(pages_are(area, AREA, 8));
    return end_child();
}

/* Each time a child that ends by itself, and one that is killed before it begins. */
static void storm(void *argument)
{
    unsigned number = (unsigned)((struct thread *)argument - stormers);
    for (unsigned i = 0; i < rounds; i++) {
        struct clone quiet, late;
        OK(clone_make(&late, write_some, NULL, THREAD_PRIORITY_DEFAULT));
        start(&quiet, write_some, NULL);
        clone_end(&late);
        if ((i + number) % 4 == 0)
            pause_for(200 * (uint64_t)i);
        OK(port_deallocate(me(), quiet.task));
        OK(port_deallocate(me(), quiet.thread));
    }
}

static void test_storm(void)
{
    area = pages_make(AREA);
    pages_write(area, AREA, 4);
    for (unsigned i = 0; i < STORMERS; i++)
        OK(thread_start(&stormers[i], storm, &stormers[i], THREAD_PRIORITY_DEFAULT));
    for (unsigned i = 0; i < STORMERS; i++)
        thread_join(&stormers[i]);
    wait_for(STORMERS * rounds);
    CHECK(pages_are(area, AREA, 4));
    pages_drop(area, AREA);
}

/* ---- killed in the midst ---- */

/* Children that never begin, one after the other. */
static int fork_on(void *argument)
{
    (void)argument;
    for (;;) {
        struct clone clone;
        pages_write(area, AREA, 9);
        if (clone_make(&clone, fork_on, NULL, THREAD_PRIORITY_DEFAULT) == KERN_SUCCESS)
            clone_end(&clone);
    }
    return 0;
}

/* Are there tasks but this one? */
static bool others(void)
{
    bool any = false;
    mach_port_name_t task[HOST_TASKS_TASKS_MAX] = {0};
    OK(host_tasks_tasks(program_start_info->host_tasks, me(), &task[0], &task[1], &task[2],
                        &task[3], &task[4], &task[5], &task[6], &task[7]));
    for (unsigned i = 0; i < HOST_TASKS_TASKS_MAX; i++)
        if (task[i] != MSG_NULL && task[i] != me()) {
            any = true;
            (void)!port_deallocate(me(), task[i]); /* nothing, if it was gone before it was told */
        }
    return any;
}

/* Somebody else's task is forked until it is gone. */
static void fork_victim(void *argument)
{
    const struct clone *victim = argument;
    kern_return_t kr;
    do {
        mach_port_name_t made, name;
        kr = task_create(victim->task, TASK_INHERIT_MEMORY, "", NULL, 0, MSG_NULL, &made, &name);
        if (kr == KERN_SUCCESS) {
            OK(task_terminate(made, 0));
            OK(port_deallocate(me(), made));
        }
    } while (kr == KERN_SUCCESS);
    CHECK(kr == KERN_TERMINATED || kr == MACH_SEND_INVALID_DEST || kr == MIG_SERVER_DIED);
}

/* At a moment that is another each time. What the killed one has made, and not begun, goes by itself. */
static void test_killed(void)
{
    struct thread thread;
    area = pages_make(8 * AREA);
    pages_write(area, 8 * AREA, 4);
    for (unsigned i = 0; i < rounds; i++) {
        struct clone clone;
        start(&clone, fork_on, NULL);
        if (i % 3 == 0)
            OK(thread_start(&thread, fork_victim, &clone, THREAD_PRIORITY_DEFAULT));
        pause_for(700 + 60 * (uint64_t)i);
        OK(task_terminate(clone.task, 0));
        if (i % 3 == 0)
            thread_join(&thread);
        OK(port_deallocate(me(), clone.task));
        OK(port_deallocate(me(), clone.thread));
    }
    const uint64_t give_up = kernel_clock_now() + UINT64_C(20000000000);
    /* One that is being made is not listed yet, and its maker, who is ending, may be no longer: none, and none when whoever was at it has run. */
    for (unsigned quiet = 0; quiet < 20 && kernel_clock_now() < give_up;
         quiet = others() ? 0 : quiet + 1) {
        pause_for(300);
        let_others_run();
    }
    CHECK(!others());
    CHECK(pages_are(area, 8 * AREA, 4));
    pages_drop(area, 8 * AREA);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 0);
    board = pages_make_shared(1);
    void (*const tests[])(void) = {test_generations, test_entries, test_moment, test_storm,
                                   test_killed};
    struct left before = {0};
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
            for (unsigned word = 0; word < TASKS_MAX; word++)
                atomic_store(&board->word[word], 0);
            atomic_store(&board->number, 0);
            tests[i]();
        }
        if (pass == 0) /* what the first time leaves in caches is no leak */
            before = left_now();
    }
    left_expect(&before);
    return check_end("vm-fork");
}
