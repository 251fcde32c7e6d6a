/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes under load: signals to threads, storms of them, misuse of the process's port, bombs beside somebody who works, what a process asked for before it was stopped. process-storm
 * threads|storm|misuse|bomb|sessions|queues|stopped. Everything is
 * given back: at the end there are as many kernel objects as at the beginning, which comes after a first round.
 */
#include "process-storm.h"
#include "others-posix.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wharf/if/process.h>

enum { THREADS = 4, MILLISECOND = 1000000 };

void rest(uint64_t milliseconds)
{
    (void)kernel_sleep_until(kernel_clock_now() + milliseconds * MILLISECOND);
}

void on(int number, void (*handler)(int))
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigfillset(&a.sa_mask);
    CHECK_EQUAL(sigaction(number, &a, NULL), 0);
}

int status_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) != pid)
        if (!CHECK_EQUAL(errno, EINTR))
            break;
    return status;
}

/* ---- signals to threads ---- */

static _Thread_local volatile unsigned mine;
static _Atomic unsigned seen[THREADS];
static _Atomic bool end;

static void count_mine(int number)
{
    (void)number;
    mine++;
}

/* It has the mask of its creator from its first instruction on. */
static void *inherit(void *argument)
{
    sigset_t mask;
    (void)argument;
    CHECK_EQUAL(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    CHECK_EQUAL(sigismember(&mask, SIGUSR2), 1);
    CHECK_EQUAL(sigismember(&mask, SIGUSR1), 0);
    return NULL;
}

/* A signal may come before the first instruction of this: `mine` is not touched. */
static void *target(void *argument)
{
    const unsigned self = (unsigned)(uintptr_t)argument;
    while (!atomic_load(&end)) {
        atomic_store(&seen[self], mine);
        rest(1);
    }
    return NULL;
}

void wait_for(const _Atomic unsigned *what, unsigned least)
{
    for (unsigned i = 0; i < PATIENCE && atomic_load(what) < least; i++)
        rest(1);
    CHECK(atomic_load(what) >= least);
}

static void use_thread_signals(void)
{
    pthread_t thread[THREADS], one;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK_EQUAL(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    CHECK_EQUAL(pthread_create(&one, NULL, inherit, NULL), 0);
    CHECK_EQUAL(pthread_join(one, NULL), 0);
    CHECK_EQUAL(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    on(SIGUSR1, count_mine);
    atomic_store(&end, false);
    for (unsigned i = 0; i < THREADS; i++) {
        atomic_store(&seen[i], 0);
        CHECK_EQUAL(pthread_create(&thread[i], NULL, target, (void *)(uintptr_t)i), 0);
    }
    for (unsigned n = 1; n <= 5; n++) {
        CHECK_EQUAL(pthread_kill(thread[2], SIGUSR1), 0);
        wait_for(&seen[2], n);
    }
    CHECK_EQUAL(atomic_load(&seen[0]) + atomic_load(&seen[1]) + atomic_load(&seen[3]), 0);
    CHECK_EQUAL(pthread_kill(thread[0], 0), 0);
    CHECK_EQUAL(pthread_kill(thread[0], 200), EINVAL);
    mine = 0;
    CHECK_EQUAL(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQUAL(mine, 1);
    atomic_store(&end, true);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_join(thread[i], NULL), 0);
    CHECK_EQUAL(pthread_kill(thread[0], SIGUSR1), ESRCH);
}

static volatile int timer_code, timer_value;

static void note_timer(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    timer_code = info->si_code;
    timer_value = info->si_value.sival_int;
    mine++;
}

/* It does not count on any more: for a while, which begins anew with what comes late. */
static bool has_settled(const volatile unsigned *counter)
{
    enum { STILL = 50 };
    unsigned last = *counter, still = 0;
    for (unsigned i = 0; i < PATIENCE && still < STILL; i++) {
        rest(1);
        still = *counter == last ? still + 1 : 0;
        last = *counter;
    }
    return still == STILL;
}

static void use_timers(void)
{
    struct sigaction a = {.sa_sigaction = note_timer, .sa_flags = SA_SIGINFO};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    const struct itimerspec soon = {{0, 3L * MILLISECOND}, {0, 3L * MILLISECOND}};
    timer_t timer;
    event.sigev_value.sival_int = 77;
    mine = 0;
    CHECK_EQUAL(sigaction(SIGRTMIN + 2, &a, NULL), 0);
    CHECK_EQUAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQUAL(timer_settime(timer, 0, &soon, NULL), 0);
    for (unsigned i = 0; i < PATIENCE && mine < 4; i++)
        rest(1);
    CHECK(mine >= 4);
    CHECK_EQUAL(timer_code, SI_TIMER);
    CHECK_EQUAL(timer_value, 77);
    /* The next time is never, not at once. */
    const struct itimerspec rare = {{INT64_MAX, 0}, {0, MILLISECOND}};
    CHECK_EQUAL(timer_settime(timer, 0, &rare, NULL), 0);
    CHECK(has_settled(&mine));
    CHECK_EQUAL(timer_delete(timer), 0);
}

/* Not by the clock: the CPU may be somebody else's meanwhile. */
static void spend(long nanoseconds)
{
    struct timespec begin, now;
    CHECK_EQUAL(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin), 0);
    do
        CHECK_EQUAL(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    while ((now.tv_sec - begin.tv_sec) * 1000L * MILLISECOND + now.tv_nsec - begin.tv_nsec <
           nanoseconds);
}

static void use_usage(void)
{
    struct rusage usage, children;
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        spend(5L * MILLISECOND);
        _exit(0);
    }
    CHECK_EQUAL(wait4(pid, &status, 0, &usage), pid);
    CHECK(usage.ru_utime.tv_sec > 0 || usage.ru_utime.tv_usec >= 1000);
    CHECK_EQUAL(getrusage(RUSAGE_CHILDREN, &children), 0);
    CHECK(children.ru_utime.tv_sec > usage.ru_utime.tv_sec ||
          (children.ru_utime.tv_sec == usage.ru_utime.tv_sec &&
           children.ru_utime.tv_usec >= usage.ru_utime.tv_usec));
}

/* ---- a storm ---- */

static _Atomic unsigned handled, depth_wrong;
static _Thread_local volatile int depth;

/* Its own signal is blocked in it, the other one is not. */
static void nested(int number)
{
    const int before = depth;
    depth = before + 1;
    if (before > 1)
        atomic_fetch_add(&depth_wrong, 1);
    if (number == SIGUSR1 && before == 0)
        (void)raise(SIGUSR2);
    depth = before;
    atomic_fetch_add(&handled, 1);
}

/* Computes, calls, sleeps: its results are right whatever comes between. */
static void *work(void *argument)
{
    uint64_t x = 88172645463325252u, y = x;
    (void)argument;
    while (!atomic_load(&end)) {
        for (int i = 0; i < 300; i++)
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        CHECK(getpid() > 1);
        for (int i = 0; i < 300; i++)
            y ^= y << 13, y ^= y >> 7, y ^= y << 17;
        if (!CHECK_EQUAL(x, y))
            break;
        char *memory = malloc(64);
        memset(memory, 1, 64);
        free(memory);
    }
    return NULL;
}

static void storm_child(pid_t victim)
{
    for (unsigned i = 0; i < 300; i++)
        if (kill(victim, i & 1 ? SIGUSR1 : SIGUSR2) != 0)
            _exit(1);
    _exit(0);
}

static void use_storm(void)
{
    pthread_t thread[THREADS];
    pid_t sender[2];
    struct sigaction a = {.sa_handler = nested, .sa_flags = SA_RESTART};
    atomic_store(&handled, 0);
    atomic_store(&end, false);
    CHECK_EQUAL(sigaction(SIGUSR1, &a, NULL), 0);
    CHECK_EQUAL(sigaction(SIGUSR2, &a, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_create(&thread[i], NULL, work, NULL), 0);
    const pid_t self = getpid();
    for (unsigned i = 0; i < 2; i++)
        if ((sender[i] = fork()) == 0)
            storm_child(self);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQUAL(pthread_kill(thread[i % THREADS], i & 4 ? SIGUSR1 : SIGUSR2), 0);
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQUAL(status_of(sender[i]), 0);
    wait_for(&handled, 2);
    atomic_store(&end, true);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_join(thread[i], NULL), 0);
    CHECK_EQUAL(atomic_load(&depth_wrong), 0);
    print("process-storm: %u handlers ran\n", atomic_load(&handled));
}

/* Threads end while signals come: one that has said so is not on its stack any more. */
static void *end_at_once(void *argument)
{
    return argument;
}

static void use_ends(void)
{
    enum { ROUNDS = 100 };
    static int word[2];
    pthread_t thread[2];
    struct sigaction a = {.sa_handler = nested, .sa_flags = SA_RESTART};
    CHECK_EQUAL(sigaction(SIGUSR1, &a, NULL), 0);
    CHECK_EQUAL(sigaction(SIGUSR2, &a, NULL), 0);
    const pid_t self = getpid(), sender = fork();
    while (sender == 0) { /* not faster than handlers return (docs/caveats.md, L28) */
        if (kill(self, SIGUSR1) != 0 || kill(self, SIGUSR2) != 0)
            _exit(1);
        rest(1);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 2; i++)
            CHECK_EQUAL(pthread_create(&thread[i], NULL, end_at_once, &word[i]), 0);
        for (unsigned i = 0; i < 2; i++) {
            void *result = NULL;
            CHECK_EQUAL(pthread_join(thread[i], &result), 0);
            CHECK(result == &word[i]);
        }
    }
    CHECK_EQUAL(kill(sender, SIGKILL), 0);
    CHECK_EQUAL(status_of(sender), SIGKILL);
}

/* ---- misuse, beside somebody who works ---- */

static uint64_t state;

static uint64_t any(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    switch (state >> 60) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return UINT64_C(1) << (state & 63);
    default: return state >> (state >> 8 & 63);
    }
}

