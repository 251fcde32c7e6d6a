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
        if (pi_condition_wait(&disk.changed, &disk.lock, end) != KERN_SUCCESS)
            return MSG_NULL;
    return memory->control;
}

/* KERN_TERMINATED: also of an object that has gone with its control port, when the pager has not heard of the end yet. */
static kern_return_t ask(mach_port_name_t control, uint64_t from, uint32_t what, bool flush,
                         bool notify)
{
    const kern_return_t kr =
        memory_object_lock_request(control, from, MEMORY_SPAN - from, what, flush, notify);

    return kr == MACH_SEND_INVALID_DEST ? KERN_TERMINATED : kr;
}

/* One pass. KERN_RETRY: it was somebody else's that was on its way. The lock is held, and given up meanwhile: not while the kernel is asked, so that who is told of
 * the end knows which pass it is of. */
static kern_return_t request(struct memory *memory, uint64_t end)
{
    const mach_port_name_t control = control_of(memory);

    if (control == MSG_NULL)
        return KERN_SUCCESS;
    const kern_return_t kr = ask(control, 0, MEMORY_OBJECT_RETURNS_DIRTY, false, true);
    if (kr == KERN_TERMINATED) /* its pages are on their way until the pager is told of the end */
        return memory->over ? KERN_SUCCESS : KERN_RETRY;
    if (kr == KERN_SUCCESS)
        memory->asked++;
    else if (kr != KERN_BUSY)
        return kr;
    const uint32_t mine = memory->asked;
    while ((int32_t)(memory->completed - mine) < 0 && !memory->over)
        if (pi_condition_wait(&disk.changed, &disk.lock, end) != KERN_SUCCESS)
            return KERN_OPERATION_TIMED_OUT;
    return kr == KERN_BUSY ? KERN_RETRY : KERN_SUCCESS;
}

/* False: pages may not have come back. The lock is held, and given up meanwhile: who asks for the same file then goes through it as well. */
static bool pass(struct memory *memory)
{
    enum { PAUSE = 1000000 /* ns */ };
    const uint64_t end = kernel_clock_now() + TAKES;
    kern_return_t kr;

    memory->dirty = false;
    memory->passes++;
    while ((kr = request(memory, end)) == KERN_RETRY && kernel_clock_now() < end)
        (void)!pi_condition_wait(&disk.changed, &disk.lock, kernel_clock_now() + PAUSE);
    memory->passes--;
    if (kr != KERN_SUCCESS)
        memory->dirty = true;
    else if (!memory->dirty && memory->passes == 0)
        memory->modified = 0;
    return kr == KERN_SUCCESS;
}

static bool is_due(const struct memory *memory)
{
    return memory->dirty || memory->shared || memory->error != 0 || memory->passes != 0;
}

int flush_memory(struct memory *memory, bool tell)
{
    lock();
    memory_wait_begins(memory);
    const bool passed = !is_due(memory) || pass(memory);
    const int error = passed ? memory->error : EIO;
    if (tell)
        memory->error = 0;
    memory_wait_ends(memory);
    unlock();
    return error;
}

void flush_forget(struct memory *memory, uint64_t from)
{
    enum { TRIES = 100, PAUSE = 1000000 /* ns */ };
    kern_return_t kr = KERN_TERMINATED;

    lock();
    memory_wait_begins(memory);
    for (unsigned n = 0; n < TRIES && kr == KERN_TERMINATED && memory->entry != MSG_NULL; n++) {
        const mach_port_name_t control = control_of(memory);
        if (control == MSG_NULL)
            break;
        kr = ask(control, from, MEMORY_OBJECT_RETURNS_NONE, true, false);
        if (kr == KERN_TERMINATED) /* between two lives of the object */
            (void)!pi_condition_wait(&disk.changed, &disk.lock, kernel_clock_now() + PAUSE);
    }
    memory_wait_ends(memory);
    unlock();
}

/* ---- the volume ---- */

static void note_lost(uint64_t inode, int error, bool tell)
{
    struct memory *memory;

    print("%s: what was written to file %u is lost: error %d\n", disk.ops->format, (unsigned)inode,
          error);
    for (uint32_t index = 0; (memory = memory_next(&index)) && memory->inode != inode;)
        continue;
    struct disk_node *const node = memory ? NULL : node_of_inode(inode);
    if (memory) {
        memory->error = error;
        memory->told = tell;
    } else if (node) {
        node->error = error;
    }
    if (!memory && !tell)
        disk.lost_error = error;
}

int flush_volume(bool tell)
{
    uint64_t inode;
    int lost, first = 0;
    const int error = disk.ops->sync(disk.volume);

    disk.unsynced = error != 0;
    while (disk.ops->lost && (lost = disk.ops->lost(disk.volume, &inode)) != 0) {
        note_lost(inode, lost, tell);
        first = first != 0 ? first : lost;
    }
    return error != 0 || !tell ? error : first;
}

/* ---- all of it ---- */

/* For all: an error is told once. The lock is held, and given up meanwhile. */
static int flush_one(struct memory *memory, bool tell, bool *all_passed)
{
    memory_wait_begins(memory);
    memory_cut(memory);
    memory->gathers = true;
    const bool passed = !is_due(memory) || pass(memory);
    memory->gathers = false;
    const int error = memory->told ? 0 : memory->error;
    memory->told |= tell && memory->error != 0;
    memory_wait_ends(memory);
    *all_passed &= passed;
    return passed ? error : EIO;
}

int flush_all(bool tell)
{
    struct memory *memory;
    uint32_t index = 0;
    bool all_passed = true;
    int error = 0;

    mutex_lock(&disk.flushing);
    lock();
    const uint64_t promised = disk.promised;
    while ((memory = memory_next(&index))) {
        const int failed = flush_one(memory, tell, &all_passed);
        error = error != 0 ? error : failed;
    }
    error = error != 0 ? error : disk.lost_error;
    if (tell)
        disk.lost_error = 0;
    if (all_passed)
        disk.promised -= promised;
    if (disk.unsynced && !disk.read_only) {
        const int failed = flush_volume(tell);
        error = error != 0 ? error : failed;
    }
    unlock();
    mutex_unlock(&disk.flushing);
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
    (void)!flush_all(false);
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
