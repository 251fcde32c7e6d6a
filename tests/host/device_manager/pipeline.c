/* SPDX-License-Identifier: BSD-2-Clause */
/* See pipeline.h. */
#include "pipeline.h"

#include "../../../bootstrap/description.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_SIZE_MAX = 4 << 20 };

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

void *pipeline_load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *all = malloc(FILE_SIZE_MAX), *exact;

    if (f == NULL || all == NULL) {
        perror(path);
        exit(2);
    }
    *size = fread(all, 1, FILE_SIZE_MAX, f);
    fclose(f);
    exact = malloc(*size == 0 ? 1 : *size); /* so that the sanitizer sees its end */
    if (exact == NULL)
        abort();
    memcpy(exact, all, *size);
    free(all);
    return exact;
}

static void add_manifest(const char *path, struct manifest_set *out)
{
    struct manifest *m;
    struct reason why;
    size_t size;
    char *text = pipeline_load(path, &size);
    kern_return_t result = manifest_read(text, size, &m, &why);

    free(text);
    if (result == KERN_SUCCESS)
        result = manifest_set_add(out, m, &why);
    if (result == KERN_SUCCESS)
        return;
    fprintf(stderr, "%s: %s\n", path, why.text);
    exit(1);
}

void pipeline_manifests(const char *folder, struct manifest_set *out)
{
    char pattern[4096];
    glob_t found = {0};

    snprintf(pattern, sizeof(pattern), "%s/*.driver", folder);
    (void)glob(pattern, 0, NULL, &found);
    snprintf(pattern, sizeof(pattern), "%s/*/*.driver", folder);
    (void)glob(pattern, GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_manifest(found.gl_pathv[i], out);
    globfree(&found);
    require(out->count > 0, "there are manifests");
}

static kern_return_t read_register(void *context, const struct device *device, uint32_t offset,
                                   uint32_t *value)
{
    static const uint32_t values[] = {0x74726976, 2, 4, 0};
    uint32_t seed = *(const uint32_t *)context;

    require(device->ranges > 0, "who is probed has registers");
    if (seed % 7 == 6)
        return KERN_DENIED;
    *value = seed == 0 ? 0 : values[(seed + offset / 4 + device->node) % 4];
    if (seed % 7 == 1 && offset == 0)
        *value = values[0];
    return KERN_SUCCESS;
}

/* ---- Promises ---- */

static bool is_clean(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text != '\n' && (*text < ' ' || *text >= 0x7f))
            return false;
    return true;
}

static void check_resources(const struct device *d)
{
    require(d->ranges <= ADDRESS_RANGES_MAX && d->own_ranges <= d->ranges, "ranges have bounds");
    for (uint32_t i = 0; i < d->ranges; i++)
        require(d->range[i].size > 0 && d->range[i].base < ADDRESS_LIMIT &&
                    d->range[i].size <= ADDRESS_LIMIT - d->range[i].base,
                "ranges are addresses of a CPU");
    require(d->lines <= INTERRUPTS_MAX, "lines have bounds");
    for (uint32_t i = 0; i < d->lines; i++)
        require(d->line[i].number >= 32 && d->line[i].number < 1020, "lines are shared ones");
    require(d->windows <= ADDRESS_WINDOWS_MAX && (d->windows > 0) == d->dma,
            "who moves data reaches memory");
    for (uint32_t i = 0; i < d->windows; i++)
        require(d->window[i].size > 0 && d->window[i].size <= ADDRESS_LIMIT - d->window[i].memory &&
                    d->window[i].size - 1 <= UINT64_MAX - d->window[i].bus,
                "windows are memory");
}

static void check_recipe(const struct device_set *set, const struct device *d)
{
    static struct recipe recipe;
    struct description_error error;
    char buffer[DEVICE_RECIPE_MAX];
    struct text t = text_in(buffer, sizeof(buffer));

    require(d->named && d->name[0] != '\0' && d->number < DEVICE_NUMBERS_MAX,
            "who has a driver has a name");
    if (!device_recipe(set, d, &t))
        return;
    require(is_clean(buffer) && t.used == strlen(buffer), "recipes are text");
    if (description_read_one(buffer, strlen(buffer), &recipe, &error) != KERN_SUCCESS) {
        fprintf(stderr, "%sline %u: %s: %s\n", buffer, error.line, error.why, error.word);
        abort();
    }
    require(strcmp(recipe.name, d->name) == 0 && strcmp(recipe.file, d->driver->file) == 0,
            "the supervisor reads what was meant");
    require(recipe.uses_count <= USES_MAX && recipe.provides_count >= 1, "services have bounds");
}

static void check_names(const struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        for (unsigned k = 0; k < i; k++)
            require(set->all[i].driver == NULL || set->all[k].driver == NULL ||
                        strcmp(set->all[i].name, set->all[k].name) != 0,
                    "no two have the same name");
}

static void check_order(const struct device_set *set, int drivers)
{
    unsigned order[DEVICES_MAX], count = devices_order(set, order);
    bool seen[DEVICES_MAX] = {false};

    require(count == (unsigned)drivers, "the order has every device");
    for (unsigned i = 0; i < count; i++) {
        require(order[i] < set->count && !seen[order[i]], "the order has every device once");
        seen[order[i]] = true;
    }
}

static int check_all(const struct device_set *set)
{
    static char buffer[4096];
    int drivers = 0;

    for (unsigned i = 0; i < set->count; i++) {
        const struct device *d = &set->all[i];

        require(d->driver != NULL || d->candidates > 0 || d->why.text[0] != '\0',
                "who has no driver has a reason");
        require(is_clean(d->why.text) && is_clean(d->notes) && is_clean(d->arguments),
                "sentences are text");
        if (d->driver == NULL)
            continue;
        drivers++;
        check_resources(d);
        check_recipe(set, d);
    }
    check_names(set);
    check_order(set, drivers);
    for (uint32_t node = 0; node < set->tree->node_count; node++) {
        struct text t = text_in(buffer, sizeof(buffer));

        node_explain(set, node, node % 2 == 0 ? NULL : "running", &t);
        require(is_clean(buffer) && t.used == strlen(buffer) && t.used > 0,
                "explanations are text");
    }
    return drivers;
}

int pipeline_run(const void *blob, size_t size, const struct manifest_set *manifests, uint32_t seed)
{
    struct reason why = {{0}};
    struct device_set set;
    struct tree tree;
    int drivers = -1;
    kern_return_t result = tree_read(blob, size, &tree, &why);

    if (result != KERN_SUCCESS) {
        require(why.text[0] != '\0' && is_clean(why.text), "who is refused is told why");
        return -1;
    }
    require(tree.node_count > 0 && tree.node_count <= TREE_NODES_MAX &&
                tree.nodes[0].end == tree.node_count,
            "the root has everything below it");
    if (devices_find(&tree, manifests, &set, &why) == KERN_SUCCESS) {
        devices_probe(&set, read_register, &seed);
        devices_settle(&set);
        drivers = check_all(&set);
        devices_free(&set);
    } else {
        require(why.text[0] != '\0', "who is refused is told why");
    }
    tree_free(&tree);
    return drivers;
}
