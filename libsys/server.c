/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server loop. Invariants in <libsys/server.h>.
 *
 * The common case, a request of at most 64 bytes without descriptors for the interface that was
 * called last, is written out in server_run(); whatever differs from it leaves the straight line
 * through a function marked cold.
 */
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/trap.h>

#define REPLY_CONTROL MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0)

/* What one round hands to the next. */
struct loop {
    const struct server *server;
    const struct server_interface *interface; /* called last: message.ops and .context are its */
    struct server_message message;
    uint64_t address[MSG_REGISTER_BYTES / 8]; /* [0]: where a long reply is; stands in for words */
    uint64_t reply[MSG_REGISTER_BYTES / 8];   /* room for replies if the server gave none */
};

static kern_return_t check_descriptors(const struct server_interface *interface, uint32_t number,
                                       const struct server_message *message)
{
    const unsigned count = msg_descriptors(message->received.control);
    if (count != 0 && !stub_descriptors_fit(message->in, interface->descriptors[number], count)) {
        return MIG_BAD_ARGUMENTS;
    }
    return KERN_SUCCESS;
}

static kern_return_t call(const struct server_interface *interface, struct server_message *message)
{
    const uint32_t number = (uint32_t)message->received.id - interface->base;
    if (number >= interface->numbers) {
        return MIG_BAD_ID;
    }
    const struct server_routine *routine = &interface->routines[number];
    const uint32_t shape = wire_shape(message->received.control);
    const bool variable = (routine->request & SERVER_VARIABLE) != 0;
    if ((routine->request & SERVER_ABSENT) != 0) {
        return MIG_BAD_ID;
    }
    const uint32_t wanted = routine->request & ~(SERVER_VARIABLE | SERVER_LONG);
    if (variable ? wire_descriptors(shape) != wire_descriptors(wanted) : shape != wanted) {
        return MIG_BAD_ARGUMENTS;
    }
    const kern_return_t error = check_descriptors(interface, number, message);
    if (error != KERN_SUCCESS) {
        return error;
    }
    message->out_shape = routine->reply;
    return routine->handler(message);
}

kern_return_t server_dispatch(const struct server_interface *interface,
                              struct server_message *message)
{
    message->ops = interface->ops;
    message->context = interface->context;
    const kern_return_t result = call(interface, message);
    if (result != KERN_SUCCESS && result != MIG_NO_REPLY) {
        stub_release_received(message->in, msg_descriptors(message->received.control));
    }
    return result;
}

static const struct server_interface *find(const struct server *server, uint32_t id)
{
    for (unsigned i = 0; i < server->count; i++) {
        if (id - server->interfaces[i].base < server->interfaces[i].numbers) {
            return &server->interfaces[i];
        }
    }
    return NULL;
}

static kern_return_t notify(const struct server *server, struct server_message *message)
{
    kern_return_t result = KERN_FAILURE;
    if (server->notification != NULL) {
        result = server->notification(server->context, message);
    }
    if (result != KERN_SUCCESS) {
        stub_release_received(message->in, msg_descriptors(message->received.control));
    }
    return MIG_NO_REPLY;
}

/* Any message, wherever its body is. */
[[gnu::cold, gnu::noinline]] static kern_return_t dispatch(struct loop *loop)
{
    struct server_message *message = &loop->message;
    if (msg_length(message->received.control) > MSG_REGISTER_BYTES) {
        message->in = loop->server->in;
    }
    kern_return_t result = MIG_BAD_ID;
    const struct server_interface *interface = find(loop->server, (uint32_t)message->received.id);
    if (interface != NULL) {
        loop->interface = interface;
        result = server_dispatch(interface, message);
    } else if ((uint32_t)message->received.id >= MSG_ID_PORT_DELETED &&
               (uint32_t)message->received.id <= MSG_ID_DEAD_NAME) {
        result = notify(loop->server, message);
    } else {
        stub_release_received(message->in, msg_descriptors(message->received.control));
    }
    message->in = message->received.word;
    return result;
}

/* A request of fixed length in memory. */
[[gnu::noinline]] static kern_return_t call_long(struct loop *loop,
                                                 const struct server_routine *routine)
{
    struct server_message *message = &loop->message;
    message->in = loop->server->in;
    const kern_return_t result = routine->handler(message);
    message->in = message->received.word;
    return result;
}

/* What came, beside message.received. */
struct arrival {
    int64_t result;
    uint64_t id;
    uint64_t control;
    uint64_t remote;
};

/* Answer with what is at `words`, and receive the next. */
[[gnu::always_inline]] static inline struct arrival answer_and_receive(
    struct server_message *message, kern_return_t answer, const void *words)
{
    struct arrival got = {
        .id = answer,
        .control = REPLY_CONTROL | (uint64_t)message->out_shape << MSG_LENGTH_SHIFT,
    };
    got.result = user_msg_serve(&message->received, message->reply, &got.id, &got.control, words,
                                &got.remote);
    return got;
}

/* A reply with descriptors or of more than 64 bytes. */
[[gnu::noinline]] static struct arrival answer_otherwise(struct loop *loop)
{
    struct server_message *message = &loop->message;
    if (message->reply == MSG_NULL) {
        stub_release_unsent(message->out, wire_descriptors(message->out_shape));
    }
    const bool is_long = wire_length(message->out_shape) > MSG_REGISTER_BYTES;
    loop->address[0] = (uintptr_t)message->out;
    return answer_and_receive(message, KERN_SUCCESS, is_long ? loop->address : message->out);
}

/* An error, which has no body. */
[[gnu::noinline]] static struct arrival answer_error(struct loop *loop, kern_return_t answer)
{
    struct server_message *message = &loop->message;
    message->out_shape = 0;
    return answer_and_receive(message, answer, message->out);
}