static mach_port_name_t any_port(mach_port_name_t port)
{
    const mach_port_name_t choice[] = {port, program_start_info->task, program_start_info->thread,
                                       program_start_info->clock, MSG_NULL};
    return choice[any() % 5];
}

static void misuse(mach_port_name_t port)
{
    struct process_signal s;
    struct process_change c;
    struct thread_state_general registers = {0};
    const mach_port_name_t thing = any_port(port);
    const uint64_t a = any(), b = any(), d = any();
    int32_t i;
    uint32_t n;
    uint64_t x, y;
    switch (any() % 18) {
    case 0: (void)!process_fork(port, thing, &i, &n); break;
    case 1: (void)!process_spawn(port, thing, "misuse", (int32_t)a, b & 1, d, a, &i, &n); break;
    case 2: (void)!process_prepare_exec(port, thing, &n); break;
    case 3: (void)!process_reap(port, (int32_t)a, (uint32_t)b, &c); break;
    case 4: (void)!process_set_group(port, (int32_t)a, (int32_t)b); break;
    case 5: (void)!process_get_group(port, (int32_t)a, &i); break;
    case 6: (void)!process_get_session(port, (int32_t)a, &i); break;
    case 7: (void)!process_kill(port, (int32_t)(a | 0x10000), (uint32_t)b, (int32_t)d, a); break;
    case 8: (void)!process_kill_thread(port, thing, 20, (int32_t)a, b); break;
    case 9:
        (void)!process_set_disposition(port, a & ~UINT64_C(0xffff), (uint32_t)b, (uint32_t)d);
        break;
    case 10: (void)!process_set_entry(port, a | 1); break;
    case 11: (void)!process_take(port, thing, a, (uint32_t)b, &s); break;
    case 12: (void)!process_begin(port, thing, a, (uint32_t)b, &s, &registers); break;
    case 13: (void)!process_pending(port, thing, &x); break;
    case 14: (void)!process_set_timer(port, (uint32_t)a, b | 1, d, &x, &y); break;
    case 15: (void)!process_get_timer(port, (uint32_t)a, &x, &y); break;
    case 16: (void)!process_resume(port, program_start_info->clock, &registers); break;
    default: (void)!process_limits(port, &n, &n); break;
    }
}

