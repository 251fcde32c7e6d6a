/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many clients and servers in several tasks: calls of all sizes, port sets, receive rights that move, servers that are
 * killed under load and made anew, deadlines, aborts. Every call gets exactly one answer or error, all bodies are whole, and
 * at the end nothing is left.
 *
 *      ipc-storm [CALLS]       of each of the client threads
 *
 * This task supervises: when a server dies its receive right comes back by MSG_ID_PORT_DESTROYED, with all that is in its
 * queue, and goes to the next server. It has one thread, as <libsys/clone.h> wants it.
 */
#include "ipc-storm.h"
#include "ipc-actor.h"

#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>

enum { CLIENT_TASKS = 2, CALLS = 300, KILLS_MAX = 24, QUEUE = 4 };
static const uint64_t pause = 3000000;

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

mach_port_name_t storm_service[SERVICES];
mach_port_name_t storm_reports;
unsigned storm_calls = CALLS;

static struct clone servers[SERVICES], clients[CLIENT_TASKS];
static mach_port_name_t deaths, events; /* the set of deaths and reports */
static struct storm_report total;
static unsigned kills, restarts, reported;
static bool killed[SERVICES]; /* its port has not come back yet */

/* ---- shared with the others ---- */

uint64_t storm_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t storm_seed(uint64_t number)
{
    uint64_t seed;
    memcpy(&seed, program_start_info->seed, sizeof(seed));
    return (seed ^ number * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

static uint64_t word_of(uint64_t number, unsigned i)
{
    return (number + i) * UINT64_C(0xd6e8feb86659fd93) ^ i;
}

void storm_fill(uint64_t *body, unsigned words, uint64_t number, uint64_t second)
{
    body[0] = number;
    body[1] = second;
    for (unsigned i = 2; i < words; i++)
        body[i] = word_of(number, i);
}

bool storm_is_whole(const uint64_t *body, unsigned words)
{
    bool whole = words >= 2;
    for (unsigned i = 2; i < words; i++)
        whole = whole && body[i] == word_of(body[0], i);
    return whole;
}

kern_return_t storm_trap(struct msg_registers *m, uint64_t *body)
{
    if (msg_length(m->control) > MSG_REGISTER_BYTES)
        m->word[0] = (uintptr_t)body;
    else
        memcpy(m->word, body, msg_length(m->control));
    m->buffer = (uintptr_t)body;
    m->size = MSG_BODY_MAX;
    bool receives = m->receive != MSG_NULL;
    user_msg_trap(m);
    if (m->result < 0)
        return (kern_return_t)-m->result;
    if (receives && msg_length(m->control) <= MSG_REGISTER_BYTES)
        memcpy(body, m->word, msg_length(m->control));
    return KERN_SUCCESS;
}

/* ---- supervision ---- */

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static mach_port_name_t new_port(void)
{
    mach_port_name_t port = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &name));
    return port;
}

/* The request to be told of the port's end goes where the right goes, until it is answered. */
static void start_server(unsigned service)
{
    mach_port_name_t previous = MSG_NULL;
    OK(port_request_notification(me(), storm_service[service], MSG_ID_PORT_DESTROYED, 0, deaths,
                                 &previous));
    CHECK_EQUAL(previous, MSG_NULL);
    OK(clone_make(&servers[service], storm_server, &service, THREAD_PRIORITY_DEFAULT));
    OK(clone_give_receive(&servers[service], storm_service[service]));
    OK(clone_run(&servers[service]));
    killed[service] = false;
}

/* Its receive right is here again. */
static void server_died(mach_port_name_t port, bool again)
{
    unsigned service = 0;
    while (service < SERVICES && storm_service[service] != port)
        service++;
    if (!CHECK(service < SERVICES))
        return;
    clone_end(&servers[service]);
    restarts++;
    if (again)
        start_server(service);
}

/* A receive right away and back again, with all that waits in its queue, while its receivers wait. */
static void move_port(void)
{
    unsigned service = SERVICES - 1;
    mach_port_name_t name = MSG_NULL;
    if (killed[service])
        return;
    OK(port_extract_receive(servers[service].task, storm_service[service], &name));
    CHECK_EQUAL(name, storm_service[service]);
    OK(clone_give_receive(&servers[service], name));
}

