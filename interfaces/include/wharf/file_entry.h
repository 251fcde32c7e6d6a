/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in a directory, as file.entries gives them: one after another, each at a multiple of 8.
 */
#pragma once

#include <stdint.h>

struct file_entry {
    uint64_t inode;
    uint64_t next; /* position behind it, for file.entries */
    uint16_t size; /* of this structure with the name and what fills up to a multiple of 8 */
    uint8_t kind;  /* FILE_KIND_ */
    uint8_t zero;
    char name[4]; /* and on, up to a NUL */
};
_Static_assert(sizeof(struct file_entry) == 24, "no hidden bytes");
