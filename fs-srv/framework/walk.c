/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks along a path. One walk takes at most FILE_PATH_MAX steps and LINKS_MAX times more by symbolic links: it ends.
 *
 * K1 walk->path holds what is still to be walked, and `rest` points into it. A symbolic link puts its content before that, or
 *    the path is too long.
 */
#include "framework.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/port.h>

/* One step's parts of walk->path. */
struct step {
    const char *next; /* what follows it, without slashes */
    bool last;
    bool slash; /* at the end */
};

static const char *skip_slashes(const char *text)
{
    while (*text == '/')
        text++;
    return text;
}

static kern_return_t take_name(struct walk *walk, struct step *step)
{
    const char *at = walk->rest;
    const size_t size = strcspn(at, "/");

    if (size >= FILE_NAME_MAX)
        return unix_error(ENAMETOOLONG);
    memcpy(walk->name, at, size);
    walk->name[size] = '\0';
    step->next = skip_slashes(at + size);
    step->last = *step->next == '\0';
    step->slash = step->last && at[size] == '/';
    return KERN_SUCCESS;
}

static void leave(struct walk *walk, uint32_t outcome, mach_port_name_t port, const char *rest)
{
    walk->outcome = outcome;
    walk->port = port;
    walk->rest = rest;
}

mach_port_name_t walk_above(const struct file_server *server, const struct file_node *root)
{
    for (uint32_t i = 0; i < server->slots && !server->is_top; i++)
        if (server->opens[i]->node == root && server->opens[i]->above != MSG_NULL)
            return server->opens[i]->above;
    return MSG_NULL;
}

static kern_return_t go_up(struct walk *walk, const struct step *step)
{
    struct file_node *folder;

    if (walk->node->is_root) {
        const mach_port_name_t above =
            walk->server->is_over_top ? MSG_NULL : walk_above(walk->server, walk->node);
        if (above != MSG_NULL)
            leave(walk, FILE_OUTCOME_ELSEWHERE, above, step->next);
        walk->rest = step->next;
        return KERN_SUCCESS;
    }
    const kern_return_t kr = walk->node->ops->parent(walk->node, &folder);
    if (kr != KERN_SUCCESS)
        return kr;
    file_node_release(walk->node);
    walk->node = folder;
    walk->rest = step->next;
    return KERN_SUCCESS;
}

static const char *rest_of(const struct step *step)
{
    return step->last && step->slash ? "." : step->next;
}

/* The link's content, then what follows it. The walk goes on in the folder that holds the link. */
static kern_return_t follow(struct walk *walk, struct file_node *link, const struct step *step)
{
    if (++walk->links > LINKS_MAX)
        return unix_error(ELOOP);
    if (link->names_caller) {
        leave(walk, FILE_OUTCOME_CALLER, MSG_NULL, rest_of(step));
        return KERN_SUCCESS;
    }
    const kern_return_t kr = link->ops->read_link(link, walk->link);
    if (kr != KERN_SUCCESS)
        return kr;
    const size_t head = strlen(walk->link), tail = strlen(step->next);
    const bool slash = !step->last || step->slash;
    if (head == 0)
        return unix_error(ENOENT);
    if (head + slash + tail >= FILE_PATH_MAX)
        return unix_error(ENAMETOOLONG);
    memmove(walk->path + head + slash, step->next, tail + 1);
    memcpy(walk->path, walk->link, head);
    if (slash)
        walk->path[head] = '/';
    if (walk->path[0] == '/')
        leave(walk, FILE_OUTCOME_FROM_ROOT, MSG_NULL, walk->path);
    else
        walk->rest = walk->path;
    return KERN_SUCCESS;
}

/* One name that is neither "." nor "..". */
static kern_return_t go_down(struct walk *walk, const struct step *step, bool *end)
{
    struct file_node *found = NULL;
    kern_return_t kr = walk->node->ops->lookup(walk->node, walk->name, &found);

    if (kr == unix_error(ENOENT) && step->last)
        kr = KERN_SUCCESS; /* and found is NULL */
    if (kr != KERN_SUCCESS)
        return kr;
    if (found && found->cover && !(step->last && walk->flags & WALK_STOP)) {
        leave(walk, FILE_OUTCOME_ELSEWHERE, found->cover->root, rest_of(step));
        file_node_release(found);
        return KERN_SUCCESS;
    }
    if (found && found->kind == FILE_KIND_LINK &&
        (!step->last || step->slash || walk->flags & WALK_FOLLOW)) {
        kr = follow(walk, found, step);
        file_node_release(found);
        return kr;
    }
    if (step->last) {
        walk->folder = walk->node;
        walk->node = found;
        walk->slash = step->slash;
        *end = true;
        return found && step->slash && found->kind != FILE_KIND_FOLDER ? unix_error(ENOTDIR)
                                                                       : KERN_SUCCESS;
    }
    file_node_release(walk->node);
    walk->node = found;
    walk->rest = step->next;
    return KERN_SUCCESS;
}

static kern_return_t take_step(struct walk *walk, bool *end)
{
    struct step step;

    if (walk->node->kind != FILE_KIND_FOLDER)
        return unix_error(ENOTDIR);
    const kern_return_t kr = take_name(walk, &step);
    if (kr != KERN_SUCCESS)
        return kr;
    if (strcmp(walk->name, ".") == 0) {
        walk->rest = step.next;
        return KERN_SUCCESS;
    }
    return strcmp(walk->name, "..") == 0 ? go_up(walk, &step) : go_down(walk, &step, end);
}

kern_return_t walk_begin(struct walk *walk, struct file_open *open, const char *path,
                         unsigned flags)
{
    const size_t size = strlen(path) + 1;
    kern_return_t kr = KERN_SUCCESS;
    bool end = false;

    walk->server = open->server;
    walk->flags = flags;
    walk->outcome = FILE_OUTCOME_DONE;
    walk->port = MSG_NULL;
    walk->folder = NULL;
    walk->node = file_node_reference(open->node);
    walk->slash = false;
    walk->links = 0;
    if (size > FILE_PATH_MAX)
        return unix_error(ENAMETOOLONG);
    memcpy(walk->path, path, size);
    walk->rest = skip_slashes(walk->path);
    while (kr == KERN_SUCCESS && !end && walk->outcome == FILE_OUTCOME_DONE && !root_leave(walk) &&
           *walk->rest != '\0')
        kr = take_step(walk, &end);
    return kr;
}

void walk_end(struct walk *walk)
{
    if (walk->folder)
        file_node_release(walk->folder);
    if (walk->node)
        file_node_release(walk->node);
}

kern_return_t walk_leave(const struct walk *walk, uint32_t *outcome, mach_port_name_t *port,
                         char *rest)
{
    *outcome = walk->outcome;
    *port = MSG_NULL;
    rest[0] = '\0';
    if (walk->outcome == FILE_OUTCOME_DONE)
        return KERN_SUCCESS;
    if (walk->outcome == FILE_OUTCOME_CALLER) {
        const kern_return_t kr =
            file_server_open(walk->server, walk->folder ? walk->folder : walk->node, FILE_PATH,
                             port);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    if (walk->port != MSG_NULL) {
        const kern_return_t kr =
            port_mod_refs(program_start_info->task, walk->port, PORT_RIGHT_SEND, 1);
        if (kr != KERN_SUCCESS)
            return unix_error(EIO); /* the mounted server's port has just died */
        *port = walk->port;
    }
    memmove(rest, walk->rest, strlen(walk->rest) + 1);
    return KERN_SUCCESS;
}
