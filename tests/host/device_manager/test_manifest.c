/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Manifests: what is read, each sentence for what is wrong, and what may stand beside what. argv[1]: the folder of the real ones.
 */
#include "../check.h"
#include "pipeline.h"

#define HEAD "driver d\ncompatible a,b\nclass c\n"

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "it describes no driver"},
    {"# nothing\n\n   \n", "it describes no driver"},
    {"driver d\n", "driver d: nothing is compatible with it"},
    {"driver d\ncompatible a,b\n", "driver d: no class"},
    {"compatible a,b\n", "line 1: a manifest begins with: driver"},
    {"driver d\ndriver e\n", "line 2: a second: driver"},
    {"driver\n", "line 1: too few words after: driver"},
    {"driver d e\n", "line 1: too many words after: driver"},
    {"driver D\n", "line 1: this is no name: D"},
    {"driver 1d\n", "line 1: this is no name: 1d"},
    {"driver d.e\n", "line 1: this is no name: d.e"},
    {"driver a23456789012345678901234\n", "line 1: this is no name: a23456789012345678901234"},
    {HEAD "colour blue\n", "line 4: there is no such key: colour"},
    {HEAD "provides x\n", "line 4: there is no such key: provides"},
    {HEAD "inspect\n", "line 4: there is no such key: inspect"},
    {HEAD "manage\n", "line 4: there is no such key: manage"},
    {HEAD "program x\n", "line 4: there is no such key: program"},
    {HEAD "compatible a,b\n", "line 4: it stands here already: a,b"},
    {HEAD "compatible x#y\n", "line 4: this is no compatible string: x#y"},
    {HEAD "ranges 2 1\n", "line 4: less than the number before: 1"},
    {HEAD "ranges 17\n", "line 4: this is no number from 0 to 16: 17"},
    {HEAD "ranges x\n", "line 4: this is no number from 0 to 16: x"},
    {HEAD "ranges 1 2 3\n", "line 4: too many words after: ranges"},
    {HEAD "lines -1\n", "line 4: this is no number from 0 to 16: -1"},
    {HEAD "lines 1\nlines 1\n", "line 5: a second: lines"},
    {HEAD "dma maybe\n", "line 4: none of no, optional and yes: maybe"},
    {HEAD "dma yes 19\n", "line 4: this is no number of address bits from 20 to 64: 19"},
    {HEAD "dma yes 65\n", "line 4: this is no number of address bits from 20 to 64: 65"},
    {HEAD "share-page yes\n", "line 4: too many words after: share-page"},
    {HEAD "strict 16\n", "line 4: this is no number from 0 to 15: 16"},
    {HEAD "properties a:number\n", "line 4: this is no kind of property: :number"},
    {HEAD "properties =x\n", "line 4: this is no name of a property, or of an argument"},
    {HEAD "properties a=B\n", "line 4: this is no name of a property, or of an argument: a"},
    {HEAD "phandles clocks\n", "line 4: this is not PROPERTY=ARGUMENT: clocks"},
    {HEAD "phandles =c\n", "line 4: this is not PROPERTY=ARGUMENT: =c"},
    {HEAD "phandles clocks:=c\n", "line 4: this is not PROPERTY=ARGUMENT: clocks:=c"},
    {HEAD "needs clocks=\n", "line 4: this is not PROPERTY=ARGUMENT: clocks="},
    {HEAD "also x,y\n", "line 4: too few words after: also"},
    {HEAD "also x,y Z\n", "line 4: this is no name: Z"},
    {HEAD "probe 0 1\n", "driver d: a probe, but no ranges"},
    {HEAD "ranges 1\nprobe 2 1\n", "line 5: this is no offset of a register: 2"},
    {HEAD "ranges 1\nprobe 0x1000 1\n", "line 5: this is no offset of a register: 0x1000"},
    {HEAD "ranges 1\nprobe 0 0x\n", "line 5: this is no number: 0x"},
    {HEAD "ranges 1\nprobe 0 4294967296\n", "line 5: this is no number: 4294967296"},
    {HEAD "ranges 1\nprobe 0 3 1\n", "line 5: a value that the mask hides: 3"},
    {HEAD "memory lots\n", "line 4: this is no size: lots"},
    {HEAD "memory 1T\n", "line 4: this is no size: 1T"},
    {HEAD "priority high\n", "line 4: this is no number: high"},
    {HEAD "backoff 1\n", "line 4: too few words after: backoff"},
    {HEAD "restart sometimes\n", "line 4: none of always, failure and never: sometimes"},
    {HEAD "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7\n",
     "line 4: too many words"},
    {HEAD "\x01", "line 4: a byte that is no text"},
    {HEAD "class \xc3\xa4\n", "line 4: a byte that is no text"},
};

