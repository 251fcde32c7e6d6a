/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounting, unmounting, and what becomes of a mount whose server ends (mounter.h, O2 and O3).
 */
#include "mounter.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/mounted_volume_types.h>
#include <wharf/if/supervisor_types.h>

#define ENDED_PAYLOAD UINT64_C(0x454e444500000000)

static const char *path_of(const struct kept_row *kept)
{
    return (const char *)kept->row.path;
}

/* ---- mounting ---- */

/* What is to be mounted, and all that can be known before something is done. */
struct wanted {
    struct device_name place;
    struct probe probe;
    char format[TABLE_FORMAT_MAX];
    uint32_t flags;
};

static kern_return_t examine(const char *device_text, const char *path, struct wanted *wanted)
{
    struct device_name device;

    if (device_read(device_text, &device) || (strcmp(path, "/") != 0 && table_check_path(path)))
        return unix_error(EINVAL);
    if (rows_find(path) || rows_is_beside(path))
        return unix_error(EBUSY);
    const kern_return_t kr = disk_find(&device, &wanted->place, &wanted->probe);
    if (kr != KERN_SUCCESS)
        return kr;
    if (rows_has_device(&wanted->place))
        return unix_error(EBUSY);
    const char *found = wanted->probe.format;
    if (!found || (wanted->format[0] != '\0' && strcmp(found, wanted->format) != 0))
        return unix_error(EINVAL);
    format_text(wanted->format, sizeof(wanted->format), "%s", found);
    return KERN_SUCCESS;
}

/* One that says that something is wrong with it is not made worse. */
static void heed(struct wanted *wanted)
{
    const struct probe *probe = &wanted->probe;

    if (probe->errors && !(wanted->flags & MOUNTS_READ_ONLY))
        mounter_log(
            "%s: there are errors in this %s: it can only be read until it has been checked",
            wanted->place.text, probe->format);
    else if (probe->dirty)
        mounter_log("%s: this %s was not unmounted", wanted->place.text, probe->format);
    if (probe->errors)
        wanted->flags |= MOUNTS_READ_ONLY;
}

static kern_return_t fill(struct kept_row *kept, const char *path, const struct wanted *wanted)
{
    struct mounts_row *row = &kept->row;

    format_text((char *)row->device, sizeof(row->device), "%s", wanted->place.text);
    format_text((char *)row->format, sizeof(row->format), "%s", wanted->format);
    format_text(kept->disk, sizeof(kept->disk), "%s", wanted->place.disk);
    kept->partition = wanted->place.partition;
    row->flags = wanted->flags;
    format_text((char *)row->path, sizeof(row->path), "%s", path);
    return server_name(kept);
}

static void tell(struct kept_row *kept)
{
    char problem[MOUNTED_VOLUME_PROBLEM_MAX];
    bool read_only;
    uint32_t opens;

    if (server_facts(rows_held(kept), &opens, &read_only, problem) == KERN_SUCCESS && read_only)
        kept->row.flags |= MOUNTS_READ_ONLY;
    mounter_log("%s (%s) is mounted on %s%s%s%s", (const char *)kept->row.device,
                (const char *)kept->row.format, path_of(kept),
                kept->row.flags & MOUNTS_READ_ONLY ? ", to be read" : "",
                problem[0] != '\0' ? ": " : "", problem);
}

static kern_return_t mount(struct kept_row *kept)
{
    const bool make = kept->row.flags & MOUNTS_MAKE;
    kern_return_t kr = cover_prepare(path_of(kept), make);

    if (kr == KERN_SUCCESS)
        kr = server_start(kept);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = cover_put(path_of(kept), rows_held(kept)->root);
    if (kr != KERN_SUCCESS)
        (void)!server_remove(kept);
    return kr;
}

kern_return_t mounts_add(const char *device, const char *path, const char *format, uint32_t flags)
{
    struct wanted wanted = {.flags = flags};

    if (table_check_format(format, wanted.format))
        return unix_error(EINVAL);
    kern_return_t kr = examine(device, path, &wanted);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kept_row *kept = rows_free();
    if (!kept)
        return unix_error(EBUSY);
    heed(&wanted);
    kr = fill(kept, path, &wanted);
    if (kr != KERN_SUCCESS)
        return kr;
    rows_add(kept);
    kr = mount(kept);
    if (kr != KERN_SUCCESS) {
        rows_remove(kept);
        return kr;
    }
    kept->row.state = MOUNTS_STATE_MOUNTED;
    mounts_watch(kept);
    tell(kept);
    return KERN_SUCCESS;
}

/* ---- unmounting ---- */

static kern_return_t check_closed(const struct kept_row *kept)
{
    char problem[MOUNTED_VOLUME_PROBLEM_MAX];
    bool read_only;
    uint32_t opens;
    const kern_return_t kr = server_facts(rows_held(kept), &opens, &read_only, problem);

    return kr == KERN_SUCCESS && opens > 0 ? unix_error(EBUSY) : kr;
}

