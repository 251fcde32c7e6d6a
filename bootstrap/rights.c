/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See rights.h. The calls here are of our own task's port: the kernel answers them, and nobody else is waited for.
 */
#include "rights.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/port.h>

mach_port_name_t port_set, notices;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

kern_return_t rights_begin(void)
{
    const kern_return_t kr = port_allocate(self(), PORT_RIGHT_SET, &port_set);
    return kr == KERN_SUCCESS ? port_make(&(struct port_use){.kind = PORT_NOTICES}, &notices) : kr;
}

/* kind: 8 bits, program: 24, generation: 32. */
static uint64_t payload_of(const struct port_use *use)
{
    return (uint64_t)use->kind | (uint64_t)use->program << 8 | (uint64_t)use->generation << 32;
}

struct port_use port_use_of(uint64_t payload)
{
    return (struct port_use){
        .kind = (enum port_kind)(payload & 0xff),
        .program = (unsigned)(payload >> 8) & 0xffffff,
        .generation = (uint32_t)(payload >> 32),
    };
}

kern_return_t port_make(const struct port_use *use, mach_port_name_t *out)
{
    mach_port_name_t name;
    kern_return_t kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &name);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_set_payload(self(), name, payload_of(use));
    if (kr == KERN_SUCCESS)
        kr =
            port_set_memory_limit(self(), name,
                                  0); /* else one message could be too large to be received, ever */
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self(), name, port_set);
    if (kr == KERN_SUCCESS)
        *out = name;
    else
        receive_drop(&name);
    return kr;
}

void receive_drop(mach_port_name_t *name)
{
    if (*name != MSG_NULL)
        stub_release_right(*name, MSG_MOVE_RECEIVE);
    *name = MSG_NULL;
}

void send_drop(mach_port_name_t *name)
{
    if (*name != MSG_NULL && *name != MSG_DEAD)
        stub_release_right(*name, MSG_MOVE_SEND);
    *name = MSG_NULL;
}

kern_return_t send_copy(mach_port_name_t name)
{
    return port_mod_refs(self(), name, PORT_RIGHT_SEND, 1);
}

kern_return_t watch_death(mach_port_name_t name)
{
    mach_port_name_t previous = MSG_NULL;
    const kern_return_t kr =
        port_request_notification(self(), name, MSG_ID_DEAD_NAME, 1, notices, &previous);
    if (kr == KERN_SUCCESS && previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    return kr;
}
