/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_world.h"

#include <arch/irq.h>
#include <arch/timer.h>
#include <kern/amap.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/futex.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/map.h>
#include <kern/msg.h>
#include <kern/pmap.h>
#include <kern/port.h>
#include <kern/reply.h>
#include <kern/sched.h>
#include <kern/space.h>
#include <kern/swap.h>
#include <machine/host_mmu.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wharf/if/vm_types.h>

enum { FIRST_RAM = 0x40000000 };
#define DEFAULT_MEMORY (64 * MIB)

static struct {
    struct world_config config;
    int64_t objects, used[LEDGER_KIND_COUNT];
    uint64_t frames;
} world;
uint64_t world_idle_with_work;
struct world_names world_names;

/* --- bringing the kernel up: kern_main() without device tree and programs --- */

static void boot(void *unused)
{
    static struct board board;
    static struct boot_options options = {.mitigations = true};
    struct cpu *cpu = &cpu_record[0];
    uint64_t size = world.config.memory ? world.config.memory : DEFAULT_MEMORY;
    (void)unused;
    arch_cpu_set_self(cpu);
    atomic_store(&cpu->online, true);
    sched_cpu_init(cpu, 0);
    clock_init(arch_counter());
    arch_cpu_init(cpu, true);
    frame_add_range(FIRST_RAM, FIRST_RAM + size);
    CHECK_EQUAL(arch_irq_init(&board), KERN_SUCCESS);
    arch_irq_cpu_init();
    arch_timer_cpu_init();
    pmap_init();
    swap_init();
    amap_init();
    futex_init();
    reaper_init();
    CHECK_EQUAL(msg_cpu_init(cpu), KERN_SUCCESS);
    CHECK_EQUAL(kobj_init(), KERN_SUCCESS);
    board.cpu_count = world.config.cpus;
    for (unsigned i = 0; i < board.cpu_count; i++)
        board.cpus[i] = (struct board_cpu){.mpidr = i, .enabled = true};
    boot_start_cpus(&board, &options, 0);
}

static void mmu_failed(const char *message)
{
    host_machine_fail("MMU: %s", message);
}

static void drain(void *unused)
{
    (void)unused;
    kmem_drain();
    frame_drain_cache();
}

static void drain_all(void)
{
    for (unsigned i = 0; i < world.config.cpus; i++)
        host_machine_call(i, drain, NULL);
}

void world_start(const struct world_config *config)
{
    world.config = *config;
    host_mmu_on_failure = mmu_failed;
    host_mmu_reset(config->seed, config->asids);
    host_memory_add_bank(FIRST_RAM, config->memory ? config->memory : DEFAULT_MEMORY);
    host_machine_start(&(struct host_config){.seed = config->seed,
                                             .cpus = config->cpus,
                                             .threads = config->threads,
                                             .reset_ends_run = config->reset_ends_run,
                                             .boot = boot,
                                             .script = config->script,
                                             .context = config->context});
    arch_cpu_set_self(&cpu_record[0]); /* for the checks that the controller makes */
    CHECK_EQUAL(cpus_online(), config->cpus);
    drain_all();
    world.objects = kmem_live_objects();
    struct frame_statistics statistics;
    frame_statistics(&statistics);
    world.frames = statistics.free + statistics.record_pages;
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        world.used[kind] = ledger_used(&kernel_ledger, kind);
}

void world_check_accounts(void)
{
    drain_all();
    struct frame_statistics statistics;
    frame_statistics(&statistics);
    CHECK_EQUAL(task_live_count(), 0);
    CHECK_EQUAL(kmem_live_objects(), world.objects);
    /* Pages that hold records are not given back; slabs that are kept empty are counted by nobody
     * else. */
    CHECK_EQUAL(statistics.free + statistics.record_pages, world.frames);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        if (ledger_used(&kernel_ledger, kind) != world.used[kind])
            host_machine_fail("ledger: %lld %s at the start, %lld at the end",
                              (long long)world.used[kind], ledger_kind_name(kind),
                              (long long)ledger_used(&kernel_ledger, kind));
    CHECK(frame_check());
    CHECK(kmem_check());
}

