/* SPDX-License-Identifier: BSD-2-Clause */
#include "exception_world.h"

#include <arch/message.h>
#include <arch/timer.h>
#include <kern/space.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>
#include <wharf/trap.h>

enum { VICTIM = 100, BUFFER_SIZE = 512, HEAD = 24 /* bytes before the state */ };
enum { PC_AT = HEAD + 32 * 8 };
#define BUFFER (WORLD_WORDS_VA + 64)

struct handler handlers[EXCEPTION_SLOTS];
bool handlers_use_sets;
struct task *victim_task;
struct thread *victim;
_Atomic uint32_t to_raise, went_on;
_Atomic enum raise how;
static _Atomic uint64_t order;
static _Atomic uint32_t told_kind;
static _Atomic uint64_t told_code, told_address;

static void give_way(struct host_action *next)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_switch};
}

/* ---- the handlers' server loops ---- */

enum phase { STARTS, RECEIVES, HAS_REQUEST, READS_PC, WRITES_PC };

static void receive(struct handler *h, struct host_action *next)
{
    h->phase = RECEIVES;
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    next->args[MSG_X_RECEIVE] = h->name;
    next->args[MSG_X_DEADLINE] = NANOS_NEVER;
    next->args[MSG_X_BUFFER] = BUFFER;
    next->args[MSG_X_BUFFER_SIZE] = BUFFER_SIZE;
}

static void answer(struct handler *h, struct host_action *next, uint32_t id, uint32_t length)
{
    receive(h, next);
    next->args[MSG_X_DEST] = MSG_REPLY;
    next->args[MSG_X_ID] = id;
    next->args[MSG_X_CONTROL] = MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, length, 0);
    next->args[MSG_X_ADDRESS] = BUFFER + HEAD;
}

/* Success, as the flavour wants it. */
static void succeed(struct handler *h, struct host_action *next)
{
    answer(h, next, KERN_SUCCESS, h->loaded ? sizeof(struct thread_state_general) : 0);
}

static void note_request(struct handler *h, const struct thread *t)
{
    uint64_t control = t->arch.x[MSG_X_CONTROL];
    bool state = t->arch.x[MSG_X_ID] == EXCEPTION_ID_RAISE_STATE;
    uint64_t digit = (uint64_t)(h - handlers) + 1, before = atomic_load(&order);
    if (!state && t->arch.x[MSG_X_ID] != EXCEPTION_ID_RAISE)
        host_machine_fail("message %llx is no exception", (unsigned long long)t->arch.x[MSG_X_ID]);
    CHECK_EQUAL(t->arch.x[MSG_X_RECEIVE], MSG_REPLY);
    CHECK_EQUAL(msg_descriptors(control), state ? 0 : 2);
    CHECK_EQUAL(msg_length(control), state ? 304 : 56);
    if (!state) { /* rights to the thread, and unless it is the thread's handler, the task */
        uint64_t words[8];
        arch_message_get_body(&t->arch, words);
        atomic_store(&told_kind, (uint32_t)words[4]);
        atomic_store(&told_code, words[5]);
        atomic_store(&told_address, words[6]);
        CHECK((uint32_t)words[0] != MSG_NULL && words[1] >> 40 == MSG_MOVE_SEND);
        CHECK(((uint32_t)words[2] == MSG_NULL) == (h == &handlers[EXCEPTION_OF_THREAD]) ||
              before >= 10000); /* not one of the stories */
    }
    h->phase = HAS_REQUEST;
    h->loaded = state;
    atomic_fetch_add(&h->asked, 1);
    while (!atomic_compare_exchange_weak(&order, &before, before % 100000000 * 10 + digit))
        continue;
}

static void touch_pc(struct handler *h, struct host_action *next, enum access access,
                     uint64_t value)
{
    h->phase = access == ACCESS_READ ? READS_PC : WRITES_PC;
    *next = (struct host_action){.kind = HOST_TOUCH,
                                 .va = BUFFER + PC_AT,
                                 .access = access,
                                 .value = value};
}

static void decide(struct handler *h, struct host_action *next)
{
    switch (atomic_load(&h->mode)) {
    case HANDLE: succeed(h, next); break;
    case REFUSE: answer(h, next, KERN_FAILURE, 0); break;
    case GARBAGE: answer(h, next, KERN_SUCCESS, 8); break;
    case FORGET: receive(h, next); break;
    case END: *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_exit}; break;
    case END_TASK: *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_task_exit}; break;
    case HOLD: give_way(next); break;
    case FAULT:
        atomic_store(&h->mode, HANDLE);
        *next = (struct host_action){.kind = HOST_EXCEPTION, .exception = USER_EXC_BREAKPOINT};
        break;
    default: h->loaded ? touch_pc(h, next, ACCESS_READ, 0) : succeed(h, next); break;
    }
}

static void serve(struct handler *h, struct thread *t, struct host_action *next)
{
    bool jump = atomic_load(&h->mode) == JUMP;
    if (!atomic_load(&h->ready))
        return;
    switch (h->phase) {
    case READS_PC: touch_pc(h, next, ACCESS_WRITE, jump ? 2 : t->arch.program.loaded + 4); return;
    case WRITES_PC: succeed(h, next); return;
    case RECEIVES:
        if (t->arch.x[MSG_X_DEST] == 0) {
            note_request(h, t);
            break;
        }
        [[fallthrough]];
    case STARTS: receive(h, next); return;
    default: break;
    }
    decide(h, next);
}

