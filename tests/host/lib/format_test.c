/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/lib/format.c against libc's snprintf(): random conversions, and the few cases where the
 * two are meant to differ.
 */
#include "check.h"

#include <kern/log.h>

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"

enum { ROUNDS = 300000, BUFFER = 200 };

/* Both through the same arguments. */
#define SAME(size, ...)                                                                \
    do {                                                                               \
        char ours[BUFFER + 1], theirs[BUFFER + 1];                                     \
        size_t our_length;                                                             \
        int expected;                                                                  \
                                                                                       \
        memset(ours, 'z', sizeof(ours));                                               \
        memset(theirs, 'z', sizeof(theirs));                                           \
        our_length = format_text(ours, size, __VA_ARGS__);                             \
        expected = snprintf(theirs, size, __VA_ARGS__);                                \
        if (our_length != (size_t)expected || memcmp(ours, theirs, sizeof(ours)) != 0) \
            fprintf(stderr, "format \"%s\", size %zu\n", format, (size_t)(size));      \
        CHECK_EQ(our_length, expected);                                                \
        CHECK(memcmp(ours, theirs, sizeof(ours)) == 0);                                \
    } while (0)

static char format[100];

static void add(const char *text)
{
    strcat(format, text);
}

static void add_number(unsigned number)
{
    sprintf(format + strlen(format), "%u", number);
}

static void add_plain(void)
{
    static const char *const texts[] = {"", "a", "%%", " blank ", "[0x", "line\n"};

    add(texts[check_below(sizeof(texts) / sizeof(texts[0]))]);
}

/* '%', flags that the letter may have, width, precision. */
static void add_start(char letter)
{
    bool number = strchr("diuxX", letter) != NULL;

    add("%");
    if (check_below(3) == 0)
        add("-");
    if (number && check_below(3) == 0)
        add("0");
    if ((letter == 'x' || letter == 'X') && check_below(3) == 0)
        add("#");
    if (check_below(2))
        add_number((unsigned)check_below(30) + 1);
    if (letter != 'c' && check_below(3) == 0) {
        add(".");
        if (check_below(4) != 0)
            add_number((unsigned)check_below(30));
    }
}

static void random_number(size_t size)
{
    static const char letters[] = "diuxX", *const lengths[] = {"", "l", "ll", "z", "j", "t"};
    char letter = letters[check_below(5)];
    unsigned length = (unsigned)check_below(6);
    uint64_t value = check_below(8) == 0 ? UINT64_C(1) << 63 : check_skewed();

    if (check_below(2))
        value = -value;
    add_start(letter);
    add(lengths[length]);
    strncat(format, &letter, 1);
    add_plain();
    if (length == 0)
        SAME(size, format, (int)value);
    else
        SAME(size, format, (long long)value);
}

static void random_text(size_t size)
{
    char text[40];
    size_t length = check_below(sizeof(text));

    for (size_t i = 0; i < length; i++)
        text[i] = (char)(' ' + check_below(95));
    text[length] = '\0';
    if (check_below(4) == 0) {
        add_start('c');
        add("c");
        SAME(size, format, text[0] == '\0' ? 'q' : text[0]);
    } else {
        add_start('s');
        add("s");
        add_plain();
        SAME(size, format, text);
    }
}

static void several(size_t size)
{
    int width = (int)check_below(40) - 20, precision = (int)check_below(12) - 2;
    const char *text = "some text";

    strcpy(format, "%*d|%-*.*s|%c|%.*s|%#lx|%5u%%");
    SAME(size, format, width, -12, width, precision, text, 'x', precision, text, 0xabcdefUL, 77u);
}

static void differences(void)
{
    static char *volatile null; /* so that the compiler does not warn of it */
    char out[BUFFER];

    CHECK_EQ(format_text(out, sizeof(out), "%s", null), 6);
    CHECK_TEXT(out, "(null)");
    format_text(out, sizeof(out), "%8.3s|", null);
    CHECK_TEXT(out, "     (nu|");
    format_text(out, sizeof(out), "%p %p", NULL, (void *)0x1234abcd);
    CHECK_TEXT(out, "0x0 0x1234abcd");
    /* Unknown: shown as it stands, with all that follows. */
    format_text(out, sizeof(out), "a%d %q %s", 1);
    CHECK_TEXT(out, "a1 %q %s");
    format_text(out, sizeof(out), "end%");
    CHECK_TEXT(out, "end%");
    CHECK_EQ(format_text(NULL, 0, "%d", 12345), 5);
    format_text(out, sizeof(out), "%ld", (long)INT64_MIN);
    CHECK_TEXT(out, "-9223372036854775808");
    CHECK_EQ(format_text(out, 10, "%999999999d", 1), 4096);
    CHECK_TEXT(out, "         ");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = check_below(3) == 0 ? check_below(40) : BUFFER;

        format[0] = '\0';
        add_plain();
        switch (check_below(8)) {
        case 0:
        case 1: random_text(size); break;
        case 2: several(size); break;
        default: random_number(size);
        }
    }
    differences();
    return check_end();
}
