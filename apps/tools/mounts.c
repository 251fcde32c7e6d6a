/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See mounts.h.
 */
#include "mounts.h"
#include <errno.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/if/mounts.h>
#include <wharf/if/service.h>
#include <wharf/unix_error.h>

mach_port_name_t mounts_service(void)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    mach_port_name_t port;

    return bootstrap != MSG_NULL && service_look_up(bootstrap, "mounts", &port) == KERN_SUCCESS
               ? port
               : MSG_NULL;
}

const char *mounts_error(kern_return_t error)
{
    if (!is_unix_error(error))
        return tool_error(error);
    switch (unix_error_number(error)) {
    case EBADMSG: return "the file system is damaged";
    case ENOTSUP: return "the file system has features that are not known here";
    default: return strerror(unix_error_number(error));
    }
}

void mounts_each(const struct tool *tool, mounts_visitor_t *visit, void *context)
{
    const mach_port_name_t service = mounts_service();
    struct mounts_row rows[MOUNTS_ROWS_MAX];
    uint32_t position = 0, count = 0;

    if (service == MSG_NULL)
        return;
    do {
        const kern_return_t kr = mounts_list(service, position, &position, rows, &count);
        if (kr != KERN_SUCCESS)
            tool_fail(tool, "mounts: %s", mounts_error(kr));
        for (uint32_t i = 0; i < count; i++)
            visit(context, &rows[i]);
    } while (count == MOUNTS_ROWS_MAX);
}

void mounts_each_path(const struct tool *tool, mounts_path_t *visit, void *context)
{
    static char paths[FILE_DATA_MAX + 1];
    const mach_port_name_t files = tool_service(tool, "files");
    uint32_t position, next = 0, size;

    do {
        position = next;
        const kern_return_t kr = file_mounts(files, position, &next, paths, &size);
        if (kr != KERN_SUCCESS)
            tool_fail(tool, "files: %s", mounts_error(kr));
        paths[size] = '\0';
        for (uint32_t at = 0; at < size; at += (uint32_t)strlen(paths + at) + 1)
            if (paths[at] != '\0') /* else it is one that has no path any more */
                visit(context, paths + at);
    } while (size > 0 && next > position);
}

bool mounts_is_done(const struct tool *tool, const char *path, kern_return_t error,
                    uint32_t outcome)
{
    if (error != KERN_SUCCESS)
        tool_complain(tool, "%s: %s", path, mounts_error(error));
    else if (outcome != FILE_OUTCOME_DONE)
        tool_complain(tool, "%s: it is another file system's", path);
    return error == KERN_SUCCESS && outcome == FILE_OUTCOME_DONE;
}
