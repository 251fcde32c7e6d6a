/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bombs (ipc-bombs.h). They keep what they get.
 */
#include "ipc-bombs.h"

#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/msg.h>
#include <wharf/if/clock.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PAST = 1, MANY = 1000000, PER_PORT = 16 };

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static kern_return_t port(uint64_t so_far)
{
    uint32_t name;
    (void)so_far;
    return port_allocate(me(), PORT_RIGHT_RECEIVE, &name);
}

static kern_return_t set(uint64_t so_far)
{
    uint32_t name;
    (void)so_far;
    return port_allocate(me(), PORT_RIGHT_SET, &name);
}

static kern_return_t dead_name(uint64_t so_far)
{
    uint32_t name;
    (void)so_far;
    return port_allocate(me(), PORT_RIGHT_DEAD, &name);
}

static kern_return_t send_once(uint64_t so_far)
{
    static uint32_t name;
    mach_port_name_t right;
    if (so_far == 0)
        (void)!port_allocate(me(), PORT_RIGHT_RECEIVE, &name);
    return port_extract_send_once(me(), name, PORT_HOW_MAKE_SEND_ONCE, &right);
}

static kern_return_t notification(uint64_t so_far)
{
    uint32_t name;
    mach_port_name_t previous;
    (void)so_far;
    kern_return_t kr = port_allocate(me(), PORT_RIGHT_RECEIVE, &name);
    if (kr == KERN_SUCCESS)
        kr = port_request_notification(me(), name, MSG_ID_NO_SENDERS, 0, name, &previous);
    return kr;
}

/* A message of this many bytes, without waiting for room. */
static kern_return_t send(mach_port_name_t to, unsigned disposition, uint32_t length)
{
    static uint64_t body[MSG_BODY_MAX / 8];
    struct msg_registers m = {.destination = to,
                              .control = MSG_CONTROL(disposition, 0, length, 0),
                              .deadline = PAST,
                              .word = {(uintptr_t)body}};
    user_msg_trap(&m);
    return m.result < 0 ? (kern_return_t)-m.result : KERN_SUCCESS;
}

static kern_return_t queue_own(uint64_t so_far)
{
    static uint32_t name;
    kern_return_t kr = KERN_SUCCESS;
    if (so_far % PER_PORT == 0)
        kr = port_allocate(me(), PORT_RIGHT_RECEIVE, &name);
    return kr == KERN_SUCCESS ? send(name, MSG_MAKE_SEND_ONCE, MSG_BODY_MAX) : kr;
}

static kern_return_t queue_others(uint64_t so_far)
{
    (void)so_far;
    return send(bomb_victim, MSG_COPY_SEND, MSG_BODY_MAX);
}

/* By the queue's limit: whoever sends is refused, whatever his ledger says. */
static kern_return_t queue_full(uint64_t so_far)
{
    (void)so_far;
    return send(bomb_victim, MSG_COPY_SEND, 0);
}

/* The queue's right inside its own message, two ports deep. */
static kern_return_t carried(uint64_t so_far)
{
    uint32_t name;
    (void)so_far;
    kern_return_t kr = port_allocate(me(), PORT_RIGHT_RECEIVE, &name);
    struct msg_descriptor d = {.value = name, .kind = MSG_PORT, .disposition = MSG_MOVE_RECEIVE};
    struct msg_registers m = {.destination = bomb_victim,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, MSG_DESCRIPTOR_SIZE, 1),
                              .deadline = PAST};
    __builtin_memcpy(m.word, &d, sizeof(d));
    if (kr != KERN_SUCCESS)
        return kr;
    user_msg_trap(&m);
    return m.result < 0 ? (kern_return_t)-m.result : KERN_SUCCESS;
}

static kern_return_t thread(uint64_t so_far)
{
    mach_port_name_t made;
    uint32_t id;
    (void)so_far;
    return task_create_thread(me(), PAGE, 0, 0, 0, THREAD_PRIORITY_DEFAULT, false, &made, &id);
}

static kern_return_t task(uint64_t so_far)
{
    mach_port_name_t made;
    uint32_t self;
    (void)so_far;
    return task_create(me(), 0, "bomb", NULL, 0, MSG_NULL, &made, &self);
}

