/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes with owners under load, from seeds. First in order: threads take locks inside locks, hand
 * tokens over by a condition, at times with deadlines, as libsys/sync.c does it, while their
 * priorities change. No two hold one lock, nobody misses a wake-up: all of them come to their end. Then
 * in disorder: random calls with random owners, while threads are killed and waits aborted; what
 * kern/futex.h promises holds, and nothing is left over.
 */
#include "kernel_calls.h"
#include "kernel_world.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/pmap.h>
#include <kern/sched.h>
#include <kern/wait.h>
#include <string.h>
#include <wharf/trap.h>

enum { THREADS = 8, LOCKS = 3, WAITERS = INT32_MIN, ROUNDS = 40 };
#define LOCK_VA(n) (WORLD_WORDS_VA + 4 * (vaddr_t)(n))
#define COND_VA    (WORLD_WORDS_VA + 64)

enum phase { NEXT, TAKE, TAKEN, WAITED, INSIDE, MOVED, COND_SLEPT, LEAVE, LEFT, DONE };

struct worker {
    struct thread *thread;
    uint64_t random;
    enum phase phase, after; /* `after`: what to do with the lock, or without it */
    unsigned lock, depth;    /* holds `depth` locks, the last of them is `lock` */
    bool moves;              /* the round is about a token */
    bool misses;             /* it has waited for the condition, and counts as a waiter */
    unsigned rounds;
    uint64_t trap; /* disorder */
};

static struct {
    uint64_t seed, random;
    bool threads, disorder;
    struct task *task;
    struct worker worker[THREADS];
    _Atomic uint32_t started, done;
    _Atomic uint32_t *word;         /* the page of words, as the program sees it */
    _Atomic uint32_t holder[LOCKS]; /* 1 + who is inside; checked, not used */
    uint32_t tokens, waiters;       /* guarded by lock 0 */
} run;

static uint32_t name_of(const struct worker *w)
{
    return (uint32_t)(w - run.worker) + 1;
}

struct thread *futex_owner_lookup(struct thread *self, uint32_t name)
{
    if (name == 0 || name > THREADS || self->task != run.task)
        return NULL;
    struct thread *thread = run.worker[name - 1].thread;
    if (!thread || atomic_load(&thread->state) == THREAD_DEAD)
        return NULL;
    thread_ref(thread);
    return thread;
}

static uint64_t below(struct worker *w, uint64_t bound)
{
    return host_random_below(&w->random, bound);
}

static void trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                 uint64_t a3, uint64_t a4, uint64_t a5)
{
    *next =
        (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2, a3, a4, a5}};
}

static nanos_t soon(struct worker *w)
{
    return below(w, 2) ? TRAP_NEVER : clock_now() + below(w, below(w, 2) ? 5000 : 500000);
}

/* --- order: a program's locks, one step of it at a time; true: an action of the machine --- */

static _Atomic uint32_t *lock_word(unsigned lock)
{
    return &run.word[lock];
}

static bool is_inside(struct worker *w)
{
    uint32_t nobody = 0;
    if (!atomic_compare_exchange_strong(&run.holder[w->lock], &nobody, name_of(w)))
        host_machine_fail("lock %u: %u holds it, %u got it", w->lock, nobody, name_of(w));
    w->depth++;
    w->phase = w->after;
    return false;
}

static bool take(struct worker *w, struct host_action *next, bool contended)
{
    _Atomic uint32_t *word = lock_word(w->lock);
    uint32_t seen = 0, mine = name_of(w);
    if (!contended && atomic_compare_exchange_strong(word, &seen, mine))
        return is_inside(w);
    for (seen = atomic_load(word);;) {
        if (seen == 0) {
            if (atomic_compare_exchange_strong(word, &seen, mine | (uint32_t)WAITERS))
                return is_inside(w);
        } else if (seen & (uint32_t)WAITERS ||
                   atomic_compare_exchange_strong(word, &seen, seen | (uint32_t)WAITERS)) {
            break;
        }
    }
    w->phase = WAITED;
    uint32_t owner = seen & ~(uint32_t)WAITERS;
    trap(next, TRAP_futex_wait_pi, LOCK_VA(w->lock), owner | (uint32_t)WAITERS, soon(w), owner, 0,
         0);
    return true;
}

static bool leave(struct worker *w, struct host_action *next)
{
    uint32_t mine = name_of(w);
    atomic_store(&run.holder[w->lock], 0);
    w->phase = LEFT;
    if (atomic_compare_exchange_strong(lock_word(w->lock), &mine, 0))
        return false;
    atomic_store(lock_word(w->lock), 0);
    trap(next, TRAP_futex_wake_pi, LOCK_VA(w->lock), 0, 0, 0, 0, 0);
    return true;
}

