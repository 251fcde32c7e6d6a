/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message at a time (libsys/server_one.c): where its body is, who gets the answer, and what becomes of rights that are left over.
 */
#include "check.h"
#include <libsys/server.h>
#include <libsys/stub.h>
#include <user/msg.h>

enum { PORT = 5, CLIENT = 6 };
#define UNTIL UINT64_C(77)

static _Alignas(8) uint8_t in[128], out[128];
static const struct server_room room = {.in = in, .out = out, .in_size = sizeof(in)};

/* What the trap does, and what was done. */
static int64_t trap_result;
static uint64_t control, remote;
static kern_return_t send_result;
static unsigned sent, unsent;
static mach_port_name_t sent_to, released;
static uint32_t sent_id, sent_shape;

void host_msg_trap(struct msg_registers *registers)
{
    CHECK(registers->destination == MSG_NULL && registers->receive == PORT);
    CHECK_EQ(registers->deadline, UNTIL);
    CHECK_EQ(registers->buffer, (uintptr_t)in);
    CHECK_EQ(registers->size, sizeof(in));
    registers->result = trap_result;
    registers->control = control;
    registers->remote = remote;
}

kern_return_t stub_send(mach_port_name_t to, unsigned disposition, uint32_t id, const void *body,
                        uint32_t shape, uint64_t deadline)
{
    CHECK_EQ(disposition, MSG_MOVE_SEND_ONCE);
    CHECK(body == out && deadline == 0);
    sent++;
    sent_to = to;
    sent_id = id;
    sent_shape = shape;
    return send_result;
}

void stub_release_unsent(const void *body, unsigned count)
{
    CHECK(body == out);
    unsent += count;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK_EQ(kind, MSG_MOVE_SEND_ONCE);
    released = name;
}

static void test_receive(void)
{
    struct server_message m;

    control = MSG_CONTROL(0, 0, MSG_REGISTER_BYTES, 0);
    remote = CLIENT;
    CHECK_EQ(server_receive(&m, PORT, &room, UNTIL), KERN_SUCCESS);
    CHECK(m.in == m.received.word && m.out == out && m.reply == CLIENT && m.out_shape == 0);
    control = MSG_CONTROL(0, 0, MSG_REGISTER_BYTES + 8, 0);
    remote = MSG_NULL;
    CHECK_EQ(server_receive(&m, PORT, &room, UNTIL), KERN_SUCCESS);
    CHECK(m.in == in && m.reply == MSG_NULL);
    trap_result = -(int64_t)MACH_RCV_TIMED_OUT;
    CHECK_EQ(server_receive(&m, PORT, &room, UNTIL), MACH_RCV_TIMED_OUT);
    trap_result = 0;
}

/* A reply with one descriptor. */
static void answer(mach_port_name_t reply, kern_return_t result, kern_return_t of_sending)
{
    struct server_message m = {.out = out, .out_shape = WIRE_SHAPE(24, 1), .reply = reply};

    sent = unsent = 0;
    sent_to = released = MSG_NULL;
    send_result = of_sending;
    server_answer(&m, result);
    CHECK_EQ(m.reply, result == MIG_NO_REPLY ? reply : MSG_NULL);
}

static void test_answer(void)
{
    answer(CLIENT, KERN_SUCCESS, KERN_SUCCESS);
    CHECK(sent == 1 && sent_to == CLIENT && sent_id == KERN_SUCCESS);
    CHECK(sent_shape == WIRE_SHAPE(24, 1) && unsent == 0 && released == MSG_NULL);
    answer(CLIENT, KERN_NOT_FOUND, KERN_SUCCESS); /* an error has no body */
    CHECK(sent_id == KERN_NOT_FOUND && sent_shape == 0 && unsent == 0);
    answer(CLIENT, MIG_NO_REPLY, KERN_SUCCESS);
    CHECK(sent == 0 && unsent == 0 && released == MSG_NULL);
    answer(MSG_NULL, KERN_SUCCESS, KERN_SUCCESS); /* nobody waits */
    CHECK(sent == 0 && unsent == 1 && released == MSG_NULL);
    answer(MSG_NULL, KERN_NOT_FOUND, KERN_SUCCESS);
    CHECK(sent == 0 && unsent == 0);
    answer(CLIENT, KERN_SUCCESS, MACH_SEND_INVALID_DEST); /* he is gone */
    CHECK(sent == 1 && unsent == 1 && released == CLIENT);
    answer(MSG_REPLY, KERN_SUCCESS, MACH_SEND_INVALID_DEST); /* which is no name of ours */
    CHECK(sent == 1 && unsent == 1 && released == MSG_NULL);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_receive();
    test_answer();
    return check_end();
}
