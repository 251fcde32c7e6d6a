/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random messages between random tasks. Players send, call, answer, forward, receive, hand rights
 * on, change names, and end, suspend and abort each other. Each knows what its traps may return (results.c); letters
 * tell whether a message came whole, once and in order (letter.c); at rest a census follows every
 * right there is (kern/ipc_check.h); at the end the accounts balance.
 *
 *      test_ipc_random [threads|repeats]   WHARF_SEED, WHARF_STEPS, WHARF_RUNS, WHARF_CPUS
 *
 * The seed decides what kind of game it is: with moving receive rights, rubbish, small ledgers, failing
 * allocations.
 */
#include "player.h"

#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/map.h>
#include <kern/sched.h>
#include <string.h>
#include <unistd.h>
#include <wharf/trap.h>

enum { PLAYERS_MAX = 1 << 18, THREADS_MAX = 8, CHECK_EVERY = 400 };

static struct player *players;
static _Atomic uint32_t players_used;
static uint64_t controller; /* its random numbers */

/* --- scripts --- */

static struct player *player_of(struct thread *t)
{
    struct player *p = t->arch.program.data;
    if (p)
        return p;
    uint32_t number = atomic_fetch_add_explicit(&players_used, 1, memory_order_relaxed);
    if (number >= PLAYERS_MAX)
        host_machine_fail("more than %d threads", PLAYERS_MAX);
    p = t->arch.program.data = &players[number];
    *p = (struct player){.random = game.seed * 1000003 + t->id,
                         .id = t->id,
                         .number = number,
                         .home = ipc_task_of(t)};
    return p;
}

static void check_last(struct player *p, struct thread *t, unsigned cpu)
{
    int64_t r = (int64_t)t->arch.x[0];
    switch (p->doing) {
    case DOING_MESSAGE: message_check(p, t, cpu); break;
    case DOING_KEEP: keep_check(p, r); break;
    default: break;
    }
    p->doing = DOING_NOTHING;
}

static void trap(struct player *p, enum doing doing, struct host_action *next, uint64_t number,
                 uint64_t a0, uint64_t a1)
{
    p->doing = doing;
    *next = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1}};
}

/* Memory and threads come from the kernel's functions: whatever a name may denote by now. */

static void make_buffer(struct player *p, struct thread *self)
{
    struct map_request request = {.pages = PLAYER_BUFFER_PAGES,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_READ | PROT_WRITE};
    if (map_enter(self->task, &request) == KERN_SUCCESS)
        p->buffer = request.start;
}

static void free_array(struct player *p, struct thread *self)
{
    vaddr_t at = p->array[p->arrays - 1];
    kern_return_t kr = map_remove(self->task, at, at + PAGE_SIZE);
    CHECK(kr == KERN_SUCCESS || kr == KERN_RETRY);
    p->arrays -= kr == KERN_SUCCESS;
}

static void make_thread(struct player *p)
{
    struct thread *thread;
    unsigned priority = game.many_priorities ? 1 + (unsigned)below(p, 255) : PRIORITY_DEFAULT;
    if (thread_create(p->home->task, 0x10000, 0x20000, 0, 0, priority, &thread) != KERN_SUCCESS)
        return;
    thread_resume(thread);
    thread_unref(thread);
}

static void choose_thread(struct player *p, struct host_action *next)
{
    if (below(p, 3) == 0) {
        trap(p, DOING_OTHER, next, below(p, 64) ? TRAP_thread_exit : TRAP_task_exit, 0, 0);
        return;
    }
    make_thread(p);
}

static void choose_other(struct player *p, struct host_action *next)
{
    switch (below(p, 8)) {
    case 0: *next = (struct host_action){.kind = HOST_BURN, .ticks = below(p, 500)}; break;
    case 1:
    case 2: trap(p, DOING_OTHER, next, TRAP_thread_switch, 0, 0); break;
    case 3:
        trap(p, DOING_OTHER, next, TRAP_futex_wait, p->buffer + SLEEP_AT, 0);
        next->args[2] = clock_now() + below(p, 20000);
        break;
    case 4:
        if (below(p, 8) == 0)
            choose_thread(p, next);
        break;
    case 5:
        if (p->held || below(p, 8) == 0)
            trap(p, DOING_KEEP, next, TRAP_reply_keep, 0, 0);
        break;
    case 6: control_play(p); break;
    default: break;
    }
}