static struct manifest *read_good(const char *text)
{
    struct manifest *m = NULL;
    struct reason why = {{0}};

    CHECK_EQ(manifest_read(text, strlen(text), &m, &why), KERN_SUCCESS);
    return m;
}

static void test_bad(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct manifest *m = NULL;
        struct reason why = {{0}};

        CHECK_EQ(manifest_read(bad[i].text, strlen(bad[i].text), &m, &why), KERN_BAD_FORMAT);
        CHECK_TEXT(why.text, bad[i].why);
        CHECK(m == NULL);
    }
}

/* What is too long is refused, not cut off. */
static void test_long(void)
{
    static char text[2 * MANIFEST_TEXT_MAX];
    struct manifest *m;
    struct reason why;
    size_t used = (size_t)sprintf(text, "%s", HEAD);

    while (used < 3 * MANIFEST_ARGUMENTS_MAX)
        used += (size_t)sprintf(text + used, "arguments word%zu\n", used);
    CHECK_EQ(manifest_read(text, used, &m, &why), KERN_BAD_FORMAT);
    CHECK(strstr(why.text, "all words of this kind together are too long") != NULL);
    used = (size_t)sprintf(text, "%s", HEAD);
    memset(text + used, '\n', MANIFEST_TEXT_MAX + 1);
    CHECK_EQ(manifest_read(text, MANIFEST_TEXT_MAX + 1, &m, &why), KERN_BAD_FORMAT);
    CHECK_TEXT(why.text, "it has 4097 bytes, more than 4096");
    CHECK_EQ(manifest_read(text, MANIFEST_TEXT_MAX, &m, &why), KERN_SUCCESS);
    free(m);
}

static void test_good(void)
{
    struct manifest *m = read_good(
        "# a driver\n"
        "driver ab-1\n"
        "\tcompatible x,1 x,2 # and one more:\n"
        "compatible x,3\n"
        "class block\ninstance sd\nalias mmc\nfile other\n"
        "ranges 1 2\nlines 3\ndma optional 32\nshare-page\nbus-windows\nstrict 0 5\n"
        "properties bus-width status:text label:text=name count=n\n"
        "phandles clocks=clock clocks:unit=rate\nneeds vmmc-supply=vmmc\n"
        "also y,1 clocks via\nalso y,2 gpio\n"
        "probe 0x10 0x2 0xf\n"
        "arguments a=1 b\narguments c\nuses one two\nrights host_reboot\nwired\nreclaim\nmemory 8M");

    CHECK_TEXT(m->name, "ab-1");
    CHECK_TEXT(m->file, "other");
    CHECK_TEXT(m->class, "block");
    CHECK_TEXT(m->instance, "sd");
    CHECK_TEXT(m->alias, "mmc");
    CHECK_EQ(m->compatibles, 3);
    CHECK(manifest_matches(m, "x,3") && !manifest_matches(m, "x,") && !manifest_matches(m, "and"));
    CHECK(m->ranges.least == 1 && m->ranges.most == 2 && m->lines.least == 3 && m->lines.most == 3);
    CHECK(m->dma == MANIFEST_DMA_OPTIONAL && m->dma_bits == 32 && m->share_page && m->bus);
    CHECK_EQ(m->strict, 0x21);
    CHECK_EQ(m->properties, 4);
    CHECK(!m->property[0].text && m->property[1].text && m->property[2].text &&
          !m->property[3].text);
    CHECK_TEXT(m->property[1].argument, "status");
    CHECK_TEXT(m->property[2].argument, "name");
    CHECK_EQ(m->phandles, 3);
    CHECK(m->phandle[0].name == NULL && !m->phandle[0].needed && m->phandle[2].needed);
    CHECK_TEXT(m->phandle[1].name, "unit");
    CHECK_TEXT(m->phandle[1].argument, "rate");
    CHECK_EQ(m->alsos, 2);
    CHECK_TEXT(m->also[0].via, "via");
    CHECK(m->also[1].via == NULL);
    CHECK(m->probes == 1 && m->probe[0].offset == 0x10 && m->probe[0].value == 2 &&
          m->probe[0].mask == 0xf);
    CHECK_TEXT(m->arguments, "a=1 b c ");
    CHECK_TEXT(m->recipe, "uses one two\nrights host_reboot\nwired\nreclaim\nmemory 8M\n");
    free(m);
    m = read_good(HEAD);
    CHECK_TEXT(m->file, "d");
    CHECK_TEXT(m->instance, "c");
    CHECK(m->dma == MANIFEST_DMA_NO && m->ranges.most == 0 && m->lines.most == 0);
    free(m);
}

