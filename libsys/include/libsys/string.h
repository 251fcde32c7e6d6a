/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The string functions that the compiler calls by itself, and the few that programs need until
 * there is a C library.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *at, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
