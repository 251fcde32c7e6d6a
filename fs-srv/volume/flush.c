/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was written comes to the volume and the card: when somebody asks for it, and every few seconds.
 */
#include "server.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <stdlib.h>
#include <wharf/if/memory_object.h>

#define SECOND UINT64_C(1000000000)
enum { EVERY = 5, QUIET = 6 /* times without a change, then the volume may settle */ };
#define TAKES (120 * SECOND)

/* The kernel's side of it. The lock is held, and given up meanwhile. MSG_NULL: there is nothing that could have been written. */
static mach_port_name_t control_of(struct memory *memory)
{
    const uint64_t end = kernel_clock_now() + TAKES;

    while (memory->control == MSG_NULL && memory->entry != MSG_NULL)
        if (condition_wait(&disk.changed, &disk.lock, end) != KERN_SUCCESS)
            return MSG_NULL;
    return memory->control;
}

/* One pass. KERN_BUSY: somebody else's is on its way. The lock is held, and given up meanwhile. */
static kern_return_t request(struct memory *memory, mach_port_name_t control, uint64_t end)
{
    const uint32_t before = memory->completed;

    unlock();
    const kern_return_t kr = memory_object_lock_request(control, 0, MEMORY_SPAN,
                                                        MEMORY_OBJECT_RETURNS_DIRTY, false, true);
    lock();
    if (kr != KERN_SUCCESS && kr != KERN_BUSY)
        return kr;
    while (memory->completed == before && !memory->over)
        if (condition_wait(&disk.changed, &disk.lock, end) != KERN_SUCCESS)
            return KERN_OPERATION_TIMED_OUT;
    return kr;
}

/* The error stays for who is to be told. The lock is held, and given up meanwhile. */
static int flush(struct memory *memory)
{
    const uint64_t end = kernel_clock_now() + TAKES;
    kern_return_t kr;

    memory_wait_begins(memory);
    memory->dirty = false;
    const mach_port_name_t control = control_of(memory);
    do
        kr = control == MSG_NULL ? KERN_SUCCESS : request(memory, control, end);
    while (kr == KERN_BUSY);
    int error = kr == KERN_SUCCESS || kr == KERN_TERMINATED ? memory->error : EIO;
    memory->modified = error == 0 && !memory->dirty ? 0 : memory->modified;
    memory_wait_ends(memory);
    return error;
}

static bool is_due(const struct memory *memory)
{
    return memory->dirty || memory->shared || memory->error != 0;
}

int flush_memory(struct memory *memory)
{
    lock();
    memory_wait_begins(memory);
    const int error = is_due(memory) ? flush(memory) : 0;
    memory->error = 0;
    memory_wait_ends(memory);
    unlock();
    return error;
}

void flush_forget(struct memory *memory, uint64_t from)
{
    lock();
    memory_wait_begins(memory);
    const mach_port_name_t control = control_of(memory);
    unlock();
    if (control != MSG_NULL)
        (void)!memory_object_lock_request(control, from, MEMORY_SPAN - from,
                                          MEMORY_OBJECT_RETURNS_NONE, true, false);
    lock();
    memory_wait_ends(memory);
    unlock();
}

/* The lock is held, and given up meanwhile. */
static int flush_memories(void)
{
    struct memory *memory;
    uint32_t index = 0;
    int error = 0;

    while ((memory = memory_next(&index))) {
        const int failed = is_due(memory) ? flush(memory) : 0;
        error = error != 0 ? error : failed;
    }
    return error;
}

int flush_all(void)
{
    lock();
    const uint64_t promised = disk.promised;
    int error = flush_memories();
    if (disk.unsynced && !disk.read_only) {
        const int failed = disk.ops->sync(disk.volume);
        disk.unsynced = failed != 0;
        error = error != 0 ? error : failed;
    }
    if (error == 0)
        disk.promised -= promised;
    unlock();
    return error;
}

/* ---- by itself ---- */

/* The format has given up writing: said once. */
static void tell_problem(void)
{
    static bool told;
    const char *problem = disk.ops->problem(disk.volume);

    if (*problem != '\0' && !told && !disk.read_only)
        print("%s: it can only be read from here on: %s\n", disk.ops->format, problem);
    told |= *problem != '\0';
}

/* True: something had changed. */
static bool look(void)
{
    lock();
    tell_problem();
    uint32_t index = 0;
    bool changed = disk.unsynced;
    for (struct memory *memory; !changed && (memory = memory_next(&index));)
        changed = memory->dirty;
    unlock();
    (void)!flush_all();
    return changed;
}

static void run(void *argument)
{
    unsigned quiet = 0;

    (void)argument;
    for (;;) {
        (void)!kernel_sleep_until(kernel_clock_now() + EVERY * SECOND);
        if (look()) {
            quiet = 0;
        } else if (++quiet == QUIET && !disk.read_only) {
            lock();
            (void)!disk.ops->settle(disk.volume);
            unlock();
        }
    }
}

kern_return_t flush_begin(void)
{
    static struct thread thread;

    return thread_start(&thread, run, NULL, THREAD_PRIORITY_DEFAULT);
}
