/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper by its interface (interfaces/keeper.defs): what a program can do to its book, honestly or not. Each instance but the last is killed; which one it is stands in "state".
 */
#include <libsys/check.h>
#include <libsys/files/keep.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/keeper.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PORTS = 20, KEY = 7, INSTANCES = 4, MESSAGE = 0x123456 };
#define PAYLOAD UINT64_C(0x7465737400000000)

struct memory {
    uint32_t instance;
};

static struct memory *memory;
static struct keep keep;
static unsigned restored_count;
static mach_port_name_t restored_ports[PORTS];

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static void map_memory(void)
{
    mach_port_name_t state;
    uint64_t at = 0;

    CHECK_EQUAL(service_get_right(program_start_info->bootstrap, "state", &state), KERN_SUCCESS);
    CHECK_EQUAL(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, state, VM_PROT_READ | VM_PROT_WRITE,
                       VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE, &at),
                KERN_SUCCESS);
    stub_release_right(state, MSG_MOVE_SEND);
    memory = (struct memory *)(uintptr_t)at;
}

static void restored(void *context, uint64_t payload, mach_port_name_t port)
{
    (void)context;
    if (CHECK(payload - PAYLOAD - 1 < PORTS) &&
        CHECK_EQUAL(restored_ports[payload - PAYLOAD - 1], 0))
        restored_ports[payload - PAYLOAD - 1] = port;
    restored_count++;
}

