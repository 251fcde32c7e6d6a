/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of file.defs, at an open terminal and at the service, which is the node: there it can be opened and looked at (terminal.h).
 *
 * A terminal has no offset: the position that comes with read and write is the caller's process group (wharf/terminal.h).
 */
#include "terminal.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/terminal.h>
#include <wharf/unix_error.h>

enum {
    DEVICE = 0x7479, /* of all its nodes */
    RDEV = 5 << 8 | 1,
    MODE = 0620,
    SETTABLE = FILE_NONBLOCK | FILE_APPEND | FILE_SYNC,
    KEPT = FILE_READ | FILE_WRITE | SETTABLE,
};

/* ---- reading and writing ---- */

/* Whether the caller, who says of which group he is, may do it now. */
static kern_return_t check_group(int64_t position)
{
    if (terminal.foreground == 0)
        return KERN_SUCCESS;
    if (position < 0)
        return (kern_return_t)TERMINAL_WHO;
    return jobs_is_background((uint32_t)position) ? (kern_return_t)TERMINAL_BACKGROUND
                                                  : KERN_SUCCESS;
}

static kern_return_t read_some(struct server_message *message, int64_t position, uint32_t size,
                               void *data, uint32_t *data_size)
{
    struct open *open = open_of(message);

    if (!open || !(open->flags & FILE_READ))
        return unix_error(EBADF);
    const kern_return_t kr = check_group(position);
    if (kr != KERN_SUCCESS)
        return kr;
    const int n = line_read(&terminal.line, data, size, (open->flags & FILE_NONBLOCK) != 0,
                            kernel_clock_now());
    *data_size = n == LINE_AGAIN ? 0 : (uint32_t)n;
    terminal_pump();
    return n == LINE_AGAIN ? unix_error(EAGAIN) : KERN_SUCCESS;
}

static kern_return_t write_some(struct server_message *message, int64_t position, const void *data,
                                uint32_t data_size, uint32_t *written)
{
    struct open *open = open_of(message);

    if (!open || !(open->flags & FILE_WRITE))
        return unix_error(EBADF);
    kern_return_t kr = KERN_SUCCESS;
    if (terminal.line.settings.local & TERMINAL_TOSTOP && position != TERMINAL_ANY_GROUP)
        kr = check_group(position);
    if (kr != KERN_SUCCESS)
        return kr;
    const size_t n = line_write(&terminal.line, data, data_size, kernel_clock_now());
    *written = (uint32_t)n;
    terminal_pump();
    return n == 0 && data_size > 0 ? unix_error(EAGAIN) : KERN_SUCCESS;
}

static kern_return_t write_bulk(struct server_message *message, int64_t position, void *data,
                                uint32_t data_size, uint32_t *written)
{
    const kern_return_t kr = write_some(message, position, data, data_size, written);

    if (kr == KERN_SUCCESS)
        stub_release_memory(data, data_size);
    return kr;
}

static kern_return_t seek(struct server_message *message, int64_t offset, uint32_t whence,
                          int64_t id, int64_t *position)
{
    (void)message;
    (void)offset;
    (void)whence;
    (void)id;
    (void)position;
    return unix_error(ESPIPE);
}

static kern_return_t wait_for(struct server_message *message, uint32_t events, uint64_t token,
                              uint32_t *holding)
{
    struct open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    *holding = open_events(open) & events;
    if (*holding != 0)
        return KERN_SUCCESS;
    if (open->flags & FILE_NONBLOCK)
        return unix_error(EAGAIN);
    const kern_return_t kr = open_wait(open, message, events, token);
    terminal_pump();
    return kr;
}

static kern_return_t poll(struct server_message *message, uint32_t events, uint32_t *holding)
{
    const struct open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    *holding = open_events(open) & events;
    return KERN_SUCCESS;
}

static kern_return_t watch(struct server_message *message, uint32_t events, uint64_t token,
                           mach_port_name_t notify)
{
    struct open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    const kern_return_t kr = open_watch(open, events, token, notify);
    if (kr == KERN_SUCCESS)
        terminal_pump();
    return kr;
}

/* ---- what it is ---- */

static void describe(struct file_attributes *attributes)
{
    *attributes = (struct file_attributes){
        .kind = FILE_KIND_CHARACTER,
        .mode = MODE,
        .links = 1,
        .block_size = 1024,
        .device = DEVICE,
        .inode = 1,
        .rdev = RDEV,
    };
}

static kern_return_t get_attributes(struct server_message *message,
                                    struct file_attributes *attributes)
{
    (void)message;
    describe(attributes);
    return KERN_SUCCESS;
}

/* Mode and owners are taken and not kept: what one can do is what one has a port for. */
static kern_return_t set_attributes(struct server_message *message, uint32_t which,
                                    const struct file_attributes *attributes)
{
    (void)message;
    (void)attributes;
    return which & FILE_SET_SIZE ? unix_error(EINVAL) : KERN_SUCCESS;
}

