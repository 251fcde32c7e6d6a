/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs on the portable kernel. Threads yield, sleep, wait, wake, compute, touch memory,
 * make and end threads and tasks, change their priority and CPUs; the controller ends, suspends and
 * resumes tasks and threads, aborts what threads do, copies their registers, moves them about. Each script keeps a model of its thread and checks what every
 * trap returned; at rest the invariants of kern/sched.h and kern/thread.h are checked; at the end
 * the accounts balance.
 *
 *      test_random [threads|repeats]   WHARF_SEED, WHARF_STEPS, WHARF_RUNS, WHARF_CPUS
 */
#include "kernel_world.h"

#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/region.h>
#include <kern/sched.h>
#include <kern/trace.h>
#include <string.h>
#include <unistd.h>
#include <wharf/trap.h>

enum { MAX_TASKS = 8, MAX_MODELS = 1 << 20, WORDS = 4, MAX_THREADS = 12, CHECK_EVERY = 500 };

/* What a script knows of its thread. Only the CPU that runs the thread uses it. */
struct model {
    uint64_t random;
    uint64_t trap;    /* the last action's trap, ~0: it was none */
    uint64_t args[6]; /* of it */
    nanos_t called;   /* when */
    uint32_t id;
    unsigned misplaced; /* actions in a row on a CPU that its affinity forbids */
    uint64_t region;    /* of vm_allocate, 0: none */
};

static struct {
    uint64_t seed;
    bool threads;
    struct task *task[MAX_TASKS]; /* references; the controller's */
    uint64_t random;              /* the controller's */
    uint64_t exception_rate;      /* one action in so many crashes its task */
} run;
static struct model *models;
static _Atomic uint32_t models_used;

static const struct world_config *run_config;

/* --- what a trap returned --- */

#define EXPECT(condition)                                                             \
    do {                                                                              \
        if (!(condition))                                                             \
            host_machine_fail("thread %u, trap %llu returned %lld: not %s", t->id,    \
                              (unsigned long long)m->trap, (long long)r, #condition); \
    } while (0)

static void check_wait(const struct thread *t, const struct model *m, int64_t r)
{
    EXPECT(r == 0 || r == -KERN_RETRY || r == -KERN_OPERATION_TIMED_OUT || r == -KERN_ABORTED);
    if (r == -KERN_OPERATION_TIMED_OUT)
        EXPECT(m->args[2] != NANOS_NEVER && clock_now() >= m->args[2]);
}

static void check_memory(const struct thread *t, struct model *m, int64_t r)
{
    if (m->trap == TRAP_vm_allocate) {
        EXPECT(r == -KERN_RESOURCE_SHORTAGE || (r > 0 && r % (int64_t)PAGE_SIZE == 0));
        m->region = r > 0 ? (uint64_t)r : 0;
    } else if (m->trap == TRAP_vm_deallocate) {
        EXPECT(r == 0);
        m->region = 0;
    } else {
        EXPECT(r == 0 || r == -KERN_RESOURCE_SHORTAGE || r == -KERN_ABORTED);
    }
}

static void check_result(const struct thread *t, struct model *m)
{
    int64_t r = (int64_t)t->arch.x[0];
    switch (m->trap) {
    case TRAP_thread_self: EXPECT(r != 0 && r == t->self_name); break;
    case TRAP_futex_wait: check_wait(t, m, r); break;
    case TRAP_futex_wake: EXPECT(r >= 0 && r <= (int64_t)m->args[1]); break;
    case TRAP_thread_create:
        EXPECT(r > (int64_t)t->id || r == -KERN_RESOURCE_SHORTAGE || r == -KERN_LIMIT ||
               r == -KERN_INVALID_TASK);
        break;
    case TRAP_clock_now: EXPECT((nanos_t)r >= m->called && (nanos_t)r <= clock_now()); break;
    case TRAP_sleep_until:
        EXPECT((r == 0 && clock_now() >= m->args[0]) || r == -KERN_ABORTED);
        break;
    case TRAP_vm_allocate:
    case TRAP_vm_deallocate:
    case TRAP_vm_protect: check_memory(t, m, r); break;
    case TRAP_thread_exit:
    case TRAP_task_exit: host_machine_fail("thread %u is back from its end", t->id);
    case TRAP_thread_set_affinity:
        EXPECT(r == (m->args[0] & ((UINT64_C(1) << cpu_count) - 1) ? 0 : -KERN_INVALID_ARGUMENT));
        break;
    case TRAP_thread_switch:
    case TRAP_thread_set_priority: EXPECT(r == 0); break;
    case 1000: EXPECT(r == -KERN_INVALID_TRAP); break;
    default: break;
    }
}

/* --- what a thread does next --- */

static uint64_t below(struct model *m, uint64_t bound)
{
    return host_random_below(&m->random, bound);
}

static void trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    next->kind = HOST_TRAP;
    next->number = number;
    next->args[0] = a0;
    next->args[1] = a1;
    next->args[2] = a2;
}

