/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine by itself, under a tiny kernel: traps and registers, time, interrupts,
 * interleaving, repeatability, dead-lock detection; in both modes.
 */
#include "check.h"
#include "fake_kernel.h"

#include <arch/smp.h>
#include <string.h>

static bool threads_mode;
static unsigned thread_count;

static void start_reset(uint64_t seed, unsigned cpus, unsigned threads, host_script_t *script,
                        bool reset_ends_run)
{
    fake_reset();
    thread_count = threads;
    host_machine_start(&(struct host_config){.seed = seed,
                                             .cpus = cpus,
                                             .threads = threads_mode,
                                             .boot = fake_boot,
                                             .script = script,
                                             .context = &thread_count,
                                             .reset_ends_run = reset_ends_run,
                                             .quiet = true});
}

static void start(uint64_t seed, unsigned cpus, unsigned threads, host_script_t *script)
{
    start_reset(seed, cpus, threads, script, false);
}

static void trap(struct host_action *next, uint64_t number, uint64_t first, uint64_t second)
{
    next->kind = HOST_TRAP;
    next->number = number;
    next->args[0] = first;
    next->args[1] = second;
}

/* --- traps, touches, registers --- */

static void script_everything(struct thread *t, unsigned cpu, struct host_action *next,
                              void *context)
{
    (void)cpu, (void)context;
    struct arch_thread *a = &t->arch;
    uint64_t turn = a->program.actions % 7;
    if (a->program.actions > 0 && turn == 1)
        CHECK_EQUAL(a->x[0], 30 + a->program.arg); /* of FAKE_ADD below */
    if (turn == 2)
        CHECK_EQUAL(a->x[0], ~UINT64_C(1000));
    if (turn == 3)
        CHECK_EQUAL(a->program.loaded, 4096);
    if (turn == 0)
        trap(next, FAKE_ADD, 30, a->program.arg);
    else if (turn == 1)
        trap(next, 1000, 0, 0);
    else if (turn == 2)
        *next = (struct host_action){.kind = HOST_TOUCH, .va = 0, .access = ACCESS_READ};
    else if (turn == 3)
        *next = (struct host_action){.kind = HOST_FP, .value = a->program.arg + 5};
    else if (turn == 4)
        *next = (struct host_action){.kind = HOST_BURN, .ticks = FAKE_TURN / 2};
    else if (turn == 5)
        *next = (struct host_action){.kind = HOST_TOUCH, .va = 64, .access = ACCESS_WRITE};
}

static void test_actions(void)
{
    start(1, 2, 5, script_everything);
    CHECK_EQUAL(host_machine_run(7000, TICKS_NEVER), HOST_STOP_STEPS);
    CHECK(host_machine_steps() >= 7000);
    uint64_t actions = 0;
    for (unsigned i = 0; i < thread_count; i++)
        actions += fake_thread[i].arch.program.actions;
    CHECK(actions > 2500);
    /* Who gets how much is the host's business where CPUs are its threads. */
    if (!threads_mode) {
        CHECK(atomic_load(&fake_exceptions) > 900);
        CHECK(fake_alarms[0] > 10 && fake_alarms[1] > 10);
        for (unsigned i = 0; i < thread_count; i++)
            CHECK(fake_thread[i].arch.program.actions > 500);
    }
    host_machine_end();
}

static void script_wait(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    struct arch_thread *a = &t->arch;
    if (a->program.arg == 0) {
        trap(next, FAKE_WAKE, 0, 0);
        return;
    }
    if (a->program.actions)
        CHECK_EQUAL(a->x[0], 40 + a->program.arg);
    trap(next, FAKE_WAIT, 1, 40 + a->program.arg);
}

static bool all_have_waited(void)
{
    for (unsigned i = 1; i < thread_count; i++)
        if (fake_thread[i].arch.program.actions == 0)
            return false;
    return true;
}

