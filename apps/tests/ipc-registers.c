/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No register carries anything that is not the message: the message trap in all its forms with a pattern in every register
 * before, on both sides. First one form at a time, then all forms between many threads that preempt each other.
 */
#include "ipc-pattern.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <user/fp_pattern.h>
#include <wharf/if/clock.h>
#include <wharf/if/host.h>
#include <wharf/if/port.h>
#include <wharf/if/thread.h>

#define OK(call)          CHECK_EQUAL(call, KERN_SUCCESS)
#define CALL(words)       MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 8 * (words), 0)
#define ANSWER(words)     MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 8 * (words), 0)
#define ONEWAY(words)     MSG_CONTROL(MSG_COPY_SEND, 0, 8 * (words), 0)
/* As they arrive. */
#define GOT_CALL(words)   MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 8 * (words), 0)
#define GOT_ANSWER(words) MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 8 * (words), 0)
/* What nobody but the kernel can send. */
#define GOT_NOTICE        MSG_CONTROL(0, MSG_BY_KERNEL, 0, 0)
#define GOT_ONEWAY(words) MSG_CONTROL(0, MSG_COPY_SEND, 8 * (words), 0)
#define PAYLOAD           ((uint64_t)MSG_FLAG_PAYLOAD << MSG_FLAGS_SHIFT)
#define STOP              0x3000000u /* id: the server's thread ends */

enum { PAST = 1, MS = 1000000, URGENT = THREAD_PRIORITY_DEFAULT + 10 };

static mach_port_name_t self_task;
static struct pattern mine; /* of the main thread */

/* A deadline that does not come either, but has to be looked at. */
static uint64_t far_away(void)
{
    return kernel_clock_now() + UINT64_C(1000) * 1000 * MS;
}

static mach_port_name_t new_port(void)
{
    mach_port_name_t port, name;
    OK(port_allocate(self_task, PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(self_task, port, port, &name));
    return port;
}

static void drop_port(mach_port_name_t port)
{
    OK(port_mod_refs(self_task, port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(self_task, port)); /* a dead name by now */
}

/* ---- a server that answers what the id asks for ---- */

struct server {
    mach_port_name_t port;
    uint64_t deadline; /* of its receives: with one the fast way is not taken */
    bool keeps;        /* it answers by name, in a trap of its own */
    struct thread thread;
    struct pattern p;
};

/* What a request has to look like. */
static void check_request(struct server *s, uint32_t id)
{
    uint64_t local, seqno;
    unsigned words = id_words(id);
    bool call = s->p.after.x[4] != MSG_NULL;
    expect_message(&s->p, id, call ? GOT_CALL(words) : GOT_ONEWAY(words), call ? MSG_REPLY : 0,
                   &local, &seqno);
    CHECK_EQUAL(local, s->port);
}

static void answer_by_name(struct server *s, uint32_t id)
{
    const int64_t name = sys_reply_keep();
    CHECK(name > 0);
    pattern_send(&s->p, (uint32_t)name, id_of_answer(id), ANSWER(id_answer_words(id)), 0);
    s->p.before.x[5] = TRAP_NEVER;
    pattern_trap(&s->p);
    expect_error(&s->p, KERN_SUCCESS);
    pattern_fill(&s->p);
}

static void serve(void *argument)
{
    struct server *s = argument;
    uint32_t id = 0;
    bool owes = false;
    while (id != STOP) {
        pattern_fill(&s->p);
        if (owes && s->keeps)
            answer_by_name(s, id);
        else if (owes)
            pattern_send(&s->p, MSG_REPLY, id_of_answer(id), ANSWER(id_answer_words(id)), 0);
        pattern_receive(&s->p, s->port, s->deadline);
        pattern_trap(&s->p);
        id = (uint32_t)s->p.after.x[1];
        owes = s->p.after.x[4] != MSG_NULL;
        if (!CHECK_EQUAL(s->p.after.x[0], 0))
            return;
        if (id != STOP)
            check_request(s, id);
    }
}

static void start_server(struct server *s, unsigned priority, uint64_t deadline)
{
    s->deadline = deadline;
    s->p.seed = (uintptr_t)s;
    s->port = new_port();
    OK(thread_start(&s->thread, serve, s, priority));
}

static void send_oneway(mach_port_name_t port, uint32_t id, unsigned words)
{
    pattern_fill(&mine);
    pattern_send(&mine, port, id, ONEWAY(words), 0);
    mine.before.x[5] = TRAP_NEVER;
    pattern_trap(&mine);
    expect_error(&mine, KERN_SUCCESS);
}

/* Without an answer, and without a body. */
static void tell_to_stop(mach_port_name_t port)
{
    send_oneway(port, STOP, 0);
}

static void stop_server(struct server *s)
{
    tell_to_stop(s->port);
    thread_join(&s->thread);
    drop_port(s->port);
}

static void call(struct pattern *p, mach_port_name_t port, unsigned words, unsigned answer_words,
                 uint64_t deadline)
{
    uint32_t id = pattern_id(words, answer_words);
    pattern_fill(p);
    pattern_send(p, port, id, CALL(words), 0);
    pattern_receive(p, MSG_REPLY, deadline);
    pattern_trap(p);
    expect_message(p, id_of_answer(id), GOT_ANSWER(answer_words), 0, NULL, NULL);
}

/* ---- one form at a time ---- */

static const unsigned sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 64, 512, 513, 1024};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* All lengths of call and answer, on the fast way and, with a deadline, on the other. */
static void test_calls(struct server *s, uint64_t deadline)
{
    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned k = 0; k < SIZES; k++)
            call(&mine, s->port, sizes[i], sizes[k], deadline);
}

