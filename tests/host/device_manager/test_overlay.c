/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Overlays: rules and their sentences; good ones, wrong ones, damaged ones. argv[1]: folder of the compiled trees and overlays of
 * tests/host/device_manager/overlays; argv[2]: our own overlays, compiled.
 */
#include "../check.h"
#include "overlay.h"
#include "pipeline.h"

#include <libfdt.h>

enum { MUTATIONS = 3000 };

struct blob {
    void *data;
    size_t size;
};

static const char *folder;

static struct blob load(const char *name)
{
    char path[4096];
    struct blob b;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    b.data = pipeline_load(path, &b.size);
    return b;
}

static struct blob copy(struct blob from)
{
    struct blob b = {malloc(from.size), from.size};

    if (b.data == NULL)
        abort();
    memcpy(b.data, from.data, from.size);
    return b;
}

/* ---- Rules ---- */

static const struct {
    const char *text, *why;
} bad_rules[] = {
    {"compatible x", "line 1: it has to begin with: overlay"},
    {"overlay", "line 1: one file belongs after: overlay"},
    {"overlay a b", "line 1: one file belongs after: overlay"},
    {"overlay a\n", "overlay a: no compatible: it belongs to no machine"},
    {"overlay a\ncompatible", "line 2: too few words after: compatible"},
    {"overlay a\nnode x", "line 2: this is no path: x"},
    {"overlay a\nwithout /x y", "line 2: this is no path: y"},
    {"overlay a\nsymbol x", "line 2: a label and a path belong after: symbol"},
    {"overlay a\nsymbol x y", "line 2: a label and a path belong after: symbol"},
    {"overlay a\nfor x", "line 2: there is no such key: for"},
    {"overlay a\ncompatible 1 2 3 4 5 6 7 8 9", "line 2: too many words of this kind: 9"},
    {"overlay a\ncompatible 1 2 3 4 5 6 7 8 9 10", "line 2: too many words: 10"},
};

static void test_rules(const char *own)
{
    static struct overlay_rules rules;
    struct reason why = {{0}};
    char path[4096];
    size_t size;
    char *text;

    for (size_t i = 0; i < sizeof(bad_rules) / sizeof(bad_rules[0]); i++) {
        CHECK_EQ(overlay_rules_read(bad_rules[i].text, strlen(bad_rules[i].text), &rules, &why),
                 KERN_BAD_FORMAT);
        CHECK_TEXT(why.text, bad_rules[i].why);
    }
    CHECK_EQ(overlay_rules_read("a\0b", 3, &rules, &why), KERN_BAD_FORMAT);
    snprintf(path, sizeof(path), "%s/overlays.conf", own);
    text = pipeline_load(path, &size);
    CHECK_EQ(overlay_rules_read(text, size, &rules, &why), KERN_SUCCESS);
    CHECK(rules.count >= 3);
    for (unsigned i = 0; i < rules.count; i++) { /* each is there, and is an overlay */
        struct tree tree;
        size_t overlay_size;
        void *overlay;

        snprintf(path, sizeof(path), "%s/%s", own, rules.rule[i].file);
        overlay = pipeline_load(path, &overlay_size);
        CHECK_EQ(tree_read(overlay, overlay_size, &tree, &why), KERN_SUCCESS);
        CHECK_EQ(overlay_check(&tree, &why), KERN_SUCCESS);
        tree_free(&tree);
        free(overlay);
    }
    free(text);
}

static void test_applies(void)
{
    static struct overlay_rules rules;
    static const struct {
        const char *text;
        bool applies;
    } cases[] = {
        {"overlay a\ncompatible wharf,base", true},
        {"overlay a\ncompatible other wharf,base", true},
        {"overlay a\ncompatible wharf,bas", false},
        {"overlay a\ncompatible wharf,base\nnode /bus /bus/dev@1", true},
        {"overlay a\ncompatible wharf,base\nnode /bus /bus/dev@9", false},
        {"overlay a\ncompatible wharf,base\nwithout /nothing", true},
        {"overlay a\ncompatible wharf,base\nwithout /nothing /bus", false},
    };
    struct blob base = load("base.dtb");
    struct tree tree;
    struct reason why;

    CHECK_EQ(tree_read(base.data, base.size, &tree, &why), KERN_SUCCESS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ(overlay_rules_read(cases[i].text, strlen(cases[i].text), &rules, &why),
                 KERN_SUCCESS);
        CHECK_EQ(overlay_applies(&rules.rule[0], &tree), cases[i].applies);
    }
    tree_free(&tree);
    free(base.data);
}

/* ---- Putting on ---- */

static uint32_t number_at(const struct tree *tree, const char *path, const char *property,
                          uint32_t cell)
{
    uint32_t node = tree_find(tree, path);

    CHECK(node != TREE_NONE);
    CHECK(tree_get(tree, node, property).length >= 4 * (cell + 1));
    return value_cell(tree_get(tree, node, property), cell);
}

