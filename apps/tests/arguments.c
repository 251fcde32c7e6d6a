/* SPDX-License-Identifier: BSD-2-Clause */
/* See arguments.h. */
#include "arguments.h"
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>

uint64_t number_argument(const char *name, uint64_t otherwise)
{
    const char *at = strstr(program_start_info->arguments, name);

    return at ? strtoull(at + strlen(name), NULL, 0) : otherwise;
}

const char *word_argument(const char *name, char *value, size_t size)
{
    const char *at = strstr(program_start_info->arguments, name);

    value[0] = '\0';
    if (!at)
        return value;
    at += strlen(name);
    for (size_t i = 0; i < size - 1 && at[i] != '\0' && at[i] != ' ' && at[i] != ','; i++) {
        value[i] = at[i];
        value[i + 1] = '\0';
    }
    return value;
}
