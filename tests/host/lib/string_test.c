/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/lib/string.c against libc, with random sizes, alignments and overlaps. string.c is
 * compiled with its functions renamed to wharf_*.
 */
#include "check.h"

void *wharf_memcpy(void *dst, const void *src, size_t n);
void *wharf_memmove(void *dst, const void *src, size_t n);
void *wharf_memset(void *dst, int byte, size_t n);
int wharf_memcmp(const void *a, const void *b, size_t n);
void *wharf_memchr(const void *s, int c, size_t n);
size_t wharf_strlen(const char *s);
size_t wharf_strnlen(const char *s, size_t max);
int wharf_strcmp(const char *a, const char *b);
int wharf_strncmp(const char *a, const char *b, size_t n);
char *wharf_strchr(const char *s, int c);
char *wharf_strrchr(const char *s, int c);

enum { ROUNDS = 200000, SPACE = 320 };

static unsigned char ours[SPACE], theirs[SPACE], before[SPACE];

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Both buffers equal, bytes from an alphabet so small that searches and comparisons find things. */
static void fill(void)
{
    unsigned letters = check_below(2) ? 3 : 256;

    for (size_t i = 0; i < SPACE; i++)
        ours[i] = (unsigned char)check_below(letters);
    memcpy(theirs, ours, SPACE);
    memcpy(before, ours, SPACE);
}

static void check_copies(void)
{
    size_t n = check_below(SPACE / 2), from = check_below(SPACE / 2 + 1);
    size_t to = check_below(SPACE / 2 + 1);

    fill();
    CHECK(wharf_memmove(ours + to, ours + from, n) == ours + to);
    memmove(theirs + to, theirs + from, n);
    CHECK(memcmp(ours, theirs, SPACE) == 0);

    fill();
    CHECK(wharf_memcpy(ours + to, before + from, n) == ours + to);
    memcpy(theirs + to, before + from, n);
    CHECK(memcmp(ours, theirs, SPACE) == 0);

    fill();
    CHECK(wharf_memset(ours + to, (int)from - 100, n) == ours + to);
    memset(theirs + to, (int)from - 100, n);
    CHECK(memcmp(ours, theirs, SPACE) == 0);
}

static void check_memory_searches(void)
{
    size_t a = check_below(SPACE / 2), b = check_below(SPACE / 2), n = check_below(SPACE / 2);
    int c = (int)check_below(256) - (int)check_below(2) * 256;

    fill();
    if (check_below(2))
        memcpy(ours + b, theirs + a, n); /* compare what is equal but, perhaps, for one byte */
    if (n > 0 && check_below(2))
        ours[b + check_below(n)] ^= (unsigned char)check_random();
    CHECK_EQ(sign(wharf_memcmp(ours + b, theirs + a, n)), sign(memcmp(ours + b, theirs + a, n)));
    CHECK(wharf_memchr(ours + a, c, n) == memchr(ours + a, c, n));
    CHECK(wharf_memchr(ours + a, ours[b], n) == memchr(ours + a, ours[b], n));
}

static void check_texts(void)
{
    char *a = (char *)ours + check_below(SPACE - 1), *b = (char *)theirs + check_below(SPACE - 1);
    size_t n = check_below(SPACE);
    int c = (int)check_below(4);

    fill();
    ours[SPACE - 1] = theirs[SPACE - 1] = 0;
    CHECK_EQ(wharf_strlen(a), strlen(a));
    CHECK_EQ(wharf_strnlen(a, n), strnlen(a, n));
    CHECK_EQ(sign(wharf_strcmp(a, b)), sign(strcmp(a, b)));
    CHECK_EQ(sign(wharf_strncmp(a, b, n)), sign(strncmp(a, b, n)));
    CHECK(wharf_strchr(a, c) == strchr(a, c));
    CHECK(wharf_strrchr(a, c) == strrchr(a, c));
    CHECK(wharf_strchr(a, 0) == strchr(a, 0));
}

/* Exactly sized blocks: the sanitizer sees any access beyond them. */
static void check_ends(void)
{
    size_t n = check_below(70);
    char *a = malloc(n + 1), *b = malloc(n + 1);

    wharf_memset(a, 'x', n + 1);
    wharf_memcpy(b, a, n + 1);
    a[n] = b[n] = '\0';
    CHECK_EQ(wharf_memcmp(a, b, n + 1), 0);
    CHECK_EQ(wharf_strcmp(a, b), 0);
    CHECK_EQ(wharf_strlen(a), n);
    a[n] = 'x';
    CHECK_EQ(wharf_strnlen(a, n + 1), n + 1);
    CHECK(wharf_memchr(a, 'y', n + 1) == NULL);
    CHECK_EQ(wharf_strncmp(a, a, n + 1), 0);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (int i = 0; i < ROUNDS; i++) {
        check_copies();
        check_memory_searches();
        check_texts();
        check_ends();
    }
    return check_end();
}
