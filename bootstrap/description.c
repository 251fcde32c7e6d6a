/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the system description. See description.h.
 *
 * A table says for each key what its words are. The first thing that is wrong ends the reading.
 */
#include "description.h"
#include "reader.h"
#include <string.h>

enum { PRIORITY_MOST = 200 /* the supervisor itself is above */, PAGE = 4096 };
enum { EXPENDABLE_MOST = 1000, OVERCOMMIT_LEAST = 100 /* percent */, OVERCOMMIT_MOST = 10000 };
enum { MILLISECONDS_MAX = 24 * 60 * 60 * 1000, GIVE_UP_MAX = 1000000 };
static const uint64_t memory_max = UINT64_C(1) << 40;

static kern_return_t take_pages(struct reader *r, uint64_t *out)
{
    uint64_t bytes;
    const kern_return_t kr = reader_take_number(r, true, PAGE, memory_max, &bytes);
    if (kr == KERN_SUCCESS)
        *out = (bytes + PAGE - 1) / PAGE;
    return kr;
}

/* ---- keys of a program ---- */

static kern_return_t key_file(struct reader *r)
{
    return reader_take_name(r, r->recipe->file);
}

static kern_return_t key_arguments(struct reader *r)
{
    char *to = r->recipe->arguments;
    size_t n = strlen(to);
    struct word word;
    while (reader_next_word(r, &word)) {
        if (word.length + 1 >= ARGUMENTS_SIZE - n)
            return reader_wrong(r, &word, "these arguments are too long");
        if (memchr(word.at, '\0', word.length) != NULL)
            return reader_wrong(r, &word, "an argument has a zero byte in it");
        if (n > 0)
            to[n++] = ' ';
        memcpy(to + n, word.at, word.length);
        n += word.length;
    }
    return KERN_SUCCESS;
}

static kern_return_t key_provides(struct reader *r)
{
    return reader_take_names(r, r->recipe->provides, &r->recipe->provides_count, PROVIDES_MAX);
}

static kern_return_t key_uses(struct reader *r)
{
    struct word word;
    const char *start = r->next;
    if (reader_next_word(r, &word) && word_is(&word, "*")) {
        r->recipe->uses_all = true;
        return KERN_SUCCESS;
    }
    r->next = start;
    return reader_take_names(r, r->recipe->uses, &r->recipe->uses_count, USES_MAX);
}

static kern_return_t key_after(struct reader *r)
{
    return reader_take_names(r, r->recipe->after, &r->recipe->after_count, AFTER_MAX);
}

static kern_return_t key_with(struct reader *r)
{
    return reader_take_name(r, r->recipe->with);
}

static const char *const power_names[POWERS] = {
    [POWER_HOST_MEMORY] = "host_memory",   [POWER_HOST_TIME] = "host_time",
    [POWER_HOST_REBOOT] = "host_reboot",   [POWER_HOST_IRQ] = "host_irq",
    [POWER_HOST_DEBUG] = "host_debug",     [POWER_HOST_TASKS] = "host_tasks",
    [POWER_HOST_DEVICES] = "host_devices", [POWER_INITRD] = "initrd",
};

const char *power_name(enum power power)
{
    return power_names[power];
}

static kern_return_t key_rights(struct reader *r)
{
    struct word word;
    while (reader_next_word(r, &word)) {
        unsigned power = 0;
        while (power < POWERS && !word_is(&word, power_names[power]))
            power++;
        if (power == POWERS)
            return reader_wrong(r, &word, "there is no such right");
        r->recipe->powers |= 1u << power;
    }
    return KERN_SUCCESS;
}

static kern_return_t key_memory(struct reader *r)
{
    return take_pages(r, &r->recipe->memory_pages);
}

static kern_return_t key_kernel_memory(struct reader *r)
{
    return take_pages(r, &r->recipe->kernel_pages);
}

static kern_return_t key_state(struct reader *r)
{
    return take_pages(r, &r->recipe->state_pages);
}

static kern_return_t key_dma_pages(struct reader *r)
{
    return reader_take_number(r, false, 0, memory_max / PAGE, &r->recipe->dma_pages);
}

