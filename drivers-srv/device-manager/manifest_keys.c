/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of manifests, one row and one function each. See manifest.c. */
#include "manifest.h"
#include "manifest_impl.h"

#include <string.h>

/* ---- Words ---- */

/* A name of ours: letters, digits, and '-' inside. */
static bool is_name(const char *word)
{
    size_t length = strlen(word);

    if (length == 0 || length >= MANIFEST_NAME_MAX || word[0] < 'a' || word[0] > 'z')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((word[i] >= 'a' && word[i] <= 'z') || (word[i] >= '0' && word[i] <= '9') ||
              word[i] == '-'))
            return false;
    return true;
}

/* Decimal, or hexadecimal after 0x; of 32 bits. */
static bool is_number(const char *word, uint32_t *out)
{
    unsigned base = word[0] == '0' && word[1] == 'x' ? 16 : 10;
    uint64_t number = 0;
    const char *p = base == 16 ? word + 2 : word;

    if (*p == '\0')
        return false;
    for (; *p != '\0'; p++) {
        unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
                         : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a' + 10)
                                                  : 16;

        if (digit >= base)
            return false;
        number = number * base + digit;
        if (number > UINT32_MAX)
            return false;
    }
    *out = (uint32_t)number;
    return true;
}

static kern_return_t set_name(const char **where, struct manifest_line *line)
{
    if (!is_name(line->word[1]))
        return manifest_bad(line, "this is no name", line->word[1]);
    *where = line->word[1];
    return KERN_SUCCESS;
}

/* ---- Keys of the manifest ---- */

kern_return_t manifest_read_driver(struct manifest *m, struct manifest_line *line)
{
    return set_name(&m->name, line);
}

static kern_return_t read_file(struct manifest *m, struct manifest_line *line)
{
    return set_name(&m->file, line);
}

static kern_return_t read_class(struct manifest *m, struct manifest_line *line)
{
    return set_name(&m->class, line);
}

static kern_return_t read_instance(struct manifest *m, struct manifest_line *line)
{
    return set_name(&m->instance, line);
}

static kern_return_t read_alias(struct manifest *m, struct manifest_line *line)
{
    return set_name(&m->alias, line);
}

static kern_return_t read_compatible(struct manifest *m, struct manifest_line *line)
{
    for (unsigned i = 1; i < line->words; i++) {
        if (m->compatibles == MANIFEST_COMPATIBLES_MAX)
            return manifest_bad(line, "too many words after", line->word[0]);
        if (strlen(line->word[i]) > 64 || strchr(line->word[i], '#') != NULL)
            return manifest_bad(line, "this is no compatible string", line->word[i]);
        if (manifest_matches(m, line->word[i]))
            return manifest_bad(line, "it stands here already", line->word[i]);
        m->compatible[m->compatibles++] = line->word[i];
    }
    return KERN_SUCCESS;
}

static kern_return_t read_count(struct manifest_count *out, struct manifest_line *line)
{
    for (unsigned i = 1; i < line->words; i++)
        if (!is_number(line->word[i], i == 1 ? &out->least : &out->most) ||
            (i == 1 ? out->least : out->most) > 16)
            return manifest_bad(line, "this is no number from 0 to 16", line->word[i]);
    if (line->words == 2)
        out->most = out->least;
    return out->most < out->least ? manifest_bad(line, "less than the number before", line->word[2])
                                  : KERN_SUCCESS;
}

static kern_return_t read_ranges(struct manifest *m, struct manifest_line *line)
{
    return read_count(&m->ranges, line);
}

static kern_return_t read_lines(struct manifest *m, struct manifest_line *line)
{
    return read_count(&m->lines, line);
}

static kern_return_t read_dma(struct manifest *m, struct manifest_line *line)
{
    static const char *const words[] = {"no", "optional", "yes"};
    uint32_t bits = 64, i;

    for (i = 0; i < 3; i++)
        if (strcmp(line->word[1], words[i]) == 0)
            break;
    if (i == 3)
        return manifest_bad(line, "none of no, optional and yes", line->word[1]);
    if (line->words > 2 && (!is_number(line->word[2], &bits) || bits < 20 || bits > 64))
        return manifest_bad(line, "this is no number of address bits from 20 to 64", line->word[2]);
    m->dma = (enum manifest_dma)i;
    m->dma_bits = bits;
    return KERN_SUCCESS;
}