/* ---- the victim ---- */

static void raise(struct host_action *next)
{
    uint32_t left = atomic_load(&to_raise);
    if (left == 0) {
        give_way(next);
        return;
    }
    atomic_fetch_sub(&to_raise, 1);
    if (atomic_load(&how) == TOUCH)
        *next = (struct host_action){.kind = HOST_TOUCH, .va = BAD_ADDRESS, .access = ACCESS_WRITE};
    else if (atomic_load(&how) == LATE)
        *next = (struct host_action){.kind = HOST_LATE_ABORT, .value = SYNDROME};
    else
        *next = (struct host_action){.kind = HOST_EXCEPTION, .exception = USER_EXC_BREAKPOINT};
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    uint64_t role = t->arch.program.arg;
    (void)cpu, (void)context;
    if (role == VICTIM) {
        atomic_fetch_add(&went_on, 1);
        raise(next);
    } else {
        serve(&handlers[role], t, next);
    }
}

/* ---- the world ---- */

void exceptions_start(uint64_t seed, unsigned cpus, bool threads)
{
    world_start(
        &(struct world_config){.seed = seed, .cpus = cpus, .threads = threads, .script = script});
}

static struct kright send_right_to(struct handler *handler)
{
    struct kright right = {&handler->port->ipc, MSG_MOVE_SEND};
    spin_lock(&handler->port->lock);
    port_make_send(handler->port);
    spin_unlock(&handler->port->lock);
    return right;
}

struct registration {
    struct handler *handler;
    const struct exception_place *place;
    unsigned flavour;
    uint32_t mask;
    kern_return_t kr;
};

static void do_register(void *argument)
{
    struct registration *r = argument;
    struct exception_handler new = {.port = send_right_to(r->handler),
                                    .mask = r->mask,
                                    .flavour = (uint8_t)r->flavour};
    r->kr = exception_swap(r->place, &new);
    kright_destroy(&new.port); /* the old one, or the one that was not taken */
}

kern_return_t register_port(struct handler *handler, const struct exception_place *place,
                            unsigned flavour, uint32_t mask)
{
    struct registration r = {handler, place, flavour, mask, KERN_SUCCESS};
    host_machine_call(cpu_count - 1, do_register, &r);
    return r.kr;
}

static void make_handler(void *argument)
{
    struct handler *h = argument;
    struct space *space;
    *h = (struct handler){.mode = REFUSE};
    CHECK_EQUAL(world_task("handler", (uint64_t)(h - handlers), PRIORITY, &h->task, &h->thread),
                KERN_SUCCESS);
    space = h->task->space;
    CHECK_EQUAL(space_allocate(space, RIGHT_RECEIVE, &h->name), KERN_SUCCESS);
    CHECK_EQUAL(space_receive_port(space, h->name, &h->port), KERN_SUCCESS);
    port_unref(h->port);
    if (handlers_use_sets) {
        mach_port_name_t member = h->name;
        CHECK_EQUAL(space_allocate(space, RIGHT_SET, &h->name), KERN_SUCCESS);
        CHECK_EQUAL(space_move_member(space, member, h->name), KERN_SUCCESS);
    }
    atomic_store(&h->ready, 1);
}

static void make_victim(void *unused)
{
    (void)unused;
    CHECK_EQUAL(world_task("victim", VICTIM, PRIORITY, &victim_task, &victim), KERN_SUCCESS);
}

void exceptions_begin(unsigned flavour)
{
    to_raise = went_on = 0;
    order = 0;
    host_machine_call(0, make_victim, NULL);
    for (unsigned i = 0; i < EXCEPTION_SLOTS; i++) {
        struct exception_place place = {.slot = i, .task = victim_task};
        if (i == EXCEPTION_OF_THREAD)
            place.thread = victim;
        host_machine_call(i % cpu_count, make_handler, &handlers[i]);
        CHECK_EQUAL(register_port(&handlers[i], &place, flavour, EXCEPTION_ALL), KERN_SUCCESS);
    }
    settle();
}

static void drop(void *argument)
{
    struct exception_handler none = {.flavour = EXCEPTION_PORTS_FLAVOUR_RIGHTS};
    struct task *const tasks[] = {victim_task, handlers[0].task, handlers[1].task, handlers[2].task,
                                  handlers[3].task};
    (void)argument;
    CHECK_EQUAL(exception_swap(&(struct exception_place){.slot = EXCEPTION_OF_HOST}, &none),
                KERN_SUCCESS);
    kright_destroy(&none.port);
    thread_unref(victim);
    for (unsigned i = 0; i < EXCEPTION_SLOTS; i++)
        thread_unref(handlers[i].thread);
    for (unsigned i = 0; i < array_count(tasks); i++) {
        task_terminate(tasks[i], 0, false);
        task_unref(tasks[i]);
    }
}

void exceptions_end(void)
{
    host_machine_call(0, drop, NULL);
    world_wait_for_tasks();
    world_check_accounts();
}

void settle(void)
{
    for (unsigned i = 0; i < 40; i++)
        (void)host_machine_run(60, arch_counter() + arch_counter_frequency() / 100);
}

void raise_one(enum raise what)
{
    atomic_store(&how, what);
    atomic_store(&to_raise, 1);
    settle();
}

struct told told(void)
{
    return (struct told){told_kind, told_code, told_address};
}

uint64_t asked(void)
{
    return atomic_exchange(&order, 0);
}

bool has_crashed(void)
{
    return victim_task->crashed;
}