static void test_good(void)
{
    static const struct overlay_rule rule = {.symbol = {{"label", "/bus/dev@1"},
                                                        {"provider", "/provider"}},
                                             .symbols = 2};
    struct blob base = load("base.dtb"), overlay = load("good.dtbo"), before = copy(base), changed;
    struct tree tree;
    struct reason why = {{0}};

    CHECK_EQ(overlay_apply(base.data, base.size, overlay.data, overlay.size, &rule, &changed.data,
                           &changed.size, &why),
             KERN_SUCCESS);
    CHECK(memcmp(base.data, before.data, base.size) == 0);
    CHECK_EQ(tree_read(changed.data, changed.size, &tree, &why), KERN_SUCCESS);
    CHECK_EQ(number_at(&tree, "/bus/dev@1", "added", 0), 7);
    CHECK_EQ(number_at(&tree, "/bus/dev@1", "changed", 0), 2);
    CHECK_EQ(number_at(&tree, "/bus/dev@1", "untouched", 0), 3);
    CHECK_EQ(number_at(&tree, "/bus/new@2", "reg", 0), 2);
    /* A phandle into the base, one within the overlay. */
    CHECK_EQ(number_at(&tree, "/bus/dev@1", "clocks", 0),
             tree.nodes[tree_find(&tree, "/provider")].phandle);
    CHECK_EQ(number_at(&tree, "/bus/dev@1", "friend", 0),
             tree.nodes[tree_find(&tree, "/bus/new@2")].phandle);
    tree_free(&tree);
    free(changed.data);
    free(before.data);
    free(overlay.data);
    free(base.data);
}

static void refused(struct blob base, struct blob overlay, const struct overlay_rule *rule,
                    kern_return_t expected, const char *words)
{
    struct blob before = copy(base);
    struct reason why = {{0}};
    void *changed = NULL;
    size_t size;

    CHECK_EQ(overlay_apply(base.data, base.size, overlay.data, overlay.size, rule, &changed, &size,
                           &why),
             expected);
    if (strstr(why.text, words) == NULL)
        CHECK_TEXT(why.text, words);
    CHECK(changed == NULL && memcmp(base.data, before.data, base.size) == 0);
    free(before.data);
}

static void test_wrong(void)
{
    static const struct overlay_rule nowhere = {.symbol = {{"label", "/absent"}}, .symbols = 1};
    struct blob base = load("base.dtb"), good = load("good.dtbo"), b;

    refused(base, good, &nowhere, KERN_NOT_FOUND,
            "/absent: a node or label that it refers to is not there");
    refused(base, good, NULL, KERN_NOT_FOUND, "the overlay: a node or label");
    b = load("missing-target.dtbo");
    refused(base, b, NULL, KERN_NOT_FOUND, "the overlay: a node or label");
    free(b.data);
    b = load("bad-local.dtbo");
    refused(base, b, NULL, KERN_BAD_FORMAT,
            "the overlay refers to byte 4294967292 of its property friend, which has 4");
    free(b.data);
    b = load("bad-local-node.dtbo");
    refused(base, b, NULL, KERN_BAD_FORMAT,
            "the overlay has fix-ups for a node absent that is not there");
    free(b.data);
    b = load("bad-label.dtbo");
    refused(base, b, NULL, KERN_BAD_FORMAT,
            "the overlay refers to byte 8 of its property clocks, which has 8");
    free(b.data);
    b = load("bad-label-text.dtbo");
    refused(base, b, NULL, KERN_BAD_FORMAT,
            "the overlay has a fix-up that is none: /fragment@0/__overlay__:clocks");
    free(b.data);
    b = copy(good);
    b.size -= 8;
    refused(base, b, NULL, KERN_BAD_FORMAT, "the tree says it has");
    b.size = 12;
    refused(base, b, NULL, KERN_BAD_FORMAT, "the tree is cut off within its header");
    free(b.data);
    refused((struct blob){base.data, 20}, good, NULL, KERN_BAD_FORMAT,
            "the tree is cut off within its header");
    free(good.data);
    free(base.data);
}

/* ---- Damage ---- */

static void damage(struct blob b)
{
    static const uint32_t words[] = {0, 1,          2,          3,          4,
                                     9, 0x7fffffff, 0x80000000, 0xfffffffc, UINT32_MAX};
    uint32_t word = cpu_to_fdt32(words[check_below(sizeof(words) / sizeof(words[0]))]);
    uint8_t *at = b.data;

    switch (check_below(3)) {
    case 0: at[check_below(b.size)] ^= (uint8_t)(1 << check_below(8)); break;
    case 1: memcpy(at + check_below(b.size / 4) * 4, &word, 4); break;
    default: memcpy(at + check_below(b.size / 4) * 4, at + check_below(b.size / 4) * 4, 4); break;
    }
}

/* Whatever is in either: it ends, within its memory, with a tree or a sentence. */
static void test_damaged(void)
{
    static const struct overlay_rule rule = {.symbol = {{"label", "/bus/dev@1"},
                                                        {"provider", "/provider"}},
                                             .symbols = 2};
    struct blob base = load("base.dtb"), good = load("good.dtbo");
    unsigned applied = 0;

    for (unsigned i = 0; i < MUTATIONS; i++) {
        struct blob b = copy(base), o = copy(good);
        struct reason why = {{0}};
        struct tree tree;
        void *changed;
        size_t size;

        for (unsigned n = (unsigned)check_below(4); n > 0; n--)
            damage(check_below(4) == 0 ? b : o);
        if (overlay_apply(b.data, b.size, o.data, o.size, &rule, &changed, &size, &why) ==
            KERN_SUCCESS) {
            CHECK_EQ(tree_read(changed, size, &tree, &why), KERN_SUCCESS);
            tree_free(&tree);
            free(changed);
            applied++;
        } else {
            CHECK(why.text[0] != '\0');
        }
        free(b.data);
        free(o.data);
    }
    CHECK(applied > MUTATIONS / 8 && applied < MUTATIONS);
    free(good.data);
    free(base.data);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    check_begin(argc, argv);
    folder = argv[1];
    test_rules(argv[2]);
    test_applies();
    test_good();
    test_wrong();
    test_damaged();
    return check_end();
}
