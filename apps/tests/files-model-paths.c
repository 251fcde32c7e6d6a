/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the calls are given: names, of which there are few, so that they meet again, and paths to what is there and to what is not.
 */
#include "files-model.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { LETTERS = 6, NUMBERS = 4, TARGET_MAX = 200 };

/* ---- names ---- */

/* Bytes that only some formats have in names. */
static void odd_name(struct worker *w, char text[NAME_ROOM])
{
    static const char *const odd[] = {" ",     "a\nb",        "\x01\x02",  "\xff\xfe",
                                      "a:b?*", "caf\xc3\xa9", "trailing.", "\\"};

    strlcpy(text, odd[random_below(w, sizeof(odd) / sizeof(odd[0]))], NAME_ROOM);
}

/* As long as may be, or, one time, a byte longer. */
static void long_name(struct worker *w, char text[NAME_ROOM + 1])
{
    const size_t length = one_in(w, 8) ? NAME_ROOM : NAME_ROOM - 1 - random_below(w, 3);

    memset(text, 'l' + (int)random_below(w, 3), length);
    text[length] = '\0';
}

static void choose_name(struct worker *w, char text[NAME_ROOM + 1])
{
    static const char *const forms[] = {"%c%u", "name-%c%u.text", "%c%u.c",
                                        "A longer name, %c %u.Text"};
    const unsigned dice = (unsigned)random_below(w, 24);
    const char letter = (char)('a' + random_below(w, LETTERS));

    if (dice == 0) {
        long_name(w, text);
    } else if (dice == 1 && w->rules.links) {
        odd_name(w, text);
    } else {
        (void)snprintf(text, NAME_ROOM, forms[dice < 14 ? 0 : dice % 4],
                       !w->rules.case_counts && one_in(w, 3) ? letter - 'a' + 'A' : letter,
                       (unsigned)random_below(w, NUMBERS));
    }
}

/* ---- places in the model ---- */

/* A row of the table, of any kind (NOTHING) or one. */
static int choose_row(struct worker *w, enum kind kind)
{
    const int from = (int)random_below(w, NAMES_MAX);

    for (int i = 0; i < NAMES_MAX; i++) {
        const int name = (from + i) % NAMES_MAX;

        if (w->names[name].folder != NONE &&
            (kind == NOTHING || w->nodes[w->names[name].node].kind == kind))
            return name;
    }
    return NONE;
}

static int choose_folder(struct worker *w)
{
    const int name = one_in(w, 3) ? NONE : choose_row(w, FOLDER);

    return name == NONE ? ROOT : w->names[name].node;
}

/* A name in the folder, if it has one. */
static int choose_in(struct worker *w, int folder)
{
    const int from = (int)random_below(w, NAMES_MAX);

    for (int i = 0; i < NAMES_MAX; i++)
        if (w->names[(from + i) % NAMES_MAX].folder == folder)
            return (from + i) % NAMES_MAX;
    return NONE;
}

/* Through something of any kind, which may be none that has names in it. */
static bool odd_path(struct worker *w, const char *text, char path[PATH_ROOM])
{
    const int name = choose_row(w, NOTHING);

    if (name == NONE || !path_of(w, w->names[name].folder, w->names[name].text, path) ||
        strlen(path) + 1 + strlen(text) >= PATH_ROOM)
        return false;
    strlcat(path, "/", PATH_ROOM);
    strlcat(path, text, PATH_ROOM);
    return true;
}

/* The same place in other words. */
static void embellish(struct worker *w, char path[PATH_ROOM])
{
    static const char *const heads[] = {"./", ".//", "./././"};
    const char *head = heads[random_below(w, 3)];

    size_t n = strlen(head);

    if (strlen(path) + n >= PATH_ROOM)
        return;
    memmove(path + n, path, strlen(path) + 1);
    while (n-- > 0)
        path[n] = head[n];
}

void place_of(struct worker *w, const char *path, struct place *place)
{
    place->at = one_in(w, 2) ? AT_FDCWD : w->root;
    (void)snprintf(place->path, sizeof(place->path), "%s%s%s", place->at == AT_FDCWD ? w->base : "",
                   place->at == AT_FDCWD ? "/" : "",
                   path[0] != '\0' || place->at == AT_FDCWD ? path : ".");
}

void choose_path(struct worker *w, bool follow, struct place *place, struct found *found)
{
    char path[PATH_ROOM], text[NAME_ROOM + 1];
    const int folder = choose_folder(w), name = one_in(w, 3) ? NONE : choose_in(w, folder);

    choose_name(w, text);
    if (name != NONE)
        strlcpy(text, w->names[name].text, NAME_ROOM);
    if (!(one_in(w, 8) && odd_path(w, text, path)) && !path_of(w, folder, text, path))
        (void)path_of(w, ROOT, text, path);
    if (one_in(w, 8))
        embellish(w, path);
    walk(w, path, follow, found);
    place_of(w, path, place);
}

bool choose_kind(struct worker *w, enum kind kind, struct place *place, struct found *found)
{
    const int name = choose_row(w, kind);
    char path[PATH_ROOM];

    if (name == NONE || !path_of(w, w->names[name].folder, w->names[name].text, path))
        return false;
    walk(w, path, false, found);
    place_of(w, path, place);
    return true;
}

/* ---- what the model has room for ---- */

bool may_make(const struct worker *w, const struct found *found)
{
    char path[PATH_ROOM];

    return has_free_name(w) && count_of(w, NOTHING) != 0 && found->folder != NONE &&
           depth_of(w, found->folder) < DEPTH_MAX - 1 &&
           path_of(w, found->folder, found->text, path);
}

bool may_lose_name(const struct worker *w, int node)
{
    const struct node *n = &w->nodes[node];

    return w->rules.unlinked || n->names > 1 || (n->opens == 0 && n->mappings == 0);
}

/* To something that is there, seen from a folder or from the root of all; to nothing; to itself. */
void choose_target(struct worker *w, char target[PATH_ROOM])
{
    const int name = choose_row(w, NOTHING);
    char path[PATH_ROOM];

    choose_name(w, target);
    if (name == NONE || one_in(w, 3) ||
        !path_of(w, w->names[name].folder, w->names[name].text, path))
        return;
    if (strlen(path) + strlen(w->base) + 1 >= TARGET_MAX || one_in(w, 4))
        strlcpy(target, one_in(w, 2) ? "." : "..", PATH_ROOM);
    else if (one_in(w, 2))
        (void)snprintf(target, PATH_ROOM, "%s/%s", w->base, path);
    else
        strlcpy(target, path, PATH_ROOM);
}