/* To a more urgent thread one after the other; to a less urgent one into the queue, but the first. */
static void test_oneways(struct server *s)
{
    for (unsigned i = 0; i < SIZES; i++)
        send_oneway(s->port, pattern_id(sizes[i], 0), sizes[i]);
}

static void test_servers(void)
{
    static struct server urgent, patient, keeper[] = {{.keeps = true}, {.keeps = true}};
    start_server(&urgent, URGENT, TRAP_NEVER);
    start_server(&patient, THREAD_PRIORITY_DEFAULT - 10, far_away());
    test_calls(&urgent, TRAP_NEVER);
    test_calls(&urgent, far_away());
    test_calls(&patient, TRAP_NEVER);
    start_server(&keeper[0], URGENT, TRAP_NEVER);
    start_server(&keeper[1], THREAD_PRIORITY_DEFAULT - 10, TRAP_NEVER);
    test_oneways(&urgent);
    for (unsigned i = 0; i < 2; i++) {
        test_calls(&keeper[i], TRAP_NEVER);
        test_oneways(&keeper[i]);
        stop_server(&keeper[i]);
    }
    stop_server(&urgent);
    stop_server(&patient);
}

static void try_error(uint32_t dest, uint64_t control, uint32_t receive, uint64_t deadline,
                      kern_return_t error)
{
    pattern_fill(&mine);
    pattern_send(&mine, dest, pattern_id(msg_length(control) / 8, 0), control, 0);
    pattern_receive(&mine, receive, deadline);
    pattern_trap(&mine);
    expect_error(&mine, error);
}

static void test_errors(void)
{
    mach_port_name_t port = new_port();
    try_error(0x7fff0001, CALL(8), MSG_REPLY, TRAP_NEVER, MACH_SEND_INVALID_DEST);
    try_error(0x7fff0001, CALL(1024), MSG_REPLY, TRAP_NEVER, MACH_SEND_INVALID_DEST);
    try_error(port, CALL(8) | UINT64_C(1) << 63, MSG_REPLY, TRAP_NEVER, MACH_SEND_INVALID_HEADER);
    try_error(port, CALL(1025), MSG_REPLY, TRAP_NEVER, MACH_SEND_TOO_LARGE);
    try_error(MSG_REPLY, ANSWER(8), port, TRAP_NEVER, MACH_SEND_INVALID_DEST);
    try_error(MSG_NULL, 0, 0x7fff0001, TRAP_NEVER, MACH_RCV_INVALID_NAME);
    OK(port_set_limits(self_task, port, 1, 65536));
    try_error(port, ONEWAY(1024), MSG_NULL, PAST, KERN_SUCCESS);
    try_error(port, ONEWAY(1024), MSG_NULL, PAST, MACH_SEND_TIMED_OUT);
    try_error(port, ONEWAY(8), MSG_NULL, PAST, MACH_SEND_TIMED_OUT);
    try_error(port, ONEWAY(8), port, kernel_clock_now() + MS, MACH_SEND_TIMED_OUT);
    drop_port(port);
}

static void test_receive_errors(void)
{
    mach_port_name_t port = new_port();
    try_error(MSG_NULL, 0, port, PAST, MACH_RCV_TIMED_OUT);
    try_error(MSG_NULL, 0, port, kernel_clock_now() + MS, MACH_RCV_TIMED_OUT);
    try_error(port, ONEWAY(1024), MSG_NULL, TRAP_NEVER, KERN_SUCCESS);
    pattern_fill(&mine);
    pattern_receive(&mine, port, TRAP_NEVER);
    mine.before.x[7] = 72;
    pattern_trap(&mine);
    expect_error(&mine, MACH_RCV_TOO_LARGE);
    CHECK_EQUAL(msg_length(mine.after.x[2]), 8192);
    pattern_fill(&mine);
    pattern_receive(&mine, port, TRAP_NEVER);
    mine.before.x[6] = UINT64_C(1) << 63;
    pattern_trap(&mine);
    expect_error(&mine, MACH_RCV_INVALID_DATA);
    try_error(port, CALL(3) | UINT64_C(1) << MSG_DESCRIPTORS_SHIFT, MSG_REPLY, TRAP_NEVER,
              MACH_SEND_INVALID_TYPE); /* the pattern is no descriptor */
    drop_port(port);
}

