/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot argument line: every word, its limits, and every sentence. */
#include "dt_check.h"

#include <kern/bootargs.h>

static struct boot_options o;

static void parse(const char *line)
{
    struct dt_error err = {{0}};

    check_case = line;
    CHECK_EQ(dt_boot_options(line, strlen(line), &o, &err), KERN_SUCCESS);
    CHECK_TEXT(err.text, "");
}

static bool is(struct boot_word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

static void test_good(void)
{
    parse("");
    CHECK_EQ(o.mem_limit, 0);
    CHECK_EQ(o.max_cpus, 0);
    CHECK(o.mitigations && !o.seed_given);
    CHECK(is(o.init, "bootstrap"));
    CHECK_EQ(o.arg_count, 0);
    CHECK_EQ(o.test.length, 0);
    CHECK_EQ(o.log, BOOT_LOG_INFO);
    CHECK_EQ(o.end, BOOT_END_DEFAULT);
    CHECK_EQ(o.unknown_count, 0);

    parse("\t mem=64M  maxcpus=4 seed=0xdeadBEEF mitigations=off init=a,bb,c arg=x arg= test=all "
          "log=quiet end=semihost quiet root=/dev/x dirty=6M pager=50\n");
    CHECK_EQ(o.dirty_limit, 6 << 20);
    CHECK_EQ(o.pager_milliseconds, 50);
    CHECK_EQ(o.mem_limit, 64 << 20);
    CHECK_EQ(o.max_cpus, 4);
    CHECK(o.seed_given && o.seed == 0xdeadbeef);
    CHECK(!o.mitigations);
    CHECK(is(o.init, "a,bb,c"));
    CHECK_EQ(o.arg_count, 2);
    CHECK(is(o.args[0], "x") && is(o.args[1], ""));
    CHECK(is(o.test, "all"));
    CHECK_EQ(o.log, BOOT_LOG_QUIET);
    CHECK_EQ(o.end, BOOT_END_SEMIHOST);
    CHECK_EQ(o.unknown_count, 2);
    CHECK(is(o.unknown[1], "root=/dev/x"));

    parse("mem=1g log=info log=debug end=halt end=poweroff mitigations=off "
          "mitigations=on seed=18446744073709551615");
    CHECK_EQ(o.mem_limit, UINT64_C(1) << 30);
    CHECK_EQ(o.log, BOOT_LOG_DEBUG);
    CHECK_EQ(o.end, BOOT_END_POWEROFF);
    CHECK(o.mitigations);
    CHECK_EQ(o.seed, UINT64_MAX);
    parse("mem=4097 end=reboot maxcpus=99999999999");
    CHECK_EQ(o.mem_limit, 4096);
    CHECK_EQ(o.end, BOOT_END_REBOOT);
    CHECK_EQ(o.max_cpus, UINT32_MAX);
    parse("mem=16k mem=2T");
    CHECK_EQ(o.mem_limit, UINT64_C(2) << 40);
    parse("a b c d e f g h i j k");
    CHECK_EQ(o.unknown_count, 11);
    CHECK(is(o.unknown[BOOT_MAX_UNKNOWN - 1], "h"));
}

static void test_list(void)
{
    struct boot_word list = {"one,two", 7}, name;

    CHECK(boot_word_next(&list, &name) && is(name, "one"));
    CHECK(boot_word_next(&list, &name) && is(name, "two"));
    CHECK(!boot_word_next(&list, &name));
}

static void test_limits(void)
{
    struct dt_error err;
    char bound[5] = {'m', 'e', 'm', '=', '8'}; /* no NUL; the sanitizer watches the end */

    check_case = "length";
    CHECK_EQ(dt_boot_options(bound, 4, &o, &err), KERN_INVALID_ARGUMENT);
    CHECK_EQ(dt_boot_options(bound, 5, &o, &err), KERN_INVALID_ARGUMENT);
    CHECK_EQ(dt_boot_options(bound, 0, &o, &err), KERN_SUCCESS);
    CHECK_EQ(dt_boot_options("log=quiet\0log=what", 18, &o, &err), KERN_SUCCESS);
    CHECK_EQ(o.log, BOOT_LOG_QUIET);
}

static const struct {
    const char *line, *sentence;
} bad[] = {
    {"mem=", "boot argument mem=: not a size such as 64M"},
    {"mem=12q", "boot argument mem=12q: not a size such as 64M"},
    {"mem=1MB", "boot argument mem=1MB: not a size such as 64M"},
    {"mem=0x", "boot argument mem=0x: not a size such as 64M"},
    {"mem=99999999999T", "boot argument mem=99999999999T: not a size such as 64M"},
    {"mem=99999999999999999999", "boot argument mem=99999999999999999999: not a size such as 64M"},
    {"mem=18446744073709551616", "boot argument mem=18446744073709551616: not a size such as 64M"},
    {"mem=100", "boot argument mem=100: less than a page"},
    {"dirty=much", "boot argument dirty=much: not a size such as 64M"},
    {"dirty=4095", "boot argument dirty=4095: less than a page"},
    {"pager=0", "boot argument pager=0: not a number of milliseconds of at least 1"},
    {"maxcpus=0", "boot argument maxcpus=0: not a number of at least 1"},
    {"maxcpus=two", "boot argument maxcpus=two: not a number of at least 1"},
    {"seed=-1", "boot argument seed=-1: not a number of 64 bits"},
    {"seed=0xg", "boot argument seed=0xg: not a number of 64 bits"},
    {"mitigations=no", "boot argument mitigations=no: neither on nor off"},
    {"init=", "boot argument init=: a program's name is missing"},
    {"init=a,,b", "boot argument init=a,,b: a program's name is missing"},
    {"init=a,", "boot argument init=a,: a program's name is missing"},
    {"test=", "boot argument test=: which tests? (all, or part of a name)"},
    {"x log=loud", "boot argument log=loud: not one of debug, info, quiet"},
    {"end=never", "boot argument end=never: not one of halt, poweroff, reboot, semihost"},
    {"arg=1 arg=2 arg=3 arg=4 arg=5 arg=6 arg=7 arg=8 arg=9 arg=a arg=b arg=c arg=d arg=e arg=f "
     "arg=g arg=h",
     "boot argument arg=h: there are too many arg= words"},
    {"log=\x01\xff", "boot argument log=\?\?: not one of debug, info, quiet"},
    {"log=0123456789012345678901234567890123456789012345678901234567890123456789",
     "boot argument log=0123456789012345678901234567890123456789012: not one of debug, info, quiet"},
};

int main(int argc, char **argv)
{
    struct dt_error err;

    dt_check_begin(argc, argv);
    test_good();
    test_list();
    test_limits();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&o, 0x55, sizeof(o));
        check_case = bad[i].line;
        CHECK_EQ(dt_boot_options(bad[i].line, strlen(bad[i].line), &o, &err),
                 KERN_INVALID_ARGUMENT);
        CHECK_TEXT(err.text, bad[i].sentence);
        CHECK_EQ(o.max_cpus, 0x55555555); /* nothing written on failure */
    }
    return dt_check_end();
}
