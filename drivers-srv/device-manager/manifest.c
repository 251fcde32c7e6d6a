/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading manifests, and what may stand beside what. See manifest.h.
 *
 * The text is copied and cut into words in place. Each key has one row in `keys`: how many words it takes, whether it may be repeated, and
 * the function that reads it; keys of the recipe are checked as far as their form goes and kept as they are.
 */
#include "manifest.h"
#include "manifest_impl.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 32 };

kern_return_t manifest_bad(const struct manifest_line *line, const char *what, const char *word)
{
    return reason_set(line->reason, KERN_BAD_FORMAT, "line %u: %s%s%s", line->number, what,
                      word[0] != '\0' ? ": " : "", word);
}

/* Cut the line at *at into words, up to its end or a word that begins with '#'. False: there is no further line. */
static kern_return_t cut_line(char **at, struct manifest_line *line)
{
    char *p = *at;

    line->words = 0;
    line->number++;
    while (*p != '\0' && *p != '\n') {
        if (*p == ' ' || *p == '\t') {
            *p++ = '\0';
            continue;
        }
        if (*p == '#') {
            while (*p != '\0' && *p != '\n')
                *p++ = '\0';
            break;
        }
        if (line->words == WORDS_MAX)
            return manifest_bad(line, "too many words", "");
        line->word[line->words++] = p;
        while (*p != '\0' && *p != '\n' && *p != ' ' && *p != '\t')
            p++;
    }
    if (*p == '\n')
        *p++ = '\0';
    *at = p;
    return KERN_SUCCESS;
}

static kern_return_t read_line(struct manifest *m, struct manifest_line *line, uint32_t *seen)
{
    const struct manifest_key *key = manifest_key(line->word[0]);
    unsigned words = line->words - 1;
    uint32_t bit;

    if (key == NULL)
        return manifest_bad(line, "there is no such key", line->word[0]);
    if (words < key->least)
        return manifest_bad(line, "too few words after", line->word[0]);
    if (words > key->most)
        return manifest_bad(line, "too many words after", line->word[0]);
    if (m->name == NULL && key->read != manifest_read_driver)
        return manifest_bad(line, "a manifest begins with", "driver");
    bit = UINT32_C(1) << (key - manifest_key_first());
    if ((*seen & bit) != 0 && !key->repeated)
        return manifest_bad(line, "a second", line->word[0]);
    *seen |= bit;
    return key->read(m, line);
}

/* What every manifest has to say, and what follows from what it says. */
static kern_return_t complete(struct manifest *m, struct reason *reason)
{
    if (m->name == NULL)
        return reason_set(reason, KERN_BAD_FORMAT, "it describes no driver");
    if (m->compatibles == 0)
        return reason_set(reason, KERN_BAD_FORMAT, "driver %s: nothing is compatible with it",
                          m->name);
    if (m->class == NULL)
        return reason_set(reason, KERN_BAD_FORMAT, "driver %s: no class", m->name);
    if (m->file == NULL)
        m->file = m->name;
    if (m->instance == NULL)
        m->instance = m->class;
    if (m->probes > 0 && m->ranges.least == 0)
        return reason_set(reason, KERN_BAD_FORMAT, "driver %s: a probe, but no ranges", m->name);
    return KERN_SUCCESS;
}

static kern_return_t check_text(const char *text, size_t size, struct reason *reason)
{
    unsigned line = 1;

    if (size > MANIFEST_TEXT_MAX)
        return reason_set(reason, KERN_BAD_FORMAT, "it has %zu bytes, more than %u", size,
                          (unsigned)MANIFEST_TEXT_MAX);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            line++;
        else if (text[i] != '\t' && (text[i] < ' ' || text[i] >= 0x7f))
            return reason_set(reason, KERN_BAD_FORMAT, "line %u: a byte that is no text", line);
    }
    return KERN_SUCCESS;
}

kern_return_t manifest_read(const char *text, size_t size, struct manifest **out,
                            struct reason *reason)
{
    char *word[WORDS_MAX];
    struct manifest_line line = {.reason = reason, .word = word};
    kern_return_t result = check_text(text, size, reason);
    struct manifest *m;
    uint32_t seen = 0;

    if (result != KERN_SUCCESS)
        return result;
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory for a manifest");
    memcpy(m->text, text, size);
    for (char *at = m->text; result == KERN_SUCCESS && *at != '\0';) {
        result = cut_line(&at, &line);
        if (result == KERN_SUCCESS && line.words > 0)
            result = read_line(m, &line, &seen);
    }
    if (result == KERN_SUCCESS)
        result = complete(m, reason);
    if (result == KERN_SUCCESS)
        *out = m;
    else
        free(m);
    return result;
}

bool manifest_matches(const struct manifest *manifest, const char *compatible)
{
    for (unsigned i = 0; i < manifest->compatibles; i++)
        if (strcmp(manifest->compatible[i], compatible) == 0)
            return true;
    return false;
}

/* ---- Sets ---- */

static bool same_probe(const struct manifest *a, const struct manifest *b)
{
    /* Different if some register would have to hold two values. */
    for (unsigned i = 0; i < a->probes; i++)
        for (unsigned k = 0; k < b->probes; k++) {
            uint32_t mask = a->probe[i].mask & b->probe[k].mask;

            if (a->probe[i].offset == b->probe[k].offset &&
                (a->probe[i].value & mask) != (b->probe[k].value & mask))
                return false;
        }
    return true;
}

static kern_return_t check_against(const struct manifest *there, const struct manifest *m,
                                   struct reason *reason)
{
    if (strcmp(there->name, m->name) == 0)
        return reason_set(reason, KERN_EXISTS, "there is a driver %s already", m->name);
    for (unsigned i = 0; i < m->compatibles; i++)
        if (manifest_matches(there, m->compatible[i]) && same_probe(there, m))
            return reason_set(reason, KERN_EXISTS, "driver %s: %s is what %s drives already",
                              m->name, m->compatible[i], there->name);
    return KERN_SUCCESS;
}

kern_return_t manifest_set_add(struct manifest_set *set, struct manifest *manifest,
                               struct reason *reason)
{
    kern_return_t result = KERN_SUCCESS;

    if (set->count == MANIFESTS_MAX)
        result = reason_set(reason, KERN_RESOURCE_SHORTAGE, "more than %u manifests",
                            (unsigned)MANIFESTS_MAX);
    for (unsigned i = 0; result == KERN_SUCCESS && i < set->count; i++)
        result = check_against(set->all[i], manifest, reason);
    if (result == KERN_SUCCESS)
        set->all[set->count++] = manifest;
    else
        free(manifest);
    return result;
}

void manifest_set_free(struct manifest_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        free(set->all[i]);
    set->count = 0;
}
