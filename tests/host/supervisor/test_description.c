/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System descriptions: what they say, and what is wrong with others. Each text lies in memory of its exact size.
 */
#include "check.h"
#include "description.h"
#include "expand.h"
#include <stdio.h>

static struct description d;
static struct description_error error;

static kern_return_t read_bytes(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    const kern_return_t kr = description_read(copy, size, &d, &error);
    free(copy);
    return kr;
}

static kern_return_t read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void wrong(const char *text, unsigned line, const char *word, const char *why)
{
    CHECK_EQ(read_text(text), KERN_BAD_FORMAT);
    CHECK_TEXT(error.why, why);
    CHECK_TEXT(error.word, word);
    CHECK_EQ(error.line, line);
}

static void test_defaults(void)
{
    CHECK_EQ(read_text("program a"), KERN_SUCCESS);
    CHECK_EQ(d.count, 1);
    const struct recipe *r = &d.recipe[0];
    CHECK_TEXT(r->name, "a");
    CHECK_TEXT(r->file, "a");
    CHECK_TEXT(r->arguments, "");
    CHECK(r->provides_count == 0 && r->uses_count == 0 && r->after_count == 0 && r->powers == 0);
    CHECK(r->priority == 96 && r->restart == RESTART_ALWAYS && r->memory_pages == 0 &&
          r->kernel_pages == 0);
    CHECK(r->heartbeat == 0 && r->backoff_first == 100 && r->backoff_max == 30000);
    CHECK(r->give_up == 10 && r->stop_time == 1000 && r->dma_pages == 4096);
    CHECK(d.overcommit == 100 && r->expendable == 0 && !r->sheds);
    CHECK(!r->reserved && !r->reclaim && d.reserve_pages == 0 && !d.quiet);
    CHECK_EQ(d.dump_partition, 0);
    CHECK(!r->wired && !r->essential && !r->inspect && !r->manage && !r->uses_all);
    CHECK(d.console[0] == 0 && d.until[0] == 0 && d.dump[0] == 0);
}

static void test_all_keys(void)
{
    CHECK_EQ(
        read_text(
            "# a comment\n"
            "console tty0 # another\r\n"
            "until sd0\n"
            "dump block.vd0 partition 3\n"
            "reserve 5K\n"
            "overcommit 150\n"
            "log quiet\n"
            "\n"
            "\t program \t sd0\n"
            " file sdhci\n"
            " arguments bus-width=4  clock.0=x:12\n arguments more\n"
            " provides block.sd0 a_b\n provides c+d@e-f\n"
            " uses firmware power\n uses clocks\n"
            " rights host_debug initrd\n rights host_devices\n"
            " after devices\n with sd1\n memory 8M\n kernel-memory 2M\n state 5000\n priority 140\n wired\n"
            " restart failure\n heartbeat 1000\n backoff 5 60\n give-up 7\n stop-time 0\n"
            " dma-pages 9\n reserved\n reclaim\n expendable 7\n sheds\n essential\n inspect\n manage\n"
            "program b\n uses *\n restart never"),
        KERN_SUCCESS);
    const struct recipe *r = &d.recipe[0];
    CHECK_EQ(d.count, 2);
    CHECK_EQ(d.overcommit, 150);
    CHECK_TEXT(d.console, "tty0");
    CHECK_TEXT(d.until, "sd0");
    CHECK_TEXT(d.dump, "block.vd0");
    CHECK_EQ(d.dump_partition, 3);
    CHECK_EQ(d.reserve_pages, 2);
    CHECK(d.quiet);
    CHECK_TEXT(r->file, "sdhci");
    CHECK_TEXT(r->arguments, "bus-width=4 clock.0=x:12 more");
    CHECK_EQ(r->provides_count, 3);
    CHECK_TEXT(r->provides[2], "c+d@e-f");
    CHECK_EQ(r->uses_count, 3);
    CHECK_TEXT(r->uses[2], "clocks");
    CHECK_EQ(r->powers, 1u << POWER_HOST_DEBUG | 1u << POWER_INITRD | 1u << POWER_HOST_DEVICES);
    CHECK_TEXT(r->with, "sd1");
    CHECK_TEXT(d.recipe[1].with, "");
    CHECK_EQ(r->memory_pages, 2048);
    CHECK_EQ(r->kernel_pages, 512);
    CHECK_EQ(r->state_pages, 2);
    CHECK(r->priority == 140 && r->wired && r->restart == RESTART_FAILURE && r->heartbeat == 1000);
    CHECK(r->backoff_first == 5 && r->backoff_max == 60 && r->give_up == 7 && r->stop_time == 0);
    CHECK(r->dma_pages == 9 && r->reserved && r->reclaim && r->expendable == 7 && r->sheds &&
          r->essential && r->inspect && r->manage);
    CHECK(d.recipe[1].uses_all && d.recipe[1].restart == RESTART_NEVER);
    test_defaults(); /* of what was read before nothing is left */
}

