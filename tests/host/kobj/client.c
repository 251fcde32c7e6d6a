/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include "../ipc/ipc_world.h"
#include <string.h>
#include <user/msg.h>

enum { BUFFER = 3 * 4096 };
static struct actor *client;

void client_use(struct actor *actor)
{
    client = actor;
}

/* The simulated program has no memory in common with the stubs: long bodies are copied. */
void host_msg_trap(struct msg_registers *r)
{
    uint32_t length = msg_length(r->control);
    struct message m = {.dest = (uint32_t)r->destination,
                        .id = (uint32_t)r->id,
                        .local = (uint32_t)r->local,
                        .receive = (uint32_t)r->receive,
                        .remote = (uint8_t)msg_remote(r->control),
                        .how_local = (uint8_t)msg_local(r->control),
                        .descriptors = (uint8_t)msg_descriptors(r->control),
                        .length = length,
                        .deadline = r->deadline,
                        .size = r->buffer ? (r->size < BUFFER ? r->size : BUFFER) : 0};
    uintptr_t buffer = r->buffer;
    if (length > MSG_REGISTER_BYTES)
        memory_write(client, client->send_va, (const void *)(uintptr_t)r->word[0], length);
    else
        memcpy(m.body, r->word, sizeof(m.body));
    (void)perform(client, m);
    const uint64_t *x = client->x;
    *r =
        (struct msg_registers){.result = (int64_t)x[0], .id = x[1], .control = x[2], .local = x[3]};
    r->remote = got_reply(client);
    r->sequence = got_seqno(client);
    length = msg_length(r->control);
    for (unsigned i = 0; length <= MSG_REGISTER_BYTES && i * 8 < length; i++)
        r->word[i] = got_word(client, i);
    if (r->result == 0 && length > MSG_REGISTER_BYTES)
        memory_read(client, client->receive_va, (void *)buffer, length);
}

/* What the stubs want of libsys. A reply of another shape is a failure here. */
void stub_release_right(uint32_t name, unsigned kind);
void stub_release_right(uint32_t name, unsigned kind)
{
    host_machine_fail("a stub gave up right %x of kind %u", name, kind);
}
void stub_release_memory(void *address, uint64_t size);
void stub_release_memory(void *address, uint64_t size)
{
    host_machine_fail("a stub gave up %llu bytes at %p", (unsigned long long)size, address);
}
uint64_t kernel_clock_now(void);
uint64_t kernel_clock_now(void)
{
    return 0;
}
