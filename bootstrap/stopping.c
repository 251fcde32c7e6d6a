/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stopping.h.
 */
#include "stopping.h"
#include "copies.h"
#include "names.h"
#include "system.h"

_Static_assert(PROGRAMS_MAX <= 64, "a set of programs is a word");

static uint64_t bit_of(const struct program *p)
{
    return UINT64_C(1) << program_number(p);
}

/* What brings pages back is used by all whose pages may be out. */
static uint64_t used_for_memory(const struct program *p)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < program_count && !p->recipe.reclaim; i++)
        if (programs[i].recipe.reclaim)
            set |= bit_of(&programs[i]);
    return set;
}

/* Those that it uses itself. */
static uint64_t used_by(const struct program *p)
{
    uint64_t set = used_for_memory(p);
    for (unsigned i = 0; i < p->recipe.uses_count; i++) {
        const struct program *other = names_provider(p->recipe.uses[i]);
        if (other != NULL)
            set |= bit_of(other);
    }
    return set;
}

/* For each, what it uses, what those use, and so on. */
static void close_over(const uint64_t uses[PROGRAMS_MAX], uint64_t needs[PROGRAMS_MAX])
{
    for (unsigned i = 0; i < program_count; i++) {
        uint64_t looked = 0;
        needs[i] = uses[i];
        while (needs[i] != looked) {
            const unsigned next = (unsigned)__builtin_ctzll(needs[i] & ~looked);
            looked |= UINT64_C(1) << next;
            needs[i] |= uses[next];
        }
    }
}

/* A copy was made while others ran already, which may use it by now and do not say so: files of what is mounted. So all do but those that it needs, other copies,
 * and what is used for memory. */
static void find_needs(uint64_t needs[PROGRAMS_MAX])
{
    uint64_t uses[PROGRAMS_MAX] = {0};
    for (unsigned i = 0; i < program_count; i++)
        uses[i] = used_by(&programs[i]);
    close_over(uses, needs);
    for (unsigned i = 0; i < program_count; i++) {
        const struct recipe *recipe = &programs[i].recipe;
        for (unsigned j = 0; j < program_count && !recipe_is_copy(recipe) && !recipe->reclaim; j++)
            if (recipe_is_copy(&programs[j].recipe) && !(needs[j] & bit_of(&programs[i])))
                uses[i] |= bit_of(&programs[j]);
    }
    close_over(uses, needs);
}

/* By one that it does not need itself. */
static bool is_used(const struct program *p, const uint64_t needs[PROGRAMS_MAX])
{
    const bool is_console =
        description.console[0] != '\0' && names_provider(description.console) == p;
    for (unsigned i = 0; i < program_count; i++) {
        const struct program *other = &programs[i];
        if (other == p || !program_has_instance(other) ||
            (needs[program_number(p)] & bit_of(other)))
            continue;
        if (is_console || (needs[i] & bit_of(p)))
            return true;
    }
    return false;
}

struct program *stopping_next(void)
{
    uint64_t needs[PROGRAMS_MAX] = {0};
    find_needs(needs);
    for (unsigned i = program_count; i-- > 0;)
        if (program_has_instance(&programs[i]) && !is_used(&programs[i], needs))
            return &programs[i];
    return NULL;
}
