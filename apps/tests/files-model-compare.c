/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that the model has, compared with the folder; told; and removed.
 */
#include "files-model.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- folders ---- */

/* A name that was read: of the model's, and not read before. */
static void see(struct worker *w, int folder, const struct dirent *entry, bool seen[NAMES_MAX])
{
    static const unsigned char types[] = {[REGULAR] = DT_REG, [FOLDER] = DT_DIR, [LINK] = DT_LNK};
    const int name = name_find(w, folder, entry->d_name);

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return;
    if (name == NONE || strcmp(w->names[name].text, entry->d_name) != 0) {
        fails(w, "there is a name too much: %.100s", entry->d_name);
        return;
    }
    if (seen[name])
        fails(w, "there is a name twice: %.100s", entry->d_name);
    if (entry->d_type != DT_UNKNOWN && entry->d_type != types[w->nodes[w->names[name].node].kind])
        fails(w, "%.100s is of type %u", entry->d_name, entry->d_type);
    seen[name] = true;
}

void compare_folder(struct worker *w, int folder)
{
    bool seen[NAMES_MAX] = {false};
    const struct dirent *entry;
    char path[PATH_ROOM];
    struct place place;

    (void)path_of(w, folder, "", path);
    place_of(w, path, &place);
    doing(w, "names of the folder \"%s\"", path);
    const int number = openat(place.at, place.path, O_RDONLY | O_DIRECTORY);
    DIR *directory = number < 0 ? NULL : fdopendir(number);

    if (!call_is(w, directory ? 0 : -1, 0, 0))
        return;
    errno = 0;
    while ((entry = readdir(directory)) != NULL && !w->failed)
        see(w, folder, entry, seen);
    if (!entry && errno != 0)
        fails(w, "readdir ends with errno %d", errno);
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder == folder && !seen[i])
            fails(w, "a name is not told: %.100s", w->names[i].text);
    (void)returned(w, closedir(directory), 0);
}

/* ---- files ---- */

static void compare_content(struct worker *w, int node, int number)
{
    const uint32_t size = w->nodes[node].size;
    uint32_t at = 0;

    while (!w->failed) {
        const uint32_t piece = 1 + (uint32_t)random_below(w, TRANSFER_MAX);
        const uint32_t left = size - at < piece ? size - at : piece;

        if (!returned(w, pread(number, w->buffer, piece, at), left) || left == 0)
            break;
        (void)same_bytes(w, w->buffer, w->nodes[node].content + at, left, at);
        at += left;
    }
}

static void compare_file(struct worker *w, const struct place *place, const char *path, int node)
{
    struct stat status;

    doing(w, "all of the file \"%s\", %u bytes", path, w->nodes[node].size);
    const int number = openat(place->at, place->path, O_RDONLY);

    if (!call_is(w, number, 0, 0))
        return;
    if (returned(w, fstat(number, &status), 0) && same_status(w, node, &status))
        compare_content(w, node, number);
    (void)returned(w, close(number), 0);
}

static void compare_link(struct worker *w, const struct place *place, const char *path, int node)
{
    const char *target = w->nodes[node].target;
    char text[PATH_ROOM];

    doing(w, "the link \"%s\"", path);
    if (returned(w, readlinkat(place->at, place->path, text, sizeof(text)),
                 (int64_t)strlen(target)))
        (void)same_bytes(w, text, target, strlen(target), 0);
}

static void compare_name(struct worker *w, const struct name *name)
{
    char path[PATH_ROOM];
    struct stat status;
    struct place place;

    if (!path_of(w, name->folder, name->text, path)) {
        fails(w, "a path became too long");
        return;
    }
    place_of(w, path, &place);
    doing(w, "lstat of \"%s\"", path);
    if (!returned(w, fstatat(place.at, place.path, &status, AT_SYMLINK_NOFOLLOW), 0) ||
        !same_status(w, name->node, &status))
        return;
    switch (w->nodes[name->node].kind) {
    case REGULAR: compare_file(w, &place, path, name->node); break;
    case LINK: compare_link(w, &place, path, name->node); break;
    default: compare_folder(w, name->node); break;
    }
}

void compare_all(struct worker *w)
{
    compare_folder(w, ROOT);
    for (int i = 0; i < NAMES_MAX && !w->failed; i++)
        if (w->names[i].folder != NONE)
            compare_name(w, &w->names[i]);
    for (int i = 0; i < OPENS_MAX && !w->failed; i++)
        if (w->opens[i].number != NONE && w->opens[i].reads) {
            doing(w, "all of an open file with %u names", w->nodes[w->opens[i].node].names);
            compare_content(w, w->opens[i].node, w->opens[i].number);
        }
    for (int i = 0; i < MAPPINGS_MAX && !w->failed; i++) {
        const struct mapping *m = &w->mappings[i];

        doing(w, "all of a mapping at %u", m->offset);
        if (m->at && touchable(w, m) != 0)
            (void)same_bytes(w, m->at, w->nodes[m->node].content + m->offset, touchable(w, m),
                             m->offset);
    }
    w->compared++;
}

/* ---- the manifest ---- */

static uint32_t crc32_of(const uint8_t *bytes, size_t size)
{
    uint32_t sum = ~UINT32_C(0);

    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~sum;
}

/* Bytes that are no plain characters as %XX. */
static void print_escaped(const char *text)
{
    for (; *text; text++)
        if (*text > ' ' && *text < 0x7f && *text != '%')
            putchar(*text);
        else
            printf("%%%02x", (unsigned char)*text);
}

static void print_name(const struct worker *w, const struct name *name)
{
    static const char *const kinds[] = {"", "file", "folder", "link"};
    const struct node *node = &w->nodes[name->node];
    char path[PATH_ROOM];

    (void)path_of(w, name->folder, name->text, path);
    printf("files-model: %s %u/", kinds[node->kind], w->number);
    print_escaped(path);
    putchar(' ');
    if (node->kind == REGULAR)
        printf("%u %08x", node->size, (unsigned)crc32_of(node->content, node->size));
    if (node->kind == LINK)
        print_escaped(node->target);
    putchar('\n');
    fflush(stdout);
}

void print_manifest(const struct worker *w)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder != NONE)
            print_name(w, &w->names[i]);
}

/* ---- the end ---- */

void close_all(struct worker *w)
{
    for (int i = 0; i < OPENS_MAX; i++)
        if (w->opens[i].number != NONE)
            close_open(w, &w->opens[i]);
    for (int i = 0; i < MAPPINGS_MAX; i++)
        if (w->mappings[i].at)
            unmap(w, &w->mappings[i]);
}

/* What has nothing in it any more. */
static void remove_name(struct worker *w, int name)
{
    const bool folder = w->nodes[w->names[name].node].kind == FOLDER;
    char path[PATH_ROOM];
    struct place place;

    (void)path_of(w, w->names[name].folder, w->names[name].text, path);
    place_of(w, path, &place);
    doing(w, "removing %s at the end", place.path);
    (void)returned(w, unlinkat(place.at, place.path, folder ? AT_REMOVEDIR : 0), 0);
    name_remove(w, name);
}

void remove_all(struct worker *w)
{
    bool left = true;

    close_all(w);
    while (left && !w->failed) {
        left = false;
        for (int i = 0; i < NAMES_MAX && !w->failed; i++) {
            const struct name *name = &w->names[i];

            if (name->folder == NONE)
                continue;
            if (w->nodes[name->node].kind == FOLDER && names_in(w, name->node) != 0)
                left = true;
            else
                remove_name(w, i);
        }
    }
    if (!w->failed)
        compare_folder(w, ROOT);
}