static void test_wrong(void)
{
    wrong("", 0, "", "there is no program in it");
    wrong("# nothing\n\n", 2, "", "there is no program in it");
    wrong("program", 1, "", "a name is missing");
    wrong("program a b", 1, "b", "there is one word too many");
    wrong("program a/b", 1, "a/b", "a name is letters, digits and . _ - + @");
    wrong("program a\nprogram b\nprogram a\n", 3, "a", "there are two programs of this name");
    wrong("file x", 1, "file", "this belongs to a program, and none has begun");
    wrong("program a\nuntil b", 2, "until",
          "this belongs to the system: it stands before the first program");
    wrong("program a\n\nunknown", 3, "unknown", "there is no such key");
    CHECK_EQ(read_text("overcommit always\nprogram a"), KERN_SUCCESS);
    CHECK_EQ(d.overcommit, OVERCOMMIT_ALWAYS);
    CHECK_EQ(read_text("overcommit 99\nprogram a"), KERN_BAD_FORMAT);
    CHECK_EQ(read_text("overcommit\nprogram a"), KERN_BAD_FORMAT);
    CHECK_EQ(read_text("program a\nexpendable 0"), KERN_BAD_FORMAT);
    wrong("program a\nwired now", 2, "now", "there is one word too many");
    wrong("program a\nrestart perhaps", 2, "perhaps", "it is always, failure or never");
    wrong("program a\nrestart", 2, "", "it is always, failure or never");
    wrong("program a\nrights host_debug root", 2, "root", "there is no such right");
    wrong("program a\npriority", 2, "", "a number is missing");
    wrong("program a\npriority 0", 2, "0", "this number is too small");
    wrong("program a\npriority 201", 2, "201", "this number is too large");
    wrong("program a\npriority -1", 2, "-1", "this is no number");
    wrong("program a\npriority 1K", 2, "1K", "this is no number");
    wrong("program a\nmemory K", 2, "K", "this is no number");
    wrong("program a\nmemory 1KK", 2, "1KK", "this is no number");
    wrong("program a\nmemory 99999999999999999999999", 2, "99999999999999999999999",
          "this number is too large");
    wrong("program a\nmemory 1099511627776G", 2, "1099511627776G", "this number is too large");
    wrong("program a\nbackoff 10 5", 2, "5", "this number is too small");
    wrong("program a\ngive-up 0", 2, "0", "this number is too small");
    wrong("program a\nprovides x y x", 2, "x", "this service is provided twice");
    wrong("program a\nprovides x\nprogram b\nprovides x", 4, "x", "this service is provided twice");
    wrong("program a\nprovides 1 2 3 4 5 6 7 8 9", 2, "9",
          "these are more than a program can have");
    wrong("program a\nprovides", 2, "", "a name is missing");
    wrong("program a\nwith", 2, "", "a name is missing");
    wrong("program a\nwith b c", 2, "c", "there is one word too many");
    wrong("reserve 0", 1, "0", "this number is too small");
    wrong("log loud", 1, "", "it is: log shown, or log quiet");
    wrong("dump x", 1, "", "it is: dump SERVICE partition N");
    wrong("dump x partition 0", 1, "0", "this number is too small");
    wrong("program a\n\x01\x02", 2, "??", "there is no such key");
}

/* What copies are made of: each copy has services of its own, so two descriptions may list the same. */
static void test_copies(void)
{
    CHECK_EQ(read_text("program m\n provides s\nprogram a\n copies m 8\n provides s t\n"
                       "program b\n copies m 32\n provides s"),
             KERN_SUCCESS);
    CHECK_TEXT(d.recipe[1].maker, "m");
    CHECK_EQ(d.recipe[1].copies, 8);
    CHECK(d.recipe[0].copies == 0 && d.recipe[0].maker[0] == '\0');
    wrong("program a\n copies", 2, "", "a name is missing");
    wrong("program a\n copies m", 2, "", "a number is missing");
    wrong("program a\n copies m 0", 2, "0", "this number is too small");
    wrong("program a\n copies m 33", 2, "33", "this number is too large");
    wrong("program a\n copies m 1 2", 2, "2", "there is one word too many");
    wrong("copies m 1\nprogram a", 1, "copies", "this belongs to a program, and none has begun");
    wrong("program a\n provides s\n copies m 1", 3, "",
          "this stands before what the copies provide");
    wrong("program a\n copies m 1\n provides s s", 3, "s", "this service is provided twice");
    static struct recipe one;
    static const char added[] = "program a\n copies m 1";
    CHECK_EQ(description_read_one(added, strlen(added), &one, &error), KERN_BAD_FORMAT);
}

