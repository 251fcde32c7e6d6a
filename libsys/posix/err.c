/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <err.h>.
 */
#include <err.h>
#include <errno.h>
#include <libsys/program.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *format, va_list arguments, const char *reason)
{
    (void)fprintf(stderr, "%s: ", program_start_info->name);
    if (format != NULL)
        (void)vfprintf(stderr, format, arguments);
    if (reason != NULL)
        (void)fprintf(stderr, "%s%s", format != NULL ? ": " : "", reason);
    (void)fputc('\n', stderr);
}

void vwarn(const char *format, va_list arguments)
{
    say(format, arguments, strerror(errno));
}

void vwarnx(const char *format, va_list arguments)
{
    say(format, arguments, NULL);
}

void verr(int status, const char *format, va_list arguments)
{
    vwarn(format, arguments);
    exit(status);
}

void verrx(int status, const char *format, va_list arguments)
{
    vwarnx(format, arguments);
    exit(status);
}

void warn(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
}

void warnx(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
}

void err(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
    exit(status);
}

void errx(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
    exit(status);
}
