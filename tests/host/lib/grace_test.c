/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods without a scheduler: who is asked, when callbacks run, that each runs once; and
 * host threads that read without a lock what others take away, for the sanitizers to watch.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/grace.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { CALLS = 11 };

static struct call {
    struct grace grace;
    unsigned runs, again; /* times it ran; times it is to hand itself in once more */
} call[CALLS];

static void count(struct grace *grace)
{
    struct call *c = container_of(grace, struct call, grace);

    c->runs++;
    if (c->again > 0) {
        c->again--;
        (void)grace_add(grace); /* the work item runs just now */
    }
}

static bool hand_in(unsigned number)
{
    call[number].grace.run = count;
    return grace_add(&call[number].grace);
}

static void begin(uint64_t online)
{
    for (unsigned i = 0; i < MAX_CPUS; i++)
        atomic_store(&cpu_record[i].online, online >> i & 1);
    memset(call, 0, sizeof(call));
    CHECK(grace_idle());
}

static unsigned all_runs(void)
{
    unsigned runs = 0;

    for (unsigned i = 0; i < CALLS; i++)
        runs += call[i].runs;
    return runs;
}

/* Steps until there is nothing more to do, nobody being asked. */
static void finish(unsigned self)
{
    uint64_t ask;

    for (unsigned steps = 0; grace_advance(self, &ask); steps++)
        CHECK(ask == 0 && steps < 3 * CALLS);
    CHECK_EQ(ask, 0);
}

static void one_cpu(void)
{
    uint64_t ask = 9;

    begin(1);
    CHECK(!grace_advance(0, &ask) && ask == 0);
    CHECK(hand_in(0) && !hand_in(1));
    CHECK(!grace_idle() && all_runs() == 0);
    CHECK(grace_advance(0, &ask) && ask == 0);
    finish(0);
    CHECK(grace_idle());
    CHECK(call[0].runs == 1 && call[1].runs == 1);
    CHECK(hand_in(2)); /* a new beginning */
    finish(0);
    CHECK(grace_idle() && all_runs() == 3);
}

static void everybody_answers(void)
{
    uint64_t ask;

    begin(0x2d); /* 0, 2, 3, 5 */
    CHECK(hand_in(0));
    CHECK(!grace_advance(2, &ask));
    CHECK_EQ(ask, 0x29);
    CHECK(grace_asked(0) && !grace_asked(1) && !grace_asked(2) && grace_asked(5));
    CHECK(!grace_answer(5) && !grace_asked(5));
    CHECK(!grace_advance(5, &ask) && ask == 0); /* for whatever reason, on whatever CPU */
    CHECK(!grace_answer(0));
    CHECK_EQ(all_runs(), 0);
    CHECK(grace_answer(3));
    CHECK_EQ(all_runs(), 0);
    finish(3);
    CHECK(grace_idle() && call[0].runs == 1);
}

/* What is handed in during a period was perhaps still reachable when it began. */
static void later_ones_wait(void)
{
    uint64_t ask;

    begin(3);
    CHECK(hand_in(0));
    CHECK(!grace_advance(0, &ask) && ask == 2);
    CHECK(hand_in(1) && !hand_in(2));
    CHECK(!grace_advance(0, &ask) && ask == 0);
    CHECK(grace_answer(1));
    CHECK(!grace_advance(0, &ask) && ask == 2); /* one period ends, the next begins */
    CHECK(call[0].runs == 1 && all_runs() == 1);
    CHECK(grace_answer(1));
    finish(1);
    CHECK(grace_idle() && all_runs() == 3);
}

/* A CPU that comes online during a period is not waited for, but in the next one it is. */
static void coming_online(void)
{
    uint64_t ask;

    begin(3);
    CHECK(hand_in(0));
    CHECK(!grace_advance(1, &ask) && ask == 1);
    atomic_store(&cpu_record[6].online, true);
    CHECK(hand_in(1) && !grace_asked(6));
    CHECK(grace_answer(0));
    CHECK(!grace_advance(1, &ask) && ask == 0x41);
    CHECK_EQ(all_runs(), 1);
    CHECK(!grace_answer(0) && grace_answer(6));
    finish(0);
    CHECK(grace_idle() && all_runs() == 2);
}

