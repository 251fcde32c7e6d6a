/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actors (ipc-actor.h).
 */
#include "ipc-actor.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/actor.h>
#include <user/msg.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/host.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>
#include <wharf/info.h>

enum { PAGE = 4096, PRIORITY = 110, FIRST_KEPT = 19, REGISTERS = 31 };
static const uint64_t patience = 20000000000;
#define RUBBISH UINT64_C(0x5ec2e7b0f001d000)

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

/* ---- stops and goes ---- */

/* Body of exception.raise_state. */
struct stop {
    uint32_t kind, number;
    uint64_t code, address;
    struct thread_state_general state;
};

/* Take its stop if it is there before the deadline. */
static bool take_stop(struct actor *a, uint64_t deadline)
{
    struct stop stop = {};
    struct msg_registers m = {.receive = a->stops,
                              .deadline = deadline,
                              .buffer = (uintptr_t)&stop,
                              .size = sizeof(stop)};
    user_msg_trap(&m);
    if (m.result == -(int64_t)MACH_RCV_TIMED_OUT || !CHECK_EQUAL(m.result, 0))
        return false;
    CHECK_EQUAL(stop.kind, EXCEPTION_KIND_BREAKPOINT);
    int64_t name = sys_reply_keep();
    CHECK(m.remote == MSG_REPLY && name > 0);
    a->answer = (mach_port_name_t)name;
    a->state = stop.state;
    return true;
}

static void go(struct actor *a, unsigned offset)
{
    a->state.pc = a->code + offset;
    a->before = a->state;
    struct msg_registers m = {.destination = a->answer,
                              .control = MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, sizeof(a->state), 0),
                              .word = {(uintptr_t)&a->state}};
    a->answer = MSG_NULL;
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
}

static unsigned word_register(unsigned i)
{
    return i < 7 ? 9 + i : 18;
}

/* A1. */
static void check_registers(const struct actor *a)
{
    const uint64_t *x = a->state.x;
    uint32_t length = msg_length(x[2]);
    bool failed = (int64_t)x[0] < 0;
    for (unsigned i = FIRST_KEPT; i < REGISTERS; i++)
        CHECK_EQUAL(x[i], a->before.x[i]);
    CHECK_EQUAL(a->state.sp, a->before.sp);
    CHECK(x[6] == 0 && x[7] == 0 && x[8] == 0 && x[16] == 0 && x[17] == 0);
    if (failed || length > MSG_REGISTER_BYTES)
        length = 0;
    for (unsigned i = (length + 7) / 8; i < 8; i++)
        CHECK_EQUAL(x[word_register(i)], 0);
    if (failed)
        CHECK(x[1] == 0 && x[3] == 0 && x[4] == 0 && x[5] == 0 &&
              (x[2] == 0 || x[0] == (uint64_t)-MACH_RCV_TOO_LARGE));
}

static bool stopped(struct actor *a, uint64_t deadline)
{
    if (a->answer != MSG_NULL)
        return true;
    if (!take_stop(a, deadline))
        return false;
    if (a->before.pc == a->code + ACTOR_MESSAGE)
        check_registers(a);
    return true;
}

/* Does it wait in its trap? An answer is also what it waits for when it has stopped and its message is about to come:
 * look again for a while. */
static bool waits(const struct actor *a, uint64_t since)
{
    static const uint64_t doubt = 10000000;
    struct thread_info info;
    OK(thread_info(a->thread, &info));
    if (info.state != THREAD_DOES_WAIT)
        return false;
    if (info.waits != THREAD_WAITS_REPLY)
        return true;
    return (uint32_t)a->before.x[4] == MSG_REPLY && kernel_clock_now() > since + doubt;
}

bool actor_is_done(struct actor *a)
{
    uint64_t since = kernel_clock_now();
    while (!stopped(a, PAST)) {
        if (waits(a, since))
            return false;
        if (!CHECK(kernel_clock_now() < since + patience))
            return false;
        (void)sys_thread_switch();
    }
    return true;
}

void actor_finish(struct actor *a)
{
    CHECK(stopped(a, kernel_clock_now() + patience));
}

unsigned actor_result(struct actor *a)
{
    actor_finish(a);
    return (unsigned)-(int64_t)a->state.x[0];
}

static void set_registers(struct actor *a, const struct message *m)
{
    uint64_t *x = a->state.x;
    x[0] = m->dest;
    x[1] = m->id;
    x[2] = MSG_CONTROL(m->remote, m->how_local, m->length, m->descriptors);
    x[3] = m->local;
    x[4] = m->receive;
    x[5] = m->deadline != 0 ? m->deadline : TRAP_NEVER;
    x[6] = m->size != 0 ? (uintptr_t)a->receive : 0;
    x[7] = m->size;
    for (unsigned i = 0; i < 8 && i < (m->length + 7) / 8; i++)
        x[word_register(i)] = m->body[i];
    if (m->length > MSG_REGISTER_BYTES)
        x[9] = (uintptr_t)a->send;
}

