/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes, story by story: who is woken, moved or raised, in which order and when.
 */
#include "futex_story.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/sched.h>
#include <kern/wait.h>
#include <wharf/trap.h>

static void set_priority(void *argument)
{
    const struct actor *a = argument;
    sched_set_priority(a->thread, a->priority);
}

static void abort_wait(void *argument)
{
    CHECK(wait_abort(((struct actor *)argument)->thread));
}

/* --- requeue --- */

static void test_requeue(void)
{
    story_begin();
    struct actor *w[4];
    for (unsigned i = 0; i < 4; i++) {
        w[i] = story_add(100 + i, 1 + i); /* order is by coming, not by priority */
        does(w[i], TRAP_futex_wait, A, 0, i == 1 ? at_ms(15) : TRAP_NEVER, 0);
    }
    struct actor *r = story_add(90, 10);
    requeues(r, TRAP_futex_requeue, 1, 7, 2, 0);
    requeues(r, TRAP_futex_requeue, 1, 0, 2, 0);
    sleeps(r, 20);
    does(r, TRAP_futex_wake, B, 9, 0, 0);
    does(r, TRAP_futex_wake, A, 9, 0, 0);
    does(r, TRAP_futex_requeue, A, 1, 0, A);
    story_start();
    story_run_until(12);
    CHECK_EQUAL(r->result[1], -KERN_RETRY);
    CHECK_EQUAL(r->result[2], 3);
    CHECK(w[0]->at == 3 && w[0]->result[1] == 0);
    CHECK(w[1]->at == 2 && w[2]->at == 2 && w[3]->at == 2);
    story_run_until(19); /* a deadline goes along */
    CHECK_EQUAL(w[1]->result[1], -KERN_OPERATION_TIMED_OUT);
    CHECK(w[1]->when[1] >= at_ms(15) && w[1]->when[1] < at_ms(16));
    story_run_until(25);
    CHECK_EQUAL(r->result[4], 1);
    CHECK_EQUAL(r->result[5], 1);
    CHECK_EQUAL(r->result[6], -KERN_INVALID_ARGUMENT);
    CHECK(w[2]->result[1] == 0 && w[3]->result[1] == 0);
    story_end();
}

/* More than are moved in one piece, with interrupts in between; the order stays. */
static void test_requeue_many(void)
{
    enum { MANY = 60 };
    story_begin();
    for (unsigned i = 0; i < MANY; i++)
        does(story_add(100, 1 + i * 0.01), TRAP_futex_wait, A, 0, TRAP_NEVER, 0);
    struct actor *r = story_add(50, 10);
    requeues(r, TRAP_futex_requeue, 20, 0, UINT32_MAX, 0);
    sleeps(r, 20);
    does(r, TRAP_futex_wake, B, 1, 0, 0);
    does(r, TRAP_futex_wake, B, UINT32_MAX, 0, 0);
    struct actor *sleeper = story_add(200, 10); /* its alarms come in between */
    for (unsigned i = 1; i < MAX_STEPS - 1; i++)
        sleeps(sleeper, 10 + i * 0.004);
    story_start();
    story_run_until(19);
    CHECK_EQUAL(r->result[1], MANY);
    for (unsigned i = 1; i <= MANY; i++)
        CHECK_EQUAL(actors[i].at, i <= 20 ? 3 : 2);
    story_run_until(30);
    CHECK_EQUAL(r->result[3], 1);
    CHECK_EQUAL(r->result[4], MANY - 21);
    for (unsigned i = 22; i <= MANY && cpu_count == 1; i++)
        CHECK(actors[i].when[1] >= actors[i - 1].when[1]);
    story_end();
}

/* --- owners --- */

