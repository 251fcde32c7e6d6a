/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message at a time, for who decides himself what becomes of it (<libsys/server.h>). server_run() has a way of its own, which is written for speed.
 */
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <user/msg.h>

kern_return_t server_receive(struct server_message *message, mach_port_name_t from,
                             const struct server_room *room, uint64_t deadline)
{
    *message = (struct server_message){
        .in = message->received.word,
        .out = room->out,
        .received = {.receive = from,
                     .deadline = deadline,
                     .buffer = (uintptr_t)room->in,
                     .size = room->in_size},
    };
    user_msg_trap(&message->received);
    if (message->received.result < 0) {
        return trap_error(message->received.result);
    }
    message->reply = (mach_port_name_t)message->received.remote;
    if (msg_length(message->received.control) > MSG_REGISTER_BYTES) {
        message->in = room->in;
    }
    return KERN_SUCCESS;
}

void server_answer(struct server_message *message, kern_return_t result)
{
    const uint32_t shape = result == KERN_SUCCESS ? message->out_shape : 0;
    const mach_port_name_t reply = message->reply;
    if (result == MIG_NO_REPLY) {
        return;
    }
    message->reply = MSG_NULL;
    if (reply != MSG_NULL &&
        stub_send(reply, MSG_MOVE_SEND_ONCE, result, message->out, shape, 0) == KERN_SUCCESS) {
        return;
    }
    stub_release_unsent(message->out, wire_descriptors(shape)); /* nobody waits, or not any more */
    if (reply != MSG_NULL && reply != MSG_REPLY) {
        stub_release_right(reply, MSG_MOVE_SEND_ONCE);
    }
}