/* Lock 0 is held for a token: even workers make one a round, odd ones take one. */
static bool move_token(struct worker *w, struct host_action *next)
{
    bool maker = name_of(w) % 2 == 0;
    run.waiters -= w->misses;
    w->misses = false;
    w->phase = LEAVE;
    if (!maker && run.tokens == 0) {
        w->misses = true;
        run.waiters++;
        w->after = COND_SLEPT;
        return false;
    }
    w->after = NEXT;
    run.tokens += maker ? 1 : -1u;
    if (!maker || run.waiters == 0)
        return false;
    uint32_t sequence = atomic_fetch_add(&run.word[16], 1) + 1;
    atomic_fetch_or(lock_word(0), (uint32_t)WAITERS);
    w->phase = MOVED;
    trap(next, TRAP_futex_requeue_pi, COND_VA, 0, sequence, LOCK_VA(0), below(w, 2) ? 1 : 1000,
         name_of(w));
    return true;
}

/* It has what it wanted: stay a while, or go on to the next lock. */
static bool be_inside(struct worker *w, struct host_action *next)
{
    if (w->lock + 1 < LOCKS && below(w, 2)) {
        w->lock++;
        w->phase = TAKE;
        return false;
    }
    w->phase = LEAVE;
    w->after = NEXT;
    *next = (struct host_action){.kind = HOST_BURN, .ticks = below(w, 20000)};
    return true;
}

static void start_round(struct worker *w, struct host_action *next)
{
    if (w->rounds == 2 * ROUNDS) {
        w->phase = DONE;
        atomic_fetch_add(&run.done, 1);
        return;
    }
    w->moves = w->rounds++ % 2;
    w->lock = w->moves ? 0 : (unsigned)below(w, LOCKS);
    w->phase = TAKE;
    w->after = INSIDE;
    *next = (struct host_action){.kind = HOST_BURN, .ticks = below(w, 20000)};
}

static bool step(struct worker *w, struct host_action *next)
{
    int64_t r = (int64_t)w->thread->arch.x[0];
    switch (w->phase) {
    case NEXT: start_round(w, next); return w->phase != DONE;
    case TAKE: return take(w, next, false);
    case TAKEN: return take(w, next, true);
    case WAITED:
        if (r != 0 && r != -KERN_RETRY && r != -KERN_OPERATION_TIMED_OUT)
            host_machine_fail("futex_wait_pi: %lld", (long long)r);
        w->phase = TAKEN;
        return false;
    case INSIDE: return w->moves ? move_token(w, next) : be_inside(w, next);
    case MOVED:
        if (r < 0)
            host_machine_fail("futex_requeue_pi: %lld", (long long)r);
        w->phase = LEAVE;
        return false;
    case LEAVE:
        /* What the condition's word is, is read before the lock is let go. */
        w->trap = atomic_load(&run.word[16]);
        return leave(w, next);
    case LEFT:
        if (--w->depth > 0) {
            w->lock--;
            w->phase = LEAVE;
            return false;
        }
        w->phase = w->after;
        return false;
    case COND_SLEPT:
        trap(next, TRAP_futex_wait, COND_VA, w->trap, soon(w), 0, 0, 0);
        w->phase = TAKEN;
        w->after = INSIDE;
        return true;
    case DONE: sleep_until(next, TRAP_NEVER); return true;
    }
    return true;
}

/* --- disorder --- */

static void anything(struct worker *w, struct host_action *next)
{
    vaddr_t word = LOCK_VA(below(w, LOCKS)), other = LOCK_VA(below(w, LOCKS));
    uint32_t value = (uint32_t)below(w, 2), owner = (uint32_t)below(w, THREADS + 2);
    switch (below(w, 10)) {
    case 0:
    case 1:
    case 2: trap(next, TRAP_futex_wait_pi, word, value, soon(w), owner, 0, 0); break;
    case 3: trap(next, TRAP_futex_wait, word, value, soon(w), 0, 0, 0); break;
    case 4:
        trap(next, TRAP_futex_requeue_pi, word, below(w, 2), value, other, below(w, 5), owner);
        break;
    case 5: trap(next, TRAP_futex_requeue, word, below(w, 2), value, other, below(w, 5), 0); break;
    case 6: trap(next, TRAP_futex_wake, word, below(w, 4), 0, 0, 0, 0); break;
    case 7:
        *next = (struct host_action){.kind = HOST_TOUCH,
                                     .va = word,
                                     .access = ACCESS_WRITE,
                                     .value = value};
        break;
    case 8: call_set_own_priority(w->thread, next, 1 + (uint32_t)below(w, 255)); break;
    default: trap(next, TRAP_futex_wake_pi, word, 0, 0, 0, 0, 0); break;
    }
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu;
    (void)context;
    uint64_t number = t->arch.program.arg;
    if (number == 0) { /* the task's first thread keeps it alive */
        sleep_until(next, TRAP_NEVER);
    } else if (run.disorder) {
        anything(&run.worker[number - 1], next);
    } else {
        while (!step(&run.worker[number - 1], next))
            ;
    }
}

