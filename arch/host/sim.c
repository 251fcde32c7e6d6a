/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The deterministic driver. Every simulated CPU is a coroutine; all run on the host thread of the
 * controller, one at a time, and the seed decides where one gives way to another.
 *
 * Virtual time moves a little at every point where CPUs may change, and jumps when nobody has
 * anything to do: to the next alarm, or to the end of the shortest computation. So computations of
 * several CPUs overlap as they would.
 *
 * G1 A CPU that spins (arch_cpu_relax) gives way to another, so that whoever it waits for gets on.
 * G2 When MANY_SPINS relaxes follow each other and nobody does anything else, all CPUs wait for
 *    each other.
 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif
#ifdef HAVE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum {
    STACK_SIZE = 256 * 1024,
    GUARD_SIZE = 64 * 1024,
    MANY_SPINS = 100000,
    MANY_POINTS = 20000000, /* points without a user action, an idle moment or a CPU at rest */
};

struct host_fiber {
    ucontext_t context;
    struct host_cpu *cpu; /* NULL: the controller */
    void *stack;          /* lowest usable address */
    size_t stack_size;
    void *fake_stack; /* the address sanitizer's, while switched away */
    void *tsan;
};

static struct {
    struct host_fiber fiber[MAX_CPUS], controller;
    struct host_fiber *running, *before; /* and who ran before it */
    unsigned rarity;                     /* give way at one of 2^rarity points */
    unsigned rarity_left;                /* points until another rarity is drawn */
    struct host_cpu *stalled;            /* stays behind, though it could go on */
    unsigned stall_left;                 /* switches until it may go on */
    unsigned code_left; /* basic blocks until a CPU may give way within kernel code */
    uint64_t spins;     /* G2 */
    uint64_t points;    /* since anybody was at a boundary */
} sim;

static struct host_machine *const m = &host_machine;

/* --- coroutines --- */

static void switched_in(struct host_fiber *self)
{
#ifdef HAVE_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (sim.before == &sim.controller) { /* of this stack only the sanitizer knows the bounds */
        sim.controller.stack = (void *)(uintptr_t)bottom;
        sim.controller.stack_size = size;
    }
#endif
    host_this = self->cpu;
    host_on_cpu = self->cpu != NULL;
    if (self->cpu)
        host_self = self->cpu->record;
}

static void switch_to(struct host_fiber *next)
{
    struct host_fiber *self = sim.running;
    if (next == self)
        return;
    m->switches++;
    host_hash((next->cpu ? next->cpu->index : MAX_CPUS) ^ atomic_load(&m->now) << 8);
    sim.before = self;
    sim.running = next;
#ifdef HAVE_ASAN
    __sanitizer_start_switch_fiber(&self->fake_stack, next->stack, next->stack_size);
#endif
#ifdef HAVE_TSAN
    __tsan_switch_to_fiber(next->tsan, 0);
#endif
    if (swapcontext(&self->context, &next->context) != 0)
        abort();
    switched_in(self);
}

static void fiber_main(void)
{
    struct host_fiber *self = sim.running;
    switched_in(self);
    host_cpu_main(self->cpu);
}

static void make_fiber(struct host_fiber *fiber, struct host_cpu *cpu)
{
    char *area = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || mprotect(area + GUARD_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE) != 0)
        host_machine_fail("no memory for the stack of a CPU");
    *fiber = (struct host_fiber){.cpu = cpu, .stack = area + GUARD_SIZE, .stack_size = STACK_SIZE};
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_SIZE;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, fiber_main, 0);
#ifdef HAVE_TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
}

/* --- who goes on --- */

static bool at_rest(const struct host_cpu *cpu)
{
    return cpu->state == CPU_SLEEP || cpu->state == CPU_PARKED;
}

static bool can_run(const struct host_cpu *cpu)
{
    switch (cpu->state) {
    case CPU_RUN: return true;
    case CPU_SLEEP:
        if (!atomic_load(&m->draining) && cpu->wake <= atomic_load(&m->now))
            return true;
        [[fallthrough]];
    case CPU_PARKED: return host_cpu_has_event(cpu, ~0u);
    default: return false;
    }
}

/* Nobody can run: let time pass until somebody can. False: nobody ever will, or the run's time is
 * over. */
static bool pass_time(void)
{
    ticks_t next = TICKS_NEVER, limit = atomic_load(&m->time_limit);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        const struct host_cpu *cpu = &m->cpu[i];
        if (cpu->state == CPU_SLEEP && cpu->wake < next)
            next = cpu->wake;
    }
    if (atomic_load(&m->draining))
        return false;
    if (next > limit) {
        atomic_store(&m->now, limit > atomic_load(&m->now) ? limit : atomic_load(&m->now));
        host_ask_stop(HOST_STOP_TIME);
        return false;
    }
    if (next == TICKS_NEVER) {
        host_ask_stop(HOST_STOP_QUIET);
        return false;
    }
    atomic_store(&m->now, next);
    return true;
}

/* A CPU that can run, by lot; `except` only if there is no other. NULL: none. */
static struct host_cpu *draw(const struct host_cpu *except)
{
    struct host_cpu *able[MAX_CPUS];
    unsigned count = 0;
    if (sim.stalled && sim.stall_left-- == 0)
        sim.stalled = NULL;
    for (unsigned i = 0; i < m->config.cpus; i++) {
        struct host_cpu *cpu = &m->cpu[i];
        if (cpu != except && cpu != sim.stalled && can_run(cpu))
            able[count++] = cpu;
    }
    if (count)
        return able[host_random_below(&m->random, count)];
    if (sim.stalled && sim.stalled != except && can_run(sim.stalled))
        return sim.stalled;
    return except && can_run(except) ? (struct host_cpu *)(uintptr_t)except : NULL;
}

