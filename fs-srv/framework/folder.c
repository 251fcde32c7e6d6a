/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done at a path: open, make, remove, read_link; and the names of a folder.
 */
#include "lasting.h"
#include <string.h>
#include <wharf/file_entry.h>

/* ---- names ---- */

struct file_entries {
    char *to;
    uint32_t used;
    uint64_t next; /* as clients know it */
};

/* Positions; the server's own follow, from 0 on. */
#define DOT     UINT64_C(0)
#define DOT_DOT UINT64_C(1)
#define FIRST   UINT64_C(2)

bool file_entries_add(struct file_entries *entries, uint64_t inode, uint32_t kind, const char *name,
                      uint64_t next)
{
    const size_t name_size = strlen(name) + 1;
    const size_t size = (offsetof(struct file_entry, name) + name_size + 7) & ~(size_t)7;
    struct file_entry head = {.inode = inode,
                              .next = next + FIRST,
                              .size = (uint16_t)size,
                              .kind = (uint8_t)kind};

    if (entries->used + size > FILE_DATA_MAX || name_size > FILE_NAME_MAX)
        return false;
    char *to = entries->to + entries->used;
    memset(to + size - 8, 0, 8);
    memcpy(to, &head, offsetof(struct file_entry, name));
    memcpy(to + offsetof(struct file_entry, name), name, name_size);
    entries->used += (uint32_t)size;
    entries->next = next + FIRST;
    return true;
}

static uint64_t inode_of(struct file_node *node)
{
    struct file_attributes attributes;

    attributes_of(node, &attributes);
    return attributes.inode;
}

static uint64_t inode_above(struct file_node *folder)
{
    struct file_node *above = folder;

    if (folder->is_root || folder->ops->parent(folder, &above) != KERN_SUCCESS)
        return inode_of(folder);
    const uint64_t inode = inode_of(above);
    file_node_release(above);
    return inode;
}