static kern_return_t key_priority(struct reader *r)
{
    return reader_take_u32(r, 1, PRIORITY_MOST, &r->recipe->priority);
}

static kern_return_t key_restart(struct reader *r)
{
    static const char *const names[] = {
        [RESTART_ALWAYS] = "always", [RESTART_FAILURE] = "failure", [RESTART_NEVER] = "never"};
    struct word word;
    if (!reader_next_word(r, &word))
        return reader_wrong(r, NULL, "it is always, failure or never");
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (word_is(&word, names[i])) {
            r->recipe->restart = i;
            return KERN_SUCCESS;
        }
    }
    return reader_wrong(r, &word, "it is always, failure or never");
}

static kern_return_t key_heartbeat(struct reader *r)
{
    return reader_take_u32(r, 0, MILLISECONDS_MAX, &r->recipe->heartbeat);
}

static kern_return_t key_backoff(struct reader *r)
{
    kern_return_t kr = reader_take_u32(r, 1, MILLISECONDS_MAX, &r->recipe->backoff_first);
    if (kr == KERN_SUCCESS)
        kr =
            reader_take_u32(r, r->recipe->backoff_first, MILLISECONDS_MAX, &r->recipe->backoff_max);
    return kr;
}

static kern_return_t key_give_up(struct reader *r)
{
    return reader_take_u32(r, 1, GIVE_UP_MAX, &r->recipe->give_up);
}

static kern_return_t key_stop_time(struct reader *r)
{
    return reader_take_u32(r, 0, MILLISECONDS_MAX, &r->recipe->stop_time);
}

static kern_return_t key_copies(struct reader *r)
{
    struct recipe *recipe = r->recipe;
    if (r->description == NULL)
        return reader_wrong(r, NULL, "what is added is a program by itself");
    if (recipe->provides_count > 0)
        return reader_wrong(r, NULL, "this stands before what the copies provide");
    const kern_return_t kr = reader_take_name(r, recipe->maker);
    return kr == KERN_SUCCESS ? reader_take_u32(r, 1, COPIES_MAX, &recipe->copies) : kr;
}

static kern_return_t key_wired(struct reader *r)
{
    r->recipe->wired = true;
    return KERN_SUCCESS;
}

static kern_return_t key_essential(struct reader *r)
{
    r->recipe->essential = true;
    return KERN_SUCCESS;
}

static kern_return_t key_reserved(struct reader *r)
{
    r->recipe->reserved = true;
    return KERN_SUCCESS;
}

static kern_return_t key_reclaim(struct reader *r)
{
    r->recipe->reclaim = true;
    return KERN_SUCCESS;
}

static kern_return_t key_expendable(struct reader *r)
{
    return reader_take_u32(r, 1, EXPENDABLE_MOST, &r->recipe->expendable);
}

static kern_return_t key_sheds(struct reader *r)
{
    r->recipe->sheds = true;
    return KERN_SUCCESS;
}

static kern_return_t key_inspect(struct reader *r)
{
    r->recipe->inspect = true;
    return KERN_SUCCESS;
}

static kern_return_t key_manage(struct reader *r)
{
    r->recipe->manage = true;
    return KERN_SUCCESS;
}

/* ---- keys of the system ---- */

static kern_return_t key_console(struct reader *r)
{
    return reader_take_name(r, r->description->console);
}

static kern_return_t key_until(struct reader *r)
{
    return reader_take_name(r, r->description->until);
}

static kern_return_t key_dump(struct reader *r)
{
    struct word word;
    const kern_return_t kr = reader_take_name(r, r->description->dump);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!reader_next_word(r, &word) || !word_is(&word, "partition"))
        return reader_wrong(r, NULL, "it is: dump SERVICE partition N");
    return reader_take_u32(r, 1, 128, &r->description->dump_partition);
}

static kern_return_t key_reserve(struct reader *r)
{
    return take_pages(r, &r->description->reserve_pages);
}

