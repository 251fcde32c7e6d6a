/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stage: actors, orders, rest (ipc_world.h).
 */
#include "ipc_world.h"

#include <arch/message.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/kmem.h>
#include <kern/map.h>
#include <string.h>

enum { ACTOR_PAGES = 9, SEND_PAGES = 4, RECEIVE_PAGES = 4, FIRST_VA = 0x200000 };
#define RUBBISH UINT64_C(0xbad0c0de00000000)

static struct actor actors[ACTORS_MAX];
static unsigned actor_count;
static struct {
    bool threads;
    unsigned cpus;
    uint64_t random;
    _Atomic uint64_t fast;
} stage;

/* ---- the fast way, counted ---- */

typedef struct thread *fast_way(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                                uint64_t receive, struct cpu *cpu, struct thread *self);
fast_way __real_kern_msg_fast, __wrap_kern_msg_fast;
fast_way __real_kern_msg_fast_long, __wrap_kern_msg_fast_long;

/* As the real machine at its exit: these are zero whatever the saved state says, but for one who goes on with all of it. */
static struct thread *leave(struct thread *next)
{
    const bool whole = arch_cpu_self()->arch.message_whole;
    if (next && !whole) {
        next->arch.x[8] = 0;
        arch_message_set(&next->arch, MSG_X_BUFFER, 0);
        arch_message_set(&next->arch, MSG_X_BUFFER_SIZE, 0);
    }
    if (next || whole)
        atomic_fetch_add(&stage.fast, 1);
    return next;
}

struct thread *__wrap_kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                                    uint64_t receive, struct cpu *cpu, struct thread *self)
{
    return leave(__real_kern_msg_fast(dest, id, control, nothing, receive, cpu, self));
}

struct thread *__wrap_kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control,
                                         uint64_t nothing, uint64_t receive, struct cpu *cpu,
                                         struct thread *self)
{
    return leave(__real_kern_msg_fast_long(dest, id, control, nothing, receive, cpu, self));
}

uint64_t fast_count(void)
{
    return atomic_load(&stage.fast);
}

bool is_simulated(void)
{
    return !stage.threads;
}

unsigned cpu_number(void)
{
    return stage.cpus;
}

/* ---- what may stand in registers after a message trap ---- */

/* Where the words of a body are; written before the machine starts. */
static uint8_t word_at[MSG_REGISTER_BYTES / 8];