/* Where CPUs are threads of the host, one of them may get its first time late. */
static void test_restart(void)
{
    enum { MOST_RUNS = 10000 };
    for (uint64_t seed = 0; seed < 20; seed++) {
        start(seed, 1 + (unsigned)seed % 4, 4, script_wait);
        CHECK_EQUAL(host_machine_run(2000, TICKS_NEVER), HOST_STOP_STEPS);
        for (unsigned n = 0; threads_mode && !all_have_waited() && n < MOST_RUNS; n++)
            CHECK_EQUAL(host_machine_run(2000, TICKS_NEVER), HOST_STOP_STEPS);
        CHECK(all_have_waited());
        host_machine_end();
    }
}

/* --- time --- */

static void script_burn(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)t, (void)cpu, (void)context;
    *next = (struct host_action){.kind = HOST_BURN, .ticks = 1000000};
}

static void script_sleepers(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)t, (void)cpu, (void)context;
    trap(next, FAKE_WAIT, 1, 0);
}

static void test_time(void)
{
    start(3, 4, 4, script_burn);
    ticks_t begin = arch_counter();
    CHECK_EQUAL(host_machine_run(UINT64_MAX, begin + 10000000), HOST_STOP_TIME);
    /* Four CPUs computed side by side, each about ten million ticks. */
    for (unsigned i = 0; i < 4; i++)
        if (!threads_mode)
            CHECK(fake_thread[i].arch.program.actions >= 8 &&
                  fake_thread[i].arch.program.actions <= 10);
    host_machine_end();
    start(3, 4, 4, script_sleepers);
    CHECK_EQUAL(host_machine_run(UINT64_MAX, TICKS_NEVER), HOST_STOP_QUIET);
    CHECK_EQUAL(host_machine_run(UINT64_MAX, TICKS_NEVER), HOST_STOP_QUIET);
    host_machine_end();
}

/* --- interrupts --- */

static void setup_lines(void *argument)
{
    (void)argument;
    CHECK_EQUAL(arch_irq_init(NULL), KERN_SUCCESS);
    CHECK_EQUAL(arch_irq_configure(40, IRQ_LEVEL), KERN_SUCCESS);
    CHECK_EQUAL(arch_irq_configure(41, IRQ_EDGE), KERN_SUCCESS);
    CHECK_EQUAL(arch_irq_configure(5, IRQ_EDGE), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(arch_irq_route(40, 1), KERN_SUCCESS);
    CHECK_EQUAL(arch_irq_route(40, 7), KERN_INVALID_ARGUMENT);
    arch_irq_unmask(40);
    arch_irq_unmask(4096);
}

static void settle(void)
{
    (void)host_machine_run(0, TICKS_NEVER);
}

static void test_interrupts(void)
{
    start(4, 2, 2, script_sleepers);
    CHECK_EQUAL(host_machine_run(UINT64_MAX, TICKS_NEVER), HOST_STOP_QUIET);
    host_machine_call(0, setup_lines, NULL);
    host_line_set(40, true);
    settle();
    CHECK_EQUAL(fake_irqs[40], 1); /* active: not again, though the level is up */
    CHECK_EQUAL(fake_last_irq_cpu, 1);
    arch_irq_deactivate(40);
    settle();
    CHECK_EQUAL(fake_irqs[40], 2);
    host_line_set(40, false);
    arch_irq_deactivate(40);
    settle();
    CHECK_EQUAL(fake_irqs[40], 2);

    host_line_set(41, true); /* an edge while masked is not lost */
    host_line_set(41, false);
    settle();
    CHECK_EQUAL(fake_irqs[41], 0);
    arch_irq_unmask(41);
    settle();
    CHECK_EQUAL(fake_irqs[41], 1);
    CHECK_EQUAL(fake_last_irq_cpu, 0);
    host_line_set(41, true); /* nor one while active; two are one */
    host_line_set(41, false);
    host_line_set(41, true);
    settle();
    CHECK_EQUAL(fake_irqs[41], 1);
    arch_irq_deactivate(41);
    settle();
    CHECK_EQUAL(fake_irqs[41], 2);
    CHECK_EQUAL(host_irq_mistakes(), 0);
    arch_irq_deactivate(40);
    CHECK_EQUAL(host_irq_mistakes(), 1);
    host_machine_end();
}

static void send_ipi(void *target)
{
    arch_ipi_send(target);
    CHECK(!arch_irq_pending());
}

static void test_ipi(void)
{
    start(5, 3, 0, script_sleepers);
    uint64_t before = atomic_load(&fake_ipis[2]);
    host_machine_call(0, send_ipi, &cpu_record[2]);
    CHECK_EQUAL(atomic_load(&fake_ipis[2]), before + 1);
    host_machine_end();
}

/* --- interleaving --- */

static void script_count(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)t, (void)cpu, (void)context;
    trap(next, FAKE_COUNT, 0, 0);
}

