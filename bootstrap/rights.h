/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor's own ports and rights: all receive rights are in one set, and their payloads tell what they are for.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

/* What a port of ours is for. */
enum port_kind {
    PORT_NOTICES = 1, /* what the kernel tells: dead names, ports that come back */
    PORT_PROGRAM,     /* the bootstrap port of an instance, and the handler of its exceptions */
    PORT_PING,        /* answers to pings */
    PORT_OPENING,     /* answers to device_control.open */
    PORT_REPORTER,    /* what the reporter has done */
    PORT_PRESSURE,    /* how memory does */
};

/** What a port is for, whose, and which instance's. */
struct port_use {
    enum port_kind kind;
    unsigned program;
    uint32_t generation;
};

/** The set; and the port of kind PORT_NOTICES. */
extern mach_port_name_t port_set, notices;

/** Make the set and the port for notices. */
kern_return_t rights_begin(void);

/** A receive right in the set, whose senders can bring no memory. */
kern_return_t port_make(const struct port_use *use, mach_port_name_t *out);
struct port_use port_use_of(uint64_t payload);

/** Give up a receive right, a send right; set to MSG_NULL. Nothing if it is. */
void receive_drop(mach_port_name_t *name);
void send_drop(mach_port_name_t *name);
/** One more send right of a name, to be moved. */
kern_return_t send_copy(mach_port_name_t name);

/** Tell at `notices` when the port behind a name has died. */
kern_return_t watch_death(mach_port_name_t name);
