/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of <string.h> that the kernel and libfdt use, with their standard meaning. The
 * kernel brings its own (kernel/lib/string.c), written in plain C so that they work before the MMU
 * is on; host builds link libc's.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