static void find_words(void)
{
    const uint64_t words[MSG_REGISTER_BYTES / 8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct arch_thread t = {0};
    arch_message_set_body(&t, words, array_count(words));
    for (unsigned r = 0; r < array_count(t.x); r++)
        if (t.x[r])
            word_at[t.x[r] - 1] = (uint8_t)r;
}

unsigned word_register(unsigned i)
{
    return word_at[i];
}

static bool is_body_register(unsigned r, unsigned *word)
{
    for (*word = 0; *word < MSG_REGISTER_BYTES / 8; ++*word)
        if (word_register(*word) == r)
            return true;
    return false;
}

/* x8 carries the trap's number: the program's own or zero. */
static void check_registers(const uint64_t *x, bool receives)
{
    bool failed = x[0] != 0, too_large = x[0] == (uint64_t)-MACH_RCV_TOO_LARGE;
    uint32_t length = msg_length(x[2]);
    unsigned word;
    for (unsigned r = 1; r < 17; r++) {
        bool may_stand = r == 8 || (r == 2 && too_large);
        if (!failed && receives)
            may_stand = may_stand || r <= MSG_X_LOCAL || r == MSG_X_RECEIVE || r == MSG_X_DEADLINE;
        if (!failed && receives && is_body_register(r, &word))
            may_stand = length <= MSG_REGISTER_BYTES && word * 8 < length;
        if (!may_stand && x[r] != 0)
            host_machine_fail("x0 = %lld, and %llx stands in x%u", (long long)x[0],
                              (unsigned long long)x[r], r);
        if (may_stand && r != 8 && x[r] >> 32 == RUBBISH >> 32)
            host_machine_fail("rubbish arrived in x%u", r);
    }
    if (!failed && receives && length % 8 && length < MSG_REGISTER_BYTES) {
        uint64_t last = x[word_register(length / 8)];
        CHECK_EQUAL(last >> length % 8 * 8, 0);
    }
}

/* ---- the script of all actors ---- */

static void finish_order(struct actor *a, const struct thread *t)
{
    const struct host_action *did = &t->arch.program.action;
    memcpy(a->x, t->arch.x, sizeof(a->x));
    a->done++;
    if (did->number == TRAP_MSG)
        check_registers(a->x, (uint32_t)did->args[MSG_X_RECEIVE] != 0);
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    struct actor *a = (struct actor *)(uintptr_t)t->arch.program.arg;
    (void)cpu, (void)context;
    uint32_t state = atomic_load(&a->order);
    bool begun = state == ORDER_BEGUN;
    if (begun)
        finish_order(a, t);
    if (a->program && state != ORDER_NONE) {
        atomic_store(&a->order, ORDER_BEGUN);
        if (a->program(a, next))
            return;
        a->program = NULL;
    } else if (state == ORDER_GIVEN) {
        *next = a->action;
        atomic_store(&a->order, ORDER_BEGUN);
        return;
    }
    atomic_store(&a->order, ORDER_NONE);
    *next = (struct host_action){.kind = HOST_TRAP,
                                 .number = TRAP_futex_wait,
                                 .args = {a->word_va, 0, NANOS_NEVER}};
}

/* ---- rest ---- */

void in_kernel(void (*function)(void *), void *argument)
{
    host_machine_call((unsigned)host_random_below(&stage.random, stage.cpus), function, argument);
}

static void wake(void *argument)
{
    struct actor *a = argument;
    (void)futex_wake(a->task, a->word_va, 1);
}

static bool is_quiet(void)
{
    for (unsigned i = 0; i < stage.cpus; i++)
        if (cpu_record[i].current || cpu_record[i].run_queue.count > 0)
            return false;
    for (unsigned i = 0; i < actor_count; i++)
        if (!actors[i].gone && atomic_load(&actors[i].order) == ORDER_GIVEN)
            return false;
    return reaper_is_idle() && amap_reaper_is_idle();
}

bool (*at_rest)(void);

void rest(void)
{
    for (unsigned n = 0; n < 50000; n++) {
        (void)host_machine_run(10000, arch_counter() + arch_counter_frequency() / 10000);
        if (is_quiet() && !(at_rest && at_rest()))
            return;
        for (unsigned i = 0; i < actor_count; i++)
            if (!actors[i].gone && atomic_load(&actors[i].order) == ORDER_GIVEN)
                in_kernel(wake, &actors[i]);
    }
    host_machine_fail("it does not come to rest");
}

nanos_t moment(nanos_t distance)
{
    return clock_now() + distance;
}

void pass_time(nanos_t distance)
{
    host_time_jump(clock_ticks_at(distance) - clock_ticks_at(0));
    rest();
}

/* ---- actors ---- */

struct birth {
    struct actor *actor, *mate;
    unsigned priority;
};

static void give_memory(struct actor *a, vaddr_t at)
{
    struct map_request request = {.start = at,
                                  .pages = ACTOR_PAGES,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_READ | PROT_WRITE};
    CHECK_EQUAL(map_enter(a->task, &request), KERN_SUCCESS);
    for (unsigned i = 0; i < ACTOR_PAGES; i++) /* no message needs memory for them later */
        CHECK_EQUAL(vm_fault(NULL, a->task, at + i * PAGE_SIZE, PROT_WRITE), KERN_SUCCESS);
    a->send_va = at;
    a->receive_va = at + SEND_PAGES * PAGE_SIZE;
    a->word_va = a->receive_va + RECEIVE_PAGES * PAGE_SIZE;
}

static void bear(void *argument)
{
    struct birth *birth = argument;
    struct actor *a = birth->actor;
    if (birth->mate)
        task_ref(a->task = birth->mate->task);
    else
        CHECK_EQUAL(task_create(&kernel_ledger, "actor", &a->task), KERN_SUCCESS);
    give_memory(a, FIRST_VA + (vaddr_t)(a - actors) * 16 * PAGE_SIZE);
    CHECK_EQUAL(thread_create(a->task, 0x10000, 0x20000, (uintptr_t)a, 0, birth->priority,
                              &a->thread),
                KERN_SUCCESS);
    thread_resume(a->thread);
}

/* One that was dropped leaves its place to another. */
static struct actor *free_place(void)
{
    for (unsigned i = 0; i < actor_count; i++)
        if (!actors[i].task)
            return &actors[i];
    CHECK(actor_count < ACTORS_MAX);
    return &actors[actor_count++];
}

struct actor *actor_mate(struct actor *mate, unsigned priority)
{
    struct actor *a = free_place();
    memset(a, 0, sizeof(*a));
    struct birth birth = {a, mate, priority};
    in_kernel(bear, &birth);
    rest();
    return a;
}

struct actor *actor_new(void)
{
    return actor_mate(NULL, ACTOR_PRIORITY);
}

static void let_go(void *argument)
{
    struct actor *a = argument;
    thread_unref(a->thread);
    task_terminate(a->task, 0, false);
    task_unref(a->task);
}

void actor_drop(struct actor *a)
{
    CHECK(a->gone);
    in_kernel(let_go, a);
    rest();
    a->task = NULL;
}

static void drain(void *unused)
{
    (void)unused;
    kmem_drain();
}

void ipc_end(void)
{
    for (unsigned i = 0; i < actor_count; i++) {
        actors[i].gone = true;
        if (actors[i].task)
            in_kernel(let_go, &actors[i]);
    }
    world_wait_for_tasks();
    rest();
    actor_count = 0;
    for (unsigned i = 0; i < stage.cpus; i++) /* type-stable slabs: a grace period later */
        host_machine_call(i, drain, NULL);
    rest();
    world_check_accounts();
}

void ipc_start(uint64_t seed, unsigned cpus, bool threads)
{
    stage.threads = threads;
    stage.cpus = cpus;
    stage.random = seed;
    find_words();
    world_start(&(struct world_config){
        .seed = seed, .cpus = cpus, .threads = threads, .memory = 256 * MIB, .script = script});
}

/* ---- orders ---- */

void fill_action(const struct actor *a, const struct message *m, struct host_action *out)
{
    uint64_t *x = out->args;
    out->kind = HOST_TRAP;
    out->number = TRAP_MSG;
    for (unsigned r = 0; r < 17; r++)
        x[r] = RUBBISH + r;
    if (m->length <= MSG_REGISTER_BYTES)
        for (unsigned i = 0; i * 8 < m->length; i++)
            x[word_register(i)] = m->body[i];
    else
        x[MSG_X_ADDRESS] = a->send_va;
    if (m->length <= MSG_REGISTER_BYTES && m->length % 8) { /* behind the end */
        unsigned word = m->length / 8;
        uint64_t mask = (UINT64_C(1) << m->length % 8 * 8) - 1;
        x[word_register(word)] = (m->body[word] & mask) | (RUBBISH & ~mask);
    }
    x[MSG_X_DEST] = m->dest;
    x[MSG_X_ID] = m->id;
    x[MSG_X_CONTROL] = MSG_CONTROL(m->remote, m->how_local, m->length, m->descriptors) |
                       (uint64_t)m->flags << MSG_FLAGS_SHIFT;
    x[MSG_X_LOCAL] = m->local;
    x[8] = TRAP_MSG;
    x[MSG_X_RECEIVE] = m->receive;
    x[MSG_X_DEADLINE] = m->deadline ? m->deadline : NANOS_NEVER;
    x[MSG_X_BUFFER] = m->size ? a->receive_va : 0;
    x[MSG_X_BUFFER_SIZE] = m->size;
}

static void give_order(struct actor *a)
{
    CHECK_EQUAL(atomic_load(&a->order), ORDER_NONE);
    atomic_store(&a->order, ORDER_GIVEN);
    in_kernel(wake, a);
}

void post_only(struct actor *a, struct message m)
{
    fill_action(a, &m, &a->action);
    give_order(a);
}

void post(struct actor *a, struct message m)
{
    post_only(a, m);
    rest();
}

void post_action(struct actor *a)
{
    give_order(a);
    rest();
}

void post_trap(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1)
{
    a->action = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1}};
    give_order(a);
    rest();
}