static kern_return_t key_overcommit(struct reader *r)
{
    const char *start = r->next;
    struct word word;
    if (reader_next_word(r, &word) && word_is(&word, "always")) {
        r->description->overcommit = OVERCOMMIT_ALWAYS;
        return KERN_SUCCESS;
    }
    r->next = start;
    return reader_take_u32(r, OVERCOMMIT_LEAST, OVERCOMMIT_MOST, &r->description->overcommit);
}

static kern_return_t key_log(struct reader *r)
{
    struct word word;
    if (!reader_next_word(r, &word) || (!word_is(&word, "shown") && !word_is(&word, "quiet")))
        return reader_wrong(r, NULL, "it is: log shown, or log quiet");
    r->description->quiet = word_is(&word, "quiet");
    return KERN_SUCCESS;
}

/* ---- programs ---- */

static const struct recipe defaults = {
    .priority = 96,
    .restart = RESTART_ALWAYS,
    .backoff_first = 100,
    .backoff_max = 30000,
    .give_up = 10,
    .stop_time = 1000,
    .dma_pages = 4096,
};

static kern_return_t key_program(struct reader *r)
{
    struct recipe *recipe = r->only;
    if (r->description != NULL) {
        if (r->description->count == PROGRAMS_MAX)
            return reader_wrong(r, NULL, "there are too many programs");
        recipe = &r->description->recipe[r->description->count++];
    } else if (r->recipe != NULL) {
        return reader_wrong(r, NULL, "only one program can be added at a time");
    }
    r->recipe = recipe;
    memset(recipe, 0, sizeof(*recipe)); /* padding and all: recipes are compared */
    recipe->priority = defaults.priority;
    recipe->restart = defaults.restart;
    recipe->backoff_first = defaults.backoff_first;
    recipe->backoff_max = defaults.backoff_max;
    recipe->give_up = defaults.give_up;
    recipe->stop_time = defaults.stop_time;
    recipe->dma_pages = defaults.dma_pages;
    const kern_return_t kr = reader_take_name(r, recipe->name);
    if (kr == KERN_SUCCESS)
        memcpy(recipe->file, recipe->name, WORD_SIZE);
    return kr;
}

struct key {
    const char *name;
    kern_return_t (*take)(struct reader *r);
    enum { OF_PROGRAM, OF_SYSTEM, BEGINS_PROGRAM } place;
};

static const struct key keys[] = {
    {"program", key_program, BEGINS_PROGRAM},
    {"file", key_file, OF_PROGRAM},
    {"arguments", key_arguments, OF_PROGRAM},
    {"provides", key_provides, OF_PROGRAM},
    {"uses", key_uses, OF_PROGRAM},
    {"rights", key_rights, OF_PROGRAM},
    {"after", key_after, OF_PROGRAM},
    {"memory", key_memory, OF_PROGRAM},
    {"state", key_state, OF_PROGRAM},
    {"priority", key_priority, OF_PROGRAM},
    {"wired", key_wired, OF_PROGRAM},
    {"restart", key_restart, OF_PROGRAM},
    {"heartbeat", key_heartbeat, OF_PROGRAM},
    {"backoff", key_backoff, OF_PROGRAM},
    {"give-up", key_give_up, OF_PROGRAM},
    {"stop-time", key_stop_time, OF_PROGRAM},
    {"dma-pages", key_dma_pages, OF_PROGRAM},
    {"essential", key_essential, OF_PROGRAM},
    {"reserved", key_reserved, OF_PROGRAM},
    {"inspect", key_inspect, OF_PROGRAM},
    {"manage", key_manage, OF_PROGRAM},
    {"console", key_console, OF_SYSTEM},
    {"until", key_until, OF_SYSTEM},
    {"dump", key_dump, OF_SYSTEM},
    {"reserve", key_reserve, OF_SYSTEM},
    {"log", key_log, OF_SYSTEM},
    {"expendable", key_expendable, OF_PROGRAM},
    {"sheds", key_sheds, OF_PROGRAM},
    {"overcommit", key_overcommit, OF_SYSTEM},
    {"with", key_with, OF_PROGRAM},
    {"reclaim", key_reclaim, OF_PROGRAM},
    {"kernel-memory", key_kernel_memory, OF_PROGRAM},
    {"copies", key_copies, OF_PROGRAM},
};

