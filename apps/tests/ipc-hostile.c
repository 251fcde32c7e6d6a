/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile message traps (ipc-hostile.h).
 */
#include "ipc-hostile.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PAST = 1, LONG = 128, BASE_LENGTH = 16, ID = 77 };

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)
#define TOP      0xffffffffffffffff
#define KERNEL   0xffff800000000000 /* a kernel address, however the kernel is laid out */
#define HOLE     0x10000000         /* a user address where nothing is mapped */
#define NO_NAME  0x7fff0001

static mach_port_name_t port, other; /* with receive and send rights */
static char *memory;                 /* three pages: one to use, one without access, one to read */
static uint64_t body[MSG_BODY_MAX / 8];

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static kern_return_t trap(struct msg_registers *m)
{
    user_msg_trap(m);
    return m->result < 0 ? (kern_return_t)-m->result : KERN_SUCCESS;
}

static mach_port_name_t new_port(void)
{
    mach_port_name_t name = MSG_NULL, got;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &name));
    OK(port_insert_made_send(me(), name, name, &got));
    OK(port_mod_refs(me(), name, PORT_RIGHT_SEND, 1)); /* one may be moved */
    return name;
}

static void drop_port(mach_port_name_t name)
{
    OK(port_mod_refs(me(), name, PORT_RIGHT_RECEIVE, -1));
    while (port_deallocate(me(), name) == KERN_SUCCESS)
        continue;
}

/* Take one message off the queue; whether there was one. */
static bool drain(void)
{
    struct msg_registers m = {.receive = port,
                              .deadline = PAST,
                              .buffer = (uintptr_t)body,
                              .size = sizeof(body)};
    kern_return_t kr = trap(&m);
    CHECK(kr == KERN_SUCCESS || kr == MACH_RCV_TIMED_OUT);
    return kr == KERN_SUCCESS;
}

/* ---- the control word ---- */

/* What a message of two zero words, sent with this control word to a port with both rights, is answered with. */
static kern_return_t judge(uint64_t control)
{
    unsigned remote = msg_remote(control), length = msg_length(control);
    if (length > MSG_BODY_MAX)
        return MACH_SEND_TOO_LARGE;
    /* What is said of a receive may stand there when there is none. */
    uint64_t receives = (uint64_t)MSG_FLAG_TRUSTED << MSG_FLAGS_SHIFT;
    if ((control & ~receives) >> MSG_FLAGS_SHIFT != 0 || msg_descriptors(control) > 1)
        return MACH_SEND_INVALID_HEADER;
    if (remote == MSG_MOVE_SEND_ONCE)
        return MACH_SEND_INVALID_DEST;
    if ((remote != MSG_COPY_SEND && remote != MSG_MOVE_SEND) || msg_local(control) != 0)
        return MACH_SEND_INVALID_HEADER;
    if (length > MSG_REGISTER_BYTES)
        return MACH_SEND_INVALID_DATA; /* there is nothing at address 0 */
    return msg_descriptors(control) == 0 ? KERN_SUCCESS : MACH_SEND_INVALID_TYPE;
}

static void try_control(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t control = MSG_CONTROL(MSG_COPY_SEND, 0, BASE_LENGTH, 0) ^ UINT64_C(1) << bit;
        struct msg_registers m = {.destination = port,
                                  .id = ID,
                                  .control = control,
                                  .deadline = PAST};
        kern_return_t kr = trap(&m);
        if (!CHECK_EQUAL(kr, judge(control)))
            print("badtraps: control word %lx\n", control);
        CHECK_EQUAL(drain(), kr == KERN_SUCCESS);
        if (msg_remote(control) == MSG_MOVE_SEND)
            OK(port_mod_refs(me(), port, PORT_RIGHT_SEND, 1));
    }
}

/* ---- names ---- */

static void try_names(void)
{
    static const uint32_t bad[] = {NO_NAME, MSG_DEAD, 1, 0x10000, 0xffff0000, 0x80000000};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct msg_registers m = {.destination = bad[i],
                                  .control = MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0)};
        CHECK_EQUAL(trap(&m), MACH_SEND_INVALID_DEST);
        m = (struct msg_registers){.receive = bad[i], .deadline = PAST};
        CHECK_EQUAL(trap(&m), MACH_RCV_INVALID_NAME);
        m = (struct msg_registers){.destination = port,
                                   .control = MSG_CONTROL(MSG_COPY_SEND, MSG_COPY_SEND, 0, 0),
                                   .local = bad[i]};
        bool dead = bad[i] == MSG_DEAD; /* may go for a right anywhere */
        CHECK_EQUAL(trap(&m), dead ? KERN_SUCCESS : MACH_SEND_INVALID_REPLY);
        CHECK_EQUAL(drain(), dead);
    }
}