/* A message that is longer than any the server knows is taken off the queue and refused. */
[[gnu::cold, gnu::noinline]] static void refuse_long(const struct server *server)
{
    uint64_t body[MSG_BODY_MAX / 8];
    const struct server_room room = {.in = body, .in_size = sizeof body};
    struct server_message message;
    if (server_receive(&message, server->port, &room, 0) != KERN_SUCCESS) {
        return; /* somebody else took it; anything worse shows at the next receive */
    }
    stub_release_received(message.in, msg_descriptors(message.received.control));
    server_answer(&message, MIG_BAD_ARGUMENTS);
}

/* The trap failed. KERN_SUCCESS: go on, with nothing to send. */
[[gnu::cold, gnu::noinline]] static kern_return_t recover(struct loop *loop)
{
    struct server_message *message = &loop->message;
    const kern_return_t error = trap_error(message->received.result);
    if (error == MACH_RCV_TOO_LARGE) {
        refuse_long(loop->server);
    } else if (error < MACH_RCV_INVALID_NAME) {
        /* Nothing has been sent: the client is gone, or a server function gave what it had not. */
        stub_release_unsent(message->out, wire_descriptors(message->out_shape));
        if (message->reply != MSG_REPLY) {
            stub_release_right(message->reply, MSG_MOVE_SEND_ONCE);
        }
    } else if (error != MACH_RCV_INTERRUPTED) {
        return error;
    }
    message->reply = MSG_NULL;
    message->out_shape = 0;
    return KERN_SUCCESS;
}

static kern_return_t check_server(const struct server *server)
{
    const uint32_t in = server->in != NULL ? server->in_size : MSG_REGISTER_BYTES;
    const uint32_t out = server->out != NULL ? server->out_size : MSG_REGISTER_BYTES;
    kern_return_t result = server->count != 0 ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < server->count; i++) {
        if (server->interfaces[i].request_max > in || server->interfaces[i].reply_max > out ||
            out < MSG_REGISTER_BYTES) {
            result = KERN_INVALID_ARGUMENT;
        }
    }
    return result;
}

/* What the straight line of server_run() has in registers of loop->interface. */
struct table {
    const struct server_routine *routines;
    uint32_t base;
    uint32_t numbers;
};

static inline struct table table_of(const struct loop *loop)
{
    return (struct table){
        .routines = loop->interface->routines,
        .base = loop->interface->base,
        .numbers = loop->interface->numbers,
    };
}

static void begin(struct loop *loop)
{
    const struct server *server = loop->server;
    struct server_message *message = &loop->message;
    message->ops = loop->interface->ops;
    message->context = loop->interface->context;
    message->in = message->received.word;
    message->out = server->out != NULL ? server->out : loop->reply;
    message->received.receive = server->port;
    message->received.deadline = UINT64_MAX;
    message->received.buffer = (uintptr_t)server->in;
    message->received.size = server->in != NULL ? server->in_size : 0;
}

/* Any message, through its handler; the table becomes that of the interface called. */
[[gnu::always_inline]] static inline kern_return_t serve(struct loop *loop, struct table *table,
                                                         uint64_t id, uint64_t control)
{
    struct server_message *message = &loop->message;
    const uint64_t number = id - table->base;
    if (__builtin_expect(number < table->numbers, 1)) {
        const struct server_routine *routine = &table->routines[number];
        const uint32_t shape = wire_shape(control);
        const uint32_t request = routine->request;
        message->out_shape = routine->reply;
        if (__builtin_expect(request == shape, 1)) {
            return routine->handler(message);
        }
        if (request == (shape | SERVER_LONG) && wire_descriptors(shape) == 0) {
            return call_long(loop, routine);
        }
        /* Of variable length, all of it here: a routine without descriptors has none in its request's shape either. */
        if ((request & (SERVER_VARIABLE | SERVER_ABSENT)) == SERVER_VARIABLE &&
            shape <= MSG_REGISTER_BYTES &&
            wire_descriptors(request & ~(SERVER_VARIABLE | SERVER_LONG)) == 0) {
            return routine->handler(message);
        }
    }
    const kern_return_t answer = dispatch(loop);
    *table = table_of(loop);
    return answer;
}

kern_return_t server_run(const struct server *server)
{
    const kern_return_t refused = check_server(server);
    if (refused != KERN_SUCCESS) {
        return refused;
    }
    struct loop loop = {.server = server, .interface = &server->interfaces[0]};
    struct server_message *const message = &loop.message;
    begin(&loop);
    struct table table = table_of(&loop);
    const void *const out = message->out;
    struct arrival got = answer_otherwise(&loop); /* to nobody */
    for (;;) {
        kern_return_t answer = KERN_SUCCESS;
        if (__builtin_expect(got.result >= 0, 1)) {
            message->reply = (mach_port_name_t)got.remote;
            answer = serve(&loop, &table, got.id, got.control);
        } else {
            const kern_return_t error = recover(&loop);
            if (error != KERN_SUCCESS) {
                return error;
            }
        }
        if (__builtin_expect(answer == KERN_SUCCESS, 1)) {
            got = __builtin_expect(message->out_shape <= MSG_REGISTER_BYTES, 1)
                      ? answer_and_receive(message, KERN_SUCCESS, out)
                      : answer_otherwise(&loop);
        } else if (answer == MIG_NO_REPLY) {
            message->reply = MSG_NULL;
            message->out_shape = 0;
            got = answer_and_receive(message, KERN_SUCCESS, out);
        } else {
            got = answer_error(&loop, answer);
        }
    }
}
