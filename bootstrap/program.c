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
        if (!program_is_free(&programs[i]) && strcmp(programs[i].recipe.name, name) == 0)
            return &programs[i];
    return NULL;
}

/* A free place of those there are, or the next; NULL: there is none. */
static struct program *place(void)
{
    for (unsigned i = 0; i < program_count; i++)
        if (program_is_free(&programs[i]))
            return &programs[i];
    return program_count < PROGRAMS_MAX ? &programs[program_count++] : NULL;
}

struct program *program_add(const struct recipe *recipe)
{
    struct program *p = place();
    if (p == NULL)
        return NULL;
    *p = (struct program){
        .generation = p->generation, /* P4 */
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

void program_free(struct program *p)
{
    memset(&p->recipe, 0, sizeof(p->recipe));
    p->wanted = p->held = p->again = p->removed = false;
    p->state = SUPERVISOR_STATE_STOPPED;
}
