/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports, and messages to others than the server, which are counted.
 */
#include "world_impl.h"
#include <libsys/stub.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { PORTS = 1 << 17, FIRST = 16 };

static struct port ports[PORTS];
static uint32_t port_count = FIRST;
/* Notifications, each in its port's queue. */
static struct {
    mach_port_name_t name;
    uint32_t made;
} pending[PORTS];
static unsigned pending_first, pending_count;

unsigned world_answers;
uint32_t world_last_holding;
kern_return_t world_last_result;
uint32_t world_last_size;
uint8_t world_last_data[16];

void ports_begin(void)
{
    memset(ports, 0, sizeof(ports));
    port_count = FIRST;
    pending_first = pending_count = 0;
}

mach_port_name_t ports_next_pending(uint32_t *made)
{
    while (pending_first < pending_count && port_of(pending[pending_first].name)->dead)
        pending_first++;
    if (pending_first < pending_count) {
        *made = pending[pending_first].made;
        return pending[pending_first++].name;
    }
    pending_first = pending_count = 0;
    return MSG_NULL;
}

mach_port_name_t ports_next_kept(mach_port_name_t after)
{
    for (uint32_t i = after == MSG_NULL ? FIRST : after + 1; i < port_count; i++)
        if (ports[i].kept && !ports[i].receive)
            return i;
    return MSG_NULL;
}

void ports_server_died(void)
{
    for (uint32_t i = FIRST; i < port_count; i++)
        if (ports[i].receive) {
            ports[i].receive = ports[i].watched = false;
            ports[i].made = 0;
            ports[i].dead = !ports[i].kept;
        }
}

void ports_check_end(void)
{
    for (uint32_t i = FIRST; i < port_count; i++)
        if (ports[i].foreign)
            CHECK_EQ(ports[i].senders, 0);
}

struct port *port_of(mach_port_name_t name)
{
    CHECK(name >= FIRST && name < port_count);
    return &ports[name];
}

static mach_port_name_t make_port(struct port port)
{
    CHECK(port_count < PORTS);
    ports[port_count] = port;
    return port_count++;
}

kern_return_t port_allocate(mach_port_name_t task, uint32_t right, uint32_t *name)
{
    CHECK_EQ(task, WORLD_TASK);
    if (world_fails())
        return KERN_LIMIT;
    *name = make_port((struct port){.receive = right == PORT_RIGHT_RECEIVE});
    return KERN_SUCCESS;
}

kern_return_t port_set_payload(mach_port_name_t task, uint32_t name, uint64_t payload)
{
    (void)task;
    port_of(name)->payload = payload;
    return KERN_SUCCESS;
}

kern_return_t port_set_memory_limit(mach_port_name_t task, uint32_t name, uint64_t bytes)
{
    (void)task;
    CHECK(port_of(name)->receive && bytes > FILE_BULK_MAX);
    return KERN_SUCCESS;
}

kern_return_t port_set_make_sends(mach_port_name_t task, uint32_t name, uint32_t count)
{
    (void)task;
    if (world_fails())
        return KERN_FAILURE;
    port_of(name)->made = count;
    return KERN_SUCCESS;
}

kern_return_t port_move_member(mach_port_name_t task, uint32_t name, uint32_t set)
{
    (void)task;
    CHECK(port_of(name)->receive && set != MSG_NULL);
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    (void)task;
    CHECK(name == right && port_of(right)->receive);
    if (world_fails())
        return KERN_LIMIT;
    port_of(right)->senders++;
    port_of(right)->made++;
    *got = right;
    return KERN_SUCCESS;
}

static void no_senders(mach_port_name_t name)
{
    port_of(name)->watched = false;
    CHECK(pending_count < PORTS);
    pending[pending_count].name = name;
    pending[pending_count++].made = port_of(name)->made;
}

kern_return_t port_request_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                        uint32_t sync, mach_port_name_t notify,
                                        mach_port_name_t *previous)
{
    struct port *port = port_of(name);

    (void)task;
    (void)notify;
    if (world_fails())
        return KERN_LIMIT;
    if (id == MSG_ID_NO_SENDERS)
        CHECK_EQ(sync, port->made);
    port->watched = true;
    *previous = MSG_NULL;
    if (id == MSG_ID_NO_SENDERS && port->senders == 0)
        no_senders(name);
    return KERN_SUCCESS;
}

kern_return_t port_cancel_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                       mach_port_name_t *previous)
{
    (void)task;
    CHECK(id == MSG_ID_DEAD_NAME && port_of(name)->watched);
    port_of(name)->watched = false;
    *previous = MSG_NULL;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, uint32_t name, uint32_t right, int32_t delta)
{
    (void)task;
    CHECK(right == PORT_RIGHT_SEND && delta == 1 && port_of(name)->senders != 0);
    if (port_of(name)->dead)
        return KERN_INVALID_RIGHT;
    port_of(name)->senders++;
    return KERN_SUCCESS;
}

