/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounter: a table says what is mounted where (table.h), one server runs for each mount, and the program `files` has the server's root on the path.
 *
 * O1 One thread does one thing after the other, and waits, with a deadline, for servers, drivers and `files`. None of these waits for the mounter.
 * O2 What is mounted stands in memory that outlives the mounter (struct kept). A row is CHANGING from before the first thing is done until after the last: an instance that
 *    finds one such undoes it, so that each mount is there, whole, or not at all. Its state is what says that there is a row: it is written after all else when one comes, and
 *    before all else when one goes, so that no successor reads one that is half made.
 * O3 A server that was started again has forgotten where its root is mounted. It is told again: `files` has not noticed, for the port is the same.
 * O4 No two servers have one book of the keeper's (<libsys/files/keep.h>). One that ended well leaves nothing in it that its successor, of another mount, takes for its own.
 * O5 Functions return KERN_SUCCESS or an error of mounts.defs.
 */
#pragma once

#include "probe.h"
#include "table.h"
#include <libsys/driver/driver.h>
#include <wharf/error.h>
#include <wharf/if/mounts_types.h>
#include <wharf/unix_error.h>

enum { MOUNTS_MAX = 16, BOOKS_MAX = 8 };

/* One mount. Its state is AWAY: none, whatever else is in it (O2). */
struct kept_row {
    struct mounts_row row;
    char disk[DEVICE_DISK_MAX];
    uint32_t partition;
    uint32_t book; /* of the keeper's, from 1; 0: none */
};

/* O2; zeroes when the system begins. */
struct kept {
    uint32_t began; /* the table's lines have been mounted, or tried */
    uint32_t zero;
    struct kept_row rows[MOUNTS_MAX];
};

/* What this instance has of a mount. */
struct held {
    mach_port_name_t root;   /* send right to its service; MSG_NULL: none yet */
    mach_port_name_t volume; /* to mounted_volume.defs of its server; MSG_NULL: it has none */
    mach_port_name_t ended;  /* where its end is told: receive right, which stays with the row */
};

struct mounter {
    struct driver driver;
    mach_port_name_t supervisor, files, files_mount;
    struct kept *kept;
    struct held held[MOUNTS_MAX];
    const char *
        book; /* services of the keeper's are this, a dot and a number from 0 on; NULL: there are none */
    struct table table;
    bool awaited[TABLE_LINES_MAX]; /* lines whose device was not there yet */
    uint64_t awaited_until;
};

extern struct mounter mounter;

/** A line in the log. */
[[gnu::format(printf, 1, 2)]] void mounter_log(const char *format, ...);
/** In words. */
const char *mounter_error(kern_return_t error);
/** Let some time go by, unless it is later than that. False: it is. */
bool mounter_pause(uint64_t deadline);

/* ---- disks.c ---- */

/** What is on a partition. ENODEV: there is none; ENXIO: no medium; ETIMEDOUT; EIO. */
kern_return_t disk_probe(const struct device_name *place, struct probe *out);
/** The place of a device that is told in any way, and what is on it. The same, and ENODEV: nobody has that label or number. */
kern_return_t disk_find(const struct device_name *device, struct device_name *place,
                        struct probe *out);

/* ---- servers.c ---- */

/** The row gets the name of its server. ENODEV: there can be none for such a device. */
kern_return_t server_name(struct kept_row *kept);
/** Start the server of the row, and wait until it has mounted. EINVAL: there is no such file system; EBADMSG: it is damaged; ENOTSUP: it has
 *  features that are not known; EBUSY: there are too many servers; EIO: the card fails, or it does not start; ETIMEDOUT. There is none then. */
kern_return_t server_start(struct kept_row *kept);
/** Stop it, and wait until it is gone; nothing if it is. ETIMEDOUT. */
kern_return_t server_remove(const struct kept_row *kept);
/** Its state (enum supervisor_state). False: there is no such program. */
bool server_state(const struct kept_row *kept, uint32_t *state, uint32_t *last_status);
/** Send rights to its services. */
kern_return_t server_look_up(const struct kept_row *kept, struct held *held);
void server_forget(struct held *held);
/** Files of it that are open, and what is wrong with it; none and "" where it cannot tell. ETIMEDOUT. */
kern_return_t server_facts(const struct held *held, uint32_t *opens, bool *read_only,
                           char problem[]);
/** All of it is on the medium. */
kern_return_t server_sync(const struct held *held);

/* ---- covers.c ---- */

/** The folder of a path is there, made if `make`. */
kern_return_t cover_prepare(const char *path, bool make);
/** The root covers it; no longer. */
kern_return_t cover_put(const char *path, mach_port_name_t root);
kern_return_t cover_take(const char *path);
/** O3. */
kern_return_t cover_tell(const char *path, mach_port_name_t root);

/* ---- rows.c ---- */

/** Map the memory. Ends the program if that cannot be. */
void rows_begin(void);
/** A free one, all zero, which does not count before rows_add(); NULL: there is none. */
struct kept_row *rows_free(void);
/** It has all that is to be known of it, and is CHANGING from here on. */
void rows_add(struct kept_row *kept);
void rows_remove(struct kept_row *kept);
bool rows_is_used(const struct kept_row *kept);
/** It covers the root of all paths. */
bool rows_is_root(const struct kept_row *kept);
struct kept_row *rows_find(const char *path);
/** Another mount lies below the path, or the path below it. */
bool rows_is_beside(const char *path);
bool rows_has_device(const struct device_name *place);
struct held *rows_held(const struct kept_row *kept);
/** O4. A book that no other row has, which is the row's from here on. False: there is none. */
bool rows_take_book(struct kept_row *kept);

/* ---- mounts.c ---- */

/** What mounts.defs says. why: words for the log, if there are any. */
kern_return_t mounts_add(const char *device, const char *path, const char *format, uint32_t flags);
kern_return_t mounts_remove(const char *path);
kern_return_t mounts_sync(void);
/** The server of a row is to be watched, and is told where it is mounted (O3). */
void mounts_watch(struct kept_row *kept);
/** A message about the end of servers came. */
void mounts_notified(uint64_t payload);
/** Look after servers that are being started again. True: there are some. */
bool mounts_look(void);

/* ---- begin.c ---- */

/** Go on with what an earlier instance had. */
void begin_kept(void);
/** The root is to be what is on this device, unless an earlier instance has seen to that. It is waited for; without it the root stays what it is, which the log says. */
void begin_root(const char *device);
/** Read the table, and tell what is wrong with it. */
void begin_read_table(const char *path);
/** Mount the table's lines, unless an earlier instance has. */
void begin_mounts(void);
/** All lines that are not mounted and have not to be asked for. */
kern_return_t begin_mount_all(void);
/** Lines whose device was not there: once more. True: it is not over. */
bool begin_look(void);