void run_program(struct actor *a, bool (*program)(struct actor *, struct host_action *))
{
    a->program = program;
    give_order(a);
}

bool is_done(const struct actor *a)
{
    return atomic_load(&((struct actor *)(uintptr_t)a)->order) == ORDER_NONE;
}

unsigned result(const struct actor *a)
{
    if (!is_done(a))
        host_machine_fail("an actor waits that should be done");
    return (unsigned)-(int64_t)a->x[0];
}

unsigned perform(struct actor *a, struct message m)
{
    post(a, m);
    return result(a);
}

/* ---- threads and tasks ---- */

static void do_end_thread(void *argument)
{
    thread_terminate(((struct actor *)argument)->thread);
}

void end_thread(struct actor *a)
{
    a->gone = true;
    in_kernel(do_end_thread, a);
    rest();
}

static void do_end_task(void *argument)
{
    task_terminate(((struct actor *)argument)->task, 0, false);
}

void end_task(struct actor *a)
{
    for (unsigned i = 0; i < actor_count; i++)
        if (actors[i].task == a->task)
            actors[i].gone = true;
    in_kernel(do_end_task, a);
    rest();
}

static void count_objects(void *argument)
{
    *(int64_t *)argument = kmem_live_objects();
}

int64_t objects_now(void)
{
    int64_t count;
    in_kernel(count_objects, &count);
    return count;
}
