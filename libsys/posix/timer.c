/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of a process. One thread of libsys, made with the first timer, sleeps until the next is due and serves it: by a thread of its own
 * (SIGEV_THREAD), or by a signal. Everything is guarded by `lock`.
 *
 * T1 A number is an index and above it how many timers had the index before.
 * T2 What a moment of the day means follows from the offset that is valid when it is looked at: when the time of day is set
 *    here, the thread looks again.
 */
#include "atfork.h"
#include "clock_impl.h"
#include "pthread_impl.h"
#include "signals.h"
#include "timer_signal.h"
#include <errno.h>
#include <libsys/trap.h>
#include <stdlib.h>

enum { INDEX_MASK = 0xff, GENERATION_SHIFT = 8 };
_Static_assert(TIMER_MAX == INDEX_MASK + 1, "T1");

struct timer {
    clockid_t clock;
    struct sigevent event;
    pthread_attr_t attributes; /* of its threads */
    bool armed, of_day;        /* of_day: moment counts from 1970 (T2), else from boot */
    uint64_t moment, interval;
    int overruns; /* of the last expiry that was served */
};

static struct mutex lock;
static struct timer *timers[TIMER_MAX];
static unsigned long generations[TIMER_MAX];
static _Atomic uint32_t changes; /* a futex: the thread has to look again */
static bool served;
static struct thread server;

[[gnu::weak]] extern __typeof__(signals_of_others) signals_of_others;

static int fails(int error)
{
    errno = error;
    return -1;
}

static uint64_t due_at(const struct timer *timer)
{
    return timer->of_day ? clock_of_day(timer->moment) : timer->moment;
}

/* ---- serving ---- */

struct call {
    void (*function)(union sigval);
    union sigval value;
};

static void *run_call(void *memory)
{
    const struct call call = *(struct call *)memory;

    free(memory);
    call.function(call.value);
    return NULL;
}

/* Without memory for the thread this time is lost, as a signal that finds the queue full would be. */
static void start_thread(const struct timer *timer)
{
    struct call *call = malloc(sizeof(*call));
    pthread_t id;

    if (call == NULL)
        return;
    *call = (struct call){timer->event.sigev_notify_function, timer->event.sigev_value};
    if (pthread_create(&id, &timer->attributes, run_call, call) != 0)
        free(call);
}

static void expire(unsigned index, struct timer *timer, uint64_t now, uint64_t due)
{
    uint64_t missed = 0;

    if (timer->interval == 0) {
        timer->armed = false;
    } else {
        uint64_t on;
        missed = (now - due) / timer->interval;
        if (__builtin_mul_overflow(missed + 1, timer->interval, &on) ||
            __builtin_add_overflow(timer->moment, on, &timer->moment))
            timer->armed = false; /* so long that it will never be */
    }
    timer->overruns = missed < DELAYTIMER_MAX ? (int)missed : DELAYTIMER_MAX;
    if (timer->event.sigev_notify == SIGEV_THREAD)
        start_thread(timer);
    else if (timer->event.sigev_notify == SIGEV_SIGNAL)
        timer->overruns +=
            posix_timer_signal(timer->event.sigev_signo, timer->event.sigev_value,
                               (timer_t)(generations[index] << GENERATION_SHIFT | index));
}

/* When the next is due. */
static uint64_t serve_all(void)
{
    uint64_t next = TRAP_NEVER;

    for (unsigned i = 0; i < TIMER_MAX; i++) {
        struct timer *timer = timers[i];

        if (timer == NULL || !timer->armed)
            continue;
        const uint64_t now = clock_now_nanoseconds(), due = due_at(timer);
        if (due <= now)
            expire(i, timer, now, due);
        if (timer->armed && due_at(timer) < next)
            next = due_at(timer);
    }
    return next;
}

static void serve(void *unused)
{
    (void)unused;
    if (signals_of_others != NULL)
        signals_of_others();
    for (;;) {
        const uint32_t seen = changes;

        mutex_lock(&lock);
        const uint64_t next = serve_all();
        mutex_unlock(&lock);
        (void)sys_futex_wait((const void *)&changes, seen, next);
    }
}

void posix_timers_look_again(void)
{
    word_set(&changes, changes + 1);
}

/* ---- making; the lock is held ---- */

static bool start_server(void)
{
    if (!served)
        served = thread_start(&server, serve, NULL, THREAD_PRIORITY_DEFAULT) == KERN_SUCCESS;
    return served;
}

static struct timer *find(timer_t number)
{
    const unsigned index = number & INDEX_MASK;

    return generations[index] == number >> GENERATION_SHIFT ? timers[index] : NULL;
}

static int check_event(const struct sigevent *event)
{
    switch (event->sigev_notify) {
    case SIGEV_NONE: return 0;
    case SIGEV_THREAD: return event->sigev_notify_function == NULL ? EINVAL : 0;
    case SIGEV_SIGNAL:
        return event->sigev_signo < 1 || event->sigev_signo > POSIX_SIGNAL_MAX ? EINVAL : 0;
    default: return EINVAL;
    }
}

