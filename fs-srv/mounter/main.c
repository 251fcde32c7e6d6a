/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `mounter`: the service `mounts` (interfaces/mounts.defs), and the table of what is mounted when the system begins (docs/mounts.md).
 *
 * It is ready when each line of the table is mounted, or cannot be, or waits for a device that nobody has found for two seconds, or may be missing.
 *
 * Arguments: service=NAME (mounts); root=DEVICE: what is on it is to be the root, and the table is read there (nothing: the root stays what it is); table=PATH (/etc/fstab); book=NAME: servers have the books NAME.0 to NAME.7 of the keeper's, one each.
 */
#include "mounter.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <stdarg.h>
#include <string.h>
#include <wharf/if/mounts.h>

#define PAUSE  (20 * DEVICE_MILLISECOND)
#define SOON   (100 * DEVICE_MILLISECOND)
#define SECOND DEVICE_SECOND

struct mounter mounter;

void mounter_log(const char *format, ...)
{
    char text[PRINT_MAX];
    va_list arguments;

    va_start(arguments, format);
    format_text_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    print("%s: %s\n", mounter.driver.name, text);
}

const char *mounter_error(kern_return_t error)
{
    switch (is_unix_error(error) ? unix_error_number(error) : EIO) {
    case ENODEV: return "there is no such device";
    case ENXIO: return "there is no medium in the device";
    case EINVAL: return "it is no such file system";
    case EBADMSG: return "the file system is damaged";
    case ENOTSUP: return "the file system has features that are not known here";
    case ENOSYS: return "the system has no server for this format";
    case EBUSY: return "it is in use";
    case EIO: return "it cannot be read or written";
    case EXDEV: return "the path is in another mounted file system";
    default: return strerror(unix_error_number(error));
    }
}

bool mounter_pause(uint64_t deadline)
{
    const uint64_t now = kernel_clock_now();

    if (now >= deadline)
        return false;
    (void)!kernel_sleep_until(now + PAUSE);
    return true;
}

/* ---- what is to be done later ---- */

static void plan(uint64_t pause)
{
    const uint64_t at = kernel_clock_now() + pause;

    if (mounter.driver.tick_at == 0 || mounter.driver.tick_at > at)
        mounter.driver.tick_at = at;
}

static void tick(struct driver *driver)
{
    (void)driver;
    if (mounts_look())
        plan(SOON);
    if (begin_look())
        plan(SECOND);
}

static void notified(struct driver *driver, uint32_t id, const struct server_message *message)
{
    (void)driver;
    if (id != MSG_ID_SEND_ONCE || !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD))
        return;
    mounts_notified(message->received.local);
    plan(0);
}

/* ---- the service ---- */

static kern_return_t serve_mount(struct server_message *message, const char *device,
                                 const char *path, const char *format, uint32_t flags)
{
    const struct table_line *line = table_find(&mounter.table, path);

    (void)message;
    if (device[0] != '\0')
        return mounts_add(device, path, format, flags & (MOUNTS_READ_ONLY | MOUNTS_MAKE));
    if (!line)
        return unix_error(ENOENT);
    return mounts_add(line->device, path, format[0] != '\0' ? format : line->format,
                      line->flags | (flags & (MOUNTS_READ_ONLY | MOUNTS_MAKE)));
}

static kern_return_t serve_unmount(struct server_message *message, const char *path)
{
    (void)message;
    return mounts_remove(path);
}

static struct mounts_row row_of_line(const struct table_line *line)
{
    struct mounts_row row = {.flags = line->flags, .state = MOUNTS_STATE_AWAY};

    strlcpy((char *)row.device, line->device, sizeof(row.device));
    strlcpy((char *)row.path, line->path, sizeof(row.path));
    strlcpy((char *)row.format, line->format, sizeof(row.format));
    return row;
}

/* Positions: rows, then lines. False: there is none. */
static bool row_at(uint32_t position, struct mounts_row *out)
{
    if (position < MOUNTS_MAX) {
        *out = mounter.kept->rows[position].row;
        return rows_is_used(&mounter.kept->rows[position]);
    }
    const struct table_line *line = &mounter.table.line[position - MOUNTS_MAX];
    *out = row_of_line(line);
    return !rows_find(line->path);
}

static kern_return_t serve_list(struct server_message *message, uint32_t position, uint32_t *next,
                                struct mounts_row *rows, uint32_t *rows_count)
{
    uint32_t n = 0;

    (void)message;
    for (; n < MOUNTS_ROWS_MAX && position < MOUNTS_MAX + mounter.table.count; position++)
        n += row_at(position, &rows[n]);
    *next = position;
    *rows_count = n;
    return KERN_SUCCESS;
}

static kern_return_t serve_sync_all(struct server_message *message)
{
    (void)message;
    return mounts_sync();
}

static kern_return_t serve_mount_all(struct server_message *message)
{
    (void)message;
    return begin_mount_all();
}

static const struct mounts_ops ops = {
    .mount = serve_mount,
    .unmount = serve_unmount,
    .list = serve_list,
    .sync_all = serve_sync_all,
    .mount_all = serve_mount_all,
};

/* ---- the program ---- */

static void find_services(void)
{
    struct driver *driver = &mounter.driver;
    const char *name = driver_argument(driver, "service");
    mach_port_name_t service;

    kern_return_t kr = driver_check_in_as(driver, name ? name : "mounts", &service);
    if (kr == KERN_SUCCESS)
        kr = driver_look_up(driver, "supervisor", &mounter.supervisor);
    if (kr == KERN_SUCCESS)
        kr = driver_look_up(driver, "files", &mounter.files);
    if (kr == KERN_SUCCESS)
        kr = driver_look_up(driver, "files.mount", &mounter.files_mount);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its services: error %d", (int)kr);
}

int main(int argc, char **argv)
{
    struct driver *driver = &mounter.driver;
    struct server_interface interface = mounts_interface(&ops, NULL);

    driver_begin(driver, argc, argv);
    const char *table = driver_argument(driver, "table");
    mounter.book = driver_argument(driver, "book");
    rows_begin();
    find_services();
    begin_kept();
    begin_root(driver_argument(driver, "root"));
    begin_read_table(table ? table : "/etc/fstab");
    begin_mounts();
    driver->tick = tick;
    driver->notification = notified;
    plan(0);
    driver_serve(driver, &interface, 1);
}
