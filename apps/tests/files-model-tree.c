/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: nodes, their content, their names, and where a path leads. It knows nothing of the system.
 */
#include "files-model.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- nodes ---- */

int node_make(struct worker *w, enum kind kind)
{
    for (int i = 0; i < NODES_MAX; i++)
        if (w->nodes[i].kind == NOTHING) {
            w->nodes[i] = (struct node){.kind = kind};
            return i;
        }
    return NONE;
}

void node_release(struct worker *w, int number)
{
    struct node *node = &w->nodes[number];

    if (number == ROOT || node->names != 0 || node->opens != 0 || node->mappings != 0)
        return;
    w->total -= node->size;
    free(node->content);
    free(node->target);
    *node = (struct node){.kind = NOTHING};
}

static bool have_room(struct node *node, uint64_t size)
{
    uint64_t room = node->room ? node->room : PAGE;

    while (room < size)
        room *= 2;
    if (room <= node->room)
        return true;
    uint8_t *content = realloc(node->content, room);

    if (!content)
        return false;
    memset(content + node->room, 0, room - node->room);
    node->content = content;
    node->room = (uint32_t)room;
    return true;
}

bool node_resize(struct worker *w, int number, uint64_t size)
{
    struct node *node = &w->nodes[number];

    if (!have_room(node, size)) {
        fails(w, "there is no memory for the model");
        return false;
    }
    if (size < node->size)
        memset(node->content + size, 0, node->size - size);
    w->total += size - node->size;
    node->size = (uint32_t)size;
    return true;
}

void node_write(struct worker *w, int number, uint64_t offset, const void *bytes, size_t size)
{
    struct node *node = &w->nodes[number];

    if (size == 0 || (offset + size > node->size && !node_resize(w, number, offset + size)))
        return;
    memcpy(node->content + offset, bytes, size);
    w->bytes += size;
}

void node_changed(struct worker *w, int number)
{
    struct node *node = &w->nodes[number];

    if (node->exact && w->clock_is_set)
        node->later = true;
    else if (node->exact)
        node->modified = (struct timespec){0};
    node->exact = false;
}

unsigned count_of(const struct worker *w, enum kind kind)
{
    unsigned count = 0;

    for (int i = 0; i < NODES_MAX; i++)
        count += w->nodes[i].kind == kind;
    return count;
}

/* ---- names ---- */

unsigned names_in(const struct worker *w, int folder)
{
    unsigned count = 0;

    for (int i = 0; i < NAMES_MAX; i++)
        count += w->names[i].folder == folder;
    return count;
}

int name_find(const struct worker *w, int folder, const char *text)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder == folder &&
            (w->rules.case_counts ? strcmp(w->names[i].text, text)
                                  : strcasecmp(w->names[i].text, text)) == 0)
            return i;
    return NONE;
}

int name_of_folder(const struct worker *w, int folder)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder != NONE && w->names[i].node == folder)
            return i;
    return NONE;
}

bool has_free_name(const struct worker *w)
{
    return names_in(w, NONE) != 0;
}

int name_add(struct worker *w, int folder, const char *text, int node)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder == NONE) {
            w->names[i].folder = folder;
            w->names[i].node = node;
            strlcpy(w->names[i].text, text, sizeof(w->names[i].text));
            w->nodes[node].names++;
            return i;
        }
    return NONE;
}

void name_move(struct worker *w, int name, int folder, const char *text)
{
    w->names[name].folder = folder;
    strlcpy(w->names[name].text, text, sizeof(w->names[name].text));
}

void name_remove(struct worker *w, int name)
{
    const int node = w->names[name].node;

    w->names[name].folder = NONE;
    w->nodes[node].names--;
    node_release(w, node);
}

/* ---- places ---- */

static int above(const struct worker *w, int folder)
{
    return folder == ROOT ? ROOT : w->names[name_of_folder(w, folder)].folder;
}

bool lies_in(const struct worker *w, int folder, int node)
{
    while (folder != node && folder != ROOT)
        folder = above(w, folder);
    return folder == node;
}

unsigned depth_of(const struct worker *w, int folder)
{
    unsigned depth = 0;

    for (; folder != ROOT; folder = above(w, folder))
        depth++;
    return depth;
}

