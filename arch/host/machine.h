/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the simulated machine, shared by the files of arch/host.
 *
 * machine.c   start, run, stop; the life of a CPU between kernel and user actions
 * user.c      user actions: traps, touches, computation
 * sim.c       deterministic driver: coroutines, virtual time, dead-lock detection
 * threads.c   driver with host threads
 * irq.c timer.c smp.c cpu.c thread.c console.c reset.c   the contract's functions
 */
#pragma once

#include <kern/cpu.h>
#include <machine/host_machine.h>
#include <pthread.h>
#include <stdatomic.h>

/* Reasons to interrupt a CPU. */
enum { EVENT_IPI = 1, EVENT_LINE = 2, EVENT_CALL = 4, EVENT_HALT = 8 };

enum host_cpu_state {
    CPU_OFF,
    CPU_RUN,    /* in the kernel, or about to do a user action */
    CPU_SLEEP,  /* idle or computing until `wake`; at rest */
    CPU_PARKED, /* between two user actions, because the controller wants to look */
    CPU_HALTED,
};

struct host_fiber;

struct host_cpu {
    unsigned index;
    struct cpu *record;           /* constant once started */
    bool boots;                   /* the first one: runs config.boot */
    _Atomic uint32_t events;      /* EVENT_* */
    _Atomic ticks_t alarm;        /* TICKS_NEVER: off. Written by its own CPU */
    enum host_cpu_state state;    /* machine lock in threads mode */
    ticks_t wake;                 /* CPU_SLEEP: when; likewise */
    uint64_t spins;               /* sim.c: relaxes since it last did something */
    uint64_t random;              /* threads mode: own row of random numbers */
    void (*call)(void *argument); /* EVENT_CALL; written by the controller while it is clear */
    void *call_argument;
    vaddr_t stack_low, stack_high; /* sim.c: of its coroutine */
    pthread_t thread;              /* threads.c */
};

/* How CPUs share the host. */
struct host_driver {
    void (*start_cpu)(struct host_cpu *cpu);
    void (*sim_point)(struct host_cpu *cpu);
    void (*relax)(struct host_cpu *cpu);
    /** Between user actions: a place to give way or to park. */
    void (*boundary)(struct host_cpu *cpu);
    /** Do nothing until `until` or an event. May return early. `idle`: as opposed to computing. */
    void (*wait)(struct host_cpu *cpu, ticks_t until, bool idle);
    /** An event was posted for `cpu`. */
    void (*kick)(struct host_cpu *cpu);
    /** This CPU is gone for good. */
    void (*leave)(struct host_cpu *cpu);
    /** Controller: let CPUs run until they come to rest. */
    enum host_stop (*run)(void);
    void (*end)(void);
};
extern const struct host_driver host_sim_driver, host_threads_driver;

struct host_machine {
    struct host_config config;
    const struct host_driver *driver; /* NULL: no machine */
    struct host_cpu cpu[MAX_CPUS];
    _Atomic ticks_t now;
    uint64_t random;        /* deterministic mode only */
    uint64_t hash;          /* likewise */
    _Atomic uint64_t steps; /* user actions done */
    _Atomic uint64_t step_limit;
    _Atomic ticks_t time_limit;
    _Atomic bool draining; /* CPUs come to rest */
    _Atomic uint32_t stop; /* enum host_stop: why */
    uint64_t switches;
    enum arch_reset reset_kind;
    pthread_mutex_t lock; /* threads mode: states, wakes */
};
extern struct host_machine host_machine;

/** The CPU that runs this code; only where host_on_cpu. */
extern _Thread_local struct host_cpu *host_this;

/** An alarm that is due, or an event among `events`. */
bool host_cpu_has_event(const struct host_cpu *cpu, uint32_t events);
void host_post_event(struct host_cpu *cpu, uint32_t event);
/** Come to rest because of `why`. The first reason stays. */
void host_ask_stop(enum host_stop why);
/** What every CPU does from its start on; never returns. */
[[gnu::noreturn]] void host_cpu_main(struct host_cpu *cpu);
/** One user action of the current thread, or the next part of one. */
void host_user_step(struct host_cpu *cpu, struct thread *thread);
void host_hash(uint64_t value);
/** Interrupts that wait: alarm, IPI, lines. */
void host_irq_reset(void);
/** Who spins and who holds what, to standard error. */
void host_report_cpus(void);
