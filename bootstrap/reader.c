/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See reader.h. A line is taken at a time and cut into words.
 */
#include "reader.h"
#include <string.h>

kern_return_t reader_wrong(struct reader *r, const struct word *word, const char *why)
{
    const size_t room = sizeof(r->error->word) - 1;
    const size_t n = word == NULL ? 0 : word->length < room ? word->length : room;
    memset(r->error->word, 0, sizeof(r->error->word));
    for (size_t i = 0; i < n; i++) /* it is printed */
        r->error->word[i] = word->at[i] > ' ' && word->at[i] < 127 ? word->at[i] : '?';
    r->error->why = why;
    return KERN_BAD_FORMAT;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool reader_next_line(struct reader *r)
{
    if (r->at == r->end)
        return false;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    r->next = r->at;
    r->eol = newline != NULL ? newline : r->end;
    r->at = newline != NULL ? newline + 1 : r->end;
    r->error->line++;
    const char *comment = memchr(r->next, '#', (size_t)(r->eol - r->next));
    if (comment != NULL)
        r->eol = comment;
    return true;
}

bool reader_next_word(struct reader *r, struct word *word)
{
    while (r->next < r->eol && is_blank(*r->next))
        r->next++;
    word->at = r->next;
    while (r->next < r->eol && !is_blank(*r->next))
        r->next++;
    word->length = (size_t)(r->next - word->at);
    return word->length > 0;
}

bool word_is(const struct word *word, const char *text)
{
    return word->length == strlen(text) && memcmp(word->at, text, word->length) == 0;
}

/* Names go into messages, logs and the file's name: letters, digits and a few signs. */
static bool is_name(const struct word *word)
{
    for (size_t i = 0; i < word->length; i++) {
        const char c = word->at[i];
        const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || strchr("._-+@", c) != NULL;
        if (!fits || c == '\0')
            return false;
    }
    return true;
}

kern_return_t reader_take_name(struct reader *r, char out[WORD_SIZE])
{
    struct word word;
    if (!reader_next_word(r, &word))
        return reader_wrong(r, NULL, "a name is missing");
    if (word.length >= WORD_SIZE)
        return reader_wrong(r, &word, "this name is too long");
    if (!is_name(&word))
        return reader_wrong(r, &word, "a name is letters, digits and . _ - + @");
    memset(out, 0, WORD_SIZE);
    memcpy(out, word.at, word.length);
    return KERN_SUCCESS;
}

/* One or more names, added to those there are. */
kern_return_t reader_take_names(struct reader *r, char (*list)[WORD_SIZE], unsigned *count,
                                unsigned most)
{
    struct word word;
    kern_return_t kr = KERN_SUCCESS;
    const char *start = r->next;
    if (!reader_next_word(r, &word))
        return reader_wrong(r, NULL, "a name is missing");
    do {
        if (*count == most)
            return reader_wrong(r, &word, "these are more than a program can have");
        r->next = start;
        kr = reader_take_name(r, list[*count]);
        if (kr == KERN_SUCCESS)
            ++*count;
        start = r->next;
    } while (kr == KERN_SUCCESS && reader_next_word(r, &word));
    return kr;
}

/* A number, with units: K, M and G, of 1024 each. */
kern_return_t reader_take_number(struct reader *r, bool units, uint64_t least, uint64_t most,
                                 uint64_t *out)
{
    struct word word;
    uint64_t value = 0;
    size_t i = 0;
    if (!reader_next_word(r, &word))
        return reader_wrong(r, NULL, "a number is missing");
    for (; i < word.length && word.at[i] >= '0' && word.at[i] <= '9'; i++) {
        if (value > most)
            return reader_wrong(r, &word, "this number is too large");
        value = value * 10 + (uint64_t)(word.at[i] - '0');
    }
    const size_t digits = i;
    if (units && i < word.length && word.at[i] != '\0') {
        static const char letters[] = "KMG";
        const char *unit = strchr(letters, word.at[i]);
        const unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - letters + 1);
        if (value > most >> shift)
            return reader_wrong(r, &word, "this number is too large");
        value <<= shift;
        i += unit != NULL;
    }
    if (digits == 0 || i != word.length)
        return reader_wrong(r, &word, "this is no number");
    if (value < least || value > most)
        return reader_wrong(r, &word,
                            value < least ? "this number is too small"
                                          : "this number is too large");
    *out = value;
    return KERN_SUCCESS;
}

kern_return_t reader_take_u32(struct reader *r, uint32_t least, uint32_t most, uint32_t *out)
{
    uint64_t value = 0;
    const kern_return_t kr = reader_take_number(r, false, least, most, &value);
    if (kr == KERN_SUCCESS)
        *out = (uint32_t)value;
    return kr;
}