static kern_return_t sync_nothing(struct server_message *message, bool data_only)
{
    (void)message;
    (void)data_only;
    return unix_error(EINVAL);
}

static kern_return_t get_flags(struct server_message *message, uint32_t *flags)
{
    const struct open *open = open_of(message);

    *flags = open ? open->flags : FILE_PATH;
    return KERN_SUCCESS;
}

static kern_return_t set_flags(struct server_message *message, uint32_t flags)
{
    struct open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    if (flags & ~(uint32_t)SETTABLE)
        return unix_error(EINVAL);
    open->flags = (open->flags & ~(uint32_t)SETTABLE) | flags;
    return KERN_SUCCESS;
}

static kern_return_t get_system(struct server_message *message, struct file_system *system)
{
    (void)message;
    *system = (struct file_system){.block_size = 4096,
                                   .name_max = FILE_NAME_MAX - 1,
                                   .device = DEVICE,
                                   .name = "terminal"};
    return KERN_SUCCESS;
}

/* ---- the node ---- */

/* There is nothing below it. */
static kern_return_t check_path(const char *path)
{
    while (*path == '/')
        path++;
    return *path == '\0' ? KERN_SUCCESS : unix_error(ENOTDIR);
}

/* from: what it is opened anew from; NULL: the node itself. Who has it for reading cannot write that way. */
static kern_return_t open_node(const struct open *from, uint32_t flags, mach_port_name_t *opened)
{
    static const uint32_t access = FILE_READ | FILE_WRITE;

    if (from && !(from->flags & FILE_PATH) && flags & access & ~from->flags)
        return unix_error(EACCES);
    if (flags & FILE_DIRECTORY)
        return unix_error(ENOTDIR);
    if (flags & FILE_EXECUTE)
        return unix_error(EACCES);
    return open_make(flags & FILE_PATH ? FILE_PATH : flags & KEPT, opened);
}

static kern_return_t open_path(struct server_message *message, const char *path, uint32_t flags,
                               uint32_t mode, int64_t id, uint32_t *outcome,
                               mach_port_name_t *opened, char *rest)
{
    const kern_return_t kr = check_path(path);

    (void)mode;
    (void)id;
    if (kr != KERN_SUCCESS)
        return kr;
    if ((flags & FILE_CREATE) && (flags & FILE_EXCLUSIVE))
        return unix_error(EEXIST);
    *outcome = FILE_OUTCOME_DONE;
    rest[0] = '\0';
    return open_node(open_of(message), flags, opened);
}

static kern_return_t reopen(struct server_message *message, uint32_t flags,
                            mach_port_name_t *opened)
{
    return open_node(open_of(message), flags, opened);
}

static kern_return_t look(struct server_message *message, const char *path, bool nofollow,
                          uint32_t *outcome, mach_port_name_t *elsewhere,
                          struct file_attributes *attributes, char *rest)
{
    (void)message;
    (void)nofollow;
    *outcome = FILE_OUTCOME_DONE;
    *elsewhere = MSG_NULL;
    rest[0] = '\0';
    describe(attributes);
    return check_path(path);
}

static kern_return_t change(struct server_message *message, const char *path, bool nofollow,
                            uint32_t which, const struct file_attributes *attributes,
                            uint32_t *outcome, mach_port_name_t *elsewhere, char *rest)
{
    const kern_return_t kr = check_path(path);

    (void)nofollow;
    *outcome = FILE_OUTCOME_DONE;
    *elsewhere = MSG_NULL;
    rest[0] = '\0';
    return kr == KERN_SUCCESS ? set_attributes(message, which, attributes) : kr;
}

/* Where it is mounted is nothing it has to know: no walk leads up from it. */
static kern_return_t mounted(struct server_message *message, mach_port_name_t above)
{
    (void)message;
    if (above != MSG_NULL)
        stub_release_right(above, MSG_MOVE_SEND);
    return KERN_SUCCESS;
}

static kern_return_t mounts(struct server_message *message, uint32_t position, uint32_t *next,
                            void *paths, uint32_t *paths_size)
{
    (void)message;
    (void)position;
    (void)paths;
    *next = 0;
    *paths_size = 0;
    return KERN_SUCCESS;
}

const struct file_ops terminal_file_ops = {
    .read = read_some,
    .write = write_some,
    .write_bulk = write_bulk,
    .seek = seek,
    .get_attributes = get_attributes,
    .set_attributes = set_attributes,
    .sync = sync_nothing,
    .get_flags = get_flags,
    .set_flags = set_flags,
    .wait = wait_for,
    .poll = poll,
    .watch = watch,
    .control = terminal_control,
    .reopen = reopen,
    .get_system = get_system,
    .open = open_path,
    .look = look,
    .change = change,
    .mounted = mounted,
    .mounts = mounts,
};
