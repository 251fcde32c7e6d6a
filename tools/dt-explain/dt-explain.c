/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt-explain [OPTION...] FILE.dtb [PATH]: what would Wharf's device manager make of this tree?
 *
 * Prints, for the node PATH (also an alias) or for all nodes, what the manager would say: registers, interrupts, memory, and which driver or why none. Our
 * overlays are put on first, as the manager does.
 *   --manifests DIR      *.driver files, in DIR or one level below; the tree's own otherwise
 *   --overlays DIR       overlays.conf and *.dtbo; "none": leave the tree as it is
 *   --register ADDR=VAL  what a register holds, for drivers that look before they are chosen; others hold 0 then
 *   --devices            only nodes that a manifest matches
 *   --recipes            the texts that the supervisor would be given, instead
 * Status: 0; 1 if the tree, a manifest or an overlay is bad; 2 for wrong arguments.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "overlay.h"

enum { REGISTERS_MAX = 64, FILE_MAX = 4 << 20 };

struct options {
    const char *manifests, *overlays, *file, *path;
    struct {
        uint64_t address;
        uint32_t value;
    } registers[REGISTERS_MAX];
    unsigned registers_count;
    bool recipes, devices;
};

[[gnu::noreturn]] static void usage(void)
{
    fprintf(stderr,
            "usage: dt-explain [--manifests DIR] [--overlays DIR|none] [--register ADDRESS=VALUE] "
            "[--devices] [--recipes] "
            "FILE.dtb [PATH]\n");
    exit(2);
}

static void *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    void *data = malloc(FILE_MAX);

    if (f == NULL || data == NULL) {
        fprintf(stderr, "dt-explain: %s: %s\n", path, strerror(errno));
        free(data);
        exit(1);
    }
    *size = fread(data, 1, FILE_MAX, f);
    fclose(f);
    return data;
}

static int complain(const char *file, const struct reason *why)
{
    fprintf(stderr, "dt-explain: %s: %s\n", file, why->text);
    return 1;
}

/* ---- Manifests ---- */

static int read_manifests(const char *directory, struct manifest_set *out)
{
    char pattern[4096];
    glob_t found = {0};
    int status = 0;

    snprintf(pattern, sizeof(pattern), "%s/*.driver", directory);
    (void)glob(pattern, 0, NULL, &found);
    snprintf(pattern, sizeof(pattern), "%s/*/*.driver", directory);
    (void)glob(pattern, GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct manifest *m;
        struct reason why;
        size_t size;
        char *text = load(found.gl_pathv[i], &size);
        kern_return_t result = manifest_read(text, size, &m, &why);

        free(text);
        if (result == KERN_SUCCESS)
            result = manifest_set_add(out, m, &why);
        if (result != KERN_SUCCESS)
            status = complain(found.gl_pathv[i], &why);
    }
    globfree(&found);
    return status;
}

/* ---- Overlays ---- */

/* Put on one overlay; *blob is replaced. */
static int put_on(const char *directory, const struct overlay_rule *rule, void **blob, size_t *size)
{
    struct reason why;
    size_t overlay_size, new_size;
    char path[4096];
    void *overlay, *changed;
    kern_return_t result;

    snprintf(path, sizeof(path), "%s/%s", directory, rule->file);
    overlay = load(path, &overlay_size);
    result = overlay_apply(*blob, *size, overlay, overlay_size, rule, &changed, &new_size, &why);
    free(overlay);
    if (result != KERN_SUCCESS)
        return complain(path, &why);
    free(*blob);
    *blob = changed;
    *size = new_size;
    return 0;
}

static int put_on_all(const char *directory, void **blob, size_t *size)
{
    static struct overlay_rules rules;
    struct reason why;
    size_t text_size;
    char path[4096], *text;
    kern_return_t result;
    int status = 0;

    snprintf(path, sizeof(path), "%s/overlays.conf", directory);
    text = load(path, &text_size);
    result = overlay_rules_read(text, text_size, &rules, &why);
    free(text);
    if (result != KERN_SUCCESS)
        return complain(path, &why);
    for (unsigned i = 0; i < rules.count; i++) {
        struct tree tree;
        bool applies;

        if (tree_read(*blob, *size, &tree, &why) != KERN_SUCCESS)
            return 0; /* main() will say so */
        applies = overlay_applies(&rules.rule[i], &tree);
        tree_free(&tree);
        if (applies)
            status |= put_on(directory, &rules.rule[i], blob, size);
    }
    return status;
}

