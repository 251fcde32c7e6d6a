/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files and file systems: on the medium, and how much room there is.
 */
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "path.h"
#include "place.h"
#include <fcntl.h>
#include <libsys/stub.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <wharf/if/file.h>

static int sync_file(int number, bool data_only)
{
    const mach_port_name_t port = descriptor_port(number, EINVAL);

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = AGAIN(file_sync(port, data_only));

    return kr == KERN_SUCCESS ? 0 : posix_fails(kr);
}

int fsync(int number)
{
    return sync_file(number, false);
}

int fdatasync(int number)
{
    return sync_file(number, true);
}

/* ---- all of a file system ---- */

/* At a directory it is all of its file system. Those that are meant: of this number, or any; the first error. */
struct meant {
    bool any;
    uint64_t device;
    bool found;
    kern_return_t error;
};

static void sync_root(struct meant *meant, mach_port_name_t root)
{
    struct file_system system;

    if (!meant->any) {
        if (AGAIN(file_get_system(root, &system)) != KERN_SUCCESS || system.device != meant->device)
            return;
        meant->found = true;
    }
    const kern_return_t kr = AGAIN(file_sync(root, false));

    meant->error = meant->error == KERN_SUCCESS ? kr : meant->error;
}

/* Paths, a NUL after each. */
static void sync_paths(struct meant *meant, char *paths, uint32_t size)
{
    paths[size] = '\0';
    for (uint32_t at = 0; at < size; at += (uint32_t)strlen(&paths[at]) + 1) {
        const int directory = open(&paths[at], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (directory >= 0) {
            sync_root(meant, descriptor_port(directory, EINVAL));
            close(directory);
        }
    }
}

static void sync_all(struct meant *meant)
{
    const mach_port_name_t root = place_root();
    uint32_t position, next = 0, size;
    char paths[FILE_DATA_MAX + 1];

    if (root == MSG_NULL)
        return;
    sync_root(meant, root);
    do {
        position = next;
        if (AGAIN(file_mounts(root, position, &next, (uint8_t *)paths, &size)) != KERN_SUCCESS)
            return;
        sync_paths(meant, paths, size);
    } while (size > 0 && next > position);
}

void sync(void)
{
    sync_all(&(struct meant){.any = true});
}

int syncfs(int number)
{
    const mach_port_name_t port = descriptor_port(number, EINVAL);
    struct file_system system;
    struct meant meant = {.any = false};

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = file_get_system(port, &system);

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    meant.device = system.device;
    sync_all(&meant);
    if (!meant.found) /* one that is mounted nowhere: the file is all that we have of it */
        return fsync(number);
    return meant.error == KERN_SUCCESS ? 0 : posix_fails(meant.error);
}

int fstatvfs(int number, struct statvfs *status)
{
    const mach_port_name_t port = descriptor_port(number, ENOSYS);
    struct file_system system;

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = AGAIN(file_get_system(port, &system));

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    *status = (struct statvfs){
        .f_bsize = system.block_size,
        .f_frsize = system.block_size,
        .f_blocks = system.blocks,
        .f_bfree = system.free,
        .f_bavail = system.free,
        .f_files = system.files,
        .f_ffree = system.files_free,
        .f_favail = system.files_free,
        .f_fsid = system.device,
        .f_flag = system.read_only != 0 ? ST_RDONLY : 0,
        .f_namemax = system.name_max,
    };
    memcpy(status->f_fstypename, system.name, sizeof(status->f_fstypename) - 1);
    return 0;
}

int statvfs(const char *__restrict path, struct statvfs *__restrict status)
{
    const mach_port_name_t port = walk_open(AT_FDCWD, path, FILE_PATH, 0);
    int number, result;

    if (port == MSG_NULL)
        return -1;
    number = descriptor_add((struct descriptor){port, DESCRIPTOR_CLOEXEC}, 0);
    if (number < 0) {
        stub_release_right(port, MSG_MOVE_SEND);
        return -1;
    }
    result = fstatvfs(number, status);
    const int error = errno;

    close(number);
    errno = error;
    return result;
}