/* What was opened between the first look and the last is open: nothing has been done then. Else the row is CHANGING, from before its path is uncovered (O2). */
static kern_return_t uncover(struct kept_row *kept)
{
    const uint32_t before = kept->row.state;
    const bool lives = before != MOUNTS_STATE_LOST;
    kern_return_t kr = lives ? check_closed(kept) : KERN_SUCCESS;

    if (kr != KERN_SUCCESS)
        return kr;
    kept->row.state = MOUNTS_STATE_CHANGING;
    kr = cover_take(path_of(kept));
    if (kr == unix_error(EINVAL)) /* who else may mount has uncovered it */
        kr = KERN_SUCCESS;
    if (kr == KERN_SUCCESS && lives) {
        kr = check_closed(kept);
        if (kr != KERN_SUCCESS)
            (void)!cover_put(path_of(kept), rows_held(kept)->root);
    }
    if (kr != KERN_SUCCESS)
        kept->row.state = before;
    return kr;
}

kern_return_t mounts_remove(const char *path)
{
    struct kept_row *kept = rows_find(path);

    if (!kept)
        return unix_error(EINVAL);
    if (rows_is_root(kept) && kept->row.state != MOUNTS_STATE_LOST)
        return unix_error(EBUSY); /* by programs that run from it, whose files nobody has open */
    const bool lives = kept->row.state != MOUNTS_STATE_LOST;
    kern_return_t kr = uncover(kept);
    if (kr != KERN_SUCCESS)
        return kr;
    const kern_return_t written = lives ? server_sync(rows_held(kept)) : KERN_SUCCESS;
    kr = server_remove(kept);
    if (kr != KERN_SUCCESS) {
        kept->row.state = MOUNTS_STATE_LOST;
        return kr;
    }
    mounter_log("%s is not mounted on %s any more%s%s", (const char *)kept->row.device, path,
                written != KERN_SUCCESS ? "; what was written last is lost: " : "",
                written != KERN_SUCCESS ? mounter_error(written) : "");
    rows_remove(kept);
    return written;
}

kern_return_t mounts_sync(void)
{
    kern_return_t first = KERN_SUCCESS;

    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        const struct kept_row *kept = &mounter.kept->rows[i];
        if (!rows_is_used(kept) || kept->row.state == MOUNTS_STATE_LOST ||
            kept->row.flags & MOUNTS_READ_ONLY)
            continue;
        const kern_return_t kr = server_sync(rows_held(kept));
        first = first == KERN_SUCCESS ? kr : first;
    }
    return first;
}

/* ---- servers that end ---- */

/* Ask for what is answered by the server's end alone (mounted_volume.watch). */
static kern_return_t ask_for_end(const struct kept_row *kept)
{
    struct held *held = rows_held(kept);

    if (held->volume == MSG_NULL)
        return KERN_SUCCESS;
    if (held->ended == MSG_NULL) {
        const uint64_t number = (uint64_t)(kept - mounter.kept->rows);
        const kern_return_t kr = driver_port(&mounter.driver, ENDED_PAYLOAD | number, &held->ended);
        if (kr != KERN_SUCCESS)
            return kr;
    }
    struct msg_registers m = {
        .destination = held->volume,
        .id = MOUNTED_VOLUME_ID_WATCH,
        .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_SEND_ONCE, 0, 0),
        .local = held->ended,
    };
    user_msg_trap(&m);
    return trap_error(m.result);
}

void mounts_watch(struct kept_row *kept)
{
    const kern_return_t kr = ask_for_end(kept);

    if (kr != KERN_SUCCESS)
        mounter_log("nobody will tell when the server of %s ends: error %d", path_of(kept),
                    (int)kr);
}

void mounts_notified(uint64_t payload)
{
    const uint64_t number = payload ^ ENDED_PAYLOAD;

    if (number >= MOUNTS_MAX || !rows_is_used(&mounter.kept->rows[number]) ||
        mounter.kept->rows[number].row.state != MOUNTS_STATE_MOUNTED)
        return;
    mounter.kept->rows[number].row.state = MOUNTS_STATE_RESTARTING;
}

/* True: it is not there yet. */
static bool look_at(struct kept_row *kept)
{
    uint32_t state, last_status;

    if (!server_state(kept, &state, &last_status) || state == SUPERVISOR_STATE_FAILED ||
        state == SUPERVISOR_STATE_STOPPED) {
        kept->row.state = MOUNTS_STATE_LOST;
        mounter_log("the server of %s has been given up", path_of(kept));
        return false;
    }
    if (state != SUPERVISOR_STATE_RUNNING)
        return true;
    kept->row.state = MOUNTS_STATE_MOUNTED;
    mounts_watch(kept);
    const kern_return_t kr = cover_tell(path_of(kept), rows_held(kept)->root);
    if (kr != KERN_SUCCESS)
        mounter_log("the server of %s does not know where it is mounted: %s", path_of(kept),
                    mounter_error(kr));
    return false;
}

bool mounts_look(void)
{
    bool more = false;

    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        struct kept_row *kept = &mounter.kept->rows[i];
        if (rows_is_used(kept) && kept->row.state == MOUNTS_STATE_RESTARTING)
            more |= look_at(kept);
    }
    return more;
}
