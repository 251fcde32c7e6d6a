/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See expand.h.
 */
#include "expand.h"
#include <stdbool.h>
#include <string.h>

struct output {
    char *at;
    size_t used;
};

static bool put(struct output *out, const char *bytes, size_t count)
{
    if (count > EXPANDED_MAX - out->used)
        return false;
    memcpy(out->at + out->used, bytes, count);
    out->used += count;
    return true;
}

/* The value of NAME=VALUE among words; NULL: there is none. */
static const char *value_of(const char *arguments, const char *name, size_t length, size_t *size)
{
    for (const char *word = arguments; *word != '\0'; word += strspn(word, " ")) {
        const size_t n = strcspn(word, " ");
        if (n > length && strncmp(word, name, length) == 0 && word[length] == '=') {
            *size = n - length - 1;
            return word + length + 1;
        }
        word += n;
    }
    return NULL;
}

/* What stands between `$(` and `)`. */
static kern_return_t put_value(struct output *out, const char *name, size_t size,
                               const char *arguments)
{
    const char *colon = memchr(name, ':', size);
    const size_t length = colon ? (size_t)(colon - name) : size;
    size_t value_size = 0;
    const char *value = length > 0 ? value_of(arguments, name, length, &value_size) : NULL;

    if (length == 0 || (!value && !colon))
        return KERN_BAD_FORMAT;
    if (!value) {
        value = colon + 1;
        value_size = size - length - 1;
    }
    return put(out, value, value_size) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

kern_return_t expand(const char *text, size_t size, const char *arguments, char *out,
                     size_t *out_size, unsigned *line)
{
    struct output output = {.at = out};
    kern_return_t kr = KERN_SUCCESS;

    *line = 1;
    for (size_t i = 0; i < size && kr == KERN_SUCCESS; i++) {
        if (text[i] != '$' || i + 1 == size || text[i + 1] != '(') {
            *line += text[i] == '\n';
            kr = put(&output, &text[i], 1) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
            continue;
        }
        const char *name = text + i + 2, *end = memchr(name, ')', size - i - 2);
        if (!end || memchr(name, '\n', (size_t)(end - name)))
            return KERN_BAD_FORMAT;
        kr = put_value(&output, name, (size_t)(end - name), arguments);
        i = (size_t)(end - text);
    }
    *out_size = output.used;
    return kr;
}
