/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that are added with a device, as the device manager does. The device is this program's: a thread serves device_control for
 * it, and counts.
 */
#include "svc-test.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <wharf/if/device_control.h>
#include <wharf/if/port.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/svc.h>

static const char recipe[] = "# as the device manager writes them\n"
                             "program svc-added\n"
                             "    file svc-server\n"
                             "    arguments service=svc.added bus-width=4\n"
                             "    provides svc.added\n"
                             "    dma-pages 7\n"
                             "    state 4K\n"
                             "    backoff 1 1\n";

static _Atomic unsigned opens, closes;
static mach_port_name_t control_port, device_port;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static mach_port_name_t make_port(void)
{
    mach_port_name_t port = MSG_NULL, got;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &got));
    return port;
}

static kern_return_t open_device(struct server_message *message, uint64_t pages,
                                 mach_port_name_t *device)
{
    (void)message;
    CHECK_EQUAL(pages, 7);
    CHECK_EQUAL(atomic_fetch_add(&opens, 1) + 1,
                atomic_load(&closes)); /* taken from the last one first */
    OK(port_mod_refs(me(), device_port, PORT_RIGHT_SEND, 1));
    *device = device_port;
    return KERN_SUCCESS;
}

static kern_return_t close_device(struct server_message *message)
{
    (void)message;
    atomic_fetch_add(&closes, 1);
    return KERN_SUCCESS;
}

static void serve(void *argument)
{
    static const struct device_control_ops ops = {.open = open_device, .close = close_device};
    struct server_interface interface = device_control_interface(&ops, argument);
    static _Alignas(8)
        uint8_t out[256]; /* device_control has answers that do not fit into registers */
    struct server server = {.port = control_port,
                            .count = 1,
                            .interfaces = &interface,
                            .out = out,
                            .out_size = sizeof(out)};
    (void)!server_run(&server);
}

/* What is wrong with a text is found before anything is done. */
static void refuses(const char *text, kern_return_t why)
{
    const unsigned before = atomic_load(&opens);
    FAILS(supervisor_add(svc_supervisor, text, control_port), why);
    CHECK_EQUAL(atomic_load(&opens), before);
}

static void runs_with_device(mach_port_name_t added, uint32_t instance)
{
    uint32_t number, build, stops, device;
    OK(svc_who(added, &number, &build, &stops, &device));
    CHECK_EQUAL(number, instance);
    CHECK_EQUAL(device, 1);
    CHECK_EQUAL(atomic_load(&opens), instance);
}

/* Somebody's port that nobody serves: the program fails for want of its device, and nobody waits. */
static void waits_for_nobody(void)
{
    const mach_port_name_t mute = make_port();
    const mach_port_name_t a = svc_look_up("svc.a");
    OK(supervisor_add(svc_supervisor, "program svc-mute\n file svc-server\n give-up 2\n", mute));
    while (svc_row("svc-mute").state != SUPERVISOR_STATE_FAILED) {
        CHECK(svc_number(a) != 0);
        svc_sleep(20 * MILLISECOND);
    }
    CHECK_EQUAL(svc_row("svc-mute").started, 0);
    stub_release_right(a, MSG_MOVE_SEND);
}

void check_add(void)
{
    static struct thread thread;
    control_port = make_port();
    device_port = make_port();
    OK(thread_start(&thread, serve, NULL, THREAD_PRIORITY_DEFAULT));
    refuses("", KERN_BAD_FORMAT);
    refuses("file x\n", KERN_BAD_FORMAT);
    refuses("program a b\n", KERN_BAD_FORMAT);
    refuses("program a\nprogram b\n", KERN_BAD_FORMAT);
    refuses("until x\nprogram a\n", KERN_BAD_FORMAT);
    refuses("program svc-other\nprovides svc.a\n", KERN_EXISTS);
    refuses("program svc-a\n", KERN_EXISTS);
    OK(supervisor_add(svc_supervisor, recipe, control_port));
    const mach_port_name_t added = svc_look_up("svc.added");
    runs_with_device(added, 1);
    OK(supervisor_add(svc_supervisor, recipe,
                      control_port)); /* the manager is back, and says it again */
    runs_with_device(added, 1);
    for (uint32_t instance = 2; instance < 5; instance++) {
        OK(svc_fail(added, SVC_FAILURE_CRASH));
        runs_with_device(added, instance);
    }
    OK(supervisor_stop(svc_supervisor, "svc-added"));
    (void)svc_wait_state("svc-added", SUPERVISOR_STATE_STOPPED);
    stub_release_right(added, MSG_MOVE_SEND);
    waits_for_nobody();
}
