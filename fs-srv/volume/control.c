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
enum { PRIORITY = THREAD_PRIORITY_DEFAULT };

static mach_port_name_t control;

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

/* Nobody writes from the end on: the lock is never given up again. */
static kern_return_t stop(struct server_message *message)
{
    enum { TRIES = 10 };
    int error = flush_all();

    (void)message;
    lock();
    for (unsigned n = 0; n < TRIES && error == 0 && is_behind(); n++) {
        unlock();
        error = flush_all();
        lock();
    }
    const int failed = disk.ops->unmount(disk.volume);
    state_end();
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
    (void)message;
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

struct server_interface control_interface(void)
{
    static const struct mounted_volume_ops operations = {.facts = facts, .watch = watch};

    return mounted_volume_interface(&operations, NULL);
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
    return thread_start(&thread, answer, NULL, PRIORITY);
}
