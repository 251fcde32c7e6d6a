/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of clock and deadlines with the machine's own counter and alarm.
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/deadline.h>
#include <kern/ktest.h>

enum { COUNT = 24 /* more than one run of the queue calls */ };

static struct bell {
    struct deadline deadline;
    ticks_t rang; /* 0: not yet */
    unsigned place;
} bell[COUNT];
static unsigned rung;

static void ring(struct deadline *deadline)
{
    struct bell *b = container_of(deadline, struct bell, deadline);

    b->rang = arch_counter();
    b->place = rung++;
}

/* Let the alarm ring until `count` have, five seconds at most. */
static void wait_for(unsigned count)
{
    ticks_t limit = arch_counter() + 5 * arch_counter_frequency();

    while (rung < count && arch_counter() < limit)
        if (arch_irq_pending())
            arch_irq_poll();
}

static void prepare(void)
{
    rung = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        (void)deadline_cancel(&bell[i].deadline); /* left over from a test that failed */
        bell[i].rang = 0;
        deadline_init(&bell[i].deadline, ring);
    }
}

/* Armed in a scrambled order, two at each time; every fourth cancelled. */
KTEST(deadlines_ring_in_order)
{
    ticks_t unit = arch_counter_frequency() / 5000, start = arch_counter() + 2 * unit;
    unsigned cancelled = 0;

    prepare();
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned n = i * 7 % COUNT;
        deadline_arm(&bell[n].deadline, start + n / 2 * unit);
    }
    for (unsigned i = 3; i < COUNT; i += 4, cancelled++)
        KTEST_EXPECT(deadline_cancel(&bell[i].deadline));
    wait_for(COUNT - cancelled);
    KTEST_EXPECT(rung == COUNT - cancelled && deadline_next() == TICKS_NEVER);
    for (unsigned i = 0; i < COUNT; i++) {
        KTEST_EXPECT(!deadline_cancel(&bell[i].deadline));
        KTEST_EXPECT((bell[i].rang == 0) == (i % 4 == 3));
        for (unsigned k = 0; k < i && bell[i].rang; k++)
            KTEST_EXPECT(!bell[k].rang || k / 2 == i / 2 || bell[k].place < bell[i].place);
        KTEST_EXPECT(!bell[i].rang || bell[i].rang >= start + i / 2 * unit);
    }
}

KTEST(deadlines_of_the_past_and_of_never)
{
    prepare();
    deadline_arm(&bell[0].deadline, TICKS_NEVER - 1);
    deadline_arm(&bell[1].deadline, 0);
    deadline_arm(&bell[2].deadline, arch_counter());
    wait_for(2);
    KTEST_EXPECT(rung == 2 && bell[1].place == 0 && bell[2].place == 1);
    deadline_arm(&bell[1].deadline, 1); /* what has rung can be armed again */
    wait_for(3);
    KTEST_EXPECT(rung == 3 && deadline_cancel(&bell[0].deadline) && bell[0].rang == 0);
}

KTEST(clock_goes_there_and_back)
{
    static const nanos_t moment[] = {0,
                                     1,
                                     999999999,
                                     1000000000,
                                     1000000001,
                                     UINT64_C(123456789012345),
                                     UINT64_C(1) << 53,
                                     UINT64_C(1) << 62,
                                     UINT64_C(
                                         18000000000000000000)}; /* years of room for the origin */
    nanos_t tick = 1000000000 / arch_counter_frequency() + 1;

    for (unsigned i = 0; i < array_count(moment); i++)
        for (nanos_t n = moment[i]; n < moment[i] + 200; n += 37) {
            nanos_t back = clock_nanos_at(clock_ticks_at(n));
            KTEST_EXPECT(back + 1 >= n && back <= n + tick);
            KTEST_EXPECT(clock_ticks_at(n) <= clock_ticks_at(n + 1));
        }
    KTEST_EXPECT(clock_ticks_at(NANOS_NEVER) == TICKS_NEVER);
    KTEST_EXPECT(clock_nanos_at(clock_origin()) == 0 && clock_nanos_at(0) == 0);
    nanos_t before = clock_now(), after = clock_now();
    KTEST_EXPECT(before > 0 && before <= after && after < before + UINT64_C(10000000000));
}
