/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * df: how full the file systems are that hold some paths.
 */
#include "mounts.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "df",
    .usage = "[-k|-m|-i] [PATH...]",
    .options = "kmi",
    .help =
        "Show size, use and free space of the file systems that hold the paths (as without: all of them).\n"
        "  -k -m   in KiB (as without), MiB\n"
        "  -i      files instead of space\n",
};

static unsigned shift = 10;
static bool files;

static bool show(const char *path)
{
    struct statvfs s;

    if (statvfs(path, &s) != 0) {
        tool_complain(&tool, "%s: %s", path, strerror(errno));
        return false;
    }
    const uint64_t unit = s.f_frsize ? s.f_frsize : s.f_bsize;
    const uint64_t all = files ? s.f_files : s.f_blocks * unit >> shift;
    const uint64_t free = files ? s.f_ffree : s.f_bfree * unit >> shift;
    const uint64_t used = all > free ? all - free : 0;
    printf("%12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %3" PRIu64 "%% %-6s %s\n", all, used, free,
           all ? (used * 100 + all - 1) / all : 0, s.f_fstypename, path);
    return true;
}

static void show_mount(void *failed, const struct mounts_row *row)
{
    char path[sizeof row->path + 1];

    if (row->state == MOUNTS_STATE_AWAY || row->state == MOUNTS_STATE_LOST)
        return;
    snprintf(path, sizeof path, "%.*s", (int)sizeof row->path, (const char *)row->path);
    if (strcmp(path, "/") == 0) /* it has been shown */
        return;
    *(bool *)failed |= !show(path);
}

int main(int argc, char **argv)
{
    bool failed = false;
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        files |= option == 'i';
        shift = option == 'm' ? 20 : shift;
    }
    printf("%12s %12s %12s %4s TYPE   PATH\n", files ? "FILES" : "SIZE", "USED", "FREE", "USE");
    if (optind == argc) {
        failed = !show("/");
        mounts_each(&tool, show_mount, &failed);
    }
    for (int i = optind; i < argc; i++)
        failed |= !show(argv[i]);
    return tool_end(&tool, failed);
}
