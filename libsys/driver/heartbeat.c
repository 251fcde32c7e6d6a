/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that answers the supervisor while the driver is at work (<libsys/driver/driver.h>: D1). It also takes the request to
 * stop, and hands it on to the loop as a message: the device is the loop's.
 */
#include "driver_impl.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/service_control.h>
#include <wharf/if/task.h>
#include <wharf/info.h>

/* A moment is not to be had for nothing, so the loop only says that it has begun with a message; this is seen at the ping after
 * that. From there on it has DRIVER_TAKES, unless it has received another meanwhile. */
static kern_return_t ping(struct server_message *message, uint64_t *busy_until)
{
    struct driver *driver = message->context;
    const uint64_t busy = atomic_load_explicit(&driver->busy_until, memory_order_relaxed);
    const uint64_t received = atomic_load_explicit(&driver->received, memory_order_relaxed);

    if (received != driver->received_seen)
        driver->busy_seen = kernel_clock_now();
    driver->received_seen = received;
    *busy_until = busy == DRIVER_BUSY ? driver->busy_seen + DRIVER_TAKES : busy;
    return KERN_SUCCESS;
}

static kern_return_t stop(struct server_message *message)
{
    struct driver *driver = message->context;

    return stub_send(driver->stop_port, MSG_COPY_SEND, DRIVER_MESSAGE_STOP, NULL, 0, 0);
}

static void answer(void *argument)
{
    struct driver *driver = argument;
    static const struct service_control_ops ops = {.ping = ping, .stop = stop};
    const struct server_interface interface = service_control_interface(&ops, driver);
    const struct server server = {
        .port = driver->control,
        .count = 1,
        .interfaces = &interface,
    };
    const kern_return_t kr = server_run(&server);

    driver_fail(driver, "its control port: error %d", (int)kr);
}

/* It is above the driver's own thread: a pong is late only if all of the machine is. The supervisor gives a program's threads no more than it says (`priority`). How much that
 * is, is asked for, not tried out: a thread that has been less urgent for a moment may wait for as long as another computes. */
void driver_start_heartbeat(struct driver *driver)
{
    struct task_info info;
    kern_return_t kr = task_info(program_start_info->task, &info);

    if (kr == KERN_SUCCESS)
        kr = driver_port(driver, 0, &driver->stop_port);
    if (kr == KERN_SUCCESS)
        kr = driver_make_send(driver->stop_port);
    if (kr == KERN_SUCCESS)
        kr = thread_start(&driver->heartbeat, answer, driver, info.max_priority);
    if (kr == KERN_SUCCESS && info.max_priority > 1)
        kr = kernel_thread_set_priority(info.max_priority - 1u);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its heartbeat: error %d", (int)kr);
}