static kern_return_t take_line(struct reader *r)
{
    struct word word;
    if (!reader_next_word(r, &word))
        return KERN_SUCCESS;
    const struct key *key = NULL;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && key == NULL; i++)
        if (word_is(&word, keys[i].name))
            key = &keys[i];
    if (key == NULL)
        return reader_wrong(r, &word, "there is no such key");
    if (key->place == OF_PROGRAM && r->recipe == NULL)
        return reader_wrong(r, &word, "this belongs to a program, and none has begun");
    if (key->place == OF_SYSTEM && (r->description == NULL || r->recipe != NULL))
        return reader_wrong(r, &word,
                            "this belongs to the system: it stands before the first program");
    const kern_return_t kr = key->take(r);
    if (kr != KERN_SUCCESS)
        return kr;
    return reader_next_word(r, &word) ? reader_wrong(r, &word, "there is one word too many")
                                      : KERN_SUCCESS;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Of the programs so far, whose is this service? Itself counts up to the service before. */
static bool is_provided(const struct description *d, unsigned program, unsigned service)
{
    const char *name = d->recipe[program].provides[service];
    for (unsigned i = 0; i <= program; i++) {
        if (i != program && (d->recipe[i].copies != 0 || d->recipe[program].copies != 0))
            continue; /* each copy's has a name of its own */
        for (unsigned j = 0; j < (i == program ? service : d->recipe[i].provides_count); j++)
            if (same(d->recipe[i].provides[j], name))
                return true;
    }
    return false;
}

static kern_return_t check_last(struct reader *r)
{
    const struct description *d = r->description;
    const unsigned last = d->count - 1;
    const struct recipe *recipe = &d->recipe[last];
    for (unsigned i = 0; i < last; i++) {
        if (same(d->recipe[i].name, recipe->name)) {
            const struct word word = {recipe->name, strlen(recipe->name)};
            return reader_wrong(r, &word, "there are two programs of this name");
        }
    }
    for (unsigned i = 0; i < recipe->provides_count; i++) {
        if (is_provided(d, last, i)) {
            const struct word word = {recipe->provides[i], strlen(recipe->provides[i])};
            return reader_wrong(r, &word, "this service is provided twice");
        }
    }
    return KERN_SUCCESS;
}

static kern_return_t read_all(struct reader *r)
{
    kern_return_t kr = KERN_SUCCESS;
    *r->error = (struct description_error){0};
    while (kr == KERN_SUCCESS && reader_next_line(r)) {
        kr = take_line(r);
        if (kr == KERN_SUCCESS && r->description != NULL && r->description->count > 0)
            kr = check_last(r);
    }
    return kr;
}

kern_return_t description_read(const char *text, size_t size, struct description *out,
                               struct description_error *error)
{
    struct reader r = {.at = text, .end = text + size, .error = error, .description = out};
    memset(out, 0, offsetof(struct description, recipe)); /* a recipe is cleared when it begins */
    out->overcommit = OVERCOMMIT_LEAST;
    const kern_return_t kr = read_all(&r);
    if (kr == KERN_SUCCESS && out->count == 0)
        return reader_wrong(&r, NULL, "there is no program in it");
    return kr;
}

kern_return_t description_read_one(const char *text, size_t size, struct recipe *out,
                                   struct description_error *error)
{
    struct reader r = {.at = text, .end = text + size, .error = error, .only = out};
    const kern_return_t kr = read_all(&r);
    if (kr == KERN_SUCCESS && r.recipe == NULL)
        return reader_wrong(&r, NULL, "there is no program in it");
    return kr;
}

/* Padding is zero in both: as bytes. */
bool recipe_is_same(const struct recipe *a, const struct recipe *b)
{
    const char *x = (const char *)a, *y = (const char *)b;
    return memcmp(x, y, sizeof(*a)) == 0;
}
