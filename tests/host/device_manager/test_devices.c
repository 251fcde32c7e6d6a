/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole way from trees to recipes: damaged trees, all trees of a distribution, functions of buses. argv[1]: folder of the compiled trees of
 * dts/tests/devices; argv[2]: manifests of the tests; argv[3]: the real ones; argv[4]: (optional) folder with trees of real boards.
 */
#include "../check.h"
#include "functions.h"
#include "pipeline.h"

#include <ftw.h>

#include <libfdt.h>

enum { MUTATIONS = 1500 };

static struct manifest_set test_manifests, real_manifests;
static const char *const trees[] = {"addresses", "dma", "interrupts", "names",
                                    "pages",     "pci", "providers",  "virt-gic3-low"};

static void *load(const char *folder, const char *name, size_t *size)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s.dtb", folder, name);
    return pipeline_load(path, size);
}

/* ---- Damage ---- */

static void set_word(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void damage(uint8_t *data, size_t size)
{
    static const uint32_t words[] = {0,  1,      2,          3,          4,          8,         9,
                                     16, 0x1000, 0x7fffffff, 0x80000000, 0xfffffff4, UINT32_MAX};
    size_t from = check_below(size), to = check_below(size), length = check_below(64);

    switch (check_below(4)) {
    case 0: data[from] ^= (uint8_t)(1 << check_below(8)); break;
    case 1:
        set_word(data + from / 4 * 4 % (size - 3),
                 words[check_below(sizeof(words) / sizeof(words[0]))]);
        break;
    case 2: memmove(data + to / 4 * 4 % (size - 3), data + from / 4 * 4 % (size - 3), 4); break;
    default:
        if (length > size - (from > to ? from : to))
            length = size - (from > to ? from : to);
        memmove(data + to, data + from, length);
        break;
    }
}

static void test_damaged(const char *folder)
{
    for (size_t t = 0; t < sizeof(trees) / sizeof(trees[0]); t++) {
        size_t size;
        void *good = load(folder, trees[t], &size);
        unsigned refused = 0;

        CHECK(pipeline_run(good, size, &test_manifests, 1) >= 0);
        for (unsigned i = 0; i < MUTATIONS; i++) {
            uint8_t *copy = malloc(size);

            if (copy == NULL)
                abort();
            memcpy(copy, good, size);
            for (uint64_t n = 1 + check_below(5); n > 0; n--)
                damage(copy, size);
            refused += pipeline_run(copy, size, i % 2 ? &test_manifests : &real_manifests,
                                    (uint32_t)check_below(100)) < 0;
            check_count();
            free(copy);
        }
        CHECK(refused > 0 && refused < MUTATIONS);
        free(good);
    }
}

static void test_cut(const char *folder)
{
    size_t size;
    void *good = load(folder, "pci", &size);

    for (size_t left = 0; left < size; left += 4) {
        uint8_t *copy = malloc(left == 0 ? 1 : left);

        if (copy == NULL)
            abort();
        memcpy(copy, good, left);
        CHECK_EQ(pipeline_run(copy, left, &test_manifests, 0), -1);
        if (left >= 40) {
            set_word(copy + 4, (uint32_t)left); /* the header tells the truth about it */
            CHECK_EQ(pipeline_run(copy, left, &test_manifests, 0), -1);
        }
        free(copy);
    }
    free(good);
}

/* A property that claims to reach round the end of all numbers, to where the walk has been. */
static void test_lengths(const char *folder)
{
    static const uint32_t lengths[] = {0xfffffff4, 0xfffffff0, 0xffffffe0, 0xffffff00,
                                       UINT32_MAX, 0x80000000, 0x7ffffff0};
    size_t size, count = sizeof(lengths) / sizeof(lengths[0]);
    void *good = load(folder, "pci", &size);
    int offset = 0, next;
    uint32_t tag;

    for (unsigned n = 0; (tag = fdt_next_tag(good, offset, &next)) != FDT_END; offset = next, n++) {
        uint8_t *copy = malloc(size);

        if (copy == NULL)
            abort();
        memcpy(copy, good, size);
        set_word(copy + fdt_off_dt_struct(good) + offset + 4, lengths[n % count]);
        if (tag == FDT_PROP)
            CHECK_EQ(pipeline_run(copy, size, &test_manifests, 0), -1);
        free(copy);
    }
    free(good);
}

/* ---- Real trees ---- */

static unsigned boards, with_drivers;

static int visit(const char *path, const struct stat *status, int type)
{
    size_t size, length = strlen(path);
    void *blob;
    int drivers;

    (void)status;
    if (type != FTW_F || length < 4 || strcmp(path + length - 4, ".dtb") != 0)
        return 0;
    blob = pipeline_load(path, &size);
    drivers = pipeline_run(blob, size, &real_manifests, 3);
    if (drivers < 0)
        printf("%s is refused\n", path);
    CHECK(drivers >= 0);
    boards++;
    with_drivers += drivers > 0;
    free(blob);
    return 0;
}

static void test_boards(const char *folder)
{
    CHECK_EQ(ftw(folder, visit, 16), 0);
    printf("%u boards, %u of them with devices that have drivers\n", boards, with_drivers);
    CHECK(boards > 0 && with_drivers > 0);
}

/* ---- Functions of buses ---- */

static struct function *found(struct function_set *set, const char *address, const char *match)
{
    struct function *f = NULL;

    CHECK_EQ(function_found(set, &real_manifests, "/pcie@10000000", address, match, &f),
             KERN_SUCCESS);
    return f;
}

static void test_functions(void)
{
    static struct function_set set;
    static char too_long[400];
    char buffer[DEVICE_RECIPE_MAX];
    struct text t = text_in(buffer, sizeof(buffer));
    struct function *card = found(&set, "01.0", "pci:1b36,0007 pci-class:080501"), *net, *f;

    CHECK_TEXT(card->driver->name, "sdhci");
    CHECK_TEXT(card->matched, "pci-class:080501");
    CHECK(function_recipe(card, 2, &t));
    CHECK(
        strstr(
            buffer,
            "program sd2\nfile sdhci\narguments service=block.sd2 node=/pcie@10000000/01.0 address=01.0 "
            "compatible=pci-class:080501\nprovides block.sd2\n") == buffer);
    t = text_in(buffer, sizeof(buffer));
    function_explain(card, "running", &t);
    CHECK_TEXT(buffer,
               "/pcie@10000000/01.0\ncompatible: pci:1b36,0007 pci-class:080501\n"
               "driver: sdhci, for pci-class:080501, as sd2, service block.sd2\nstate: running\n");
    /* Again is the same; something else in its place is not. */
    CHECK(found(&set, "01.0", "pci:1b36,0007 pci-class:080501") == card && card->name[0] != '\0');
    CHECK(found(&set, "01.0", "pci:1af4,1000 pci-class:020000") == card && card->driver == NULL &&
          card->name[0] == '\0');
    net = found(&set, "02.0", "pci:1af4,1000 pci-class:020000");
    t = text_in(buffer, sizeof(buffer));
    function_explain(net, NULL, &t);
    CHECK_TEXT(buffer, "/pcie@10000000/02.0\ncompatible: pci:1af4,1000 pci-class:020000\n"
                       "no driver: no manifest matches what it is\n");
    CHECK(function_at(&set, "/pcie@10000000", "02.0") == net &&
          function_at(&set, "/pcie@10000000", "03.0") == NULL);
    /* What would not be one line of a recipe. */
    memset(too_long, 'x', sizeof(too_long) - 1);
    CHECK_EQ(function_found(&set, &real_manifests, "/a b", "1", "x", &f), KERN_INVALID_ARGUMENT);
    CHECK_EQ(function_found(&set, &real_manifests, "/a", "1\nwired", "x", &f),
             KERN_INVALID_ARGUMENT);
    CHECK_EQ(function_found(&set, &real_manifests, "/a", "", "x", &f), KERN_INVALID_ARGUMENT);
    CHECK_EQ(function_found(&set, &real_manifests, "/a", "1", "x # y", &f), KERN_INVALID_ARGUMENT);
    CHECK_EQ(function_found(&set, &real_manifests, "/a", "1", too_long, &f), KERN_INVALID_ARGUMENT);
}

/* Functions are behind the bus that the kernel says, at the address they were made with. */
static void test_origin(void)
{
    static const char long_name[] = "a234567890b234567890c234567890d234567890e234567890f234567890g";

    CHECK(function_is_behind("/pcie@10000000", "01.0", "01.0", "pcie@10000000"));
    CHECK(function_is_behind("/soc/pcie@1", "01.0", "01.0", "pcie@1"));
    CHECK(!function_is_behind("/pcie@10000000", "01.0", "01.0", "pcie@20000000"));
    CHECK(!function_is_behind("/pcie@10000000", "01.0", "02.0", "pcie@10000000"));
    CHECK(!function_is_behind("/pcie@10000000", "01.0", "01.0", ""));
    CHECK(!function_is_behind("/", "01.0", "01.0", ""));
    /* Names are kept as far as they go. */
    CHECK(function_is_behind(long_name, "1", "1",
                             "a234567890b234567890c234567890d234567890e234567890f234567890"));
}

static unsigned dropped;

static void drop(struct function *function)
{
    CHECK(function->used);
    dropped++;
}

#define CARD "pci-class:080501"

/* Places are used again: of what is lost, of what nobody drives, of what its bus's driver did not find again. */
static void test_places(void)
{
    static struct function_set set;
    struct function *f, *lost, *idle;
    char address[16];

    set = (struct function_set){.drop = drop};
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        (void)snprintf(address, sizeof(address), "%02x.0", i);
        (void)found(&set, address, i == 7 ? "x" : CARD);
    }
    CHECK_EQ(dropped, 0);
    lost = function_at(&set, "/pcie@10000000", "05.0");
    idle = function_at(&set, "/pcie@10000000", "07.0");
    lost->lost = true;
    CHECK_EQ(function_found(&set, &real_manifests, "/other", "1", CARD, &f), KERN_SUCCESS);
    CHECK(f == lost && !f->lost && dropped == 1);
    CHECK_EQ(function_found(&set, &real_manifests, "/other", "2", CARD, &f), KERN_SUCCESS);
    CHECK(f == idle && dropped == 2);
    /* Another bus takes no place of what is driven, nor does this one before its driver has started anew. */
    CHECK_EQ(function_found(&set, &real_manifests, "/other", "3", CARD, &f),
             KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(function_found(&set, &real_manifests, "/pcie@10000000", "f0.0", CARD, &f),
             KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(dropped, 2);
    (void)found(&set, "01.0", CARD); /* a new round */
    (void)found(&set, "f0.0", CARD);
    CHECK(dropped == 3 && function_at(&set, "/pcie@10000000", "00.0") == NULL);
    CHECK(function_at(&set, "/pcie@10000000", "01.0") && function_at(&set, "/other", "1"));
    CHECK_EQ(function_found(&set, &real_manifests, "/other", "3", CARD, &f),
             KERN_RESOURCE_SHORTAGE);
}

/* ---- Order, numbers ---- */

static void test_order(const char *folder)
{
    unsigned order[DEVICES_MAX], count, place[DEVICES_MAX] = {0};
    size_t size;
    void *blob = load(folder, "providers", &size);
    struct device_set set;
    struct tree tree;
    struct reason why;

    CHECK_EQ(tree_read(blob, size, &tree, &why), KERN_SUCCESS);
    CHECK_EQ(devices_find(&tree, &test_manifests, &set, &why), KERN_SUCCESS);
    devices_settle(&set);
    count = devices_order(&set, order);
    for (unsigned i = 0; i < count; i++)
        place[order[i]] = i;
    for (unsigned i = 0; i < set.count; i++)
        if (set.all[i].uses_count > 0 && strstr(set.all[i].uses[0], "firmware0") != NULL)
            CHECK(place[i] > place[devices_at(&set, tree_find(&tree, "/mailbox")) - set.all]);
    /* user0 to user17 are taken, and nothing above. */
    CHECK_EQ(devices_free_number(&set, "user", 3), 18);
    CHECK_EQ(devices_free_number(&set, "link", 0), 0); /* of those that were refused */
    CHECK_EQ(devices_free_number(&set, "nobody", 7), 7);
    devices_free(&set);
    tree_free(&tree);
    free(blob);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    check_begin(argc, argv);
    pipeline_manifests(argv[2], &test_manifests);
    pipeline_manifests(argv[3], &real_manifests);
    test_order(argv[1]);
    test_functions();
    test_origin();
    test_places();
    test_cut(argv[1]);
    test_lengths(argv[1]);
    test_damaged(argv[1]);
    if (argc > 4 && strncmp(argv[4], "seed=", 5) != 0)
        test_boards(argv[4]);
    manifest_set_free(&test_manifests);
    manifest_set_free(&real_manifests);
    return check_end();
}
