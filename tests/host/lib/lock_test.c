/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks: mutual exclusion between host threads, pairs, try; and each rule of lockcheck.c
 * broken once, which must panic.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/panic.h>
#include <pthread.h>

enum { THREADS = 3, ROUNDS = 20000 };

static struct spinlock task_lock = SPINLOCK_INIT(LOCK_TASK), other_task = SPINLOCK_INIT(LOCK_TASK);
static struct spinlock runq_lock = SPINLOCK_INIT(LOCK_RUNQ);
static uint64_t guarded[2]; /* by task_lock and other_task */

static void *contend(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;

    stub_become(number, true);
    for (unsigned i = 0; i < ROUNDS; i++) {
        switch ((i + number) % 3) {
        case 0:
            spin_lock(&task_lock);
            guarded[0]++;
            spin_unlock(&task_lock);
            break;
        case 1:
            spin_lock_pair(number % 2 ? &task_lock : &other_task,
                           number % 2 ? &other_task : &task_lock);
            guarded[0]++;
            guarded[1]++;
            spin_unlock_pair(&task_lock, &other_task);
            break;
        default:
            while (!spin_trylock(&other_task))
                arch_cpu_relax();
            guarded[1]++;
            spin_unlock(&other_task);
        }
    }
    CHECK(lock_check_none_held());
    return NULL;
}

static void exclusion(void)
{
    pthread_t thread[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, contend, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    CHECK_EQ(guarded[0] + guarded[1], (uint64_t)THREADS * ROUNDS * 4 / 3);
    CHECK(!spin_is_held(&task_lock) && !spin_is_held(&other_task));
}

/* `step` must panic with a text that contains `expected`. */
static void must_panic(void (*step)(void), const char *expected)
{
    stub_become(0, true);
    spin_init(&task_lock, LOCK_TASK);
    spin_init(&other_task, LOCK_TASK);
    spin_init(&runq_lock, LOCK_RUNQ);
    stub_panic_text[0] = '\0';
    if (setjmp(stub_end) == 0) {
        step();
        CHECK(!"a panic");
    }
    if (strstr(stub_panic_text, expected) == NULL)
        fprintf(stderr, "panicked with: %s\n", stub_panic_text);
    CHECK(strstr(stub_panic_text, expected) != NULL);
}

static void lower_rank(void)
{
    spin_lock(&runq_lock);
    spin_lock(&task_lock);
}

static void same_rank(void)
{
    spin_lock(&task_lock);
    spin_lock(&other_task);
}

static void same_lock(void)
{
    spin_lock(&task_lock);
    spin_lock(&task_lock);
}

static void pair_below(void)
{
    spin_lock(&runq_lock);
    spin_lock_pair(&task_lock, &other_task);
}

static void below_after_try(void)
{
    CHECK(spin_trylock(&runq_lock));
    spin_lock(&task_lock);
}

/* The lock that forbids it is not the one taken last. */
static void below_the_first(void)
{
    static struct spinlock pmap_lock = SPINLOCK_INIT(LOCK_PMAP);

    spin_lock(&runq_lock);
    CHECK(spin_trylock(&task_lock));
    spin_lock(&pmap_lock);
}

static void release_twice(void)
{
    spin_lock(&task_lock);
    spin_unlock(&task_lock);
    spin_unlock(&task_lock);
}

static void pair_of_two_ranks(void)
{
    spin_lock_pair(&task_lock, &runq_lock);
}

static void too_many(void)
{
    static struct spinlock lock[LOCK_CHECK_DEPTH + 1];

    for (unsigned i = 0; i < array_count(lock); i++) {
        spin_init(&lock[i], (enum lock_rank)(i + 1));
        spin_lock(&lock[i]);
    }
}

static void allowed(void)
{
    stub_become(0, true);
    spin_lock(&task_lock);
    spin_lock(&runq_lock);
    stub_now += 100;
    spin_unlock(&task_lock); /* out of order: allowed */
    CHECK(spin_trylock(&other_task));
    CHECK(!spin_trylock(&other_task));
    CHECK(!lock_check_none_held());
    spin_unlock(&runq_lock);
    spin_unlock(&other_task);
    CHECK(lock_check_none_held());
    CHECK_EQ(stub_self->lock_check.longest, 100);
    for (unsigned i = 0; i < 2; i++) { /* by address, in whatever order they are named */
        spin_lock_pair(i ? &task_lock : &other_task, i ? &other_task : &task_lock);
        CHECK((uintptr_t)stub_self->lock_check.held[0].lock <
              (uintptr_t)stub_self->lock_check.held[1].lock);
        spin_unlock_pair(&task_lock, &other_task);
    }
    spin_lock_pair(&task_lock, &task_lock);
    CHECK_EQ(stub_self->lock_check.depth, 1);
    spin_unlock_pair(&task_lock, &task_lock);
    CHECK(lock_check_none_held());
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    exclusion();
    allowed();
    must_panic(lower_rank, "TASK lock");
    must_panic(lower_rank, "RUNQ lock");
    must_panic(same_rank, "while TASK lock");
    must_panic(same_lock, "while TASK lock");
    must_panic(pair_below, "while RUNQ lock");
    must_panic(below_after_try, "while RUNQ lock");
    must_panic(below_the_first, "while RUNQ lock");
    must_panic(release_twice, "released but not held");
    must_panic(pair_of_two_ranks, "rank");
    must_panic(too_many, "more than 8");
    return check_end();
}