/* With a right in the header, another in a descriptor, and the port's payload. */
static void test_rights(void)
{
    mach_port_name_t port = new_port(), carried = new_port();
    uint64_t seqno, local;
    OK(port_set_payload(self_task, port, UINT64_C(0x123456789abcdef0)));
    pattern_fill(&mine);
    pattern_send(&mine, port, 5,
                 MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_SEND_ONCE, MSG_DESCRIPTOR_SIZE, 1), port);
    struct msg_descriptor d = {.value = carried, .kind = MSG_PORT, .disposition = MSG_COPY_SEND};
    memcpy(&mine.before.x[9], &d, sizeof(d));
    pattern_receive(&mine, port, TRAP_NEVER);
    pattern_trap(&mine);
    expect_header(&mine, 5,
                  MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, MSG_DESCRIPTOR_SIZE, 1) | PAYLOAD,
                  mine.after.x[4], &local, &seqno);
    d.disposition = MSG_MOVE_SEND;
    CHECK(memcmp(&mine.after.x[9], &d, sizeof(d)) == 0);
    CHECK_EQUAL(local, UINT64_C(0x123456789abcdef0));
    OK(port_deallocate(self_task, (uint32_t)mine.after.x[4]));
    /* That sends MSG_ID_SEND_ONCE: a right was given up unused. */
    pattern_fill(&mine);
    pattern_receive(&mine, port, TRAP_NEVER);
    pattern_trap(&mine);
    expect_header(&mine, MSG_ID_SEND_ONCE, GOT_NOTICE | PAYLOAD, 0, &local, &seqno);
    OK(port_deallocate(self_task, carried));
    drop_port(carried);
    drop_port(port);
}

/* ---- the kernel as receiver ---- */

static void call_kernel(mach_port_name_t port, uint32_t id, unsigned words, uint64_t deadline)
{
    pattern_fill(&mine);
    pattern_send(&mine, port, id, CALL(words), 0);
    pattern_receive(&mine, MSG_REPLY, deadline);
    pattern_trap(&mine);
}

/* On the fast way and, with a deadline, on the other; without an answer, with an error, with a right. */
static void test_kernel(void)
{
    uint64_t deadlines[] = {TRAP_NEVER, far_away()};
    mach_port_name_t clock = program_start_info->clock, host = program_start_info->host;
    for (unsigned i = 0; i < 2; i++) {
        call_kernel(clock, CLOCK_BASE + 1, 0, deadlines[i]);
        expect_header(&mine, 0, GOT_ANSWER(1), 0, NULL, NULL);
        call_kernel(clock, CLOCK_BASE + 200, 0, deadlines[i]);
        expect_header(&mine, MIG_BAD_ID, GOT_ANSWER(0), 0, NULL, NULL);
        call_kernel(clock, CLOCK_BASE + 1, 8, deadlines[i]);
        expect_header(&mine, MIG_BAD_ARGUMENTS, GOT_ANSWER(0), 0, NULL, NULL);
        call_kernel(self_task, PORT_BASE + 5, 1, deadlines[i]); /* the pattern is no name */
        expect_header(&mine, KERN_INVALID_NAME, GOT_ANSWER(0), 0, NULL, NULL);
        call_kernel(host, HOST_BASE + 1, 0, deadlines[i]);
        expect_header(&mine, 0, GOT_ANSWER(6), 0, NULL, NULL);
        call_kernel(host, HOST_BASE + 4, 0, deadlines[i]);
        expect_header(&mine, 0, MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, MSG_DESCRIPTOR_SIZE, 1), 0, NULL,
                      NULL);
        CHECK_EQUAL(pattern_word(&mine.after, 0), clock);
        OK(port_deallocate(self_task, clock));
        try_error(host, ONEWAY(0), MSG_NULL, deadlines[i], KERN_SUCCESS);
    }
}

/* ---- ended by others ---- */

static struct {
    struct pattern p;
    struct thread thread;
    _Atomic uint32_t thread_port;
    mach_port_name_t port;
    bool sends;
} victim;

