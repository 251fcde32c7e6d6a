/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning: what an earlier instance of the mounter had mounted, or else what the table says.
 */
#include "mounter.h"
#include <errno.h>
#include <fcntl.h>
#include <libsys/kernel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 16384 };
#define AWAIT_TIME (30 * DEVICE_SECOND) /* for disks whose buses are looked through yet */
#define ROOT_TIME  (5 * DEVICE_SECOND)  /* the same, while nobody has a shell */
#define FIRST_TIME (2 * DEVICE_SECOND)  /* the same, for lines without nofail */

/* ---- the table ---- */

static size_t read_text(const char *path, char *to, size_t room)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;

    if (file < 0) {
        if (errno != ENOENT)
            mounter_log("%s cannot be read: %s", path, strerror(errno));
        return 0;
    }
    for (ssize_t got; size < room && (got = read(file, to + size, room - size)) > 0;)
        size += (size_t)got;
    close(file);
    if (size == room)
        mounter_log("%s is too long: what is behind %u bytes does not count", path, (unsigned)room);
    return size;
}

void begin_read_table(const char *path)
{
    static char text[TEXT_MAX];
    const struct table *table = &mounter.table;

    table_read(text, read_text(path, text, sizeof(text)), &mounter.table);
    for (unsigned i = 0; i < table->wrong && i < TABLE_WRONG_MAX; i++) {
        const struct table_error *error = &table->error[i];
        mounter_log("%s, line %u: %s%s%s", path, error->line, error->word,
                    error->word[0] != '\0' ? ": " : "", error->why);
    }
    if (table->wrong > TABLE_WRONG_MAX)
        mounter_log("%s: and %u lines more are wrong", path, table->wrong - TABLE_WRONG_MAX);
}

/* ---- the root ---- */

void begin_root(const char *device)
{
    const uint64_t deadline = kernel_clock_now() + ROOT_TIME;
    kern_return_t kr;

    if (!device || device[0] == '\0' || mounter.kept->began || rows_find("/"))
        return;
    do
        kr = mounts_add(device, "/", "", 0);
    while ((kr == unix_error(ENODEV) || kr == unix_error(ENXIO)) && mounter_pause(deadline));
    if (kr != KERN_SUCCESS)
        mounter_log("%s is not the root: %s; the root is the initrd", device, mounter_error(kr));
}

/* ---- the table's lines ---- */

static bool is_of_absence(kern_return_t kr)
{
    return kr == unix_error(ENODEV) || kr == unix_error(ENXIO) || kr == unix_error(EINVAL);
}

static void complain(const struct table_line *line, kern_return_t kr)
{
    if (!(line->flags & MOUNTS_NO_FAIL && is_of_absence(kr)))
        mounter_log("%s cannot be mounted on %s: %s", line->device, line->path, mounter_error(kr));
}

static kern_return_t mount_line(const struct table_line *line)
{
    return mounts_add(line->device, line->path, line->format, line->flags);
}

kern_return_t begin_mount_all(void)
{
    kern_return_t first = KERN_SUCCESS;

    for (unsigned i = 0; i < mounter.table.count; i++) {
        const struct table_line *line = &mounter.table.line[i];
        if (line->flags & MOUNTS_ON_DEMAND || rows_find(line->path))
            continue;
        const kern_return_t kr = mount_line(line);
        const bool counts = !(line->flags & MOUNTS_NO_FAIL && is_of_absence(kr));
        if (first == KERN_SUCCESS && counts)
            first = kr;
    }
    return first;
}

bool begin_look(void)
{
    const bool last = kernel_clock_now() >= mounter.awaited_until;
    bool more = false;

    for (unsigned i = 0; i < mounter.table.count; i++) {
        const struct table_line *line = &mounter.table.line[i];
        if (!mounter.awaited[i])
            continue;
        const kern_return_t kr = rows_find(line->path) ? KERN_SUCCESS : mount_line(line);
        mounter.awaited[i] = kr == unix_error(ENODEV) && !last;
        if (kr != KERN_SUCCESS && !mounter.awaited[i])
            complain(line, kr);
        more |= mounter.awaited[i];
    }
    return more;
}

/* A disk that has not been found, and that the line counts on. */
static bool one_is_missed(void)
{
    for (unsigned i = 0; i < mounter.table.count; i++)
        if (mounter.awaited[i] && !(mounter.table.line[i].flags & MOUNTS_NO_FAIL))
            return true;
    return false;
}

/* A disk may be behind a bus that is looked through yet. The boot does not wait for it long. */
static void mount_first(void)
{
    const uint64_t now = kernel_clock_now(), deadline = now + FIRST_TIME;

    mounter.awaited_until = now + AWAIT_TIME;
    for (unsigned i = 0; i < mounter.table.count; i++)
        mounter.awaited[i] = !(mounter.table.line[i].flags & MOUNTS_ON_DEMAND);
    do
        (void)begin_look();
    while (one_is_missed() && mounter_pause(deadline));
}

/* ---- after a restart ---- */

static void undo(struct kept_row *kept)
{
    (void)!cover_take((const char *)kept->row.path); /* it may be covered, or not */
    if (server_remove(kept) == KERN_SUCCESS)
        rows_remove(kept);
    else
        kept->row.state = MOUNTS_STATE_LOST;
}

/* What becomes of a server that ended meanwhile is seen when it is looked at. */
static void go_on(struct kept_row *kept)
{
    if (kept->row.state == MOUNTS_STATE_CHANGING)
        undo(kept);
    else if (server_look_up(kept, rows_held(kept)) != KERN_SUCCESS)
        kept->row.state = MOUNTS_STATE_LOST;
    else if (kept->row.state == MOUNTS_STATE_MOUNTED)
        kept->row.state = MOUNTS_STATE_RESTARTING;
}

void begin_kept(void)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++)
        if (rows_is_used(&mounter.kept->rows[i]))
            go_on(&mounter.kept->rows[i]);
}

void begin_mounts(void)
{
    if (!mounter.kept->began)
        mount_first();
    mounter.kept->began = 1;
}
