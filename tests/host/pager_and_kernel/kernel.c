/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pager's program is to the kernel: an actor, which makes its calls and receives its messages; its lives and deaths; and what happens while
 * somebody waits (world.h).
 */
#include "together.h"

#include "world.h"

#include <kern/clock.h>
#include <kern/task.h>
#include <stdarg.h>
#include <string.h>
#include <wharf/if/task_types.h>

struct world world;

static struct {
    struct actor *actor; /* NULL: the office is vacant */
    uint32_t set;        /* what it receives from */
    uint32_t service;    /* my name of the port for people; 0: none */
    bool busy;           /* it is at something, and hears nothing meanwhile */
    struct actor *killer;
    uint32_t victim; /* the killer's name of the program's task */
    bool doomed;     /* the killer has begun to end it */
    bool burying;    /* it has died, and is being cleared away */
    unsigned idle;   /* looks in a row at which nothing was to be done, while somebody waited */
} program;

uint64_t world_below(uint64_t bound)
{
    return host_random_below(&chance, bound);
}

void world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    host_machine_fail(" (%llu events, %llu calls, %llu deaths)", (unsigned long long)world.events,
                      (unsigned long long)world.calls, (unsigned long long)world.deaths);
}

/* ---- what the program has of the kernel ---- */

struct program_names kernel_begin_task(void)
{
    trouble_pause();
    program.actor = actor_new();
    program.set = set_new(program.actor);
    program.victim = give_port(program.killer, program.actor->task->self_port);
    struct program_names names = {
        .task = give_port(program.actor, program.actor->task->self_port),
        .host_memory = give_port(program.actor, host.port[KOBJECT_HOST_MEMORY]),
        .set = program.set,
    };
    trouble_go_on();
    client_use(program.actor);
    return names;
}

/* For what is no call of its: it dies now, if it has been struck. */
static void be_alive(void)
{
    if (program.doomed)
        rest();
}

uint32_t kernel_port(uint64_t payload)
{
    be_alive();
    trouble_pause();
    uint32_t port = port_new(program.actor);
    if (payload)
        set_payload(port_behind(program.actor, port), payload);
    OK(move_member(program.actor, port, program.set));
    trouble_go_on();
    return port;
}

uint32_t kernel_send_right(uint32_t port)
{
    be_alive();
    trouble_pause();
    uint32_t name = send_to(program.actor, program.actor, port);
    trouble_go_on();
    return name;
}

void kernel_set_service(uint32_t port)
{
    be_alive();
    trouble_pause();
    program.service = send_to(me.actor, program.actor, port);
    trouble_go_on();
}

uint64_t kernel_now(void)
{
    return moment(0);
}

void kernel_pass_time(uint64_t nanoseconds)
{
    pass_time(nanoseconds);
}

void kernel_read(void *to, uint64_t from, size_t size)
{
    be_alive();
    memory_read(program.actor, from, to, size);
}

void kernel_write(uint64_t to, const void *from, size_t size)
{
    be_alive();
    memory_write(program.actor, to, from, size);
}

bool kernel_receive(struct world_message *message)
{
    const struct actor *actor = program.actor;
    post(program.actor,
         (struct message){.receive = program.set, .size = 3 * PAGE, .deadline = PAST});
    if (result(actor) != KERN_SUCCESS)
        return false;
    message->id = got_id(actor);
    message->control = actor->x[2];
    message->local = actor->x[3];
    message->reply = got_reply(actor);
    for (unsigned i = 0; i * 8 < msg_length(message->control); i++)
        message->body[i] = got_word(actor, i);
    return true;
}

int64_t kernel_keep_reply(void)
{
    post_trap(program.actor, TRAP_reply_keep, 0, 0);
    return (int64_t)program.actor->x[0];
}

bool kernel_reply(uint32_t reply, uint32_t id, const void *body, uint32_t length)
{
    struct message m = {.dest = reply, .remote = MSG_MOVE_SEND_ONCE, .id = id, .length = length};
    CHECK(length <= sizeof(m.body));
    memcpy(m.body, body, length);
    return perform(program.actor, m) == KERN_SUCCESS;
}

