/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The servers of mounts: copies of the programs `ext4` and `fat` that the supervisor makes for us (bootstrap/README.md), one for each mount.
 */
#include "mounter.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <serve.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/if/mounted_volume.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

#define START_TIME (120 * DEVICE_SECOND) /* a long journal on a slow card */
#define STOP_TIME  (90 * DEVICE_SECOND)  /* more than the description has as stop-time */
#define SYNC_TIME  (60 * DEVICE_SECOND)
#define FACTS_TIME (10 * DEVICE_SECOND)

static const char *name_of(const struct kept_row *kept)
{
    return (const char *)kept->row.server;
}

bool server_state(const struct kept_row *kept, uint32_t *state, uint32_t *last_status)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, got;

    do {
        if (supervisor_list(mounter.supervisor, position, &position, rows, &got) != KERN_SUCCESS)
            return false;
        for (uint32_t i = 0; i < got; i++)
            if (strncmp((const char *)rows[i].name, name_of(kept), sizeof(rows[i].name)) == 0) {
                *state = rows[i].state;
                *last_status = rows[i].last_status;
                return true;
            }
    } while (got == SUPERVISOR_ROWS_MAX);
    return false;
}

kern_return_t server_name(struct kept_row *kept)
{
    struct device_name place;

    if (!device_make(kept->disk, kept->partition, &place))
        return unix_error(ENODEV);
    format_text((char *)kept->row.server, sizeof(kept->row.server), "%s.%s",
                (const char *)kept->row.format, place.text);
    return KERN_SUCCESS;
}

static kern_return_t copy(struct kept_row *kept)
{
    const char *program = (const char *)kept->row.format;
    char arguments[SUPERVISOR_ARGUMENTS_MAX], book[SERVICE_NAME_MAX] = "";

    if (mounter.book && !rows_take_book(kept))
        return unix_error(EBUSY);
    if (mounter.book)
        format_text(book, sizeof(book), " book=%s.%u", mounter.book, (unsigned)kept->book - 1);
    format_text(arguments, sizeof(arguments), "service=%s device=block.%s partition=%u%s%s%s",
                name_of(kept), kept->disk, (unsigned)kept->partition, book,
                kept->row.flags & MOUNTS_READ_ONLY ? " read-only" : "",
                rows_is_root(kept) ? " root" : "");
    const kern_return_t kr = supervisor_copy(mounter.supervisor, program,
                                             name_of(kept) + strlen(program) + 1, arguments);
    switch (kr) {
    case KERN_SUCCESS: return kr;
    case KERN_NOT_FOUND: return unix_error(ENOSYS);
    case KERN_LIMIT:
    case KERN_EXISTS: return unix_error(EBUSY);
    case KERN_RESOURCE_SHORTAGE: return unix_error(ENOMEM);
    default: return unix_error(EIO);
    }
}

/* KERN_SUCCESS: it may be another the next time. */
static kern_return_t error_of_status(uint32_t status)
{
    switch (status) {
    case VOLUME_NONE: return unix_error(EINVAL);
    case VOLUME_DAMAGED: return unix_error(EBADMSG);
    case VOLUME_UNKNOWN: return unix_error(ENOTSUP);
    case VOLUME_UNREADABLE: return unix_error(EIO);
    default: return KERN_SUCCESS;
    }
}

/* Until it runs, or has ended in a way that will not be another the next time. */
static kern_return_t wait_until_ready(const struct kept_row *kept)
{
    const uint64_t deadline = kernel_clock_now() + START_TIME;
    uint32_t state, last_status;

    do {
        if (!server_state(kept, &state, &last_status))
            return unix_error(EIO);
        if (state == SUPERVISOR_STATE_RUNNING)
            return KERN_SUCCESS;
        if (state != SUPERVISOR_STATE_STARTING && error_of_status(last_status) != KERN_SUCCESS)
            return error_of_status(last_status);
        if (state == SUPERVISOR_STATE_FAILED || state == SUPERVISOR_STATE_STOPPED)
            return unix_error(EIO);
    } while (mounter_pause(deadline));
    return unix_error(ETIMEDOUT);
}

kern_return_t server_start(struct kept_row *kept)
{
    kern_return_t kr = copy(kept);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = wait_until_ready(kept);
    if (kr == KERN_SUCCESS)
        kr = server_look_up(kept, rows_held(kept));
    if (kr != KERN_SUCCESS)
        (void)!server_remove(kept);
    return kr;
}

kern_return_t server_remove(const struct kept_row *kept)
{
    const uint64_t deadline = kernel_clock_now() + STOP_TIME;
    uint32_t state, last_status;

    if (name_of(kept)[0] == '\0' ||
        supervisor_remove(mounter.supervisor, name_of(kept)) != KERN_SUCCESS)
        return KERN_SUCCESS; /* there is none of that name */
    while (server_state(kept, &state, &last_status))
        if (!mounter_pause(deadline))
            return unix_error(ETIMEDOUT);
    return KERN_SUCCESS;
}

kern_return_t server_look_up(const struct kept_row *kept, struct held *held)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    char volume[SERVICE_NAME_MAX + sizeof(".volume")];

    format_text(volume, sizeof(volume), "%s.volume", name_of(kept));
    const kern_return_t kr = service_look_up(bootstrap, name_of(kept), &held->root);
    if (kr != KERN_SUCCESS)
        return unix_error(EIO);
    if (service_look_up(bootstrap, volume, &held->volume) != KERN_SUCCESS)
        held->volume = MSG_NULL;
    return KERN_SUCCESS;
}

void server_forget(struct held *held)
{
    if (held->root != MSG_NULL)
        stub_release_right(held->root, MSG_MOVE_SEND);
    if (held->volume != MSG_NULL)
        stub_release_right(held->volume, MSG_MOVE_SEND);
    held->root = held->volume = MSG_NULL;
}

kern_return_t server_facts(const struct held *held, uint32_t *opens, bool *read_only,
                           char problem[])
{
    uint64_t number[5];

    *opens = 0;
    *read_only = false;
    problem[0] = '\0';
    if (held->volume == MSG_NULL)
        return KERN_SUCCESS;
    const kern_return_t kr =
        mounted_volume_facts_until(held->volume, opens, read_only, problem, &number[0], &number[1],
                                   &number[2], &number[3], &number[4],
                                   kernel_clock_now() + FACTS_TIME);
    if (kr == MACH_RCV_TIMED_OUT || kr == MIG_SERVER_DIED)
        return unix_error(ETIMEDOUT);
    return KERN_SUCCESS; /* one that does not know these calls has nothing to say */
}

kern_return_t server_sync(const struct held *held)
{
    const kern_return_t kr = file_sync_until(held->root, false, kernel_clock_now() + SYNC_TIME);

    if (kr == MACH_RCV_TIMED_OUT)
        return unix_error(ETIMEDOUT);
    return kr == KERN_SUCCESS || is_unix_error(kr) ? kr : unix_error(EIO);
}
