/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See table.h. A line is taken at a time and cut into words.
 */
#include "table.h"
#include <string.h>
#include <wharf/if/mounts_types.h>

_Static_assert(sizeof(((struct mounts_row *)0)->device) == DEVICE_TEXT_MAX &&
                   sizeof(((struct mounts_row *)0)->path) == TABLE_PATH_MAX &&
                   sizeof(((struct mounts_row *)0)->format) == TABLE_FORMAT_MAX,
               "interfaces/mounts.defs");

struct word {
    const char *at;
    size_t length;
};

struct reader {
    const char *next, *eol; /* of the line that is left, without its comment */
    struct word word;       /* the one that is looked at */
    struct table *table;
    struct table_line line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cut off `separator`s and blanks; false: there is no more. */
static bool next_word(struct reader *r, char separator)
{
    while (r->next < r->eol && (is_blank(*r->next) || *r->next == separator))
        r->next++;
    r->word.at = r->next;
    while (r->next < r->eol && !is_blank(*r->next) && *r->next != separator)
        r->next++;
    r->word.length = (size_t)(r->next - r->word.at);
    return r->word.length > 0;
}

static bool word_is(const struct word *word, const char *text)
{
    return word->length == strlen(text) && memcmp(word->at, text, word->length) == 0;
}

/* As a text, if it has room there, and nothing in it that ends one or could not be printed. */
static const char *take(const struct word *word, char *to, size_t room)
{
    if (word->length >= room)
        return "this is too long";
    for (size_t i = 0; i < word->length; i++)
        if (word->at[i] <= ' ' || word->at[i] >= 127)
            return "there is a letter in it that cannot be";
    memcpy(to, word->at, word->length);
    to[word->length] = '\0';
    return NULL;
}

const char *table_check_path(const char *path)
{
    if (path[0] != '/')
        return "a path begins at the root";
    if (path[1] == '\0')
        return "what the root is does the boot argument root= say";
    while (*path == '/') {
        const size_t length = strcspn(++path, "/");
        if (length == 0 || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.'))
            return "a path to mount on has no empty names, . and ..";
        path += length;
    }
    return NULL;
}

const char *table_check_format(const char *format, char out[TABLE_FORMAT_MAX])
{
    if (strcmp(format, "auto") == 0)
        format = "";
    if (strcmp(format, "") != 0 && strcmp(format, "ext4") != 0 && strcmp(format, "fat") != 0)
        return "a format is ext4, fat or auto";
    memset(out, 0, TABLE_FORMAT_MAX);
    memcpy(out, format, strlen(format) + 1);
    return NULL;
}

/* ---- words of a line ---- */

static const char *read_device(struct reader *r)
{
    struct device_name device;
    const char *why = take(&r->word, r->line.device, sizeof(r->line.device));

    return why ? why : device_read(r->line.device, &device);
}

static const char *read_path(struct reader *r)
{
    const char *why = take(&r->word, r->line.path, sizeof(r->line.path));

    if (!why)
        why = table_check_path(r->line.path);
    return !why && table_find(r->table, r->line.path) ? "there is a line of this path" : why;
}

static const char *read_format(struct reader *r)
{
    char format[TABLE_FORMAT_MAX];

    if (take(&r->word, format, sizeof(format)))
        return "a format is ext4, fat or auto";
    return table_check_format(format, r->line.format);
}

static const char *read_option(struct reader *r)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } options[] = {
        {"defaults", 0},
        {"rw", 0},
        {"ro", MOUNTS_READ_ONLY},
        {"mkdir", MOUNTS_MAKE},
        {"nofail", MOUNTS_NO_FAIL},
        {"noauto", MOUNTS_ON_DEMAND},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (word_is(&r->word, options[i].word)) {
            r->line.flags |= options[i].flag;
            return NULL;
        }
    return "options are ro, rw, mkdir, nofail, noauto and defaults";
}

/* NULL: it has been read, the first word being there. */
static const char *read_words(struct reader *r)
{
    static const char *(*const words[])(struct reader *) = {read_device, read_path, read_format};
    static const char *const missing[] = {"a device is missing", "a path is missing",
                                          "a format is missing"};
    const char *why = NULL;

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]) && !why; i++) {
        if (i > 0 && !next_word(r, ' '))
            return missing[i];
        why = words[i](r);
    }
    while (!why && next_word(r, ','))
        why = read_option(r);
    return why;
}

/* ---- lines ---- */

static void tell(struct reader *r, unsigned number, const char *why)
{
    struct table *table = r->table;

    if (table->wrong++ >= TABLE_WRONG_MAX)
        return;
    struct table_error *error = &table->error[table->wrong - 1];
    const size_t n =
        r->word.length < sizeof(error->word) ? r->word.length : sizeof(error->word) - 1;
    *error = (struct table_error){.line = number, .why = why};
    for (size_t i = 0; i < n; i++) /* it is printed */
        error->word[i] = r->word.at[i] > ' ' && r->word.at[i] < 127 ? r->word.at[i] : '?';
}

static void read_line(struct reader *r, unsigned number)
{
    const char *comment = memchr(r->next, '#', (size_t)(r->eol - r->next));

    r->line = (struct table_line){.number = number, .flags = MOUNTS_LISTED};
    r->eol = comment ? comment : r->eol;
    if (!next_word(r, ' '))
        return;
    const char *why =
        r->table->count < TABLE_LINES_MAX ? read_words(r) : "there are too many lines";
    if (why)
        tell(r, number, why);
    else
        r->table->line[r->table->count++] = r->line;
}

void table_read(const char *text, size_t size, struct table *out)
{
    const char *end = text + size;

    memset(out, 0, sizeof(*out));
    for (unsigned number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct reader r = {.next = text, .eol = newline ? newline : end, .table = out};
        read_line(&r, number);
        text = newline ? newline + 1 : end;
    }
}

const struct table_line *table_find(const struct table *table, const char *path)
{
    for (unsigned i = 0; i < table->count; i++)
        if (strcmp(table->line[i].path, path) == 0)
            return &table->line[i];
    return NULL;
}
