/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-ups without a lock on the simulated machine: threads on several CPUs follow pointers that
 * others take away, of objects in a type-stable cache and of frames that go through a grace period,
 * while a third kind takes every free frame it can get and scribbles over it. CPUs come online in
 * the midst of it. At the end every callback has run once and everything is back.
 *
 * The scripts do what kernel code does between two preemption points, for a CPU takes no interrupt
 * within one; this file is compiled to be interleaved as the kernel is.
 *
 *      test_grace [threads]   WHARF_SEED, WHARF_RUNS, WHARF_STEPS
 */
#include "kernel_world.h"

#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/dt.h>
#include <kern/frame.h>
#include <kern/futex.h>
#include <kern/grace.h>
#include <kern/kmem.h>
#include <kern/pmap.h>
#include <kern/port.h>
#include <kern/sched.h>
#include <machine/host_mmu.h>
#include <string.h>
#include <wharf/trap.h>

enum { RAM = 0x40000000, SLOTS = 32, BURST = 16, CHUNKS = 4, CHUNK_WORDS = 16, HOARD = 8 };
enum { MAX_THREADS = 2 * MAX_CPUS, FREE = 0, USED = 0x75ed };
static const uint64_t sound = UINT64_C(0x50fd50fd50fd50fd);

/* Four in a frame, so that slabs come and go. */
struct gate {
    struct spinlock lock; /* rank WAITQ */
    uint64_t use, slot;   /* USED and where it is found; by `lock` */
    void *next;           /* the allocator's while it is free */
    char rest[968];
};

/* A frame that readers look at without any lock. */
struct chunk {
    struct grace grace;
    struct frame *frame;
    uint64_t word[CHUNK_WORDS];
};

static struct gate *_Atomic gates[SLOTS];
static struct chunk *_Atomic chunks[CHUNKS];
static _Atomic uint64_t handed_in, run_back, found, missed;

static struct {
    uint64_t seed, steps;
    bool threads;
    unsigned cpus, started;
    uint64_t random[MAX_THREADS]; /* each its thread's */
    int64_t objects, pages;
    uint64_t frames;
} run;

/* --- what CPUs do --- */

static void make_gate(void *object)
{
    spin_init(&((struct gate *)object)->lock, LOCK_WAITQ);
}

static KMEM_CACHE_STABLE(gate_cache, struct gate, next, make_gate);

/* Stay inside a look-up while others get on. */
static void linger(uint64_t *random)
{
    uint64_t most = host_random_below(random, 8) ? 32 : 1000;
    for (uint64_t n = host_random_below(random, most); n > 0; n--)
        arch_sim_point();
}

static void look_at_gate(unsigned slot, uint64_t *random)
{
    struct gate *gate = atomic_load_explicit(&gates[slot], memory_order_acquire);
    if (!gate)
        return;
    linger(random); /* it may be gone by now, but is a gate */
    CHECK_EQUAL(gate->lock.rank, LOCK_WAITQ);
    spin_lock(&gate->lock);
    bool valid = atomic_load(&gates[slot]) == gate;
    if (valid) {
        CHECK_EQUAL(gate->use, USED);
        CHECK_EQUAL(gate->slot, slot);
    }
    spin_unlock(&gate->lock);
    atomic_fetch_add_explicit(valid ? &found : &missed, 1, memory_order_relaxed);
}

static void remove_gate(unsigned slot)
{
    struct gate *gate = atomic_load_explicit(&gates[slot], memory_order_acquire);
    if (!gate)
        return;
    spin_lock(&gate->lock);
    bool mine = atomic_load(&gates[slot]) == gate;
    if (mine) {
        atomic_store(&gates[slot], NULL);
        gate->use = FREE;
    }
    spin_unlock(&gate->lock);
    if (mine)
        kmem_free(&gate_cache, &kernel_ledger, gate);
}

static void insert_gate(unsigned slot)
{
    void *memory;
    struct gate *gate, *none = NULL;
    if (kmem_alloc(&gate_cache, &kernel_ledger, &memory) != KERN_SUCCESS)
        return; /* somebody hoards frames */
    gate = memory;
    spin_lock(&gate->lock);
    CHECK_EQUAL(gate->use, FREE);
    gate->use = USED;
    gate->slot = slot;
    bool placed = atomic_compare_exchange_strong(&gates[slot], &none, gate);
    if (!placed)
        gate->use = FREE;
    spin_unlock(&gate->lock);
    if (!placed)
        kmem_free(&gate_cache, &kernel_ledger, gate);
}