static struct timer *make_timer(clockid_t clock, const struct sigevent *event)
{
    struct timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL)
        return NULL;
    timer->clock = clock;
    timer->event = *event;
    (void)pthread_attr_init(&timer->attributes);
    if (event->sigev_notify == SIGEV_THREAD && event->sigev_notify_attributes != NULL)
        timer->attributes = *event->sigev_notify_attributes;
    (void)pthread_attr_setdetachstate(&timer->attributes, PTHREAD_CREATE_DETACHED);
    return timer;
}

static int add(struct timer *timer, bool numbered, timer_t *number)
{
    for (unsigned i = 0; i < TIMER_MAX; i++) {
        if (timers[i] != NULL)
            continue;
        *number = (timer_t)(generations[i] << GENERATION_SHIFT | i);
        if (!numbered)
            timer->event.sigev_value.sival_ptr = (void *)*number;
        timers[i] = timer;
        return 0;
    }
    return EAGAIN;
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict number)
{
    const struct sigevent usual = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    const struct sigevent *wanted = event != NULL ? event : &usual;
    uint64_t unused;

    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return fails(cpu_clock_now(clock, &unused) == 0 ? ENOTSUP : EINVAL);
    int error = check_event(wanted);
    if (error != 0)
        return fails(error);
    struct timer *timer = make_timer(clock, wanted);
    if (timer == NULL)
        return fails(EAGAIN);
    mutex_lock(&lock);
    error = start_server() ? add(timer, event != NULL, number) : EAGAIN;
    mutex_unlock(&lock);
    if (error == 0)
        return 0;
    free(timer);
    return fails(error);
}

int timer_delete(timer_t number)
{
    mutex_lock(&lock);
    struct timer *timer = find(number);
    if (timer != NULL) {
        timers[number & INDEX_MASK] = NULL;
        generations[number & INDEX_MASK]++;
    }
    mutex_unlock(&lock);
    free(timer);
    return timer != NULL ? 0 : fails(EINVAL);
}

/* ---- setting and asking ---- */

static void tell(const struct timer *timer, struct itimerspec *out)
{
    const uint64_t due = timer->armed ? due_at(timer) : 0, now = clock_now_nanoseconds();

    *out = (struct itimerspec){.it_interval = clock_timespec(timer->interval)};
    if (!timer->armed)
        return;
    /* One that is due is not told as one that is not armed. */
    if (due > now)
        out->it_value = clock_timespec(due - now);
    else if (timer->interval != 0 && timer->event.sigev_notify == SIGEV_NONE)
        out->it_value = clock_timespec(timer->interval - (now - due) % timer->interval);
    else
        out->it_value = clock_timespec(1);
}

static bool is_time(const struct timespec *time)
{
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < SECOND;
}

static void set(struct timer *timer, int flags, const struct itimerspec *value)
{
    const uint64_t first = clock_nanoseconds(&value->it_value), now = clock_now_nanoseconds();

    timer->armed = first != 0;
    timer->interval = clock_nanoseconds(&value->it_interval);
    timer->of_day = (flags & TIMER_ABSTIME) && timer->clock == CLOCK_REALTIME;
    timer->overruns = 0;
    if (flags & TIMER_ABSTIME)
        timer->moment = first;
    else
        timer->moment = first < TRAP_NEVER - now ? now + first : TRAP_NEVER;
}

int timer_settime(timer_t number, int flags, const struct itimerspec *restrict value,
                  struct itimerspec *restrict before)
{
    if (!is_time(&value->it_value) || !is_time(&value->it_interval))
        return fails(EINVAL);
    mutex_lock(&lock);
    struct timer *timer = find(number);
    if (timer != NULL) {
        if (before != NULL)
            tell(timer, before);
        set(timer, flags, value);
    }
    mutex_unlock(&lock);
    if (timer == NULL)
        return fails(EINVAL);
    posix_timers_look_again();
    return 0;
}

int timer_gettime(timer_t number, struct itimerspec *value)
{
    mutex_lock(&lock);
    struct timer *timer = find(number);
    if (timer != NULL)
        tell(timer, value);
    mutex_unlock(&lock);
    return timer != NULL ? 0 : fails(EINVAL);
}

int timer_getoverrun(timer_t number)
{
    mutex_lock(&lock);
    struct timer *timer = find(number);
    const int overruns = timer != NULL ? timer->overruns : 0;
    mutex_unlock(&lock);
    return timer != NULL ? overruns : fails(EINVAL);
}

/* ---- fork: a child has no timers; their memory stays ---- */

void posix_timers_fork_prepare(void)
{
    mutex_lock(&lock);
}

void posix_timers_fork_parent(void)
{
    mutex_unlock(&lock);
}

void posix_timers_fork_child(void)
{
    for (unsigned i = 0; i < TIMER_MAX; i++)
        timers[i] = NULL;
    served = false;
    mutex_unlock(&lock);
}
