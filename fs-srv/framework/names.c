/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two paths at once: rename and link. Both lie in this server, or it is EXDEV; so the second folder is found by the port's name.
 */
#include "lasting.h"
#include <libsys/stub.h>
#include <string.h>

/* Both walks, and which of them left (0, 1). */
struct pair {
    struct file_open *open; /* that it was asked through */
    int64_t id;
    struct walk from, to;
    uint32_t left;
};

/* On success neither, or the first of them, has left the server. Ended by end_pair(). */
static kern_return_t begin_pair(struct pair *pair, struct file_open *open, const char *path,
                                unsigned flags, struct file_open *to, const char *to_path)
{
    pair->open = open;
    pair->left = 0;
    pair->to.folder = pair->to.node = NULL;
    kern_return_t kr = walk_begin(&pair->from, open, path, flags);
    if (kr != KERN_SUCCESS || pair->from.outcome != FILE_OUTCOME_DONE)
        return kr;
    pair->left = 1;
    return walk_begin(&pair->to, to, to_path, WALK_STOP);
}

static bool is_here(const struct pair *pair)
{
    return pair->left == 1 && pair->to.outcome == FILE_OUTCOME_DONE;
}

static kern_return_t leave_pair(const struct pair *pair, uint32_t *outcome, mach_port_name_t *port,
                                uint32_t *which_rest, char *rest)
{
    *which_rest = is_here(pair) ? 0 : pair->left;
    return walk_leave(pair->left == 0 ? &pair->from : &pair->to, outcome, port, rest);
}

static void end_pair(struct pair *pair)
{
    walk_end(&pair->from);
    walk_end(&pair->to);
}

/* Does `folder` lie in `node`, or is it that? */
static bool lies_in(struct file_node *folder, const struct file_node *node)
{
    struct file_node *at = file_node_reference(folder), *above;

    while (at != node && !at->is_root && at->ops->parent(at, &above) == KERN_SUCCESS) {
        file_node_release(at);
        at = above;
    }
    const bool found = at == node;
    file_node_release(at);
    return found;
}

static kern_return_t check_target(const struct file_node *node, const struct file_node *target,
                                  bool replace)
{
    if (!target)
        return KERN_SUCCESS;
    if (!replace)
        return unix_error(EEXIST);
    if (target->cover)
        return unix_error(EBUSY);
    if (node->kind == FILE_KIND_FOLDER && target->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    if (node->kind != FILE_KIND_FOLDER && target->kind == FILE_KIND_FOLDER)
        return unix_error(EISDIR);
    return KERN_SUCCESS;
}

/* A file that is found by another name than it has, and has one only: case does not count, and changes. */
static bool is_spelling(const struct walk *from, const struct walk *to)
{
    struct file_attributes attributes = {0};

    if (from->folder != to->folder || strcmp(from->name, to->name) == 0)
        return false;
    from->node->ops->attributes(from->node, &attributes);
    return attributes.links == 1;
}

static kern_return_t rename_here(struct pair *pair, bool replace)
{
    struct walk *from = &pair->from, *to = &pair->to;
    struct file_node *node = from->node;

    if (!node)
        return unix_error(ENOENT);
    if (!from->folder || !to->folder) /* ".", "..", a root */
        return unix_error(EBUSY);
    if (node->cover)
        return unix_error(EBUSY);
    if ((from->slash || to->slash) && node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    const kern_return_t kr = check_target(node, to->node, replace);
    if (kr != KERN_SUCCESS)
        return kr;
    const bool same = node == to->node;
    if (same && !is_spelling(from, to)) /* two names of one file: both stay */
        return KERN_SUCCESS;
    if (node->kind == FILE_KIND_FOLDER && lies_in(to->folder, node))
        return unix_error(EINVAL);
    if (!from->folder->ops->rename)
        return unix_error(EROFS);
    lasting_will_change(pair->open, pair->id);
    return from->folder->ops->rename(from->folder, from->name, node, to->folder, to->name,
                                     same ? NULL : to->node);
}

static kern_return_t link_here(struct pair *pair)
{
    struct walk *from = &pair->from, *to = &pair->to;

    if (!from->node)
        return unix_error(ENOENT);
    if (from->node->kind == FILE_KIND_FOLDER)
        return unix_error(EPERM);
    if (to->node || !to->folder)
        return unix_error(EEXIST);
    if (to->slash)
        return unix_error(ENOENT);
    if (!to->folder->ops->link)
        return unix_error(EROFS);
    lasting_will_change(pair->open, pair->id);
    return to->folder->ops->link(to->folder, to->name, from->node);
}

/* The second directory as one of ours: mostly it is the first one. */
static struct file_open *second(struct file_open *open, mach_port_name_t to)
{
    return open->port == to ? open : open_of_port(open->server, to);
}

static kern_return_t done_before(mach_port_name_t to, uint32_t *outcome,
                                 mach_port_name_t *elsewhere, uint32_t *which_rest, char *rest)
{
    *which_rest = 0;
    stub_release_right(to, MSG_MOVE_SEND);
    return names_done(outcome, elsewhere, rest);
}

kern_return_t serve_rename(struct server_message *message, const char *path, mach_port_name_t to,
                           const char *to_path, bool replace, int64_t id, uint32_t *outcome,
                           mach_port_name_t *elsewhere, uint32_t *which_rest, char *rest)
{
    struct file_open *open = open_of(message);
    struct file_open *other = open ? second(open, to) : NULL;
    struct pair pair;

    if (!open)
        return unix_error(EBADF);
    if (!other)
        return unix_error(EXDEV);
    if (lasting_has_changed(open, id))
        return done_before(to, outcome, elsewhere, which_rest, rest);
    pair.id = id;
    kern_return_t kr = begin_pair(&pair, open, path, WALK_STOP, other, to_path);
    if (kr == KERN_SUCCESS && is_here(&pair))
        kr = rename_here(&pair, replace);
    if (kr == KERN_SUCCESS)
        kr = leave_pair(&pair, outcome, elsewhere, which_rest, rest);
    end_pair(&pair);
    if (kr == KERN_SUCCESS)
        stub_release_right(to, MSG_MOVE_SEND);
    return kr;
}

kern_return_t serve_link(struct server_message *message, const char *path, mach_port_name_t to,
                         const char *to_path, bool follow, int64_t id, uint32_t *outcome,
                         mach_port_name_t *elsewhere, uint32_t *which_rest, char *rest)
{
    struct file_open *open = open_of(message);
    struct file_open *other = open ? second(open, to) : NULL;
    struct pair pair;

    if (!open)
        return unix_error(EBADF);
    if (!other)
        return unix_error(EXDEV);
    if (lasting_has_changed(open, id))
        return done_before(to, outcome, elsewhere, which_rest, rest);
    pair.id = id;
    kern_return_t kr = begin_pair(&pair, open, path, follow ? WALK_FOLLOW : 0, other, to_path);
    if (kr == KERN_SUCCESS && is_here(&pair))
        kr = link_here(&pair);
    if (kr == KERN_SUCCESS)
        kr = leave_pair(&pair, outcome, elsewhere, which_rest, rest);
    end_pair(&pair);
    if (kr == KERN_SUCCESS)
        stub_release_right(to, MSG_MOVE_SEND);
    return kr;
}
