/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library: text and numbers.
 */
#define _GNU_SOURCE
#include "clib.h"
#include <errno.h>
#include <inttypes.h>
#include <libsys/check.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Whether the format gives the wanted text. */
[[gnu::format(printf, 2, 3)]] static void gives(const char *wanted, const char *format, ...)
{
    char text[128];
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!CHECK(n == (int)strlen(wanted) && strcmp(text, wanted) == 0))
        print("clib: \"%s\" gives \"%s\", not \"%s\"\n", format, text, wanted);
}

void check_formats(void)
{
    char small[4];
    volatile int number = 123456;

    gives("-5 +5  5 00005 5   |", "%d %+d % d %05d %-4d|", -5, 5, 5, 5, 5);
    gives("4294967295 37777777777 ffffffff 0XFF", "%u %o %x %#X", UINT_MAX, UINT_MAX, UINT_MAX,
          255);
    gives("-9223372036854775808 18446744073709551615", "%lld %llu", LLONG_MIN, ULLONG_MAX);
    gives("-1 255 123456789 7 -7", "%hhd %hhu %zu %jd %td", (signed char)-1, (unsigned char)255,
          (size_t)123456789, (intmax_t)7, (ptrdiff_t)-7);
    gives("0xdeadbeef", "%p", (void *)0xdeadbeef);
    gives("1.500000 1.5 1.500e+00 1e+100 0x1.8p+0", "%f %g %.3e %g %a", 1.5, 1.5, 1.5, 1e100, 1.5);
    gives("0.1 0.10000000000000001 3.14", "%g %.17g %.2f", 0.1, 0.1, 3.14159);
    gives("inf -inf nan", "%f %f %f", HUGE_VAL, -HUGE_VAL, (double)NAN);
    gives("2.5 1.00000000000000000000000001", "%Lg %.26Lf", 2.5L, 1.00000000000000000000000001L);
    gives("text te [  text] [text  ] c %", "%s %.2s [%6s] [%-6s] %c %%", "text", "text", "text",
          "text", 'c');
    gives("    7 007", "%*d %.*d", 5, 7, 3, 7);
    CHECK_EQUAL(snprintf(small, sizeof(small), "%d", number), 6);
    CHECK(strcmp(small, "123") == 0);
    CHECK_EQUAL(printf("clib: %s %d %lld %g %Lg\n", "printf", 1, 2LL, 3.5, 4.25L), 26);
}

void check_numbers(void)
{
    char *end;
    int a, b;
    double c;
    char word[8];
    long double least = strtold("6.5e-4966", NULL);

    CHECK_EQUAL(strtol(" -0x1f rest", &end, 0), -31);
    CHECK(strcmp(end, " rest") == 0);
    errno = 0;
    CHECK_EQUAL(strtol("99999999999999999999", NULL, 10), LONG_MAX);
    CHECK_EQUAL(errno, ERANGE);
    CHECK(strtoull("18446744073709551615", NULL, 10) == ULLONG_MAX);
    CHECK(strtod("1e-3x", &end) == 0.001 && *end == 'x');
    CHECK(strtod("0x1.8p1", NULL) == 3.0);
    CHECK(strtod("2.2250738585072014e-308", NULL) == 0x1p-1022);
    CHECK(strtold("0.5", NULL) == 0.5L && strtold("-3.25e10", NULL) == -3.25e10L);
    CHECK(strtold("0.1", NULL) == 0.1L && strtold("-inf", NULL) == -HUGE_VALL);
    CHECK(fabsl(strtold("1e4000", NULL) / strtold("1e3999", NULL) - 10.0L) < 1e-32L);
    CHECK(least > 0.0L && least / 2.0L == 0.0L); /* with one bit left of its precision */
    // NOLINTNEXTLINE(cert-err34-c): it is what is tested
    CHECK_EQUAL(sscanf("12 34 5.5 word", "%d %d %lf %7s", &a, &b, &c, word), 4);
    CHECK(a == 12 && b == 34 && c == 5.5 && strcmp(word, "word") == 0);
    CHECK(sqrt(2.0) * sqrt(2.0) > 1.999 && fabs(sin(0.0)) == 0.0 && pow(2.0, 10.0) == 1024.0);
}

/* Against the plainest way to do the same, at every alignment: libsys has its own of these. */
static void check_memory_functions(void)
{
    static char text[80], copy[80];

    for (unsigned from = 0; from < 9; from++) {
        for (unsigned n = 0; n < 64; n++) {
            memset(text, 'x', sizeof(text));
            memset(copy, '-', sizeof(copy));
            memset(text + from, 'a', n);
            text[from + n] = '\0';
            for (unsigned i = 0; i < sizeof(text); i++)
                CHECK_EQUAL(text[i], i < from || i > from + n ? 'x' : i < from + n ? 'a' : '\0');
            CHECK_EQUAL(strlen(text + from), n);
            CHECK_EQUAL(strnlen(text + from, 20), n < 20 ? n : 20);
            CHECK(strchr(text + from, '\0') == text + from + n);
            CHECK(strchr(text + from, 'x') == NULL);
            CHECK(strchrnul(text + from, 'x') == text + from + n);
            CHECK(rawmemchr(text + from, '\0') == text + from + n);
            CHECK(memchr(text + from, '\0', n) == NULL);
            CHECK(memchr(text + from, '\0', n + 1) == text + from + n);
            CHECK(memrchr(text, 'x', from + n + 1) == (from > 0 ? text + from - 1 : NULL));
            CHECK(strrchr(text + from, 'a') == (n > 0 ? text + from + n - 1 : NULL));
            CHECK(stpcpy(copy + 3, text + from) == copy + 3 + n);
            CHECK_EQUAL(memcmp(copy + 3, text + from, n + 1), 0);
            CHECK(copy[2] == '-' && copy[n + 4] == '-');
            // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.strcpy): it is what is tested
            CHECK(strcpy(copy, text + from) == copy && strcmp(copy, text + from) == 0);
        }
    }
}

/** Bytes are compared as unsigned ones, the earliest first. */
static void check_order(void)
{
    static const unsigned char texts[][9] = {
        {0x01, 2, 3, 4, 5, 6, 7, 9, 1},    {0x01, 2, 3, 4, 5, 6, 7, 9, 0x7f},
        {0x01, 2, 3, 4, 5, 6, 7, 9, 0x80}, {0x02, 2, 3, 4, 5, 6, 7, 8, 0},
        {0xff, 1, 1, 1, 1, 1, 1, 1, 0},
    };

    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 5; k++) {
            int result = memcmp(texts[i], texts[k], sizeof(texts[0]));

            CHECK_EQUAL((result > 0) - (result < 0), (i > k) - (i < k));
        }
    }
}

void check_strings(void)
{
    char words[] = "one,two,,three";
    char *rest = NULL;

    check_memory_functions();
    check_order();
    CHECK(strchr("\x01\x80\xff", 0x80) != NULL && strchr("\x01\x81", 0x80) == NULL);
    CHECK(strcmp(strtok_r(words, ",", &rest), "one") == 0);
    CHECK(strcmp(strtok_r(NULL, ",", &rest), "two") == 0);
    CHECK(strcmp(strtok_r(NULL, ",", &rest), "three") == 0);
    CHECK(strstr("haystack with needle", "needle") != NULL);
    CHECK(strcmp(strerror(ENOENT), "No such file or directory") == 0);
    memmove(words + 1, words, 3);
    CHECK(memcmp(words, "oone", 4) == 0);
}
