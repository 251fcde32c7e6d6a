/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of trace events (interfaces/host_debug.defs) while threads on all CPUs call one that answers: what is refused; events come whole, in the order of
 * time, and calls with their answers; who reads too slowly is told how many are lost; streams begin and end while CPUs write; the last ends with the task.
 */
#include "echo.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/port.h>

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

enum { CALLERS = 4, LOW = 60, HIGH = 100, RING = 8192, KINDS = 512, ALL = -1, ROUNDS = 100 };
enum { SEND = 96, RECEIVE = 97, ANSWER = 2 }; /* of kern/trace_events.def; kernel/ipc/msg_trace.c */
#define MILLISECOND UINT64_C(1000000)
#define LIMIT       UINT64_C(20000000000)
#define BACK        MILLISECOND /* by which neighbours may seem to be in the wrong order */

static mach_port_name_t port, power;
static _Atomic bool over;

static struct {
    uint64_t events, sends, receives, answers, lost;
} seen;

/* ---- what is to be seen ---- */

static void serve(void *argument)
{
    (void)argument;
    (void)!echo_serve(port);
}

static void call(void *argument)
{
    (void)argument;
    for (uint64_t word = 0; !atomic_load(&over); word++)
        CHECK(echo_call(port, word, UINT64_MAX));
}

/* ---- who looks ---- */

/* Each number stands for something. */
static void look_up(uint32_t number)
{
    static bool known[KINDS];
    char name[32], argument0[32], argument1[32];

    if (!CHECK(number < KINDS) || known[number])
        return;
    known[number] = true;
    OK(host_debug_trace_name(power, number, name, argument0, argument1));
}

static void look_at(const struct host_debug_event *event)
{
    look_up(event->number);
    seen.events++;
    seen.sends += event->number == SEND;
    seen.receives += event->number == RECEIVE;
    seen.answers += event->number == SEND && event->argument1 >> 32 == ANSWER;
}

/* What a CPU has now, and not what comes without an end meanwhile. False: there is no such CPU, or no stream. */
static bool take(uint32_t cpu)
{
    struct host_debug_event events[HOST_DEBUG_STREAM_EVENTS_MAX];
    uint64_t moment = 0, lost;
    uint32_t count, all = 0;

    do {
        count = HOST_DEBUG_STREAM_EVENTS_MAX;
        const kern_return_t kr = host_debug_stream_read(power, cpu, &lost, events, &count);
        if (kr != KERN_SUCCESS) {
            CHECK_EQUAL(kr, KERN_INVALID_VALUE);
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            CHECK(events[i].moment + BACK >= moment);
            moment = events[i].moment;
            look_at(&events[i]);
        }
        all += count;
    } while (count == HOST_DEBUG_STREAM_EVENTS_MAX && all < RING);
    seen.lost += lost;
    return true;
}

static void pause_for(uint64_t nanoseconds)
{
    OK(kernel_sleep_until(kernel_clock_now() + nanoseconds));
}

static void test_refused(void)
{
    static const uint32_t sizes[] = {
        0, 1, HOST_DEBUG_STREAM_MIN - 1, 3000, 2 * HOST_DEBUG_STREAM_MAX, UINT32_MAX};

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        CHECK_EQUAL(host_debug_stream_start(power, sizes[i], (uint32_t)ALL), KERN_INVALID_VALUE);
    CHECK_EQUAL(host_debug_stream_stop(power), KERN_INVALID_VALUE);
    CHECK(!take(0));
    OK(host_debug_stream_start(power, HOST_DEBUG_STREAM_MIN, 0));
    CHECK_EQUAL(host_debug_stream_start(power, HOST_DEBUG_STREAM_MIN, 0), KERN_BUSY);
    CHECK(!take(UINT32_MAX));
    OK(host_debug_stream_stop(power));
    CHECK_EQUAL(host_debug_stream_stop(power), KERN_INVALID_VALUE);
}

static void test_events(uint32_t cpus)
{
    const uint64_t until = kernel_clock_now() + LIMIT;

    OK(host_debug_stream_start(power, RING, (uint32_t)ALL));
    for (unsigned i = 0; i < 3 || (seen.answers == 0 && kernel_clock_now() < until); i++) {
        pause_for(MILLISECOND);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
            CHECK(take(cpu));
    }
    OK(host_debug_stream_stop(power));
    CHECK(seen.sends > 0 && seen.receives > 0 && seen.answers > 0);
}

/* Nobody reads until there is no more room. */
static void test_slow(uint32_t cpus)
{
    const uint64_t until = kernel_clock_now() + LIMIT;

    OK(host_debug_stream_start(power, HOST_DEBUG_STREAM_MIN, (uint32_t)ALL));
    seen.lost = 0;
    while (seen.lost == 0 && kernel_clock_now() < until) {
        pause_for(50 * MILLISECOND);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
            CHECK(take(cpu));
    }
    CHECK(seen.lost > 0);
    OK(host_debug_stream_stop(power));
}

static void begin_and_end(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        OK(host_debug_stream_start(power, HOST_DEBUG_STREAM_MIN << i % 4, (uint32_t)ALL));
        OK(host_debug_stream_stop(power));
    }
}

static void test_at_once(uint32_t cpus)
{
    static struct thread other;

    CHECK_EQUAL(thread_start(&other, begin_and_end, NULL, HIGH), 0);
    for (unsigned i = 0; i < ROUNDS; i++)
        (void)take(i % cpus);
    thread_join(&other);
    CHECK_EQUAL(host_debug_stream_stop(power), KERN_INVALID_VALUE);
}

static void begin(struct thread *server, struct thread callers[CALLERS])
{
    mach_port_name_t same;

    power = program_start_info->host_debug;
    OK(port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(program_start_info->task, port, port, &same));
    CHECK_EQUAL(kernel_thread_set_priority(HIGH), 0);
    CHECK_EQUAL(thread_start(server, serve, NULL, LOW), 0);
    for (unsigned i = 0; i < CALLERS; i++)
        CHECK_EQUAL(thread_start(&callers[i], call, NULL, LOW), 0);
}

int main(int argc, char **argv)
{
    static struct thread server, callers[CALLERS];
    const uint32_t cpus = (uint32_t)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);

    (void)argc;
    (void)argv;
    begin(&server, callers);
    test_refused();
    test_events(cpus);
    test_slow(cpus);
    test_at_once(cpus);
    OK(host_debug_stream_start(power, HOST_DEBUG_STREAM_MIN, (uint32_t)ALL));
    atomic_store(&over, true);
    for (unsigned i = 0; i < CALLERS; i++)
        thread_join(&callers[i]);
    OK(port_mod_refs(program_start_info->task, port, PORT_RIGHT_RECEIVE, -1));
    thread_join(&server);
    print("trace-stream: %lu events, of them %lu answers\n", seen.events, seen.answers);
    return check_end("trace-stream");
}
