/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: trees, devices, manifests and overlays are refused with a sentence, or do without, and nothing is lost (the sanitizer
 * counts). argv[1]: folder of the compiled trees; argv[2]: manifests of the tests.
 */
#include "../check.h"
#include "overlay.h"
#include "pipeline.h"

#include <limits.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static unsigned until_failure = UINT_MAX; /* allocations that still succeed */
static bool failed;

static bool fails(void)
{
    if (until_failure == UINT_MAX || until_failure-- > 0)
        return false;
    until_failure = UINT_MAX;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

static void fail_after(unsigned allocations)
{
    failed = false;
    until_failure = allocations;
}

static void *load(const char *folder, const char *name, size_t *size)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return pipeline_load(path, size);
}

static void test_devices(const char *folder, const struct manifest_set *manifests)
{
    size_t size;
    void *blob = load(folder, "pci.dtb", &size);
    int all = pipeline_run(blob, size, manifests, 1), refused = 0;
    unsigned n = 0;

    CHECK(all > 0);
    do {
        int drivers;

        fail_after(n++);
        drivers = pipeline_run(blob, size, manifests, 1);
        CHECK(failed ? drivers <= all : drivers == all);
        refused += drivers < 0;
    } while (failed);
    CHECK(n > 5 && refused >= 4);
    until_failure = UINT_MAX;
    free(blob);
}

static void test_overlay(const char *folder)
{
    static const struct overlay_rule rule = {.symbol = {{"label", "/bus/dev@1"},
                                                        {"provider", "/provider"}},
                                             .symbols = 2};
    size_t base_size, overlay_size, size;
    void *base = load(folder, "base.dtb", &base_size),
         *overlay = load(folder, "good.dtbo", &overlay_size), *changed;
    unsigned n = 0;

    do {
        struct reason why = {{0}};
        kern_return_t result;

        fail_after(n++);
        result =
            overlay_apply(base, base_size, overlay, overlay_size, &rule, &changed, &size, &why);
        until_failure = UINT_MAX;
        CHECK_EQ(result, failed ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS);
        if (result == KERN_SUCCESS)
            free(changed);
        else
            CHECK(why.text[0] != '\0');
    } while (failed);
    CHECK(n > 8);
    free(base);
    free(overlay);
}

static void test_manifest(void)
{
    static const char text[] = "driver a\ncompatible b\nclass c\n";
    struct manifest *m = NULL;
    struct reason why = {{0}};

    fail_after(0);
    CHECK_EQ(manifest_read(text, sizeof(text) - 1, &m, &why), KERN_RESOURCE_SHORTAGE);
    CHECK_TEXT(why.text, "no memory for a manifest");
    CHECK(m == NULL && failed);
}

int main(int argc, char **argv)
{
    static struct manifest_set manifests;

    if (argc < 3)
        return 2;
    check_begin(argc, argv);
    pipeline_manifests(argv[2], &manifests);
    test_devices(argv[1], &manifests);
    test_overlay(argv[1]);
    test_manifest();
    manifest_set_free(&manifests);
    return check_end();
}
