/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in directories: made, given a second one, moved, taken away.
 */
#include "../newlib/calls.h"
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <fcntl.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>

enum { PERMISSIONS = 07777 };

/* ---- making ---- */

static kern_return_t make_step(struct walk *walk, mach_port_name_t at)
{
    return AGAIN(file_make(at, walk->path, walk->which, walk->mode, walk->content, walk->id,
                           &walk->outcome, &walk->elsewhere, walk->rest));
}

static int make_at(int directory, const char *path, uint32_t kind, mode_t mode, const char *content)
{
    struct walk walk;

    walk.which = kind;
    walk.mode = mode;
    walk.content = content;
    return walk_path(directory, path, make_step, &walk);
}

static mode_t masked(mode_t mode)
{
    return mode & PERMISSIONS & ~atomic_load(&place_umask);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    return make_at(directory, path, FILE_KIND_FOLDER, masked(mode), "");
}

int _mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

[[gnu::alias("_mkdir")]] int mkdir(const char *path, mode_t mode);

int mkfifoat(int directory, const char *path, mode_t mode)
{
    return make_at(directory, path, FILE_KIND_FIFO, masked(mode), "");
}

int mkfifo(const char *path, mode_t mode)
{
    return mkfifoat(AT_FDCWD, path, mode);
}

/* Devices are made by who serves them. */
int mknodat(int directory, const char *path, mode_t mode, dev_t device)
{
    (void)device;
    if (S_ISFIFO(mode))
        return mkfifoat(directory, path, mode);
    if (!S_ISREG(mode) && (mode & S_IFMT) != 0)
        return posix_error(S_ISCHR(mode) || S_ISBLK(mode) ? EPERM : EINVAL);
    const int file = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL, mode & PERMISSIONS);

    return file < 0 ? file : close(file);
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    return mknodat(AT_FDCWD, path, mode, device);
}

int symlinkat(const char *content, int directory, const char *path)
{
    if (content[0] == '\0')
        return posix_error(ENOENT);
    if (strnlen(content, FILE_PATH_MAX) == FILE_PATH_MAX)
        return posix_error(ENAMETOOLONG);
    return make_at(directory, path, FILE_KIND_LINK, 0777, content);
}

int symlink(const char *content, const char *path)
{
    return symlinkat(content, AT_FDCWD, path);
}

static kern_return_t read_link_step(struct walk *walk, mach_port_name_t at)
{
    const kern_return_t kr = AGAIN(
        file_read_link(at, walk->path, &walk->outcome, &walk->elsewhere, walk->link, walk->rest));

    if (kr != KERN_SUCCESS || walk->outcome != FILE_OUTCOME_CALLER || walk->rest[0] != '\0')
        return kr;
    walk->link[0] = '\0';
    (void)walk_add_caller(walk->link);
    if (walk->elsewhere != MSG_NULL && walk->elsewhere != MSG_DEAD)
        stub_release_right(walk->elsewhere, MSG_MOVE_SEND);
    walk->outcome = FILE_OUTCOME_DONE;
    return kr;
}

ssize_t readlinkat(int directory, const char *__restrict path, char *__restrict bytes, size_t size)
{
    struct walk walk;
    char content[FILE_PATH_MAX];

    walk.link = content;
    if (size == 0)
        return posix_error(EINVAL);
    if (walk_path(directory, path, read_link_step, &walk) != 0)
        return -1;
    const size_t length = strlen(content);

    if (size > length)
        size = length;
    memcpy(bytes, content, size);
    return (ssize_t)size;
}

ssize_t readlink(const char *__restrict path, char *__restrict bytes, size_t size)
{
    return readlinkat(AT_FDCWD, path, bytes, size);
}

/* ---- taking away ---- */

static kern_return_t remove_step(struct walk *walk, mach_port_name_t at)
{
    return AGAIN(file_remove(at, walk->path, walk->which != 0, walk->id, &walk->outcome,
                             &walk->elsewhere, walk->rest));
}

int unlinkat(int directory, const char *path, int flags)
{
    struct walk walk;

    if ((flags & ~AT_REMOVEDIR) != 0)
        return posix_error(EINVAL);
    walk.which = flags != 0;
    return walk_path(directory, path, remove_step, &walk);
}

int _unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- two paths ---- */

/*
 * The first path's walk ends at the folder of its name, the second's too: one call has both, each as far as it has got. When one of the two leaves its server (which_rest), its
 * directory and rest change, and the call is made again.
 */
struct side {
    mach_port_name_t at;
    bool owned;
    const char *path;
    char rest[FILE_PATH_MAX];
};

typedef kern_return_t pair_call_t(struct side sides[2], bool flag, int64_t id, uint32_t *outcome,
                                  mach_port_name_t *elsewhere, uint32_t *which, char *rest);

static kern_return_t rename_call(struct side sides[2], bool flag, int64_t id, uint32_t *outcome,
                                 mach_port_name_t *elsewhere, uint32_t *which, char *rest)
{
    return AGAIN(file_rename(sides[0].at, sides[0].path, sides[1].at, sides[1].path, flag, id,
                             outcome, elsewhere, which, rest));
}

