/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and rights of actors, from outside (ipc-actor.h).
 */
#include "ipc-actor.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/host.h>
#include <wharf/if/port.h>

static const uint64_t patience = 10000000000;

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static uint32_t allocate(struct actor *a, uint32_t right)
{
    uint32_t name = MSG_NULL;
    OK(port_allocate(a->task, right, &name));
    return name;
}

uint32_t actor_port(struct actor *a)
{
    return allocate(a, PORT_RIGHT_RECEIVE);
}

uint32_t actor_set(struct actor *a)
{
    return allocate(a, PORT_RIGHT_SET);
}

uint32_t actor_dead(struct actor *a, unsigned urefs)
{
    uint32_t name = allocate(a, PORT_RIGHT_DEAD);
    OK(port_mod_refs(a->task, name, PORT_RIGHT_DEAD, (int32_t)urefs - 1));
    return name;
}

uint32_t actor_send_to(struct actor *a, struct actor *owner, uint32_t port)
{
    mach_port_name_t right;
    uint32_t name = MSG_NULL;
    OK(port_extract_send(owner->task, port, PORT_HOW_MAKE_SEND, &right));
    OK(port_insert_send(a->task, 0, right, &name));
    OK(port_deallocate(me(), right));
    return name;
}

uint32_t actor_once_to(struct actor *a, struct actor *owner, uint32_t port)
{
    mach_port_name_t right;
    uint32_t name = MSG_NULL;
    OK(port_extract_send_once(owner->task, port, PORT_HOW_MAKE_SEND_ONCE, &right));
    OK(port_insert_send_once(a->task, right, &name));
    return name;
}

void actor_kill_port(struct actor *a, uint32_t name)
{
    OK(port_mod_refs(a->task, name, PORT_RIGHT_RECEIVE, -1));
}

/* All references of each right that the name denotes. Rights change on the way: the port dies. */
static void drop(struct actor *a, uint32_t name)
{
    static const uint32_t kinds[] = {PORT_RIGHT_SET, PORT_RIGHT_RECEIVE, PORT_RIGHT_SEND,
                                     PORT_RIGHT_SEND_ONCE, PORT_RIGHT_DEAD};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint32_t refs = 0;
        if (port_get_refs(a->task, name, kinds[i], &refs) == KERN_SUCCESS && refs > 0)
            (void)!port_mod_refs(a->task, name, kinds[i], -(int32_t)refs);
    }
}

void actor_wipe(struct actor *a)
{
    static uint32_t names[PORT_NAMES_MAX], rights[PORT_NAMES_MAX];
    uint32_t position = 0, count, rights_count;
    do {
        OK(port_names(a->task, position, &position, names, &count, rights, &rights_count));
        for (uint32_t i = 0; i < count; i++)
            drop(a, names[i]);
    } while (position != 0);
}

uint64_t objects_now(void)
{
    struct host_statistics now = {0};
    OK(host_statistics(program_start_info->host, &now));
    return now.kernel_objects;
}

uint64_t objects_at_rest(void)
{
    uint64_t last = 0, seen = 0;
    for (unsigned same = 0; same < 40; same = seen == last ? same + 1 : 0) {
        last = seen;
        (void)!kernel_sleep_until(kernel_clock_now() + 1000000);
        seen = objects_now();
    }
    return seen;
}

void expect_objects(uint64_t wanted)
{
    uint64_t give_up = kernel_clock_now() + patience, now;
    while ((now = objects_now()) > wanted && kernel_clock_now() < give_up)
        (void)!kernel_sleep_until(kernel_clock_now() + 1000000);
    if (now > wanted)
        print("%lu kernel objects, %lu wanted\n", now, wanted);
    CHECK(now <= wanted);
}
