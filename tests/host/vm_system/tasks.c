/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tasks that are played with, their threads, and who handles their exceptions.
 */
#include "player.h"

#include <kern/exception.h>
#include <string.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>

static struct actor *handler;
static uint32_t handler_port;

/* ---- exceptions ---- */

/* An answer that could not be sent has not been; an exception that could not be received waits still. */
static void listen(struct message m)
{
    m.receive = handler_port;
    m.size = 512;
    post(handler, m);
    while (is_done(handler) && trouble_reaches((kern_return_t)result(handler))) {
        if (result(handler) != MACH_SEND_NO_BUFFER)
            m.dest = 0;
        post(handler, m);
    }
}

struct registration {
    struct task *task;
    struct port *port;
};

static void do_register(void *argument)
{
    struct registration *r = argument;
    struct exception_place place = {.slot = EXCEPTION_OF_TASK, .task = r->task};
    struct exception_handler new = {.port = port_send_right(r->port),
                                    .mask = EXCEPTION_ALL,
                                    .flavour = EXCEPTION_PORTS_FLAVOUR_RIGHTS};
    CHECK_EQUAL(exception_swap(&place, &new), KERN_SUCCESS);
    kright_destroy(&new.port);
}

static struct player *player_of_thread(uint32_t id)
{
    for (unsigned t = 0; t < TASKS; t++)
        for (unsigned i = 0; i < MATES; i++)
            if (model[t].player[i].actor->thread->id == id)
                return &model[t].player[i];
    host_machine_fail("an exception of thread %u, which does not play", id);
}

static void note(struct player *player, uint64_t what, uint64_t code, vaddr_t va)
{
    struct op *op = &player->op;
    CHECK(op->kind == OP_TOUCH && !player->raised);
    CHECK_EQUAL((uint32_t)what,
                op->access == PROT_EXECUTE ? (unsigned)EXCEPTION_KIND_EXECUTE : op->access);
    CHECK_EQUAL(va, va_of(op->page) + word_offset(op->slot));
    player->raised = true;
    player->kr = code & EXCEPTION_CODE_PAGE ? (kern_return_t)(code & 0xffff) : KERN_FAILURE;
    player->reason = (uint32_t)(code >> 32) & 0xffffff;
    /* Its program does not insist. */
    player->actor->thread->arch.program.action.kind = HOST_STAY;
}

bool hear_exceptions(void)
{
    if (is_done(handler) && trouble_reaches((kern_return_t)result(handler)))
        listen((struct message){.dest = 0});
    if (!is_done(handler))
        return false;
    CHECK_EQUAL(result(handler), KERN_SUCCESS);
    CHECK_EQUAL(got_id(handler), EXCEPTION_ID_RAISE);
    uint64_t what = got_word(handler, 4);
    uint32_t names[2] = {(uint32_t)got_descriptor(handler, 0).value,
                         (uint32_t)got_descriptor(handler, 1).value};
    note(player_of_thread((uint32_t)(what >> 32)), what, got_word(handler, 5),
         got_word(handler, 6));
    listen((struct message){.dest = MSG_REPLY, .remote = MSG_MOVE_SEND_ONCE});
    OK(drop(handler, names[0]));
    OK(drop(handler, names[1]));
    return true;
}

/* ---- tasks ---- */

/* A thread of it. Its own memory is no child's. */
static void add_player(struct task_model *m, struct player *player)
{
    struct actor of_task = {.task = m->task};
    *player = (struct player){.task = (unsigned)(m - model)};
    player->actor = actor_mate(&of_task, ACTOR_PRIORITY);
    OK(vm_inherit(m->name, player->actor->send_va, 9 * PAGE, VM_INHERIT_NONE));
    keep_in(m->task, player->actor->send_va, 9);
}

/* It raises an exception: what that needs is made for a thread's first one. */
static void warm_up(struct player *player)
{
    struct op op = {.kind = OP_TOUCH, .task = player->task, .page = PAGES + 8, .access = PROT_READ};
    op_begin(player, op);   /* nothing stays there */
    while (!player->raised) /* others may raise some, too */
        CHECK(hear_exceptions());
    op_forget(player);
}

static void make(unsigned task, unsigned parent)
{
    struct task_model *m = &model[task];
    uint32_t self, flags = parent < PAGES ? TASK_INHERIT_MEMORY : 0;
    uint32_t from = parent < PAGES ? model[parent].name : me.task;
    kern_return_t kr;
    ATTEMPT(kr, task_create(from, flags, "play", NULL, 0, 0, &m->name, &self));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    trouble_pause();
    m->task = task_behind(m->name);
    in_kernel(do_register, &(struct registration){m->task, port_behind(handler, handler_port)});
    m->generation = parent < PAGES ? model[parent].generation + 1 : 0;
    if (parent < PAGES)
        model_fork(parent, task);
    for (unsigned i = 0; i < MATES; i++)
        add_player(m, &m->player[i]);
    for (unsigned i = 0; i < MATES; i++)
        warm_up(&m->player[i]);
    m->inbox = port_new(m->player[0].actor);
    m->letters = 0;
    trouble_go_on();
}

static void end(unsigned task)
{
    struct task_model *m = &model[task];
    ops_forget_task(task);
    for (unsigned i = 0; i < MATES; i++) {
        op_forget(&m->player[i]);
        m->player[i].actor->gone = true;
    }
    child_end(m->name);
    for (unsigned i = 0; i < MATES; i++)
        actor_drop(m->player[i].actor);
    model_remove((struct range){task, 0, PAGES});
    m->task = NULL;
}

/* A ledger has only so many above it, also such of tasks that have ended. */
enum { GENERATIONS = 24 };

void task_replace(unsigned task, unsigned parent)
{
    if (parent < PAGES && model[parent].generation == GENERATIONS)
        parent = PAGES;
    end(task);
    ops_settle(); /* who was woken by that is done before the copy is made */
    make(task, parent);
}

void tasks_begin(void)
{
    handler = actor_new();
    handler_port = port_new(handler);
    keep_in(handler->task, handler->send_va, 9);
    listen((struct message){.dest = 0});
    for (unsigned t = 0; t < TASKS; t++)
        make(t, PAGES);
}

void tasks_end(void)
{
    for (unsigned t = 0; t < TASKS; t++)
        end(t);
}

struct player *some_player(void)
{
    return &model[below(TASKS)].player[below(MATES)];
}
