/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions, locks of readers and writers, barriers, spin locks, semaphores: what each call answers, that nothing is lost, and that
 * they may be destroyed as soon as POSIX says.
 */
#include "pthread.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <limits.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 400 };

static unsigned rounds = ROUNDS; /* the more CPUs the fewer, for the reason given in smp.c */

/* ---- conditions ---- */

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    unsigned inside, waiting; /* guarded by mutex */
    bool open;
};

static void *pass(void *argument)
{
    struct gate *gate = argument;

    CHECK_EQUAL(pthread_mutex_lock(&gate->mutex), 0);
    gate->waiting++;
    while (!gate->open)
        CHECK_EQUAL(pthread_cond_wait(&gate->condition, &gate->mutex), 0);
    gate->inside++;
    CHECK_EQUAL(pthread_mutex_unlock(&gate->mutex), 0);
    return NULL;
}

static unsigned waiting(struct gate *gate)
{
    CHECK_EQUAL(pthread_mutex_lock(&gate->mutex), 0);
    const unsigned seen = gate->waiting;
    CHECK_EQUAL(pthread_mutex_unlock(&gate->mutex), 0);
    return seen;
}

/* The condition is destroyed as soon as it has been broadcast, and its memory given up. */
static void check_gate(int type, int protocol)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    pthread_t threads[THREADS];

    CHECK(gate != NULL);
    make_mutex(&gate->mutex, type, protocol, PTHREAD_MUTEX_STALLED);
    CHECK_EQUAL(pthread_cond_init(&gate->condition, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(pass, gate);
    while (waiting(gate) < THREADS)
        (void)sched_yield();
    CHECK_EQUAL(pthread_mutex_lock(&gate->mutex), 0);
    gate->open = true;
    CHECK_EQUAL(pthread_cond_broadcast(&gate->condition), 0);
    CHECK_EQUAL(pthread_cond_destroy(&gate->condition), 0);
    memset(&gate->condition, 0xff, sizeof(gate->condition));
    CHECK_EQUAL(pthread_mutex_unlock(&gate->mutex), 0);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(gate->inside, THREADS);
    CHECK_EQUAL(pthread_mutex_destroy(&gate->mutex), 0);
    free(gate);
}

static void test_conditions(void)
{
    pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    pthread_condattr_t attributes;
    pthread_cond_t condition;

    check_gate(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
    check_gate(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT);
    check_gate(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_PROTECT);
    CHECK_EQUAL(pthread_condattr_init(&attributes), 0);
    CHECK_EQUAL(pthread_condattr_setclock(&attributes, CLOCK_PROCESS_CPUTIME_ID), EINVAL);
    CHECK_EQUAL(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
    CHECK_EQUAL(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), ENOTSUP);
    CHECK_EQUAL(pthread_cond_init(&condition, &attributes), 0);
    const uint64_t before = moment();
    struct timespec soon = from_now(CLOCK_MONOTONIC, 2L * MILLISECOND);
    CHECK_EQUAL(pthread_cond_timedwait(&condition, &mutex, &soon), EPERM);
    CHECK_EQUAL(pthread_mutex_lock(&mutex), 0);
    CHECK_EQUAL(pthread_cond_timedwait(&condition, &mutex, &soon), ETIMEDOUT);
    CHECK(moment() >= before + UINT64_C(2) * MILLISECOND);
    CHECK_EQUAL(pthread_cond_timedwait(&condition, &mutex, &soon), ETIMEDOUT);
    soon.tv_nsec = SECOND;
    CHECK_EQUAL(pthread_cond_timedwait(&condition, &mutex, &soon), EINVAL);
    CHECK_EQUAL(pthread_mutex_unlock(&mutex), 0);
    CHECK_EQUAL(pthread_cond_destroy(&condition), 0);
}

/* ---- a queue: every item put in comes out ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t filled, room;
    unsigned items, first, sum; /* guarded by mutex */
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER,
           .filled = PTHREAD_COND_INITIALIZER,
           .room = PTHREAD_COND_INITIALIZER};

static void *put(void *unused)
{
    (void)unused;
    for (unsigned i = 1; i <= rounds; i++) {
        (void)pthread_mutex_lock(&queue.mutex);
        while (queue.items == 2)
            (void)pthread_cond_wait(&queue.room, &queue.mutex);
        queue.items++;
        queue.sum += i;
        (void)pthread_mutex_unlock(&queue.mutex);
        (void)pthread_cond_signal(&queue.filled); /* without the mutex */
    }
    return NULL;
}

static void *get(void *unused)
{
    (void)unused;
    for (unsigned i = 1; i <= rounds; i++) {
        struct timespec soon = from_now(CLOCK_REALTIME, 50000);

        (void)pthread_mutex_lock(&queue.mutex);
        while (queue.items == 0) {
            if (i % 3 == 0)
                (void)pthread_cond_timedwait(&queue.filled, &queue.mutex, &soon);
            else
                (void)pthread_cond_wait(&queue.filled, &queue.mutex);
        }
        queue.items--;
        queue.sum -= i;
        (void)pthread_mutex_unlock(&queue.mutex);
        (void)pthread_cond_signal(&queue.room);
    }
    return NULL;
}

static void test_queue(void)
{
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(i % 2 ? get : put, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(queue.items, 0);
    CHECK_EQUAL(queue.sum, 0);
}

/* ---- readers and writers ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static unsigned first_word, second_word; /* the same whenever nobody writes */

static void *read_words(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < rounds; i++) {
        CHECK_EQUAL(pthread_rwlock_rdlock(&rwlock), 0);
        const unsigned seen = first_word;
        if (i % 16 == 0)
            (void)sched_yield();
        CHECK_EQUAL(second_word, seen);
        CHECK_EQUAL(pthread_rwlock_rdlock(&rwlock), 0); /* also while a writer waits */
        CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), 0);
        CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), 0);
    }
    return NULL;
}

