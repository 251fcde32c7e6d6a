/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server fails in every way; the client keeps its send right, and what it asked meanwhile is answered by the next instance.
 */
#include "svc-test.h"
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/svc.h>

static mach_port_name_t a;

/* It fails, and the request behind that one is answered by the next instance. */
static void fails_and_goes_on(enum svc_failure how, uint32_t status)
{
    const uint32_t before = svc_number(a);
    const uint32_t restarts = svc_row("svc-a").restarts;
    OK(svc_fail(a, how));
    CHECK_EQUAL(svc_number(a), before + 1);
    const struct supervisor_row row = svc_wait_state("svc-a", SUPERVISOR_STATE_RUNNING);
    CHECK_EQUAL(row.last_status, status);
    CHECK_EQUAL(row.restarts, restarts + 1);
    CHECK(row.recovery != 0);
}

/* A second of health, and the failures before it do not count any more. */
static void become_healthy(void)
{
    CHECK(svc_row("svc-a").recent > 0);
    svc_sleep(1100 * MILLISECOND);
    CHECK_EQUAL(svc_row("svc-a").recent, 0);
}

/* The receive right is given up while it runs: it is here again, and the queue waits for the next instance. */
static void gives_its_port_up(void)
{
    const uint32_t before = svc_number(a);
    OK(svc_fail(a, SVC_FAILURE_GIVE_UP_PORT)); /* what comes next is for the next */
    OK(supervisor_restart(svc_supervisor, "svc-a"));
    CHECK_EQUAL(svc_number(a), before + 1);
}

/* It takes the request away by which the right would have come back: the port dies with it, and the next gets a new one. */
static void loses_its_port(void)
{
    uint32_t number, build, stops, device;
    const uint32_t before = svc_number(a);
    OK(svc_fail(a, SVC_FAILURE_LOSE_PORT));
    CHECK(svc_who(a, &number, &build, &stops, &device) != KERN_SUCCESS);
    stub_release_right(a, MSG_MOVE_SEND);
    (void)svc_wait_state("svc-a", SUPERVISOR_STATE_RUNNING);
    a = svc_look_up("svc.a");
    CHECK_EQUAL(svc_number(a), before + 1);
}

static void is_upgraded(void)
{
    uint32_t number, build, stops, device;
    FAILS(supervisor_upgrade(svc_supervisor, "svc-a", "svc.conf"), KERN_BAD_FORMAT);
    FAILS(supervisor_upgrade(svc_supervisor, "svc-a", "no-such-file"), KERN_BAD_FORMAT);
    OK(svc_who(a, &number, &build, &stops, &device));
    CHECK_EQUAL(build, 1);
    OK(supervisor_upgrade(svc_supervisor, "svc-a", "svc-server2"));
    const uint32_t before = number, stopped = stops;
    while (svc_ask(a) == before) /* the one that is being stopped may answer still */
        ;
    OK(svc_who(a, &number, &build, &stops, &device));
    CHECK_EQUAL(build, 2);
    CHECK_EQUAL(number, before + 1);
    CHECK_EQUAL(stops, stopped + 1); /* it was asked to stop */
    CHECK_EQUAL(svc_row("svc-a").last_status, 0);
}

/* Who asks while it is stopped is answered when it is started. */
static void is_stopped(void)
{
    const uint32_t before = svc_number(a);
    uint32_t number, build, stops, device;
    OK(supervisor_stop(svc_supervisor, "svc-a"));
    CHECK_EQUAL(svc_wait_state("svc-a", SUPERVISOR_STATE_STOPPED).last_status, 0);
    FAILS(svc_who_until(a, &number, &build, &stops, &device, kernel_clock_now() + MILLISECOND),
          MACH_RCV_TIMED_OUT);
    OK(supervisor_start(svc_supervisor, "svc-a"));
    CHECK_EQUAL(svc_number(a), before + 1);
}

/* One that does not listen is stopped by force, after its time. */
static void is_stopped_by_force(void)
{
    OK(svc_fail(a, SVC_FAILURE_DEAF));
    const uint32_t number = svc_number(a); /* it is, by now */
    const uint64_t begin = kernel_clock_now();
    OK(supervisor_restart(svc_supervisor, "svc-a"));
    while (svc_ask(a) == number)
        svc_sleep(MILLISECOND);
    CHECK(kernel_clock_now() - begin >= 100 * MILLISECOND);
    CHECK_EQUAL(svc_row("svc-a").last_status, 137);
    OK(supervisor_restart(svc_supervisor,
                          "svc-never")); /* it has not asked where to be asked: at once */
    CHECK_EQUAL(svc_wait_state("svc-never", SUPERVISOR_STATE_STARTING).last_status, 137);
}

void check_failures_of_servers(void)
{
    a = svc_look_up("svc.a");
    fails_and_goes_on(SVC_FAILURE_CRASH, 139);
    check_core("svc-a");
    fails_and_goes_on(SVC_FAILURE_EXIT, 3);
    become_healthy();
    fails_and_goes_on(SVC_FAILURE_LOST, 139); /* what is told of it ends, too */
    become_healthy();
    fails_and_goes_on(SVC_FAILURE_SPIN, 140);
    become_healthy();
    fails_and_goes_on(SVC_FAILURE_BUSY, 140);
    become_healthy();
    const uint32_t number = svc_number(a);
    OK(svc_fail(a, SVC_FAILURE_SILENT));
    while (svc_ask(a) == number)
        svc_sleep(10 * MILLISECOND);
    CHECK_EQUAL(svc_row("svc-a").last_status, 140);
    OK(supervisor_kill(svc_supervisor, "svc-a"));
    while (svc_ask(a) != number + 2)
        svc_sleep(MILLISECOND);
    CHECK_EQUAL(svc_row("svc-a").last_status, 137);
    become_healthy();
    gives_its_port_up();
    loses_its_port();
    is_upgraded();
    is_stopped();
    is_stopped_by_force();
    stub_release_right(a, MSG_MOVE_SEND);
}

/* svc-crasher crashes before it is ready: six times, at once and after 20, 40, 80 and 80 ms, while others serve. */
void check_back_off(void)
{
    const mach_port_name_t b = svc_look_up("svc.b");
    const uint32_t number = svc_number(b);
    CHECK_EQUAL(svc_row("svc-crasher").state, SUPERVISOR_STATE_FAILED);
    const uint64_t before = kernel_clock_now();
    OK(supervisor_start(svc_supervisor, "svc-crasher"));
    struct supervisor_row row = svc_row("svc-crasher");
    while (row.state != SUPERVISOR_STATE_FAILED) {
        CHECK_EQUAL(svc_number(b), number);
        svc_sleep(MILLISECOND);
        row = svc_row("svc-crasher");
    }
    CHECK_EQUAL(row.recent, 6);
    CHECK_EQUAL(row.last_status, 139);
    CHECK(kernel_clock_now() - before >= (20 + 40 + 80 + 80) * MILLISECOND);
    CHECK(row.started - before >= (20 + 40 + 80 + 80) * MILLISECOND);
    stub_release_right(b, MSG_MOVE_SEND);
}