static vaddr_t word(struct model *m)
{
    return WORLD_WORDS_VA + 4 * below(m, WORDS);
}

/* A moment mostly a few microseconds, at times two milliseconds away; now and then in the past. */
static nanos_t soon(struct model *m)
{
    if (below(m, 8) == 0)
        return clock_now() - below(m, 1000);
    return clock_now() + below(m, below(m, 16) ? 20000 : 2000000);
}

static void choose_wait(struct model *m, struct host_action *next)
{
    switch (below(m, 8)) {
    case 0:
        trap(next, TRAP_futex_wait, word(m), below(m, 3), below(m, 4) ? soon(m) : NANOS_NEVER);
        break;
    case 1:
    case 2: trap(next, TRAP_futex_wait, word(m), below(m, 3), soon(m)); break;
    case 3: trap(next, TRAP_sleep_until, soon(m), 0, 0); break;
    case 4:
        *next = (struct host_action){.kind = HOST_TOUCH,
                                     .va = word(m),
                                     .access = ACCESS_WRITE,
                                     .value = below(m, 3)};
        break;
    default: trap(next, TRAP_futex_wake, word(m), below(m, 40), 0); break;
    }
}

static void choose_memory(struct model *m, struct host_action *next)
{
    static const unsigned prots[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE,
                                     PROT_READ | PROT_EXECUTE};
    if (!m->region)
        trap(next, TRAP_vm_allocate, PAGE_SIZE * (1 + below(m, 24)), 0, 0);
    else if (below(m, 2))
        trap(next, TRAP_vm_protect, m->region, 1, prots[below(m, 4)]);
    else
        trap(next, TRAP_vm_deallocate, m->region, 0, 0); /* the size is filled in below */
}

static void choose_thread(const struct thread *t, struct model *m, struct host_action *next)
{
    switch (below(m, 8)) {
    case 0:
    case 1:
        trap(next, TRAP_thread_create, 0x10000, 0x20000, below(m, 1000));
        next->args[3] = below(m, 1000);
        next->args[4] = 1 + below(m, 255);
        break;
    case 2:
        trap(next, TRAP_thread_set_affinity, host_random(&m->random), 0, 0);
        if (below(m, 4) == 0)
            next->args[0] &= UINT64_C(1) << below(m, 8);
        break;
    case 3: trap(next, TRAP_thread_set_priority, 1 + below(m, 255), 0, 0); break;
    case 4:
        if (below(m, 2) == 0)
            break;
        trap(next, below(m, 40) == 0 ? TRAP_task_exit : TRAP_thread_exit, below(m, 256), 0, 0);
        break;
    default: trap(next, TRAP_thread_self, 0, 0, 0); break;
    }
    (void)t;
}

static void choose(const struct thread *t, struct model *m, struct host_action *next)
{
    if (run.exception_rate && below(m, run.exception_rate) == 0) {
        *next = (struct host_action){.kind = HOST_TOUCH, .va = 0x7000, .access = ACCESS_READ};
        if (below(m, 2))
            next->kind = HOST_EXCEPTION;
        return;
    }
    switch (below(m, 16)) {
    case 0:
    case 1: choose_thread(t, m, next); break;
    case 2: choose_memory(m, next); break;
    case 3:
        *next =
            (struct host_action){.kind = HOST_BURN, .ticks = below(m, below(m, 32) ? 500 : 500000)};
        break;
    case 4: *next = (struct host_action){.kind = HOST_FP, .value = host_random(&m->random)}; break;
    case 5: trap(next, below(m, 8) ? TRAP_clock_now : 1000, 0, 0, 0); break;
    case 6:
        *next = (struct host_action){.kind = HOST_TOUCH, .va = word(m), .access = ACCESS_READ};
        break;
    case 7:
    case 8: trap(next, TRAP_thread_switch, 0, 0, 0); break;
    default: choose_wait(m, next); break;
    }
}

