/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each kind of undefined behaviour that the compiler at hand detects, once: the kernel's own
 * run-time must panic with the right words and this file's name. Built with -fsanitize=undefined
 * and linked with kernel/debug/ubsan.c instead of the compiler's run-time.
 */
#include "check.h"
#include "stub/stub.h"

static volatile int zero, one = 1, minus_one = -1, big = INT32_MAX, small = INT32_MIN;
static volatile uintptr_t all_ones = UINTPTR_MAX;
static volatile int result;
static char *volatile pointer_result;
static int array[4];
static int *volatile pointer;

static void add_overflow(void)
{
    result = big + one;
}
static void sub_overflow(void)
{
    result = small - one;
}
static void mul_overflow(void)
{
    result = big * big;
}
static void negate(void)
{
    result = -small;
}
static void divide_by_zero(void)
{
    result = one / zero;
}
static void divide_overflow(void)
{
    result = small / minus_one;
}
static void shift_wide(void)
{
    result = one << (one + 40);
}
static void index_beyond(void)
{
    result = array[one + 7];
}
static void null_pointer(void)
{
    result = *pointer;
}
static void misaligned(void)
{
    pointer = (int *)(uintptr_t)((uintptr_t)array + 1);
    result = *pointer;
}
static void bad_bool(void)
{
    union {
        unsigned char byte;
        bool flag;
    } volatile u = {.byte = (unsigned char)(one + 4)};

    result = u.flag;
}
static void pointer_wraps(void)
{
    char *volatile high = (char *)(all_ones - 10);

    pointer_result = high + (one + 100);
}
static void unreachable(void)
{
    if (one)
        __builtin_unreachable();
}

static const struct {
    void (*run)(void);
    const char *text;
} cases[] = {
    {add_overflow, "addition overflows"},
    {sub_overflow, "subtraction overflows"},
    {mul_overflow, "multiplication overflows"},
    {negate, "negation overflows"},
    {divide_by_zero, "division by zero"},
    {divide_overflow, "division by zero or overflow"},
    {shift_wide, "shift out of bounds"},
    {index_beyond, "index out of bounds"},
    {null_pointer, "null, misaligned"},
    {misaligned, "null, misaligned"},
    {bad_bool, "value not valid"},
    {pointer_wraps, "pointer arithmetic overflows"},
    {unreachable, "unreachable code"},
};

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (volatile size_t i = 0; i < array_count(cases); i++) {
        stub_panic_text[0] = '\0';
        pointer = NULL;
        if (setjmp(stub_end) == 0)
            cases[i].run();
        if (strstr(stub_panic_text, cases[i].text) == NULL)
            fprintf(stderr, "case %zu: \"%s\"\n", i, stub_panic_text);
        CHECK(strstr(stub_panic_text, "undefined behaviour: ") == stub_panic_text);
        CHECK(strstr(stub_panic_text, cases[i].text) != NULL);
        CHECK(strstr(stub_panic_text, "ubsan_test.c:") != NULL);
    }
    return check_end();
}
