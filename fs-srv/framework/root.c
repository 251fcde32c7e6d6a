/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root of all paths when another server's root covers it (docs/files.md, "Another root"): some names stay in the tree of the top, all others are in the tree that covers it.
 *
 * R1 Both servers go by the same names and by nothing else, so that a walk changes from one to the other once for each time that it comes to the root, in whichever order they
 *    begin and end.
 */
#include "framework.h"
#include <string.h>

/* What lives in memory, or stands for what the system has. */
static bool is_of_top(const char *path)
{
    static const char *const names[] = {"boot", "dev", "mnt", "proc", "tmp"};
    const size_t length = strcspn(path, "/");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == length && memcmp(names[i], path, length) == 0)
            return true;
    return false;
}

/* From the top's root. Who covers and uncovers it stays at it. */
static mach_port_name_t below(const struct walk *walk)
{
    const struct file_cover *cover = walk->node->cover;

    if (!cover || is_of_top(walk->rest) || (*walk->rest == '\0' && walk->flags & WALK_STOP))
        return MSG_NULL;
    return cover->root;
}

bool root_leave(struct walk *walk)
{
    const struct file_server *server = walk->server;
    mach_port_name_t to = MSG_NULL;

    if (!walk->node->is_root)
        return false;
    if (server->is_top)
        to = below(walk);
    else if (server->is_over_top && is_of_top(walk->rest))
        to = walk_above(server, walk->node);
    if (to == MSG_NULL)
        return false;
    walk->outcome = FILE_OUTCOME_ELSEWHERE;
    walk->port = to;
    if (*walk->rest == '\0')
        walk->rest = ".";
    return true;
}