kern_return_t port_type(mach_port_name_t task, uint32_t name, uint32_t *rights)
{
    (void)task;
    *rights = port_of(name)->dead ? PORT_RIGHT_DEAD : PORT_RIGHT_SEND_ONCE;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    struct port *port = port_of(name);

    if (kind == MSG_MOVE_RECEIVE) {
        CHECK(port->receive && !port->kept);
        port->receive = false;
        port->dead = true;
        return;
    }
    CHECK(port->senders != 0);
    if (--port->senders == 0 && port->watched && port->receive)
        no_senders(name);
}

/* ---- messages ---- */

kern_return_t stub_send(mach_port_name_t to, unsigned disposition, uint32_t id, const void *body,
                        uint32_t shape, uint64_t deadline)
{
    const struct msg_descriptor *descriptor = body;

    (void)deadline;
    if (id == FILE_ID_MOUNTED) {
        CHECK(disposition == MSG_COPY_SEND && wire_descriptors(shape) == 1);
        stub_release_right((mach_port_name_t)descriptor->value, MSG_MOVE_SEND);
        return KERN_SUCCESS;
    }
    CHECK_EQ(disposition, MSG_MOVE_SEND_ONCE);
    if (port_of(to)->dead)
        return MACH_SEND_INVALID_DEST;
    stub_release_right(to, MSG_MOVE_SEND_ONCE);
    world_answers++;
    return KERN_SUCCESS;
}

kern_return_t file_reply_wait(mach_port_name_t reply, kern_return_t result, uint32_t holding)
{
    world_last_holding = result == KERN_SUCCESS ? holding : 0;
    return stub_send(reply, MSG_MOVE_SEND_ONCE, (uint32_t)result, NULL, 0, 0);
}

kern_return_t file_reply_wait_lock(mach_port_name_t reply, kern_return_t result)
{
    const kern_return_t kr = stub_send(reply, MSG_MOVE_SEND_ONCE, (uint32_t)result, NULL, 0, 0);

    if (kr == KERN_SUCCESS)
        world_last_result = result;
    return kr;
}

kern_return_t file_reply_await(mach_port_name_t reply, kern_return_t result, const void *data,
                               uint32_t size)
{
    const kern_return_t kr = stub_send(reply, MSG_MOVE_SEND_ONCE, (uint32_t)result, NULL, 0, 0);

    if (kr == KERN_SUCCESS) {
        world_last_result = result;
        world_last_size = size < sizeof(world_last_data) ? size : sizeof(world_last_data);
        if (world_last_size != 0)
            memcpy(world_last_data, data, world_last_size);
    }
    return kr;
}

kern_return_t server_keep_reply(struct server_message *message)
{
    if (world_fails())
        return KERN_LIMIT;
    message->reply = make_port((struct port){.foreign = true, .senders = 1});
    return KERN_SUCCESS;
}

kern_return_t service_ready(mach_port_name_t bootstrap)
{
    (void)bootstrap;
    return KERN_SUCCESS;
}

kern_return_t service_check_in(mach_port_name_t bootstrap, const char *name, mach_port_name_t *port)
{
    (void)bootstrap;
    (void)name;
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *port = make_port((struct port){.receive = true, .senders = 1, .made = 1});
    return KERN_SUCCESS;
}

/* ---- what tests do with them ---- */

void world_lose_answers(void)
{
    for (uint32_t i = FIRST; i < port_count; i++)
        if (ports[i].foreign && ports[i].senders != 0)
            ports[i].dead = true;
}

void world_close(mach_port_name_t port)
{
    stub_release_right(port, MSG_MOVE_SEND);
    world_settle();
}

mach_port_name_t world_second(void)
{
    port_of(world_root)->senders++;
    return world_root;
}

void world_second_done(kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        stub_release_right(world_root, MSG_MOVE_SEND);
    CHECK_EQ(port_of(world_root)->senders, 1);
}

mach_port_name_t world_foreign(void)
{
    return make_port((struct port){.foreign = true, .senders = 1});
}

void *world_memory(mach_port_name_t entry)
{
    return (void *)(uintptr_t)port_of(entry)->payload;
}

uint32_t world_rights(mach_port_name_t port)
{
    return port_of(port)->senders;
}

mach_port_name_t world_made(mach_port_name_t port)
{
    port_of(port)->senders++;
    return port;
}

void world_made_done(mach_port_name_t port, kern_return_t kr)
{
    if (kr != KERN_SUCCESS && kr != MIG_NO_REPLY)
        stub_release_right(port, MSG_MOVE_SEND);
}