static void fill_rubbish(struct actor *a)
{
    for (unsigned i = 0; i < REGISTERS; i++)
        a->state.x[i] = RUBBISH + i;
}

bool actor_post(struct actor *a, const struct message *m)
{
    fill_rubbish(a);
    set_registers(a, m);
    go(a, ACTOR_MESSAGE);
    return actor_is_done(a);
}

bool actor_post_trap(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1)
{
    fill_rubbish(a);
    a->state.x[8] = number;
    a->state.x[0] = a0;
    a->state.x[1] = a1;
    go(a, ACTOR_TRAP);
    return actor_is_done(a);
}

unsigned actor_perform(struct actor *a, const struct message *m)
{
    CHECK(actor_post(a, m));
    return actor_result(a);
}

uint64_t got_word(const struct actor *a, unsigned i)
{
    uint64_t word;
    if (msg_length(got_control(a)) <= MSG_REGISTER_BYTES)
        return a->state.x[word_register(i)];
    memcpy(&word, a->receive + (size_t)8 * i, sizeof(word));
    return word;
}

struct msg_descriptor got_descriptor(const struct actor *a, unsigned i)
{
    struct msg_descriptor d;
    uint64_t word[2] = {got_word(a, 2 * i), got_word(a, 2 * i + 1)};
    CHECK(i < msg_descriptors(got_control(a)));
    memcpy(&d, word, sizeof(d));
    return d;
}

void put_port(struct message *m, uint32_t name, unsigned disposition)
{
    struct msg_descriptor d = {.value = name,
                               .kind = MSG_PORT,
                               .disposition = (uint8_t)disposition};
    memcpy(&m->body[(size_t)2 * m->descriptors++], &d, sizeof(d));
    if (m->length < m->descriptors * MSG_DESCRIPTOR_SIZE)
        m->length = m->descriptors * MSG_DESCRIPTOR_SIZE;
}

/* ---- making and ending ---- */

static void share_memory(struct actor *a)
{
    mach_port_name_t entry;
    void *memory;
    uint64_t at;
    OK(kernel_vm_allocate(2 * (size_t)ACTOR_BUFFER, &memory));
    a->memory = a->send = memory;
    a->receive = a->send + ACTOR_BUFFER;
    OK(vm_make_entry(me(), (uintptr_t)memory, 2 * (uint64_t)ACTOR_BUFFER,
                     VM_PROT_READ | VM_PROT_WRITE, &entry));
    OK(vm_map(a->task, (uintptr_t)memory, 2 * (uint64_t)ACTOR_BUFFER, 0, 0, entry,
              VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE, &at));
    OK(port_deallocate(me(), entry));
}

static void write_code(struct actor *a)
{
    OK(vm_allocate(a->task, 0, PAGE, VM_ANYWHERE, &a->code));
    OK(vm_write(a->task, a->code, actor_code, ACTOR_CODE_SIZE));
    OK(vm_protect(a->task, a->code, PAGE, false, VM_PROT_READ | VM_PROT_EXECUTE));
}

static void handle_stops(struct actor *a)
{
    mach_port_name_t name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &a->stops));
    OK(port_insert_made_send(me(), a->stops, a->stops, &name));
    OK(exception_ports_set(a->thread, EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE,
                           EXCEPTION_ALL, a->stops));
    OK(port_mod_refs(me(), a->stops, PORT_RIGHT_SEND, -1));
}

void actor_make(struct actor *a, const char *name)
{
    uint32_t self, id;
    *a = (struct actor){0};
    OK(task_create(me(), 0, name, NULL, 0, MSG_NULL, &a->task, &self));
    OK(port_deallocate(a->task, self));
    share_memory(a);
    write_code(a);
    OK(task_create_thread(a->task, a->code + ACTOR_STOP, 0, 0, 0, PRIORITY, false, &a->thread,
                          &id));
    handle_stops(a);
    OK(thread_resume(a->thread));
    CHECK(take_stop(a, kernel_clock_now() + patience));
    actor_wipe(a);
}

void actor_end(struct actor *a)
{
    OK(task_terminate(a->task, 0));
    OK(port_mod_refs(me(), a->stops, PORT_RIGHT_RECEIVE, -1));
    if (a->answer != MSG_NULL)
        OK(port_deallocate(me(), a->answer));
    OK(port_deallocate(me(), a->thread));
    OK(port_deallocate(me(), a->task));
    OK(kernel_vm_deallocate(a->memory, 2 * (size_t)ACTOR_BUFFER));
}