static void take_report(const struct msg_registers *m)
{
    struct storm_report one;
    memcpy(&one, m->word, sizeof(one));
    total.calls += one.calls;
    total.answered += one.answered;
    total.lost += one.lost;
    total.timed_out += one.timed_out;
    total.interrupted += one.interrupted;
    total.failures += one.failures;
    reported++;
}

/* One event, or false when the time is over. */
static bool take_event(uint64_t deadline, bool again)
{
    struct msg_registers m = {.receive = events, .deadline = deadline};
    user_msg_trap(&m);
    if (m.result == -(int64_t)MACH_RCV_TIMED_OUT)
        return false;
    if (!CHECK_EQUAL(m.result, 0))
        return false;
    if (m.id == STORM_REPORT)
        take_report(&m);
    else if (CHECK_EQUAL(m.id, MSG_ID_PORT_DESTROYED))
        server_died((mach_port_name_t)m.word[0], again);
    return true;
}

static void kill_server(unsigned service)
{
    OK(task_terminate(servers[service].task, 0));
    killed[service] = true;
    kills++;
}

static void supervise(void)
{
    uint64_t random = storm_seed(77), next = 0;
    while (reported < CLIENT_TASKS && check_failures() == 0) {
        if (take_event(next, true))
            continue;
        next = kernel_clock_now() + pause / 2 + storm_random(&random) % pause;
        unsigned service = (unsigned)storm_random(&random) % (2 * SERVICES);
        if (service >= SERVICES)
            move_port();
        else if (kills < KILLS_MAX && !killed[service])
            kill_server(service);
    }
}

static void begin(void)
{
    deaths = new_port();
    storm_reports = new_port();
    OK(port_allocate(me(), PORT_RIGHT_SET, &events));
    OK(port_move_member(me(), deaths, events));
    OK(port_move_member(me(), storm_reports, events));
    for (unsigned i = 0; i < SERVICES; i++) {
        storm_service[i] = new_port();
        OK(port_set_limits(me(), storm_service[i], QUEUE, 65536));
    }
    for (unsigned i = 0; i < SERVICES; i++)
        start_server(i);
    for (unsigned i = 0; i < CLIENT_TASKS; i++)
        OK(clone_make(&clients[i], storm_client, &i, THREAD_PRIORITY_DEFAULT + 2));
    for (unsigned i = 0; i < CLIENT_TASKS; i++)
        OK(clone_run(&clients[i]));
}

static void drop(mach_port_name_t port)
{
    OK(port_mod_refs(me(), port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), port));
}

static void end(void)
{
    for (unsigned i = 0; i < CLIENT_TASKS; i++)
        clone_end(&clients[i]);
    for (unsigned i = 0; i < SERVICES; i++)
        (void)!task_terminate(servers[i].task, 0);
    for (unsigned wanted = restarts + SERVICES; restarts < wanted && check_failures() == 0;)
        (void)take_event(TRAP_NEVER, false);
    for (unsigned i = 0; i < SERVICES; i++)
        drop(storm_service[i]);
    OK(port_mod_refs(me(), events, PORT_RIGHT_SET, -1));
    drop(deaths);
    drop(storm_reports);
}

/* What this task keeps for good after the first time is not a leak. */
static uint64_t objects_before(void)
{
    struct clone clone;
    unsigned service = 0;
    OK(clone_make(&clone, storm_server, &service, THREAD_PRIORITY_DEFAULT));
    clone_end(&clone);
    return objects_at_rest();
}

int main(int argc, char **argv)
{
    uint64_t objects = objects_before();
    if (argc > 1)
        storm_calls = (unsigned)strtoul(argv[1], NULL, 0);
    begin();
    supervise();
    end();
    print(
        "ipc-storm: %lu calls: %lu answered, %lu lost, %lu timed out; %lu interrupted, %u kills\n",
        total.calls, total.answered, total.lost, total.timed_out, total.interrupted, kills);
    CHECK_EQUAL(total.failures, 0);
    CHECK_EQUAL(total.answered + total.lost + total.timed_out, total.calls);
    CHECK(kills > 0 && total.answered > total.lost);
    expect_objects(objects);
    return check_end("ipc-storm");
}