static void try_receive_names(void)
{
    mach_port_name_t set = MSG_NULL, dead = MSG_NULL;
    OK(port_allocate(me(), PORT_RIGHT_SET, &set));
    OK(port_allocate(me(), PORT_RIGHT_DEAD, &dead));
    OK(port_move_member(me(), other, set));
    const struct {
        mach_port_name_t name;
        kern_return_t wanted;
    } rows[] = {
        {other, MACH_RCV_IN_SET},       {set, MACH_RCV_TIMED_OUT},
        {dead, MACH_RCV_INVALID_NAME},  {me(), MACH_RCV_INVALID_NAME},
        {MSG_REPLY, MACH_RCV_NO_REPLY}, {port, MACH_RCV_TIMED_OUT},
    };
    /* An answer given up is there until something else is called. */
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct msg_registers m = {.receive = rows[i].name, .deadline = PAST};
        CHECK_EQUAL(trap(&m), rows[i].wanted);
    }
    OK(port_mod_refs(me(), set, PORT_RIGHT_SET, -1));
    OK(port_deallocate(me(), dead));
}

/* ---- buffers ---- */

/* Addresses of LONG bytes that cannot be read; those from `written` on can, but not be written. */
enum { BAD_ADDRESSES = 10, ONLY_WRITTEN = 8 };

static void bad_addresses(uint64_t out[BAD_ADDRESSES])
{
    const uint64_t rows[BAD_ADDRESSES] = {
        0,
        HOLE,
        KERNEL,
        TOP - LONG + 1,
        TOP - 7,
        UINT64_C(1) << 48,
        (uintptr_t)memory + PAGE - LONG / 2, /* straddles the end of what is there */
        (uintptr_t)memory + PAGE,
        (uintptr_t)memory + 2 * (uint64_t)PAGE,  /* only to be read */
        (uintptr_t)try_messages & ~UINT64_C(15), /* code */
    };
    memcpy(out, rows, sizeof(rows));
}

static kern_return_t send_from(uint64_t address, mach_port_name_t to, uint32_t length)
{
    struct msg_registers m = {.destination = to,
                              .id = ID,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, length, 0),
                              .deadline = PAST,
                              .word = {address}};
    return trap(&m);
}

static void try_send_buffers(void)
{
    uint64_t address[BAD_ADDRESSES];
    bad_addresses(address);
    for (unsigned i = 0; i < BAD_ADDRESSES; i++) {
        bool bad = i < ONLY_WRITTEN;
        CHECK_EQUAL(send_from(address[i], port, LONG), bad ? MACH_SEND_INVALID_DATA : KERN_SUCCESS);
        CHECK_EQUAL(drain(), !bad);
        CHECK_EQUAL(send_from(address[i], me(), LONG), bad ? MACH_SEND_INVALID_DATA : KERN_SUCCESS);
    }
}

static kern_return_t receive_into(uint64_t address, uint64_t size, uint64_t *control)
{
    struct msg_registers m = {.receive = port, .deadline = PAST, .buffer = address, .size = size};
    kern_return_t kr = trap(&m);
    *control = m.control;
    return kr;
}

/* The message stays, whatever happens, until there is a place for it. */
static void try_receive_buffers(void)
{
    uint64_t address[BAD_ADDRESSES], control;
    bad_addresses(address);
    OK(send_from((uintptr_t)memory, port, LONG));
    for (unsigned i = 0; i < BAD_ADDRESSES; i++) {
        CHECK_EQUAL(receive_into(address[i], LONG, &control), MACH_RCV_INVALID_DATA);
        CHECK_EQUAL(receive_into(address[i], TOP, &control), MACH_RCV_INVALID_DATA);
        CHECK_EQUAL(receive_into(address[i], LONG - 1, &control), MACH_RCV_TOO_LARGE);
        CHECK_EQUAL(msg_length(control), LONG);
    }
    CHECK_EQUAL(receive_into((uintptr_t)memory, 0, &control), MACH_RCV_TOO_LARGE);
    CHECK_EQUAL(receive_into((uintptr_t)memory + PAGE - LONG, TOP, &control), KERN_SUCCESS);
}

/* An answer of the kernel that does not fit waits, too. */
static void try_answer_buffers(void)
{
    struct msg_registers m = {.destination = me(),
                              .id = PORT_BASE + 6,
                              .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 8, 0),
                              .receive = MSG_REPLY,
                              .deadline = TRAP_NEVER};
    CHECK_EQUAL(trap(&m), MACH_RCV_TOO_LARGE);
    uint32_t length = msg_length(m.control);
    CHECK(length > MSG_REGISTER_BYTES);
    m = (struct msg_registers){.receive = MSG_REPLY, .buffer = HOLE, .size = sizeof(body)};
    CHECK_EQUAL(trap(&m), MACH_RCV_INVALID_DATA);
    m = (struct msg_registers){.receive = MSG_REPLY,
                               .buffer = (uintptr_t)body,
                               .size = sizeof(body)};
    CHECK_EQUAL(trap(&m), KERN_SUCCESS);
    CHECK_EQUAL(msg_length(m.control), length);
    m = (struct msg_registers){.receive = MSG_REPLY};
    CHECK_EQUAL(trap(&m), MACH_RCV_NO_REPLY);
}

/* ---- descriptors ---- */

