/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls through ports: what generated stubs have in common. Invariants in <libsys/stub.h>.
 */
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <wharf/unix_error.h>

/* Results of servers are small numbers, or errors of POSIX. Another id is no result but another message's. */
static bool is_result(uint64_t id)
{
    enum { RESULT_END = 0x1000 };
    return id < RESULT_END || (id < UINT32_MAX && is_unix_error((kern_return_t)id));
}

static bool is_right(uint64_t name)
{
    return name != MSG_NULL && name != MSG_DEAD;
}

static void release_array(const struct msg_descriptor *descriptor)
{
    const mach_port_name_t *names = (const mach_port_name_t *)(uintptr_t)descriptor->value;
    for (uint32_t i = 0; i < descriptor->size; i++) {
        if (is_right(names[i])) {
            stub_release_right(names[i], descriptor->disposition);
        }
    }
}

static void release_memory(const struct msg_descriptor *descriptor)
{
    const uint64_t unit = descriptor->kind == MSG_OOL_PORTS ? sizeof(mach_port_name_t) : 1;
    if (descriptor->size != 0) {
        stub_release_memory((void *)(uintptr_t)descriptor->value, descriptor->size * unit);
    }
}

void stub_release_received(const void *body, unsigned count)
{
    const struct msg_descriptor *descriptor = body;
    for (unsigned i = 0; i < count; i++, descriptor++) {
        if (descriptor->kind == MSG_PORT) {
            if (is_right(descriptor->value)) {
                stub_release_right((mach_port_name_t)descriptor->value, descriptor->disposition);
            }
            continue;
        }
        if (descriptor->kind == MSG_OOL_PORTS) {
            release_array(descriptor);
        }
        release_memory(descriptor);
    }
}

void stub_release_unsent(const void *body, unsigned count)
{
    const struct msg_descriptor *descriptor = body;
    for (unsigned i = 0; i < count; i++, descriptor++) {
        const bool moves = descriptor->disposition == MSG_MOVE_RECEIVE ||
                           descriptor->disposition == MSG_MOVE_SEND ||
                           descriptor->disposition == MSG_MOVE_SEND_ONCE;
        if (moves && descriptor->kind == MSG_PORT && is_right(descriptor->value)) {
            stub_release_right((mach_port_name_t)descriptor->value, descriptor->disposition);
        } else if (moves && descriptor->kind == MSG_OOL_PORTS) {
            release_array(descriptor);
        }
        if (descriptor->kind != MSG_PORT && (descriptor->flags & MSG_DEALLOCATE) != 0) {
            release_memory(descriptor);
        }
    }
}

bool stub_descriptors_fit(const void *body, const struct wire_descriptor *wanted, unsigned count)
{
    const struct msg_descriptor *descriptor = body;
    for (unsigned i = 0; i < count; i++) {
        if (!wire_descriptor_fits(&descriptor[i], &wanted[i])) {
            return false;
        }
    }
    return true;
}

kern_return_t stub_bad_reply(const void *body, uint32_t shape)
{
    stub_release_received(body, wire_descriptors(shape));
    return MIG_BAD_REPLY;
}

/* An answer that wants an answer is none. If the right has no name it would take the place of the one the thread may
 * have held before, and get what is meant for that. */
static void release_reply(mach_port_name_t remote, unsigned kind)
{
    if (remote == MSG_REPLY) {
        (void)stub_send(MSG_REPLY, MSG_MOVE_SEND_ONCE, MIG_BAD_REPLY, NULL, 0, 0);
    } else if (is_right(remote)) {
        stub_release_right(remote, kind);
    }
}

/* The trap's result if it failed; otherwise what a reply with this id means. What it carries is given up, unless it is
 * KERN_SUCCESS. */
[[gnu::cold]] static kern_return_t verdict(const struct msg_registers *registers, const void *body)
{
    if (registers->result < 0) {
        /* The caller cannot do anything with a reply that its stub has no room for. */
        const kern_return_t error = (kern_return_t)-registers->result;
        return error == MACH_RCV_TOO_LARGE ? MIG_BAD_REPLY : error;
    }
    const uint32_t shape = wire_shape(registers->control);
    const unsigned remote = msg_remote(registers->control);
    if (registers->id == KERN_SUCCESS && remote == 0) {
        return KERN_SUCCESS;
    }
    stub_release_received(body, wire_descriptors(shape));
    if (remote != 0) {
        release_reply((mach_port_name_t)registers->remote, remote);
    }
    if (registers->id == MSG_ID_SEND_ONCE) {
        return MIG_SERVER_DIED;
    }
    if (registers->id == KERN_SUCCESS || !is_result(registers->id) || shape != 0 || remote != 0) {
        return MIG_BAD_REPLY;
    }
    return (kern_return_t)registers->id;
}

