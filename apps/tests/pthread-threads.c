/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX threads: their beginning and end, attributes, data, handlers, cancellation.
 */
#include "pthread.h"
#include <libsys/kernel.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

static void *same(void *argument)
{
    return argument;
}

static void *own_number(void *out)
{
    *(pthread_t *)out = pthread_self();
    return NULL;
}

static void test_join(void)
{
    pthread_t told = 0;
    pthread_t thread = start(own_number, &told);

    CHECK(finish(thread) == NULL);
    CHECK(pthread_equal(told, thread));
    CHECK(!pthread_equal(told, pthread_self()));
    CHECK_EQUAL(pthread_join(thread, NULL), ESRCH);
    CHECK_EQUAL(pthread_detach(thread), ESRCH);
    CHECK_EQUAL(pthread_cancel(thread), ESRCH);
    CHECK_EQUAL(pthread_join(pthread_self(), NULL), EDEADLK);
    for (uintptr_t i = 0; i < 100; i++)
        CHECK_EQUAL((uintptr_t)finish(start(same, (void *)i)), i);
}

/* ---- detached ---- */

static _Atomic int ended;

static void *count_end(void *unused)
{
    (void)unused;
    ended++;
    return NULL;
}

static void test_detached(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    ended = 0;
    CHECK_EQUAL(pthread_attr_init(&attributes), 0);
    CHECK_EQUAL(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED), 0);
    for (unsigned i = 0; i < 50; i++)
        CHECK_EQUAL(pthread_create(&thread, &attributes, count_end, NULL), 0);
    wait_for(&ended, 50);
    for (unsigned i = 0; i < 50; i++) {
        thread = start(count_end, NULL);
        CHECK_EQUAL(pthread_detach(thread), 0);
        const int again = pthread_detach(thread);
        CHECK(again == EINVAL || again == ESRCH);
    }
    wait_for(&ended, 100);
    thread = start(count_end, NULL);
    wait_for(&ended, 101);
    CHECK_EQUAL(pthread_detach(thread), 0);
    CHECK_EQUAL(pthread_attr_destroy(&attributes), 0);
}

/* ---- attributes ---- */

static void *stack_of(void *out)
{
    char here;

    *(uintptr_t *)out = (uintptr_t)&here;
    return NULL;
}

static void test_stacks(void)
{
    static char own[2 * PTHREAD_STACK_MIN] __attribute__((aligned(16)));
    pthread_attr_t attributes;
    pthread_t thread;
    uintptr_t at = 0;

    CHECK_EQUAL(pthread_attr_init(&attributes), 0);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN - 1), EINVAL);
    CHECK_EQUAL(pthread_attr_setstack(&attributes, own + 1, sizeof(own) / 2), EINVAL);
    CHECK_EQUAL(pthread_attr_setstack(&attributes, own, sizeof(own)), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, stack_of, &at), 0);
    (void)finish(thread);
    CHECK(at > (uintptr_t)own && at < (uintptr_t)own + sizeof(own));

    CHECK_EQUAL(pthread_attr_init(&attributes), 0);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
    CHECK_EQUAL(pthread_attr_setguardsize(&attributes, 3 << 12), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, stack_of, &at), 0);
    pthread_attr_t told;
    CHECK_EQUAL(pthread_getattr_np(thread, &told), 0);
    CHECK(told.__stack_size >= 1 << 20);
    (void)finish(thread);
    CHECK(at > (uintptr_t)told.__stack && at < (uintptr_t)told.__stack + told.__stack_size);

    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, SIZE_MAX / 8), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, stack_of, &at), EAGAIN);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, SIZE_MAX), EINVAL);
    CHECK_EQUAL(pthread_attr_setscope(&attributes, PTHREAD_SCOPE_PROCESS), ENOTSUP);
    CHECK_EQUAL(pthread_attr_setinheritsched(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_attr_setschedpolicy(&attributes, 17), EINVAL);
    CHECK_EQUAL(pthread_attr_setdetachstate(&attributes, 17), EINVAL);
}

static void *own_priority(void *unused)
{
    int policy;
    struct sched_param parameters;

    (void)unused;
    CHECK_EQUAL(pthread_getschedparam(pthread_self(), &policy, &parameters), 0);
    return (void *)(intptr_t)(policy * 1000 + parameters.sched_priority);
}

static void test_priorities(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct sched_param parameters = {.sched_priority = 5};
    char name[16];

    CHECK_EQUAL(pthread_attr_init(&attributes), 0);
    CHECK_EQUAL(pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED), 0);
    CHECK_EQUAL(pthread_attr_setschedpolicy(&attributes, SCHED_FIFO), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, own_priority, NULL), EINVAL);
    CHECK_EQUAL(pthread_attr_setschedparam(&attributes, &parameters), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, own_priority, NULL), 0);
    CHECK_EQUAL((intptr_t)finish(thread), SCHED_FIFO * 1000 + 5);
    CHECK_EQUAL(pthread_setschedparam(pthread_self(), SCHED_RR, &parameters), 0);
    CHECK_EQUAL((intptr_t)finish(start(own_priority, NULL)), SCHED_RR * 1000 + 5);
    CHECK_EQUAL(pthread_setschedprio(pthread_self(), 7), 0);
    CHECK_EQUAL(pthread_setschedprio(pthread_self(), 0), EINVAL);
    CHECK_EQUAL(sched_getscheduler(0), SCHED_RR);
    parameters.sched_priority = 0;
    CHECK_EQUAL(sched_setscheduler(0, SCHED_OTHER, &parameters), SCHED_RR);
    CHECK_EQUAL(sched_getscheduler(0), SCHED_OTHER);
    CHECK(sched_get_priority_max(SCHED_FIFO) - sched_get_priority_min(SCHED_FIFO) >= 31);
    CHECK_EQUAL(pthread_setname_np(pthread_self(), "a name of sixteen"), ERANGE);
    CHECK_EQUAL(pthread_setname_np(pthread_self(), "tester"), 0);
    CHECK_EQUAL(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    CHECK(strcmp(name, "tester") == 0);
}

