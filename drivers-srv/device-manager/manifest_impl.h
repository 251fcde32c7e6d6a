/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to manifest*.c: lines and keys. */
#pragma once

#include "manifest.h"

/* A line in words; the first is the key. */
struct manifest_line {
    struct reason *reason;
    unsigned number;
    char **word;
    unsigned words;
};

/* least, most: words after the key. */
struct manifest_key {
    const char *name;
    uint8_t least, most;
    bool repeated;
    kern_return_t (*read)(struct manifest *m, struct manifest_line *line);
};

/* NULL: there is none of this name. */
const struct manifest_key *manifest_key(const char *name);
const struct manifest_key *manifest_key_first(void);

kern_return_t manifest_read_driver(struct manifest *m, struct manifest_line *line);

/* "line N: what: word"; KERN_BAD_FORMAT. */
kern_return_t manifest_bad(const struct manifest_line *line, const char *what, const char *word);
