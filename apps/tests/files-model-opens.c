/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on open files but their data: open, close, offsets, sizes, sync.
 */
#include "files-model.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- which one ---- */

static bool is_for(const struct open_file *open, bool reads, bool writes)
{
    return open->number != NONE && (open->reads || !reads) && (open->writes || !writes);
}

struct open_file *choose_open_for(struct worker *w, bool reads, bool writes)
{
    const unsigned from = (unsigned)random_below(w, OPENS_MAX);

    for (unsigned i = 0; i < OPENS_MAX; i++)
        if (is_for(&w->opens[(from + i) % OPENS_MAX], reads, writes))
            return &w->opens[(from + i) % OPENS_MAX];
    return NULL;
}

struct open_file *choose_open(struct worker *w)
{
    return choose_open_for(w, false, false);
}

static struct open_file *free_open(struct worker *w)
{
    for (unsigned i = 0; i < OPENS_MAX; i++)
        if (w->opens[i].number == NONE)
            return &w->opens[i];
    return NULL;
}

/* ---- open and close ---- */

static int choose_flags(struct worker *w)
{
    static const int access[] = {O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY};
    int flags = access[random_below(w, 5)];

    flags |= one_in(w, 2) ? O_CREAT : 0;
    if (flags & O_CREAT)
        flags |= one_in(w, 4) ? O_EXCL : 0;
    else
        flags |= one_in(w, 16) ? O_DIRECTORY : 0;
    flags |= one_in(w, 4) ? O_APPEND : 0;
    flags |= (flags & O_ACCMODE) != O_RDONLY && one_in(w, 8) ? O_TRUNC : 0;
    flags |= one_in(w, 8) ? O_NOFOLLOW : 0;
    return flags;
}

static int error_of_open(const struct worker *w, const struct found *found, int flags)
{
    if (found->error != 0)
        return found->error;
    if (found->node == NONE)
        return flags & O_CREAT ? 0 : ENOENT;
    const enum kind kind = w->nodes[found->node].kind;

    if (flags & O_CREAT && flags & O_EXCL)
        return EEXIST;
    if (flags & O_DIRECTORY && kind != FOLDER)
        return ENOTDIR;
    if (kind == LINK)
        return ELOOP;
    return kind == FOLDER && ((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT) ? EISDIR : 0;
}

/* What has been opened is a regular file, perhaps a new one. */
static void enter(struct worker *w, struct open_file *open, const struct found *found, int flags,
                  mode_t mode)
{
    int node = found->node;

    if (node == NONE) {
        node = node_make(w, REGULAR);
        w->nodes[node].mode = mode;
        (void)name_add(w, found->folder, found->text, node);
    } else if (flags & O_TRUNC) {
        (void)node_resize(w, node, 0);
        node_changed(w, node);
    }
    open->node = node;
    open->reads = (flags & O_ACCMODE) != O_WRONLY;
    open->writes = (flags & O_ACCMODE) != O_RDONLY;
    open->appends = (flags & O_APPEND) != 0;
    open->offset = 0;
    w->nodes[node].opens++;
}

void do_open(struct worker *w)
{
    struct open_file *open = free_open(w);
    const int flags = choose_flags(w);
    const bool follow = !(flags & O_NOFOLLOW) && !(flags & O_EXCL);
    const mode_t mode = 0600 | (mode_t)random_below(w, 0200);
    struct place place;
    struct found found;

    if (!open) {
        do_close(w);
        return;
    }
    if (flags & O_CREAT || !choose_kind(w, REGULAR, &place, &found))
        choose_path(w, follow, &place, &found);
    const int error = error_of_open(w, &found, flags);

    if (found.unclear || (error == 0 && found.node == NONE &&
                          (!may_make(w, &found) || count_of(w, REGULAR) >= FILES_MAX)))
        return;
    doing(w, "open %s flags %x", place.path, (unsigned)flags);
    const int number = openat(place.at, place.path, flags, mode);

    if (!call_is(w, number, error, 0)) {
        if (number >= 0)
            (void)close(number);
        return;
    }
    if (found.node != NONE && w->nodes[found.node].kind == FOLDER) {
        (void)returned(w, close(number), 0);
        return;
    }
    open->number = number;
    enter(w, open, &found, flags, mode);
}

void close_open(struct worker *w, struct open_file *open)
{
    doing(w, "close of descriptor %d", open->number);
    (void)returned(w, close(open->number), 0);
    open->number = NONE;
    w->nodes[open->node].opens--;
    node_release(w, open->node);
}

void do_close(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (open)
        close_open(w, open);
}

/* ---- offsets ---- */

void do_seek(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (!open)
        return;
    const uint32_t size = w->nodes[open->node].size;
    const int whence = (int[]){SEEK_SET, SEEK_CUR, SEEK_END}[random_below(w, 3)];
    const int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)open->offset : size;
    const int64_t wanted = (int64_t)random_below(w, size + 5000) - (one_in(w, 16) ? 10000 : 0);

    doing(w, "lseek to %ld from %d", (long)(wanted - base), whence);
    const off_t got = lseek(open->number, wanted - base, whence);

    if (wanted < 0) {
        (void)call_is(w, got, EINVAL, 0);
        return;
    }
    if (returned(w, got, wanted))
        open->offset = (uint64_t)wanted;
}

