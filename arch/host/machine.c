/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start and stop of the simulated machine, and the life of each of its CPUs: out of the kernel,
 * look for interrupts, do a user action or idle, into the kernel again.
 */
#include "machine.h"

#include <arch/irq.h>
#include <arch/upcalls.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct host_machine host_machine;
_Thread_local struct host_cpu *host_this;

static const char *repeat_line = "(the test did not say)";

uint64_t host_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void host_hash(uint64_t value)
{
    if (!host_machine.config.threads)
        host_machine.hash = (host_machine.hash ^ value) * UINT64_C(0x100000001b3) + (value >> 29);
}

uint64_t host_machine_hash(void)
{
    return host_machine.hash;
}

uint64_t host_machine_steps(void)
{
    return atomic_load(&host_machine.steps);
}

uint64_t host_machine_switches(void)
{
    return host_machine.switches;
}

ticks_t host_machine_alarm(unsigned cpu)
{
    return atomic_load(&host_machine.cpu[cpu].alarm);
}

enum arch_reset host_machine_reset_kind(void)
{
    return host_machine.reset_kind;
}

void host_set_repeat_line(const char *line)
{
    repeat_line = line;
}

void host_ask_stop(enum host_stop why)
{
    bool already = false;
    if (atomic_compare_exchange_strong(&host_machine.draining, &already, true))
        atomic_store(&host_machine.stop, why);
}

bool host_cpu_has_event(const struct host_cpu *cpu, uint32_t events)
{
    return (atomic_load_explicit(&((struct host_cpu *)(uintptr_t)cpu)->events,
                                 memory_order_acquire) &
            events) != 0 ||
           atomic_load(&((struct host_cpu *)(uintptr_t)cpu)->alarm) <=
               atomic_load(&host_machine.now);
}

void host_post_event(struct host_cpu *cpu, uint32_t event)
{
    atomic_fetch_or_explicit(&cpu->events, event, memory_order_acq_rel);
    host_machine.driver->kick(cpu);
}

/* --- reports --- */

static void report_locks(const struct host_cpu *cpu)
{
    static const char *const state_name[] = {"off", "running", "asleep", "parked", "halted"};
    const struct lock_check *check = &cpu->record->lock_check;
    fprintf(stderr, "  cpu %u: %s, %llu spins, current %p, locks:", cpu->index,
            state_name[cpu->state], (unsigned long long)cpu->spins, (void *)cpu->record->current);
    for (uint32_t i = 0; i < check->depth && i < LOCK_CHECK_DEPTH; i++)
        fprintf(stderr, " %p (rank %u)", (const void *)check->held[i].lock,
                check->held[i].lock->rank);
    fprintf(stderr, check->depth ? "\n" : " none\n");
}

void host_report_cpus(void)
{
    fprintf(stderr, "host machine: seed %llu, %u CPUs, time %llu, %llu actions, %llu switches\n",
            (unsigned long long)host_machine.config.seed, host_machine.config.cpus,
            (unsigned long long)atomic_load(&host_machine.now),
            (unsigned long long)host_machine_steps(), (unsigned long long)host_machine.switches);
    for (unsigned i = 0; i < host_machine.config.cpus; i++)
        if (host_machine.cpu[i].state != CPU_OFF)
            report_locks(&host_machine.cpu[i]);
}

void host_machine_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "%s\nFAILED: ", host_console_text());
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    if (host_machine.driver)
        host_report_cpus();
    fprintf(stderr, "repeat with: %s\n", repeat_line);
    abort();
}

/* --- the life of a CPU --- */

/* What must hold whenever the kernel has been left. */
static void check_exit(struct host_cpu *cpu)
{
    struct thread *t = cpu->record->current;
    if (arch_cpu_self() != cpu->record)
        host_machine_fail("cpu %u left the kernel as another CPU", cpu->index);
    if (!lock_check_none_held())
        host_machine_fail("cpu %u left the kernel with a lock held", cpu->index);
    if (!t)
        return;
    uint32_t state = atomic_load_explicit(&t->state, memory_order_relaxed);
    if (state != THREAD_RUNNING)
        host_machine_fail("cpu %u resumes thread %u, whose state is %u", cpu->index, t->id, state);
    if (cpu->record->arch.loaded != &t->arch)
        host_machine_fail("cpu %u resumes thread %u without arch_thread_switch()", cpu->index,
                          t->id);
    if (t->task && cpu->record->pmap != t->task->pmap)
        host_machine_fail("cpu %u resumes thread %u in another address space", cpu->index, t->id);
    if (host_machine.config.threads)
        return; /* what follows belongs to others */
    if (t->runnable.cpu != cpu->index)
        host_machine_fail("thread %u on cpu %u thinks it is on %u", t->id, cpu->index,
                          t->runnable.cpu);
    for (unsigned i = 0; i < host_machine.config.cpus; i++) {
        const struct host_cpu *other = &host_machine.cpu[i];
        if (other != cpu && other->record && other->record->current == t)
            host_machine_fail("thread %u runs on cpus %u and %u", t->id, cpu->index, i);
    }
}

