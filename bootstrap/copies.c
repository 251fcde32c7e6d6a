/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See copies.h.
 */
#include "copies.h"
#include "reader.h"
#include <string.h>

/* `head.tail`, with zeros behind it; false: it does not fit. */
static bool join(char out[WORD_SIZE], const char *head, const char *tail)
{
    const size_t first = strlen(head), second = strlen(tail);
    if (first + 1 + second >= WORD_SIZE)
        return false;
    char joined[WORD_SIZE] = {0};
    memcpy(joined, head, first + 1);
    joined[first] = '.';
    memcpy(joined + first + 1, tail, second + 1);
    memcpy(out, joined, WORD_SIZE);
    return true;
}

static bool is_name(const char *text)
{
    char out[WORD_SIZE];
    struct description_error error;
    struct reader r = {.next = text, .eol = text + strlen(text), .error = &error};
    return reader_take_name(&r, out) == KERN_SUCCESS && r.next == r.eol && strcmp(out, text) == 0;
}

static bool add_arguments(char to[ARGUMENTS_SIZE], const char *more)
{
    size_t n = strlen(to);
    const size_t size = strlen(more);
    for (size_t i = 0; i < size; i++)
        if (more[i] < ' ' || more[i] == 127)
            return false;
    if (size == 0)
        return true;
    if (size + 1 >= ARGUMENTS_SIZE - n)
        return false;
    if (n > 0)
        to[n++] = ' ';
    memcpy(to + n, more, size + 1);
    return true;
}

kern_return_t copies_recipe(const struct recipe *of, const char *name, const char *arguments,
                            struct recipe *out)
{
    memcpy(out, of, sizeof(*out));
    if (!is_name(name) || !join(out->name, of->name, name) || of->provides_count == PROVIDES_MAX ||
        !add_arguments(out->arguments, arguments))
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < of->provides_count; i++)
        if (!join(out->provides[i], out->name, of->provides[i]))
            return KERN_INVALID_ARGUMENT;
    memcpy(out->provides[out->provides_count++], out->name, WORD_SIZE);
    memcpy(out->copy_of, of->name, WORD_SIZE);
    out->copies = 0;
    return KERN_SUCCESS;
}

const struct recipe *copies_find(const struct description *description, const char *name,
                                 const char *maker)
{
    for (unsigned i = 0; i < description->count; i++) {
        const struct recipe *recipe = &description->recipe[i];
        if (recipe_is_for_copies(recipe) && strcmp(recipe->name, name) == 0 &&
            strcmp(recipe->maker, maker) == 0)
            return recipe;
    }
    return NULL;
}
