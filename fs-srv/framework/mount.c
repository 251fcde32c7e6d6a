/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts: nodes that are covered by other servers' roots, and roots of ours that are told where they were mounted.
 *
 * M1 A mounted server is told by a message that nobody waits for: two servers can be mounted in each other.
 * M2 A root that has died uncovers what it covered; what is above a root of ours and has died is above it no more.
 */
#include "lasting.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>

kern_return_t server_watch_death(const struct file_server *server, mach_port_name_t name)
{
    mach_port_name_t previous = MSG_NULL;
    const kern_return_t kr =
        port_request_notification(program_start_info->task, name, MSG_ID_DEAD_NAME, 1,
                                  server->notify, &previous);

    if (kr == KERN_SUCCESS && previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    return kr;
}

/* ---- covers ---- */

static void uncover(struct file_server *server, struct file_cover *cover)
{
    struct file_cover **link = &server->covers;

    while (*link != cover)
        link = &(*link)->next;
    *link = cover->next;
    cover->node->cover = NULL;
    stub_release_right(cover->root, MSG_MOVE_SEND);
    file_node_release(cover->node);
    file_node_release(cover->above);
    free(cover);
}

/* file.mounted, without an answer. */
static kern_return_t tell(struct file_server *server, struct file_node *above,
                          mach_port_name_t root)
{
    mach_port_name_t right;
    kern_return_t kr = file_server_open(server, above, FILE_READ, &right);

    if (kr != KERN_SUCCESS)
        return kr;
    const struct msg_descriptor body[MSG_REGISTER_BYTES / MSG_DESCRIPTOR_SIZE] = {
        {.value = right, .kind = MSG_PORT, .disposition = MSG_MOVE_SEND}};
    kr = stub_send(root, MSG_COPY_SEND, FILE_ID_MOUNTED, body, WIRE_SHAPE(MSG_DESCRIPTOR_SIZE, 1),
                   0);
    if (kr != KERN_SUCCESS)
        stub_release_right(right, MSG_MOVE_SEND);
    return kr == KERN_SUCCESS ? kr : unix_error(EAGAIN);
}

kern_return_t file_server_mount(struct file_server *server, struct file_node *node,
                                struct file_node *above, const char *name, mach_port_name_t root)
{
    struct file_cover *cover;

    if (node->cover || (node->is_root && !server->is_top))
        return unix_error(EBUSY);
    cover = malloc(sizeof(*cover));
    if (!cover)
        return unix_error(ENOMEM);
    kern_return_t kr = server_watch_death(server, root);
    if (kr == KERN_SUCCESS)
        kr = tell(server, above, root);
    if (kr != KERN_SUCCESS) {
        free(cover);
        return is_unix_error(kr) ? kr : unix_error(EINVAL);
    }
    *cover = (struct file_cover){
        .next = server->covers,
        .node = file_node_reference(node),
        .above = file_node_reference(above),
        .root = root,
    };
    strncpy(cover->name, name, sizeof(cover->name) - 1);
    server->covers = node->cover = cover;
    return KERN_SUCCESS;
}

static kern_return_t mount_here(struct walk *walk, mach_port_name_t root)
{
    if (!walk->node)
        return unix_error(ENOENT);
    if (!walk->folder) /* the root, or what "." and ".." name */
        return walk->node->is_root
                   ? file_server_mount(walk->server, walk->node, walk->node, "", root)
                   : unix_error(EBUSY);
    if (walk->node->kind == FILE_KIND_LINK)
        return unix_error(ELOOP);
    return file_server_mount(walk->server, walk->node, walk->folder, walk->name, root);
}

/* The right is used up by success, whether the walk has left or not. */
kern_return_t serve_mount(struct server_message *message, const char *path, mach_port_name_t root,
                          uint32_t *outcome, mach_port_name_t *elsewhere, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    if (!(open->flags & FLAG_MOUNTS))
        return unix_error(EPERM);
    if (root == MSG_NULL || root == MSG_DEAD)
        return unix_error(EINVAL);
    kern_return_t kr = walk_begin(&walk, open, path, WALK_FOLLOW | WALK_STOP);
    const bool left = walk.outcome != FILE_OUTCOME_DONE;
    if (kr == KERN_SUCCESS && left)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    else if (kr == KERN_SUCCESS)
        kr = mount_here(&walk, root);
    if (kr == KERN_SUCCESS && left)
        stub_release_right(root, MSG_MOVE_SEND);
    else if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}

kern_return_t serve_unmount(struct server_message *message, const char *path, uint32_t *outcome,
                            mach_port_name_t *elsewhere, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    if (!(open->flags & FLAG_MOUNTS))
        return unix_error(EPERM);
    kern_return_t kr = walk_begin(&walk, open, path, WALK_FOLLOW | WALK_STOP);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE && !walk.node)
        kr = unix_error(ENOENT);
    else if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE && !walk.node->cover)
        kr = unix_error(EINVAL);
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        uncover(walk.server, walk.node->cover);
    walk_end(&walk);
    return kr;
}