static void choose(struct player *p, struct thread *t, unsigned cpu, struct host_action *next)
{
    if (!p->buffer) {
        make_buffer(p, t);
        return;
    }
    if (p->arrays > 0) {
        free_array(p, t);
        return;
    }
    if (!p->own && below(p, 16) == 0 &&
        ipc_port(p->home->task, 64, PORT_BYTES_DEFAULT, &p->own) != KERN_SUCCESS)
        p->own = 0;
    uint64_t n = below(p, 32);
    if (n < 21 && !p->evicted) {
        p->doing = DOING_MESSAGE;
        if (message_choose(p, cpu, next))
            return;
        p->doing = DOING_NOTHING;
        *next = (struct host_action){.kind = HOST_TOUCH,
                                     .va = p->buffer + SEND_AT,
                                     .access = ACCESS_WRITE};
        if (p->stuck++ > 1000)
            host_machine_fail("thread %u cannot write its buffer", p->id);
    } else if (n < 28 || p->evicted) {
        names_play(p);
    } else {
        choose_other(p, next);
    }
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    struct player *p = player_of(t);
    (void)context;
    check_last(p, t, cpu);
    choose(p, t, cpu, next);
}

/* --- the controller's actions; kernel context --- */

struct job {
    unsigned slot;
    uint64_t random;
};

static uint64_t draw(struct job *job, uint64_t bound)
{
    return host_random_below(&job->random, bound);
}

static void set_limits(struct task *task, struct job *job)
{
    ledger_set_limit(task->ledger, LEDGER_THREADS, THREADS_MAX);
    ledger_set_limit(task->ledger, LEDGER_PORTS, 100);
    if (!game.small_limits)
        return;
    ledger_set_limit(task->ledger, LEDGER_QUEUED, (int64_t)draw(job, 20000));
    ledger_set_limit(task->ledger, LEDGER_KMEM, 40000 + (int64_t)draw(job, 60000));
    ledger_set_limit(task->ledger, LEDGER_FRAMES, 40 + (int64_t)draw(job, 100));
}

/* Its first thread has names to begin with. */
static void give_names(struct ipc_task *place, struct task *task, struct job *job)
{
    for (unsigned i = 0; i < POOL_SIZE / 2; i++) {
        mach_port_name_t name;
        if (ipc_port(task, 1 + (uint32_t)draw(job, 8), PORT_BYTES_DEFAULT, &name) != KERN_SUCCESS)
            return;
        place->name[POOL_RECEIVE][i] = name;
        if (i < 2 && space_allocate(task->space, RIGHT_SET, &name) == KERN_SUCCESS)
            place->name[POOL_SET][i] = name;
    }
}

static void make_task(struct job *job)
{
    struct ipc_task *place = &ipc_task[job->slot];
    struct task *task;
    struct thread *thread;
    unsigned priority = game.many_priorities ? 1 + (unsigned)draw(job, 255) : PRIORITY_DEFAULT;
    if (task_create(&kernel_ledger, "ipc", &task) != KERN_SUCCESS)
        return;
    memset((void *)place->name, 0, sizeof(place->name));
    give_names(place, task, job);
    set_limits(task, job);
    place->task = task;
    if (thread_create(task, 0x10000, 0x20000, 0, 0, priority, &thread) != KERN_SUCCESS) {
        task_terminate(task, 0, false);
        return;
    }
    thread_resume(thread);
    thread_unref(thread);
}

/* Threads that nobody else would let go on. */
static void help_thread(struct job *job, struct task *task)
{
    struct thread *thread, *found = NULL;
    spin_lock(&task->lock);
    uint64_t n = task->thread_count ? draw(job, task->thread_count) : 0;
    list_for_each(thread, &task->threads, task_link)
        if (n-- == 0)
            thread_ref(found = thread);
    spin_unlock(&task->lock);
    if (!found)
        return;
    while (thread_resume_count(found) == KERN_SUCCESS)
        ;
    if (draw(job, 4) == 0)
        (void)!thread_abort(found);
    thread_unref(found);
}

static void do_job(void *argument)
{
    struct job *job = argument;
    struct task *task = ipc_task[job->slot].task;
    uint64_t progress = 0;
    if (!task)
        make_task(job);
    else if (draw(job, 64) == 0)
        task_terminate(task, 3, false);
    else if (draw(job, 4) == 0)
        (void)!task_resume(task, &progress);
    else
        help_thread(job, task);
}

static void interfere(void)
{
    static struct job job[MAX_CPUS];
    ipc_drop_ended();
    uint64_t first = host_random(&controller);
    for (unsigned i = 0; i < cpu_count; i++) {
        if (host_random_below(&controller, 2))
            continue;
        job[i] = (struct job){(unsigned)((first + i) % IPC_TASKS), host_random(&controller)};
        host_machine_post(i, do_job, &job[i]);
    }
}

/* --- checks at rest --- */

