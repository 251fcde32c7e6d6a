/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager of the files' memory (docs/pagers.md): a thread that waits for nothing but the volume and its card.
 *
 * G1 What is supplied was read with the lock held until it was there for all: so a file that is cut has no page of before behind its end afterwards.
 * G2 Pages that come back are written as far as the file goes.
 * G3 What an instance that was killed left behind the end of a file goes before anybody writes there: memory_have() waits for that, and is EIO without it.
 */
#include "state.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

/* Asked for out of order, so many bytes are read at a time. */
enum { ALONE = 16384 };

static char *buffer; /* AHEAD_MAX bytes, for what is supplied */

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static struct memory *memory_in(const struct server_message *message)
{
    return memory_of_port(message->received.local);
}

/* When a life of the kernel's object begins, passes of the one before are over. It may be told twice of one: for an earlier instance of this program, too. */
static void take_control(struct memory *memory, mach_port_name_t control)
{
    if (memory->ended || control != memory->control)
        memory->completed = memory->asked;
    if (memory->control != MSG_NULL)
        stub_release_right(memory->control, MSG_MOVE_SEND);
    memory->control = control;
    memory->ended = memory->over = memory->remade = false;
    pi_condition_broadcast(&disk.changed, &disk.lock);
}

/* G3. The lock is held. */
static void drop_behind(struct memory *memory, mach_port_name_t control)
{
    const uint64_t end = page_up(memory->size);

    if (memory->restored && control != MSG_DEAD && end < MEMORY_SPAN)
        (void)!memory_object_lock_request(control, end, MEMORY_SPAN - end,
                                          MEMORY_OBJECT_RETURNS_NONE, true, false);
    memory->restored = false;
    pi_condition_broadcast(&disk.changed, &disk.lock);
}

static kern_return_t init(struct server_message *message, mach_port_name_t control,
                          uint32_t page_size)
{
    (void)page_size;
    lock();
    struct memory *memory = memory_in(message);
    if (memory && control != MSG_DEAD)
        take_control(memory, control);
    if (memory)
        drop_behind(memory, control);
    unlock();
    if (memory && control != MSG_DEAD)
        (void)!memory_object_ready(control, false,
                                   CLUSTER); /* it may have ended: terminate follows */
    return memory ? KERN_SUCCESS : KERN_FAILURE;
}

/* ---- pages that are missing ---- */

/* Whole pages; behind the volume's end of the file they are zeroes. The lock is held. */
static int read_pages(const struct memory *memory, uint64_t offset, size_t size)
{
    size_t got = 0;
    const int error = disk.ops->read(disk.volume, memory->file, offset, buffer, size, &got);

    if (error == 0)
        memset(buffer + got, 0, size - got);
    return error;
}

static void refuse(const struct memory *memory, uint64_t offset, uint64_t length, int error)
{
    (void)!memory_object_error(memory->control, offset, length, (uint32_t)error);
}

/* How much is worth reading of what was asked for, and behind it. */
static uint64_t plan(struct memory *memory, uint64_t offset, uint64_t *length)
{
    if (offset == 0 || offset == memory->ahead) {
        const uint32_t more = memory->ahead_size * 2;
        memory->ahead_size = more < CLUSTER ? CLUSTER : more > AHEAD_MAX ? AHEAD_MAX : more;
    } else {
        memory->ahead_size = 0;
        if (*length > ALONE)
            *length = ALONE;
    }
    if (offset == 0)
        memory->ahead_size = 0;
    memory->ahead = offset + *length + memory->ahead_size;
    return memory->ahead_size;
}

/* What is short is somebody's who gives it back soon; what had been moved before is read again. */
static int read_and_supply(const struct memory *memory, uint64_t offset, uint64_t length)
{
    enum { TRIES = 1000, PAUSE = 1000000 /* ns */ };

    for (unsigned n = 0; n < TRIES; n++) {
        const int error = read_pages(memory, offset, (size_t)length);
        if (error != 0)
            return error;
        const kern_return_t kr = memory_object_supply(memory->control, offset, (uintptr_t)buffer,
                                                      length, MEMORY_OBJECT_SUPPLY_MOVE);
        if (kr == KERN_SUCCESS || kr == KERN_TERMINATED)
            return 0;
        if (kr != KERN_RESOURCE_SHORTAGE)
            break;
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    }
    return ENOMEM;
}

/* G1 */
static void answer(struct memory *memory, uint64_t offset, uint64_t length)
{
    const uint64_t end = page_up(memory_end(memory));

    if (offset >= end) {
        refuse(memory, offset, length, ENXIO);
        return;
    }
    uint64_t ahead = plan(memory, offset, &length);
    if (length > end - offset)
        length = end - offset;
    if (length > AHEAD_MAX)
        length = AHEAD_MAX;
    int error = read_and_supply(memory, offset, length);
    if (error != 0 && length > PAGE) {
        /* What is asked for is the first page: others may be what cannot be read. */
        length = PAGE;
        ahead = 0;
        error = read_and_supply(memory, offset, length);
    }
    if (error != 0) {
        refuse(memory, offset, PAGE, error);
        return;
    }
    if (ahead > end - offset - length)
        ahead = end - offset - length;
    if (ahead != 0)
        (void)!read_and_supply(memory, offset + length, ahead);
}

static kern_return_t data_request(struct server_message *message, uint64_t offset, uint64_t length,
                                  uint32_t access)
{
    (void)access;
    lock();
    struct memory *memory = memory_in(message);
    if (memory && memory->control != MSG_NULL)
        answer(memory, offset, length);
    unlock();
    return KERN_SUCCESS;
}

