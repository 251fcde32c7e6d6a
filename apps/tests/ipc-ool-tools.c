/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc-ool.h"
#include "others.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { THE_ID = 77, SOON = 1 /* a deadline that has passed */ };

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

mach_port_name_t ool_port(void)
{
    mach_port_name_t port = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &name));
    return port;
}

void ool_kill_port(mach_port_name_t port)
{
    OK(port_mod_refs(me(), port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), port));
}

kern_return_t ool_send_all(mach_port_name_t to, const struct msg_descriptor *d, unsigned count)
{
    uint32_t length = count * (uint32_t)sizeof(*d);
    struct msg_registers m = {.destination = to,
                              .id = THE_ID,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, length, count),
                              .deadline = SOON};
    if (length <= MSG_REGISTER_BYTES)
        memcpy(m.word, d, length);
    else
        m.word[0] = (uintptr_t)d;
    user_msg_trap(&m);
    return (kern_return_t)-m.result;
}

kern_return_t ool_send(mach_port_name_t to, const void *address, uint32_t size, uint8_t flags)
{
    struct msg_descriptor d = ool_range(address, size, flags);
    return ool_send_all(to, &d, 1);
}

bool ool_receive_all(mach_port_name_t port, struct msg_descriptor *d, unsigned count)
{
    uint32_t length = count * (uint32_t)sizeof(*d);
    struct msg_registers m = {.receive = port,
                              .deadline = SOON,
                              .buffer = (uintptr_t)d,
                              .size = length};
    user_msg_trap(&m);
    if (!CHECK_EQUAL(m.result, 0) || !CHECK_EQUAL(m.id, THE_ID) ||
        !CHECK_EQUAL(wire_shape(m.control), WIRE_SHAPE(length, count)))
        return false;
    if (length <= MSG_REGISTER_BYTES)
        memcpy(d, m.word, length);
    for (unsigned i = 0; i < count; i++)
        CHECK(d[i].kind == MSG_OOL_MEMORY && !d[i].disposition && !d[i].flags && !d[i].zero);
    return true;
}

bool ool_poll(mach_port_name_t port, struct msg_descriptor *d)
{
    struct msg_registers m = {.receive = port, .deadline = SOON};
    user_msg_trap(&m);
    if (m.result != 0)
        return false;
    memcpy(d, m.word, sizeof(*d));
    return true;
}

char *ool_receive(mach_port_name_t port, uint32_t size)
{
    struct msg_descriptor d;
    if (!ool_receive_all(port, &d, 1) || !CHECK_EQUAL(d.size, size))
        return NULL;
    return (char *)(uintptr_t)d.value;
}

void ool_release(const char *memory, uint32_t size)
{
    uint64_t start = (uintptr_t)memory / PAGE * PAGE;
    if (memory)
        OK(vm_deallocate(me(), start, (uintptr_t)memory + size - start));
}

char *pages_at(uint64_t address, unsigned pages)
{
    uint64_t at = 0;
    OK(vm_allocate(me(), address, (uint64_t)pages * PAGE, address ? 0 : VM_ANYWHERE, &at));
    return (char *)(uintptr_t)at;
}

void pages_release(const char *memory, unsigned pages)
{
    OK(vm_deallocate(me(), (uintptr_t)memory, (uint64_t)pages * PAGE));
}

static char byte_of(size_t i, unsigned seed)
{
    return (char)(1 + (i * 7 + i / PAGE * 13 + seed) % 255); /* never zero */
}

void fill(char *memory, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        memory[i] = byte_of(i, seed);
}

size_t differences(const char *memory, size_t size, unsigned seed)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += memory[i] != byte_of(i, seed);
    return count;
}

size_t not_zero(const char *memory, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += memory[i] != 0;
    return count;
}

bool is_mapped(const char *memory)
{
    uint64_t start = 0, size;
    uint32_t prot, max, inheritance, flags;
    kern_return_t kr =
        vm_region(me(), (uintptr_t)memory, &start, &size, &prot, &max, &inheritance, &flags);
    return kr == KERN_SUCCESS && start <= (uintptr_t)memory;
}

uint64_t ool_frames_at_rest(void)
{
    return settled_info(SYSTEM_INFO_FREE_FRAMES, NULL);
}
