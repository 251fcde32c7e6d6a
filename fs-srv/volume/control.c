/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the supervisor asks (interfaces/service_control.defs), in a thread of its own, for the others wait for the card; and what the volume tells of itself
 * (interfaces/mounted_volume.defs).
 */
#include "state.h"
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/string.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/mounted_volume.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/service_control.h>

#define VOLUME_PAYLOAD UINT64_C(0x564f4c5500000000)
#define STOP_PAYLOAD   (VOLUME_PAYLOAD | 1)
enum { PRIORITY = THREAD_PRIORITY_DEFAULT };

static mach_port_name_t control;
static mach_port_name_t stop_port; /* receive and send right; of the files' thread */

static kern_return_t ping(struct server_message *message, uint64_t *busy_until)
{
    (void)message;
    *busy_until = 0;
    return KERN_SUCCESS;
}

/* Something has been written since all was flushed. The lock is held. */
static bool is_behind(void)
{
    const struct memory *memory;

    for (uint32_t index = 0; (memory = memory_next(&index));)
        if (memory->dirty)
            return true;
    return false;
}

/* The files' thread does it, when it is done with what it is at. */
static kern_return_t stop(struct server_message *message)
{
    (void)message;
    return service_control_stop(stop_port);
}

/* Nobody writes from the end on: the lock is never given up again. */
static kern_return_t stop_all(struct server_message *message)
{
    enum { TRIES = 10 };

    if (message->received.local != STOP_PAYLOAD)
        return MIG_BAD_ID;
    int error = flush_all(false);
    lock();
    for (unsigned n = 0; n < TRIES && is_behind(); n++) {
        unlock();
        error = flush_all(false);
        lock();
    }
    const int failed = disk.ops->unmount(disk.volume);
    state_end();
    file_server_end(&disk.server);
    error = error != 0 ? error : failed;
    if (error != 0)
        print("%s: something could not be written: error %d\n", disk.ops->format, error);
    exit(error == 0 ? 0 : 1);
}

static void answer(void *argument)
{
    static const struct service_control_ops ops = {.ping = ping, .stop = stop};
    const struct server_interface interface = service_control_interface(&ops, NULL);
    const struct server server = {.port = control, .count = 1, .interfaces = &interface};

    (void)argument;
    const kern_return_t kr = server_run(&server);
    print("%s: its control port: error %d\n", disk.ops->format, (int)kr);
    exit(1);
}

/* ---- facts ---- */

static uint32_t opens(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < disk.server.slots; i++)
        count += disk.server.opens[i]->node != NULL && !disk.server.opens[i]->held;
    return count;
}

static kern_return_t facts(struct server_message *message, uint32_t *open_files, bool *read_only,
                           char *problem, uint64_t *reads, uint64_t *writes, uint64_t *flushes,
                           uint64_t *bytes_read, uint64_t *bytes_written)
{
    if (message->received.local != VOLUME_PAYLOAD)
        return MIG_BAD_ID;
    *open_files = opens();
    lock();
    const struct storage_counts counts = disk.card.counts;
    const char *text = disk.ops->problem(disk.volume);
    const size_t length = strnlen(text, MOUNTED_VOLUME_PROBLEM_MAX - 1);
    memcpy(problem, text, length);
    problem[length] = '\0';
    *read_only = disk.read_only || *text != '\0';
    unlock();
    *reads = counts.reads;
    *writes = counts.writes;
    *flushes = counts.flushes;
    *bytes_read = counts.bytes_read;
    *bytes_written = counts.bytes_written;
    return KERN_SUCCESS;
}

/* Rights to answer that are never used: the kernel tells when they go with us. */
static kern_return_t watch(struct server_message *message)
{
    enum { WATCHERS = 4 };
    static mach_port_name_t watchers[WATCHERS];
    static unsigned oldest;

    if (message->received.local != VOLUME_PAYLOAD)
        return MIG_BAD_ID;
    if (server_keep_reply(message) != KERN_SUCCESS)
        return KERN_RESOURCE_SHORTAGE;
    if (message->reply == MSG_NULL)
        return KERN_INVALID_ARGUMENT;
    if (watchers[oldest] != MSG_NULL)
        stub_release_right(watchers[oldest], MSG_MOVE_SEND_ONCE);
    watchers[oldest] = message->reply;
    oldest = (oldest + 1) % WATCHERS;
    return MIG_NO_REPLY;
}

void control_interfaces(struct server_interface out[CONTROL_INTERFACES])
{
    static const struct mounted_volume_ops volume_calls = {.facts = facts, .watch = watch};
    static const struct service_control_ops control_calls = {.ping = ping, .stop = stop_all};

    out[0] = mounted_volume_interface(&volume_calls, NULL);
    out[1] = service_control_interface(&control_calls, NULL);
}

kern_return_t control_begin(const char *service)
{
    static struct thread thread;
    const mach_port_name_t self = program_start_info->task,
                           bootstrap = program_start_info->bootstrap;
    char name[SERVICE_NAME_MAX];
    mach_port_name_t port;

    format_text(name, sizeof(name), "%s.volume", service);
    if (service_check_in(bootstrap, name, &port) == KERN_SUCCESS) {
        kern_return_t kr = port_set_payload(self, port, VOLUME_PAYLOAD);
        if (kr == KERN_SUCCESS)
            kr = port_move_member(self, port, disk.server.set);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    if (service_get_control(bootstrap, &control) != KERN_SUCCESS)
        return KERN_SUCCESS; /* nobody asks */
    kern_return_t kr = port_construct(self, STOP_PAYLOAD, disk.server.set, &stop_port);
    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(self, stop_port, stop_port, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    return thread_start(&thread, answer, NULL, PRIORITY);
}