static void *write_words(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < rounds; i++) {
        struct timespec soon = from_now(CLOCK_REALTIME, 20000);

        if (i % 4 == 0 && pthread_rwlock_timedwrlock(&rwlock, &soon) == ETIMEDOUT)
            continue;
        if (i % 4 != 0)
            CHECK_EQUAL(pthread_rwlock_wrlock(&rwlock), 0);
        first_word++;
        if (i % 16 == 0)
            (void)sched_yield();
        second_word++;
        CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), 0);
    }
    return NULL;
}

static void *try_write(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)pthread_rwlock_trywrlock(&rwlock);
}

static void *time_read(void *unused)
{
    struct timespec soon = from_now(CLOCK_REALTIME, MILLISECOND);

    (void)unused;
    return (void *)(intptr_t)pthread_rwlock_timedrdlock(&rwlock, &soon);
}

static void test_rwlock(void)
{
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(i % 2 ? write_words : read_words, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(first_word, second_word);
    CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), EPERM);
    CHECK_EQUAL(pthread_rwlock_tryrdlock(&rwlock), 0);
    CHECK_EQUAL((intptr_t)finish(start(try_write, NULL)), EBUSY);
    CHECK_EQUAL(pthread_rwlock_destroy(&rwlock), EBUSY);
    CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), 0);
    CHECK_EQUAL(pthread_rwlock_wrlock(&rwlock), 0);
    CHECK_EQUAL(pthread_rwlock_wrlock(&rwlock), EDEADLK);
    CHECK_EQUAL(pthread_rwlock_rdlock(&rwlock), EDEADLK);
    CHECK_EQUAL((intptr_t)finish(start(time_read, NULL)), ETIMEDOUT);
    CHECK_EQUAL(pthread_rwlock_unlock(&rwlock), 0);
    CHECK_EQUAL(pthread_rwlock_destroy(&rwlock), 0);
}

/* ---- barriers, spin locks ---- */

static struct meeting {
    pthread_barrier_t barrier;
    _Atomic unsigned arrived, serial;
} * meeting;

static void *meet(void *unused)
{
    (void)unused;
    for (unsigned i = 1; i <= 50; i++) {
        meeting->arrived++;
        const int result = pthread_barrier_wait(&meeting->barrier);
        CHECK(meeting->arrived >= THREADS * i);
        CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
        if (result != 0)
            meeting->serial++;
    }
    return NULL;
}

static void *meet_once(void *barrier)
{
    return (void *)(intptr_t)pthread_barrier_wait(barrier);
}

