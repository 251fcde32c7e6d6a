/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of programs. See program.h.
 */
#include "program.h"
#include <string.h>

struct program programs[PROGRAMS_MAX];
unsigned program_count;

struct program *program_find(const char *name)
{
    for (unsigned i = 0; i < program_count; i++)
        if (strcmp(programs[i].recipe.name, name) == 0)
            return &programs[i];
    return NULL;
}

struct program *program_add(const struct recipe *recipe)
{
    if (program_count == PROGRAMS_MAX)
        return NULL;
    struct program *p = &programs[program_count++];
    *p = (struct program){
        .wanted = true,
        .held = true,
        .state = SUPERVISOR_STATE_WAITING,
        .start_at = NEVER,
        .opened_by = NEVER,
        .ready_by = NEVER,
        .healthy_at = NEVER,
        .ping_at = NEVER,
        .answer_by = NEVER,
        .stop_by = NEVER,
        .reported_by = NEVER,
    };
    memcpy(&p->recipe, recipe, sizeof(*recipe));
    return p;
}
