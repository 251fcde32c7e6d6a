/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out-of-line memory in messages (libsys/memory.h). What arrives begins where it did in its first page.
 */
#include <libsys/memory.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <string.h>

kern_return_t memory_send(mach_port_name_t to, uint32_t id, const void *at, uint32_t size,
                          bool moved, uint64_t deadline)
{
    /* Bodies in registers are copied whole (libsys/stub.h). */
    union {
        struct msg_descriptor descriptor;
        uint64_t words[MSG_REGISTER_BYTES / 8];
    } body = {.descriptor = {.value = (uintptr_t)at,
                             .size = size,
                             .kind = MSG_OOL_MEMORY,
                             .flags = moved ? MSG_DEALLOCATE : 0}};
    return stub_send(to, MSG_COPY_SEND, id, &body, WIRE_SHAPE(sizeof(body.descriptor), 1),
                     deadline);
}

/* The answer that somebody waits for, who will not get one. */
static void release_reply(const struct msg_registers *m)
{
    const mach_port_name_t remote = (mach_port_name_t)m->remote;
    if (msg_remote(m->control) == 0)
        return;
    if (remote == MSG_REPLY)
        (void)stub_send(MSG_REPLY, MSG_MOVE_SEND_ONCE, MIG_BAD_ARGUMENTS, NULL, 0, 0);
    else if (remote != MSG_NULL && remote != MSG_DEAD)
        stub_release_right(remote, msg_remote(m->control));
}

kern_return_t memory_receive(mach_port_name_t from, uint64_t deadline, struct memory_received *out)
{
    static const struct wire_descriptor wanted = {.kind = MSG_OOL_MEMORY, .max = UINT32_MAX};
    struct msg_descriptor descriptor;
    struct msg_registers m = {.receive = from, .deadline = deadline};
    user_msg_trap(&m);
    if (m.result != 0)
        return (kern_return_t)-m.result;
    memcpy(&descriptor, m.word, sizeof(descriptor));
    const bool fits = wire_shape(m.control) == WIRE_SHAPE(sizeof(descriptor), 1) &&
                      msg_remote(m.control) == 0 && stub_descriptors_fit(&descriptor, &wanted, 1);
    if (!fits) {
        stub_release_received(m.word, wire_descriptors(wire_shape(m.control)));
        release_reply(&m);
        return MIG_BAD_ARGUMENTS;
    }
    *out = (struct memory_received){.at = (void *)(uintptr_t)descriptor.value,
                                    .size = descriptor.size,
                                    .id = (uint32_t)m.id};
    return KERN_SUCCESS;
}

void memory_release(void *at, size_t size)
{
    if (size != 0)
        stub_release_memory(at, size);
}
