/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks along paths; see path.h.
 */
#include "path.h"
#include "../newlib/calls.h"
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "place.h"
#include "waits.h"
#include <fcntl.h>
#include <libsys/print.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/file.h>

/* Is it one that can be sent? 0, or the errno. */
static int check(const char *path)
{
    if (path[0] == '\0')
        return ENOENT;
    return strnlen(path, FILE_PATH_MAX) == FILE_PATH_MAX ? ENAMETOOLONG : 0;
}

mach_port_name_t walk_base(int directory, const char *path)
{
    const int error = check(path);
    mach_port_name_t at;

    if (error != 0) {
        errno = error;
        return MSG_NULL;
    }
    if (path[0] != '/' && directory != AT_FDCWD)
        return descriptor_port(directory, ENOTDIR);
    at = path[0] == '/' ? place_root() : place_current();
    if (at == MSG_NULL)
        errno = ENOENT;
    return at;
}

bool walk_add_caller(char rest[FILE_PATH_MAX])
{
    char pid[16];
    const size_t length = strlen(rest);
    const size_t before = format_text(pid, sizeof(pid), length != 0 ? "%d/" : "%d", _getpid());

    if (before + length >= FILE_PATH_MAX)
        return false;
    memmove(rest + before, rest, length + 1);
    memcpy(rest, pid, before);
    return true;
}

/* Where to go on after a step; MSG_NULL: nowhere. owned: it is given back afterwards. */
static mach_port_name_t go_on(struct walk *walk, bool *owned)
{
    mach_port_name_t next = place_root();

    *owned = walk->outcome != FILE_OUTCOME_FROM_ROOT;
    if (*owned)
        next = walk->elsewhere;
    else if (walk->elsewhere != MSG_NULL && walk->elsewhere != MSG_DEAD)
        stub_release_right(walk->elsewhere, MSG_MOVE_SEND);
    walk->path = walk->rest;
    return next == MSG_DEAD ? MSG_NULL : next;
}

int walk_path(int directory, const char *path, walk_step_t *step, struct walk *walk)
{
    mach_port_name_t at = walk_base(directory, path);
    bool owned = false;

    walk->path = path;
    walk->id = again_id();
    if (at == MSG_NULL)
        return -1;
    for (int steps = 0; steps < WALK_STEPS_MAX; steps++) {
        bool next_owned;

        walk->elsewhere = MSG_NULL;
        const kern_return_t kr = step(walk, at);

        if (owned)
            stub_release_right(at, MSG_MOVE_SEND);
        if (kr != KERN_SUCCESS)
            return posix_fails(kr);
        if (walk->outcome == FILE_OUTCOME_DONE || walk->outcome == FILE_OUTCOME_OPENING)
            return 0;
        if (walk->outcome > FILE_OUTCOME_CALLER)
            return posix_error(EIO);
        if (walk->outcome == FILE_OUTCOME_CALLER && !walk_add_caller(walk->rest)) {
            stub_release_right(walk->elsewhere, MSG_MOVE_SEND);
            return posix_error(ENAMETOOLONG);
        }
        at = go_on(walk, &next_owned);
        owned = next_owned;
        if (at == MSG_NULL)
            return posix_error(EIO);
    }
    if (owned)
        stub_release_right(at, MSG_MOVE_SEND);
    return posix_error(ELOOP);
}

static kern_return_t open_step(struct walk *walk, mach_port_name_t at)
{
    return AGAIN(file_open(at, walk->path, walk->flags, walk->mode, walk->id, &walk->outcome,
                           &walk->elsewhere, walk->rest));
}

/* A fifo that nobody has opened at its other end yet. */
static mach_port_name_t wait_for_other_end(mach_port_name_t end)
{
    const int error = wait_for_events(end, FILE_OPENED);

    if (error == 0)
        return end;
    stub_release_right(end, MSG_MOVE_SEND);
    errno = error;
    return MSG_NULL;
}

mach_port_name_t walk_open(int directory, const char *path, uint32_t flags, uint32_t mode)
{
    struct walk walk;

    walk.flags = flags;
    walk.mode = mode;
    if (walk_path(directory, path, open_step, &walk) != 0)
        return MSG_NULL;
    if (walk.elsewhere == MSG_NULL || walk.elsewhere == MSG_DEAD) {
        errno = EIO;
        return MSG_NULL;
    }
    if (walk.outcome == FILE_OUTCOME_OPENING && (flags & FILE_NONBLOCK) == 0)
        return wait_for_other_end(walk.elsewhere);
    return walk.elsewhere;
}

static kern_return_t look_step(struct walk *walk, mach_port_name_t at)
{
    return AGAIN(file_look(at, walk->path, walk->nofollow, &walk->outcome, &walk->elsewhere,
                           &walk->attributes, walk->rest));
}

int walk_look(int directory, const char *path, bool nofollow, struct file_attributes *attributes)
{
    struct walk walk;

    walk.nofollow = nofollow;
    if (walk_path(directory, path, look_step, &walk) != 0)
        return -1;
    *attributes = walk.attributes;
    return 0;
}