/* Too long, too many: up to the last that fits. */
static void test_limits(void)
{
    static char text[20000];
    size_t n = 0;
    char name[WORD_SIZE + 1];
    memset(name, 'n', WORD_SIZE);
    name[WORD_SIZE] = '\0';
    sprintf(text, "program %s", name);
    wrong(text, 1, name + 1, "this name is too long");
    sprintf(text, "program %s", name + 1);
    CHECK_EQ(read_text(text), KERN_SUCCESS);
    for (unsigned i = 0; i < PROGRAMS_MAX; i++)
        n += (size_t)sprintf(text + n, "program p%u\n", i);
    CHECK_EQ(read_text(text), KERN_SUCCESS);
    CHECK_EQ(d.count, PROGRAMS_MAX);
    sprintf(text + n, "program more\n");
    wrong(text, PROGRAMS_MAX + 1, "", "there are too many programs");
    n = (size_t)sprintf(text, "program a\narguments ");
    memset(text + n, 'x', ARGUMENTS_SIZE - 1);
    text[n + ARGUMENTS_SIZE - 1] = '\0';
    CHECK_EQ(read_text(text), KERN_BAD_FORMAT);
    text[n + ARGUMENTS_SIZE - 2] = '\0';
    CHECK_EQ(read_text(text), KERN_SUCCESS);
    CHECK_EQ(strlen(d.recipe[0].arguments), ARGUMENTS_SIZE - 2);
}

static void test_one(void)
{
    static struct recipe a, b;
    static const char text[] = "program x\n file y\n uses z\n", other[] = "program x\n file y\n";
    memset(&a, 0x55, sizeof(a));
    memset(&b, 0xaa, sizeof(b));
    CHECK_EQ(description_read_one(text, strlen(text), &a, &error), KERN_SUCCESS);
    CHECK_EQ(description_read_one(text, strlen(text), &b, &error), KERN_SUCCESS);
    CHECK(recipe_is_same(&a, &b));
    CHECK_EQ(description_read_one(other, strlen(other), &b, &error), KERN_SUCCESS);
    CHECK(!recipe_is_same(&a, &b));
    CHECK_EQ(description_read_one("program a\nprogram b", 19, &a, &error), KERN_BAD_FORMAT);
    CHECK_EQ(description_read_one("until a\nprogram b", 17, &a, &error), KERN_BAD_FORMAT);
    CHECK_EQ(description_read_one("", 0, &a, &error), KERN_BAD_FORMAT);
}

/* Any byte of a good text becomes another. */
static void test_damaged(void)
{
    static const char good[] = "until a\nprogram a\n memory 8M\n provides b c\n backoff 1 2\n";
    for (unsigned i = 0; i < 20000; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (unsigned n = check_below(4); n-- > 0;)
            text[check_below(sizeof(good) - 1)] = (char)check_below(256);
        const kern_return_t kr = read_bytes(text, check_below(sizeof(good)));
        CHECK(kr == KERN_SUCCESS || (kr == KERN_BAD_FORMAT && error.why[0] != '\0'));
    }
}

static char expanded[EXPANDED_MAX];

static kern_return_t expands(const char *text, const char *arguments, const char *wanted)
{
    size_t size = 0;
    unsigned line = 0;
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text));
    const kern_return_t kr = expand(copy, strlen(text), arguments, expanded, &size, &line);
    free(copy);
    if (kr == KERN_SUCCESS) {
        CHECK(size < sizeof(expanded));
        expanded[size] = '\0';
        CHECK_TEXT(expanded, wanted);
    }
    return kr;
}

static void test_expand(void)
{
    static char text[EXPANDED_MAX + 10];
    size_t size;
    unsigned line;
    CHECK_EQ(expands("a $(x) b", "x=1", "a 1 b"), KERN_SUCCESS);
    CHECK_EQ(expands("$(x)$(y)$(x)", "y=22 xx=3 x=1", "1221"), KERN_SUCCESS);
    CHECK_EQ(expands("$(x:other) $(y:)", "z=1", "other "), KERN_SUCCESS);
    CHECK_EQ(expands("$(x:other)", "x=", ""), KERN_SUCCESS); /* it is given, as nothing */
    CHECK_EQ(expands("$ $x (x) $", "x=1", "$ $x (x) $"), KERN_SUCCESS);
    CHECK_EQ(expands("$(x)", "y=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expands("$(x", "x=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expands("$(", "x=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expands("$()", "x=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expands("$(:y)", "x=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expands("$(x\n)", "x=1", ""), KERN_BAD_FORMAT);
    CHECK_EQ(expand("1\n2\n$(x)", 8, "", expanded, &size, &line), KERN_BAD_FORMAT);
    CHECK_EQ(line, 3);
    memset(text, 'x', sizeof(text));
    CHECK_EQ(expand(text, EXPANDED_MAX, "", expanded, &size, &line), KERN_SUCCESS);
    CHECK_EQ(expand(text, EXPANDED_MAX + 1, "", expanded, &size, &line), KERN_RESOURCE_SHORTAGE);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_defaults();
    test_all_keys();
    test_wrong();
    test_copies();
    test_limits();
    test_one();
    test_damaged();
    test_expand();
    return check_end();
}
