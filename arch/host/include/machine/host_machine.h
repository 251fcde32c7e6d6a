/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine, as tests see it: start it with a seed, run it, look at it while it stands
 * still.
 *
 * A machine has 1 to MAX_CPUS CPUs, physical memory and an MMU (machine/host_mmu.h), an interrupt
 * controller, an alarm per CPU and one counter. User programs are scripts: a callback that names
 * the next action of a thread.
 *
 * Deterministic mode: one host thread; CPUs are coroutines, and the seed decides where one gives
 * way to another (at arch_sim_point() and arch_cpu_relax(), and between user actions). The same
 * seed and scripts give the same run. Threads mode: every CPU is a host thread, for
 * ThreadSanitizer. Nothing repeats.
 *
 * The test's own code (the controller) runs while all CPUs stand between user actions or idle, with
 * every pending interrupt taken, no lock held and nothing half done: then it may look at all kernel
 * data.
 */
#pragma once

#include <arch/irq.h>
#include <arch/reset.h>
#include <arch/thread.h>
#include <kern/types.h>

struct thread;
struct cpu;

/** Name the next action of `thread`, on CPU `cpu`. arch.program tells how the last one ended. In
 *  threads mode several CPUs call it at once. */
typedef void host_script_t(struct thread *thread, unsigned cpu, struct host_action *next,
                           void *context);

struct host_config {
    uint64_t seed;
    unsigned cpus;
    bool threads;
    /** Runs first, on CPU 0, as kernel code: brings the kernel up and returns. */
    void (*boot)(void *context);
    host_script_t *script;
    void *context;
    bool reset_ends_run;  /* arch_reset() and arch_cpu_halt() of all CPUs end the run; else they are
                             failures */
    bool quiet;           /* print nothing about dead-locks that the test wants */
    uint64_t refuse_cpus; /* bit n: arch_smp_start() of CPU n fails */
};

enum host_stop {
    HOST_STOP_STEPS,    /* as many user actions as asked for were done */
    HOST_STOP_TIME,     /* virtual time reached `until` */
    HOST_STOP_QUIET,    /* all CPUs idle, no alarm: nothing will happen by itself */
    HOST_STOP_DEADLOCK, /* all CPUs spin; the machine cannot go on */
    HOST_STOP_RESET,    /* arch_reset() */
};

/** Build the machine and run `boot` until everything it started has come to rest; says what
 *  stopped it (HOST_STOP_STEPS: nothing). One machine a process at a time. */
enum host_stop host_machine_start(const struct host_config *config);
/** Go on for `steps` user actions or until virtual time `until`; then all CPUs come to rest. */
enum host_stop host_machine_run(uint64_t steps, ticks_t until);
/** Take the machine away; kernel data stays as it is. */
void host_machine_end(void);

/** Run `function` on a CPU as kernel code, as an interrupt would; it is done when this returns.
 *  From the controller; CPUs may run a few user actions meanwhile. */
void host_machine_call(unsigned cpu, void (*function)(void *argument), void *argument);
/** The same, but it happens in the midst of the next host_machine_run(), and is done when that
 *  returns. One a CPU. */
void host_machine_post(unsigned cpu, void (*function)(void *argument), void *argument);
/** The same for a function that may not return (it halts or resets); says what came of it. */
enum host_stop host_machine_call_ends(unsigned cpu, void (*function)(void *argument),
                                      void *argument);

/** Print the line that repeats the run, held locks of each CPU and the console's tail, then
 * abort. */
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void host_machine_fail(const char *format, ...);
/** What a failing test prints to be repeated, e.g. "WHARF_SEED=7 ctest ..."; set by the test, kept
 *  by reference. */
void host_set_repeat_line(const char *line);

/** Figure that differs when two deterministic runs differ: every switch, action, result and moment
 *  goes into it. */
uint64_t host_machine_hash(void);
/** User actions done; switches between CPUs. */
uint64_t host_machine_steps(void);
uint64_t host_machine_switches(void);
ticks_t host_machine_alarm(unsigned cpu);
/** What arch_reset() was asked for, after HOST_STOP_RESET. */
enum arch_reset host_machine_reset_kind(void);

/** Let virtual time jump forward. Controller only. */
void host_time_jump(ticks_t distance);

/** Device interrupt lines, HOST_FIRST_LINE .. arch_irq_count() - 1. Any context. */
enum { HOST_FIRST_LINE = 32, HOST_IRQ_COUNT = 96 };
void host_line_set(unsigned irq, bool level);
/** Deactivations of interrupts that were not active: mistakes of the kernel. */
uint64_t host_irq_mistakes(void);

/** Everything written to the console so far, terminated (the oldest part may be gone). */
const char *host_console_text(void);
void host_console_clear(void);

/** The one generator of pseudo-random numbers (splitmix64): equal states give equal rows. */
uint64_t host_random(uint64_t *state);
/** Number below `bound`. */
static inline uint64_t host_random_below(uint64_t *state, uint64_t bound)
{
    return host_random(state) % bound;
}