/* --- the controller --- */

static void make_task(void *unused)
{
    (void)unused;
    struct pmap_mapping mapping;
    CHECK_EQUAL(world_task("locks", 0, 255, &run.task, NULL), KERN_SUCCESS);
    CHECK_EQUAL(pmap_extract(run.task->pmap, WORLD_WORDS_VA, &mapping), KERN_SUCCESS);
    run.word = phys_to_virt(mapping.pa);
}

static void make_worker(void *argument)
{
    struct worker *w = argument;
    w->random = run.seed * 77 + name_of(w);
    CHECK_EQUAL(thread_create(run.task, 0x10000, 0x20000, name_of(w), 0,
                              1 + (unsigned)below(w, 200), &w->thread),
                KERN_SUCCESS);
}

static void start_worker(void *argument)
{
    thread_resume(((struct worker *)argument)->thread);
}

struct job {
    struct worker *worker;
    uint64_t random;
};

static void interfere(void *argument)
{
    struct job *job = argument;
    uint64_t what = host_random_below(&job->random, 32);
    struct thread *thread = job->worker->thread;
    if (run.disorder && what == 0)
        thread_terminate(thread);
    else if (run.disorder && what < 6)
        (void)wait_abort(thread);
    else
        sched_set_priority(thread, 1 + (unsigned)host_random_below(&job->random, 200));
}

static void check_now(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(futex_check(run.worker[i].thread));
}

static void one_piece(void)
{
    static struct job job[MAX_CPUS];
    for (unsigned i = 0; i < cpu_count; i++) {
        if (host_random_below(&run.random, 2))
            continue;
        job[i] = (struct job){&run.worker[host_random_below(&run.random, THREADS)],
                              host_random(&run.random)};
        host_machine_post(i, interfere, &job[i]);
    }
    enum host_stop stop = host_machine_run(1 + host_random_below(&run.random, 60),
                                           arch_counter() + arch_counter_frequency() / 100);
    if (stop == HOST_STOP_DEADLOCK ||
        (stop == HOST_STOP_QUIET && !run.disorder && atomic_load(&run.done) < THREADS))
        host_machine_fail("stands still, %u of %d done", atomic_load(&run.done), THREADS);
    world_check(&run.task, 1);
    host_machine_call(0, check_now, NULL);
}

static void end_all(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < THREADS; i++)
        thread_unref(run.worker[i].thread);
    task_terminate(run.task, 0, false);
    task_unref(run.task);
}

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument;
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + seed % 4), pieces = 0;
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_futex_random%s",
             (unsigned long long)seed, run.threads ? " threads" : "");
    host_set_repeat_line(line);
    run.seed = run.random = seed;
    run.disorder = seed % 2;
    world_start(&(
        struct world_config){.seed = seed, .cpus = cpus, .threads = run.threads, .script = script});
    host_machine_call(0, make_task, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        host_machine_call(i % cpus, make_worker, &run.worker[i]);
    for (unsigned i = 0; i < THREADS; i++)
        host_machine_call(i % cpus, start_worker, &run.worker[i]);
    while (run.disorder ? pieces < 100 : atomic_load(&run.done) < THREADS) {
        one_piece();
        if (++pieces > 20000)
            host_machine_fail("does not end: %u of %d done", atomic_load(&run.done), THREADS);
    }
    printf("seed %llu: %u CPUs, %s, %u pieces, %llu actions, %llu switches\n",
           (unsigned long long)seed, cpus, run.disorder ? "disorder" : "order", pieces,
           (unsigned long long)host_machine_steps(), (unsigned long long)host_machine_switches());
    host_machine_call(0, end_all, NULL);
    world_wait_for_tasks();
    world_check_accounts();
    host_machine_end();
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t seed = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 60);
    run.threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    return world_runs(one_run, seed, runs) ? 0 : 1;
}