/* ---- Devices ---- */

static kern_return_t read_register(void *context, const struct device *device, uint32_t offset,
                                   uint32_t *value)
{
    const struct options *options = context;

    *value = 0;
    for (unsigned i = 0; i < options->registers_count; i++)
        if (options->registers[i].address == device->range[0].base + offset)
            *value = options->registers[i].value;
    return KERN_SUCCESS;
}

static void print_explanation(const struct device_set *set, uint32_t node)
{
    static char buffer[1 << 16];
    struct text t = text_in(buffer, sizeof(buffer));

    node_explain(set, node, NULL, &t);
    printf("%s\n", buffer);
}

static void print_recipes(const struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        char buffer[DEVICE_RECIPE_MAX];
        struct text t = text_in(buffer, sizeof(buffer));

        if (set->all[i].driver == NULL)
            continue;
        if (device_recipe(set, &set->all[i], &t))
            printf("%s\n", buffer);
        else
            printf("# the recipe of %s is too long\n\n", set->all[i].name);
    }
}

static int explain(const struct options *options, const struct tree *tree,
                   const struct manifest_set *manifests)
{
    struct device_set set;
    struct reason why;
    uint32_t node = options->path == NULL ? 0 : tree_find(tree, options->path);

    if (node == TREE_NONE) {
        fprintf(stderr, "dt-explain: there is no node %s\n", options->path);
        return 1;
    }
    if (devices_find(tree, manifests, &set, &why) != KERN_SUCCESS)
        return complain(options->file, &why);
    if (options->registers_count > 0)
        devices_probe(&set, read_register, (void *)options);
    devices_settle(&set);
    if (options->recipes)
        print_recipes(&set);
    else if (options->path != NULL)
        print_explanation(&set, node);
    else
        for (node = 0; node < tree->node_count; node++)
            if (!options->devices || devices_at(&set, node) != NULL)
                print_explanation(&set, node);
    devices_free(&set);
    return 0;
}

/* ---- Arguments ---- */

static void add_register(struct options *options, const char *text)
{
    char *end;

    if (options->registers_count == REGISTERS_MAX)
        usage();
    options->registers[options->registers_count].address = strtoull(text, &end, 0);
    if (*end != '=')
        usage();
    options->registers[options->registers_count++].value = (uint32_t)strtoul(end + 1, &end, 0);
    if (*end != '\0')
        usage();
}

static struct options read_arguments(int argc, char **argv)
{
    struct options options = {.manifests = WHARF_MANIFESTS, .overlays = WHARF_OVERLAYS};

    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--recipes") == 0 || strcmp(argv[i], "--devices") == 0) {
            *(argv[i][2] == 'r' ? &options.recipes : &options.devices) = true;
            continue;
        }
        if (argv[i][0] != '-') {
            if (options.path != NULL)
                usage();
            *(options.file == NULL ? &options.file : &options.path) = argv[i];
            continue;
        }
        if (next == NULL)
            usage();
        if (strcmp(argv[i], "--manifests") == 0)
            options.manifests = next;
        else if (strcmp(argv[i], "--overlays") == 0)
            options.overlays = next;
        else if (strcmp(argv[i], "--register") == 0)
            add_register(&options, next);
        else
            usage();
        i++;
    }
    if (options.file == NULL)
        usage();
    return options;
}

int main(int argc, char **argv)
{
    static struct manifest_set manifests;
    struct options options = read_arguments(argc, argv);
    struct tree tree;
    struct reason why;
    size_t size;
    void *blob = load(options.file, &size);
    int status = read_manifests(options.manifests, &manifests);

    if (strcmp(options.overlays, "none") != 0)
        status |= put_on_all(options.overlays, &blob, &size);
    if (tree_read(blob, size, &tree, &why) != KERN_SUCCESS) {
        status = complain(options.file, &why);
    } else {
        status |= explain(&options, &tree, &manifests);
        tree_free(&tree);
    }
    manifest_set_free(&manifests);
    free(blob);
    return status;
}