bool path_of(const struct worker *w, int folder, const char *text, char path[PATH_ROOM])
{
    size_t at = PATH_ROOM - 1, length = strlen(text);
    char whole[PATH_ROOM];

    whole[at] = '\0';
    for (;;) {
        if (length + 1 > at)
            return false;
        at -= length;
        memcpy(whole + at, text, length);
        if (folder == ROOT)
            break;
        const int name = name_of_folder(w, folder);

        if (whole[at] != '\0')
            whole[--at] = '/';
        text = w->names[name].text;
        length = strlen(text);
        folder = w->names[name].folder;
    }
    memcpy(path, whole + at, PATH_ROOM - at);
    return true;
}

size_t length_below(const struct worker *w, int folder, unsigned *depth)
{
    char path[PATH_ROOM];
    size_t most = 0;

    *depth = 0;
    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[i].folder != NONE && lies_in(w, w->names[i].folder, folder) &&
            path_of(w, w->names[i].folder, w->names[i].text, path)) {
            const unsigned down = depth_of(w, w->names[i].folder) - depth_of(w, folder) + 1;
            const size_t length = strlen(path);

            *depth = down > *depth ? down : *depth;
            most = length > most ? length : most;
        }
    return most;
}

/* ---- walks ---- */

enum {
    LINKS_SURE = 20,  /* so many a walk may have anywhere */
    LINKS_LOOP = 400, /* more than that is a loop */
    REST_ROOM = 2 * PATH_ROOM,
    REST_SURE = WHOLE_ROOM - BASE_ROOM, /* a path may have so many bytes anywhere */
};

/* The text that a link puts before what is left. False: it is too long to be told what comes of it. */
static bool put_before(const struct worker *w, const char *target, char rest[REST_ROOM], int *at)
{
    const size_t base = strlen(w->base), length = strlen(rest);

    if (target[0] == '/') {
        if (strncmp(target, w->base, base) != 0)
            return false;
        target += base;
        *at = ROOT;
    }
    const size_t head = strlen(target);

    if (head + 1 + length >= REST_SURE)
        return false;
    memmove(rest + head + 1, rest, length + 1);
    memcpy(rest, target, head + 1);
    rest[head] = '/';
    return true;
}

static void take_name(char rest[REST_ROOM], char text[REST_ROOM])
{
    const char *from = rest + strspn(rest, "/");
    const size_t length = strcspn(from, "/");
    const char *next = from + length;

    memcpy(text, from, length);
    text[length] = '\0';
    next += strspn(next, "/");
    memmove(rest, next, strlen(next) + 1);
}

static int step_error(const struct worker *w, int at, const char *text)
{
    if (w->nodes[at].kind != FOLDER)
        return ENOTDIR;
    return strlen(text) >= NAME_ROOM ? ENAMETOOLONG : 0;
}

/* A name that is no link to be followed. True: the walk is over. */
static bool take_step(const struct worker *w, const char *text, bool last, int *at,
                      struct found *found)
{
    if (strcmp(text, ".") == 0)
        return false;
    if (strcmp(text, "..") == 0) {
        found->unclear = *at == ROOT;
        *at = above(w, *at);
        return found->unclear;
    }
    found->name = name_find(w, *at, text);
    found->node = found->name == NONE ? NONE : w->names[found->name].node;
    if (last) {
        found->folder = *at;
        strlcpy(found->text, text, sizeof(found->text));
        return true;
    }
    if (found->node == NONE)
        found->error = ENOENT;
    *at = found->node;
    return found->node == NONE;
}

void walk(const struct worker *w, const char *path, bool follow, struct found *found)
{
    char rest[REST_ROOM], text[REST_ROOM];
    unsigned links = 0;
    int at = ROOT;

    *found = (struct found){.folder = NONE, .name = NONE, .node = ROOT};
    strlcpy(rest, path, sizeof(rest));
    while (rest[strspn(rest, "/")] != '\0') {
        take_name(rest, text);
        found->error = step_error(w, at, text);
        if (found->error != 0)
            return;
        const int name = name_find(w, at, text);
        const struct node *node = name == NONE ? NULL : &w->nodes[w->names[name].node];

        if (node && node->kind == LINK && (rest[0] != '\0' || follow)) {
            if (++links > LINKS_LOOP) {
                found->error = ELOOP;
                return;
            }
            found->unclear = !put_before(w, node->target, rest, &at);
            if (found->unclear)
                return;
            continue;
        }
        if (take_step(w, text, rest[0] == '\0', &at, found)) {
            found->unclear |= links > LINKS_SURE;
            return;
        }
        found->folder = found->name = NONE;
    }
    found->node = at;
    found->unclear |= links > LINKS_SURE;
}