static void leave_kernel(struct host_cpu *cpu)
{
    while (atomic_load(&cpu->record->reschedule))
        kern_schedule();
    check_exit(cpu);
}

static void take_call(struct host_cpu *cpu)
{
    void (*call)(void *argument) = cpu->call;
    call(cpu->call_argument);
    atomic_fetch_and(&cpu->events, ~(uint32_t)EVENT_CALL);
}

/* A posted call comes at any time before the machine rests. */
static bool call_arrives(struct host_cpu *cpu)
{
    if (!(atomic_load(&cpu->events) & EVENT_CALL))
        return false;
    uint64_t *random = host_machine.config.threads ? &cpu->random : &host_machine.random;
    return !cpu->record->current || atomic_load(&host_machine.draining) ||
           host_random_below(random, 16) == 0;
}

/* Interrupts need not arrive before the very next user action. */
static bool interrupt_arrives(struct host_cpu *cpu)
{
    if (!host_irq_pending())
        return false;
    return host_machine.config.threads || !cpu->record->current ||
           atomic_load(&host_machine.draining) || host_random_below(&host_machine.random, 4) != 0;
}

void host_cpu_main(struct host_cpu *cpu)
{
    if (cpu->boots)
        host_machine.config.boot(host_machine.config.context);
    else
        kern_secondary(cpu->record);
    for (;;) {
        leave_kernel(cpu);
        host_machine.driver->boundary(cpu);
        if (atomic_load(&cpu->events) & EVENT_HALT)
            host_machine.driver->leave(cpu);
        if (call_arrives(cpu))
            take_call(cpu);
        else if (interrupt_arrives(cpu))
            arch_irq_poll();
        else if (cpu->record->current)
            host_user_step(cpu, cpu->record->current);
        else
            host_machine.driver->wait(cpu, atomic_load(&cpu->alarm), true);
    }
}

/* --- the controller --- */

static enum host_stop run(uint64_t steps, ticks_t until)
{
    uint64_t done = atomic_load(&host_machine.steps);
    atomic_store(&host_machine.step_limit, steps > UINT64_MAX - done ? UINT64_MAX : done + steps);
    atomic_store(&host_machine.time_limit, until);
    atomic_store(&host_machine.draining, steps == 0);
    atomic_store(&host_machine.stop, HOST_STOP_STEPS);
    return host_machine.driver->run();
}

enum host_stop host_machine_start(const struct host_config *config)
{
    struct host_machine *m = &host_machine;
    if (m->driver || config->cpus < 1 || config->cpus > MAX_CPUS)
        host_machine_fail("host_machine_start: a machine is there, or %u CPUs", config->cpus);
    m->config = *config;
    m->driver = config->threads ? &host_threads_driver : &host_sim_driver;
    m->random = config->seed;
    m->hash = UINT64_C(0xcbf29ce484222325);
    m->switches = 0;
    atomic_store(&m->steps, 0);
    atomic_store(&m->now, 1000 + config->seed % 1000);
    pthread_mutex_init(&m->lock, NULL);
    host_irq_reset();
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        m->cpu[i] = (struct host_cpu){.index = i, .boots = i == 0, .alarm = TICKS_NEVER};
        m->cpu[i].random = config->seed + i;
        m->cpu[i].record = &cpu_record[i];
        m->cpu[i].record->arch.index = i;
    }
    m->driver->start_cpu(&m->cpu[0]);
    return run(0, TICKS_NEVER);
}

enum host_stop host_machine_run(uint64_t steps, ticks_t until)
{
    return run(steps, until);
}

void host_machine_post(unsigned cpu, void (*function)(void *argument), void *argument)
{
    struct host_cpu *target = &host_machine.cpu[cpu];
    pthread_mutex_lock(&host_machine.lock);
    bool takes_part = target->state == CPU_PARKED || target->state == CPU_SLEEP;
    pthread_mutex_unlock(&host_machine.lock);
    if (!takes_part)
        host_machine_fail("host_machine_call: cpu %u takes no part", cpu);
    if (atomic_load(&target->events) & EVENT_CALL)
        host_machine_fail("host_machine_call: cpu %u has a call already", cpu);
    target->call = function;
    target->call_argument = argument;
    atomic_fetch_or(&target->events, EVENT_CALL); /* seen when the machine goes on */
}

enum host_stop host_machine_call_ends(unsigned cpu, void (*function)(void *argument),
                                      void *argument)
{
    host_machine_post(cpu, function, argument);
    return run(0, TICKS_NEVER);
}

void host_machine_call(unsigned cpu, void (*function)(void *argument), void *argument)
{
    (void)host_machine_call_ends(cpu, function, argument);
    if (atomic_load(&host_machine.cpu[cpu].events) & EVENT_CALL)
        host_machine_fail("host_machine_call: cpu %u did not take the call", cpu);
}

void host_time_jump(ticks_t distance)
{
    atomic_fetch_add(&host_machine.now, distance);
}

void host_machine_end(void)
{
    host_machine.driver->end();
    host_machine.driver = NULL;
}
