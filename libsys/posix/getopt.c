/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getopt, getopt_long, getopt_long_only; instead of newlib's, which takes a lone "-" for an option and compares behind the ends of names.
 *
 * Operands that stand before an option are moved behind it, unless the letters begin with + (the first operand ends it) or - (an operand is given as option 1), or
 * POSIXLY_CORRECT is set. While an argument's letters are taken, argv[optind] is that argument, and the `skipped` operands behind it stood before it.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt = '?';

static struct {
    const char *next; /* letters left of the argument; NULL: none */
    const char *of;   /* that argument: who sets optind begins anew */
    int skipped;
} place;

struct letters {
    const char *text; /* without what stands before them */
    bool stops, gives, quiet;
};

static struct letters understand(const char *text)
{
    struct letters l = {.stops = getenv("POSIXLY_CORRECT") != NULL};

    if (*text == '+' || *text == '-') {
        l.stops = *text == '+';
        l.gives = *text == '-';
        text++;
    }
    l.quiet = *text == ':';
    l.text = l.quiet ? text + 1 : text;
    return l;
}

/* argv[from] comes to `to`, which is before it; those between move up. */
static void move(char *const *argv, int from, int to)
{
    char **words = (char **)(uintptr_t)argv;
    char *const moved = words[from];

    memmove(&words[to + 1], &words[to], (size_t)(from - to) * sizeof *words);
    words[to] = moved;
}

static void complain(const struct letters *l, char *const *argv, const char *what,
                     const char *which)
{
    if (!opterr || l->quiet)
        return;
    fputs(argv[0] != NULL ? argv[0] : "", stderr);
    fputs(what, stderr);
    fputs(which, stderr);
    fputc('\n', stderr);
}

static void end_argument(void)
{
    place.next = NULL;
    place.skipped = 0;
    optind++;
}

/* The argument that follows is this option's. False: there is none. */
static bool take_next(int argc, char *const *argv)
{
    const int at = optind + 1 + place.skipped;

    if (at >= argc)
        return false;
    move(argv, at, optind + 1);
    optind++;
    optarg = argv[optind];
    return true;
}

static int take_letter(int argc, char *const *argv, const struct letters *l)
{
    const char letter[] = {*place.next++, '\0'};
    const char *known = letter[0] != ':' && letter[0] != ';' ? strchr(l->text, letter[0]) : NULL;
    bool missing = false;

    if (known != NULL && known[1] == ':') {
        if (*place.next != '\0')
            optarg = (char *)(uintptr_t)place.next;
        else if (known[2] != ':')
            missing = !take_next(argc, argv);
        place.next = "";
    }
    if (*place.next == '\0')
        end_argument();
    if (known != NULL && !missing)
        return letter[0];
    optopt = letter[0];
    complain(l, argv, missing ? ": an argument is missing after -" : ": unknown option -", letter);
    return missing && l->quiet ? ':' : '?';
}

/* ---- long ones ---- */

enum { NONE = -1, SEVERAL = -2 };

/* An exact name, or the one that begins so; several of the same meaning are one. */
static int find(const struct option *options, const char *name, size_t length)
{
    int found = NONE;

    for (int i = 0; options[i].name != NULL; i++) {
        if (strncmp(options[i].name, name, length) != 0)
            continue;
        if (options[i].name[length] == '\0')
            return i;
        if (found == NONE)
            found = i;
        else if (found >= 0 &&
                 (options[i].has_arg != options[found].has_arg ||
                  options[i].flag != options[found].flag || options[i].val != options[found].val))
            found = SEVERAL;
    }
    return found;
}

static int refuse(char *const *argv, const struct letters *l, const char *why, int option)
{
    const char *which = place.of;

    end_argument();
    optopt = option;
    complain(l, argv, why, which);
    return '?';
}

static int take_long(int argc, char *const *argv, const struct letters *l,
                     const struct option *options, int *number, const char *name)
{
    const char *value = strchr(name, '=');
    const size_t length = value != NULL ? (size_t)(value - name) : strlen(name);
    const int at = find(options, name, length);
    const struct option *option = &options[at >= 0 ? at : 0];

    if (at < 0)
        return refuse(argv, l,
                      at == NONE ? ": unknown option " : ": could be several options: ", 0);
    if (value != NULL && option->has_arg == no_argument)
        return refuse(argv, l, ": no argument is taken by ", option->val);
    if (value != NULL) {
        optarg = (char *)(uintptr_t)(value + 1);
    } else if (option->has_arg == required_argument && !take_next(argc, argv)) {
        refuse(argv, l, ": an argument is missing after ", option->val);
        return l->quiet ? ':' : '?';
    }
    end_argument();
    if (number != NULL)
        *number = at;
    if (option->flag == NULL)
        return option->val;
    *option->flag = option->val;
    return 0;
}

/* ---- */

static bool is_operand(const char *word)
{
    return word[0] != '-' || word[1] == '\0';
}

/* The next option's argument is at optind, operands before it behind it. False: there is none. */
static bool bring_next(int argc, char *const *argv, const struct letters *l)
{
    int at = optind;

    while (at < argc && argv[at] != NULL && is_operand(argv[at]) && !l->stops)
        at++;
    if (at >= argc || argv[at] == NULL || is_operand(argv[at]))
        return false;
    move(argv, at, optind);
    place.skipped = at - optind;
    place.of = argv[optind];
    place.next = place.of + 1;
    return true;
}

/* -name may be a long option, if only that: unless it is none, and its first letter is an option. */
static bool is_long(const struct letters *l, const struct option *options, bool only)
{
    if (options == NULL || place.next != place.of + 1)
        return false;
    if (place.next[0] == '-')
        return true;
    return only && (find(options, place.next, strcspn(place.next, "=")) != NONE ||
                    strchr(l->text, place.next[0]) == NULL);
}

static int next_option(int argc, char *const *argv, const char *text, const struct option *options,
                       int *number, bool only)
{
    const struct letters l = understand(text != NULL ? text : "");

    optarg = NULL;
    if (optind == 0)
        optind = 1;
    if (optind >= argc || argv[optind] == NULL)
        return -1;
    if (place.next == NULL || place.of != argv[optind]) {
        place.skipped = 0;
        if (l.gives && is_operand(argv[optind])) {
            optarg = argv[optind++];
            return 1;
        }
        if (!bring_next(argc, argv, &l))
            return -1;
        if (strcmp(place.of, "--") == 0) {
            end_argument();
            return -1;
        }
    }
    if (is_long(&l, options, only))
        return take_long(argc, argv, &l, options, number, place.next + (place.next[0] == '-'));
    return take_letter(argc, argv, &l);
}

int getopt(int argc, char *const *argv, const char *letters)
{
    return next_option(argc, argv, letters, NULL, NULL, false);
}

int getopt_long(int argc, char *const *argv, const char *letters, const struct option *options,
                int *number)
{
    return next_option(argc, argv, letters, options, number, false);
}

int getopt_long_only(int argc, char *const *argv, const char *letters, const struct option *options,
                     int *number)
{
    return next_option(argc, argv, letters, options, number, true);
}