/* Steps stay small, and the next period does not wait for them. */
static void many_in_pieces(void)
{
    uint64_t ask;
    unsigned before = 0, steps = 0;

    begin(3);
    for (unsigned i = 0; i < CALLS - 1; i++)
        CHECK(hand_in(i) == (i == 0));
    CHECK(!grace_advance(0, &ask) && ask == 2 && grace_answer(1));
    CHECK(hand_in(CALLS - 1));
    while (grace_advance(0, &ask)) {
        CHECK(ask == (steps == 0 ? 2 : 0));
        CHECK(all_runs() > before && all_runs() <= before + 4);
        before = all_runs();
        steps++;
    }
    CHECK(steps >= 2 && all_runs() == CALLS - 1 && call[CALLS - 1].runs == 0);
    CHECK(grace_answer(1));
    finish(0);
    CHECK(grace_idle());
    for (unsigned i = 0; i < CALLS; i++)
        CHECK_EQ(call[i].runs, 1);
}

static void handing_in_again(void)
{
    uint64_t ask;

    begin(3);
    call[0].again = 2;
    CHECK(hand_in(0));
    for (unsigned i = 0; i < 3; i++) {
        while (grace_advance(0, &ask) || ask == 0)
            ;
        CHECK(ask == 2 && call[0].runs == i && !grace_idle());
        CHECK(grace_answer(1));
    }
    finish(0);
    CHECK(grace_idle() && call[0].runs == 3);
}

/* --- threads --- */

enum { THREADS = 4, ROUNDS = 20000, SLOTS = 4, ALIVE = 0x600d };

struct node {
    unsigned alive;
    struct grace grace;
};
static struct node *_Atomic slot[SLOTS];
static _Atomic uint64_t made, buried;
static _Atomic unsigned finished;
static _Atomic bool work_wanted, work_runs;

static void bury(struct grace *grace)
{
    struct node *node = container_of(grace, struct node, grace);

    CHECK_EQ(node->alive, ALIVE);
    node->alive = 0;
    free(node);
    atomic_fetch_add(&buried, 1);
}

/* The scheduler and the interrupts, in a few lines. */
static void preemption_point(unsigned self)
{
    uint64_t ask;

    if (grace_asked(self) && grace_answer(self))
        atomic_store(&work_wanted, true);
    if (!atomic_load(&work_wanted) || atomic_exchange(&work_runs, true))
        return;
    if (atomic_exchange(&work_wanted, false) && grace_advance(self, &ask))
        atomic_store(&work_wanted, true);
    atomic_store(&work_runs, false);
}

static void look(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct node *node = atomic_load_explicit(&slot[i], memory_order_acquire);

        if (node == NULL)
            continue;
        CHECK_EQ(node->alive, ALIVE);
        sched_yield();
        CHECK_EQ(node->alive, ALIVE);
    }
}

static void replace(unsigned number, struct node *node)
{
    struct node *old = atomic_exchange(&slot[number], node);

    if (old == NULL)
        return;
    old->grace.run = bury;
    if (grace_add(&old->grace))
        atomic_store(&work_wanted, true);
}

static void *live(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    stub_become(self, false);
    atomic_store(&cpu_record[self].online, true);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if ((i + self) % 8 == 0) {
            struct node *node = malloc(sizeof(*node));

            if (node == NULL)
                abort();
            node->alive = ALIVE;
            atomic_fetch_add(&made, 1);
            replace(i / 8 % SLOTS, node);
        } else {
            look();
        }
        preemption_point(self);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        replace(i, NULL);
    atomic_fetch_add(&finished, 1);
    while (atomic_load(&finished) < THREADS || !grace_idle()) {
        preemption_point(self);
        sched_yield();
    }
    return NULL;
}

static void threads(void)
{
    pthread_t thread[THREADS];

    begin(0); /* they come online while others run already */
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, live, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    CHECK(grace_idle());
    CHECK_EQ(atomic_load(&buried), atomic_load(&made));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    one_cpu();
    everybody_answers();
    later_ones_wait();
    coming_online();
    many_in_pieces();
    handing_in_again();
    threads();
    return check_end();
}
