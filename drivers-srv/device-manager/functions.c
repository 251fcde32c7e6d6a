/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices behind buses. See functions.h. */
#include "functions.h"

#include <stdio.h>
#include <string.h>

/* A text of one line, to stand in a comment of a recipe. */
static bool is_text(const char *text, size_t size, bool blanks)
{
    size_t length = strnlen(text, size);

    if (length == 0 || length == size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < (blanks ? ' ' : '!') || text[i] >= 0x7f || text[i] == '#')
            return false;
    return true;
}

/* The first word that a manifest matches. Manifests with probes are for nodes. */
static void match(struct function *f, const struct manifest_set *manifests)
{
    char words[FUNCTION_MATCH_MAX], *save = NULL;

    f->driver = NULL;
    (void)snprintf(words, sizeof(words), "%s", f->match);
    for (char *word = strtok_r(words, " ", &save); word != NULL && f->driver == NULL;
         word = strtok_r(NULL, " ", &save)) {
        for (unsigned i = 0; i < manifests->count && f->driver == NULL; i++) {
            const struct manifest *m = manifests->all[i];

            for (unsigned k = 0; k < m->compatibles && m->probes == 0; k++)
                if (strcmp(m->compatible[k], word) == 0) {
                    f->driver = m;
                    f->matched = m->compatible[k];
                }
        }
    }
    if (f->driver == NULL) {
        (void)reason_set(&f->why, KERN_NOT_FOUND, "no manifest matches what it is");
    } else if (f->driver->missing) {
        (void)reason_set(&f->why, KERN_NOT_FOUND,
                         "driver %s is for it, but its program %s is not there", f->driver->name,
                         f->driver->file);
        f->driver = NULL;
    }
}

struct function *function_at(struct function_set *set, const char *bus, const char *address)
{
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++)
        if (set->all[i].used && strcmp(set->all[i].bus, bus) == 0 &&
            strcmp(set->all[i].address, address) == 0)
            return &set->all[i];
    return NULL;
}

/* As the kernel keeps names, and as the manager gives them (hardware.c). */
enum { KERNEL_NAME_MAX = 63, NODE_NAME_MAX = 60 };

bool function_is_behind(const char *bus, const char *address, const char *name, const char *part_of)
{
    const char *last = strrchr(bus, '/');
    char node[NODE_NAME_MAX + 1];

    (void)snprintf(node, sizeof(node), "%s", last != NULL ? last + 1 : bus);
    return node[0] != '\0' && strcmp(node, part_of) == 0 &&
           strncmp(address, name, KERNEL_NAME_MAX) == 0;
}

/* ---- Rounds, places (F3) ---- */

static uint32_t round_of(const struct function_set *set, const char *bus)
{
    uint32_t latest = 0;

    for (unsigned i = 0; i < FUNCTIONS_MAX; i++)
        if (set->all[i].used && strcmp(set->all[i].bus, bus) == 0 && set->all[i].round > latest)
            latest = set->all[i].round;
    return latest;
}

/* How willingly a place is used for a function of `bus`; 0: not at all. */
static unsigned willingness(const struct function *f, const char *bus, uint32_t round)
{
    if (!f->used)
        return 4;
    if (f->lost)
        return 3;
    if (f->driver == NULL)
        return 2;
    return strcmp(f->bus, bus) == 0 && f->round < round ? 1 : 0;
}

static struct function *place_for(struct function_set *set, const char *bus, uint32_t round)
{
    struct function *best = NULL;
    unsigned most = 0;

    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        unsigned how = willingness(&set->all[i], bus, round);

        if (how > most) {
            most = how;
            best = &set->all[i];
        }
    }
    if (best != NULL && best->used && set->drop != NULL)
        set->drop(best);
    return best;
}

kern_return_t function_found(struct function_set *set, const struct manifest_set *manifests,
                             const char *bus, const char *address, const char *what,
                             struct function **out)
{
    struct function *f;
    uint32_t round;
    bool same;

    if (!is_text(bus, FUNCTION_BUS_MAX, false) || !is_text(address, FUNCTION_ADDRESS_MAX, false) ||
        !is_text(what, FUNCTION_MATCH_MAX, true))
        return KERN_INVALID_ARGUMENT;
    f = function_at(set, bus, address);
    round = round_of(set, bus);
    if (f != NULL && f->round == round)
        round++;
    same = f != NULL && strcmp(f->match, what) == 0;
    if (f == NULL)
        f = place_for(set, bus, round);
    if (f == NULL)
        return KERN_RESOURCE_SHORTAGE;
    if (!same) {
        *f = (struct function){.used = true};
        (void)snprintf(f->bus, sizeof(f->bus), "%s", bus);
        (void)snprintf(f->address, sizeof(f->address), "%s", address);
        (void)snprintf(f->match, sizeof(f->match), "%s", what);
        match(f, manifests);
    }
    f->round = round;
    *out = f;
    return KERN_SUCCESS;
}

bool function_recipe(struct function *f, uint32_t number, struct text *out)
{
    const struct manifest *m = f->driver;
    struct text name = text_in(f->name, sizeof(f->name));

    text_add(&name, "%s%u", m->instance, (unsigned)number);
    text_add(out, "program %s\n", f->name);
    text_add(out, "file %s\n", m->file);
    text_add(out, "arguments service=%s.%s node=%s/%s address=%s compatible=%s%s%s\n", m->class,
             f->name, f->bus, f->address, f->address, f->matched,
             m->arguments[0] != '\0' ? " " : "", m->arguments);
    text_add(out, "provides %s.%s\n", m->class, f->name);
    for (const char *line = m->recipe; *line != '\0';) {
        int length = (int)strcspn(line, "\n");

        text_add(out, "%.*s\n", length, line);
        line += length + 1;
    }
    return !out->cut;
}

void function_explain(const struct function *f, const char *state, struct text *out)
{
    text_add(out, "%s/%s\n", f->bus, f->address);
    text_add(out, "compatible: %s\n", f->match);
    if (f->driver == NULL || f->name[0] == '\0') {
        text_add(out, "no driver: %s\n", f->why.text);
        return;
    }
    if (f->lost)
        text_add(out, "note: it is gone\n");
    text_add(out, "driver: %s, for %s, as %s, service %s.%s\n", f->driver->name, f->matched,
             f->name, f->driver->class, f->name);
    if (state != NULL)
        text_add(out, "state: %s\n", state);
}
