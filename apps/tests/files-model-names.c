/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on names: they come, go and change, and what is said of what has them.
 */
#include "files-model.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct found found_of(struct worker *w, bool follow, struct place *place)
{
    struct found found;

    choose_path(w, follow, place, &found);
    return found;
}

/* ---- they come ---- */

/* What making a thing at a place that is no link to be followed ends with. */
static int error_of_new(const struct found *found)
{
    return found->error != 0 ? found->error : found->node != NONE ? EEXIST : 0;
}

static void enter(struct worker *w, const struct found *found, enum kind kind, mode_t mode,
                  const char *target)
{
    const int node = node_make(w, kind);

    w->nodes[node].mode = mode;
    if (target)
        w->nodes[node].target = strdup(target);
    (void)name_add(w, found->folder, found->text, node);
}

void do_make_folder(struct worker *w)
{
    struct place place;
    const struct found found = found_of(w, false, &place);
    const int error = error_of_new(&found);
    const mode_t mode = 0700 | (mode_t)random_below(w, 0100);

    if (found.unclear || (error == 0 && !may_make(w, &found)))
        return;
    doing(w, "mkdir %s", place.path);
    if (call_is(w, mkdirat(place.at, place.path, mode), error, 0))
        enter(w, &found, FOLDER, mode, NULL);
}

void do_symbolic_link(struct worker *w)
{
    struct place place;
    const struct found found = found_of(w, false, &place);
    const int error = error_of_new(&found);
    char target[PATH_ROOM];

    choose_target(w, target);
    if (found.unclear || (error == 0 && !may_make(w, &found)))
        return;
    doing(w, "symlink %s at %s", target, place.path);
    if (call_is(w, symlinkat(target, place.at, place.path),
                error == 0 && !w->rules.links ? EPERM : error, 0))
        enter(w, &found, LINK, 0777, target);
}

void do_link(struct worker *w)
{
    struct place place, to;
    const struct found from = found_of(w, false, &place), found = found_of(w, false, &to);
    int error = from.error != 0 ? from.error : from.node == NONE ? ENOENT : 0;

    if (error == 0 && found.error == 0 && w->nodes[from.node].kind == FOLDER)
        error = EPERM;
    const int other = error_of_new(&found);

    if (error == 0)
        error = other;
    if (from.unclear || found.unclear || (error == 0 && !may_make(w, &found)))
        return;
    doing(w, "link %s to %s", place.path, to.path);
    if (call_is(w, linkat(place.at, place.path, to.at, to.path, 0),
                error == 0 && !w->rules.links ? EPERM : error, other))
        (void)name_add(w, found.folder, found.text, from.node);
}

/* ---- they go ---- */

void do_unlink(struct worker *w)
{
    struct place place;
    const struct found found = found_of(w, false, &place);
    int error = found.error != 0 ? found.error : found.node == NONE ? ENOENT : 0;

    if (error == 0 && w->nodes[found.node].kind == FOLDER)
        error = EISDIR;
    if (found.unclear || (error == 0 && !may_lose_name(w, found.node)))
        return;
    doing(w, "unlink %s", place.path);
    if (call_is(w, unlinkat(place.at, place.path, 0), error, 0))
        name_remove(w, found.name);
}

void do_remove_folder(struct worker *w)
{
    struct place place;
    struct found found;

    if (one_in(w, 3) || !choose_kind(w, FOLDER, &place, &found))
        found = found_of(w, false, &place);
    int error = found.error != 0 ? found.error : found.node == NONE ? ENOENT : 0;

    if (error == 0 && w->nodes[found.node].kind != FOLDER)
        error = ENOTDIR;
    else if (error == 0 && names_in(w, found.node) != 0)
        error = ENOTEMPTY;
    if (found.unclear)
        return;
    doing(w, "rmdir %s", place.path);
    if (call_is(w, unlinkat(place.at, place.path, AT_REMOVEDIR), error, 0))
        name_remove(w, found.name);
}

/* ---- they change ---- */

/* Several may hold at once: then each is right. */
static void errors_of_rename(const struct worker *w, const struct found *from,
                             const struct found *to, int *error, int *other)
{
    const struct node *node = from->node == NONE ? NULL : &w->nodes[from->node];
    const struct node *target = to->node == NONE ? NULL : &w->nodes[to->node];

    *error = from->error != 0 ? from->error : to->error;
    *other = from->error != 0 ? to->error : !node ? ENOENT : 0;
    if (*error == 0 && !node)
        *error = ENOENT;
    if (*error != 0 || from->node == to->node)
        return;
    if (node->kind == FOLDER && lies_in(w, to->folder, from->node))
        *other = EINVAL;
    if (target && node->kind == FOLDER && target->kind != FOLDER)
        *error = ENOTDIR;
    else if (target && node->kind != FOLDER && target->kind == FOLDER)
        *error = EISDIR;
    else if (target && target->kind == FOLDER && names_in(w, to->node) != 0)
        *error = ENOTEMPTY;
    else
        *error = *other;
    /* What holds the old name is not empty, whatever its kind is to be. */
    if (target && target->kind == FOLDER && lies_in(w, from->folder, to->node) && *other == 0)
        *other = ENOTEMPTY;
}

