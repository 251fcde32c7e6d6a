/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of a program that is described for this one (svc.conf: svc-copied): what a copy is, that it is restarted as any program, and that nothing is left of one that has
 * been removed.
 */
#include "svc-test.h"
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/svc.h>

enum { POLLS = 20000, ROUNDS = 80 /* more than there can be programs */ };

static bool is_there(const char *program)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, count;
    do {
        OK(supervisor_list(svc_supervisor, position, &position, rows, &count));
        for (uint32_t i = 0; i < count; i++)
            if (strncmp((const char *)rows[i].name, program, sizeof(rows[i].name)) == 0)
                return true;
    } while (count == SUPERVISOR_ROWS_MAX);
    return false;
}

static void wait_until_gone(const char *program)
{
    for (unsigned i = 0; is_there(program) && i < POLLS; i++)
        svc_sleep(MILLISECOND);
    CHECK(!is_there(program));
}

static void remove_copy(const char *program)
{
    OK(supervisor_remove(svc_supervisor, program));
    wait_until_gone(program);
}

static mach_port_name_t make(const char *name)
{
    char program[SUPERVISOR_NAME_MAX], arguments[SUPERVISOR_ARGUMENTS_MAX];
    format_text(program, sizeof(program), "svc-copied.%s", name);
    format_text(arguments, sizeof(arguments), "service=%s", program);
    OK(supervisor_copy(svc_supervisor, "svc-copied", name, arguments));
    return svc_look_up(program);
}

static void check_refused(void)
{
    mach_port_name_t port;
    FAILS(supervisor_copy(svc_supervisor, "svc-nobody", "x", ""), KERN_NOT_FOUND);
    FAILS(supervisor_copy(svc_supervisor, "svc-a", "x", ""), KERN_NOT_FOUND); /* no copies of it */
    FAILS(supervisor_copy(svc_supervisor, "svc-others", "x", ""), KERN_NOT_FOUND);
    FAILS(supervisor_copy(svc_supervisor, "svc-copied", "", ""), KERN_INVALID_ARGUMENT);
    FAILS(supervisor_copy(svc_supervisor, "svc-copied", "x/y", ""), KERN_INVALID_ARGUMENT);
    FAILS(supervisor_copy(svc_supervisor, "svc-copied", "x", "one\ntwo"), KERN_INVALID_ARGUMENT);
    FAILS(supervisor_remove(svc_supervisor, "svc-copied"), KERN_NOT_FOUND);
    FAILS(supervisor_remove(svc_supervisor, "svc-a"), KERN_NOT_FOUND);
    FAILS(supervisor_remove(svc_supervisor, ""), KERN_NOT_FOUND);
    FAILS(supervisor_start(svc_supervisor, "svc-copied"), KERN_NOT_FOUND);
    FAILS(supervisor_start(svc_supervisor, ""), KERN_NOT_FOUND);
    FAILS(service_look_up(program_start_info->bootstrap, "svc-copied.x", &port), KERN_NO_ACCESS);
    CHECK(!is_there("svc-copied"));
}

/* Two of them, each with its own services and state, and no third. */
static void check_two(void)
{
    const mach_port_name_t x = make("x"), y = make("y");
    mach_port_name_t more = MSG_NULL;
    FAILS(supervisor_copy(svc_supervisor, "svc-copied", "x", ""), KERN_EXISTS);
    FAILS(supervisor_copy(svc_supervisor, "svc-copied", "z", ""), KERN_LIMIT);
    CHECK_EQUAL(svc_number(x), 1);
    OK(svc_fail(x, SVC_FAILURE_CRASH));
    CHECK_EQUAL(svc_ask(x), 2);
    CHECK_EQUAL(svc_number(y), 1);
    OK(service_look_up(program_start_info->bootstrap, "svc-copied.x.more", &more));
    stub_release_right(more, MSG_MOVE_SEND);
    OK(supervisor_restart(svc_supervisor, "svc-copied.y"));
    for (unsigned i = 0; svc_ask(y) != 2 && i < POLLS;
         i++) /* the first may answer until it hears of it */
        svc_sleep(MILLISECOND);
    remove_copy("svc-copied.x");
    FAILS(service_look_up(program_start_info->bootstrap, "svc-copied.x", &more), KERN_NO_ACCESS);
    CHECK_EQUAL(svc_number(y), 2);
    remove_copy("svc-copied.y");
    stub_release_right(x, MSG_MOVE_SEND);
    stub_release_right(y, MSG_MOVE_SEND);
}

/* Nothing of the one before is there: neither its port nor its state. The table does not fill up. */
static void check_again(void)
{
    uint32_t number, build, stops, device;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const mach_port_name_t x = make("x");
        CHECK_EQUAL(svc_number(x), 1);
        remove_copy("svc-copied.x");
        kern_return_t kr;
        do /* its receive right is on its way to who made it */
            kr = svc_who_until(x, &number, &build, &stops, &device, 0);
        while (kr == MACH_RCV_TIMED_OUT || kr == MACH_SEND_TIMED_OUT || kr == MIG_SERVER_DIED);
        CHECK_EQUAL(kr, MACH_SEND_INVALID_DEST);
        stub_release_right(x, MSG_MOVE_SEND);
    }
}

/* One that is not ready, and one that has been given up. */
static void check_unready(void)
{
    OK(supervisor_copy(svc_supervisor, "svc-copied", "x", "sleep"));
    remove_copy("svc-copied.x");
    OK(supervisor_copy(svc_supervisor, "svc-copied", "x", "fail"));
    (void)svc_wait_state("svc-copied.x", SUPERVISOR_STATE_FAILED);
    remove_copy("svc-copied.x");
    OK(supervisor_copy(svc_supervisor, "svc-copied", "x", "sleep"));
    OK(supervisor_remove(svc_supervisor, "svc-copied.x"));
    FAILS(supervisor_restart(svc_supervisor, "svc-copied.x"), KERN_NOT_FOUND);
    wait_until_gone("svc-copied.x");
}

void check_copies(void)
{
    check_refused();
    check_two();
    check_again();
    check_unready();
}
