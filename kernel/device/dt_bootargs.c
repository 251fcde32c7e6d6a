/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot argument line. See kern/bootargs.h.
 */
#include <kern/bootargs.h>

#include "dt_impl.h"

enum { QUOTED_MAX = 48 };

static bool word_is(struct boot_word word, const char *text)
{
    return strlen(text) == word.length && memcmp(word.text, text, word.length) == 0;
}

/* "boot argument WORD: TEXT" */
static kern_return_t refuse(struct dt_error *err, struct boot_word word, const char *text)
{
    char quoted[QUOTED_MAX];
    size_t n = word.length < QUOTED_MAX - 1 ? word.length : QUOTED_MAX - 1;

    memcpy(quoted, word.text, n);
    quoted[n] = '\0';
    return dt_fail(err, KERN_INVALID_ARGUMENT, "boot argument %s: %s", quoted, text);
}

/* Is a value given after `key`, which ends in '='? */
static bool value_of(struct boot_word word, const char *key, struct boot_word *value)
{
    size_t n = strlen(key);

    if (word.length < n || memcmp(word.text, key, n) != 0)
        return false;
    *value = (struct boot_word){word.text + n, word.length - n};
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* A decimal or 0x number; *word becomes what stands after it. False: no number, or too large. */
static bool take_number(struct boot_word *word, uint64_t *out)
{
    const char *at = word->text, *end = word->text + word->length, *first;
    uint64_t number = 0;
    uint64_t base = 10;

    if (word->length > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        base = 16;
        at += 2;
    }
    for (first = at; at < end && (uint64_t)digit_of(*at) < base; at++)
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit_of(*at), &number))
            return false;
    if (at == first)
        return false;
    *word = (struct boot_word){at, (size_t)(end - at)};
    *out = number;
    return true;
}

static bool parse_number(struct boot_word value, uint64_t *out)
{
    return take_number(&value, out) && value.length == 0;
}

static bool parse_size(struct boot_word value, uint64_t *out)
{
    static const char units[] = "kKmMgGtT";
    const char *unit;

    if (!take_number(&value, out) || value.length > 1)
        return false;
    if (value.length == 0)
        return true;
    unit = value.text[0] != '\0' ? strchr(units, value.text[0]) : NULL;
    return unit != NULL &&
           !__builtin_mul_overflow(*out, UINT64_C(1) << (10 * ((unit - units) / 2 + 1)), out);
}

/* Which of `names` (ended by NULL) is the value? -1: none. */
static int parse_choice(struct boot_word value, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (word_is(value, names[i]))
            return i;
    return -1;
}

/* Whole pages. */
static kern_return_t read_size(struct boot_word word, struct boot_word value, uint64_t *out,
                               struct dt_error *err)
{
    uint64_t size;

    if (!parse_size(value, &size))
        return refuse(err, word, "not a size such as 64M");
    if (size < PAGE_SIZE)
        return refuse(err, word, "less than a page");
    *out = round_down(size, PAGE_SIZE);
    return KERN_SUCCESS;
}

static kern_return_t set_mem(struct boot_word word, struct boot_word value,
                             struct boot_options *options, struct dt_error *err)
{
    return read_size(word, value, &options->mem_limit, err);
}

static kern_return_t set_dirty(struct boot_word word, struct boot_word value,
                               struct boot_options *options, struct dt_error *err)
{
    return read_size(word, value, &options->dirty_limit, err);
}

static kern_return_t set_maxcpus(struct boot_word word, struct boot_word value,
                                 struct boot_options *options, struct dt_error *err)
{
    uint64_t count;

    if (!parse_number(value, &count) || count == 0)
        return refuse(err, word, "not a number of at least 1");
    options->max_cpus = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    return KERN_SUCCESS;
}

static kern_return_t set_seed(struct boot_word word, struct boot_word value,
                              struct boot_options *options, struct dt_error *err)
{
    if (!parse_number(value, &options->seed))
        return refuse(err, word, "not a number of 64 bits");
    options->seed_given = true;
    return KERN_SUCCESS;
}

static kern_return_t set_mitigations(struct boot_word word, struct boot_word value,
                                     struct boot_options *options, struct dt_error *err)
{
    static const char *const names[] = {"off", "on", NULL};
    int choice = parse_choice(value, names);

    if (choice < 0)
        return refuse(err, word, "neither on nor off");
    options->mitigations = choice == 1;
    return KERN_SUCCESS;
}

static kern_return_t set_trace(struct boot_word word, struct boot_word value,
                               struct boot_options *options, struct dt_error *err)
{
    static const char *const names[] = {"off", "on", NULL};
    int choice = parse_choice(value, names);

    if (choice < 0)
        return refuse(err, word, "neither on nor off");
    options->trace = choice == 1;
    return KERN_SUCCESS;
}

static kern_return_t set_pmu(struct boot_word word, struct boot_word value,
                             struct boot_options *options, struct dt_error *err)
{
    static const char *const names[] = {"off", "user", NULL};
    int choice = parse_choice(value, names);