/* What a process can do to itself is its own: it may well end. */
static void be_bad(unsigned seed)
{
    state = 0x9e3779b97f4a7c15u * (seed + 1);
    for (int n = 1; n < NSIG; n++)
        (void)signal(n, SIG_IGN);
    const mach_port_name_t port = program_start_info->process;
    for (unsigned i = 0; i < 1000; i++)
        misuse(port);
    _exit(0);
}

static void use_misuse(void)
{
    enum { BAD = 4 };
    pid_t bad[BAD];
    int status, done = 0;
    for (unsigned i = 0; i < BAD; i++)
        if ((bad[i] = fork()) == 0)
            be_bad(i);
    for (unsigned i = 0; i < 100; i++) {
        const pid_t pid = fork();
        if (pid == 0)
            _exit(9);
        CHECK_EQUAL(status_of(pid), 9 << 8);
    }
    for (unsigned i = 0; i < BAD; i++) {
        CHECK_EQUAL(waitpid(bad[i], &status, 0), bad[i]);
        done += status == 0;
    }
    print("process-storm: %d of %d who misuse came to their end\n", done, BAD);
}

/* ---- a bomb, beside somebody who works ---- */

static void explode(void)
{
    (void)setsid();
    for (;;)
        if (fork() < 0)
            rest(200);
}

static void use_bomb(void)
{
    const pid_t bomb = fork();
    if (bomb == 0)
        explode();
    rest(20);
    for (unsigned i = 0; i < 40; i++) { /* another session: it goes on */
        const pid_t pid = fork();
        if (pid == 0)
            _exit(9);
        if (!CHECK(pid > 0))
            break;
        CHECK_EQUAL(status_of(pid), 9 << 8);
    }
    CHECK_EQUAL(kill(-bomb, SIGKILL), 0);
    const int status = status_of(bomb);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (unsigned i = 0; i < PATIENCE && kill(-bomb, 0) == 0; i++)
        (void)kill(-bomb, SIGKILL);
    CHECK_EQUAL(kill(-bomb, 0), -1);
}

/* ---- */

static void use_storms(void)
{
    use_storm();
    use_ends();
}

static void use_threads(void)
{
    use_thread_signals();
    use_timers();
    use_usage();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*use)(void);
    } parts[] = {{"threads", use_threads}, {"storm", use_storms},      {"misuse", use_misuse},
                 {"bomb", use_bomb},       {"sessions", use_sessions}, {"queues", use_queues},
                 {"stopped", use_stopped}};
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (argc < 2 || strcmp(argv[1], parts[i].name) != 0)
            continue;
        parts[i].use();
        parts[i].use();
        const uint64_t before = settled_with_alarm(NULL);
        parts[i].use();
        const uint64_t after = settled_with_alarm(NULL);
        if (!CHECK_EQUAL(after, before))
            print("process-storm: %lu kernel objects, and then %lu\n", (unsigned long)before,
                  (unsigned long)after);
    }
    return check_end("process-storm");
}