/* Each below the one before. */
static kern_return_t nested_task(uint64_t so_far)
{
    static mach_port_name_t last;
    mach_port_name_t made = MSG_NULL;
    uint32_t self;
    kern_return_t kr =
        task_create(so_far == 0 ? me() : last, 0, "nested", NULL, 0, MSG_NULL, &made, &self);
    last = made;
    return kr;
}

/* With everything that the caller has. */
static kern_return_t forked_task(uint64_t so_far)
{
    mach_port_name_t made;
    uint32_t self;
    (void)so_far;
    return task_create(me(), TASK_INHERIT_SEND_RIGHTS, "fork", NULL, 0, MSG_NULL, &made, &self);
}

static kern_return_t timer(uint64_t so_far)
{
    mach_port_name_t made;
    (void)so_far;
    return clock_create_timer(program_start_info->clock, &made);
}

static kern_return_t memory_entry(uint64_t so_far)
{
    static mach_port_name_t whole;
    mach_port_name_t part;
    uint64_t at;
    kern_return_t kr = KERN_SUCCESS;
    if (so_far == 0)
        kr = vm_allocate(me(), 0, 2 * (uint64_t)PAGE, VM_ANYWHERE, &at);
    if (so_far == 0 && kr == KERN_SUCCESS)
        kr = vm_make_entry(me(), at, 2 * (uint64_t)PAGE, BOMB_READ_WRITE, &whole);
    return kr == KERN_SUCCESS ? memory_entry_narrow(whole, PAGE, PAGE, VM_PROT_READ, &part) : kr;
}

static kern_return_t region(uint64_t so_far)
{
    uint64_t at;
    (void)so_far;
    return vm_allocate(me(), 0, PAGE, VM_ANYWHERE, &at);
}

/* What is made may be within the limit and the message that brings it not: the call fails for want of an answer, and
 * what was made is gone. */
#define NO_ANSWER MACH_RCV_NO_SPACE

const struct bomb bombs[] = {
    {"ports", port, BOMB_PORTS, 300, KERN_LIMIT, 300, 301, 0},
    {"ports, by memory", port, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, 0},
    {"sets", set, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, 0},
    {"names", dead_name, BOMB_KMEM, 65536, KERN_LIMIT, 50, 60000, 0},
    {"send-once rights", send_once, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, NO_ANSWER},
    {"notifications", notification, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, MACH_SEND_NO_BUFFER},
    {"messages to itself", queue_own, BOMB_QUEUED, 1 << 18, MACH_SEND_NO_BUFFER, 20, 40, 0},
    {"messages to others", queue_others, BOMB_QUEUED, 1 << 18, MACH_SEND_NO_BUFFER, 20, 40, 0},
    {"short messages to others", queue_full, BOMB_QUEUED, 1 << 20, MACH_SEND_TIMED_OUT, 1024, 1025,
     0},
    {"receive rights in messages", carried, BOMB_PORTS, 300, KERN_LIMIT, 300, 301, 0},
    {"threads", thread, BOMB_THREADS, 20, KERN_LIMIT, 20, 21, 0},
    {"tasks", task, BOMB_KMEM, 65536, KERN_LIMIT, 2, 100, NO_ANSWER},
    {"nested tasks", nested_task, BOMB_KMEM, 1 << 20, KERN_LIMIT, 2, 100, 0},
    {"forked tasks", forked_task, BOMB_KMEM, 65536, KERN_LIMIT, 2, 100, NO_ANSWER},
    {"timers", timer, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, NO_ANSWER},
    {"memory entries", memory_entry, BOMB_KMEM, 65536, KERN_LIMIT, 50, MANY, NO_ANSWER},
    {"regions", region, BOMB_COMMITMENT, 100, KERN_LIMIT, 100, 101, 0},
    {"regions, by entries", region, BOMB_MAP_ENTRIES, 30, KERN_LIMIT, 30, 31, 0},
};
const unsigned bomb_count = sizeof(bombs) / sizeof(bombs[0]);