static void try_descriptors(void)
{
    const uint64_t here = (uintptr_t)memory;
    const struct {
        struct msg_descriptor d;
        kern_return_t wanted;
    } rows[] = {
        {{.kind = 3, .disposition = MSG_COPY_SEND}, MACH_SEND_INVALID_TYPE},
        {{.kind = 255, .disposition = MSG_COPY_SEND}, MACH_SEND_INVALID_TYPE},
        {{.value = other, .disposition = 0}, MACH_SEND_INVALID_TYPE},
        {{.value = other, .disposition = MSG_MAKE_REPLY}, MACH_SEND_INVALID_TYPE},
        {{.value = other, .disposition = MSG_COPY_SEND, .size = 1}, MACH_SEND_INVALID_TYPE},
        {{.value = other, .disposition = MSG_COPY_SEND, .flags = 1}, MACH_SEND_INVALID_TYPE},
        {{.value = other, .disposition = MSG_COPY_SEND, .zero = 1}, MACH_SEND_INVALID_TYPE},
        {{.value = other | UINT64_C(1) << 32, .disposition = MSG_COPY_SEND},
         MACH_SEND_INVALID_TYPE},
        {{.value = NO_NAME, .disposition = MSG_COPY_SEND}, MACH_SEND_INVALID_RIGHT},
        {{.value = port, .disposition = MSG_MOVE_RECEIVE}, MACH_SEND_CIRCULAR},
        {{.value = here,
          .size = MSG_OOL_PORTS_MAX + 1,
          .kind = MSG_OOL_PORTS,
          .disposition = MSG_COPY_SEND},
         MACH_SEND_TOO_LARGE},
        {{.value = here, .size = 0x40000000, .kind = MSG_OOL_PORTS, .disposition = MSG_COPY_SEND},
         MACH_SEND_TOO_LARGE},
        {{.value = HOLE, .size = 2, .kind = MSG_OOL_PORTS, .disposition = MSG_COPY_SEND},
         MACH_SEND_INVALID_DATA},
        {{.value = KERNEL, .size = 2, .kind = MSG_OOL_PORTS, .disposition = MSG_COPY_SEND},
         MACH_SEND_INVALID_DATA},
        {{.value = here + PAGE - 4, .size = 2, .kind = MSG_OOL_PORTS, .disposition = MSG_COPY_SEND},
         MACH_SEND_INVALID_DATA},
        {{.value = KERNEL, .size = 0, .kind = MSG_OOL_PORTS, .disposition = MSG_COPY_SEND},
         KERN_SUCCESS},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct msg_registers m = {
            .destination = port,
            .control = MSG_CONTROL(MSG_COPY_SEND, 0, MSG_DESCRIPTOR_SIZE, 1),
            .deadline = PAST,
        };
        memcpy(m.word, &rows[i].d, sizeof(rows[i].d));
        if (!CHECK_EQUAL(trap(&m), rows[i].wanted))
            print("badtraps: descriptor %u\n", i);
        CHECK_EQUAL(drain(), rows[i].wanted == KERN_SUCCESS);
    }
}

static void begin(void)
{
    uint64_t at = 0;
    port = new_port();
    other = new_port();
    OK(vm_allocate(me(), 0, 3 * (uint64_t)PAGE, VM_ANYWHERE, &at));
    OK(vm_protect(me(), at + PAGE, PAGE, false, 0));
    OK(vm_protect(me(), at + 2 * (uint64_t)PAGE, PAGE, false, VM_PROT_READ));
    memory = (char *)(uintptr_t)at;
}

static void end(void)
{
    drop_port(port);
    drop_port(other);
    OK(kernel_vm_deallocate(memory, 3 * (size_t)PAGE));
}

void try_messages(void)
{
    begin();
    try_control();
    try_names();
    try_receive_names();
    try_send_buffers();
    try_receive_buffers();
    try_answer_buffers();
    try_descriptors();
    end();
}

/* To ourselves or to nobody, and waiting for nothing. */
void try_wild_messages(unsigned times, uint64_t (*wild)(void))
{
    begin();
    for (unsigned i = 0; i < times; i++) {
        struct msg_registers m = {.destination = port,
                                  .id = wild(),
                                  .control = MSG_CONTROL(MSG_COPY_SEND, 0, i % 200, 0),
                                  .receive = i % 3 ? port : 0,
                                  .deadline = PAST,
                                  .buffer = wild(),
                                  .size = wild(),
                                  .word = {wild(), wild(), wild(), wild()}};
        uint64_t *const registers[] = {&m.control, &m.local, &m.receive, &m.deadline};
        unsigned which = (unsigned)(wild() % 8);
        if (which < 3)
            *registers[which] = wild();
        if (wild() % 4 == 0)
            m.control |= UINT64_C(1) << MSG_DESCRIPTORS_SHIFT;
        if ((m.receive & UINT32_MAX) == MSG_REPLY)
            m.receive = MSG_NULL; /* an answer may not come */
        user_msg_trap(&m);
    }
    end();
}