static struct model *model_of(struct thread *t)
{
    struct model *m = t->arch.program.data;
    if (m)
        return m;
    uint32_t number = atomic_fetch_add_explicit(&models_used, 1, memory_order_relaxed);
    if (number >= MAX_MODELS)
        host_machine_fail("more than %d threads", MAX_MODELS);
    m = t->arch.program.data = &models[number];
    *m = (struct model){.random = run.seed * 1000003 + t->id, .trap = ~UINT64_C(0), .id = t->id};
    if (t->arch.x[0] != t->arch.program.arg || t->arch.program.entry != 0x10000)
        host_machine_fail("thread %u starts with wrong registers", t->id);
    return m;
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    struct model *m = model_of(t);
    (void)context;
    if (m->id != t->id)
        host_machine_fail("thread %u has the program of thread %u", t->id, m->id);
    check_result(t, m);
    /* Who was moved from outside may do a few more actions before it goes. */
    bool allowed = atomic_load_explicit(&t->affinity, memory_order_relaxed) >> cpu & 1;
    m->misplaced = allowed ? 0 : m->misplaced + 1;
    if (m->misplaced > 100)
        host_machine_fail("thread %u runs on cpu %u, its affinity is %llx", t->id, cpu,
                          (unsigned long long)t->affinity);
    choose(t, m, next);
    m->trap = next->kind == HOST_TRAP ? next->number : ~UINT64_C(0);
    if (m->trap == TRAP_vm_allocate)
        m->args[5] = next->args[0];
    if (m->trap == TRAP_vm_deallocate)
        next->args[1] = m->args[5];
    uint64_t size = m->args[5];
    memcpy(m->args, next->args, sizeof(m->args));
    m->args[5] = size;
    m->called = clock_now();
}

/* --- the controller's actions; kernel context --- */

struct job {
    struct task **slot;
    uint64_t random;
};

static void make_task(struct job *job)
{
    unsigned priority = 1 + (unsigned)host_random_below(&job->random, 255);
    if (world_task("random", 7, priority, job->slot, NULL) == KERN_SUCCESS)
        ledger_set_limit((*job->slot)->ledger, LEDGER_THREADS, MAX_THREADS);
}

/* Any thread of the task, with a reference; NULL: none. */
static struct thread *pick_thread(struct task *task, uint64_t n)
{
    struct thread *thread, *found = NULL;
    spin_lock(&task->lock);
    n = task->thread_count ? n % task->thread_count : 0;
    list_for_each(thread, &task->threads, task_link)
        if (n-- == 0)
            thread_ref(found = thread);
    spin_unlock(&task->lock);
    return found;
}

/* A call that would have to be repeated is not. */
static void control_thread(struct job *job, struct thread *thread)
{
    struct thread_state_general state;
    size_t size = sizeof(state);
    uint64_t progress = 0;
    switch (host_random_below(&job->random, 6)) {
    case 0: (void)thread_suspend(thread, &progress); break;
    case 1:
    case 2: (void)thread_resume_count(thread); break;
    case 3: (void)thread_abort(thread); break;
    case 4: (void)thread_abort_safely(thread); break;
    default:
        if (thread_get_state(thread, THREAD_STATE_GENERAL, &state, &size) == KERN_SUCCESS)
            (void)thread_set_state(thread, THREAD_STATE_GENERAL, &state, size);
    }
}

static void control_task(struct job *job)
{
    uint64_t progress = 0;
    if (host_random_below(&job->random, 3) == 0)
        (void)task_suspend(*job->slot, &progress);
    else
        (void)task_resume(*job->slot, &progress);
}

static void change_thread(struct job *job)
{
    struct thread *thread = pick_thread(*job->slot, host_random(&job->random));
    if (!thread)
        return;
    switch (host_random_below(&job->random, 8)) {
    case 0: thread_terminate(thread); break;
    case 2:
    case 3:
    case 4:
    case 5: control_thread(job, thread); break;
    case 1: (void)sched_set_affinity(thread, host_random(&job->random)); break;
    default: sched_set_priority(thread, 1 + (unsigned)host_random_below(&job->random, 255)); break;
    }
    thread_unref(thread);
}

static void do_job(void *argument)
{
    struct job *job = argument;
    if (!*job->slot)
        make_task(job);
    else if (host_random_below(&job->random, 24) == 0)
        task_terminate(*job->slot, 3, false);
    else if (host_random_below(&job->random, 8) == 0)
        control_task(job);
    else
        change_thread(job);
}

static void end_task(void *argument)
{
    task_terminate(argument, 3, false);
}

static void drop_reference(void *argument)
{
    task_unref(argument);
}

