/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that the supervisor runs, and that fails as it is told to (svc.defs). Its arguments:
 *
 *      service=NAME    what it provides
 *      fail            it crashes before it is ready, each time
 *      sleep           it is never ready, and does nothing
 *
 * One thread serves, another answers the supervisor. What is to outlive it is in its state memory.
 */
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/service_control.h>
#include <wharf/if/svc.h>
#include <wharf/if/vm.h>

#ifndef SVC_BUILD
#define SVC_BUILD 1
#endif

enum { PAGE = 4096, FAILED = 1 };

/* Kept by the supervisor from instance to instance. */
struct state {
    uint32_t instances, stops;
};

static struct state *state;
static struct state none; /* without state memory */
static mach_port_name_t service, control;
static bool has_device;
static _Atomic uint64_t busy_until;
static _Atomic bool silent, deaf;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static mach_port_name_t bootstrap(void)
{
    return program_start_info->bootstrap;
}

/* ---- the supervisor's questions ---- */

static kern_return_t ping(struct server_message *message, uint64_t *until)
{
    (void)message;
    *until = atomic_load(&busy_until);
    return atomic_load(&silent) ? MIG_NO_REPLY : KERN_SUCCESS;
}

static kern_return_t stop(struct server_message *message)
{
    (void)message;
    if (atomic_load(&deaf))
        return KERN_SUCCESS;
    state->stops++;
    kernel_task_exit(0);
}

static void answer(void *argument)
{
    static const struct service_control_ops ops = {.ping = ping, .stop = stop};
    struct server_interface interface = service_control_interface(&ops, argument);
    struct server server = {.port = control, .count = 1, .interfaces = &interface};
    (void)!server_run(&server);
}

/* ---- the clients' ---- */

static kern_return_t who(struct server_message *message, uint32_t *number, uint32_t *build,
                         uint32_t *stops, uint32_t *device)
{
    (void)message;
    *number = state->instances;
    *build = SVC_BUILD;
    *stops = state->stops;
    *device = has_device;
    return KERN_SUCCESS;
}

[[gnu::noinline]] static void crash_here(void)
{
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
}

/* A frame that says it was called by itself, from nowhere. */
[[gnu::noinline]] static void crash_lost(void)
{
    volatile uint64_t *frame = __builtin_frame_address(0);
    frame[0] = (uintptr_t)frame;
    frame[1] = UINT64_MAX;
    crash_here();
}

[[gnu::noreturn]] static void rest_for_ever(void)
{
    for (;;)
        (void)!kernel_sleep_until(kernel_clock_now() + 1000000000);
}

static void lose_port(void)
{
    mach_port_name_t previous = MSG_NULL;
    (void)!port_cancel_notification(me(), service, MSG_ID_PORT_DESTROYED, &previous);
    kernel_task_exit(FAILED);
}

static kern_return_t fail(struct server_message *message, uint32_t how)
{
    (void)message;
    switch (how) {
    case SVC_FAILURE_CRASH: crash_here(); break;
    case SVC_FAILURE_LOST: crash_lost(); break;
    case SVC_FAILURE_EXIT: kernel_task_exit(3);
    case SVC_FAILURE_SPIN:
        atomic_store(&silent, true);
        for (;;)
            atomic_signal_fence(memory_order_seq_cst);
    case SVC_FAILURE_BUSY: atomic_store(&busy_until, kernel_clock_now() + 1000000); rest_for_ever();
    case SVC_FAILURE_DEAF: atomic_store(&deaf, true); break;
    case SVC_FAILURE_SILENT: atomic_store(&silent, true); break;
    case SVC_FAILURE_GIVE_UP_PORT: stub_release_right(service, MSG_MOVE_RECEIVE); break;
    case SVC_FAILURE_LOSE_PORT: lose_port(); break;
    default: break;
    }
    return KERN_SUCCESS;
}

/* ---- its start ---- */

static void find_state(void)
{
    mach_port_name_t memory;
    uint64_t at;
    state = &none;
    if (service_get_right(bootstrap(), "state", &memory) == KERN_SUCCESS) {
        if (vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, memory, VM_PROT_READ | VM_PROT_WRITE,
                   VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE, &at) == KERN_SUCCESS)
            state = (struct state *)(uintptr_t)at;
        stub_release_right(memory, MSG_MOVE_SEND);
    }
    state->instances++;
}

static void find_device(void)
{
    mach_port_name_t device;
    if (service_get_right(bootstrap(), "device", &device) == KERN_SUCCESS)
        has_device = service_get_right(bootstrap(), "device", &device) == KERN_NOT_FOUND;
}

int main(int argc, char **argv)
{
    static const struct svc_ops ops = {.who = who, .fail = fail};
    static struct thread thread;
    const char *name = program_argument(argc, argv, "service", NULL);
    struct server_interface interface = svc_interface(&ops, NULL);
    find_state();
    find_device();
    if (program_has_word(argc, argv, "fail"))
        crash_here();
    if (program_has_word(argc, argv, "sleep"))
        rest_for_ever();
    if (name == NULL || service_check_in(bootstrap(), name, &service) != KERN_SUCCESS ||
        service_get_control(bootstrap(), &control) != KERN_SUCCESS ||
        thread_start(&thread, answer, NULL, THREAD_PRIORITY_DEFAULT) != KERN_SUCCESS ||
        service_ready(bootstrap()) != KERN_SUCCESS)
        return FAILED;
    struct server server = {.port = service, .count = 1, .interfaces = &interface};
    print("serving\n");
    (void)!server_run(&server);
    return FAILED;
}