static kern_return_t link_call(struct side sides[2], bool flag, int64_t id, uint32_t *outcome,
                               mach_port_name_t *elsewhere, uint32_t *which, char *rest)
{
    return AGAIN(file_link(sides[0].at, sides[0].path, sides[1].at, sides[1].path, flag, id,
                           outcome, elsewhere, which, rest));
}

static void leave(struct side *side)
{
    if (side->owned)
        stub_release_right(side->at, MSG_MOVE_SEND);
    side->owned = false;
}

/* One of the walks goes on. false: nowhere. */
static bool advance(struct side *side, uint32_t outcome, mach_port_name_t elsewhere,
                    const char *rest)
{
    leave(side);
    side->owned = outcome != FILE_OUTCOME_FROM_ROOT;
    side->at = side->owned ? elsewhere : place_root();
    strlcpy(side->rest, rest, sizeof(side->rest));
    side->path = side->rest;
    if (outcome == FILE_OUTCOME_CALLER && !walk_add_caller(side->rest))
        side->rest[0] = '\0'; /* it is too long: no name, and an error of the next call */
    if (!side->owned && elsewhere != MSG_NULL && elsewhere != MSG_DEAD)
        stub_release_right(elsewhere, MSG_MOVE_SEND);
    side->owned = side->owned && side->at != MSG_NULL && side->at != MSG_DEAD;
    return side->at != MSG_NULL && side->at != MSG_DEAD;
}

static int walk_both(struct side sides[2], pair_call_t *call, bool flag)
{
    char rest[FILE_PATH_MAX];
    const int64_t id = again_id();

    for (int steps = 0; steps < 2 * WALK_STEPS_MAX; steps++) {
        mach_port_name_t elsewhere = MSG_NULL;
        uint32_t outcome, which;
        const kern_return_t kr = call(sides, flag, id, &outcome, &elsewhere, &which, rest);

        if (kr != KERN_SUCCESS)
            return posix_errno(kr);
        if (outcome == FILE_OUTCOME_DONE)
            return 0;
        if (outcome > FILE_OUTCOME_CALLER || outcome == FILE_OUTCOME_OPENING)
            return EIO;
        if (!advance(&sides[which != 0], outcome, elsewhere, rest))
            return EIO;
    }
    return ELOOP;
}

/* Where it begins. */
static int begin_side(struct side *side, int directory, const char *path)
{
    side->at = walk_base(directory, path);
    side->path = path;
    side->owned = false;
    return side->at == MSG_NULL ? errno : 0;
}

/* At the folder that its name is in, wherever that is: "." may lead to another server, too, where the root of all is covered. */
static int go_to_folder(struct side *side, int directory, const char *path)
{
    char folder[FILE_PATH_MAX] = ".";
    const char *name = path + strlen(path);

    while (name > path && name[-1] == '/')
        name--;
    while (name > path && name[-1] != '/')
        name--;
    if (*name == '/' || *name == '\0') /* no name at all */
        return begin_side(side, directory, path);
    if (name > path) {
        memcpy(folder, path, (size_t)(name - path)); /* it was not too long for walk_base() */
        folder[name - path] = '\0';
    }
    side->at = walk_open(directory, folder, FILE_PATH | FILE_DIRECTORY, 0);
    side->path = name;
    side->owned = side->at != MSG_NULL;
    return side->at == MSG_NULL ? errno : 0;
}

typedef int begin_t(struct side *side, int directory, const char *path);

static int try_both(begin_t *begin, int from, const char *path, int to, const char *to_path,
                    pair_call_t *call, bool flag)
{
    struct side sides[2] = {{.owned = false}, {.owned = false}};
    int error = begin(&sides[0], from, path);

    if (error == 0)
        error = begin(&sides[1], to, to_path);
    if (error == 0)
        error = walk_both(sides, call, flag);
    leave(&sides[0]);
    leave(&sides[1]);
    return error;
}

/* The first path may have led to another server while the second is still where it began, though it leads there, too: then both go to their folders first. */
static int with_both(int from, const char *path, int to, const char *to_path, pair_call_t *call,
                     bool flag)
{
    int error = try_both(begin_side, from, path, to, to_path, call, flag);

    if (error == EXDEV)
        error = try_both(go_to_folder, from, path, to, to_path, call, flag);
    return error == 0 ? 0 : posix_error(error);
}

int renameat(int from, const char *old, int to, const char *new)
{
    return with_both(from, old, to, new, rename_call, true);
}

int _rename(const char *old, const char *new)
{
    return renameat(AT_FDCWD, old, AT_FDCWD, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    if ((flags & ~AT_SYMLINK_FOLLOW) != 0)
        return posix_error(EINVAL);
    return with_both(from, old, to, new, link_call, flags != 0);
}

int _link(const char *old, const char *new)
{
    return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}