/* ---- sizes ---- */

/* To nothing, a little shorter or longer, or anything; as much as there is room for. */
static uint32_t choose_size(struct worker *w, const struct node *node)
{
    const uint64_t dice = random_below(w, 8);
    uint64_t size = node->size;

    if (dice == 0)
        size = 0;
    else if (dice < 4)
        size = random_below(w, size + 1);
    else if (dice < 6)
        size += random_below(w, (size_t)3 * PAGE);
    else
        size = random_below(w, FILE_SIZE_MAX);
    const uint64_t most = node->size + (w->most > w->total ? w->most - w->total : 0);

    if (size > most)
        size = most;
    return (uint32_t)(size < FILE_SIZE_MAX ? size : FILE_SIZE_MAX);
}

static void set_size(struct worker *w, int node, uint32_t size)
{
    (void)node_resize(w, node, size);
    node_changed(w, node);
}

void do_resize_open(struct worker *w)
{
    const struct open_file *open = choose_open(w);

    if (!open)
        return;
    const uint32_t size = choose_size(w, &w->nodes[open->node]);

    doing(w, "ftruncate from %u to %u", w->nodes[open->node].size, size);
    if (call_is(w, ftruncate(open->number, size), open->writes ? 0 : EINVAL,
                open->writes ? 0 : EBADF))
        set_size(w, open->node, size);
}

void do_resize_path(struct worker *w)
{
    char path[WHOLE_ROOM];
    struct place place;
    struct found found;

    if (one_in(w, 4) || !choose_kind(w, REGULAR, &place, &found))
        choose_path(w, true, &place, &found);
    int error = found.error != 0 ? found.error : found.node == NONE ? ENOENT : 0;

    if (error == 0 && w->nodes[found.node].kind == FOLDER)
        error = EISDIR;
    if (found.unclear || place.at != AT_FDCWD)
        return;
    const uint32_t size = error == 0 ? choose_size(w, &w->nodes[found.node]) : 0;

    strlcpy(path, place.path, sizeof(path));
    doing(w, "truncate %s to %u", path, size);
    if (call_is(w, truncate(path, size), error, 0))
        set_size(w, found.node, size);
}

/* ---- sync and status ---- */

void do_sync(struct worker *w)
{
    const struct open_file *open = choose_open(w);

    if (!open)
        return;
    const bool all = one_in(w, 2);

    doing(w, all ? "fsync" : "fdatasync");
    if (!returned(w, all ? fsync(open->number) : fdatasync(open->number), 0))
        return;
    bool mapped = false;

    for (unsigned i = 0; i < MAPPINGS_MAX; i++)
        mapped |= w->mappings[i].at && w->mappings[i].node == open->node && w->mappings[i].writes;
    if (!mapped)
        w->nodes[open->node].written_mapped = false;
}

void do_open_status(struct worker *w)
{
    const struct open_file *open = choose_open(w);
    struct stat status;

    if (!open)
        return;
    doing(w, "fstat");
    if (returned(w, fstat(open->number, &status), 0))
        (void)same_status(w, open->node, &status);
}
