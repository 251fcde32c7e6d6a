/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See file_views.h. There are a few views, of VIEW bytes each; a new one takes the place of the one that was used least recently.
 *
 * V1 A view that somebody copies from (users) stays. If the file is closed meanwhile it is nobody else's (closing), and who leaves it last gives it back. What is mapped and
 *    given back is so outside the lock.
 * V2 No handler of signals runs in a thread that has the lock or a view: it may read, too, and may jump away.
 * V3 Names of ports are not used again: a view that was left by mistake is nobody else's.
 * V4 What lies behind the end of what was mapped is mapped anew: the file has grown.
 */
#include "file_views.h"
#include "again.h"
#include "signals.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <wharf/if/file.h>
#include <wharf/if/vm.h>

enum { VIEW = 1024 * 1024, VIEWS = 8 };

struct view {
    mach_port_name_t file; /* MSG_NULL: it shows nothing, or is closing */
    uint32_t users;
    bool closing;                    /* V1 */
    uint64_t number, at, size, used; /* size: 0: nothing is mapped */
};

/* There in programs that have handlers. */
[[gnu::weak]] uint64_t signals_hold(void);
[[gnu::weak]] void signals_go_on(uint64_t mask);

static struct mutex lock;
static struct view views[VIEWS];
static uint64_t uses;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* V2 */
static uint64_t hold(void)
{
    return signals_hold != NULL ? signals_hold() : 0;
}

static void go_on(uint64_t mask)
{
    if (signals_go_on != NULL)
        signals_go_on(mask);
}

/* A new one: where it is, and how much of the file there is. 0: none. */
static uint64_t map(mach_port_name_t file, uint64_t number, uint64_t *at)
{
    mach_port_name_t entry;
    uint64_t offset, mapped;

    if (AGAIN(file_map(file, number * VIEW, VIEW, 0, false, &entry, &offset, &mapped)) !=
        KERN_SUCCESS)
        return 0;
    const kern_return_t kr = vm_map(self(), 0, mapped, offset, VM_ANYWHERE, entry, VM_PROT_READ,
                                    VM_PROT_READ, VM_INHERIT_NONE, at);
    stub_release_right(entry, MSG_MOVE_SEND);
    return kr == KERN_SUCCESS ? mapped : 0;
}

static void unmap(const struct view *view)
{
    if (view->size != 0)
        (void)!vm_deallocate(self(), view->at, view->size);
}

/* The one that shows it, or the one to be used for it; NULL: all are in use. The lock is held. */
static struct view *choose(mach_port_name_t file, uint64_t number)
{
    struct view *found = NULL;

    for (unsigned i = 0; i < VIEWS; i++) {
        struct view *view = &views[i];
        if (view->file == file && view->number == number)
            return view;
        if (view->users == 0 && (!found || view->used < found->used))
            found = view;
    }
    return found;
}

/* Its only user shows something else in it; until then it has no size for others. */
static void replace(struct view *view, mach_port_name_t file, uint64_t number,
                    const struct view *before)
{
    uint64_t at = 0;

    unmap(before);
    const uint64_t size = map(file, number, &at);
    mutex_lock(&lock);
    view->at = at;
    view->size = size;
    mutex_unlock(&lock);
}

/* One that has `least` bytes and is the caller's to use; NULL: there is none. */
static struct view *take(mach_port_name_t file, uint64_t number, uint64_t least)
{
    struct view before = {0};

    mutex_lock(&lock);
    struct view *view = choose(file, number);
    const bool fits = view && view->file == file && view->number == number && view->size >= least;
    if (view && !fits && view->users != 0)
        view = NULL; /* somebody reads what is there, or maps it */
    if (view && !fits) {
        before = *view;
        *view = (struct view){.file = file, .number = number};
    }
    if (view) {
        view->users++;
        view->used = ++uses;
    }
    mutex_unlock(&lock);
    if (view && !fits)
        replace(view, file, number, &before);
    return view;
}

/* It is free for anything; returns what is to be unmapped. The lock is held. */
static struct view end(struct view *view)
{
    const struct view gone = *view;

    *view = (struct view){0};
    return gone;
}

static void leave(struct view *view)
{
    struct view gone = {0};

    mutex_lock(&lock);
    if (--view->users == 0 && view->closing)
        gone = end(view);
    mutex_unlock(&lock);
    unmap(&gone);
}

/* In one view. */
static bool copy_part(mach_port_name_t file, uint64_t offset, void *to, uint32_t size)
{
    const uint64_t within = offset % VIEW;
    const uint64_t mask = hold();
    struct view *view = take(file, offset / VIEW, within + size);
    const bool good = view && view->size >= within + size &&
                      vm_copy(self(), view->at + within, size, (uintptr_t)to) == KERN_SUCCESS;

    if (view)
        leave(view);
    go_on(mask);
    return good;
}

uint32_t file_view_copy(mach_port_name_t file, uint64_t offset, void *to, uint32_t size)
{
    uint32_t done = 0;

    while (done < size) {
        const uint64_t rest = VIEW - (offset + done) % VIEW;
        const uint32_t part = size - done < rest ? size - done : (uint32_t)rest;
        if (!copy_part(file, offset + done, (char *)to + done, part))
            break;
        done += part;
    }
    return done;
}

/* The lock is held. */
static struct view close_view(struct view *view)
{
    if (view->users == 0)
        return end(view);
    view->file = MSG_NULL;
    view->closing = true;
    return (struct view){0};
}

void file_views_closing(mach_port_name_t file)
{
    for (unsigned i = 0; i < VIEWS; i++) {
        struct view gone = {0};
        if (views[i].file != file)
            continue;
        const uint64_t mask = hold();
        mutex_lock(&lock);
        if (views[i].file == file)
            gone = close_view(&views[i]);
        mutex_unlock(&lock);
        go_on(mask);
        unmap(&gone);
    }
}

void file_views_child(void)
{
    lock = (struct mutex){0};
    for (unsigned i = 0; i < VIEWS; i++)
        views[i] = (struct view){0};
}
