/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes of both kinds with conditions: what goes through a small buffer comes out whole, whether
 * those who wait are woken one by one, all at once or by their deadlines; a mutex that is held already
 * says so; and who holds one is as urgent as those that wait for it.
 *
 * The more CPUs the fewer rounds, for the reason given in smp.c.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>

enum { PAIRS = 4, ITEMS = 120, ROOM = 3, MILLISECOND = 1000000 };

/* One buffer a kind of mutex; which kind is the only difference. */
struct buffer {
    bool pi;
    struct mutex mutex;
    struct pi_mutex pi_mutex;
    struct condition room, filled;
    uint32_t item[ROOM], first, count; /* guarded by the mutex */
    uint64_t sum;                      /* of what came out; guarded by the mutex */
};

struct worker {
    struct thread thread;
    struct buffer *buffer;
    unsigned number;
};

static struct buffer plain, urgent = {.pi = true};
static struct worker workers[2 * PAIRS];
static uint32_t items; /* that each maker puts in */

static void enter(struct buffer *buffer)
{
    if (buffer->pi)
        CHECK_EQUAL(pi_mutex_lock(&buffer->pi_mutex), KERN_SUCCESS);
    else
        mutex_lock(&buffer->mutex);
}

static void leave(struct buffer *buffer)
{
    if (buffer->pi)
        pi_mutex_unlock(&buffer->pi_mutex);
    else
        mutex_unlock(&buffer->mutex);
}

/* Every third wait has a deadline so near that it mostly passes. */
static void wait(struct buffer *buffer, struct condition *condition)
{
    static _Atomic unsigned waits;
    uint64_t deadline = ++waits % 3 ? TRAP_NEVER : kernel_clock_now() + 50000;
    kern_return_t kr = buffer->pi ? pi_condition_wait(condition, &buffer->pi_mutex, deadline)
                                  : condition_wait(condition, &buffer->mutex, deadline);

    CHECK(kr == KERN_SUCCESS || (deadline != TRAP_NEVER && kr == KERN_OPERATION_TIMED_OUT));
}

static void tell(struct buffer *buffer, struct condition *condition, bool all)
{
    if (buffer->pi)
        (all ? pi_condition_broadcast : pi_condition_signal)(condition, &buffer->pi_mutex);
    else
        (all ? condition_broadcast : condition_signal)(condition, &buffer->mutex);
}

static void put(struct buffer *buffer, uint32_t item)
{
    enter(buffer);
    while (buffer->count == ROOM)
        wait(buffer, &buffer->room);
    buffer->item[(buffer->first + buffer->count++) % ROOM] = item;
    tell(buffer, &buffer->filled, item % 5 == 0);
    leave(buffer);
}

static void get(struct buffer *buffer)
{
    enter(buffer);
    while (buffer->count == 0)
        wait(buffer, &buffer->filled);
    buffer->sum += buffer->item[buffer->first++ % ROOM];
    buffer->count--;
    tell(buffer, &buffer->room, buffer->sum % 5 == 0);
    leave(buffer);
}

static void work(void *argument)
{
    const struct worker *self = argument;

    for (uint32_t i = 0; i < items; i++) {
        if (self->number % 2)
            get(self->buffer);
        else
            put(self->buffer, self->number * items + i);
    }
}

static void check_buffer(struct buffer *buffer)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 2 * PAIRS; i++) {
        workers[i] = (struct worker){.buffer = buffer, .number = i};
        CHECK_EQUAL(thread_start(&workers[i].thread, work, &workers[i],
                                 THREAD_PRIORITY_DEFAULT - i),
                    KERN_SUCCESS);
    }
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        thread_join(&workers[i].thread);
    for (uint64_t i = 0; i < 2 * (uint64_t)PAIRS; i += 2)
        sum += items * (i * items) + items * (items - 1) / 2;
    CHECK_EQUAL(buffer->sum, sum);
    CHECK_EQUAL(buffer->count, 0);
}

static void check_results(void)
{
    static struct pi_mutex mutex;
    static struct condition condition;

    CHECK(pi_mutex_try_lock(&mutex));
    CHECK(!pi_mutex_try_lock(&mutex));
    CHECK_EQUAL(pi_mutex_lock(&mutex), KERN_INVALID_ARGUMENT);
    uint64_t soon = kernel_clock_now() + MILLISECOND;
    CHECK_EQUAL(pi_condition_wait(&condition, &mutex, soon), KERN_OPERATION_TIMED_OUT);
    CHECK(kernel_clock_now() >= soon);
    pi_condition_broadcast(&condition, &mutex);
    pi_mutex_unlock(&mutex);
    CHECK_EQUAL(pi_mutex_lock_until(&mutex, 0), KERN_SUCCESS);
    pi_mutex_unlock(&mutex);
}

/* ---- on one CPU: the lowest holds what the highest waits for, and one in between computes ---- */

static struct pi_mutex contended;
static _Atomic uint32_t held, served;
static _Atomic bool spun;

static void hold(void *unused)
{
    (void)unused;
    CHECK_EQUAL(kernel_thread_set_affinity(1), KERN_SUCCESS);
    CHECK_EQUAL(pi_mutex_lock(&contended), KERN_SUCCESS);
    word_set(&held, 1);
    uint64_t until = kernel_clock_now() + 20 * (uint64_t)MILLISECOND;
    while (kernel_clock_now() < until)
        ;
    pi_mutex_unlock(&contended);
}

static void spin(void *unused)
{
    (void)unused;
    CHECK_EQUAL(kernel_thread_set_affinity(1), KERN_SUCCESS);
    uint64_t until = kernel_clock_now() + 20000 * (uint64_t)MILLISECOND;
    while (!served && kernel_clock_now() < until)
        ;
    spun = !served;
}

static void check_inversion(void)
{
    static struct thread low, medium;

    CHECK_EQUAL(kernel_thread_set_affinity(1), KERN_SUCCESS);
    CHECK_EQUAL(kernel_thread_set_priority(THREAD_PRIORITY_DEFAULT + 2), KERN_SUCCESS);
    CHECK_EQUAL(thread_start(&low, hold, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    word_wait_while(&held, 0);
    CHECK_EQUAL(thread_start(&medium, spin, NULL, THREAD_PRIORITY_DEFAULT + 1), KERN_SUCCESS);
    CHECK_EQUAL(pi_mutex_lock(&contended), KERN_SUCCESS);
    served = 1;
    pi_mutex_unlock(&contended);
    thread_join(&low);
    thread_join(&medium);
    CHECK(!spun);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    items = ITEMS / (uint32_t)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    check_results();
    check_buffer(&plain);
    check_buffer(&urgent);
    check_inversion();
    return check_end("locks");
}
