/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs on the portable kernel. Threads yield, sleep, wait, wake, compute, touch memory,
 * make and end threads and tasks, change their priority and CPUs; the controller ends, suspends and
 * resumes tasks and threads, aborts what threads do, copies their registers, moves them about. Each
 * script keeps a model of its thread (random_model.h) and checks what every trap and every message
 * to a kernel object returned; at rest the invariants of kern/sched.h and kern/thread.h are checked;
 * at the end the accounts balance.
 *
 *      test_random [threads|repeats]   WHARF_SEED, WHARF_STEPS, WHARF_RUNS, WHARF_CPUS
 */
#include "kernel_calls.h"
#include "kernel_world.h"
#include "random_model.h"

#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/sched.h>
#include <kern/trace.h>
#include <string.h>
#include <unistd.h>
#include <wharf/trap.h>

enum { MAX_TASKS = 8, MAX_MODELS = 1 << 20, WORDS = 4, MAX_THREADS = 12, CHECK_EVERY = 500 };

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
    case 3:
        sleep_until(next, soon(m));
        m->sleeps = true;
        break;
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
    mach_port_name_t task = world_names.task;
    if (!m->memory)
        call_vm_allocate(next, task, m->size = PAGE_SIZE * (1 + below(m, 24)));
    else if (below(m, 2))
        call_vm_protect(next, task, m->memory, 1, prots[below(m, 4)]);
    else
        call_vm_deallocate(next, task, m->memory, m->size);
}

static void choose_thread(struct thread *t, struct model *m, struct host_action *next)
{
    uint64_t mask;
    switch (below(m, 8)) {
    case 0:
    case 1:
        call_create_thread(next, world_names.task, 0x10000, 0x20000, below(m, 1000), below(m, 1000),
                           1 + (uint32_t)below(m, 255));
        break;
    case 2:
        mask = host_random(&m->random);
        if (below(m, 4) == 0)
            mask &= UINT64_C(1) << below(m, 8);
        call_set_own_affinity(t, next, mask);
        break;
    case 3: call_set_own_priority(t, next, 1 + (uint32_t)below(m, 255)); break;
    case 4:
        if (below(m, 2) == 0)
            break;
        trap(next, below(m, 40) == 0 ? TRAP_task_exit : TRAP_thread_exit, below(m, 256), 0, 0);
        break;
    default: trap(next, TRAP_thread_self, 0, 0, 0); break;
    }
}

static void choose_clock(struct model *m, struct host_action *next)
{
    if (below(m, 8))
        call_clock_now(next, world_names.clock);
    else
        trap(next, below(m, 2) ? RETIRED : UNKNOWN, 0, 0, 0);
}

static void choose(struct thread *t, struct model *m, struct host_action *next)
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
    case 5: choose_clock(m, next); break;
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
    *m = (struct model){.random = run.seed * 1000003 + t->id, .trap = NO_TRAP, .id = t->id};
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
    model_check(t, m);
    /* Who was moved from outside may do a few more actions before it goes. */
    bool allowed = atomic_load_explicit(&t->affinity, memory_order_relaxed) >> cpu & 1;
    m->misplaced = allowed ? 0 : m->misplaced + 1;
    if (m->misplaced > 100)
        host_machine_fail("thread %u runs on cpu %u, its affinity is %llx", t->id, cpu,
                          (unsigned long long)t->affinity);
    m->sleeps = false;
    choose(t, m, next);
    uint32_t call = call_id(next);
    m->trap = call ? call : next->kind == HOST_TRAP ? next->number : NO_TRAP;
    for (unsigned i = 0; i < array_count(m->args); i++)
        m->args[i] = call ? call_word(next, i) : next->args[i];
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
    struct world_config config = {
        .seed = seed, .cpus = cpus, .threads = run.threads, .names = true, .script = script};
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
    return world_runs(one_run, seed, runs) ? 0 : 1;
}