kern_return_t serve_entries(struct server_message *message, uint64_t position, uint64_t *next,
                            void *names, uint32_t *size)
{
    struct file_open *open = open_of(message);
    struct file_entries entries = {.to = names, .next = position};

    if (!open || !(open->flags & FILE_READ))
        return unix_error(EBADF);
    if (open->node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    if (position > INT64_MAX)
        return unix_error(EINVAL);
    if (position == DOT)
        file_entries_add(&entries, inode_of(open->node), FILE_KIND_FOLDER, ".", DOT_DOT - FIRST);
    if (position <= DOT_DOT)
        file_entries_add(&entries, inode_above(open->node), FILE_KIND_FOLDER, "..", 0);
    open->node->ops->entries(open->node, position > FIRST ? position - FIRST : 0, &entries);
    *next = entries.next;
    *size = entries.used;
    return KERN_SUCCESS;
}

/* ---- open ---- */

static uint32_t access_of(uint32_t flags)
{
    return flags & (FILE_READ | FILE_WRITE | FILE_EXECUTE);
}

static kern_return_t check_flags(uint32_t flags)
{
    if (flags & ~FLAGS_ALL)
        return unix_error(EINVAL);
    if (flags & FILE_PATH ? access_of(flags) != 0 : access_of(flags) == 0)
        return unix_error(EINVAL);
    if (flags & FILE_TRUNCATE && !(flags & FILE_WRITE))
        return unix_error(EINVAL);
    if (flags & FILE_CREATE && flags & (FILE_DIRECTORY | FILE_PATH))
        return unix_error(EINVAL);
    return KERN_SUCCESS;
}

static kern_return_t check_kind(const struct file_node *node, uint32_t flags)
{
    if (flags & FILE_DIRECTORY && node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    if (flags & FILE_PATH)
        return KERN_SUCCESS;
    if (node->kind == FILE_KIND_LINK)
        return unix_error(ELOOP);
    if (node->kind == FILE_KIND_SOCKET)
        return unix_error(ENXIO);
    if (node->kind == FILE_KIND_FOLDER && flags & (FILE_WRITE | FILE_CREATE))
        return unix_error(EISDIR);
    if (flags & FILE_EXECUTE && node->kind != FILE_KIND_REGULAR)
        return unix_error(EACCES);
    return KERN_SUCCESS;
}

/* Of a node that is there. */
static kern_return_t open_node(struct file_server *server, struct file_node *node, uint32_t flags,
                               uint32_t *outcome, mach_port_name_t *right)
{
    struct file_open *open;
    kern_return_t kr = check_kind(node, flags);

    if (kr == KERN_SUCCESS && flags & FILE_TRUNCATE && node->kind == FILE_KIND_REGULAR)
        kr = node->ops->resize ? node->ops->resize(node, 0) : unix_error(EROFS);
    if (kr == KERN_SUCCESS)
        kr = open_make(server, node, flags, &open);
    if (kr != KERN_SUCCESS)
        return kr;
    const bool waits = node->kind == FILE_KIND_FIFO && node->ops->events && !(flags & FILE_PATH) &&
                       !(node->ops->events(open) & FILE_OPENED);
    *outcome = waits ? FILE_OUTCOME_OPENING : FILE_OUTCOME_DONE;
    return open_give(open, right);
}

static kern_return_t make_regular(struct walk *walk, const struct file_open *from, uint32_t mode,
                                  int64_t id)
{
    if (walk->slash)
        return unix_error(EISDIR);
    if (!walk->folder->ops->make)
        return unix_error(EROFS);
    lasting_will_change(from, id);
    return walk->folder->ops->make(walk->folder, walk->name, FILE_KIND_REGULAR, mode & 07777, "",
                                   &walk->node);
}

/* The walk has ended here. What comes through a port for mounting is one, too. */
static kern_return_t open_here(struct walk *walk, const struct file_open *from, uint32_t flags,
                               uint32_t mode, int64_t id, uint32_t *outcome,
                               mach_port_name_t *right)
{
    kern_return_t kr = KERN_SUCCESS;
    uint32_t all = flags | (from->flags & FLAG_MOUNTS);
    const bool again = flags & FILE_CREATE && lasting_has_changed(from, id); /* it made it */

    if (!walk->node && !(flags & FILE_CREATE))
        return unix_error(ENOENT);
    if (walk->node && flags & FILE_CREATE && flags & FILE_EXCLUSIVE && !again)
        return unix_error(EEXIST);
    /* The port's own node: no more than the port can do. */
    if (walk->node && walk->node == from->node && !walk->folder &&
        from->node->kind != FILE_KIND_FOLDER && !(from->flags & FILE_PATH) &&
        access_of(flags) & ~from->flags)
        return unix_error(EACCES);
    if (!walk->node || again)
        all &= ~(uint32_t)FILE_TRUNCATE;
    if (!walk->node)
        kr = make_regular(walk, from, mode, id);
    return kr == KERN_SUCCESS ? open_node(walk->server, walk->node, all, outcome, right) : kr;
}

kern_return_t serve_open(struct server_message *message, const char *path, uint32_t flags,
                         uint32_t mode, int64_t id, uint32_t *outcome, mach_port_name_t *opened,
                         char *rest)
{
    struct file_open *from = open_of(message);
    struct walk walk;

    if (!from)
        return unix_error(EBADF);
    kern_return_t kr = check_flags(flags);
    if (kr != KERN_SUCCESS)
        return kr;
    const bool new = flags &FILE_CREATE &&flags &FILE_EXCLUSIVE;
    const unsigned how = (flags & FILE_NOFOLLOW || new ? 0 : WALK_FOLLOW) | (new ? WALK_STOP : 0);
    kr = walk_begin(&walk, from, path, how);
    if (kr == KERN_SUCCESS && walk.outcome != FILE_OUTCOME_DONE)
        kr = walk_leave(&walk, outcome, opened, rest);
    else if (kr == KERN_SUCCESS)
        kr = open_here(&walk, from, flags, mode, id, outcome, opened);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        rest[0] = '\0';
    walk_end(&walk);
    return kr;
}

kern_return_t serve_reopen(struct server_message *message, uint32_t flags, mach_port_name_t *opened)
{
    struct file_open *from = open_of(message);
    uint32_t outcome;

    if (!from)
        return unix_error(EBADF);
    if (flags & (FILE_CREATE | FILE_EXCLUSIVE))
        return unix_error(EINVAL);
    const kern_return_t kr = check_flags(flags);
    if (kr != KERN_SUCCESS)
        return kr;
    if (from->node->kind != FILE_KIND_FOLDER && !(from->flags & FILE_PATH) &&
        access_of(flags) & ~from->flags)
        return unix_error(EACCES);
    return open_node(from->server, from->node, flags | (from->flags & FLAG_MOUNTS), &outcome,
                     opened);
}

/* ---- make, remove, read_link ---- */

kern_return_t names_done(uint32_t *outcome, mach_port_name_t *elsewhere, char *rest)
{
    *outcome = FILE_OUTCOME_DONE;
    *elsewhere = MSG_NULL;
    rest[0] = '\0';
    return KERN_SUCCESS;
}

static kern_return_t make_here(struct walk *walk, const struct file_open *from, uint32_t kind,
                               uint32_t mode, const char *content, int64_t id)
{
    struct file_node *made;

    if (walk->node)
        return unix_error(EEXIST);
    if (walk->slash && kind != FILE_KIND_FOLDER)
        return unix_error(ENOENT);
    if (!walk->folder->ops->make)
        return unix_error(EROFS);
    lasting_will_change(from, id);
    const kern_return_t kr =
        walk->folder->ops->make(walk->folder, walk->name, kind, mode & 07777, content, &made);
    if (kr == KERN_SUCCESS)
        file_node_release(made);
    return kr;
}

kern_return_t serve_make(struct server_message *message, const char *path, uint32_t kind,
                         uint32_t mode, const char *content, int64_t id, uint32_t *outcome,
                         mach_port_name_t *elsewhere, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    if (kind != FILE_KIND_REGULAR && kind != FILE_KIND_FOLDER && kind != FILE_KIND_LINK &&
        kind != FILE_KIND_FIFO)
        return unix_error(EINVAL);
    if (kind == FILE_KIND_LINK && content[0] == '\0')
        return unix_error(ENOENT);
    if (lasting_has_changed(open, id))
        return names_done(outcome, elsewhere, rest);
    kern_return_t kr = walk_begin(&walk, open, path, WALK_STOP);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        kr = make_here(&walk, open, kind, mode, content, id);
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}

kern_return_t serve_make_pipe(struct server_message *message, uint32_t flags,
                              mach_port_name_t *reader, mach_port_name_t *writer)
{
    const struct file_open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    if (open->node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    if (flags & ~(uint32_t)FILE_NONBLOCK)
        return unix_error(EINVAL);
    return open->node->ops->make_pipe
               ? open->node->ops->make_pipe(open->node, flags, reader, writer)
               : unix_error(ENOSYS);
}

static kern_return_t remove_here(struct walk *walk, const struct file_open *from, bool folder,
                                 int64_t id)
{
    struct file_node *node = walk->node;

    if (!node)
        return unix_error(ENOENT);
    if (!walk->folder) /* "", ".", "..": by which name? */
        return unix_error(folder ? (node->is_root ? EBUSY : EINVAL) : EISDIR);
    if (folder && node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    if (!folder && node->kind == FILE_KIND_FOLDER)
        return unix_error(EISDIR);
    if (node->cover)
        return unix_error(EBUSY);
    if (!walk->folder->ops->remove)
        return unix_error(EROFS);
    lasting_will_change(from, id);
    return walk->folder->ops->remove(walk->folder, walk->name, node);
}

kern_return_t serve_remove(struct server_message *message, const char *path, bool folder,
                           int64_t id, uint32_t *outcome, mach_port_name_t *elsewhere, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    if (lasting_has_changed(open, id))
        return names_done(outcome, elsewhere, rest);
    kern_return_t kr = walk_begin(&walk, open, path, WALK_STOP);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        kr = remove_here(&walk, open, folder, id);
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}

static kern_return_t read_link_here(struct walk *walk, char *content)
{
    if (!walk->node)
        return unix_error(ENOENT);
    if (walk->node->kind != FILE_KIND_LINK)
        return unix_error(EINVAL);
    if (walk->node->names_caller) {
        walk->outcome = FILE_OUTCOME_CALLER;
        walk->rest = "";
        return KERN_SUCCESS;
    }
    return walk->node->ops->read_link(walk->node, content);
}

kern_return_t serve_read_link(struct server_message *message, const char *path, uint32_t *outcome,
                              mach_port_name_t *elsewhere, char *content, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    kern_return_t kr = walk_begin(&walk, open, path, 0);
    content[0] = '\0';
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        kr = read_link_here(&walk, content);
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}
