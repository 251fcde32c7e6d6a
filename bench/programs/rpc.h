/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of the message benchmarks: a copy of the benchmark's own task (libsys/clone.h), less urgent than it, that
 * serves rpc.defs; and what both see.
 */
#pragma once

#include <libsys/thread.h>
#include <stdint.h>
#include <wharf/message.h>

enum {
    RPC_SERVER_PRIORITY = THREAD_PRIORITY_DEFAULT - 16,
    RPC_WAITER_PRIORITY = THREAD_PRIORITY_DEFAULT + 1,
};

/** Memory of both tasks. */
struct rpc_shared {
    _Atomic uint64_t sent;  /* the counter before a notification. Client */
    _Atomic uint64_t taken; /* the sum of what notifications took. Waiter */
};

extern struct rpc_shared *rpc_shared;

/** Make rpc_shared, and a port with a send right of the same name. */
mach_port_name_t rpc_begin(void);
/** A task that serves the port, at RPC_SERVER_PRIORITY. It does not end by itself. */
void rpc_start_server(mach_port_name_t port);
/** A task that waits for messages at RPC_WAITER_PRIORITY and adds up how long they take to reach it. */
void rpc_start_waiter(mach_port_name_t port);
/** End that task. */
void rpc_end(void);

/** Write a vector register: the thread has floating-point state from then on. */
static inline void rpc_touch_fp(void)
{
    __asm__ volatile(".arch_extension fp\n\tfmov d0, #1.0");
}