static void test_barrier(void)
{
    pthread_barrier_t none;
    pthread_t threads[THREADS];

    CHECK_EQUAL(pthread_barrier_init(&none, NULL, 0), EINVAL);
    meeting = calloc(1, sizeof(*meeting));
    CHECK(meeting != NULL);
    CHECK_EQUAL(pthread_barrier_init(&meeting->barrier, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(meet, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(meeting->serial, 50);
    CHECK_EQUAL(pthread_barrier_destroy(&meeting->barrier), 0);
    free(meeting);
    for (unsigned i = 0; i < 20;
         i++) { /* destroyed and its memory used again as soon as one is through */
        pthread_barrier_t two;

        CHECK_EQUAL(pthread_barrier_init(&two, NULL, 2), 0);
        threads[0] = start(meet_once, &two);
        const int mine = pthread_barrier_wait(&two);
        CHECK_EQUAL(pthread_barrier_destroy(&two), 0);
        memset(&two, 0xff, sizeof(two));
        const int other = (int)(intptr_t)finish(threads[0]);
        CHECK_EQUAL(mine + other, PTHREAD_BARRIER_SERIAL_THREAD);
    }
}

static pthread_spinlock_t spin;
static unsigned spun; /* guarded by spin */

static void *spin_up(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < rounds; i++) {
        CHECK_EQUAL(pthread_spin_lock(&spin), 0);
        const unsigned seen = spun;
        if (i % 64 == 0)
            (void)sched_yield();
        spun = seen + 1;
        CHECK_EQUAL(pthread_spin_unlock(&spin), 0);
    }
    return NULL;
}

static void test_spin(void)
{
    pthread_t threads[THREADS];

    spun = 0;
    CHECK_EQUAL(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE), 0);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(spin_up, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(spun, THREADS * rounds);
    CHECK_EQUAL(pthread_spin_trylock(&spin), 0);
    CHECK_EQUAL(pthread_spin_trylock(&spin), EBUSY);
    CHECK_EQUAL(pthread_spin_unlock(&spin), 0);
    CHECK_EQUAL(pthread_spin_destroy(&spin), 0);
}

/* ---- semaphores ---- */

static sem_t full, empty;
static _Atomic unsigned taken;

static void *produce(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < rounds; i++) {
        CHECK_EQUAL(sem_wait(&empty), 0);
        CHECK_EQUAL(sem_post(&full), 0);
    }
    return NULL;
}

static void *consume(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < rounds;) {
        struct timespec soon = from_now(CLOCK_REALTIME, 30000);

        if (i % 3 == 0 && sem_timedwait(&full, &soon) != 0) {
            CHECK_EQUAL(errno, ETIMEDOUT);
            continue;
        }
        if (i % 3 != 0)
            CHECK_EQUAL(sem_wait(&full), 0);
        i++;
        taken++;
        CHECK_EQUAL(sem_post(&empty), 0);
    }
    return NULL;
}

static void test_semaphores(void)
{
    pthread_t threads[THREADS];
    int value = -1;

    taken = 0;
    CHECK_EQUAL(sem_init(&full, 0, 0), 0);
    CHECK_EQUAL(sem_init(&empty, 0, 2), 0);
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = start(i % 2 ? produce : consume, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(taken, THREADS / 2 * rounds);
    CHECK_EQUAL(sem_getvalue(&empty, &value), 0);
    CHECK_EQUAL(value, 2);
    CHECK_EQUAL(sem_trywait(&full), -1);
    CHECK_EQUAL(errno, EAGAIN);
    CHECK_EQUAL(sem_init(&full, 0, (unsigned)SEM_VALUE_MAX + 1), -1);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(sem_init(&full, 0, SEM_VALUE_MAX), 0);
    CHECK_EQUAL(sem_post(&full), -1);
    CHECK_EQUAL(errno, EOVERFLOW);
    CHECK_EQUAL(sem_destroy(&full), 0);
    CHECK_EQUAL(sem_destroy(&empty), 0);
}

static void test_named(void)
{
    sem_t *one, *same;
    int value = -1;

    CHECK(sem_open("/none", 0) == SEM_FAILED);
    CHECK_EQUAL(errno, ENOENT);
    CHECK(sem_open("wrong", O_CREAT, 0600, 1) == SEM_FAILED);
    CHECK_EQUAL(errno, EINVAL);
    one = sem_open("/one", O_CREAT | O_EXCL, 0600, 1);
    CHECK(one != SEM_FAILED);
    CHECK(sem_open("/one", O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED);
    CHECK_EQUAL(errno, EEXIST);
    same = sem_open("/one", 0);
    CHECK(same == one);
    CHECK_EQUAL(sem_wait(one), 0);
    CHECK_EQUAL(sem_unlink("/one"), 0);
    CHECK_EQUAL(sem_unlink("/one"), -1);
    CHECK_EQUAL(errno, ENOENT);
    CHECK_EQUAL(sem_post(same), 0);
    CHECK_EQUAL(sem_getvalue(one, &value), 0);
    CHECK_EQUAL(value, 1);
    CHECK_EQUAL(sem_close(one), 0);
    CHECK_EQUAL(sem_close(same), 0);
    CHECK_EQUAL(sem_close(same), -1);
    CHECK_EQUAL(errno, EINVAL);
}

int main(void)
{
    static void (*const parts[])(void) = {test_conditions, test_queue, test_rwlock,
                                          test_barrier,    test_spin,  test_semaphores,
                                          test_named};

    rounds = ROUNDS / (unsigned)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    return pthread_test_main("pthread-waits", parts, sizeof(parts) / sizeof(parts[0]));
}