/* ---- data of threads, once ---- */

static pthread_key_t key, again_key;
static _Atomic int destroyed;

static void count_destroyed(void *value)
{
    CHECK(pthread_getspecific(key) == NULL);
    CHECK_EQUAL((uintptr_t)value, 3);
    destroyed++;
}

static void set_again(void *value)
{
    destroyed++;
    CHECK_EQUAL(pthread_setspecific(again_key, value), 0);
}

static void *use_keys(void *unused)
{
    (void)unused;
    CHECK(pthread_getspecific(key) == NULL);
    CHECK_EQUAL(pthread_setspecific(key, (void *)3), 0);
    CHECK_EQUAL((uintptr_t)pthread_getspecific(key), 3);
    return NULL;
}

static void *use_again(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_setspecific(again_key, (void *)1), 0);
    return NULL;
}

static void test_keys(void)
{
    pthread_key_t many[PTHREAD_KEYS_MAX], one_more;
    unsigned made = 0;

    destroyed = 0;
    CHECK_EQUAL(pthread_key_create(&key, count_destroyed), 0);
    (void)finish(start(use_keys, NULL));
    CHECK_EQUAL(destroyed, 1);
    CHECK_EQUAL(pthread_setspecific(key, (void *)9), 0);
    CHECK_EQUAL(pthread_key_delete(key), 0);
    CHECK_EQUAL(pthread_key_delete(key), EINVAL);
    CHECK_EQUAL(pthread_setspecific(key, (void *)9), EINVAL);
    CHECK_EQUAL(pthread_key_create(&again_key, set_again), 0);
    CHECK(pthread_getspecific(again_key) == NULL);
    destroyed = 0;
    (void)finish(start(use_again, NULL));
    CHECK_EQUAL(destroyed, PTHREAD_DESTRUCTOR_ITERATIONS);
    CHECK_EQUAL(pthread_key_delete(again_key), 0);
    while (made < PTHREAD_KEYS_MAX && pthread_key_create(&many[made], NULL) == 0)
        made++;
    CHECK_EQUAL(made, PTHREAD_KEYS_MAX);
    CHECK_EQUAL(pthread_key_create(&one_more, NULL), EAGAIN);
    while (made > 0)
        CHECK_EQUAL(pthread_key_delete(many[--made]), 0);
}

static pthread_once_t once;
static _Atomic int done_once;

static void do_once(void)
{
    const struct timespec nap = {.tv_nsec = MILLISECOND};

    done_once++;
    (void)nanosleep(&nap, NULL);
    done_once++;
}

static void *call_once_(void *unused)
{
    (void)unused;
    CHECK_EQUAL(pthread_once(&once, do_once), 0);
    CHECK_EQUAL(done_once, 2);
    return NULL;
}

static void test_once(void)
{
    pthread_t threads[4];

    once = (pthread_once_t)PTHREAD_ONCE_INIT;
    done_once = 0;
    for (unsigned i = 0; i < 4; i++)
        threads[i] = start(call_once_, NULL);
    for (unsigned i = 0; i < 4; i++)
        (void)finish(threads[i]);
    CHECK_EQUAL(done_once, 2);
}

/* ---- C11 ---- */

static int c11_thread(void *argument)
{
    thrd_exit(*(int *)argument + 1);
}

static void test_c11(void)
{
    int value = -7, result = 0;
    thrd_t thread;
    mtx_t mutex;
    tss_t tss;

    CHECK_EQUAL(thrd_create(&thread, c11_thread, &value), thrd_success);
    CHECK_EQUAL(thrd_join(thread, &result), thrd_success);
    CHECK_EQUAL(result, -6);
    CHECK_EQUAL(mtx_init(&mutex, mtx_recursive | mtx_timed), thrd_success);
    CHECK_EQUAL(mtx_lock(&mutex), thrd_success);
    CHECK_EQUAL(mtx_trylock(&mutex), thrd_success);
    CHECK_EQUAL(mtx_unlock(&mutex), thrd_success);
    CHECK_EQUAL(mtx_unlock(&mutex), thrd_success);
    CHECK_EQUAL(mtx_unlock(&mutex), thrd_error);
    mtx_destroy(&mutex);
    CHECK_EQUAL(tss_create(&tss, NULL), thrd_success);
    CHECK_EQUAL(tss_set(tss, &value), thrd_success);
    CHECK(tss_get(tss) == &value);
    tss_delete(tss);
}

int main(void)
{
    static void (*const parts[])(void) = {test_join, test_detached, test_stacks, test_priorities,
                                          test_keys, test_once,     test_c11};

    return pthread_test_main("pthread-threads", parts, sizeof(parts) / sizeof(parts[0]));
}