/* The low one holds, the medium one computes, the high one waits: for how long? */
static void inversion(bool lends)
{
    story_begin();
    struct actor *low = story_add(10, 0), *medium = story_add(50, 2), *high = story_add(100, 3);
    writes(low, A, name_of(low));
    burns(low, 5);
    writes(low, A, 0);
    does(low, TRAP_futex_wake_pi, A, 0, 0, 0);
    burns(medium, 50);
    does(high, TRAP_futex_wait_pi, A, name_of(low), TRAP_NEVER, lends ? name_of(low) : 0);
    story_start();
    story_run_until(4);
    check_effective(low, lends ? 100 : 10);
    story_run_until(100);
    check_effective(low, 10);
    CHECK_EQUAL(low->result[4], 1);
    CHECK_EQUAL(high->result[1], 0);
    CHECK(medium->when[1] > at_ms(52));
    CHECK(lends == (high->when[1] < at_ms(8)) && lends == (high->when[1] < medium->when[1]));
    story_end();
}

static void test_order(void)
{
    static const unsigned priority[] = {30, 50, 50, 40}, order[] = {1, 2, 3, 0};
    story_begin();
    struct actor *owner = story_add(20, 0), *w[4];
    for (unsigned i = 0; i < 4; i++) {
        w[i] = story_add(priority[i], 1 + i);
        does(w[i], TRAP_futex_wait_pi, A, 0, TRAP_NEVER, name_of(owner));
    }
    struct actor *waker = story_add(200, 10);
    for (unsigned i = 1; i < 6; i++) {
        does(waker, TRAP_futex_wake_pi, A, 0, 0, 0);
        if (i < 3)
            sleeps(waker, 10 + i);
    }
    story_start();
    story_run_until(9);
    check_effective(owner, 50);
    story_run_until(10.5);
    CHECK_EQUAL(w[1]->at, 3);
    check_effective(owner, 20);
    w[1]->priority = 5; /* the third lends to it */
    host_machine_call(0, set_priority, w[1]);
    check_effective(w[1], 50);
    story_run_until(11.5);
    check_effective(w[1], 5);
    CHECK_EQUAL(w[2]->at, 3);
    story_run_until(20);
    for (unsigned i = 0; i < 4; i++)
        CHECK(w[order[i]]->at == 3 &&
              (i == 0 || cpu_count > 1 || w[order[i]]->when[1] >= w[order[i - 1]]->when[1]));
    CHECK_EQUAL(waker->result[5], 1);
    CHECK_EQUAL(waker->result[7], 0);
    for (unsigned i = 0; i < 4; i++)
        check_effective(w[i], i == 1 ? 5 : priority[i]);
    story_end();
}

/* As story_run_until(), where F3 need not hold: chains are longer than FUTEX_HOPS. */
static void run_unchecked(double ms)
{
    CHECK_EQUAL(host_machine_run(UINT64_MAX, clock_ticks_at(at_ms(ms))), HOST_STOP_TIME);
}

/* Everybody waits for the one before. How far does it reach, and what ends it? */
static void test_chain(void)
{
    enum { LINKS = 12 };
    story_begin();
    struct actor *t[LINKS + 1];
    for (unsigned i = 0; i <= LINKS; i++) {
        t[i] = story_add(i < LINKS ? 10 + i : 200, 1 + i);
        nanos_t until = i == LINKS ? at_ms(40) : TRAP_NEVER;
        if (i > 0)
            does(t[i], TRAP_futex_wait_pi, WORDS + 4 * i, 0, until, name_of(t[i - 1]));
    }
    story_start();
    run_unchecked(1 + LINKS - 0.5);
    for (unsigned i = 0; i < LINKS; i++) /* each of them raised 8 before it as it came */
        check_effective(t[i], i + FUTEX_HOPS < LINKS ? 10 + i + FUTEX_HOPS : 9 + LINKS);
    run_unchecked(20);
    for (unsigned i = 0; i < LINKS; i++)
        CHECK((sched_effective(t[i]->thread) == 200) == (i + FUTEX_HOPS >= LINKS));
    /* A change while it waits goes the same way; so does the end of what was lent. */
    t[LINKS]->priority = 150;
    host_machine_call(cpu_count - 1, set_priority, t[LINKS]);
    CHECK(sched_effective(t[LINKS - FUTEX_HOPS]->thread) == 150);
    host_machine_call(0, abort_wait, t[LINKS - 2]); /* it was raised by those behind it */
    run_unchecked(30);
    CHECK_EQUAL(t[LINKS - 2]->result[1], -KERN_ABORTED);
    check_effective(t[LINKS - 2], 150);
    check_effective(t[LINKS - 3], 10 + LINKS - 3);
    run_unchecked(50);
    CHECK_EQUAL(t[LINKS]->result[1], -KERN_OPERATION_TIMED_OUT);
    check_effective(t[LINKS - 1], 10 + LINKS - 1);
    check_effective(t[LINKS - 2], 10 + LINKS - 1);
    story_end();
}