static void give_way(const struct host_cpu *except)
{
    struct host_cpu *next;
    while (!(next = draw(except)))
        if (!pass_time())
            break;
    if (next) {
        next->state = CPU_RUN;
        switch_to(&sim.fiber[next->index]);
    } else {
        switch_to(&sim.controller);
    }
}

/* How often CPUs change is drawn anew now and then, so that short and long races both come up. */
static bool time_to_change(void)
{
    if (sim.rarity_left-- == 0) {
        sim.rarity = (unsigned)host_random_below(&m->random, 8);
        sim.rarity_left = 64 + (unsigned)host_random_below(&m->random, 512);
        if (host_random_below(&m->random, 4) == 0 && !atomic_load(&m->draining)) {
            sim.stalled = &m->cpu[host_random_below(&m->random, m->config.cpus)];
            sim.stall_left = (unsigned)host_random_below(&m->random, 200);
        }
    }
    return (host_random(&m->random) & ((1u << sim.rarity) - 1)) == 0;
}

/* --- the driver --- */

static void progress(void)
{
    sim.spins = 0;
    if (++sim.points > MANY_POINTS)
        host_machine_fail("the kernel is busy and no user action gets done");
}

static void sim_sim_point(struct host_cpu *cpu)
{
    (void)cpu;
    progress();
    atomic_fetch_add(&m->now, 1);
    if (time_to_change())
        give_way(NULL);
}

/*
 * Kernel code that is compiled with -fsanitize-coverage=trace-pc calls this at every basic block:
 * so CPUs also change in the middle of what takes no lock, between any two accesses with a branch
 * between them.
 */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (!host_on_cpu || m->config.threads || sim.code_left-- != 0)
        return;
    sim.code_left = (unsigned)host_random_below(&m->random, 16u << sim.rarity);
    give_way(NULL);
}

static void sim_relax(struct host_cpu *cpu)
{
    cpu->spins++;
    atomic_fetch_add(&m->now, 1);
    if (++sim.spins > MANY_SPINS) {
        if (!m->config.quiet) {
            fprintf(stderr, "all CPUs wait for each other\n");
            host_report_cpus();
        }
        atomic_store(&m->draining, true);
        atomic_store(&m->stop, HOST_STOP_DEADLOCK);
        switch_to(&sim.controller);
    }
    give_way(cpu);
}

static void sim_boundary(struct host_cpu *cpu)
{
    progress();
    sim.points = 0;
    cpu->spins = 0;
    if (atomic_load(&m->now) >= atomic_load(&m->time_limit))
        host_ask_stop(HOST_STOP_TIME);
    atomic_fetch_add(&m->now, 1 + host_random_below(&m->random, 8));
    if (atomic_load(&m->draining) && !host_cpu_has_event(cpu, ~0u)) {
        cpu->state = CPU_PARKED;
        give_way(NULL);
    } else if (host_random_below(&m->random, 4) == 0) {
        give_way(NULL);
    }
}

static void sim_wait(struct host_cpu *cpu, ticks_t until, bool idle)
{
    (void)idle;
    if (host_cpu_has_event(cpu, ~0u))
        return;
    cpu->wake = until;
    cpu->state = CPU_SLEEP;
    give_way(NULL);
}

static void sim_kick(struct host_cpu *cpu)
{
    (void)cpu; /* can_run() looks at the events */
}

static void sim_leave(struct host_cpu *cpu)
{
    cpu->state = CPU_HALTED;
    give_way(NULL);
    host_machine_fail("a halted CPU runs");
}

static void sim_start_cpu(struct host_cpu *cpu)
{
    struct host_fiber *fiber = &sim.fiber[cpu->index];
    make_fiber(fiber, cpu);
    cpu->stack_low = (vaddr_t)(uintptr_t)fiber->stack;
    cpu->stack_high = cpu->stack_low + STACK_SIZE;
    cpu->state = CPU_RUN;
}

static enum host_stop sim_run(void)
{
    struct cpu *outside = host_self;
    sim.running = &sim.controller;
    sim.spins = sim.points = 0;
#ifdef HAVE_TSAN
    sim.controller.tsan = __tsan_get_current_fiber();
#endif
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpu[i].state == CPU_PARKED)
            m->cpu[i].state = CPU_RUN;
    give_way(NULL);
    host_self = outside;
    if (atomic_load(&m->stop) == HOST_STOP_DEADLOCK)
        return HOST_STOP_DEADLOCK;
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpu[i].state == CPU_RUN)
            host_machine_fail("cpu %u did not come to rest", i);
        else if (at_rest(&m->cpu[i]) && m->cpu[i].record->reschedule)
            host_machine_fail("cpu %u rests though it is to reschedule", i);
    return atomic_load(&m->stop);
}

static void sim_end(void)
{
    for (unsigned i = 0; i < m->config.cpus; i++)
        if (m->cpu[i].state != CPU_OFF) {
            munmap((char *)sim.fiber[i].stack - GUARD_SIZE, STACK_SIZE + GUARD_SIZE);
#ifdef HAVE_TSAN
            __tsan_destroy_fiber(sim.fiber[i].tsan);
#endif
        }
    memset(&sim, 0, sizeof(sim));
}

const struct host_driver host_sim_driver = {
    .start_cpu = sim_start_cpu,
    .sim_point = sim_sim_point,
    .relax = sim_relax,
    .boundary = sim_boundary,
    .wait = sim_wait,
    .kick = sim_kick,
    .leave = sim_leave,
    .run = sim_run,
    .end = sim_end,
};