static void be_victim(void *argument)
{
    (void)argument;
    word_set(&victim.thread_port, (uint32_t)sys_thread_self());
    pattern_fill(&victim.p);
    if (victim.sends)
        pattern_send(&victim.p, victim.port, pattern_id(8, 0), ONEWAY(8), 0);
    pattern_receive(&victim.p, victim.port, TRAP_NEVER);
    pattern_trap(&victim.p);
    expect_error(&victim.p, victim.sends ? MACH_SEND_INTERRUPTED : MACH_RCV_INTERRUPTED);
}

static void test_abort(bool sends)
{
    victim.port = new_port();
    victim.sends = sends;
    victim.thread_port = MSG_NULL;
    OK(port_set_limits(self_task, victim.port, 1, 65536));
    if (sends)
        try_error(victim.port, ONEWAY(8), MSG_NULL, TRAP_NEVER, KERN_SUCCESS);
    OK(thread_start(&victim.thread, be_victim, NULL, URGENT));
    word_wait_while(&victim.thread_port, MSG_NULL);
    while (thread_abort(victim.thread_port) != KERN_SUCCESS)
        OK(kernel_sleep_until(kernel_clock_now() + MS));
    thread_join(&victim.thread);
    drop_port(victim.port);
}

/* The receiver takes the call and ends: its caller hears of it. */
static void take_and_end(void *argument)
{
    struct server *s = argument;
    pattern_fill(&s->p);
    pattern_receive(&s->p, s->port, TRAP_NEVER);
    pattern_trap(&s->p);
    check_request(s, pattern_id(8, 1024));
}

static void test_lost_answer(void)
{
    static struct server s;
    s.port = new_port();
    OK(thread_start(&s.thread, take_and_end, &s, URGENT));
    pattern_fill(&mine);
    pattern_send(&mine, s.port, pattern_id(8, 1024), CALL(8), 0);
    pattern_receive(&mine, MSG_REPLY, TRAP_NEVER);
    pattern_trap(&mine);
    /* In the form of an answer, which a server can send, too. */
    expect_header(&mine, MSG_ID_SEND_ONCE, GOT_ANSWER(0), 0, NULL, NULL);
    thread_join(&s.thread);
    drop_port(s.port);
}

/* ---- all of it at once ---- */

enum { CROWD = 4, ROUNDS = 300 };

static struct server crowd[CROWD];
static struct {
    struct pattern p;
    struct thread thread;
} clients[CROWD];
static struct thread spinner;
static _Atomic bool stop_spinning;

/* Calls, and messages that wait for room in a queue of one. */
static void be_client(void *argument)
{
    struct pattern *p = argument;
    p->seed = (uintptr_t)p;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t dice = p->seed >> 20;
        mach_port_name_t port = crowd[dice % CROWD].port;
        unsigned words = sizes[dice / CROWD % SIZES], answer = sizes[dice / 64 % SIZES];
        if (dice % 5 != 0) {
            call(p, port, words, answer, dice % 7 ? TRAP_NEVER : far_away());
            continue;
        }
        pattern_fill(p);
        pattern_send(p, port, pattern_id(words, 0), ONEWAY(words), 0);
        p->before.x[5] = TRAP_NEVER;
        pattern_trap(p);
        expect_error(p, KERN_SUCCESS);
    }
}

/* Comes between the messages, with floating point of its own. */
static void spin(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop_spinning)) {
        CHECK_EQUAL(fp_pattern_hold(kernel_clock_now(), 5000), 0);
        OK(kernel_sleep_until(kernel_clock_now() + MS / 10));
    }
}

static void test_crowd(void)
{
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i].keeps = i % 2;
        start_server(&crowd[i], THREAD_PRIORITY_DEFAULT - 2 + i, i == 0 ? far_away() : TRAP_NEVER);
        OK(port_set_limits(self_task, crowd[i].port, 1, 65536));
    }
    OK(thread_start(&spinner, spin, NULL, URGENT));
    for (unsigned i = 0; i < CROWD; i++)
        OK(thread_start(&clients[i].thread, be_client, &clients[i].p,
                        THREAD_PRIORITY_DEFAULT - i % 2));
    for (unsigned i = 0; i < CROWD; i++)
        thread_join(&clients[i].thread);
    atomic_store(&stop_spinning, true);
    thread_join(&spinner);
    for (unsigned i = 0; i < CROWD; i++)
        stop_server(&crowd[i]);
}

int main(void)
{
    self_task = program_start_info->task;
    memcpy(&mine.seed, program_start_info->seed, sizeof(mine.seed));
    test_servers();
    test_errors();
    test_receive_errors();
    test_rights();
    test_kernel();
    test_abort(false);
    test_abort(true);
    test_lost_answer();
    test_crowd();
    return check_end("ipc-registers");
}
