/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What calls returned, compared with what they should, and how a failure is told: with the seed, the worker and the number of the operation.
 */
#include "files-model.h"
#include <libsys/check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t random_below(struct worker *w, uint64_t n)
{
    w->state ^= w->state << 13;
    w->state ^= w->state >> 7;
    w->state ^= w->state << 17;
    return w->state % n;
}

bool one_in(struct worker *w, unsigned n)
{
    return random_below(w, n) == 0;
}

void doing(struct worker *w, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(w->doing, sizeof(w->doing), format, arguments);
    va_end(arguments);
    w->calls++;
}

void fails(struct worker *w, const char *format, ...)
{
    char text[160];
    va_list arguments;

    if (w->failed)
        return;
    w->failed = true;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print("files-model: seed %lu worker %u operation %lu: %s\n", (unsigned long)w->seed, w->number,
          (unsigned long)w->operations, w->doing);
    print("files-model: FAILED: %s\n", text);
    (void)CHECK(!"what the system does is what the model says");
}

bool call_is(struct worker *w, int64_t got, int error, int other)
{
    const int was = errno;

    if (error == 0 && other == 0) {
        if (got < 0)
            fails(w, "it is errno %d (%s), and should succeed", was, strerror(was));
        return got >= 0;
    }
    if (got >= 0)
        fails(w, "it succeeds, and should be errno %d (%s)", error, strerror(error));
    else if (was != error && was != other)
        fails(w, "it is errno %d (%s), not %d (%s)", was, strerror(was), error, strerror(error));
    return false;
}

bool returned(struct worker *w, int64_t got, int64_t wanted)
{
    const int was = errno;

    if (got == wanted)
        return true;
    if (got < 0)
        fails(w, "it is errno %d (%s), not %ld", was, strerror(was), (long)wanted);
    else
        fails(w, "it is %ld, not %ld", (long)got, (long)wanted);
    return false;
}

bool same_bytes(struct worker *w, const void *got, const void *wanted, size_t size, uint64_t offset)
{
    const uint8_t *a = got, *b = wanted;
    size_t first = 0, last = size, wrong = 0, zeroes = 0;

    w->bytes += size;
    if (size == 0 || memcmp(got, wanted, size) == 0)
        return true;
    while (a[first] == b[first])
        first++;
    while (a[last - 1] == b[last - 1])
        last--;
    for (size_t i = first; i < last; i++) {
        wrong += a[i] != b[i];
        zeroes += a[i] != b[i] && a[i] == 0;
    }
    fails(w, "bytes %lu to %lu: %lu wrong, %lu of them 0: %02x %02x %02x, not %02x %02x %02x",
          (unsigned long)(offset + first), (unsigned long)(offset + last - 1), (unsigned long)wrong,
          (unsigned long)zeroes, a[first], a[first + 1 < size ? first + 1 : first], a[last - 1],
          b[first], b[first + 1 < size ? first + 1 : first], b[last - 1]);
    return false;
}

/* ---- attributes ---- */

static int compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec == b->tv_nsec ? 0 : a->tv_nsec < b->tv_nsec ? -1 : 1;
}

enum { FAT_BEGINS = 315532800 /* 1980 */ };

static void check_times(struct worker *w, struct node *node, const struct timespec *now)
{
    struct timespec least = node->modified;
    const int order = compare_times(now, &least);

    if (node->exact && order != 0)
        fails(w, "modified at %ld.%09ld, and set to %ld.%09ld", (long)now->tv_sec, now->tv_nsec,
              (long)least.tv_sec, least.tv_nsec);
    if (node->later && order <= 0)
        fails(w, "modified at %ld, though it was changed since", (long)now->tv_sec);
    if (!w->rules.fine_times)
        least.tv_sec -= 2;
    /* What was set, or what FAT takes for an earlier time than it has. */
    if (!w->clock_is_set && least.tv_sec >= FAT_BEGINS - 2)
        least = (struct timespec){0};
    if (compare_times(now, &least) < 0)
        fails(w, "modified at %ld.%09ld, earlier than %ld.%09ld", (long)now->tv_sec, now->tv_nsec,
              (long)node->modified.tv_sec, node->modified.tv_nsec);
    node->modified = *now;
    node->later = false;
}

static mode_t type_of(enum kind kind)
{
    return kind == REGULAR ? S_IFREG : kind == FOLDER ? S_IFDIR : S_IFLNK;
}

static unsigned folders_in(const struct worker *w, int folder)
{
    unsigned count = 0;

    for (int i = 0; i < NAMES_MAX; i++)
        count += w->names[i].folder == folder && w->nodes[w->names[i].node].kind == FOLDER;
    return count;
}

static bool has_inode(struct worker *w, int number, ino_t inode)
{
    struct node *node = &w->nodes[number];

    if (node->inode == 0)
        node->inode = inode;
    if (node->inode != inode)
        fails(w, "its number is %lu, and was %lu", (unsigned long)inode,
              (unsigned long)node->inode);
    for (int i = 0; i < NODES_MAX; i++)
        if (i != number && w->nodes[i].kind != NOTHING && w->nodes[i].inode == inode)
            fails(w, "its number %lu is another file's, too", (unsigned long)inode);
    return !w->failed;
}

bool same_status(struct worker *w, int number, const struct stat *status)
{
    struct node *node = &w->nodes[number];
    const unsigned links = node->kind == FOLDER ? 2 + folders_in(w, number) : node->names;

    if ((status->st_mode & S_IFMT) != type_of(node->kind))
        fails(w, "its type is %o", (unsigned)(status->st_mode & S_IFMT));
    if (node->kind == REGULAR && status->st_size != (off_t)node->size)
        fails(w, "its size is %ld, not %u", (long)status->st_size, node->size);
    if (node->kind == LINK && status->st_size != (off_t)strlen(node->target))
        fails(w, "its size is %ld, not that of its text", (long)status->st_size);
    if ((w->rules.links || node->kind == REGULAR) && status->st_nlink != links)
        fails(w, "it has %u links, not %u", (unsigned)status->st_nlink, links);
    if (w->rules.links && node->kind != LINK && (status->st_mode & 07777) != node->mode)
        fails(w, "its mode is %o, not %o", (unsigned)(status->st_mode & 07777),
              (unsigned)node->mode);
    if (node->kind == REGULAR)
        check_times(w, node, &status->st_mtim);
    return (!w->rules.links || has_inode(w, number, status->st_ino)) && !w->failed;
}
