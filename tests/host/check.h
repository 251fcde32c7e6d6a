/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every host test uses: assertions, and random numbers from one seed.
 *
 *      int main(int argc, char **argv)
 *      {
 *          check_begin(argc, argv);
 *          ... CHECK(condition); CHECK_EQ(a, b); check_below(10) ...
 *          return check_end();
 *      }
 *
 * The seed is the environment's WHARF_SEED or the argument seed=N; 1 if none is given, and one from
 * the clock for the word "random". A failed check prints the place, the seed and the line that
 * repeats the run exactly, and ends the program with status 1.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct check_state {
    uint64_t seed;
    uint64_t random; /* state of the generator */
    uint64_t checks; /* made so far, for the last line */
    int argc;
    char **argv;
};

/* Weak: one state however many files of a test include this. */
__attribute__((weak)) struct check_state check_state = {.seed = 1, .random = 1};

static inline void check_count(void);
static inline void check_report(const char *file, int line, const char *what, unsigned long long a,
                                unsigned long long b);

#define CHECK(condition)                                        \
    do {                                                        \
        check_count();                                          \
        if (!(condition)) {                                     \
            check_report(__FILE__, __LINE__, #condition, 0, 0); \
            exit(1);                                            \
        }                                                       \
    } while (0)

#define CHECK_EQ(a, b)                                                                           \
    do {                                                                                         \
        unsigned long long check_a = (unsigned long long)(a), check_b = (unsigned long long)(b); \
        check_count();                                                                           \
        if (check_a != check_b) {                                                                \
            check_report(__FILE__, __LINE__, #a " == " #b, check_a, check_b);                    \
            exit(1);                                                                             \
        }                                                                                        \
    } while (0)

/* Texts are equal; shows both. */
#define CHECK_TEXT(a, b)                                                             \
    do {                                                                             \
        const char *check_a = (a), *check_b = (b);                                   \
        check_count();                                                               \
        if (strcmp(check_a, check_b) != 0) {                                         \
            fprintf(stderr, "got      \"%s\"\nexpected \"%s\"\n", check_a, check_b); \
            check_report(__FILE__, __LINE__, #a " equals " #b, 0, 0);                \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* Checks may be made by several threads; random numbers are the main thread's. */
static inline void check_count(void)
{
    __atomic_fetch_add(&check_state.checks, 1, __ATOMIC_RELAXED);
}

/* Start a new row of random numbers from `seed`. */
static inline void check_seed(uint64_t seed)
{
    check_state.seed = check_state.random = seed;
}

static inline void check_begin(int argc, char **argv)
{
    const char *text = getenv("WHARF_SEED");

    check_state.argc = argc;
    check_state.argv = argv;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "seed=", 5) == 0)
            text = argv[i] + 5;
    if (text == NULL)
        check_seed(1);
    else if (strcmp(text, "random") == 0)
        check_seed((uint64_t)time(NULL) * 1000003 + (uint64_t)clock());
    else
        check_seed(strtoull(text, NULL, 0));
}

static inline void check_report(const char *file, int line, const char *what, unsigned long long a,
                                unsigned long long b)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
    if (a != 0 || b != 0)
        fprintf(stderr, "  %llu (%#llx) is not %llu (%#llx)\n", a, a, b, b);
    fprintf(stderr, "  seed %llu; repeat with: WHARF_SEED=%llu",
            (unsigned long long)check_state.seed, (unsigned long long)check_state.seed);
    for (int i = 0; i < check_state.argc; i++)
        if (i == 0 || strncmp(check_state.argv[i], "seed=", 5) != 0)
            fprintf(stderr, " %s", check_state.argv[i]);
    fprintf(stderr, "\n");
}

static inline int check_end(void)
{
    printf("%llu checks passed, seed %llu\n", (unsigned long long)check_state.checks,
           (unsigned long long)check_state.seed);
    return 0;
}

/* The next random number: a counter, scrambled. */
static inline uint64_t check_random(void)
{
    uint64_t x = check_state.random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* Random number below `limit`, which is not 0. */
static inline uint64_t check_below(uint64_t limit)
{
    return check_random() % limit;
}

/* Usually small, now and then any size up to all 64 bits: for the ends of ranges. */
static inline uint64_t check_skewed(void)
{
    return check_random() >> check_below(64);
}