static void test_short_chain(void)
{
    story_begin();
    struct actor *t[4];
    for (unsigned i = 0; i < 4; i++) {
        t[i] = story_add(10 + 10 * i, 1 + i);
        if (i > 0)
            does(t[i], TRAP_futex_wait_pi, WORDS + 4 * i, 0, TRAP_NEVER, name_of(t[i - 1]));
    }
    story_start();
    story_run_until(10);
    for (unsigned i = 0; i < 4; i++)
        check_effective(t[i], 40);
    t[2]->priority = 90; /* in the middle */
    host_machine_call(0, set_priority, t[2]);
    story_run_until(11);
    check_effective(t[0], 90);
    t[2]->priority = 5;
    host_machine_call(0, set_priority, t[2]);
    story_run_until(12);
    check_effective(t[0], 40);
    host_machine_call(0, abort_wait, t[3]);
    story_run_until(13);
    check_effective(t[2], 5);
    check_effective(t[1], 20);
    check_effective(t[0], 20);
    story_end();
}

/* Who gives up lends no more; those who stay do. */
static void test_leave(void)
{
    story_begin();
    struct actor *owner = story_add(10, 0), *w[3];
    for (unsigned i = 0; i < 3; i++) {
        w[i] = story_add(60 + 10 * i, 1 + i);
        does(w[i], TRAP_futex_wait_pi, A, 0, i == 1 ? at_ms(20) : TRAP_NEVER, name_of(owner));
    }
    story_start();
    story_run_until(10);
    check_effective(owner, 80);
    host_machine_call(0, abort_wait, w[2]);
    story_run_until(15);
    CHECK_EQUAL(w[2]->result[1], -KERN_ABORTED);
    check_effective(owner, 70);
    story_run_until(25);
    CHECK_EQUAL(w[1]->result[1], -KERN_OPERATION_TIMED_OUT);
    check_effective(owner, 60);
    host_machine_call(0, abort_wait, w[0]);
    check_effective(owner, 10);
    story_end();
}

