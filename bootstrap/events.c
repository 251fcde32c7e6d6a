/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See events.h. A message is believed what its port's payload says, not what it says itself: requests count only at bootstrap ports, and only for
 * the instance that has it now. Notices count only when the kernel itself sent them (msg_is_notification), for a program can take a send-once
 * right that the kernel was to use, and send what it likes there.
 */
#include "events.h"
#include "control.h"
#include "crash.h"
#include "heartbeat.h"
#include "log.h"
#include "names.h"
#include "program.h"
#include "reporter.h"
#include "restart.h"
#include "rights.h"
#include "serve.h"
#include "shedding.h"
#include "system.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <wharf/if/port.h>

enum { LAST_WORDS_MAX = 64 };

/* Room for any message, and for any answer. */
static _Alignas(8) uint8_t in[MSG_BODY_MAX], out[MSG_BODY_MAX];

static unsigned descriptors(const struct server_message *m)
{
    return msg_descriptors(m->received.control);
}

/* What is no request is not answered. */
static void drop_reply(struct server_message *m)
{
    if (m->reply != MSG_NULL && m->reply != MSG_REPLY)
        stub_release_right(m->reply, MSG_MOVE_SEND_ONCE);
    m->reply = MSG_NULL;
}

/* Give up what came, its right to be answered too. */
static void refuse(struct server_message *m)
{
    stub_release_received(m->in, descriptors(m));
    drop_reply(m);
}

/* ---- requests ---- */

static kern_return_t dispatch(struct program *p, struct server_message *m)
{
    const struct server_interface interfaces[] = {
        service_interface(&serve_ops, p),
        exception_interface(&crash_ops, p),
        supervisor_interface(&control_ops, p),
    };
    for (unsigned i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++)
        if ((uint32_t)m->received.id - interfaces[i].base < interfaces[i].numbers)
            return server_dispatch(&interfaces[i], m);
    stub_release_received(m->in, descriptors(m));
    return MIG_BAD_ID;
}

/* ---- notices ---- */

static kern_return_t receive(mach_port_name_t from, uint64_t deadline);

/* What an instance has said before its end comes first: the set takes its members in turn. A bounded number, for others may have its bootstrap
 * port. */
static void hear_last_words(const struct program *p)
{
    (void)!port_move_member(program_start_info->task, p->port, MSG_NULL);
    for (unsigned i = 0; i < LAST_WORDS_MAX && receive(p->port, 0) == KERN_SUCCESS; i++)
        ;
}

static void dead_name(const struct server_message *m)
{
    const mach_port_name_t name = (mach_port_name_t)m->received.word[0];
    for (unsigned i = 0; i < program_count; i++) {
        if (programs[i].task == name) {
            hear_last_words(&programs[i]);
            restart_ended(&programs[i]);
        }
    }
    if (names_died(name))
        system_find_console();
    stub_release_right(name, MSG_MOVE_SEND); /* what the notice brought */
}

static void notice(struct server_message *m)
{
    const struct msg_descriptor *d = m->in;
    const bool kernels = msg_is_notification(m->received.control);
    if (kernels && m->received.id == MSG_ID_DEAD_NAME)
        dead_name(m);
    else if (!kernels || m->received.id != MSG_ID_PORT_DESTROYED ||
             !names_came_back((mach_port_name_t)d->value))
        refuse(m);
}

/* ---- answers to us ---- */

static void ping_answer(struct program *p, struct server_message *m)
{
    if (m->received.id == KERN_SUCCESS && wire_shape(m->received.control) == WIRE_SHAPE(8, 0))
        heartbeat_answer(p, KERN_SUCCESS, m->received.word[0]);
    else if (m->received.id != MSG_ID_SEND_ONCE)
        heartbeat_answer(p, KERN_FAILURE, 0); /* it lives, and does not understand */
    refuse(m);
}

/* The first answer is that of `close`, which has no body; then comes the device, or an error. */
static void open_answer(struct program *p, struct server_message *m)
{
    const struct msg_descriptor *d = m->in;
    drop_reply(m);
    if (m->received.id == KERN_SUCCESS && descriptors(m) == 1 && d->kind == MSG_PORT &&
        d->disposition == MSG_MOVE_SEND) {
        restart_opened(p, KERN_SUCCESS, (mach_port_name_t)d->value);
        return;
    }
    if (m->received.id != KERN_SUCCESS)
        restart_opened(p, (kern_return_t)m->received.id, MSG_NULL);
    refuse(m);
}

/* Nobody but our own thread has a right to send there. */
static void report_answer(struct server_message *m)
{
    if (wire_shape(m->received.control) == REPORT_DONE_SHAPE)
        crash_reported(m->in);
    else
        refuse(m);
}

/* ---- the loop ---- */

static void handle(struct server_message *m)
{
    const struct port_use use = port_use_of(m->received.local);
    if (!(msg_flags(m->received.control) & MSG_FLAG_PAYLOAD) || use.program >= program_count) {
        refuse(m);
        return;
    }
    struct program *p = &programs[use.program];
    const bool current = p->generation == use.generation;
    if (use.kind == PORT_NOTICES)
        notice(m);
    else if (use.kind == PORT_REPORTER)
        report_answer(m);
    else if (use.kind == PORT_PRESSURE)
        shedding_told(m);
    else if (use.kind == PORT_PROGRAM && current)
        server_answer(m, dispatch(p, m));
    else if (use.kind == PORT_PING && current)
        ping_answer(p, m);
    else if (use.kind == PORT_OPENING && current)
        open_answer(p, m);
    else
        refuse(m);
}

static kern_return_t receive(mach_port_name_t from, uint64_t deadline)
{
    static const struct server_room room = {.in = in, .out = out, .in_size = sizeof(in)};
    const uint64_t began = kernel_clock_now();
    struct server_message m;
    const kern_return_t kr = server_receive(&m, from, &room, deadline);
    heartbeat_waited(began, deadline, kernel_clock_now());
    if (kr == KERN_SUCCESS)
        handle(&m);
    return kr;
}

unsigned events_run(void)
{
    unsigned status;
    for (;;) {
        const uint64_t now = kernel_clock_now();
        restart_due(now);
        shedding_due(now);
        if (system_is_over(&status)) /* it may have asked somebody to stop: there is a new moment */
            return status;
        const uint64_t next = restart_next(), shed = shedding_next();
        (void)!receive(port_set, next < shed ? next : shed); /* else it is time for something */
    }
}