/* Several CPUs do something to tasks while the others go on. Tasks that ended are let go before. */
static void interfere(void)
{
    static struct job job[MAX_CPUS];
    for (unsigned i = 0; i < MAX_TASKS; i++)
        if (run.task[i] && run.task[i]->thread_count == 0) {
            host_machine_call((unsigned)host_random_below(&run.random, cpu_count), drop_reference,
                              run.task[i]);
            run.task[i] = NULL;
        }
    uint64_t first = host_random(&run.random);
    for (unsigned i = 0; i < cpu_count; i++) {
        if (host_random_below(&run.random, 2))
            continue;
        uint64_t slot = (first + i) % MAX_TASKS; /* two must not fill one empty slot */
        if (run.task[first % MAX_TASKS] && host_random_below(&run.random, 2))
            slot = first % MAX_TASKS;
        job[i] = (struct job){&run.task[slot], host_random(&run.random)};
        host_machine_post(i, do_job, &job[i]);
    }
}

static void finish(void)
{
    for (unsigned i = 0; i < MAX_TASKS; i++)
        if (run.task[i]) {
            host_machine_call(i % cpu_count, end_task, run.task[i]);
            host_machine_call(i % cpu_count, drop_reference, run.task[i]);
            run.task[i] = NULL;
        }
    world_wait_for_tasks();
    world_check_accounts();
}

/* --- runs --- */

static uint64_t hash_trace(void)
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        for (unsigned n = 0; n < TRACE_RING_EVENTS; n++) {
            const struct trace_event *e = &cpu_record[i].trace.event[n];
            hash = (hash ^ e->when ^ (uint64_t)e->number << 48) * UINT64_C(0x100000001b3);
        }
    return hash ^ cpu_record[0].trace.head;
}

static uint64_t run_steps(uint64_t steps)
{
    while (host_machine_steps() < steps) {
        interfere();
        enum host_stop stop = host_machine_run(1 + host_random_below(&run.random, CHECK_EVERY),
                                               arch_counter() + arch_counter_frequency() / 50);
        if (stop == HOST_STOP_DEADLOCK)
            host_machine_fail("dead-lock");
        world_check(run.task, MAX_TASKS);
    }
    uint64_t hash = host_machine_hash() ^ hash_trace();
    finish();
    return hash;
}

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument, steps = parameter("WHARF_STEPS", 10000);
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + seed % MAX_CPUS);
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu test_random%s",
             (unsigned long long)seed, (unsigned long long)steps, run.threads ? " threads" : "");
    host_set_repeat_line(line);
    models = calloc(MAX_MODELS, sizeof(struct model));
    run.seed = run.random = seed;
    run.exception_rate = seed % 3 == 0 ? 3000 : 0;
    struct world_config config = {.seed = seed,
                                  .cpus = cpus,
                                  .threads = run.threads,
                                  .script = script};
    run_config = &config;
    world_start(&config);
    uint64_t hash = run_steps(steps);
    printf("seed %llu: %u CPUs, %llu actions, %llu switches, %u threads, %llu times idle with work "
           "elsewhere, hash %016llx\n",
           (unsigned long long)seed, cpus, (unsigned long long)host_machine_steps(),
           (unsigned long long)host_machine_switches(), atomic_load(&models_used),
           (unsigned long long)world_idle_with_work, (unsigned long long)hash);
    host_machine_end();
    free(models);
    models = NULL;
}

/* The same seed twice: the two print the same line, byte for byte. Children begin with equal
 * memory, so even addresses that go into decisions (hashed locks, pairs of locks) are the same. */
static int repeats(uint64_t seed)
{
    char text[2][400];
    for (unsigned i = 0; i < 2; i++) {
        FILE *file = tmpfile();
        int out = dup(STDOUT_FILENO);
        fflush(stdout);
        dup2(fileno(file), STDOUT_FILENO);
        bool ok = world_in_child(one_run, &seed);
        dup2(out, STDOUT_FILENO);
        close(out);
        rewind(file);
        if (!ok || !fgets(text[i], sizeof(text[i]), file))
            return 1;
        fclose(file);
        printf("%s", text[i]);
    }
    if (strcmp(text[0], text[1]) == 0)
        return 0;
    printf("the same seed gave two different runs\n");
    return 1;
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t seed = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 20);
    run.threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    if (argc > 1 && strcmp(argv[1], "repeats") == 0)
        return repeats(seed + 3) | repeats(seed + 6);
    if (runs == 1) { /* for debuggers: no child */
        one_run(&seed);
        return 0;
    }
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t this_seed = seed + i;
        if (!world_in_child(one_run, &this_seed))
            return 1;
    }
    return 0;
}