void world_wait_for_tasks(void)
{
    for (unsigned i = 0; task_live_count() > 0 || !amap_reaper_is_idle(); i++) {
        if (i == 10000)
            host_machine_fail("%u tasks do not end, trees of pages %s", task_live_count(),
                              amap_reaper_is_idle() ? "do" : "do not");
        (void)host_machine_run(1000, arch_counter() + arch_counter_frequency() / 100);
    }
}

/* --- checks at rest --- */

static unsigned top_priority(const struct run_queue *q)
{
    for (int word = PRIORITY_COUNT / 64 - 1; word >= 0; word--)
        if (q->bitmap[word])
            return (unsigned)word * 64 + 63 - (unsigned)__builtin_clzll(q->bitmap[word]);
    return 0;
}

static void check_cpu(struct cpu *cpu)
{
    const struct run_queue *q = &cpu->run_queue;
    CHECK(sched_check(cpu));
    CHECK(!atomic_load(&cpu->reschedule));
    if (cpu->current) { /* S1 */
        unsigned running = sched_effective(cpu->current);
        if (top_priority(q) > running)
            host_machine_fail("S1: cpu %u runs priority %u while %u waits", cpu->number, running,
                              top_priority(q));
        /* Somebody of the same priority waits: the turn ends by the clock. */
        if (q->bitmap[running / 64] >> (running % 64) & 1)
            CHECK(host_machine_alarm(cpu->number) != TICKS_NEVER);
        CHECK(!atomic_load(&cpu->idle));
    } else { /* S3 */
        CHECK(atomic_load(&cpu->idle));
        CHECK_EQUAL(q->count, 0);
        for (unsigned i = 0; i < cpu_count; i++)
            world_idle_with_work += i != cpu->number && cpu_record[i].run_queue.count > 0;
    }
    /* Nobody's deadline is forgotten: the alarm stands at or before it, or at the end of the
     * pause after a batch. */
    struct rb_node *first = rb_first(&cpu->deadlines.tree);
    CHECK(rb_check(&cpu->deadlines.tree));
    if (first) {
        ticks_t when = rb_entry(first, struct deadline, node)->when,
                alarm = host_machine_alarm(cpu->number);
        CHECK(alarm <= when || alarm <= cpu->deadlines.pause);
    }
}

static bool is_queued_on(const struct cpu *cpu, const struct thread *thread)
{
    for (unsigned p = 0; p < PRIORITY_COUNT; p++) {
        const struct runnable *r;
        list_for_each(r, &cpu->run_queue.list[p], link)
            if (r == &thread->runnable)
                return true;
    }
    return false;
}

/* T1 to T3. */
static void check_thread(const struct thread *t)
{
    uint32_t state = atomic_load(&((struct thread *)(uintptr_t)t)->state);
    unsigned queues = 0, cpus = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        queues += is_queued_on(&cpu_record[i], t);
        cpus += cpu_record[i].current == t;
    }
    bool waits = atomic_load(&t->wait.queue_lock) != NULL;
    if (!waits && state == THREAD_WAITING && t->wait.kind >= WAIT_REPLY) { /* W5 */
        struct reply *reply = t->wait.kind == WAIT_REPLY ? t->reply : t->exception_reply;
        waits = (atomic_load(&reply->state) & REPLY_STATE_MASK) == REPLY_WAITED;
    }
    if (queues != (state == THREAD_READY) || cpus != (state == THREAD_RUNNING) ||
        waits != (state == THREAD_WAITING))
        host_machine_fail("thread %u: state %u, on %u queues, current of %u CPUs, %s a wait queue",
                          t->id, state, queues, cpus, waits ? "on" : "not on");
    uint32_t flags = atomic_load(&((struct thread *)(uintptr_t)t)->flags);
    bool told_to_die = flags & THREAD_FLAG_TERMINATE;
    bool held = !told_to_die && (flags & THREAD_FLAG_SUSPEND);
    if (held ? state == THREAD_READY || state == THREAD_RUNNING
             : state == THREAD_SUSPENDED) /* S5 */
        host_machine_fail("thread %u: state %u, flags %x", t->id, state, flags);
    if (told_to_die && (state == THREAD_RUNNING || state == THREAD_WAITING))
        host_machine_fail("thread %u has been told to die, but its state is %u", t->id, state);
    if (state == THREAD_READY || state == THREAD_RUNNING)
        CHECK(atomic_load(&t->affinity) >> t->runnable.cpu & 1);
    if (state == THREAD_WAITING && t->wait.until != TICKS_NEVER)
        CHECK(atomic_load(&((struct thread *)(uintptr_t)t)->wait.deadline.cpu) != 0);
}

