/* SPDX-License-Identifier: BSD-2-Clause */
#include "kobj_world.h"

#include <kern/cpu.h>

struct me me;

_Atomic bool small_pieces;
_Atomic unsigned irq_rate;

bool __real_host_irq_pending(void);
bool __wrap_host_irq_pending(void);
bool __wrap_host_irq_pending(void)
{
    static _Atomic uint32_t looked;
    static _Thread_local uint64_t random;
    unsigned rate = atomic_load(&irq_rate);
    if (rate && host_random(&random) % rate == 0)
        return true;
    if (atomic_load(&small_pieces) && arch_cpu_self()->current == me.actor->thread &&
        atomic_fetch_add(&looked, 1) * UINT32_C(0x9e3779b1) >> 31)
        return true;
    return __real_host_irq_pending();
}

uint64_t clock_now_value(void)
{
    return (clock_now)();
}

struct gift {
    struct actor *to;
    struct port *port;
    uint32_t name;
};

static void give(void *argument)
{
    struct gift *gift = argument;
    struct kright right = port_send_right(gift->port);
    OK(space_reserve(gift->to->task->space, 1));
    gift->name = space_insert(gift->to->task->space, &right);
}

uint32_t give_port(struct actor *to, struct port *port)
{
    struct gift gift = {.to = to, .port = port};
    in_kernel(give, &gift);
    return gift.name;
}

static uint32_t given(struct port *port)
{
    return give_port(me.actor, port);
}

void enter(void)
{
    me = (struct me){.actor = actor_new()};
    me.task = given(me.actor->task->self_port);
    me.host = given(host.port[KOBJECT_HOST]);
    me.clock = given(host.port[KOBJECT_CLOCK]);
    me.memory = given(host.port[KOBJECT_HOST_MEMORY]);
    me.time = given(host.port[KOBJECT_HOST_TIME]);
    me.irq = given(host.port[KOBJECT_HOST_IRQ]);
    me.debug = given(host.port[KOBJECT_HOST_DEBUG]);
    me.tasks = given(host.port[KOBJECT_HOST_TASKS]);
    client_use(me.actor);
}

uint32_t host_right(enum kobject kind)
{
    return given(host.port[kind]);
}

uint32_t child_new(uint32_t flags, uint32_t self_port, uint32_t *self_name)
{
    uint32_t task, name;
    OK(task_create(me.task, flags, "child", NULL, 0, self_port, &task, &name));
    CHECK(task != 0 && name != 0);
    if (self_name)
        *self_name = name;
    return task;
}

void child_end(uint32_t task)
{
    OK(task_terminate(task, 3));
    rest();
    uint32_t rights;
    OK(port_type(me.task, task, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_DEAD);
    drop_name(task);
}

uint32_t own_port(void)
{
    uint32_t port, same;
    OK(port_allocate(me.task, PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me.task, port, port, &same));
    CHECK_EQUAL(same, port);
    return port;
}

void drop_name(uint32_t name)
{
    OK(port_deallocate(me.task, name));
}

struct task *task_behind(uint32_t name)
{
    struct port *port = port_behind(me.actor, name);
    CHECK_EQUAL(port->kobject, KOBJECT_TASK);
    return port->object;
}