static void look_at_chunk(unsigned i, uint64_t *random)
{
    const struct chunk *chunk = atomic_load_explicit(&chunks[i], memory_order_acquire);
    for (unsigned n = 0; chunk && n < CHUNK_WORDS; n++) {
        CHECK_EQUAL(chunk->word[n], sound);
        if (n % 4 == 0)
            linger(random);
    }
}

static void chunk_back(struct grace *grace)
{
    struct chunk *chunk = container_of(grace, struct chunk, grace);
    struct frame *frame = chunk->frame;
    CHECK_EQUAL(chunk->word[0], sound);
    memset(chunk, 0xdd, PAGE_SIZE);
    frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
    atomic_fetch_add(&run_back, 1);
}

static void replace_chunk(unsigned i, bool with_another)
{
    struct chunk *chunk = NULL;
    struct frame *frame;
    if (with_another && frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame) == KERN_SUCCESS) {
        chunk = frame_memory(frame);
        chunk->frame = frame;
        chunk->grace.run = chunk_back;
        for (unsigned n = 0; n < CHUNK_WORDS; n++)
            chunk->word[n] = sound;
    }
    chunk = atomic_exchange(&chunks[i], chunk);
    if (chunk) {
        atomic_fetch_add(&handed_in, 1);
        grace_call(&chunk->grace);
    }
}

/* Whatever has been given back too early is in here soon. */
static void scribble(void)
{
    struct frame *frame[HOARD];
    unsigned count = 0;
    while (count < HOARD &&
           frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frame[count]) == KERN_SUCCESS)
        memset(frame_memory(frame[count++]), 0xee, PAGE_SIZE);
    while (count > 0)
        frame_free(&kernel_ledger, LEDGER_FRAMES, frame[--count]);
}

static void act(uint64_t *random)
{
    unsigned first = (unsigned)host_random_below(random, SLOTS / BURST) * BURST;
    unsigned slot = (unsigned)host_random_below(random, SLOTS);
    unsigned chunk = (unsigned)host_random_below(random, CHUNKS);
    switch (host_random_below(random, 16)) {
    case 0:
        for (unsigned i = 0; i < BURST; i++)
            insert_gate(first + i);
        break;
    case 1:
        for (unsigned i = 0; i < BURST; i++)
            remove_gate(first + i);
        kmem_drain();
        scribble();
        break;
    case 2: insert_gate(slot); break;
    case 3: remove_gate(slot); break;
    case 4:
    case 5: replace_chunk(chunk, true); break;
    case 6: scribble(); break;
    case 7: kmem_drain(); break;
    case 8:
    case 9: look_at_chunk(chunk, random); break;
    default: look_at_gate(slot, random);
    }
}

/* Where a script has been the kernel, the next thing is its exit: HOST_STAY. */
static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    uint64_t *random = &run.random[t->arch.program.arg];
    next->kind = HOST_STAY;
    if (t->arch.program.actions >= run.steps)
        *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_task_exit};
    else if (host_random_below(random, 16) == 0)
        *next = (struct host_action){.kind = HOST_BURN, .ticks = host_random_below(random, 5000)};
    else
        act(random);
}

/* --- power on, with one CPU at first --- */

static struct board board;

static void boot(void *early)
{
    struct cpu *cpu = &cpu_record[0];
    arch_cpu_set_self(cpu);
    atomic_store(&cpu->online, true);
    sched_cpu_init(cpu, 0);
    clock_init(arch_counter());
    arch_cpu_init(cpu, true);
    frame_add_range(RAM, RAM + 16 * MIB);
    CHECK_EQUAL(arch_irq_init(&board), KERN_SUCCESS);
    arch_irq_cpu_init();
    arch_timer_cpu_init();
    pmap_init();
    futex_init();
    reaper_init();
    cpu_count = run.cpus;
    for (unsigned i = 1; i < run.cpus; i++) {
        cpu_record[i].number = i;
        sched_cpu_init(&cpu_record[i], 0);
    }
    grace_call(early);
    CHECK(!grace_idle());
}

