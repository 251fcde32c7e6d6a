/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See log.h. Lines go to the kernel's log in one piece each, and to its console as long as nobody else has that; who has it is told that there is more,
 * and finds it out by himself if he cannot be told at once. Each begins with the time, as the kernel's own do.
 */
#include "log.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/console.h>

enum { LINE_SIZE = 1200 /* the time, a name, and the longest text of service.log */ };

static _Atomic mach_port_name_t console;

void log_set_console(mach_port_name_t port)
{
    atomic_store(&console, port);
}

/* Many a program says its name itself. */
static bool begins_with_name(const char *name, const char *text, size_t length)
{
    const size_t n = strlen(name);
    return length > n && strncmp(text, name, n) == 0 && text[n] == ':';
}

/* Seconds since the machine's counter began: what firmware and loader took counts. Its length. */
static size_t put_time(char *line, size_t size)
{
    const uint64_t second = 1000000000, frequency = program_start_info->counter_frequency;
    const uint64_t entry = kernel_system_info(SYSTEM_INFO_ENTRY_COUNTER);
    const uint64_t now =
        entry / frequency * second + entry % frequency * second / frequency + kernel_clock_now();

    return format_text(line, size, "[%4lu.%06lu] ", now / second, now % second / 1000);
}

static void put_line(const char *name, const char *text, size_t length)
{
    char line[LINE_SIZE];
    size_t n = put_time(line, sizeof(line) - 1);
    if (!begins_with_name(name, text, length))
        n += format_text(line + n, sizeof(line) - 1 - n, "%s: ", name);
    for (size_t i = 0; i < length && n < sizeof(line) - 1; i++) {
        const char c = text[i];
        line[n++] = c == '\t' || (c >= ' ' && c < 127) ? c : '?';
    }
    line[n++] = '\n';
    (void)!kernel_console_write(line, n); /* there is nobody to tell */
    const mach_port_name_t reader = atomic_load(&console);
    if (reader != MSG_NULL)
        (void)!console_more_until(reader, 0);
}

void log_line(const char *format, ...)
{
    char text[PRINT_MAX];
    va_list arguments;
    va_start(arguments, format);
    const size_t n = format_text_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_line("supervisor", text, n);
}

/* One line more; false: it is left out. */
static bool allow(struct log_allowance *allowance, const char *name)
{
    enum { LINES_A_SECOND = 1000 };
    const uint64_t second = 1000000000, now = kernel_clock_now();
    char text[64];
    if (now - allowance->since >= second) {
        if (allowance->left_out > 0)
            put_line(name, text,
                     format_text(text, sizeof(text), "%u lines left out", allowance->left_out));
        *allowance = (struct log_allowance){.since = now};
    }
    if (allowance->lines == LINES_A_SECOND) {
        allowance->left_out++;
        return false;
    }
    allowance->lines++;
    return true;
}

void log_program(struct log_allowance *allowance, const char *name, const char *text)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");
        if (allow(allowance, name))
            put_line(name, text, n);
        text += n;
        text += *text == '\n';
    }
}
