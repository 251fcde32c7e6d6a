/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks whether it has what its description lists and nothing else. It may use svc.a and provides svc.rights; its one power
 * is host_debug. Ends with the number of failures, so with 0.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

#define FAILS(call, why) CHECK_EQUAL(call, why)

static bool is_listed(mach_port_name_t name)
{
    const struct start_info *info = program_start_info;
    const mach_port_name_t listed[] = {info->task, info->thread,     info->bootstrap,
                                       info->host, info->host_debug, info->clock};
    for (unsigned i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
        if (name == listed[i])
            return true;
    return false;
}

static void check_names(void)
{
    mach_port_name_t names[PORT_NAMES_MAX];
    uint32_t rights[PORT_NAMES_MAX], count, count2, position = 0;
    unsigned seen = 0;
    do {
        if (!CHECK_EQUAL(port_names(program_start_info->task, position, &position, names, &count,
                                    rights, &count2),
                         KERN_SUCCESS))
            return;
        for (unsigned i = 0; i < count; i++, seen++) {
            CHECK(is_listed(names[i]));
            CHECK_EQUAL(rights[i], PORT_RIGHT_SEND);
        }
    } while (position != 0);
    CHECK_EQUAL(seen, 6);
}

static void check_block(void)
{
    const struct start_info *info = program_start_info;
    CHECK_EQUAL(info->host_memory, MSG_NULL);
    CHECK_EQUAL(info->host_time, MSG_NULL);
    CHECK_EQUAL(info->host_reboot, MSG_NULL);
    CHECK_EQUAL(info->host_irq, MSG_NULL);
    CHECK_EQUAL(info->host_tasks, MSG_NULL);
    CHECK_EQUAL(info->host_devices, MSG_NULL);
    CHECK_EQUAL(info->initrd, MSG_NULL);
    CHECK_EQUAL(info->initrd_size, 0);
}

/* It is on its way back for a moment. */
static void check_in_again(mach_port_name_t bootstrap)
{
    mach_port_name_t port = MSG_NULL;
    kern_return_t kr = KERN_BUSY;
    for (unsigned i = 0; i < 1000 && kr == KERN_BUSY; i++) {
        kr = service_check_in(bootstrap, "svc.rights", &port);
        if (kr == KERN_BUSY)
            CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + 1000000), KERN_SUCCESS);
    }
    if (CHECK_EQUAL(kr, KERN_SUCCESS))
        stub_release_right(port, MSG_MOVE_RECEIVE);
}

static void check_services(mach_port_name_t bootstrap)
{
    mach_port_name_t port, again;
    FAILS(service_look_up(bootstrap, "svc.b", &port), KERN_NO_ACCESS);
    FAILS(service_look_up(bootstrap, "svc.rights", &port), KERN_NO_ACCESS);
    FAILS(service_look_up(bootstrap, "supervisor", &port), KERN_NO_ACCESS);
    FAILS(service_look_up(bootstrap, "", &port), KERN_NO_ACCESS);
    FAILS(service_look_up(bootstrap, "svc.nobody", &port), KERN_NOT_FOUND);
    FAILS(service_check_in(bootstrap, "svc.a", &port), KERN_NO_ACCESS);
    FAILS(service_check_in(bootstrap, "svc.nothing", &port), KERN_NO_ACCESS);
    if (CHECK_EQUAL(service_look_up(bootstrap, "svc.a", &port), KERN_SUCCESS)) {
        CHECK_EQUAL(service_look_up(bootstrap, "svc.a", &again), KERN_SUCCESS);
        CHECK_EQUAL(port, again);
        stub_release_right(port, MSG_MOVE_SEND);
        stub_release_right(port, MSG_MOVE_SEND);
    }
    if (CHECK_EQUAL(service_check_in(bootstrap, "svc.rights", &port), KERN_SUCCESS)) {
        FAILS(service_check_in(bootstrap, "svc.rights", &again), KERN_BUSY);
        stub_release_right(port, MSG_MOVE_RECEIVE);
        check_in_again(bootstrap);
    }
}

static void check_rights(mach_port_name_t bootstrap)
{
    mach_port_name_t right;
    if (CHECK_EQUAL(service_get_right(bootstrap, "host_debug", &right), KERN_SUCCESS)) {
        CHECK_EQUAL(right, program_start_info->host_debug);
        stub_release_right(right, MSG_MOVE_SEND);
    }
    FAILS(service_get_right(bootstrap, "host_tasks", &right), KERN_NOT_FOUND);
    FAILS(service_get_right(bootstrap, "device", &right), KERN_NOT_FOUND);
    FAILS(service_get_right(bootstrap, "state", &right), KERN_NOT_FOUND);
    FAILS(service_get_right(bootstrap, "", &right), KERN_NOT_FOUND);
    if (CHECK_EQUAL(service_get_control(bootstrap, &right), KERN_SUCCESS))
        stub_release_right(right, MSG_MOVE_RECEIVE);
    FAILS(service_get_control(bootstrap, &right), KERN_NOT_FOUND);
}

/* The supervisor's own routines, asked by somebody who may not. */
static void check_no_power(mach_port_name_t bootstrap)
{
    static struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    mach_port_name_t task;
    uint32_t next, count;
    uint64_t size;
    char name[SUPERVISOR_NAME_MAX];
    FAILS(supervisor_list(bootstrap, 0, &next, rows, &count), KERN_NO_ACCESS);
    FAILS(supervisor_start(bootstrap, "svc-a"), KERN_NO_ACCESS);
    FAILS(supervisor_stop(bootstrap, "svc-a"), KERN_NO_ACCESS);
    FAILS(supervisor_restart(bootstrap, "svc-a"), KERN_NO_ACCESS);
    FAILS(supervisor_kill(bootstrap, "svc-a"), KERN_NO_ACCESS);
    FAILS(supervisor_upgrade(bootstrap, "svc-a", "svc-server2"), KERN_NO_ACCESS);
    FAILS(supervisor_add(bootstrap, "program x", program_start_info->host), KERN_NO_ACCESS);
    FAILS(supervisor_copy(bootstrap, "svc-copied", "x", ""), KERN_NOT_FOUND);
    FAILS(supervisor_remove(bootstrap, "svc-a"), KERN_NOT_FOUND);
    FAILS(supervisor_task(bootstrap, "svc-a", &task), KERN_NO_ACCESS);
    FAILS(supervisor_core(bootstrap, &task, &size, name), KERN_NO_ACCESS);
}

int main(void)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    check_names();
    check_block();
    check_services(bootstrap);
    check_rights(bootstrap);
    check_no_power(bootstrap);
    check_names(); /* nothing has been left by all this */
    return (int)check_failures();
}
