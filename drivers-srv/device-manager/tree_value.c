/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in a property; see tree.h. */
#include "tree.h"

#include <string.h>

uint64_t value_cells(struct tree_value v, uint32_t at, uint32_t cells)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < cells; i++)
        number = number << 32 | value_cell(v, at + i);
    return number;
}

uint32_t value_u32(struct tree_value v, uint32_t fallback)
{
    return v.data != NULL && v.length == 4 ? value_cell(v, 0) : fallback;
}

bool value_is_strings(struct tree_value v)
{
    if (v.data == NULL || v.length == 0 || v.data[v.length - 1] != '\0')
        return false;
    for (uint32_t i = 0; i < v.length; i++) {
        if (v.data[i] == '\0' ? i == 0 || v.data[i - 1] == '\0'
                              : v.data[i] < 0x20 || v.data[i] >= 0x7f)
            return false;
    }
    return true;
}

const char *value_next_string(struct tree_value v, const char *at)
{
    const char *end = (const char *)v.data + v.length;

    at = at == NULL ? (const char *)v.data : at + strlen(at) + 1;
    return at < end ? at : NULL;
}

bool value_has_string(struct tree_value v, const char *text)
{
    if (!value_is_strings(v))
        return false;
    for (const char *at = value_next_string(v, NULL); at != NULL; at = value_next_string(v, at))
        if (strcmp(at, text) == 0)
            return true;
    return false;
}