/* Two texts; the sentence of the second, "" if it may stand beside the first. */
static void beside(const char *first, const char *second, const char *why_not)
{
    struct manifest_set set = {0};
    struct reason why = {{0}};
    kern_return_t result;

    CHECK_EQ(manifest_set_add(&set, read_good(first), &why), KERN_SUCCESS);
    result = manifest_set_add(&set, read_good(second), &why);
    CHECK_EQ(result, why_not[0] == '\0' ? KERN_SUCCESS : KERN_EXISTS);
    CHECK_TEXT(why.text, why_not);
    CHECK_EQ(set.count, why_not[0] == '\0' ? 2 : 1);
    manifest_set_free(&set);
}

#define PROBED(name, rows) "driver " name "\ncompatible v,m\nclass c\nranges 1\n" rows

static void test_sets(void)
{
    struct manifest_set set = {0};
    struct reason why;
    char text[64];

    beside("driver a\ncompatible x\nclass c", "driver b\ncompatible y\nclass c", "");
    beside("driver a\ncompatible x\nclass c", "driver a\ncompatible y\nclass c",
           "there is a driver a already");
    beside("driver a\ncompatible x y\nclass c", "driver b\ncompatible z y\nclass c",
           "driver b: y is what a drives already");
    beside(PROBED("a", "probe 0 1\nprobe 8 2"), PROBED("b", "probe 0 1\nprobe 8 3"), "");
    beside(PROBED("a", "probe 0 1\nprobe 8 2"), PROBED("b", "probe 0 1\nprobe 4 3"),
           "driver b: v,m is what a drives already");
    beside(PROBED("a", "probe 8 2 0xf"), PROBED("b", "probe 8 0x10 0xf0"),
           "driver b: v,m is what a drives already");
    beside(PROBED("a", "probe 8 2"), PROBED("b", ""), "driver b: v,m is what a drives already");
    for (unsigned i = 0; i < MANIFESTS_MAX; i++) {
        sprintf(text, "driver d%u\ncompatible x%u\nclass c", i, i);
        CHECK_EQ(manifest_set_add(&set, read_good(text), &why), KERN_SUCCESS);
    }
    CHECK_EQ(manifest_set_add(&set, read_good(HEAD), &why), KERN_RESOURCE_SHORTAGE);
    manifest_set_free(&set);
}

int main(int argc, char **argv)
{
    struct manifest_set real = {0};

    check_begin(argc, argv);
    test_bad();
    test_long();
    test_good();
    test_sets();
    pipeline_manifests(argv[1], &real); /* none is bad, none contradicts another */
    manifest_set_free(&real);
    return check_end();
}