static kern_return_t read_share_page(struct manifest *m,
                                     [[maybe_unused]] struct manifest_line *line)
{
    m->share_page = true;
    return KERN_SUCCESS;
}

static kern_return_t read_bus(struct manifest *m, [[maybe_unused]] struct manifest_line *line)
{
    m->bus = true;
    return KERN_SUCCESS;
}

static kern_return_t read_strict(struct manifest *m, struct manifest_line *line)
{
    for (unsigned i = 1; i < line->words; i++) {
        uint32_t range;

        if (!is_number(line->word[i], &range) || range > 15)
            return manifest_bad(line, "this is no number from 0 to 15", line->word[i]);
        m->strict |= UINT32_C(1) << range;
    }
    return KERN_SUCCESS;
}

/* PROPERTY[:text][=ARGUMENT] */
static kern_return_t read_properties(struct manifest *m, struct manifest_line *line)
{
    for (unsigned i = 1; i < line->words; i++) {
        struct manifest_property *p = &m->property[m->properties];
        char *word = line->word[i], *equals = strchr(word, '='), *colon;

        if (m->properties == MANIFEST_PROPERTIES_MAX)
            return manifest_bad(line, "too many words after", line->word[0]);
        if (equals != NULL)
            *equals = '\0';
        colon = strchr(word, ':');
        if (colon != NULL && strcmp(colon, ":text") != 0)
            return manifest_bad(line, "this is no kind of property", colon);
        if (colon != NULL)
            *colon = '\0';
        if (word[0] == '\0' || (equals != NULL && !is_name(equals + 1)))
            return manifest_bad(line, "this is no name of a property, or of an argument", word);
        *p = (struct manifest_property){word, equals != NULL ? equals + 1 : word, colon != NULL};
        m->properties++;
    }
    return KERN_SUCCESS;
}

/* PROPERTY[:NAME]=ARGUMENT */
static kern_return_t read_references(struct manifest *m, struct manifest_line *line, bool needed)
{
    for (unsigned i = 1; i < line->words; i++) {
        struct manifest_phandle *p = &m->phandle[m->phandles];
        char *equals = strchr(line->word[i], '='), *colon = strchr(line->word[i], ':');

        if (m->phandles == MANIFEST_PHANDLES_MAX)
            return manifest_bad(line, "too many words after", line->word[0]);
        if (equals == NULL || !is_name(equals + 1) || equals == line->word[i] ||
            (colon != NULL && colon + 1 >= equals) || colon == line->word[i])
            return manifest_bad(line, "this is not PROPERTY=ARGUMENT", line->word[i]);
        *equals = '\0';
        if (colon != NULL)
            *colon = '\0';
        *p = (struct manifest_phandle){line->word[i], colon == NULL ? NULL : colon + 1, equals + 1,
                                       needed};
        m->phandles++;
    }
    return KERN_SUCCESS;
}

static kern_return_t read_phandles(struct manifest *m, struct manifest_line *line)
{
    return read_references(m, line, false);
}

static kern_return_t read_needs(struct manifest *m, struct manifest_line *line)
{
    return read_references(m, line, true);
}

/* COMPATIBLE CLASS [PROPERTY] */
static kern_return_t read_also(struct manifest *m, struct manifest_line *line)
{
    if (m->alsos == MANIFEST_ALSO_MAX)
        return manifest_bad(line, "too many of", line->word[0]);
    if (!is_name(line->word[2]))
        return manifest_bad(line, "this is no name", line->word[2]);
    m->also[m->alsos++] = (struct manifest_also){line->word[1], line->word[2],
                                                 line->words > 3 ? line->word[3] : NULL};
    return KERN_SUCCESS;
}

static kern_return_t read_probe(struct manifest *m, struct manifest_line *line)
{
    struct manifest_probe *p = &m->probe[m->probes];

    if (m->probes == MANIFEST_PROBES_MAX)
        return manifest_bad(line, "too many of", line->word[0]);
    p->mask = UINT32_MAX;
    if (!is_number(line->word[1], &p->offset) || p->offset % 4 != 0 || p->offset > 0xffc)
        return manifest_bad(line, "this is no offset of a register", line->word[1]);
    if (!is_number(line->word[2], &p->value) ||
        (line->words > 3 && !is_number(line->word[3], &p->mask)))
        return manifest_bad(line, "this is no number", line->word[line->words - 1]);
    if ((p->value & ~p->mask) != 0)
        return manifest_bad(line, "a value that the mask hides", line->word[2]);
    m->probes++;
    return KERN_SUCCESS;
}

