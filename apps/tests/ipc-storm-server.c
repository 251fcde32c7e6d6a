/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers of ipc-storm: answer at once, later by name, by another server's hand, or not at all. They are killed at any
 * moment, and their port is taken away and given back.
 */
#include "ipc-storm.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/msg.h>
#include <wharf/if/port.h>

enum { THREADS = 2 };
static const uint64_t while_away = 200000; /* nanoseconds to wait for the port to come back */

struct worker {
    struct thread thread;
    unsigned service;
    mach_port_name_t from; /* port or set */
    uint64_t body[STORM_WORDS];
};
static struct worker workers[THREADS];

/* To whom the answer goes: who holds the right, or the name it has been given. */
static mach_port_name_t keep(mach_port_name_t reply)
{
    int64_t name = reply == MSG_REPLY ? sys_reply_keep() : reply;
    return name > 0 ? (mach_port_name_t)name : reply;
}

/* The next service may answer in our place. */
static bool hand_on(struct worker *w, mach_port_name_t reply, unsigned words)
{
    struct msg_registers m = {
        .destination = storm_service[(w->service + 1) % SERVICES],
        .id = STORM_ASK,
        .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MOVE_SEND_ONCE, 8 * words, 0),
        .local = reply,
        .deadline = 1,
    };
    w->body[1] &= UINT32_MAX; /* only once */
    return storm_trap(&m, w->body) == KERN_SUCCESS;
}

/* What the next trap has to send; .destination MSG_NULL: nothing. */
static struct msg_registers answer(struct worker *w, const struct msg_registers *m)
{
    unsigned words = msg_length(m->control) / 8, style = (unsigned)(w->body[1] >> 32);
    uint64_t number = w->body[0];
    uint32_t answer_words = (uint32_t)w->body[1];
    mach_port_name_t reply = (mach_port_name_t)m->remote;
    struct msg_registers next = {0};
    if (m->id != STORM_ASK || !CHECK(storm_is_whole(w->body, words)) || reply == MSG_NULL ||
        style == STORM_GIVE_UP || (style == STORM_FORWARD && hand_on(w, reply, words)))
        return next;
    next.destination = style == STORM_KEEP ? keep(reply) : reply;
    next.id = STORM_ANSWER;
    next.control = MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 8 * answer_words, 0);
    storm_fill(w->body, answer_words, number, answer_words);
    return next;
}

static void work(void *argument)
{
    struct worker *w = argument;
    struct msg_registers m = {0};
    for (;;) {
        mach_port_name_t reply = (mach_port_name_t)m.destination;
        m.receive = w->from;
        m.deadline = TRAP_NEVER;
        kern_return_t kr = storm_trap(&m, w->body);
        if (kr == MACH_SEND_INVALID_DEST && reply != MSG_REPLY)
            (void)!port_deallocate(program_start_info->task, reply); /* its caller has ended */
        if (kr == KERN_SUCCESS) {
            m = answer(w, &m);
        } else {
            m = (struct msg_registers){0};
            if (kr >= MACH_RCV_INVALID_NAME)
                (void)!kernel_sleep_until(kernel_clock_now() + while_away);
        }
    }
}

/* The last service is received from directly, for its port is moved; the others in a set. */
static mach_port_name_t source(unsigned service)
{
    mach_port_name_t set = storm_service[service];
    if (service == SERVICES - 1)
        return set;
    if (port_allocate(program_start_info->task, PORT_RIGHT_SET, &set) == KERN_SUCCESS)
        (void)!port_move_member(program_start_info->task, storm_service[service], set);
    return set;
}

/* A task that has just been killed cannot do what it begins with any more, which does not matter. */
int storm_server(void *argument)
{
    unsigned service = *(const unsigned *)argument;
    mach_port_name_t from = source(service);
    for (unsigned i = 0; i < THREADS; i++)
        workers[i] = (struct worker){.service = service, .from = from};
    (void)!thread_start(&workers[1].thread, work, &workers[1], THREAD_PRIORITY_DEFAULT + 1);
    work(&workers[0]);
    return 0;
}
