/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of mounts, /etc/fstab (docs/mounts.md has the language): a text, and what its lines say. Pure functions of the text, which may be anything; what is wrong
 * with a line is told by number, word and sentence, and the line does not count.
 */
#pragma once

#include "device.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TABLE_LINES_MAX = 16,
    TABLE_PATH_MAX = 128, /* with NUL, as mounts.defs has it */
    TABLE_FORMAT_MAX = 8,
    TABLE_WORD_MAX = 64,
    TABLE_WRONG_MAX = 8, /* that are told */
};

struct table_line {
    unsigned number; /* from 1 */
    char device[DEVICE_TEXT_MAX];
    char path[TABLE_PATH_MAX];
    char format[TABLE_FORMAT_MAX]; /* "": what it is found to be */
    uint32_t flags;                /* MOUNTS_ of mounts.defs */
};

struct table_error {
    unsigned line;
    const char *why;
    char word[TABLE_WORD_MAX]; /* the one it is about, cut off; may be "" */
};

struct table {
    unsigned count, wrong; /* wrong: all of them */
    struct table_line line[TABLE_LINES_MAX];
    struct table_error error[TABLE_WRONG_MAX];
};

void table_read(const char *text, size_t size, struct table *out);

/** The line of a path; NULL: there is none. */
const struct table_line *table_find(const struct table *table, const char *path);

/** A path to mount something on: from the root, without empty names, . and .., and no slash at its end. NULL: it is one; else why not. */
const char *table_check_path(const char *path);
/** A format in a table or of a call. "auto" and "" become "". NULL: it is one; else why not. */
const char *table_check_format(const char *format, char out[TABLE_FORMAT_MAX]);