/* The owner's end leaves the others waiting, for nobody, until somebody else is named. */
static void test_owner_ends(void)
{
    story_begin();
    struct actor *owner = story_add(10, 0), *w = story_add(60, 1), *next = story_add(20, 2),
                 *late = story_add(70, 10), *waker = story_add(200, 15);
    sleeps(owner, 5);
    does(owner, TRAP_thread_exit, 0, 0, 0, 0);
    does(w, TRAP_futex_wait_pi, A, 0, TRAP_NEVER, name_of(owner));
    does(late, TRAP_futex_wait_pi, A, 0, at_ms(20), name_of(next));
    does(waker, TRAP_futex_wait_pi, A, 0, at_ms(17), name_of(owner)); /* no longer somebody */
    sleeps(waker, 22);
    does(waker, TRAP_futex_wake_pi, A, 0, 0, 0);
    story_start();
    story_run_until(4);
    check_effective(owner, 60);
    story_run_until(9);
    CHECK_EQUAL(atomic_load(&owner->thread->state), THREAD_DEAD);
    CHECK_EQUAL(w->at, 2);
    story_run_until(12);
    check_effective(next, 70);
    story_run_until(16);
    check_effective(next, 20);
    story_run_until(21);
    CHECK_EQUAL(waker->result[1], -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(late->result[1], -KERN_OPERATION_TIMED_OUT);
    story_run_until(25);
    CHECK(waker->result[3] == 1 && w->at == 3 && w->result[1] == 0);
    story_end();
}

static void test_arguments(void)
{
    story_begin();
    struct actor *a = story_add(50, 1), *b = story_add(60, 2), *c = story_add(70, 10);
    does(a, TRAP_futex_wait_pi, A, 0, TRAP_NEVER, name_of(a));
    does(a, TRAP_futex_wait_pi, A, 1, TRAP_NEVER, name_of(b));
    does(a, TRAP_futex_wait_pi, A + 1, 0, TRAP_NEVER, 0);
    does(a, TRAP_futex_wait_pi, A, 0, at_ms(3), 12345);
    does(a, TRAP_futex_wait_pi, A, 0, at_ms(2), name_of(b));
    does(a, TRAP_futex_wait_pi, 0x7000, 0, TRAP_NEVER, name_of(b));
    does(b, TRAP_futex_wait, A, 0, TRAP_NEVER, 0);
    does(c, TRAP_futex_wake_pi, A, 0, 0, 0); /* an ordinary wait is another one */
    does(c, TRAP_futex_wake, A, 9, 0, 0);
    story_start();
    story_run_until(20);
    CHECK_EQUAL(a->result[1], -KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(a->result[2], -KERN_RETRY);
    CHECK_EQUAL(a->result[3], -KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(a->result[4], -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(a->result[5], -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(a->result[6], -KERN_INVALID_ADDRESS);
    CHECK(c->result[1] == 0 && c->result[2] == 1);
    story_end();
}

/* A condition's waiters are moved to the lock that the caller holds, and lend to it. */
static void test_requeue_to_owner(void)
{
    story_begin();
    struct actor *w[3], *holder = story_add(10, 10);
    for (unsigned i = 0; i < 3; i++) {
        w[i] = story_add(i == 1 ? 80 : 70, 1 + i);
        does(w[i], TRAP_futex_wait, A, 0, i == 2 ? at_ms(30) : TRAP_NEVER, 0);
    }
    requeues(holder, TRAP_futex_requeue_pi, 0, 0, UINT32_MAX, name_of(holder));
    sleeps(holder, 20);
    does(holder, TRAP_futex_wake_pi, B, 0, 0, 0);
    story_start();
    story_run_until(15);
    CHECK_EQUAL(holder->result[1], 3);
    check_effective(holder, 80);
    story_run_until(25);
    CHECK(w[1]->at == 3 && w[0]->at == 2 && w[2]->at == 2);
    check_effective(holder, 10);
    check_effective(w[1], 80);
    story_run_until(35); /* its deadline went along, and w[1] is the owner now */
    CHECK_EQUAL(w[2]->result[1], -KERN_OPERATION_TIMED_OUT);
    story_end();
}

/* Two who wait for each other, by mistake: the one that gives up ends it. */
static void test_circle(void)
{
    story_begin();
    struct actor *a = story_add(20, 1), *b = story_add(30, 2);
    does(a, TRAP_futex_wait_pi, A, 0, TRAP_NEVER, 2);
    does(b, TRAP_futex_wait_pi, B, 0, at_ms(10), 1);
    story_start();
    story_run_until(5);
    check_effective(a, 30);
    check_effective(b, 30);
    story_run_until(15);
    check_effective(a, 20);
    check_effective(b, 30);
    story_end();
}

static void run_all(void *argument)
{
    unsigned cpus = *(unsigned *)argument;
    world_start(&(struct world_config){.seed = cpus, .cpus = cpus, .script = story_script});
    test_requeue();
    test_requeue_many();
    test_order();
    test_chain();
    test_short_chain();
    test_leave();
    test_owner_ends();
    test_arguments();
    test_requeue_to_owner();
    test_circle();
    if (cpus == 1) {
        inversion(true);
        inversion(false);
    }
    host_machine_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_futex");
    for (unsigned cpus = 1; cpus <= 4; cpus++)
        if (!world_in_child(run_all, &cpus))
            return 1;
    return 0;
}