    if (choice < 0)
        return refuse(err, word, "neither user nor off");
    options->pmu_user = choice == 1;
    return KERN_SUCCESS;
}

static kern_return_t set_patience(struct boot_word word, struct boot_word value,
                                  struct boot_options *options, struct dt_error *err)
{
    uint64_t milliseconds;

    if (!parse_number(value, &milliseconds) || milliseconds == 0 || milliseconds > UINT32_MAX)
        return refuse(err, word, "not a number of milliseconds of at least 1");
    options->pager_milliseconds = (uint32_t)milliseconds;
    return KERN_SUCCESS;
}

static kern_return_t set_init(struct boot_word word, struct boot_word value,
                              struct boot_options *options, struct dt_error *err)
{
    for (size_t i = 0; i <= value.length; i++)
        if ((i == value.length || value.text[i] == ',') && (i == 0 || value.text[i - 1] == ','))
            return refuse(err, word, "a program's name is missing");
    options->init = value;
    return KERN_SUCCESS;
}

static kern_return_t set_arg(struct boot_word word, struct boot_word value,
                             struct boot_options *options, struct dt_error *err)
{
    if (options->arg_count == BOOT_MAX_ARGS)
        return refuse(err, word, "there are too many arg= words");
    options->args[options->arg_count++] = value;
    return KERN_SUCCESS;
}

static kern_return_t set_test(struct boot_word word, struct boot_word value,
                              struct boot_options *options, struct dt_error *err)
{
    if (value.length == 0)
        return refuse(err, word, "which tests? (all, or part of a name)");
    options->test = value;
    return KERN_SUCCESS;
}

static kern_return_t set_log(struct boot_word word, struct boot_word value,
                             struct boot_options *options, struct dt_error *err)
{
    static const char *const names[] = {
        [BOOT_LOG_INFO] = "info", [BOOT_LOG_DEBUG] = "debug", [BOOT_LOG_QUIET] = "quiet", NULL};
    int choice = parse_choice(value, names);

    if (choice < 0)
        return refuse(err, word, "not one of debug, info, quiet");
    options->log = (enum boot_log)choice;
    return KERN_SUCCESS;
}

static kern_return_t set_end(struct boot_word word, struct boot_word value,
                             struct boot_options *options, struct dt_error *err)
{
    static const char *const names[] = {"halt", "poweroff", "reboot", "semihost", NULL};
    int choice = parse_choice(value, names);

    if (choice < 0)
        return refuse(err, word, "not one of halt, poweroff, reboot, semihost");
    options->end = (enum boot_end)(choice + BOOT_END_HALT);
    return KERN_SUCCESS;
}

static const struct {
    const char *key;
    kern_return_t (*set)(struct boot_word word, struct boot_word value,
                         struct boot_options *options, struct dt_error *err);
} keys[] = {
    {"mem=", set_mem},
    {"maxcpus=", set_maxcpus},
    {"seed=", set_seed},
    {"init=", set_init},
    {"mitigations=", set_mitigations},
    {"trace=", set_trace},
    {"pmu=", set_pmu},
    {"dirty=", set_dirty},
    {"pager=", set_patience},
    {"arg=", set_arg},
    {"test=", set_test},
    {"log=", set_log},
    {"end=", set_end},
};

static kern_return_t take_word(struct boot_word word, struct boot_options *options,
                               struct dt_error *err)
{
    struct boot_word value;

    for (unsigned i = 0; i < array_count(keys); i++)
        if (value_of(word, keys[i].key, &value))
            return keys[i].set(word, value, options, err);
    if (options->unknown_count < BOOT_MAX_UNKNOWN)
        options->unknown[options->unknown_count] = word;
    options->unknown_count++;
    return KERN_SUCCESS;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

kern_return_t dt_boot_options(const char *line, size_t length, struct boot_options *out,
                              struct dt_error *err)
{
    static const char bootstrap[] = "bootstrap";
    const char *at = line, *end = line + strnlen(line, length);
    struct boot_options options = {
        .mitigations = true,
        .trace = true,
        .init = {bootstrap, sizeof(bootstrap) - 1},
    };

    while (at < end) {
        const char *start = at;
        kern_return_t result;

        while (at < end && !is_blank(*at))
            at++;
        result = at == start
                     ? KERN_SUCCESS
                     : take_word((struct boot_word){start, (size_t)(at - start)}, &options, err);
        if (result != KERN_SUCCESS)
            return result;
        if (at < end)
            at++;
    }
    *out = options;
    return KERN_SUCCESS;
}

bool boot_word_next(struct boot_word *list, struct boot_word *name)
{
    size_t n = 0;

    if (list->length == 0)
        return false;
    while (n < list->length && list->text[n] != ',')
        n++;
    *name = (struct boot_word){list->text, n};
    if (n < list->length)
        n++; /* the comma */
    *list = (struct boot_word){list->text + n, list->length - n};
    return true;
}
