/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of several CPUs against a model: arm, cancel from any CPU, time goes on, queues are
 * run. Handlers arm and cancel, too.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/panic.h>
#include <kern/sched.h>

enum { CPUS = 3, DEADLINES = 60, STEPS = 200000 };

struct item {
    struct deadline deadline;
    bool armed;
    unsigned cpu;
    ticks_t when;
    uint64_t order; /* of arming */
};

static struct item items[DEADLINES];
static uint64_t arming;
static ticks_t alarm_at[CPUS]; /* what sched_alarm_update() last set */
static unsigned runs;          /* handlers in the present deadline_run_expired() */

void sched_alarm_update(void)
{
    alarm_at[arch_cpu_self()->number] = deadline_next();
    CHECK(!spin_is_held(&arch_cpu_self()->timer_lock));
}

static struct item *model_first(unsigned cpu)
{
    struct item *first = NULL;

    for (struct item *i = items; i < items + DEADLINES; i++)
        if (i->armed && i->cpu == cpu &&
            (first == NULL || i->when < first->when ||
             (i->when == first->when && i->order < first->order)))
            first = i;
    return first;
}

static void arm(struct item *item, ticks_t when)
{
    item->armed = true;
    item->cpu = arch_cpu_self()->number;
    item->when = when;
    item->order = arming++;
    deadline_arm(&item->deadline, when);
}

static void cancel(struct item *item)
{
    CHECK_EQ(deadline_cancel(&item->deadline), item->armed);
    item->armed = false;
}

static ticks_t random_time(void)
{
    return stub_now + check_below(40) - (stub_now > 10 ? check_below(10) : 0);
}

static void handler(struct deadline *deadline)
{
    struct item *item = container_of(deadline, struct item, deadline);
    struct item *other = &items[check_below(DEADLINES)];

    CHECK(item->armed && item == model_first(arch_cpu_self()->number));
    CHECK(item->when <= stub_now);
    CHECK(lock_check_none_held());
    item->armed = false;
    CHECK(!deadline_cancel(deadline));
    runs++;
    if (check_below(3) == 0)
        cancel(other);
    if (check_below(3) == 0)
        arm(item, random_time());
}

static ticks_t put_off(ticks_t when)
{
    ticks_t pause = arch_cpu_self()->deadlines.pause;

    return when < pause ? pause : when;
}

static void run(void)
{
    struct item *left;

    runs = 0;
    deadline_run_expired();
    left = model_first(arch_cpu_self()->number);
    CHECK(runs >= 16 || left == NULL || left->when > stub_now);
    /* After a whole batch there is a pause; it is the only thing that may put a deadline off. */
    CHECK((arch_cpu_self()->deadlines.pause != 0) == (runs >= 16));
    CHECK_EQ(deadline_next(), put_off(left == NULL ? TICKS_NEVER : left->when));
    CHECK_EQ(alarm_at[arch_cpu_self()->number], deadline_next());
}

static void verify(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        struct item *first = model_first(cpu);

        stub_become(cpu, false);
        CHECK(rb_check(&arch_cpu_self()->deadlines.tree));
        CHECK_EQ(deadline_next(), put_off(first == NULL ? TICKS_NEVER : first->when));
        CHECK(first == NULL || alarm_at[cpu] <= put_off(first->when)); /* never rings too late */
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        alarm_at[cpu] = TICKS_NEVER;
        stub_become(cpu, true);
        deadline_cpu_init(arch_cpu_self());
    }
    for (struct item *i = items; i < items + DEADLINES; i++)
        deadline_init(&i->deadline, handler);
    for (int step = 0; step < STEPS; step++) {
        struct item *item = &items[check_below(DEADLINES)];

        stub_become((unsigned)check_below(CPUS), false);
        stub_now += check_below(3);
        if (check_below(8) == 0)
            run();
        else if (check_below(4) == 0 || item->armed)
            cancel(item);
        else
            arm(item, random_time());
        verify();
    }
    return check_end();
}
