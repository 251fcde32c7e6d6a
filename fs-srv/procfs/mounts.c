/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/mounts, as programs written for Linux read it: a line for each mount, in the order in which they were made, with the device, the path, the type, the options, and two zeroes. In a path
 * blanks, tabs, newlines and backslashes are told by their octal numbers, as getmntent() reads them, and nothing else is.
 *
 * What is mounted the program `files` knows, of which device the mounter; what else is mounted somewhere only its server could tell, and none is asked (R4): but for what is known here.
 */
#include "procfs.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/if/mounts.h>
#include <wharf/if/port.h>

#define PATIENCE UINT64_C(1000000000) /* nanoseconds that the mounter has to answer */

/* Room for what the mounter has, and for the lines of its table that are not mounted. */
static struct mounts_row rows[8 * MOUNTS_ROWS_MAX];
static uint32_t row_count;

/* A mounter that does not answer has nothing to say. */
static void read_rows(void)
{
    const uint64_t until = kernel_clock_now() + PATIENCE;
    const uint32_t room = sizeof(rows) / sizeof(rows[0]);
    uint32_t position = 0, got = MOUNTS_ROWS_MAX;

    row_count = 0;
    while (procfs_mounts != MSG_NULL && got == MOUNTS_ROWS_MAX &&
           row_count + MOUNTS_ROWS_MAX <= room &&
           mounts_list_until(procfs_mounts, position, &position, rows + row_count, &got, until) ==
               KERN_SUCCESS)
        row_count += got;
}

static const struct mounts_row *row_of(const char *path)
{
    for (uint32_t i = 0; i < row_count; i++)
        if (rows[i].state != MOUNTS_STATE_AWAY &&
            strncmp((const char *)rows[i].path, path, sizeof(rows[i].path)) == 0)
            return &rows[i];
    return NULL;
}

/* Our own root has the name of our receive right. */
static bool is_right_of_ours(mach_port_name_t root)
{
    uint32_t rights;

    return port_type(program_start_info->task, root, &rights) == KERN_SUCCESS &&
           (rights & PORT_RIGHT_RECEIVE) != 0;
}

static bool is_ours(const char *path)
{
    static char rest[FILE_PATH_MAX];
    mach_port_name_t root = MSG_NULL;
    uint32_t outcome;

    if (file_open(procfs_files, path, FILE_PATH, 0, 0, &outcome, &root, rest) != KERN_SUCCESS)
        return false;
    const bool ours = outcome == FILE_OUTCOME_ELSEWHERE && is_right_of_ours(root);
    if (root != MSG_NULL && root != MSG_DEAD)
        stub_release_right(root, MSG_MOVE_SEND);
    return ours;
}

static void add_path(struct text *text, const char *path)
{
    for (; *path != '\0'; path++)
        if (strchr(" \t\n\\", *path))
            text_add(text, "\\%03o", (unsigned)(unsigned char)*path);
        else
            text_add_bytes(text, path, 1);
}

static void add_mount(struct text *text, const char *path)
{
    const struct mounts_row *row = row_of(path);

    if (row)
        text_add(text, "/dev/disk/%.64s ", (const char *)row->device);
    else
        text_add(text, "none ");
    add_path(text, path);
    if (row)
        text_add(text, " %.8s %s 0 0\n",
                 strcmp((const char *)row->format, "fat") == 0 ? "vfat" : (const char *)row->format,
                 row->flags & MOUNTS_READ_ONLY ? "ro" : "rw");
    else
        text_add(text, " %s 0 0\n", is_ours(path) ? "proc ro" : "none rw");
}

/* All of them, the newest first, a NUL after each. */
static kern_return_t read_paths(struct text *paths)
{
    static char some[FILE_DATA_MAX];
    uint32_t position = 0, size;

    while (procfs_files != MSG_NULL &&
           file_mounts(procfs_files, position, &position, some, &size) == KERN_SUCCESS &&
           size > 0 && !paths->failed) {
        if (some[size - 1] != '\0')
            return unix_error(EIO);
        text_add_bytes(paths, some, size);
    }
    return KERN_SUCCESS;
}

/* Then no path leads to the root of `files`, as to that of Linux's initrd when there is another root. */
static bool cover_root(const struct text *paths)
{
    for (size_t at = 0; at < paths->size; at += strlen(paths->at + at) + 1)
        if (strcmp(paths->at + at, "/") == 0)
            return true;
    return false;
}

kern_return_t fill_mounts(struct text *text, const struct subject *subject)
{
    struct text paths = {.at = NULL};
    const kern_return_t kr = read_paths(&paths);

    (void)subject;
    read_rows();
    if (kr == KERN_SUCCESS && !cover_root(&paths))
        text_add(text, "none / tmpfs rw 0 0\n");
    for (size_t at = paths.size; kr == KERN_SUCCESS && at > 0;) {
        for (at--; at > 0 && paths.at[at - 1] != '\0';)
            at--;
        if (paths.at[at] != '\0') /* else it is one that has no path any more */
            add_mount(text, paths.at + at);
    }
    text->failed |= paths.failed;
    text_end(&paths);
    return kr;
}
