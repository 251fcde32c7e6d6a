/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel of one client and one server: the trap msg as a function. A client's call runs the real
 * server loop, whose first receive gives it the request and whose second takes the reply.
 */
#include "roundtrip.h"

#include <libsys/kernel.h>
#include <stdlib.h>
#include <string.h>

struct message {
    uint64_t id;
    uint64_t control;
    _Alignas(8) uint8_t body[MSG_BODY_MAX];
    bool there;
};

struct fake fake;
long live;
kern_return_t fake_server_result;
int64_t fake_reply_id;

static struct message request;
static struct message reply;
static unsigned failures;

void check_that(bool well, const char *text, const char *file, int line)
{
    if (!well) {
        failures++;
        printf("%s:%d: failed: %s\n", file, line, text);
    }
}

unsigned check_failures(void);
unsigned check_failures(void)
{
    return failures;
}

uint64_t kernel_clock_now(void)
{
    return 1000;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    if (name == NAMED_REPLY) {
        CHECK(kind == MSG_MOVE_SEND_ONCE);
        return;
    }
    CHECK(kind >= MSG_MOVE_RECEIVE && kind <= MSG_MOVE_SEND_ONCE);
    live--;
}

void stub_release_memory(void *address, uint64_t size)
{
    volatile uint8_t sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + ((uint8_t *)address)[i]);
    }
    free(address);
    live--;
}

static uint8_t arrives_as(uint8_t disposition)
{
    switch (disposition) {
    case MSG_COPY_SEND:
    case MSG_MAKE_SEND: return MSG_MOVE_SEND;
    case MSG_MAKE_SEND_ONCE: return MSG_MOVE_SEND_ONCE;
    default: return disposition;
    }
}

/* What happens to one descriptor on the way: dispositions become kinds, memory is copied. */
static void carry(struct msg_descriptor *descriptor)
{
    const bool array = descriptor->kind == MSG_OOL_PORTS;
    const bool moves = descriptor->disposition <= MSG_MOVE_SEND_ONCE;
    CHECK(descriptor->kind <= MSG_OOL_PORTS && descriptor->zero == 0);
    descriptor->disposition = arrives_as(descriptor->disposition);
    if (descriptor->kind == MSG_PORT) {
        CHECK(descriptor->size == 0 && descriptor->flags == 0);
        live += moves ? 0 : descriptor->value != MSG_NULL; /* the mover's right counts already */
        return;
    }
    const size_t size = descriptor->size * (array ? sizeof(mach_port_name_t) : 1);
    void *const old = (void *)(uintptr_t)descriptor->value;
    if (size != 0 && (descriptor->flags & MSG_DEALLOCATE) == 0) {
        void *const copy = malloc(size);
        memcpy(copy, old, size);
        descriptor->value = (uintptr_t)copy;
        live++;
    }
    descriptor->flags = 0;
}

static void take(struct message *message, const struct msg_registers *registers)
{
    const uint32_t length = msg_length(registers->control);
    CHECK(length <= MSG_BODY_MAX && length % WIRE_ALIGN == 0);
    message->id = registers->id;
    message->control =
        MSG_CONTROL(0, msg_remote(registers->control), length, msg_descriptors(registers->control));
    memcpy(message->body,
           length > MSG_REGISTER_BYTES ? (const void *)(uintptr_t)registers->word[0]
                                       : registers->word,
           length);
    for (unsigned i = 0; i < msg_descriptors(registers->control); i++) {
        carry((struct msg_descriptor *)(void *)message->body + i);
    }
    message->there = true;
}

static void give(struct message *message, struct msg_registers *registers)
{
    const uint32_t length = msg_length(message->control);
    struct msg_registers came = {.id = message->id, .control = message->control};
    if (length > MSG_REGISTER_BYTES && length > registers->size) {
        registers->result = -(int64_t)MACH_RCV_TOO_LARGE;
        return;
    }
    memcpy(length > MSG_REGISTER_BYTES ? (void *)(uintptr_t)registers->buffer : came.word,
           message->body, length);
    *registers = came;
    message->there = false;
}

