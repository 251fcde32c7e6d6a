/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getopt() and getopt_long() of libsys against the host's: random words, which are cut together from what options are made of; results, arguments, and the operands that are left.
 */
#include "check.h"
#include <getopt.h>

/* libsys/posix/getopt.c, under other names. */
extern char *our_optarg;
extern int our_optind, our_opterr;
int our_getopt_long(int, char *const *, const char *, const struct option *, int *);
int our_getopt(int, char *const *, const char *);

enum { WORDS = 8, LENGTH = 24, RESULTS = 64, ROUNDS = 200000 };

struct outcome {
    int count, left;
    int result[RESULTS], number[RESULTS];
    const char *argument[RESULTS], *operand[WORDS + 1];
};

static const struct option options[] = {
    {"all", no_argument, NULL, 300},        {"alike", required_argument, NULL, 301},
    {"name", required_argument, NULL, 302}, {"maybe", optional_argument, NULL, 303},
    {"n", no_argument, NULL, 304},          {NULL, 0, NULL, 0},
};
static const char *const letters[] = {"ab:c::", "+ab:c::", ":ab:c::", "-ab:c::", "b:", "", ":b:"};

static void make_word(char *word)
{
    static const char *const parts[] = {"-",    "--",     "a",        "b",   "c", "x",
                                        "-a",   "-ab",    "-b",       "",    "=", "--all",
                                        "--al", "--name", "--maybe=", "--n", "op"};
    const unsigned count = 1 + (unsigned)check_below(2);

    *word = '\0';
    for (unsigned i = 0; i < count; i++)
        strcat(word, parts[check_below(sizeof parts / sizeof parts[0])]);
}

static void keep(struct outcome *o, int result, int number, const char *argument)
{
    o->result[o->count] = result;
    o->number[o->count] = number;
    o->argument[o->count++] = result == '?' || result == ':' ? NULL : argument;
}

static void keep_operands(struct outcome *o, int argc, char **argv, int from)
{
    for (int i = from; i < argc; i++)
        o->operand[o->left++] = argv[i];
}

static void ask_host(struct outcome *o, int argc, char **argv, const char *text, bool is_long)
{
    optind = opterr = 0;
    while (o->count < RESULTS) {
        int number = -1;
        const int result =
            is_long ? getopt_long(argc, argv, text, options, &number) : getopt(argc, argv, text);
        if (result == -1)
            break;
        keep(o, result, number, optarg);
    }
    keep_operands(o, argc, argv, optind);
}

static void ask_ours(struct outcome *o, int argc, char **argv, const char *text, bool is_long)
{
    our_optind = our_opterr = 0;
    while (o->count < RESULTS) {
        int number = -1;
        const int result = is_long ? our_getopt_long(argc, argv, text, options, &number)
                                   : our_getopt(argc, argv, text);
        if (result == -1)
            break;
        keep(o, result, number, our_optarg);
    }
    keep_operands(o, argc, argv, our_optind);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    CHECK_EQ(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        CHECK_EQ(a->result[i], b->result[i]);
        CHECK_EQ(a->number[i], b->number[i]);
        CHECK(a->argument[i] == b->argument[i]);
    }
    CHECK_EQ(a->left, b->left);
    for (int i = 0; i < a->left; i++)
        CHECK(a->operand[i] == b->operand[i]);
}

static void one_round(void)
{
    char storage[WORDS + 1][LENGTH], name[] = "prog";
    char *host[WORDS + 2] = {name}, *ours[WORDS + 2] = {name};
    const int argc = 1 + (int)check_below(WORDS);
    const char *text = letters[check_below(sizeof letters / sizeof letters[0])];
    const bool is_long = check_below(2) == 0;
    struct outcome a = {.count = 0}, b = {.count = 0};

    for (int i = 1; i < argc; i++) {
        make_word(storage[i]);
        host[i] = ours[i] = storage[i];
    }
    ask_host(&a, argc, host, text, is_long);
    ask_ours(&b, argc, ours, text, is_long);
    if (memcmp(&a, &b, sizeof a) != 0) {
        printf("letters '%s'%s:", text, is_long ? " and long ones" : "");
        for (int i = 1; i < argc; i++)
            printf(" '%s'", storage[i]);
        printf("\n");
    }
    compare(&a, &b);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (int i = 0; i < ROUNDS; i++)
        one_round();
    return check_end();
}
