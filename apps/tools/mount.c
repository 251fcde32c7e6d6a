/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount, umount: what covers what in the tree of files. A file system is a service (svc list): its root is put on a path. One source; TOOL_UMOUNT says which.
 */
#include "tool.h"
#include <libsys/stub.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/unix_error.h>

#ifdef TOOL_UMOUNT
static const struct tool tool = {
    .name = "umount",
    .usage = "PATH...",
    .options = "",
    .help = "Take away what is mounted on the paths. Files of it that are open: nothing is done.\n",
};
#else
static const struct tool tool = {
    .name = "mount",
    .usage = "[SERVICE PATH]",
    .options = "",
    .help =
        "Put the root of a file service on a path, which has to be there. Without words: what is mounted.\n",
};
#endif

static const char *words_of(kern_return_t kr)
{
    return is_unix_error(kr) ? strerror(unix_error_number(kr)) : tool_error(kr);
}

/* A path whose walk leads into another server's files is that server's to cover: only what the program `files` has is covered here. */
static bool is_done(const char *path, kern_return_t kr, uint32_t outcome)
{
    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s: %s", path, words_of(kr));
    else if (outcome != FILE_OUTCOME_DONE)
        tool_complain(&tool, "%s: it is another file system's", path);
    return kr == KERN_SUCCESS && outcome == FILE_OUTCOME_DONE;
}

#ifdef TOOL_UMOUNT

static bool take_away(mach_port_name_t files, const char *path)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];
    const kern_return_t kr = file_unmount(files, path, &outcome, &elsewhere, rest);

    if (kr == KERN_SUCCESS && elsewhere != MSG_NULL)
        stub_release_right(elsewhere, MSG_MOVE_SEND);
    return is_done(path, kr, outcome);
}

int main(int argc, char **argv)
{
    bool failed = false;

    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (optind == argc)
        tool_misuse(&tool);
    const mach_port_name_t files = tool_service(&tool, "files.mount");
    for (int i = optind; i < argc; i++)
        failed |= !take_away(files, argv[i]);
    return tool_end(&tool, failed);
}

#else

static int list(void)
{
    static char paths[FILE_DATA_MAX];
    const mach_port_name_t files = tool_service(&tool, "files");
    uint32_t position, next = 0, size;

    do {
        position = next;
        const kern_return_t kr = file_mounts(files, position, &next, paths, &size);
        if (kr != KERN_SUCCESS)
            tool_fail(&tool, "%s", words_of(kr));
        for (uint32_t at = 0; at < size; at += (uint32_t)strnlen(paths + at, size - at) + 1)
            printf("%.*s\n", (int)(size - at), paths + at);
    } while (size > 0 && next > position);
    return tool_end(&tool, false);
}

int main(int argc, char **argv)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];

    while (tool_option(&tool, argc, argv) != -1)
        ;
    if (optind == argc)
        return list();
    if (argc - optind != 2)
        tool_misuse(&tool);
    const mach_port_name_t root = tool_service(&tool, argv[optind]);
    const kern_return_t kr = file_mount(tool_service(&tool, "files.mount"), argv[optind + 1], root,
                                        &outcome, &elsewhere, rest);
    return tool_end(&tool, !is_done(argv[optind + 1], kr, outcome));
}

#endif
