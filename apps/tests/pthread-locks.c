/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes of every kind: what each call answers, that what they guard comes out whole, and what becomes of one whose owner ends.
 */
#include "pthread.h"
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <wharf/if/thread.h>

enum { THREADS = 4, ROUNDS = 400 };

static unsigned rounds = ROUNDS; /* the more CPUs the fewer, for the reason given in smp.c */

struct guarded {
    pthread_mutex_t mutex;
    unsigned count; /* guarded by mutex */
};

static void *count_up(void *argument)
{
    struct guarded *guarded = argument;

    for (unsigned i = 0; i < rounds; i++) {
        CHECK_EQUAL(pthread_mutex_lock(&guarded->mutex), 0);
        const unsigned seen = guarded->count;
        if (i % 16 == 0)
            (void)sched_yield();
        guarded->count = seen + 1;
        CHECK_EQUAL(pthread_mutex_unlock(&guarded->mutex), 0);
    }
    return NULL;
}

static void *try_lock(void *mutex)
{
    return (void *)(intptr_t)pthread_mutex_trylock(mutex);
}

static void *unlock(void *mutex)
{
    return (void *)(intptr_t)pthread_mutex_unlock(mutex);
}

/* What every kind has in common. */
static void check_kind(int type, int protocol, int robust)
{
    struct guarded guarded = {.count = 0};
    pthread_mutex_t *mutex = &guarded.mutex;
    pthread_t threads[THREADS];

    make_mutex(mutex, type, protocol, robust);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(count_up, &guarded);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(guarded.count, THREADS * rounds);

    CHECK_EQUAL(pthread_mutex_trylock(mutex), 0);
    CHECK_EQUAL((intptr_t)finish(start(try_lock, mutex)), EBUSY);
    CHECK_EQUAL(pthread_mutex_trylock(mutex), type == PTHREAD_MUTEX_RECURSIVE ? 0 : EBUSY);
    if (type == PTHREAD_MUTEX_RECURSIVE)
        CHECK_EQUAL(pthread_mutex_unlock(mutex), 0);
    if (type != PTHREAD_MUTEX_NORMAL || robust)
        CHECK_EQUAL((intptr_t)finish(start(unlock, mutex)), EPERM);
    const uint64_t before = moment();
    struct timespec soon = from_now(CLOCK_REALTIME, MILLISECOND);
    const int error = pthread_mutex_timedlock(mutex, &soon);
    CHECK_EQUAL(error, type == PTHREAD_MUTEX_RECURSIVE    ? 0
                       : type == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK
                                                          : ETIMEDOUT);
    if (error == ETIMEDOUT)
        CHECK(moment() >= before + MILLISECOND);
    if (error == 0)
        CHECK_EQUAL(pthread_mutex_unlock(mutex), 0);
    CHECK_EQUAL(pthread_mutex_destroy(mutex), EBUSY);
    CHECK_EQUAL(pthread_mutex_unlock(mutex), 0);
    soon.tv_nsec = -1;
    CHECK_EQUAL(pthread_mutex_timedlock(mutex, &soon), 0);
    CHECK_EQUAL(pthread_mutex_unlock(mutex), 0);
    CHECK_EQUAL(pthread_mutex_destroy(mutex), 0);
}

static void test_mutexes(void)
{
    for (int type = PTHREAD_MUTEX_NORMAL; type <= PTHREAD_MUTEX_ERRORCHECK; type++)
        for (int protocol = PTHREAD_PRIO_NONE; protocol <= PTHREAD_PRIO_PROTECT; protocol++)
            for (int robust = PTHREAD_MUTEX_STALLED; robust <= PTHREAD_MUTEX_ROBUST; robust++)
                check_kind(type, protocol, robust);
}

