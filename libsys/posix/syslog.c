/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines for the system's log: there is one, which the supervisor and the kernel write, too. A line begins with the name and, if that is asked for, the process's number.
 */
#include "errors.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { LINE = 1024 };

static struct mutex lock;
static const char *ident; /* these three under lock */
static int options;
static int mask = 0xff;

void openlog(const char *name, int wanted, int facility)
{
    (void)facility;
    mutex_lock(&lock);
    ident = name;
    options = wanted;
    mutex_unlock(&lock);
}

void closelog(void)
{
    openlog(NULL, 0, 0);
}

int setlogmask(int wanted)
{
    mutex_lock(&lock);
    const int old = mask;

    if (wanted != 0)
        mask = wanted;
    mutex_unlock(&lock);
    return old;
}

/* Where the text begins. */
static int head(char *line)
{
    const char *name = ident != NULL ? ident : program_start_info->name;
    const int n = (options & LOG_PID) != 0
                      ? snprintf(line, LINE / 2, "%s[%d]: ", name, (int)getpid())
                      : snprintf(line, LINE / 2, "%s: ", name);

    return n < LINE / 2 ? n : LINE / 2 - 1;
}

/* %m is what errno says: it is put in place here, as the format goes to printf. */
static void expand(char *to, size_t size, const char *format, int error)
{
    size_t n = 0;

    for (; *format != '\0' && n + 1 < size; format++) {
        if (format[0] == '%' && format[1] == 'm') {
            for (const char *s = strerror(error); *s != '\0' && n + 2 < size; s++) {
                if (*s == '%')
                    to[n++] = '%';
                to[n++] = *s;
            }
            format++;
        } else {
            if (format[0] == '%' && format[1] == '%' && n + 2 < size)
                to[n++] = *format++;
            to[n++] = *format;
        }
    }
    to[n] = '\0';
}

void vsyslog(int priority, const char *format, va_list arguments)
{
    char line[LINE], text[LINE];
    const int error = errno;

    mutex_lock(&lock);
    if ((LOG_MASK(LOG_PRI(priority)) & mask) != 0) {
        int n = head(line);

        expand(text, sizeof(text), format, error);
        n += vsnprintf(line + n, (size_t)(LINE - 1 - n), text, arguments);
        if (n > LINE - 2)
            n = LINE - 2;
        if (n == 0 || line[n - 1] != '\n')
            line[n++] = '\n';
        (void)!kernel_console_write(line, (size_t)n);
        if ((options & LOG_PERROR) != 0)
            (void)!write(STDERR_FILENO, line, (size_t)n);
    }
    mutex_unlock(&lock);
    errno = error;
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}
