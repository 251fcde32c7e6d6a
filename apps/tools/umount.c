/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * umount: the opposite of mount. What the mounter has mounted it unmounts, with all on the medium; from others a path is uncovered.
 */
#include "mounts.h"
#include <libsys/stub.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/mounts.h>

static const struct tool tool = {
    .name = "umount",
    .usage = "PATH...",
    .options = "",
    .help = "Take away what is mounted on the paths. Files of it that are open: nothing is done.\n",
};

struct sought {
    const char *path;
    bool found;
};

static void compare(void *context, const struct mounts_row *row)
{
    struct sought *sought = context;

    if (row->state != MOUNTS_STATE_AWAY &&
        strncmp((const char *)row->path, sought->path, sizeof row->path) == 0)
        sought->found = true;
}

static bool is_mounters(const char *path)
{
    struct sought sought = {.path = path};

    mounts_each(&tool, compare, &sought);
    return sought.found;
}

static bool uncover(const char *path)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];
    const kern_return_t kr =
        file_unmount(tool_service(&tool, "files.mount"), path, &outcome, &elsewhere, rest);

    if (kr == KERN_SUCCESS && elsewhere != MSG_NULL)
        stub_release_right(elsewhere, MSG_MOVE_SEND);
    return mounts_is_done(&tool, path, kr, outcome);
}

static bool take_away(const char *path)
{
    if (!is_mounters(path))
        return uncover(path);
    return mounts_is_done(&tool, path, mounts_unmount(tool_service(&tool, "mounts"), path),
                          FILE_OUTCOME_DONE);
}

int main(int argc, char **argv)
{
    bool failed = false;

    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (optind == argc)
        tool_misuse(&tool);
    for (int i = optind; i < argc; i++)
        failed |= !take_away(argv[i]);
    return tool_end(&tool, failed);
}