static void test_mutex_attributes(void)
{
    pthread_mutexattr_t attributes;

    CHECK_EQUAL(pthread_mutexattr_init(&attributes), 0);
    CHECK_EQUAL(pthread_mutexattr_settype(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setprotocol(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setprioceiling(&attributes, 100), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setrobust(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), ENOTSUP);
    CHECK_EQUAL(pthread_mutexattr_setpshared(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_PRIVATE), 0);
}

/* ---- robust ones ---- */

static void *lock_and_end(void *mutex)
{
    CHECK_EQUAL(pthread_mutex_lock(mutex), 0);
    return NULL;
}

static void *lock_late(void *mutex)
{
    const int error = pthread_mutex_lock(mutex);

    if (error == EOWNERDEAD)
        CHECK_EQUAL(pthread_mutex_unlock(mutex), 0); /* not made consistent */
    return (void *)(intptr_t)error;
}

static void check_robust(int protocol)
{
    pthread_mutex_t mutex;

    make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, protocol, PTHREAD_MUTEX_ROBUST);
    (void)finish(start(lock_and_end, &mutex));
    CHECK_EQUAL(pthread_mutex_lock(&mutex), EOWNERDEAD);
    CHECK_EQUAL(pthread_mutex_consistent(&mutex), 0);
    CHECK_EQUAL(pthread_mutex_consistent(&mutex), EINVAL);
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    /* The first of the two to get it ends with it, the other does not make it consistent. */
    pthread_t one = start(lock_late, &mutex), other = start(lock_late, &mutex);
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    CHECK_EQUAL((intptr_t)finish(one) + (intptr_t)finish(other), EOWNERDEAD);
    CHECK_EQUAL(pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
    CHECK_EQUAL(pthread_mutex_trylock(&mutex), ENOTRECOVERABLE);
    CHECK_EQUAL(pthread_mutex_destroy(&mutex), 0);
}

static void test_robust(void)
{
    check_robust(PTHREAD_PRIO_NONE);
    check_robust(PTHREAD_PRIO_INHERIT);
    check_robust(PTHREAD_PRIO_PROTECT);
}

/* As the kernel has it. */
static unsigned kernel_priority(void)
{
    const int64_t self = sys_thread_self();
    struct thread_info info = {.priority = 0};

    CHECK_EQUAL(thread_info((uint32_t)self, &info), KERN_SUCCESS);
    return info.priority;
}

static void test_ceiling(void)
{
    pthread_mutex_t low, high;
    int before = 0;
    const struct sched_param above = {.sched_priority = 10}, none = {.sched_priority = 0};
    const unsigned base = kernel_priority();

    make_mutex(&low, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED);
    make_mutex(&high, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED);
    CHECK_EQUAL(pthread_mutex_setprioceiling(&high, 20, &before), 0);
    CHECK_EQUAL(before, 9);
    CHECK_EQUAL(pthread_mutex_getprioceiling(&high, &before), 0);
    CHECK_EQUAL(before, 20);
    CHECK_EQUAL(pthread_mutex_lock(&low), 0);
    CHECK_EQUAL(kernel_priority(), base + 9);
    CHECK_EQUAL(pthread_mutex_lock(&high), 0);
    CHECK_EQUAL(kernel_priority(), base + 20);
    CHECK_EQUAL(pthread_mutex_unlock(&low), 0);
    CHECK_EQUAL(kernel_priority(), base + 20);
    CHECK_EQUAL(pthread_mutex_unlock(&high), 0);
    CHECK_EQUAL(kernel_priority(), base);
    CHECK_EQUAL(pthread_setschedparam(pthread_self(), SCHED_FIFO, &above), 0);
    CHECK_EQUAL(pthread_mutex_lock(&low), EINVAL);
    CHECK_EQUAL(pthread_setschedparam(pthread_self(), SCHED_OTHER, &none), 0);
    CHECK_EQUAL(pthread_mutex_destroy(&low), 0);
    CHECK_EQUAL(pthread_mutex_destroy(&high), 0);
}

int main(void)
{
    static void (*const parts[])(void) = {test_mutexes, test_mutex_attributes, test_robust,
                                          test_ceiling};

    rounds = ROUNDS / (unsigned)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    return pthread_test_main("pthread-locks", parts, sizeof(parts) / sizeof(parts[0]));
}
