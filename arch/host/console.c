/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated console: a buffer that tests read. With WHARF_CONSOLE in the environment it is also
 * printed.
 */
#include "machine.h"

#include <arch/console.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONSOLE_SIZE = 64 * 1024 };

static char text[CONSOLE_SIZE + 1];
static size_t used;

kern_return_t arch_console_init(const struct board_console *console)
{
    (void)console;
    return KERN_SUCCESS;
}

/* Serialised by the caller's console lock; in a panic nothing serialises, then text may be mixed
 * up. */
void arch_console_write(const char *bytes, size_t count)
{
    if (getenv("WHARF_CONSOLE"))
        fwrite(bytes, 1, count, stdout);
    if (count > CONSOLE_SIZE / 2)
        count = CONSOLE_SIZE / 2;
    if (used + count > CONSOLE_SIZE) {
        memmove(text, text + CONSOLE_SIZE / 2, used - CONSOLE_SIZE / 2);
        used -= CONSOLE_SIZE / 2;
    }
    memcpy(text + used, bytes, count);
    used += count;
    text[used] = '\0';
}

const char *host_console_text(void)
{
    return text;
}

void host_console_clear(void)
{
    used = 0;
    text[0] = '\0';
}
