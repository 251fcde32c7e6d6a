/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor's test: runs beside the servers of svc.conf, makes them fail, and looks what becomes of them and of who uses
 * them.
 *
 *      svc-test [KILLS]        of the storm of kills
 */
#include "svc-test.h"
#include "supervised.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/svc.h>
#include <wharf/if/task.h>

enum { KILLS = 200, POLLS = 20000 };
static const uint64_t pause = MILLISECOND;

mach_port_name_t svc_supervisor;

void svc_sleep(uint64_t nanoseconds)
{
    OK(kernel_sleep_until(kernel_clock_now() + nanoseconds));
}

mach_port_name_t svc_look_up(const char *service)
{
    mach_port_name_t port = MSG_NULL;
    OK(service_look_up(program_start_info->bootstrap, service, &port));
    return port;
}

uint32_t svc_number(mach_port_name_t service)
{
    uint32_t number = 0, build, stops, device;
    OK(svc_who(service, &number, &build, &stops, &device));
    return number;
}

uint32_t svc_ask(mach_port_name_t service)
{
    uint32_t number = 0, build, stops, device;
    kern_return_t kr;
    do
        kr = svc_who(service, &number, &build, &stops, &device);
    while (kr == MIG_SERVER_DIED);
    CHECK_EQUAL(kr, KERN_SUCCESS);
    return number;
}

struct supervisor_row svc_row(const char *name)
{
    struct supervisor_row row = {0};
    if (!supervised_row(svc_supervisor, name, &row))
        print("svc-test: there is no row of %s\n", name);
    return row;
}

struct supervisor_row svc_wait_state(const char *name, enum supervisor_state state)
{
    struct supervisor_row row = svc_row(name);
    for (unsigned i = 0; row.state != state && i < POLLS; i++) {
        svc_sleep(pause);
        row = svc_row(name);
    }
    CHECK_EQUAL(row.state, state);
    return row;
}

/* svc-first sleeps before it is ready, and svc-a is to come after it. */
static void check_order(void)
{
    const struct supervisor_row first = svc_wait_state("svc-first", SUPERVISOR_STATE_RUNNING);
    const struct supervisor_row a = svc_wait_state("svc-a", SUPERVISOR_STATE_RUNNING);
    CHECK(a.started > first.started);
    CHECK_EQUAL(svc_row("svc-late").state,
                SUPERVISOR_STATE_WAITING); /* after one that is never ready */
    CHECK_EQUAL(svc_row("svc-late").started, 0);
    CHECK_EQUAL(svc_row("svc-never").state, SUPERVISOR_STATE_STARTING);
}

static void check_rights(void)
{
    const struct supervisor_row row = svc_wait_state("svc-rights", SUPERVISOR_STATE_STOPPED);
    CHECK_EQUAL(row.last_status, 0);
    CHECK(row.started != 0);
}

/* What it sent has done no harm, and nothing of it is there any more (the counts at the end). */
static void check_hostile(void)
{
    const struct supervisor_row row = svc_wait_state("svc-hostile", SUPERVISOR_STATE_STOPPED);
    CHECK_EQUAL(row.last_status, 0);
    CHECK(row.started != 0);
}

static void check_task(void)
{
    struct task_info info = {0};
    mach_port_name_t task = MSG_NULL;
    OK(supervisor_task(svc_supervisor, "svc-a", &task));
    OK(task_info(task, &info));
    CHECK_EQUAL(strcmp(info.name, "svc-a"), 0);
    CHECK_EQUAL(info.max_priority, 96);
    stub_release_right(task, MSG_MOVE_SEND);
    FAILS(supervisor_task(svc_supervisor, "svc-nobody", &task), KERN_NOT_FOUND);
    FAILS(supervisor_task(svc_supervisor, "svc-rights", &task), KERN_NOT_FOUND);
    FAILS(supervisor_start(svc_supervisor, "svc-nobody"), KERN_NOT_FOUND);
    FAILS(supervisor_start(svc_supervisor, "svc-a"), KERN_BUSY);
}

int main(int argc, char **argv)
{
    const unsigned kills = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : KILLS;
    svc_supervisor = svc_look_up("supervisor");
    check_order();
    check_rights();
    check_hostile();
    check_task();
    check_failures_of_servers();
    check_back_off();
    check_add();
    check_copies();
    check_storm(kills);
    return check_end("svc-test");
}
