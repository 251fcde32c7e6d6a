/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A panic that the test survives: the text is kept and control goes to stub_end.
 */
#include "stub.h"

#include <kern/panic.h>
#include <stdarg.h>
#include <stdio.h>

char stub_panic_text[512];

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(stub_panic_text, sizeof(stub_panic_text), format, args);
    va_end(args);
    longjmp(stub_end, 1);
}

bool panic_breaks_locks(void)
{
    return false;
}
