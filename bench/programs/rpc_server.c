/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What answers in the message benchmarks; see rpc.h.
 */
#include "rpc.h"
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/machine.h>
#include <wharf/if/port.h>
#include <wharf/if/rpc.h>
#include <wharf/if/vm.h>

struct rpc_shared *rpc_shared;

/* ---- what the server does ---- */

static kern_return_t null(struct server_message *message)
{
    (void)message;
    return KERN_SUCCESS;
}

static kern_return_t words4(struct server_message *message, uint64_t a, uint64_t b, uint64_t c,
                            uint64_t d, uint64_t *e, uint64_t *f, uint64_t *g, uint64_t *h)
{
    (void)message;
    *e = a;
    *f = b;
    *g = c;
    *h = d;
    return KERN_SUCCESS;
}

static kern_return_t words8(struct server_message *message, const uint64_t words[8],
                            uint64_t back[8])
{
    (void)message;
    stub_copy_words(back, words);
    return KERN_SUCCESS;
}

static kern_return_t words8_fp(struct server_message *message, const uint64_t words[8],
                               uint64_t back[8])
{
    (void)message;
    rpc_touch_fp();
    stub_copy_words(back, words);
    return KERN_SUCCESS;
}

/* Both blocks are used where they lie: the server's own work is not what is measured. */
static kern_return_t short_block(struct server_message *message, const uint64_t words[RPC_SHORT],
                                 uint64_t back[RPC_SHORT])
{
    (void)message;
    back[0] = words[0];
    back[RPC_SHORT - 1] = words[RPC_SHORT - 1];
    return KERN_SUCCESS;
}

static kern_return_t long_block(struct server_message *message, const uint64_t words[RPC_LONG],
                                uint64_t *sum)
{
    (void)message;
    *sum = words[0] + words[RPC_LONG - 1];
    return KERN_SUCCESS;
}

/* The right is given back: it does not pile up. */
static kern_return_t give_port(struct server_message *message, mach_port_name_t right)
{
    (void)message;
    stub_release_right(right, MSG_MOVE_SEND);
    return KERN_SUCCESS;
}

static kern_return_t pass_port(struct server_message *message, mach_port_name_t right,
                               mach_port_name_t *back)
{
    (void)message;
    *back = right;
    return KERN_SUCCESS;
}

/* The loop answers by the name as it receives the next. */
static kern_return_t kept(struct server_message *message)
{
    return server_keep_reply(message);
}

static kern_return_t kept_apart(struct server_message *message)
{
    const kern_return_t kr = server_keep_reply(message);

    if (kr != KERN_SUCCESS)
        return kr;
    return rpc_reply_kept_apart(message->reply, KERN_SUCCESS) == KERN_SUCCESS ? MIG_NO_REPLY
                                                                              : KERN_FAILURE;
}

static const struct rpc_ops ops = {
    .null = null,
    .words4 = words4,
    .words8 = words8,
    .words8_fp = words8_fp,
    .short_block = short_block,
    .long_block = long_block,
    .give_port = give_port,
    .pass_port = pass_port,
    .kept = kept,
    .kept_apart = kept_apart,
};

static int serve(void *argument)
{
    static _Alignas(8) uint8_t in[RPC_REQUEST_MAX], out[RPC_REPLY_MAX];
    const mach_port_name_t *port = argument;
    const struct server_interface interface = rpc_interface(&ops, NULL);
    const struct server server = {.port = *port,
                                  .count = 1,
                                  .interfaces = &interface,
                                  .in = in,
                                  .in_size = sizeof(in),
                                  .out = out,
                                  .out_size = sizeof(out)};
    return (int)server_run(&server);
}

static int wait(void *argument)
{
    const mach_port_name_t *port = argument;
    struct msg_registers registers = {.size = 0};
    for (;;) {
        registers.destination = MSG_NULL;
        registers.control = 0;
        registers.receive = *port;
        registers.deadline = UINT64_MAX;
        user_msg_trap(&registers);
        const uint64_t now = machine_counter_raw();
        if (registers.result != 0)
            return 1;
        atomic_store_explicit(&rpc_shared->taken, rpc_shared->taken + (now - rpc_shared->sent),
                              memory_order_relaxed);
    }
}

/* ---- making it ---- */

mach_port_name_t rpc_begin(void)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t port, name;
    uint64_t at;
    CHECK_EQUAL(vm_map(self, 0, sizeof(*rpc_shared), 0, VM_ANYWHERE, MSG_NULL,
                       VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE,
                       &at),
                KERN_SUCCESS);
    rpc_shared = (struct rpc_shared *)(uintptr_t)at;
    CHECK_EQUAL(port_allocate(self, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(self, port, port, &name), KERN_SUCCESS);
    return port;
}

static struct clone child;

static void start(mach_port_name_t port, clone_function_t *function, unsigned priority)
{
    static mach_port_name_t argument; /* a copy of it is the child's */
    argument = port;
    CHECK_EQUAL(clone_make(&child, function, &argument, priority), KERN_SUCCESS);
    CHECK_EQUAL(clone_give_receive(&child, port), KERN_SUCCESS);
    CHECK_EQUAL(clone_run(&child), KERN_SUCCESS);
}

void rpc_start_server(mach_port_name_t port)
{
    start(port, serve, RPC_SERVER_PRIORITY);
}

void rpc_start_waiter(mach_port_name_t port)
{
    start(port, wait, RPC_WAITER_PRIORITY);
}

void rpc_end(void)
{
    clone_end(&child);
}