uint32_t together_service(void)
{
    return program.service;
}

struct host_memory_swap together_facts(void)
{
    trouble_pause();
    struct host_memory_swap facts = office_facts();
    trouble_go_on();
    return facts;
}

/* ---- lives and deaths ---- */

/* It is busy meanwhile: nothing of it happens when the kernel rests. */
static void bury(void)
{
    program.burying = true;
    trouble_pause();
    program.actor->gone = true;
    end_task(program.actor);
    actor_drop(program.actor);
    if (program.service)
        OK(drop(me.actor, program.service));
    OK(drop(program.killer, program.victim));
    trouble_go_on();
    program.actor = NULL;
    program.service = 0;
    program.doomed = program.burying = false;
    devices_let_go();
    program_end();
    world.deaths++;
}

void world_kill(void)
{
    const bool was = program.busy;
    program.busy = true;
    if (program.actor)
        bury();
    program.busy = was;
}

/* Nobody waits for what its actor does from here on: it may be done, or not. */
void kernel_strike(void)
{
    if (!program.actor || program.doomed)
        return;
    program.doomed = program.actor->gone = true;
    post_only(program.killer, (struct message){.dest = program.victim,
                                               .remote = MSG_COPY_SEND,
                                               .id = TASK_ID_TERMINATE,
                                               .length = 8,
                                               .how_local = MSG_MAKE_REPLY,
                                               .receive = MSG_REPLY,
                                               .size = PAGE});
}

/* The kernel has ended its task, wherever that was. */
static bool is_struck(void)
{
    if (!program.doomed)
        return false;
    CHECK(is_done(program.killer));
    if (program.busy && program.actor)
        program_dies();
    program.busy = true;
    bury();
    program.busy = false;
    return true;
}

static void begin(void)
{
    world.begun++;
    if (!program_begin())
        bury();
}

static bool event(bool must)
{
    bool died = false, did = true;
    if (program.doomed) {
        bury();
    } else if (!program.actor) {
        did = must || one_in(3);
        if (did)
            begin();
    } else if (!world.calm && world.kill_one_in > 0 && one_in(world.kill_one_in)) {
        bury();
    } else {
        client_use(program.actor);
        did = program_event(&died);
        if (died)
            bury();
    }
    return did;
}

bool world_event(bool must)
{
    if (program.busy)
        return false;
    program.busy = true;
    bool did = event(must);
    client_use(me.actor);
    program.busy = false;
    world.events += did;
    return did;
}

/* ---- who waits ---- */

/* Until somebody gets on: time passes where nothing else can happen. */
static bool get_on(void)
{
    enum { LONG = 3000 };
    if (world_event(true)) {
        program.idle = 0;
        return true;
    }
    if (++program.idle > LONG)
        world_fail("somebody waits, and nothing is to be done");
    host_time_jump(clock_ticks_at(SECOND / 100) - clock_ticks_at(0));
    return true;
}

/* For rest(). */
static bool serve_me(void)
{
    if (!program.burying && is_struck())
        return true;
    return !program.busy && !is_done(me.actor) && get_on();
}

void world_settle(void)
{
    enum { LOOKS = 20 };
    const bool was = world.calm;
    world.calm = true;
    devices_repair();
    for (unsigned quiet = 0; quiet < LOOKS;) {
        if (world_event(true)) {
            quiet = 0;
        } else if (together_facts().in_flight > 0 || program_waiting() > 0) {
            (void)get_on();
        } else {
            pass_time(SECOND / 10);
            quiet++;
        }
    }
    world.calm = was;
}

void together_begin(void)
{
    office_have_patience();
    keep_in(me.actor->task, me.actor->send_va, 9);
    program.killer = actor_new();
    keep_in(program.killer->task, program.killer->send_va, 9);
    at_rest = serve_me;
}

void together_end(void)
{
    at_rest = NULL;
}
