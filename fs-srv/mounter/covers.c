/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths of the program `files`, and the roots that cover them.
 */
#include "mounter.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <sys/stat.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>

#define PATIENCE (10 * DEVICE_SECOND)

static uint64_t soon(void)
{
    return kernel_clock_now() + PATIENCE;
}

static kern_return_t of_call(kern_return_t kr)
{
    return kr == KERN_SUCCESS || is_unix_error(kr) ? kr
           : kr == MACH_RCV_TIMED_OUT              ? unix_error(ETIMEDOUT)
                                                   : unix_error(EIO);
}

static kern_return_t make_folders(const char *path)
{
    char part[TABLE_PATH_MAX];

    for (const char *end = path; *end != '\0';) {
        end += 1 + strcspn(end + 1, "/");
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return unix_error(errno);
    }
    return KERN_SUCCESS;
}

kern_return_t cover_prepare(const char *path, bool make)
{
    struct stat facts;

    if (make) {
        const kern_return_t kr = make_folders(path);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    if (stat(path, &facts) != 0)
        return unix_error(errno);
    return S_ISDIR(facts.st_mode) ? KERN_SUCCESS : unix_error(ENOTDIR);
}

/* A walk that leaves the program `files` ends in another server's tree, where nothing can be mounted. */
static kern_return_t stays(kern_return_t kr, uint32_t outcome, mach_port_name_t elsewhere)
{
    if (kr != KERN_SUCCESS)
        return of_call(kr);
    if (elsewhere != MSG_NULL)
        stub_release_right(elsewhere, MSG_MOVE_SEND);
    return outcome == FILE_OUTCOME_DONE ? KERN_SUCCESS : unix_error(EXDEV);
}

kern_return_t cover_put(const char *path, mach_port_name_t root)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];
    const kern_return_t kr =
        file_mount_until(mounter.files_mount, path, root, &outcome, &elsewhere, rest, soon());

    return stays(kr, outcome, elsewhere);
}

kern_return_t cover_take(const char *path)
{
    mach_port_name_t elsewhere = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char rest[FILE_PATH_MAX];
    const kern_return_t kr =
        file_unmount_until(mounter.files_mount, path, &outcome, &elsewhere, rest, soon());

    return stays(kr, outcome, elsewhere);
}

/* A right of ours more. */
static kern_return_t again(mach_port_name_t right)
{
    return of_call(port_mod_refs(program_start_info->task, right, PORT_RIGHT_SEND, 1));
}

/* file.mounted, without an answer: nobody waits for a server that is being started. */
static kern_return_t send_mounted(mach_port_name_t root, mach_port_name_t above)
{
    const struct msg_descriptor body[MSG_REGISTER_BYTES / MSG_DESCRIPTOR_SIZE] = {
        {.value = above, .kind = MSG_PORT, .disposition = MSG_MOVE_SEND}};
    const kern_return_t kr = stub_send(root, MSG_COPY_SEND, FILE_ID_MOUNTED, body,
                                       WIRE_SHAPE(MSG_DESCRIPTOR_SIZE, 1), 0);

    if (kr != KERN_SUCCESS)
        stub_release_right(above, MSG_MOVE_SEND);
    return of_call(kr);
}

kern_return_t cover_tell(const char *path, mach_port_name_t root)
{
    mach_port_name_t above = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;
    char folder[TABLE_PATH_MAX], rest[FILE_PATH_MAX];
    kern_return_t kr;

    if (strcmp(path, "/") == 0) { /* above it is what it covers, where no path leads */
        kr = again(mounter.files);
        return kr == KERN_SUCCESS ? send_mounted(root, mounter.files) : kr;
    }
    strlcpy(folder, path, sizeof(folder));
    *strrchr(folder, '/') = '\0';
    kr = file_open_until(mounter.files, folder, FILE_READ | FILE_DIRECTORY, 0, 0, &outcome, &above,
                         rest, soon());
    if (kr != KERN_SUCCESS || outcome != FILE_OUTCOME_DONE)
        return stays(kr, outcome, above);
    return send_mounted(root, above);
}
