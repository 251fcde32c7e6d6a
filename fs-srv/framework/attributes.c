/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes, flags, and what is asked of a node as a whole.
 */
#include "lasting.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/clock.h>

#define SET_TIMES \
    (FILE_SET_ACCESSED | FILE_SET_MODIFIED | FILE_SET_ACCESSED_NOW | FILE_SET_MODIFIED_NOW)
#define SET_ALL (FILE_SET_MODE | FILE_SET_UID | FILE_SET_GID | FILE_SET_SIZE | SET_TIMES)

/* The time of day is an offset to the clock, which is asked for once a second: who sets it is noticed. */
int64_t file_server_time(void)
{
    static const uint64_t second = 1000000000;
    static uint64_t offset, asked_at;
    static bool asked;
    const uint64_t now = kernel_clock_now();
    uint64_t wall;

    if (!asked || now - asked_at > second) {
        asked = true;
        asked_at = now;
        offset = clock_wall(program_start_info->clock, &wall) == KERN_SUCCESS ? wall - now : 0;
    }
    return (int64_t)(now + offset);
}

void attributes_of(struct file_node *node, struct file_attributes *out)
{
    *out = (struct file_attributes){.links = 1, .block_size = 4096};
    node->ops->attributes(node, out);
    out->kind = node->kind;
}

kern_return_t attributes_change(struct file_node *node, uint32_t which,
                                const struct file_attributes *attributes)
{
    struct file_attributes wanted = *attributes;
    kern_return_t kr = KERN_SUCCESS;

    if (which & ~SET_ALL)
        return unix_error(EINVAL);
    if (which & FILE_SET_SIZE) {
        if (attributes->size > INT64_MAX)
            return unix_error(EINVAL);
        if (node->kind == FILE_KIND_FOLDER)
            return unix_error(EISDIR);
        if (!node->ops->resize)
            return unix_error(EINVAL);
        kr = node->ops->resize(node, attributes->size);
    }
    const int64_t now =
        which & (FILE_SET_ACCESSED_NOW | FILE_SET_MODIFIED_NOW) ? file_server_time() : 0;
    if (which & FILE_SET_ACCESSED_NOW) {
        wanted.accessed = now;
        which |= FILE_SET_ACCESSED;
    }
    if (which & FILE_SET_MODIFIED_NOW) {
        wanted.modified = now;
        which |= FILE_SET_MODIFIED;
    }
    which &= ~(uint32_t)(FILE_SET_SIZE | FILE_SET_ACCESSED_NOW | FILE_SET_MODIFIED_NOW);
    wanted.mode &= 07777;
    if (kr != KERN_SUCCESS || which == 0)
        return kr;
    return node->ops->set_attributes ? node->ops->set_attributes(node, which, &wanted)
                                     : unix_error(EPERM);
}

kern_return_t serve_get_attributes(struct server_message *message, struct file_attributes *out)
{
    struct file_open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    attributes_of(open->node, out);
    return KERN_SUCCESS;
}

kern_return_t serve_set_attributes(struct server_message *message, uint32_t which,
                                   const struct file_attributes *attributes)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (which & FILE_SET_SIZE && !(open->flags & FILE_WRITE))
        return unix_error(EINVAL);
    return attributes_change(open->node, which, attributes);
}

kern_return_t serve_sync(struct server_message *message, bool data_only)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (open->node->kind == FILE_KIND_FIFO || open->node->kind == FILE_KIND_CHARACTER)
        return unix_error(EINVAL); /* there is no medium */
    return open->node->ops->sync ? open->node->ops->sync(open->node, data_only) : KERN_SUCCESS;
}

kern_return_t serve_get_flags(struct server_message *message, uint32_t *flags)
{
    const struct file_open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    *flags = open->flags & FLAGS_ALL;
    return KERN_SUCCESS;
}

/* A root's port is everybody's. */
kern_return_t serve_set_flags(struct server_message *message, uint32_t flags)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (open->held)
        return unix_error(EPERM);
    if (flags & ~FLAGS_CHANGE)
        return unix_error(EINVAL);
    open->flags = (open->flags & ~FLAGS_CHANGE) | flags;
    if (open->lasting)
        open->lasting->flags = open->flags;
    return KERN_SUCCESS;
}

kern_return_t serve_control(struct server_message *message, uint32_t request, const void *input,
                            uint32_t input_size, void *output, uint32_t *output_size)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (!open->node->ops->control)
        return unix_error(ENOTTY);
    return open->node->ops->control(open, request, input, input_size, output, output_size);
}

kern_return_t serve_get_system(struct server_message *message, struct file_system *system)
{
    struct file_open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    if (!open->node->ops->get_system)
        return unix_error(ENOSYS);
    *system = (struct file_system){.block_size = 4096, .name_max = FILE_NAME_MAX - 1};
    return open->node->ops->get_system(open->node, system);
}

/* ---- by path ---- */

kern_return_t serve_look(struct server_message *message, const char *path, bool nofollow,
                         uint32_t *outcome, mach_port_name_t *elsewhere,
                         struct file_attributes *attributes, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    kern_return_t kr = walk_begin(&walk, open, path, nofollow ? 0 : WALK_FOLLOW);
    const bool here = kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE;
    if (here && !walk.node)
        kr = unix_error(ENOENT);
    if (here && walk.node)
        attributes_of(walk.node, attributes);
    else
        *attributes = (struct file_attributes){.kind = FILE_KIND_REGULAR};
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}

kern_return_t serve_change(struct server_message *message, const char *path, bool nofollow,
                           uint32_t which, const struct file_attributes *attributes,
                           uint32_t *outcome, mach_port_name_t *elsewhere, char *rest)
{
    struct file_open *open = open_of(message);
    struct walk walk;

    if (!open)
        return unix_error(EBADF);
    kern_return_t kr = walk_begin(&walk, open, path, nofollow ? 0 : WALK_FOLLOW);
    if (kr == KERN_SUCCESS && walk.outcome == FILE_OUTCOME_DONE)
        kr = walk.node ? attributes_change(walk.node, which, attributes) : unix_error(ENOENT);
    if (kr == KERN_SUCCESS)
        kr = walk_leave(&walk, outcome, elsewhere, rest);
    walk_end(&walk);
    return kr;
}