static void start_next_cpu(void *unused)
{
    static const struct board_cpu description = {.enabled = true};
    struct cpu *cpu = &cpu_record[run.started++];
    (void)unused;
    CHECK_EQUAL(arch_cpu_make_stack(cpu), KERN_SUCCESS);
    CHECK_EQUAL(arch_smp_start(cpu, &description, &board), KERN_SUCCESS);
}

static void start_task(void *number)
{
    struct task *task;
    unsigned priority = PRIORITY_DEFAULT + *(unsigned *)number % 2;
    CHECK_EQUAL(world_task("looker", *(unsigned *)number, priority, &task, NULL), KERN_SUCCESS);
    task_unref(task);
}

/* --- the accounts --- */

static void drain(void *unused)
{
    (void)unused;
    kmem_drain();
    frame_drain_cache();
}

static void let_go(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < SLOTS; i++)
        remove_gate(i);
    for (unsigned i = 0; i < CHUNKS; i++)
        replace_chunk(i, false);
}

/* When all CPUs are drained and no callback waits, what is in use is in use. */
static void settle(void)
{
    for (unsigned i = 0; i < run.started; i++)
        host_machine_call(i, drain, NULL);
    for (unsigned i = 0; !grace_idle(); i++) {
        CHECK(i < 1000);
        (void)host_machine_run(1000, arch_counter() + arch_counter_frequency() / 1000);
    }
}

static uint64_t count_frames(void)
{
    struct frame_statistics statistics;
    frame_statistics(&statistics);
    return statistics.free + statistics.record_pages;
}

static void check_all_back(void)
{
    settle();
    CHECK_EQUAL(atomic_load(&run_back), atomic_load(&handed_in));
    CHECK_EQUAL(kmem_live_objects(), run.objects);
    CHECK_EQUAL(ledger_used(&kernel_ledger, LEDGER_FRAMES), run.pages);
    CHECK_EQUAL(count_frames(), run.frames);
    CHECK(kmem_check() && frame_check());
    CHECK_EQUAL(gate_cache.leaving, PFN_NONE);
    CHECK_EQUAL(gate_cache.cooling, PFN_NONE);
}

/* --- runs --- */

static _Atomic unsigned early_runs;

static void count_early(struct grace *grace)
{
    (void)grace;
    atomic_fetch_add(&early_runs, 1);
}

static void power_on(void)
{
    static struct grace early = {.run = count_early};
    run.started = 1;
    host_mmu_reset(run.seed, 0);
    host_memory_add_bank(RAM, 16 * MIB);
    host_machine_start(&(struct host_config){.seed = run.seed,
                                             .cpus = run.cpus,
                                             .threads = run.threads,
                                             .boot = boot,
                                             .script = script,
                                             .context = &early});
    arch_cpu_set_self(&cpu_record[0]);
    settle();
    CHECK_EQUAL(atomic_load(&early_runs), 1);
    run.objects = kmem_live_objects();
    run.pages = ledger_used(&kernel_ledger, LEDGER_FRAMES);
    run.frames = count_frames();
}

static void one_run(void *argument)
{
    static char line[200];
    run.seed = *(uint64_t *)argument;
    run.steps = parameter("WHARF_STEPS", 2000);
    run.cpus = 1 + (unsigned)(run.seed % 5);
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu test_grace%s",
             (unsigned long long)run.seed, (unsigned long long)run.steps,
             run.threads ? " threads" : "");
    host_set_repeat_line(line);
    power_on();
    for (unsigned i = 0; i < 2 * run.cpus; i++) {
        run.random[i] = run.seed * 1000 + i;
        host_machine_call(0, start_task, &i);
    }
    for (unsigned i = 0; task_live_count() > 0; i++) {
        CHECK(i < 100000);
        if (run.started < run.cpus && i % 4 == 3)
            host_machine_post(0, start_next_cpu, NULL);
        (void)host_machine_run(500, arch_counter() + arch_counter_frequency() / 100);
        CHECK(kmem_check());
    }
    host_machine_call(run.started - 1, let_go, NULL);
    check_all_back();
    printf("seed %llu: %u CPUs, %llu look-ups found, %llu came too late, %llu chunks\n",
           (unsigned long long)run.seed, run.started, (unsigned long long)found,
           (unsigned long long)missed, (unsigned long long)run_back);
    host_machine_end();
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t seed = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 20);
    run.threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    return world_runs(one_run, seed, runs) ? 0 : 1;
}
