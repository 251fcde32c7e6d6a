/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See shedding.h. The level comes as a message; what is done has its moment, as everything else here.
 */
#include "shedding.h"
#include "log.h"
#include "program.h"
#include "restart.h"
#include "rights.h"
#include "system.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_pressure_types.h>
#include <wharf/if/port.h>
#include <wharf/if/service_control.h>

enum { TRIES = 3 };

static const uint64_t patience = SECOND;

static uint64_t act_at = NEVER;
static unsigned asked[PROGRAMS_MAX]; /* since memory is full: times */
static bool told_of_nobody;

/* ---- the beginning ---- */

static kern_return_t overcommit(void)
{
    enum { ALL = 100 };
    struct host_memory_statistics now;
    uint64_t pages = UINT64_MAX;
    if (description.overcommit == ALL)
        return KERN_SUCCESS;
    const kern_return_t kr = host_memory_statistics(program_start_info->host, &now);
    if (kr != KERN_SUCCESS)
        return kr;
    if (description.overcommit != OVERCOMMIT_ALWAYS)
        pages = now.managed * (description.overcommit - ALL) / ALL;
    return host_memory_set_overcommit(program_start_info->host_memory, pages);
}

static bool is_anybody_expendable(void)
{
    for (unsigned i = 0; i < description.count; i++)
        if (description.recipe[i].expendable != 0)
            return true;
    return false;
}

static kern_return_t watch(void)
{
    mach_port_name_t port, name;
    kern_return_t kr = port_make(&(struct port_use){.kind = PORT_PRESSURE}, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_insert_made_send(program_start_info->task, port, port, &name);
    if (kr == KERN_SUCCESS)
        kr = host_memory_watch_pressure(program_start_info->host_memory, port);
    send_drop(&name); /* the kernel has its own: nobody else can send there */
    return kr;
}

void shedding_begin(void)
{
    kern_return_t kr = overcommit();
    if (kr != KERN_SUCCESS)
        log_line("no more memory can be promised than there is (%d)", kr);
    kr = is_anybody_expendable() ? watch() : KERN_SUCCESS;
    if (kr != KERN_SUCCESS)
        log_line("nobody will be ended when memory is full (%d)", kr);
}

/* ---- what is told ---- */

static void forget(void)
{
    act_at = NEVER;
    told_of_nobody = false;
    for (unsigned i = 0; i < PROGRAMS_MAX; i++)
        asked[i] = 0;
}

void shedding_told(const struct server_message *message)
{
    if (message->received.id != MEMORY_PRESSURE_ID_CHANGED)
        return;
    if ((uint32_t)message->received.word[0] != MEMORY_PRESSURE_LEVEL_FULL)
        forget();
    else if (act_at == NEVER)
        act_at = kernel_clock_now() + patience;
}

/* ---- what is done ---- */

static bool can_go(const struct program *p)
{
    return p->recipe.expendable != 0 && program_has_instance(p) && !p->terminated &&
           !(p->recipe.sheds && asked[program_number(p)] == TRIES);
}

static struct program *choose(void)
{
    struct program *chosen = NULL;
    for (unsigned i = 0; i < program_count; i++)
        if (can_go(&programs[i]) &&
            (chosen == NULL || programs[i].recipe.expendable >= chosen->recipe.expendable))
            chosen = &programs[i];
    return chosen;
}

static void act(void)
{
    struct program *p = choose();
    if (p == NULL) {
        if (!told_of_nobody)
            log_line("memory is full, and there is nobody who may be ended");
        told_of_nobody = true;
    } else if (p->recipe.sheds) {
        asked[program_number(p)]++;
        log_line("memory is full: %s is asked to end something", p->recipe.name);
        (void)!service_control_shed_until(p->control, 0);
    } else {
        log_line("memory is full: %s is ended", p->recipe.name);
        restart_end(p, ENDING_MEMORY);
    }
}

void shedding_due(uint64_t now)
{
    if (act_at > now)
        return;
    act();
    act_at = now + patience;
}

uint64_t shedding_next(void)
{
    return act_at;
}
