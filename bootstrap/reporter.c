/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reporter's thread and its queue. See reporter.h. One puts jobs in and one takes them out: two counts are all that is shared.
 */
#include "reporter.h"
#include "log.h"
#include "rights.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <wharf/if/port.h>

enum { JOBS = 8, PRIORITY = 210 /* above all programs: it visits each CPU */ };

static struct report_job job[JOBS];
static _Atomic uint32_t submitted, finished; /* by the main thread; by the reporter */
static mach_port_name_t done_port;           /* a send right: PORT_REPORTER */

static void tell(const struct report_job *j, mach_port_name_t entry, uint64_t size)
{
    struct report_done done = {
        .entry = {.value = entry, .disposition = MSG_MOVE_SEND},
        .program = j->program,
        .generation = j->generation,
        .size = size,
    };
    if (stub_send(done_port, MSG_COPY_SEND, 0, &done, REPORT_DONE_SHAPE, NEVER) != KERN_SUCCESS)
        send_drop(&entry);
}

static void work(void *argument)
{
    (void)argument;
    for (uint32_t next = 0;; next++) {
        word_wait_while(&submitted, next);
        struct report_job *j = &job[next % JOBS];
        uint64_t size = 0;
        const mach_port_name_t entry = report_write(j, &size);
        send_drop(&j->task);
        send_drop(&j->thread);
        tell(j, entry, size);
        atomic_store(&finished, next + 1);
    }
}

kern_return_t reporter_begin(void)
{
    static struct thread thread;
    mach_port_name_t port, got;
    kern_return_t kr = port_make(&(struct port_use){.kind = PORT_REPORTER}, &port);
    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(program_start_info->task, port, port, &got);
    if (kr != KERN_SUCCESS)
        return kr;
    done_port = got;
    return thread_start(&thread, work, NULL, PRIORITY);
}

struct report_job *reporter_job(void)
{
    const uint32_t next = atomic_load(&submitted);
    return next - atomic_load(&finished) == JOBS ? NULL : &job[next % JOBS];
}

void reporter_submit(void)
{
    word_set(&submitted, atomic_load(&submitted) + 1);
}