static bool fits(const struct worker *w, const struct found *from, const struct found *to)
{
    char path[PATH_ROOM];
    unsigned below = 0;
    size_t longest = 0, before = 0;

    if (!path_of(w, from->folder, from->text, path))
        return false;
    before = strlen(path);
    if (w->nodes[from->node].kind == FOLDER)
        longest = length_below(w, from->node, &below);
    if (!path_of(w, to->folder, to->text, path) || depth_of(w, to->folder) + below >= DEPTH_MAX - 1)
        return false;
    return longest == 0 || longest - before + strlen(path) < PATH_ROOM;
}

/* A name that is taken over stays as it is written, where that can be another way. */
static void move_name(struct worker *w, const struct found *from, const struct found *to)
{
    if (to->name != NONE) {
        const struct name over = w->names[to->name];
        name_remove(w, to->name);
        name_move(w, from->name, to->folder, over.text);
    } else {
        name_move(w, from->name, to->folder, to->text);
    }
}

void do_rename(struct worker *w)
{
    struct place place, new;
    const struct found from = found_of(w, false, &place), to = found_of(w, false, &new);
    int error, other;

    if (from.unclear || to.unclear)
        return;
    errors_of_rename(w, &from, &to, &error, &other);
    if (error == 0 && (!fits(w, &from, &to) ||
                       (to.node != NONE && from.node != to.node && !may_lose_name(w, to.node))))
        return;
    doing(w, "rename %s to %s", place.path, new.path);
    if (call_is(w, renameat(place.at, place.path, new.at, new.path), error, other) &&
        from.node != to.node)
        move_name(w, &from, &to);
}

/* ---- what is said of them ---- */

void do_read_link(struct worker *w)
{
    char text[PATH_ROOM];
    struct place place;
    struct found found;

    if (one_in(w, 4) || !choose_kind(w, LINK, &place, &found))
        found = found_of(w, false, &place);
    int error = found.error != 0 ? found.error : found.node == NONE ? ENOENT : 0;

    if (error == 0 && w->nodes[found.node].kind != LINK)
        error = EINVAL;
    if (found.unclear)
        return;
    doing(w, "readlink %s", place.path);
    const ssize_t got = readlinkat(place.at, place.path, text, sizeof(text));

    if (!call_is(w, got, error, 0))
        return;
    const char *target = w->nodes[found.node].target;

    if (returned(w, got, (int64_t)strlen(target)))
        (void)same_bytes(w, text, target, (size_t)got, 0);
}

void do_status(struct worker *w)
{
    const bool follow = one_in(w, 2);
    struct stat status;
    struct place place;
    const struct found found = found_of(w, follow, &place);

    if (found.unclear)
        return;
    doing(w, "%s %s", follow ? "stat" : "lstat", place.path);
    if (call_is(w, fstatat(place.at, place.path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW),
                found.error != 0     ? found.error
                : found.node == NONE ? ENOENT
                                     : 0,
                0))
        (void)same_status(w, found.node, &status);
}

/* Times that every format has. */
static void choose_times(struct worker *w, struct timespec times[2])
{
    enum { SPAN = 400000000 };

    for (int i = 0; i < 2; i++) {
        times[i].tv_sec = (FIRST_TIME + (time_t)random_below(w, SPAN)) & ~(time_t)1;
        times[i].tv_nsec = w->rules.fine_times ? (long)random_below(w, 1000000000) : 0;
    }
}

void do_set_times(struct worker *w)
{
    struct timespec times[2];
    struct place place;
    const struct found found = found_of(w, true, &place);

    choose_times(w, times);
    if (found.unclear)
        return;
    doing(w, "utimens %s", place.path);
    if (!call_is(w, utimensat(place.at, place.path, times, 0),
                 found.error != 0     ? found.error
                 : found.node == NONE ? ENOENT
                                      : 0,
                 0))
        return;
    struct node *node = &w->nodes[found.node];

    node->modified = times[1];
    if (node->written_mapped)
        node->modified = (struct timespec){0};
    node->exact = !node->written_mapped;
    node->later = false;
}

void do_set_mode(struct worker *w)
{
    struct place place;
    const struct found found = found_of(w, true, &place);
    const mode_t mode = 0600 | (mode_t)random_below(w, 0200);

    if (found.unclear || !w->rules.links)
        return;
    doing(w, "chmod %s to %o", place.path, (unsigned)mode);
    if (call_is(w, fchmodat(place.at, place.path, mode, 0),
                found.error != 0     ? found.error
                : found.node == NONE ? ENOENT
                                     : 0,
                0))
        w->nodes[found.node].mode = mode;
}

void do_list(struct worker *w)
{
    struct place place;
    struct found found;

    if (one_in(w, 4) || !choose_kind(w, FOLDER, &place, &found))
        compare_folder(w, ROOT);
    else
        compare_folder(w, found.node);
}
