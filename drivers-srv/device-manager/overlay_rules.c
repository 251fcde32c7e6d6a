/* SPDX-License-Identifier: BSD-2-Clause */
/* Which overlay belongs to which machine: reading overlays.conf. See overlay.h; the language is in dts/overlays/overlays.conf itself. */
#include "overlay.h"

#include <string.h>

enum { WORDS_MAX = 10 };

struct line {
    struct reason *reason;
    unsigned number;
    unsigned words;
    char *word[WORDS_MAX];
};

static kern_return_t bad(const struct line *line, const char *what, const char *word)
{
    return reason_set(line->reason, KERN_BAD_FORMAT, "line %u: %s: %s", line->number, what, word);
}

static kern_return_t add_words(const struct line *line, const char **list, unsigned *count,
                               bool paths)
{
    if (line->words < 2)
        return bad(line, "too few words after", line->word[0]);
    for (unsigned i = 1; i < line->words; i++) {
        if (*count == OVERLAY_CONDITIONS_MAX)
            return bad(line, "too many words of this kind", line->word[i]);
        if (paths && line->word[i][0] != '/')
            return bad(line, "this is no path", line->word[i]);
        list[(*count)++] = line->word[i];
    }
    return KERN_SUCCESS;
}

static kern_return_t add_symbol(const struct line *line, struct overlay_rule *rule)
{
    if (line->words != 3 || line->word[2][0] != '/')
        return bad(line, "a label and a path belong after", line->word[0]);
    if (rule->symbols == OVERLAY_SYMBOLS_MAX)
        return bad(line, "too many of", line->word[0]);
    rule->symbol[rule->symbols++] = (struct overlay_symbol){line->word[1], line->word[2]};
    return KERN_SUCCESS;
}

static kern_return_t read_line(const struct line *line, struct overlay_rules *out)
{
    const char *key = line->word[0];
    struct overlay_rule *rule;

    if (strcmp(key, "overlay") == 0) {
        if (line->words != 2 || strlen(line->word[1]) > 64)
            return bad(line, "one file belongs after", key);
        if (out->count == OVERLAYS_MAX)
            return bad(line, "too many of", key);
        out->rule[out->count++].file = line->word[1];
        return KERN_SUCCESS;
    }
    if (out->count == 0)
        return bad(line, "it has to begin with", "overlay");
    rule = &out->rule[out->count - 1];
    if (strcmp(key, "compatible") == 0)
        return add_words(line, rule->compatible, &rule->compatibles, false);
    if (strcmp(key, "node") == 0)
        return add_words(line, rule->node, &rule->nodes, true);
    if (strcmp(key, "without") == 0)
        return add_words(line, rule->without, &rule->withouts, true);
    if (strcmp(key, "symbol") == 0)
        return add_symbol(line, rule);
    return bad(line, "there is no such key", key);
}

/* Cut the line at *at into words. */
static kern_return_t cut_line(char **at, struct line *line)
{
    char *p = *at;

    line->words = 0;
    line->number++;
    while (*p != '\0' && *p != '\n') {
        if (*p == ' ' || *p == '\t') {
            *p++ = '\0';
        } else if (*p == '#') {
            while (*p != '\0' && *p != '\n')
                *p++ = '\0';
        } else if (line->words == WORDS_MAX) {
            return bad(line, "too many words", p);
        } else {
            line->word[line->words++] = p;
            p += strcspn(p, " \t\n");
        }
    }
    if (*p == '\n')
        *p++ = '\0';
    *at = p;
    return KERN_SUCCESS;
}

kern_return_t overlay_rules_read(const char *text, size_t size, struct overlay_rules *out,
                                 struct reason *reason)
{
    struct line line = {.reason = reason};
    kern_return_t result = KERN_SUCCESS;

    *out = (struct overlay_rules){0};
    if (size > OVERLAYS_TEXT_MAX || memchr(text, '\0', size) != NULL)
        return reason_set(reason, KERN_BAD_FORMAT, "it is longer than %u bytes, or no text",
                          (unsigned)OVERLAYS_TEXT_MAX);
    memcpy(out->text, text, size);
    for (char *at = out->text; result == KERN_SUCCESS && *at != '\0';) {
        result = cut_line(&at, &line);
        if (result == KERN_SUCCESS && line.words > 0)
            result = read_line(&line, out);
    }
    for (unsigned i = 0; result == KERN_SUCCESS && i < out->count; i++)
        if (out->rule[i].compatibles == 0)
            result = reason_set(reason, KERN_BAD_FORMAT,
                                "overlay %s: no compatible: it belongs to no machine",
                                out->rule[i].file);
    return result;
}

bool overlay_applies(const struct overlay_rule *rule, const struct tree *tree)
{
    struct tree_value compatible = tree_get(tree, 0, "compatible");
    bool fits = false;

    for (unsigned i = 0; i < rule->compatibles; i++)
        fits = fits || value_has_string(compatible, rule->compatible[i]);
    for (unsigned i = 0; i < rule->nodes; i++)
        fits = fits && tree_find(tree, rule->node[i]) != TREE_NONE;
    for (unsigned i = 0; i < rule->withouts; i++)
        fits = fits && tree_find(tree, rule->without[i]) == TREE_NONE;
    return fits;
}
