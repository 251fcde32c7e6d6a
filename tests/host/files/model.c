/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See model.h.
 */
#include "model.h"
#include "../check.h"

static const char *const names[NAMES_MAX] = {"a", "b", "c", "dd", "eee", "f-f"};
struct model nodes[NODES];
struct model *model_root;

/* ---- the model ---- */

struct model *new_node(uint32_t kind)
{
    for (unsigned i = 0; i < NODES; i++)
        if (!nodes[i].used) {
            uint8_t *bytes = nodes[i].bytes;
            nodes[i] = (struct model){.kind = kind, .bytes = bytes, .used = true};
            if (kind == FILE_KIND_REGULAR && !bytes)
                nodes[i].bytes = malloc(SIZE_MAX_MODEL);
            if (kind == FILE_KIND_REGULAR)
                memset(nodes[i].bytes, 0, SIZE_MAX_MODEL);
            return &nodes[i];
        }
    return NULL;
}

bool have_node(void)
{
    for (unsigned i = 0; i < NODES; i++)
        if (!nodes[i].used)
            return true;
    return false;
}

void maybe_free(struct model *node)
{
    if (node->links == 0 && node->open == MSG_NULL)
        node->used = false;
}

static int number_of(const char *name)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* One name at a time, the rest by calling itself. */
static void walk(struct place *place, struct model *at, const char *path, bool follow)
{
    char name[64];
    const size_t size = strcspn(path, "/");
    const char *next = path + size + strspn(path + size, "/");
    const bool last = *next == '\0', slash = path[size] == '/';

    place->node = at;
    place->folder = NULL;
    place->name = -1;
    if (*path == '\0')
        return;
    if (at->kind != FILE_KIND_FOLDER) {
        place->error = ENOTDIR;
        return;
    }
    memcpy(name, path, size);
    name[size] = '\0';
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        walk(place, name[1] ? at->parent : at, next, follow);
        return;
    }
    struct model *found = at->child[number_of(name)];
    if (found && found->kind == FILE_KIND_LINK && (!last || slash || follow)) {
        char joined[256];
        if (++place->links > DEPTH) {
            place->error = ELOOP;
            return;
        }
        snprintf(joined, sizeof(joined), "%s%s%s", found->content, !last || slash ? "/" : "", next);
        walk(place, at, joined, follow);
        return;
    }
    if (!last) {
        if (!found)
            place->error = ENOENT;
        else
            walk(place, found, next, follow);
        return;
    }
    place->folder = at;
    place->node = found;
    place->name = number_of(name);
    if (found && slash && found->kind != FILE_KIND_FOLDER)
        place->error = ENOTDIR;
}

struct place find(const char *path, bool follow)
{
    struct place place = {.error = 0};

    walk(&place, model_root, path, follow);
    return place;
}

bool is_empty(const struct model *folder)
{
    for (int i = 0; i < NAMES_MAX; i++)
        if (folder->child[i])
            return false;
    return true;
}

void enter(struct model *folder, int name, struct model *node)
{
    folder->child[name] = node;
    node->links++;
    if (node->kind == FILE_KIND_FOLDER)
        node->parent = folder;
}

void leave(struct model *folder, int name)
{
    struct model *node = folder->child[name];

    folder->child[name] = NULL;
    node->links--;
    maybe_free(node);
}

/* ---- random paths ---- */

void random_path(char *out)
{
    unsigned n = 1 + (unsigned)check_below(PATH_NAMES);

    out[0] = '\0';
    while (n-- > 0) {
        const uint64_t kind = check_below(12);
        strcat(out, kind == 0 ? "." : kind == 1 ? ".." : names[check_below(NAMES_MAX)]);
        if (n > 0)
            strcat(out, kind == 2 ? "//" : "/");
    }
}
