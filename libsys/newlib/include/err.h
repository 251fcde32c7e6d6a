/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of programs on their standard error: NAME: text: what errno means. Not of POSIX; BSD's and Linux's systems
 * have them.
 */
#pragma once

#include <stdarg.h>
#include <sys/cdefs.h>

__BEGIN_DECLS
void err(int status, const char *format, ...) __dead2 __printflike(2, 3);
void errx(int status, const char *format, ...) __dead2 __printflike(2, 3);
void warn(const char *format, ...) __printflike(1, 2);
void warnx(const char *format, ...) __printflike(1, 2);
void verr(int status, const char *format, va_list arguments) __dead2 __printflike(2, 0);
void verrx(int status, const char *format, va_list arguments) __dead2 __printflike(2, 0);
void vwarn(const char *format, va_list arguments) __printflike(1, 0);
void vwarnx(const char *format, va_list arguments) __printflike(1, 0);
__END_DECLS