static void serve(void)
{
    static _Alignas(8) uint8_t in[SAMPLE_REQUEST_MAX];
    static _Alignas(8) uint8_t out[SAMPLE_REPLY_MAX];
    static struct server_interface interface;
    interface = sample_interface(&sample_functions, &kept_reply);
    if (fake.short_buffers) {
        interface.request_max = interface.reply_max = 64;
    }
    const struct server server = {
        .port = SERVER_PORT,
        .count = 1,
        .interfaces = &interface,
        .in = fake.short_buffers ? NULL : in,
        .in_size = sizeof in,
        .out = fake.short_buffers ? NULL : out,
        .out_size = sizeof out,
    };
    fake_server_result = server_run(&server);
}

static void server_trap(struct msg_registers *registers)
{
    if (registers->destination != 0) {
        const mach_port_name_t name = fake.named_reply ? NAMED_REPLY : MSG_REPLY;
        CHECK(registers->destination == name);
        CHECK(msg_remote(registers->control) == MSG_MOVE_SEND_ONCE);
        if (fake.reply_lost != KERN_SUCCESS) {
            registers->result = -(int64_t)fake.reply_lost;
            fake.reply_lost = KERN_SUCCESS;
            return;
        }
        take(&reply, registers);
        fake_reply_id = (int64_t)reply.id;
    }
    if (registers->receive == 0) {
        registers->result = 0;
        return;
    }
    if (!request.there) {
        registers->result = -(int64_t)MACH_RCV_PORT_DIED;
        return;
    }
    const bool waits = request.id != SAMPLE_ID_FLUSHED;
    give(&request, registers);
    if (registers->result == 0) {
        registers->local = 4711;
        registers->remote = !waits ? MSG_NULL : fake.named_reply ? NAMED_REPLY : MSG_REPLY;
    }
}

static void client_send(struct msg_registers *registers)
{
    fake_reply_id = -1;
    reply.there = false;
    take(&request, registers);
    if (fake.spoil_request != NULL) {
        fake.spoil_request(&request.id, &request.control, request.body);
    }
    serve();
}

static void give_answer(struct msg_registers *registers)
{
    if (fake.spoil_reply != NULL) {
        fake.spoil_reply(&reply.id, &reply.control, reply.body);
    }
    give(&reply, registers);
    if (registers->result == 0 && fake.answer_right != MSG_NULL) {
        registers->remote = fake.answer_right;
        registers->control |= MSG_MOVE_SEND_ONCE;
        live++;
    }
}

void host_msg_trap(struct msg_registers *registers)
{
    if (registers->destination == MSG_REPLY && fake.answer_right == MSG_REPLY &&
        registers->receive == MSG_NULL) { /* the client gives up what came with the answer */
        registers->result = 0;
        live--;
        return;
    }
    if (registers->receive == SERVER_PORT || registers->destination == MSG_REPLY ||
        registers->destination == NAMED_REPLY) {
        server_trap(registers);
        return;
    }
    if (registers->destination != 0) {
        CHECK(registers->destination == SERVER_PORT);
        if (fake.send_result != 0) {
            registers->result = fake.send_result;
            return;
        }
        client_send(registers);
    }
    if (registers->receive == 0) {
        registers->result = 0;
        return;
    }
    CHECK(registers->receive == MSG_REPLY);
    const uint64_t deadline = registers->deadline;
    if (fake.interruptions != 0) {
        fake.interruptions--;
        *registers = (struct msg_registers){.result = -(int64_t)MACH_RCV_INTERRUPTED};
    } else if (!reply.there && deadline != UINT64_MAX) {
        *registers = (struct msg_registers){.result = -(int64_t)MACH_RCV_TIMED_OUT};
    } else if (!reply.there) { /* as the kernel tells that the reply was given up */
        *registers = (struct msg_registers){.id = MSG_ID_SEND_ONCE};
    } else {
        give_answer(registers);
    }
}