/* ---- Keys of the recipe ---- */

static kern_return_t append(char *buffer, size_t size, struct manifest_line *line, unsigned first,
                            char after)
{
    size_t used = strlen(buffer);

    for (unsigned i = first; i < line->words; i++) {
        size_t length = strlen(line->word[i]);

        if (length + 2 > size - used)
            return manifest_bad(line, "all words of this kind together are too long", "");
        memcpy(buffer + used, line->word[i], length);
        used += length;
        buffer[used++] = i + 1 < line->words ? ' ' : after;
    }
    buffer[used] = '\0';
    return KERN_SUCCESS;
}

static kern_return_t read_arguments(struct manifest *m, struct manifest_line *line)
{
    return append(m->arguments, sizeof(m->arguments), line, 1, ' ');
}

static kern_return_t read_words(struct manifest *m, struct manifest_line *line)
{
    return append(m->recipe, sizeof(m->recipe), line, 0, '\n');
}

static kern_return_t read_numbers(struct manifest *m, struct manifest_line *line)
{
    uint32_t number;

    for (unsigned i = 1; i < line->words; i++)
        if (!is_number(line->word[i], &number))
            return manifest_bad(line, "this is no number", line->word[i]);
    return read_words(m, line);
}

/* A number with K, M or G behind it. */
static kern_return_t read_memory(struct manifest *m, struct manifest_line *line)
{
    const char *p = line->word[1];
    size_t digits = strspn(p, "0123456789");

    if (digits == 0 || digits > 9)
        return manifest_bad(line, "this is no size", line->word[1]);
    p += digits;
    if (*p == 'K' || *p == 'M' || *p == 'G')
        p++;
    return *p == '\0' ? read_words(m, line) : manifest_bad(line, "this is no size", line->word[1]);
}

static kern_return_t read_restart(struct manifest *m, struct manifest_line *line)
{
    if (strcmp(line->word[1], "always") != 0 && strcmp(line->word[1], "failure") != 0 &&
        strcmp(line->word[1], "never") != 0)
        return manifest_bad(line, "none of always, failure and never", line->word[1]);
    return read_words(m, line);
}

static const struct manifest_key keys[] = {
    {"driver", 1, 1, false, manifest_read_driver},
    {"file", 1, 1, false, read_file},
    {"class", 1, 1, false, read_class},
    {"instance", 1, 1, false, read_instance},
    {"alias", 1, 1, false, read_alias},
    {"compatible", 1, MANIFEST_COMPATIBLES_MAX, true, read_compatible},
    {"ranges", 1, 2, false, read_ranges},
    {"lines", 1, 2, false, read_lines},
    {"dma", 1, 2, false, read_dma},
    {"share-page", 0, 0, false, read_share_page},
    {"bus-windows", 0, 0, false, read_bus},
    {"strict", 1, 16, false, read_strict},
    {"properties", 1, MANIFEST_PROPERTIES_MAX, true, read_properties},
    {"phandles", 1, MANIFEST_PHANDLES_MAX, true, read_phandles},
    {"needs", 1, MANIFEST_PHANDLES_MAX, true, read_needs},
    {"also", 2, 3, true, read_also},
    {"probe", 2, 3, true, read_probe},
    {"arguments", 1, 16, true, read_arguments},
    {"uses", 1, 16, true, read_words},
    {"rights", 1, 16, true, read_words},
    {"after", 1, 16, true, read_words},
    {"memory", 1, 1, false, read_memory},
    {"priority", 1, 1, false, read_numbers},
    {"wired", 0, 0, false, read_words},
    {"restart", 1, 1, false, read_restart},
    {"heartbeat", 1, 1, false, read_numbers},
    {"backoff", 2, 2, false, read_numbers},
    {"give-up", 1, 1, false, read_numbers},
    {"stop-time", 1, 1, false, read_numbers},
    {"dma-pages", 1, 1, false, read_numbers},
    {"essential", 0, 0, false, read_words},
    {"reclaim", 0, 0, false, read_words},
};

_Static_assert(sizeof(keys) / sizeof(keys[0]) <= 32, "manifest.c keeps a bit for each");

const struct manifest_key *manifest_key_first(void)
{
    return keys;
}

const struct manifest_key *manifest_key(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}
