/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync: what was written is on the media.
 */
#include "mounts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/mounts.h>

static const struct tool tool = {
    .name = "sync",
    .usage = "[-d|-f] [FILE...]",
    .options = "df",
    .help =
        "Wait until what has been written is on the media: of all file systems, or of the files.\n"
        "  -d      of the files: what is in them, not their times\n"
        "  -f      the file systems that hold the files\n",
};

static int (*const ways[])(int) = {fsync, fdatasync, syncfs};
enum way { ALL_OF_FILE, DATA, FILE_SYSTEM };

static bool sync_file(const char *path, enum way way)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const bool done = file >= 0 && ways[way](file) == 0;

    if (!done)
        tool_complain(&tool, "%s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return done;
}

/* The mounter says what went wrong, where there is one. */
static bool sync_all(void)
{
    const mach_port_name_t mounts = mounts_service();

    sync();
    const kern_return_t kr = mounts == MSG_NULL ? KERN_SUCCESS : mounts_sync_all(mounts);
    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s", mounts_error(kr));
    return kr == KERN_SUCCESS;
}

int main(int argc, char **argv)
{
    enum way way = ALL_OF_FILE;
    bool failed = false;
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        if (way != ALL_OF_FILE)
            tool_misuse(&tool);
        way = option == 'd' ? DATA : FILE_SYSTEM;
    }
    if (optind == argc && way != ALL_OF_FILE)
        tool_misuse(&tool);
    if (optind == argc)
        failed = !sync_all();
    for (int i = optind; i < argc; i++)
        failed |= !sync_file(argv[i], way);
    return tool_end(&tool, failed);
}