static void check_task(struct task *task)
{
    struct thread *thread;
    unsigned count = 0;
    list_for_each(thread, &task->threads, task_link) {
        CHECK(thread->task == task); /* T4 */
        check_thread(thread);
        count++;
    }
    CHECK_EQUAL(count, task->thread_count);
    CHECK_EQUAL(ledger_used(task->ledger, LEDGER_THREADS), count);
    CHECK(map_check(task));
    if (task->pmap)
        CHECK(pmap_check(task->pmap));
}

void world_check(struct task *const *tasks, unsigned count)
{
    for (unsigned i = 0; i < cpu_count; i++)
        check_cpu(&cpu_record[i]);
    for (unsigned i = 0; i < count; i++)
        if (tasks[i])
            check_task(tasks[i]);
    host_mmu_check();
}

/* --- tasks --- */

/* The page of words. On failure the task has no thread yet and is ended. */
static kern_return_t give_words(struct task *task)
{
    struct map_request request = {.start = WORLD_WORDS_VA,
                                  .pages = 1,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    kern_return_t kr = map_enter(task, &request);
    if (kr == KERN_SUCCESS) /* from then on no memory is needed to touch it */
        kr = vm_fault(NULL, task, WORLD_WORDS_VA, PROT_WRITE);
    return kr;
}

static void give_name(struct task *task, struct port *port, _Atomic mach_port_name_t *name)
{
    struct kright right = port_send_right(port);
    mach_port_name_t made = space_insert(task->space, &right), before = 0;
    if (!atomic_compare_exchange_strong(name, &before, made) && before != made)
        host_machine_fail("the first names of two tasks are %x and %x", before, made);
}

static kern_return_t give_names(struct task *task)
{
    kern_return_t kr = space_reserve(task->space, 2);
    if (kr != KERN_SUCCESS)
        return kr;
    give_name(task, task->self_port, &world_names.task);
    give_name(task, host.port[KOBJECT_CLOCK], &world_names.clock);
    return KERN_SUCCESS;
}

kern_return_t world_task(const char *name, uint64_t arg, unsigned priority, struct task **out,
                         struct thread **thread_out)
{
    struct task *task;
    struct thread *thread;
    kern_return_t kr = task_create(&kernel_ledger, name, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = give_words(task);
    if (kr == KERN_SUCCESS && world.config.names)
        kr = give_names(task);
    if (kr == KERN_SUCCESS)
        kr = thread_create(task, 0x10000, 0x20000, arg, 0, priority, &thread);
    if (kr != KERN_SUCCESS) {
        task_terminate(task, 0, false);
        task_unref(task);
        return kr;
    }
    if (thread_out)
        thread_ref(*thread_out = thread);
    thread_resume(thread);
    thread_unref(thread);
    *out = task;
    return KERN_SUCCESS;
}

bool world_in_child(void (*test)(void *argument), void *argument)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test(argument);
        fflush(stdout);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

bool world_runs(void (*run)(void *seed), uint64_t first, uint64_t runs)
{
    if (runs == 1) {
        run(&first);
        return true;
    }
    for (uint64_t seed = first; seed < first + runs; seed++) {
        uint64_t its = seed; /* what is done with it is no matter here */
        if (!world_in_child(run, &its))
            return false;
    }
    return true;
}