/* ---- pages that come back ---- */

/* The page is not there, or the object is not, whose control port may have gone with it. */
static bool is_gone(kern_return_t kr)
{
    return kr == KERN_NOT_FOUND || kr == KERN_TERMINATED || kr == MACH_SEND_INVALID_DEST;
}

/* Other errors than that pass: it is announced once only. */
static bool fetch_page(mach_port_name_t control, uint64_t offset, char *to)
{
    enum { TRIES = 1000, PAUSE = 1000000 /* ns */ };
    kern_return_t kr = KERN_SUCCESS;

    for (unsigned n = 0; n < TRIES; n++) {
        kr = memory_object_collect(control, offset, (uintptr_t)to);
        if (kr == KERN_SUCCESS || is_gone(kr))
            break;
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    }
    return kr == KERN_SUCCESS;
}

/* How many of the pages from there on can be had, up to one that has gone. */
static size_t fetch(const struct memory *memory, uint64_t offset, size_t length)
{
    size_t size = 0;

    state_fetching(memory, offset, (unsigned)(length / PAGE));
    while (size < length && fetch_page(memory->control, offset + size, state_pages + size))
        size += PAGE;
    return size;
}

/* G2 */
static int write_pages(struct memory *memory, uint64_t offset, const char *from, size_t size)
{
    size_t written = 0;
    int error = 0;

    const uint64_t end = memory_end(memory);
    if (offset >= end)
        return 0;
    if (size > end - offset)
        size = (size_t)(end - offset);
    if (disk.ops->gather)
        (void)disk.ops->gather(disk.volume, memory->gathers);
    for (size_t done = 0; done < size && error == 0; done += written) {
        error = disk.ops->write(disk.volume, memory->file, memory->modified, offset + done,
                                from + done, size - done, &written);
        if (error == 0 && written == 0)
            error = EIO;
    }
    disk.unsynced = true;
    return error;
}

static void take_back(struct memory *memory, uint64_t offset, const char *from, size_t size)
{
    const int error = disk.read_only ? EROFS : write_pages(memory, offset, from, size);

    if (error == 0)
        return;
    if (memory->error == 0)
        print("%s: what was written to file %u at %u is lost: error %d\n", disk.ops->format,
              (unsigned)memory->inode, (unsigned)(offset / PAGE), error);
    memory->error = error;
    memory->told = false;
}

static kern_return_t data_return(struct server_message *message, uint64_t offset, uint64_t length,
                                 bool dirty, bool kernel_copy)
{
    (void)kernel_copy;
    lock();
    struct memory *memory = memory_in(message);
    while (memory && memory->control != MSG_NULL && length != 0) {
        const size_t most = (size_t)RETURN_PAGES * PAGE;
        const size_t size = fetch(memory, offset, length < most ? (size_t)length : most);
        if (dirty && size != 0)
            take_back(memory, offset, state_pages, size);
        state_fetched();
        const size_t done = size != 0 ? size : PAGE; /* one that has gone */
        offset += done;
        length -= done;
    }
    unlock();
    return KERN_SUCCESS;
}

/* What an earlier instance had fetched when it was killed. */
void pager_finish(void)
{
    const struct state_returned *returned = &state->returned;
    struct memory *memory = NULL;

    if (!atomic_load_explicit(&returned->active, memory_order_acquire))
        return;
    lock();
    for (uint32_t index = 0; (memory = memory_next(&index)) && memory->inode != returned->inode;)
        continue;
    for (unsigned n = 0; memory && n < returned->pages && n < RETURN_PAGES; n++)
        if (state_was_fetched(n))
            take_back(memory, returned->offset + (uint64_t)n * PAGE, state_pages + (size_t)n * PAGE,
                      PAGE);
    state_fetched();
    unlock();
}

/* ---- the rest ---- */

static kern_return_t lock_completed(struct server_message *message, uint64_t offset,
                                    uint64_t length)
{
    (void)offset;
    (void)length;
    lock();
    struct memory *memory = memory_in(message);
    if (memory) {
        memory->completed += memory->completed != memory->asked;
        pi_condition_broadcast(&disk.changed, &disk.lock);
    }
    unlock();
    return KERN_SUCCESS;
}

static kern_return_t terminate(struct server_message *message)
{
    lock();
    struct memory *memory = memory_in(message);
    if (memory)
        memory_ended(memory);
    unlock();
    return KERN_SUCCESS;
}

static void serve(void *argument)
{
    static const struct memory_pager_ops ops = {.init = init,
                                                .data_request = data_request,
                                                .data_return = data_return,
                                                .lock_completed = lock_completed,
                                                .terminate = terminate};
    static uint64_t in[512];
    const struct server_interface interface = memory_pager_interface(&ops, NULL);
    const struct server server = {
        .port = disk.set,
        .count = 1,
        .interfaces = &interface,
        .in = in,
        .in_size = sizeof(in),
    };

    (void)argument;
    const kern_return_t kr = server_run(&server);
    print("%s: its pager: error %d\n", disk.ops->format, (int)kr);
    exit(1);
}

kern_return_t pager_begin(void)
{
    static struct thread thread;
    const mach_port_name_t self = program_start_info->task;
    uint64_t at;

    const kern_return_t kr = vm_allocate(self, 0, AHEAD_MAX, VM_ANYWHERE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    buffer = (char *)(uintptr_t)at;
    return thread_start(&thread, serve, NULL, THREAD_PRIORITY_DEFAULT);
}
