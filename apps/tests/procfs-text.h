/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of /proc that procfs-test reads, and the words and numbers in them.
 */
#pragma once

#include <sys/types.h>

enum { TEXT = 32768 };

/** What read_all() and read_of() have read last. */
extern char text[TEXT];

/** The whole file, in pieces of so many bytes. Its length; -1: an error. */
ssize_t read_in(int file, char *to, size_t piece);
ssize_t read_all(const char *path);
ssize_t read_of(pid_t pid, const char *name);
/** The number behind a key at the begin of a line of text; -1: there is none. */
long number_of(const char *key);
/** The n-th word of stat, from 1 on; the name may hold blanks. */
const char *word_of(unsigned n);
unsigned words_in(const char *at);
/** Numbers that follow each other; how many there are. */
unsigned read_numbers(const char *at, double *numbers, unsigned count);
long value_of(const char *word);
