/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of files that the files' thread has mapped. There are few, and short ones: what a program that page-out needs maps is not evicted. The kernel copies, so that
 * a page that cannot be had is an error, and no exception.
 *
 * W1 Windows together are a small part of all memory: what is mapped here cannot leave, whatever else is short of frames.
 */
#include "server.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/vm.h>

enum { WINDOWS = 48, LEAST = 4, PART = 16, ACCESS = VM_PROT_READ | VM_PROT_WRITE };

/* The files' thread alone. */
static struct window {
    const struct memory *memory; /* NULL: it shows nothing */
    uint64_t number, used;
} windows[WINDOWS];
static struct window *last = &windows[0];
static unsigned count; /* of windows that are used; 0: not known yet */
static uint64_t uses;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static uint64_t place_of(const struct window *window)
{
    return ADDRESS_WINDOWS + (uint64_t)(window - windows) * WINDOW;
}

static void close_window(struct window *window)
{
    if (window->memory)
        (void)!vm_deallocate(self(), place_of(window), WINDOW);
    window->memory = NULL;
}

void windows_drop(const struct memory *memory)
{
    for (unsigned i = 0; i < WINDOWS; i++)
        if (windows[i].memory == memory)
            close_window(&windows[i]);
}

/* W1 */
static unsigned count_for(uint64_t memory)
{
    const uint64_t most = memory / PART / WINDOW;

    return most < LEAST ? LEAST : most > WINDOWS ? WINDOWS : (unsigned)most;
}

/* NULL: it has none. */
static struct window *find(const struct memory *memory, uint64_t number)
{
    if (last->memory == memory && last->number == number)
        return last;
    for (unsigned i = 0; i < count; i++)
        if (windows[i].memory == memory && windows[i].number == number)
            return &windows[i];
    return NULL;
}

/* One that shows nothing, from here on. */
static struct window *take(void)
{
    struct window *oldest = &windows[0];

    if (count == 0)
        count = count_for(kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY));
    for (unsigned i = 0; i < count; i++)
        if (!windows[i].memory || (oldest->memory && windows[i].used < oldest->used))
            oldest = &windows[i];
    close_window(oldest);
    return oldest;
}

/* Where a byte of the file is, and how many behind it are there. */
static int show(struct memory *memory, uint64_t offset, uint64_t *at, size_t *there)
{
    const uint64_t number = offset / WINDOW;
    struct window *window = find(memory, number);

    if (!window) {
        uint64_t same;
        window = take();
        if (vm_map(self(), place_of(window), WINDOW, number * WINDOW, 0, memory->entry, ACCESS,
                   ACCESS, VM_INHERIT_NONE, &same) != KERN_SUCCESS)
            return ENOMEM;
        window->memory = memory;
        window->number = number;
    }
    window->used = ++uses;
    last = window;
    *at = place_of(window) + offset % WINDOW;
    *there = WINDOW - offset % WINDOW;
    return 0;
}

static int error_of(kern_return_t kr)
{
    if (kr == KERN_SUCCESS)
        return 0;
    return kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE ? ENOMEM : EIO;
}

int window_read(struct memory *memory, uint64_t offset, void *to, size_t size)
{
    char *out = to;
    int error = 0;

    while (size != 0 && error == 0) {
        uint64_t at;
        size_t part;
        error = show(memory, offset, &at, &part);
        if (error != 0)
            break;
        if (part > size)
            part = size;
        error = error_of(vm_copy(self(), at, part, (uintptr_t)out));
        offset += part;
        out += part;
        size -= part;
    }
    return error;
}

int window_fetch(const void *from, size_t size, void *to)
{
    return error_of(vm_copy(self(), (uintptr_t)from, size, (uintptr_t)to));
}

int window_write(struct memory *memory, uint64_t offset, const void *from, size_t size,
                 size_t *done)
{
    const char *in = from;

    *done = 0;
    while (*done < size) {
        uint64_t at;
        size_t part;
        int error = show(memory, offset + *done, &at, &part);
        if (error != 0)
            return error;
        if (part > size - *done)
            part = size - *done;
        error = error_of(vm_copy(self(), (uintptr_t)in + *done, part, at));
        if (error != 0)
            return error;
        *done += part;
    }
    return 0;
}

int window_clear(struct memory *memory, uint64_t offset, size_t size)
{
    static const char zeroes[PAGE];
    size_t done;
    int error = 0;

    while (size != 0 && error == 0) {
        const size_t part = size < PAGE ? size : PAGE;
        error = window_write(memory, offset, zeroes, part, &done);
        offset += part;
        size -= part;
    }
    return error;
}
