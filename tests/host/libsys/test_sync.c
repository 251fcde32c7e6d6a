/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions of libsys (libsys/sync.c) over traps that fail: whatever the kernel says when it is to move those who wait, they are
 * moved or woken.
 */
#include "check.h"
#include <libsys/sync.h>
#include <libsys/trap.h>
#include <stdatomic.h>

enum { WAITERS = 3, NAME = 77 };

/* Who waits, where; and what the next requeue says. */
static uint32_t waiting, at_mutex, woken;
static int64_t refusal;
static struct condition condition;
static const void *mutex_word;

int64_t sys_thread_self(void)
{
    return NAME;
}

int64_t sys_futex_wait(const void *word, uint32_t expected, uint64_t deadline)
{
    (void)word, (void)expected, (void)deadline;
    return -KERN_RETRY;
}

int64_t sys_futex_wait_pi(const void *word, uint32_t expected, uint64_t deadline, uint32_t owner)
{
    (void)owner;
    return sys_futex_wait(word, expected, deadline);
}

int64_t sys_futex_wake(const void *word, uint32_t count)
{
    CHECK(word == (const void *)&condition.sequence);
    const uint32_t now = count < waiting ? count : waiting;
    waiting -= now;
    woken += now;
    return now;
}

int64_t sys_futex_wake_pi(const void *word)
{
    (void)word;
    return 0;
}

int64_t sys_futex_requeue(const void *word, uint32_t wake, uint32_t expected, const void *target,
                          uint32_t move)
{
    CHECK(word == (const void *)&condition.sequence && target == mutex_word);
    CHECK_EQ(wake, 0);
    CHECK_EQ(expected, atomic_load(&condition.sequence));
    if (refusal != 0)
        return refusal;
    const uint32_t now = move < waiting ? move : waiting;
    waiting -= now;
    at_mutex += now;
    return now;
}

int64_t sys_futex_requeue_pi(const void *word, uint32_t wake, uint32_t expected, const void *target,
                             uint32_t move, uint32_t owner)
{
    CHECK_EQ(owner, NAME);
    return sys_futex_requeue(word, wake, expected, target, move);
}

static void begin(const void *word, int64_t says)
{
    waiting = WAITERS;
    at_mutex = woken = 0;
    refusal = says;
    mutex_word = word;
    condition.waiters = WAITERS;
}

static void check_gone_on(uint32_t count)
{
    CHECK_EQ(waiting, WAITERS - count);
    CHECK_EQ(refusal != 0 ? woken : at_mutex, count);
    CHECK_EQ(refusal != 0 ? at_mutex : woken, 0);
}

static void test_says(int64_t says)
{
    struct mutex mutex = {.state = 1};
    struct pi_mutex owned = {.state = NAME};

    begin((const void *)&mutex.state, says);
    condition_signal(&condition, &mutex);
    check_gone_on(1);
    CHECK_EQ(atomic_load(&mutex.state), 2);
    begin((const void *)&mutex.state, says);
    condition_broadcast(&condition, &mutex);
    check_gone_on(WAITERS);
    begin((const void *)&owned.state, says);
    pi_condition_signal(&condition, &owned);
    check_gone_on(1);
    CHECK_EQ(atomic_load(&owned.state), NAME | PI_MUTEX_WAITERS);
    begin((const void *)&owned.state, says);
    pi_condition_broadcast(&condition, &owned);
    check_gone_on(WAITERS);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_says(0);
    test_says(-KERN_RETRY);           /* its page was being replaced */
    test_says(-KERN_ABORTED);         /* the wait for its page was interrupted */
    test_says(-KERN_INVALID_ADDRESS); /* its pager has failed */
    return check_end();
}