/* Of libsys/posix/signal.c: what was put off until the answer had come. */
[[gnu::weak]] extern void stub_resumed(void);

[[gnu::cold]] static void wait_again(struct msg_registers *registers, void *buffer, uint32_t size,
                                     uint64_t deadline)
{
    const bool interrupted = registers->result == -(int64_t)MACH_RCV_INTERRUPTED;
    while (registers->result == -(int64_t)MACH_RCV_INTERRUPTED) {
        *registers = (struct msg_registers){
            .receive = MSG_REPLY,
            .deadline = deadline,
            .buffer = (uintptr_t)buffer,
            .size = size,
        };
        user_msg_trap(registers);
    }
    if (interrupted && stub_resumed != NULL)
        stub_resumed();
}

kern_return_t stub_recover(struct msg_registers *registers, uint32_t shape, uint64_t deadline)
{
    wait_again(registers, NULL, 0, deadline);
    const kern_return_t result = verdict(registers, registers->word);
    if (result == KERN_SUCCESS && wire_shape(registers->control) != shape) {
        return stub_bad_reply(registers->word, wire_shape(registers->control));
    }
    return result;
}

/* Words that are not loaded are not sent, so that they need no value. */
static inline void load_body(struct msg_registers *registers, const void *body, uint32_t shape)
{
    if (wire_length(shape) > MSG_REGISTER_BYTES) {
        registers->word[0] = (uintptr_t)body;
    } else if (wire_length(shape) != 0) {
        stub_copy_words(registers->word, body);
    }
}

static inline kern_return_t answered(struct msg_registers *registers, void *body, uint32_t *reply)
{
    const uint32_t got = wire_shape(registers->control);
    *reply = got;
    if (registers->result == 0 && wire_length(got) <= MSG_REGISTER_BYTES && got != 0) {
        stub_copy_words(body, registers->word);
    }
    if (__builtin_expect(registers->result == 0 && registers->id == KERN_SUCCESS &&
                             msg_remote(registers->control) == 0,
                         1)) {
        return KERN_SUCCESS;
    }
    return verdict(registers, body);
}

kern_return_t stub_answered(struct msg_registers *registers, void *body, uint32_t *reply)
{
    return answered(registers, body, reply);
}

kern_return_t stub_call(mach_port_name_t to, uint32_t id, const void *request, uint32_t shape,
                        void *body, uint32_t capacity, uint64_t deadline, uint32_t *reply)
{
    struct msg_registers registers;
    registers.destination = to;
    registers.id = id;
    registers.control =
        MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, wire_length(shape), wire_descriptors(shape));
    registers.local = MSG_NULL;
    registers.receive = MSG_REPLY;
    registers.deadline = deadline;
    registers.buffer = (uintptr_t)body;
    registers.size = capacity;
    load_body(&registers, request, shape);
    user_msg_trap(&registers);
    if (__builtin_expect(registers.result < 0, 0)) {
        wait_again(&registers, body, capacity, deadline);
    }
    return answered(&registers, body, reply);
}

kern_return_t stub_send(mach_port_name_t to, unsigned disposition, uint32_t id, const void *body,
                        uint32_t shape, uint64_t deadline)
{
    static const uint64_t none[MSG_REGISTER_BYTES / 8];
    const uint64_t control =
        MSG_CONTROL(disposition, 0, wire_length(shape), wire_descriptors(shape));
    uint64_t address[MSG_REGISTER_BYTES / 8]; /* [0]: where a long body is */
    const void *words = wire_length(shape) != 0 ? body : none;
    if (wire_length(shape) > MSG_REGISTER_BYTES) {
        for (unsigned i = 1; i < MSG_REGISTER_BYTES / 8; i++) {
            address[i] = user_msg_any();
        }
        address[0] = (uintptr_t)body;
        words = address;
    }
    return trap_error(user_msg_send(to, id, control, words, deadline));
}

uint64_t stub_deadline(uint64_t nanoseconds)
{
    return kernel_clock_now() + nanoseconds;
}