/* ---- a root of ours ---- */

/* At the keeper. */
static uint64_t key_of(const struct file_open *root)
{
    return LASTING_KEY_ABOVE + root->number;
}

kern_return_t serve_mounted(struct server_message *message, mach_port_name_t above)
{
    struct file_open *open = open_of(message);

    if (!open || !open->held)
        return unix_error(EINVAL);
    if (open->above != MSG_NULL || open->server->is_top)
        return unix_error(EBUSY);
    if (above == MSG_NULL || above == MSG_DEAD || open_of_port(open->server, above)) /* in itself */
        return unix_error(EINVAL);
    if (server_watch_death(open->server, above) != KERN_SUCCESS)
        return unix_error(EINVAL);
    open->above = above;
    if (open->server
            ->lasting) /* if it cannot be kept, `..` is the root itself for the next instance */
        (void)!keep_right(file_server_keep(open->server), key_of(open), above);
    return KERN_SUCCESS;
}

void mount_restore_above(struct file_open *root, uint32_t n)
{
    struct file_server *server = root->server;

    root->number = n;
    if (!server->lasting ||
        keep_restored_right(file_server_keep(server), key_of(root), &root->above) != KERN_SUCCESS)
        return;
    if (server_watch_death(server, root->above) != KERN_SUCCESS) {
        stub_release_right(root->above, MSG_MOVE_SEND);
        root->above = MSG_NULL;
    }
}

bool mount_uses(const struct file_server *server, mach_port_name_t name)
{
    for (const struct file_cover *cover = server->covers; cover; cover = cover->next)
        if (cover->root == name)
            return true;
    for (uint32_t i = 0; i < server->slots; i++)
        if (server->opens[i]->held && server->opens[i]->above == name)
            return true;
    return false;
}

void mount_dead(struct file_server *server, mach_port_name_t name)
{
    struct file_cover *cover = server->covers, *next;

    for (; cover; cover = next) {
        next = cover->next;
        if (cover->root == name)
            uncover(server, cover);
    }
    for (uint32_t i = 0; i < server->slots; i++) {
        struct file_open *open = server->opens[i];
        if (open->held && open->above == name) {
            stub_release_right(name, MSG_MOVE_SEND);
            open->above = MSG_NULL;
            if (server->lasting)
                keep_forget_right(file_server_keep(server), key_of(open));
        }
    }
}

/* ---- the list ---- */

/* Put the name and a slash before what is at `*at`. */
static bool put_before(char *buffer, size_t *at, const char *name)
{
    size_t size = strlen(name);

    if (size + 1 > *at)
        return false;
    while (size > 0)
        buffer[--*at] = name[--size];
    buffer[--*at] = '/';
    return true;
}

/* The path of a mount point, at the end of buffer; NULL: it has none any more, or it is too long. */
static const char *path_of(const struct file_cover *cover, char buffer[FILE_PATH_MAX])
{
    char name[FILE_NAME_MAX];
    size_t at = FILE_PATH_MAX - 1;
    struct file_node *node = file_node_reference(cover->above), *above;

    buffer[at] = '\0';
    bool ok = put_before(buffer, &at, cover->name);
    while (ok && !node->is_root) {
        ok = node->ops->name && node->ops->name(node, name) == KERN_SUCCESS &&
             put_before(buffer, &at, name) && node->ops->parent(node, &above) == KERN_SUCCESS;
        if (ok) {
            file_node_release(node);
            node = above;
        }
    }
    file_node_release(node);
    return ok ? buffer + at : NULL;
}

kern_return_t serve_mounts(struct server_message *message, uint32_t position, uint32_t *next,
                           void *paths, uint32_t *size)
{
    const struct file_open *open = open_of(message);
    char buffer[FILE_PATH_MAX];
    uint32_t number = 0;

    if (!open)
        return unix_error(EBADF);
    *size = 0;
    *next = position;
    for (const struct file_cover *c = open->server->covers; c; c = c->next) {
        if (number++ < position)
            continue;
        const char *path = path_of(c, buffer);
        const size_t length = path ? strlen(path) + 1 : 0;
        if (*size + length > FILE_DATA_MAX)
            break;
        memcpy((char *)paths + *size, path ? path : "", length);
        *size += (uint32_t)length;
        *next = number;
    }
    return KERN_SUCCESS;
}
