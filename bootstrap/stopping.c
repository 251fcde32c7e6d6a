/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stopping.h.
 */
#include "stopping.h"
#include "names.h"
#include "system.h"

enum { DEPTH_MAX = 8 /* of uses; beyond, and in circles, the order of the description counts */ };

static bool uses(const struct program *p, const struct program *other)
{
    for (unsigned i = 0; i < p->recipe.uses_count; i++)
        if (names_provider(p->recipe.uses[i]) == other)
            return true;
    return false;
}

/* `p` uses `other`, or somebody who does. */
static bool needs(const struct program *p, const struct program *other, unsigned depth)
{
    if (uses(p, other))
        return true;
    for (unsigned i = 0; i < p->recipe.uses_count && depth > 0; i++) {
        const struct program *next = names_provider(p->recipe.uses[i]);
        if (next != NULL && needs(next, other, depth - 1))
            return true;
    }
    return false;
}

static bool is_used(const struct program *p)
{
    const bool is_console =
        description.console[0] != '\0' && names_provider(description.console) == p;
    for (unsigned i = 0; i < program_count; i++) {
        const struct program *other = &programs[i];
        if (other == p || !program_has_instance(other))
            continue;
        if (uses(other, p) || (is_console && !needs(p, other, DEPTH_MAX)))
            return true;
    }
    return false;
}

struct program *stopping_next(void)
{
    struct program *last = NULL;
    for (unsigned i = program_count; i-- > 0;) {
        struct program *p = &programs[i];
        if (!program_has_instance(p))
            continue;
        if (!is_used(p))
            return p;
        last = last != NULL ? last : p;
    }
    return last;
}
