/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library: encodings, numbers by chance, and what it answers where there is nothing.
 */
#define _GNU_SOURCE
#include "clib.h"
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <libsys/check.h>
#include <nl_types.h>
#include <stdlib.h>
#include <string.h>
#include <ulimit.h>
#include <unistd.h>
#include <utmpx.h>

enum { ROOM = 32 };

/* All of it at once: the bytes that come out, or errno; and again with one byte of room more at a time. */
static void converts(const char *to, const char *from, const char *in, size_t in_size,
                     const char *wanted, size_t wanted_size, size_t others)
{
    char out[ROOM];
    char *in_at = (char *)(size_t)in, *out_at = out;
    size_t in_left = in_size, out_left = sizeof(out);
    iconv_t c = iconv_open(to, from);

    if (!CHECK(c != (iconv_t)-1))
        return;
    CHECK_EQUAL(iconv(c, &in_at, &in_left, &out_at, &out_left), others);
    CHECK_EQUAL(in_left, 0);
    CHECK_EQUAL(out_at - out, (long)wanted_size);
    CHECK(memcmp(out, wanted, wanted_size) == 0);
    CHECK_EQUAL(iconv(c, NULL, NULL, NULL, NULL), 0);
    in_at = (char *)(size_t)in;
    in_left = in_size;
    out_at = out;
    for (size_t room = 1; in_left > 0 && room <= sizeof(out); room++) {
        out_left = (size_t)(out + room - out_at);
        if (iconv(c, &in_at, &in_left, &out_at, &out_left) == (size_t)-1)
            CHECK_EQUAL(errno, E2BIG);
    }
    CHECK_EQUAL(out_at - out, (long)wanted_size);
    CHECK(memcmp(out, wanted, wanted_size) == 0);
    CHECK_EQUAL(iconv_close(c), 0);
}

/* It ends with this error, after so many bytes. */
static void refuses(const char *to, const char *from, const char *in, size_t in_size, int error,
                    size_t taken)
{
    char out[ROOM];
    char *in_at = (char *)(size_t)in, *out_at = out;
    size_t in_left = in_size, out_left = sizeof(out);
    iconv_t c = iconv_open(to, from);

    if (!CHECK(c != (iconv_t)-1))
        return;
    CHECK_EQUAL((long)iconv(c, &in_at, &in_left, &out_at, &out_left), -1);
    CHECK_EQUAL(errno, error);
    CHECK_EQUAL(in_at - in, (long)taken);
    CHECK_EQUAL(in_left, in_size - taken);
    CHECK_EQUAL(iconv_close(c), 0);
}

#define TEXT(text) text, sizeof(text) - 1

void check_encodings(void)
{
    converts("UTF-8", "latin1", TEXT("a\xe4z"), TEXT("a\xc3\xa4z"), 0);
    converts("ISO-8859-15", "UTF-8", TEXT("\xe2\x82\xac"), TEXT("\xa4"), 0);
    converts("CP1252", "utf-8", TEXT("\xe2\x80\x9cx"), TEXT("\x93x"), 0);
    converts("UTF-16LE", "UTF-8", TEXT("\xf0\x9f\x98\x80"), TEXT("\x3d\xd8\x00\xde"), 0);
    converts("UTF-8", "UTF-16", TEXT("\xff\xfe\x3d\xd8\x00\xde"), TEXT("\xf0\x9f\x98\x80"), 0);
    converts("UTF-8", "UTF-16", TEXT("\0a\0b"), TEXT("ab"), 0);
    converts("UTF-16", "UTF-8", TEXT("a"), TEXT("\xfe\xff\0a"), 0);
    converts("UTF-32BE", "UTF-8", TEXT("\xc3\xa4"), TEXT("\0\0\0\xe4"), 0);
    converts("UTF-8", "WCHAR_T", (const char *)L"ab", 8, TEXT("ab"), 0);
    converts("ASCII//TRANSLIT", "UTF-8", TEXT("a\xc3\xa4z"), TEXT("a?z"), 1);
    converts("ASCII//IGNORE", "UTF-8", TEXT("a\xc3\xa4z"), TEXT("az"), 1);
    refuses("ASCII", "UTF-8", TEXT("a\xc3\xa4z"), EILSEQ, 1);
    refuses("ISO-8859-15", "ISO-8859-1", TEXT("\xa4"), EILSEQ,
            0);                                                  /* the sign whose place it took */
    refuses("UTF-16LE", "UTF-8", TEXT("ab\xc0\xaf"), EILSEQ, 2); /* longer than need be */
    refuses("UTF-16LE", "UTF-8", TEXT("\xed\xa0\x80"), EILSEQ, 0); /* half of a pair */
    refuses("UTF-16LE", "UTF-8", TEXT("a\xe2\x82"), EINVAL, 1);
    refuses("UTF-8", "UTF-16LE", TEXT("\x3d\xd8"), EINVAL, 0);
    refuses("UTF-8", "UTF-16LE", TEXT("\x00\xde"), EILSEQ, 0);
    refuses("UTF-8", "CP1252", TEXT("\x81"), EILSEQ, 0);
    CHECK(iconv_open("UTF-8", "EBCDIC") == (iconv_t)-1);
    CHECK_EQUAL(errno, EINVAL);
}

/* The same seed and size: the same numbers; a state that is put away goes on where it was. */
void check_random(void)
{
    static char small[8], large[256];
    long first[4];

    srandom(7);
    for (int i = 0; i < 4; i++)
        first[i] = random();
    CHECK(first[0] != first[1] && first[0] >= 0 && first[1] >= 0);
    srandom(7);
    CHECK_EQUAL(random(), first[0]);
    char *usual = initstate(1, large, sizeof(large));
    CHECK(usual != NULL && usual != large);
    const long other = random();
    CHECK(initstate(1, small, sizeof(small)) == large);
    CHECK(random() >= 0);
    CHECK(setstate(usual) == small);
    CHECK_EQUAL(random(), first[1]);
    CHECK(setstate(large) == usual);
    CHECK(random() != other);
    CHECK(setstate(usual) == large);
    CHECK_EQUAL(random(), first[2]);
    CHECK(initstate(1, small, sizeof(small) - 1) == NULL);
    large[0] = 7; /* no kind of state */
    CHECK(setstate(large) == NULL);
    CHECK_EQUAL(random(), first[3]);
}

void check_answers(void)
{
    char text[8];

    CHECK_EQUAL(confstr(_CS_PATH, NULL, 0), sizeof("/bin:/usr/bin"));
    CHECK_EQUAL(confstr(_CS_PATH, text, 5), sizeof("/bin:/usr/bin"));
    CHECK(strcmp(text, "/bin") == 0);
    errno = 0;
    CHECK_EQUAL(confstr(-1, text, sizeof(text)), 0);
    CHECK_EQUAL(errno, EINVAL);
    CHECK(dlopen("libm.so", RTLD_NOW) == NULL);
    CHECK(dlerror() != NULL);
    CHECK(dlerror() == NULL);
    CHECK(catopen("messages", 0) == (nl_catd)-1);
    CHECK(strcmp(catgets((nl_catd)-1, 1, 1, "usual"), "usual") == 0);
    CHECK(getutxent() == NULL);
    CHECK(ulimit(UL_GETFSIZE) > 0);
    CHECK_EQUAL(ulimit(99), -1);
    CHECK_EQUAL(errno, EINVAL);
}