static void script_count_unlocked(struct thread *t, unsigned cpu, struct host_action *next,
                                  void *context)
{
    (void)t, (void)cpu, (void)context;
    trap(next, FAKE_COUNT_UNLOCKED, 0, 0);
}

static void test_interleaving(void)
{
    start(6, 4, 6, script_count);
    (void)host_machine_run(20000, TICKS_NEVER);
    CHECK_EQUAL(fake_counter, host_machine_steps());
    host_machine_end();
    if (threads_mode)
        return; /* what follows is a race on purpose */
    start(6, 4, 6, script_count_unlocked);
    (void)host_machine_run(20000, TICKS_NEVER);
    CHECK(fake_counter < host_machine_steps());
    host_machine_end();
}

static uint64_t hash_of_run(uint64_t seed)
{
    start(seed, 4, 6, script_everything);
    (void)host_machine_run(5000, TICKS_NEVER);
    uint64_t hash = host_machine_hash();
    host_machine_end();
    return hash;
}

static void test_repeats(void)
{
    uint64_t first = hash_of_run(7);
    CHECK(first == hash_of_run(7));
    CHECK(first != hash_of_run(8));
    printf("  hash of seed 7: %016llx\n", (unsigned long long)first);
}

static void script_cross(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    trap(next, FAKE_CROSS, t->arch.program.arg & 1, 0);
}

static void test_deadlock(void)
{
    start(9, 2, 2, script_cross);
    CHECK_EQUAL(host_machine_run(UINT64_MAX, TICKS_NEVER), HOST_STOP_DEADLOCK);
    printf("  dead-lock found after %llu actions\n", (unsigned long long)host_machine_steps());
    host_machine_end();
}

static void do_reset(void *argument)
{
    (void)argument;
    arch_smp_stop_others();
    arch_reset(ARCH_RESET_REBOOT);
}

static void test_reset(void)
{
    start_reset(10, 3, 3, script_burn, true);
    (void)host_machine_run(100, TICKS_NEVER);
    CHECK_EQUAL(host_machine_call_ends(1, do_reset, NULL), HOST_STOP_RESET);
    CHECK_EQUAL(host_machine_reset_kind(), ARCH_RESET_REBOOT);
    host_machine_end();
}

struct test {
    const char *name;
    void (*run)(void);
    bool in_threads;
};
static const struct test tests[] = {
    {"actions", test_actions, true},  {"restart", test_restart, true},
    {"time", test_time, true},        {"interrupts", test_interrupts, true},
    {"ipi", test_ipi, true},          {"interleaving", test_interleaving, true},
    {"repeats", test_repeats, false}, {"deadlock", test_deadlock, false},
    {"reset", test_reset, true},
};

int main(int argc, char **argv)
{
    fix_addresses(argv);
    threads_mode = argc > 1 && strcmp(argv[1], "threads") == 0;
    host_set_repeat_line(threads_mode ? "test_machine threads" : "test_machine");
    for (size_t i = 0; i < array_count(tests); i++) {
        if (threads_mode && !tests[i].in_threads)
            continue;
        printf("%s\n", tests[i].name);
        fflush(stdout);
        tests[i].run();
    }
    return 0;
}
