/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount: what covers what in the tree of files. A file system of a card or disk is the mounter's to mount (docs/mounts.md); the root of a service is put on a path here.
 */
#include "mounts.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/mounts.h>

static const struct tool tool = {
    .name = "mount",
    .usage = "[-a] | [-r] [-p] [-t FORMAT] [DEVICE] PATH | -s SERVICE PATH",
    .options = "arpt:s:",
    .help =
        "Mount a device's file system (sd0p2, LABEL=TEXT, UUID=TEXT), or the one that /etc/fstab has for\n"
        "the path. Without words: what is mounted.\n"
        "  -a          all of /etc/fstab\n"
        "  -r          to be read only\n"
        "  -p          make the folder\n"
        "  -t FORMAT   ext4 or fat; as without: what it is found to be\n"
        "  -s SERVICE  put the root of a file service on the path, which has to be there\n",
};

static struct {
    bool all;
    uint32_t flags;
    const char *format, *service;
} wanted = {.format = ""};

/* ---- the list ---- */

/* Those of the mounter, to be left out of the others. */
static struct {
    char path[16][128];
    unsigned count;
} told;

static void show_row(void *context, const struct mounts_row *row)
{
    static const char *const states[] = {
        [MOUNTS_STATE_RESTARTING] = ", its server is being started again",
        [MOUNTS_STATE_LOST] = ", its server has been given up",
    };

    (void)context;
    if (row->state == MOUNTS_STATE_AWAY)
        return;
    if (told.count < sizeof told.path / sizeof told.path[0])
        memcpy(told.path[told.count++], row->path, sizeof told.path[0]);
    printf("%.64s on %.128s type %.8s (%s%s)\n", (const char *)row->device, (const char *)row->path,
           (const char *)row->format, row->flags & MOUNTS_READ_ONLY ? "ro" : "rw",
           row->state < sizeof states / sizeof states[0] && states[row->state] ? states[row->state]
                                                                               : "");
}

static void show_path(void *context, const char *path)
{
    (void)context;
    for (unsigned i = 0; i < told.count; i++)
        if (strcmp(told.path[i], path) == 0)
            return;
    puts(path);
}

static int list(void)
{
    mounts_each(&tool, show_row, NULL);
    mounts_each_path(&tool, show_path, NULL);
    return tool_end(&tool, false);
}

/* ---- mounting ---- */

static bool put_service(const char *path)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];
    const mach_port_name_t root = tool_service(&tool, wanted.service);
    const kern_return_t kr =
        file_mount(tool_service(&tool, "files.mount"), path, root, &outcome, &elsewhere, rest);

    return mounts_is_done(&tool, path, kr, outcome);
}

static bool mount(const char *device, const char *path)
{
    if (strlen(device) >= MOUNTS_DEVICE_MAX || strlen(path) >= MOUNTS_PATH_MAX ||
        strlen(wanted.format) >= MOUNTS_FORMAT_MAX)
        tool_misuse(&tool);
    return mounts_is_done(&tool, path,
                          mounts_mount(tool_service(&tool, "mounts"), device, path, wanted.format,
                                       wanted.flags),
                          FILE_OUTCOME_DONE);
}

static bool mount_all(void)
{
    const kern_return_t kr = mounts_mount_all(tool_service(&tool, "mounts"));

    if (kr != KERN_SUCCESS)
        tool_complain(&tool, "%s", mounts_error(kr));
    return kr == KERN_SUCCESS;
}

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        wanted.all |= option == 'a';
        wanted.flags |= option == 'r' ? MOUNTS_READ_ONLY : option == 'p' ? MOUNTS_MAKE : 0;
        if (option == 't')
            wanted.format = optarg;
        if (option == 's')
            wanted.service = optarg;
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    const int words = argc - optind;
    if (words == 0 && argc == 1)
        return list();
    if (wanted.all && words == 0)
        return tool_end(&tool, !mount_all());
    if (wanted.all || words == 0 || words > (wanted.service ? 1 : 2))
        tool_misuse(&tool);
    const char *path = argv[argc - 1];
    return tool_end(&tool, !(wanted.service ? put_service(path)
                                            : mount(words == 2 ? argv[optind] : "", path)));
}
