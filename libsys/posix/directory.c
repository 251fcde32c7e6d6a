/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading directories. A stream has the entries of one answer of the server (file.entries) and the position behind them; positions are the server's, and stay good when names come and go.
 */
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include <dirent.h>
#include <fcntl.h>
#include <libsys/sync.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wharf/file_entry.h>
#include <wharf/if/file.h>

struct __directory {
    int number;        /* constant; the first member: newlib's nftw() looks for it here */
    struct mutex lock; /* guards the rest */
    uint32_t at, size; /* in bytes: the next entry, and their end */
    uint64_t position; /* of the next entry */
    uint64_t next;     /* behind those in bytes */
    struct dirent entry;
    _Alignas(8) uint8_t bytes[FILE_DATA_MAX];
};

DIR *fdopendir(int number)
{
    struct stat status;

    if (fstat(number, &status) != 0)
        return NULL;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    DIR *directory = malloc(sizeof(*directory));

    if (directory == NULL)
        return NULL;
    memset(directory, 0, offsetof(struct __directory, entry));
    directory->number = number;
    descriptor_mark(number, descriptor_get(number).port, DESCRIPTOR_CLOEXEC, 0);
    return directory;
}

static DIR *open_directory(int where, const char *path)
{
    const int number = openat(where, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = number < 0 ? NULL : fdopendir(number);

    if (number >= 0 && directory == NULL) {
        const int error = errno;
        close(number);
        errno = error;
    }
    return directory;
}

DIR *opendir(const char *path)
{
    return open_directory(AT_FDCWD, path);
}

int closedir(DIR *directory)
{
    const int number = directory->number;

    free(directory);
    return close(number);
}

int dirfd(DIR *directory)
{
    return directory->number;
}

/* The next entry in bytes, checked; NULL: there is none, or it is none. */
static const struct file_entry *take_entry(DIR *directory)
{
    const struct file_entry *entry = (const void *)&directory->bytes[directory->at];
    const uint32_t left = directory->size - directory->at;
    const size_t head = offsetof(struct file_entry, name);

    if (left < sizeof(*entry) || entry->size < sizeof(*entry) || entry->size > left ||
        entry->size % 8 != 0 || strnlen(entry->name, entry->size - head) >= entry->size - head ||
        strlen(entry->name) > MAXNAMLEN)
        return NULL;
    directory->at += entry->size;
    directory->position = entry->next;
    return entry;
}

/* 0: there is one in bytes, or the end (size 0); else the errno. */
static int fetch(DIR *directory)
{
    const mach_port_name_t port = descriptor_port(directory->number, ENOTDIR);

    if (directory->at < directory->size)
        return 0;
    directory->at = directory->size = 0;
    if (port == MSG_NULL)
        return errno;
    directory->position = directory->next;
    const kern_return_t kr = AGAIN(
        file_entries(port, directory->next, &directory->next, directory->bytes, &directory->size));

    if (kr != KERN_SUCCESS)
        directory->size = 0;
    return posix_errno(kr);
}

/* 0 with *found or, at the end, without. */
static int read_entry(DIR *directory, struct dirent *out, bool *found)
{
    /* FILE_KIND_ to DT_ */
    static const uint8_t types[] = {DT_UNKNOWN, DT_REG, DT_DIR, DT_LNK,
                                    DT_FIFO,    DT_CHR, DT_BLK, DT_SOCK};
    const int error = fetch(directory);

    *found = error == 0 && directory->size != 0;
    if (!*found)
        return error;
    const struct file_entry *entry = take_entry(directory);

    if (entry == NULL) {
        directory->at = directory->size;
        *found = false;
        return EIO;
    }
    out->d_ino = entry->inode;
    out->d_off = (off_t)entry->next;
    out->d_reclen = sizeof(*out);
    out->d_type = entry->kind < sizeof(types) ? types[entry->kind] : DT_UNKNOWN;
    memcpy(out->d_name, entry->name, strlen(entry->name) + 1); /* it fits: take_entry() */
    return 0;
}

struct dirent *readdir(DIR *directory)
{
    bool found;

    mutex_lock(&directory->lock);
    const int error = read_entry(directory, &directory->entry, &found);

    mutex_unlock(&directory->lock);
    if (error != 0)
        errno = error;
    return found ? &directory->entry : NULL;
}

int readdir_r(DIR *__restrict directory, struct dirent *__restrict entry,
              struct dirent **__restrict result)
{
    bool found;

    mutex_lock(&directory->lock);
    const int error = read_entry(directory, entry, &found);

    mutex_unlock(&directory->lock);
    *result = found ? entry : NULL;
    return error;
}

void seekdir(DIR *directory, long position)
{
    mutex_lock(&directory->lock);
    directory->at = directory->size = 0;
    directory->position = directory->next = (uint64_t)position;
    mutex_unlock(&directory->lock);
}

void rewinddir(DIR *directory)
{
    seekdir(directory, 0);
}

long telldir(DIR *directory)
{
    mutex_lock(&directory->lock);
    const long position = (long)directory->position;

    mutex_unlock(&directory->lock);
    return position;
}

/* ---- whole directories ---- */

int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcoll((*a)->d_name, (*b)->d_name);
}

/* A growing list of copies. */
struct list {
    struct dirent **entries;
    size_t count, room;
};

static bool append(struct list *list, const struct dirent *entry)
{
    if (list->count == list->room) {
        const size_t room = list->room == 0 ? 32 : 2 * list->room;
        struct dirent **more = realloc(list->entries, room * sizeof(struct dirent *));

        if (more == NULL)
            return false;
        list->entries = more;
        list->room = room;
    }
    struct dirent *copy = malloc(sizeof(*copy));

    if (copy == NULL)
        return false;
    *copy = *entry;
    list->entries[list->count++] = copy;
    return true;
}

static int collect(DIR *directory, int (*wanted)(const struct dirent *), struct list *list)
{
    bool found;
    int error;

    for (;;) {
        error = read_entry(directory, &directory->entry, &found);
        if (error != 0 || !found)
            return error;
        if ((wanted == NULL || wanted(&directory->entry) != 0) && !append(list, &directory->entry))
            return ENOMEM;
    }
}

typedef int compare_t(const void *, const void *);

int scandirat(int where, const char *path, struct dirent ***out,
              int (*wanted)(const struct dirent *),
              int (*compare)(const struct dirent **, const struct dirent **))
{
    DIR *directory = open_directory(where, path);
    struct list list = {NULL, 0, 0};

    if (directory == NULL)
        return -1;
    const int error = collect(directory, wanted, &list);

    closedir(directory);
    if (error != 0) {
        while (list.count > 0)
            free(list.entries[--list.count]);
        free(list.entries);
        return posix_error(error);
    }
    if (compare != NULL && list.count > 1)
        qsort(list.entries, list.count, sizeof(struct dirent *), (compare_t *)(void *)compare);
    *out = list.entries;
    return (int)list.count;
}

int scandir(const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **))
{
    return scandirat(AT_FDCWD, path, out, wanted, compare);
}