static mach_port_name_t make_port(uint64_t payload)
{
    mach_port_name_t port = MSG_NULL;

    CHECK_EQUAL(port_allocate(me(), PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_set_payload(me(), port, payload), KERN_SUCCESS);
    return port;
}

/* Each with a message in its queue, and a right that the book has: so nothing but the keeper keeps it. */
static void leave_ports(void)
{
    for (unsigned i = 0; i < PORTS; i++) {
        const mach_port_name_t port = make_port(PAYLOAD + 1 + i);
        const uint64_t body[MSG_REGISTER_BYTES / 8] = {i};
        mach_port_name_t right;
        CHECK_EQUAL(port_insert_made_send(me(), port, port, &right), KERN_SUCCESS);
        CHECK_EQUAL(stub_send(right, MSG_COPY_SEND, MESSAGE, body, WIRE_SHAPE(8, 0), 0),
                    KERN_SUCCESS);
        CHECK_EQUAL(keep_port(&keep, port), KERN_SUCCESS);
        if (i < 2)
            CHECK_EQUAL(keep_right(&keep, KEY + i, right), KERN_SUCCESS);
    }
}

static void check_queue(unsigned i)
{
    struct msg_registers m = {.receive = restored_ports[i], .deadline = 0};

    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
    CHECK_EQUAL(m.id, MESSAGE);
    CHECK_EQUAL(m.local, PAYLOAD + 1 + i);
    CHECK_EQUAL(m.word[0], i);
}

/* The rights are copies of those that were kept, and a port that dies is kept no more. */
static void check_rights(void)
{
    mach_port_name_t right;

    CHECK_EQUAL(keep_restored_right(&keep, KEY, &right), KERN_SUCCESS);
    CHECK_EQUAL(right, restored_ports[0]);
    stub_release_right(right, MSG_MOVE_SEND);
    keep_forget(&keep, restored_ports[1]);
    stub_release_right(restored_ports[1], MSG_MOVE_RECEIVE);
    CHECK_EQUAL(keep_restored_right(&keep, KEY + 1, &right), KERN_NOT_FOUND);
    keep_forget_right(&keep, KEY);
    CHECK_EQUAL(keep_restored_right(&keep, KEY, &right), KERN_NOT_FOUND);
    CHECK_EQUAL(keeper_drop(keep.book, KEY), KERN_NOT_FOUND);
}

static void check_all(void)
{
    CHECK_EQUAL(restored_count, PORTS);
    for (unsigned i = 0; i < PORTS; i++)
        check_queue(i);
    check_rights();
    for (unsigned i = 0; i < PORTS; i++)
        if (i != 1) {
            keep_forget(&keep, restored_ports[i]);
            stub_release_right(restored_ports[i], MSG_MOVE_RECEIVE);
        }
}

/* ---- what is not honest ---- */

static void say(mach_port_name_t to, unsigned how, uint32_t id)
{
    union {
        struct msg_descriptor descriptor;
        uint64_t word[MSG_REGISTER_BYTES / 8];
    } body = {.descriptor = {.value = make_port(PAYLOAD), .disposition = MSG_MOVE_RECEIVE}};

    CHECK_EQUAL(stub_send(to, how, id, body.word, WIRE_SHAPE(24, 1), 0), KERN_SUCCESS);
}

static void lie(void)
{
    mach_port_name_t notice, right = MSG_NULL, port;
    uint64_t payload;
    const uint64_t none[MSG_REGISTER_BYTES / 8] = {0};

    say(keep.book, MSG_COPY_SEND, MSG_ID_PORT_DESTROYED); /* not the kernel's: thrown away */
    CHECK_EQUAL(stub_send(keep.book, MSG_COPY_SEND, MSG_ID_SEND_ONCE, none, 0, 0), KERN_SUCCESS);
    CHECK_EQUAL(keeper_notice(keep.book, &notice), KERN_SUCCESS);
    stub_release_right(notice, MSG_MOVE_SEND_ONCE); /* told, and owed no more */
    CHECK_EQUAL(keeper_take(keep.book, &payload, &port), KERN_NOT_FOUND);
    CHECK_EQUAL(keeper_put(keep.book, 1, MSG_NULL), KERN_INVALID_CAPABILITY);
    CHECK_EQUAL(keeper_begin(keep.book), KERN_SUCCESS);

    port = make_port(PAYLOAD + 1);
    CHECK_EQUAL(port_insert_made_send(me(), port, port, &right), KERN_SUCCESS);
    for (uint64_t i = 0; i < KEEPER_RIGHTS_MAX; i++)
        CHECK_EQUAL(keeper_put(keep.book, i, right), KERN_SUCCESS);
    CHECK_EQUAL(keeper_put(keep.book, KEEPER_RIGHTS_MAX, right), KERN_LIMIT);
    CHECK_EQUAL(keeper_put(keep.book, 0, right), KERN_SUCCESS);
    for (uint64_t i = 0; i < KEEPER_RIGHTS_MAX; i++)
        CHECK_EQUAL(keeper_drop(keep.book, i), KERN_SUCCESS);
    stub_release_right(right, MSG_MOVE_SEND);
    stub_release_right(port, MSG_MOVE_RECEIVE);
}

/* As many notices as there are: the next is refused, and they come back. */
static void take_notices(void)
{
    static mach_port_name_t notices[KEEPER_PORTS_MAX + 1];
    uint32_t count = 0;

    while (count <= KEEPER_PORTS_MAX && keeper_notice(keep.book, &notices[count]) == KERN_SUCCESS)
        count++;
    CHECK(count > 100 && count <= KEEPER_PORTS_MAX);
    while (count > 0)
        stub_release_right(notices[--count], MSG_MOVE_SEND_ONCE);
    CHECK_EQUAL(keeper_begin(keep.book), KERN_SUCCESS);
}

int main(void)
{
    mach_port_name_t supervisor;
    const mach_port_name_t bootstrap = program_start_info->bootstrap;

    map_memory();
    CHECK_EQUAL(keep_begin(&keep, "keeper.test", restored, NULL), KERN_SUCCESS);
    CHECK_EQUAL(service_ready(bootstrap), KERN_SUCCESS);
    const uint32_t instance = memory->instance++;
    if (instance == 0) {
        lie();
        take_notices();
        leave_ports();
    } else if (instance == INSTANCES - 1) {
        check_all();
        return check_end("keeper-test");
    }
    CHECK_EQUAL(restored_count, instance == 0 ? 0 : PORTS); /* which the next one finds again */
    if (check_failures() != 0)
        return check_end("keeper-test");
    CHECK_EQUAL(service_look_up(bootstrap, "supervisor", &supervisor), KERN_SUCCESS);
    (void)!supervisor_kill(supervisor, "keeper-test");
    return 1;
}