/* Of every send-once right made from a port that one thread alone knows, exactly one message: it
 * came, waits in the queue or in the thread's hands, or the right is there still. A trap whose results the
 * thread has not looked at may have made one more, or brought a message. */
static void check_own_port(struct thread *t, const struct player *p)
{
    const struct ipc_entry *entry = space_peek(t->task->space, p->own);
    if (!p->own || !entry || !(entry_rights(entry) & RIGHT_RECEIVE))
        return;
    const struct port *port = container_of(entry_object(entry), struct port, ipc);
    const struct ipc_found *found = ipc_census_of(&ipc_census, port);
    uint32_t there =
        port->queued + found->sonces + (t->handed && t->handed->remote.object == &port->ipc);
    uint32_t missing = p->own_made - p->own_got - there;
    if (game.shortage && missing <= p->own_made)
        return; /* a kernel object's answer for which there was no memory: kernel/ipc/kcall.c */
    if (missing != 0 && !(p->doing == DOING_MESSAGE && missing + 1 <= 2))
        host_machine_fail("thread %u made %u send-once rights, %u messages came, %u are left",
                          p->id, p->own_made, p->own_got, there);
}

/* Who waits in the message trap has the deadline that it asked for. */
static void check_deadline(const struct thread *t, const struct player *p)
{
    if (atomic_load(&((struct thread *)(uintptr_t)t)->state) != THREAD_WAITING ||
        p->doing != DOING_MESSAGE)
        return;
    if ((p->plan.x[14] == NANOS_NEVER) != (t->wait.until == TICKS_NEVER))
        host_machine_fail("thread %u waits until %llx, its deadline is %llx", t->id,
                          (unsigned long long)t->wait.until, (unsigned long long)p->plan.x[14]);
}

static void check_players(void)
{
    for (unsigned i = 0; i < IPC_TASKS; i++) {
        struct thread *t;
        struct task *task = ipc_task[i].task;
        if (!task || !task->pmap)
            continue;
        list_for_each(t, &task->threads, task_link) {
            const struct player *p = t->arch.program.data;
            if (!p || (atomic_load(&t->flags) & THREAD_FLAG_TERMINATE))
                continue;
            check_deadline(t, p);
            if (ipc_is_exact() && !task->dying && !game.wild)
                check_own_port(t, p);
        }
    }
}

/* --- runs --- */

static void play(uint64_t steps)
{
    while (host_machine_steps() < steps) {
        interfere();
        if (game.failures)
            (void)alloc_fail_nth(1 + host_random_below(&controller, 60));
        enum host_stop stop = host_machine_run(1 + host_random_below(&controller, CHECK_EVERY),
                                               arch_counter() + arch_counter_frequency() / 50);
        if (stop == HOST_STOP_DEADLOCK)
            host_machine_fail("dead-lock");
        ipc_world_check();
        check_players();
    }
    (void)alloc_fail_nth(0);
}

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument, steps = parameter("WHARF_STEPS", 10000);
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + seed % MAX_CPUS);
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu test_ipc_random%s",
             (unsigned long long)seed, (unsigned long long)steps, game.threads ? " threads" : "");
    host_set_repeat_line(line);
    players = calloc(PLAYERS_MAX, sizeof(players[0]));
    letters_reset();
    controller = seed;
    game = (struct game){.seed = seed,
                         .threads = game.threads,
                         .moves = seed >> 1 & 1,
                         .wild = seed >> 2 & 1,
                         .small_limits = seed % 5 == 0,
                         .failures = seed % 7 == 0,
                         .shortage = seed % 5 == 0 || seed % 7 == 0,
                         .many_priorities = seed % 3 != 0};
    world_start(&(struct world_config){
        .seed = seed, .cpus = cpus, .threads = game.threads, .script = script});
    play(steps);
    uint64_t hash = host_machine_hash();
    ipc_world_finish();
    printf("seed %llu: %u CPUs%s%s%s%s, %llu actions, %llu switches, %u threads, hash %016llx\n",
           (unsigned long long)seed, cpus, game.moves ? ", moves" : "",
           game.wild ? ", rubbish" : "", game.small_limits ? ", small limits" : "",
           game.failures ? ", failures" : "", (unsigned long long)host_machine_steps(),
           (unsigned long long)host_machine_switches(), atomic_load(&players_used),
           (unsigned long long)hash);
    host_machine_end();
    letters_end();
    free(players);
}

/* The same seed twice, in children that begin with equal memory: the same line, byte for byte. */
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
    game.threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    if (argc > 1 && strcmp(argv[1], "repeats") == 0)
        return repeats(seed + 3) | repeats(seed + 6);
    return world_runs(one_run, seed, runs) ? 0 : 1;
}
