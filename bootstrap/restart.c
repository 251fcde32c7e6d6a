/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restarts. See restart.h. Nothing here waits: what takes time has a moment in the program's record, and restart_due() looks
 * whether it has come.
 */
#include "restart.h"
#include "crash.h"
#include "family.h"
#include "heartbeat.h"
#include "log.h"
#include "names.h"
#include "reserve.h"
#include "rights.h"
#include "start.h"
#include "stopping.h"
#include "system.h"
#include <libsys/kernel.h>
#include <string.h>
#include <wharf/if/service_control.h>
#include <wharf/if/task.h>

static const uint64_t healthy_time = SECOND;

/* ---- failures ---- */

static uint64_t back_off(const struct program *p)
{
    if (p->recent <= 1)
        return 0;
    uint64_t milliseconds = p->recipe.backoff_first;
    for (unsigned i = 2; i < p->recent && milliseconds < p->recipe.backoff_max; i++)
        milliseconds *= 2;
    return (milliseconds < p->recipe.backoff_max ? milliseconds : p->recipe.backoff_max) *
           MILLISECOND;
}

/* The next program that goes with p, from number *i on; NULL: there are no more. */
static struct program *next_with(const struct program *p, unsigned *i)
{
    while (*i < program_count) {
        struct program *other = &programs[(*i)++];
        if (other != p && strcmp(other->recipe.with, p->recipe.name) == 0)
            return other;
    }
    return NULL;
}

/* Who goes with it is over, too: it would wait for good. */
static void give_up(struct program *p)
{
    p->state = SUPERVISOR_STATE_FAILED;
    p->wanted = false;
    log_line("%s has failed %u times in a row and is given up: FAILED", p->recipe.name, p->recent);
    if (p->recipe.essential)
        system_restart(p->recipe.name);
    system_program_over(p);
    unsigned i = 0;
    for (struct program *other; (other = next_with(p, &i)) != NULL;)
        if (other->wanted)
            restart_stop(other);
}

/* It is to run again, after the pause that it has earned. */
static void failed(struct program *p)
{
    const uint64_t now = kernel_clock_now();
    if (p->died == 0)
        p->died = now;
    p->recent++;
    if (p->recent >= p->recipe.give_up) {
        give_up(p);
        return;
    }
    const uint64_t pause = back_off(p);
    p->restarts++;
    p->state = SUPERVISOR_STATE_WAITING;
    p->start_at = now + pause;
    log_line("%s is started again %s, restart %u", p->recipe.name,
             pause == 0 ? "at once" : "after a pause", p->restarts);
}

static void start(struct program *p)
{
    p->held = false;
    if (start_program(p) != KERN_SUCCESS)
        failed(p);
}

void restart_opened(struct program *p, kern_return_t answer, mach_port_name_t device)
{
    if (start_opened(p, answer, device) != KERN_SUCCESS)
        failed(p);
}

/* ---- what it is to come after ---- */

/* A program of this name, or the provider of such a service, has been ready. */
static bool has_been_ready(const char *name)
{
    const struct program *p = program_find(name);
    if (p == NULL)
        p = names_provider(name);
    return p != NULL && p->ready;
}

static bool may_start(const struct program *p)
{
    for (unsigned i = 0; i < p->recipe.after_count; i++)
        if (!has_been_ready(p->recipe.after[i]))
            return false;
    return p->wanted && p->held && !system_ends();
}

void restart_begin(void)
{
    for (unsigned i = 0; i < program_count; i++)
        if (may_start(&programs[i]))
            start(&programs[i]);
}

void restart_ready(struct program *p)
{
    const uint64_t now = kernel_clock_now();
    if (p->ready)
        return;
    p->ready = true;
    p->ready_by = NEVER;
    if (p->died != 0)
        p->recovery = now - p->died;
    p->died = 0;
    /* One that is about to end is not asked any more whether it lives. */
    if (p->state == SUPERVISOR_STATE_STARTING && !p->terminated && !p->reporting) {
        p->state = SUPERVISOR_STATE_RUNNING;
        p->healthy_at = now + healthy_time;
        heartbeat_begin(p, now);
        reserve_renew();
    }
    restart_begin();
}

/* ---- the end of an instance ---- */

static uint32_t status_of(const struct program *p)
{
    switch (p->ending) {
    case ENDING_CRASH: return STATUS_CRASHED;
    case ENDING_HUNG: return STATUS_HUNG;
    case ENDING_KILL:
    case ENDING_MEMORY:
    case ENDING_WITH: return STATUS_KILLED;
    default:
        return p->status_told                              ? p->status
               : p->ending == ENDING_STOP && p->terminated ? STATUS_KILLED
                                                           : STATUS_UNKNOWN;
    }
}

/* What was to stop, and has no port to be asked by, is ended by the supervisor: that is how it is to go, and no failure of it. So is what did not stop in time, of which that
 * has been told. */
static void tell_end(const struct program *p)
{
    if (p->ending == ENDING_STOP && p->terminated && !p->status_told)
        log_line("%s has been stopped", p->recipe.name);
    else
        log_line("%s ended with status %u", p->recipe.name, p->last_status);
}

static bool is_to_restart(const struct program *p)
{
    switch (p->recipe.restart) {
    case RESTART_ALWAYS: return true;
    case RESTART_FAILURE: return p->last_status != 0;
    default: return false;
    }
}

/* Somebody wanted it to end, and not because of anything it did: no failure. */
static void killed(struct program *p)
{
    p->died = kernel_clock_now();
    p->restarts++;
    log_line("%s was killed and is started again at once, restart %u", p->recipe.name, p->restarts);
    start(p);
}

/* An instance of p has ended. Who goes with it ends with all that it has made, whatever it wanted to be, and is started again when all that it comes after is ready. */
static void end_with(const struct program *p)
{
    unsigned i = 0;
    for (struct program *other; (other = next_with(p, &i)) != NULL;) {
        if (!program_has_instance(other) || !other->wanted || other->terminated)
            continue;
        log_line("%s goes with %s, and so does all that it has started", other->recipe.name,
                 p->recipe.name);
        restart_end(other, ENDING_WITH);
        family_end(other->family);
    }
}

static void ended_with(struct program *p)
{
    p->restarts++;
    p->state = SUPERVISOR_STATE_WAITING;
    p->held = true;
    restart_begin();
}

/* Nothing of it is there any more; then its place is free. */
static void forget_removed(struct program *p)
{
    if (!p->removed)
        return;
    log_line("%s has been removed", p->recipe.name);
    names_withdraw(p);
    send_drop(&p->state_memory);
    program_free(p);
}

void restart_ended(struct program *p)
{
    const bool was_killed = p->ending == ENDING_KILL && p->ready;
    p->last_status = status_of(p);
    tell_end(p);
    names_instance_ended(p);
    family_end(p->family);
    start_clear(p);
    p->state = SUPERVISOR_STATE_STOPPED;
    if (!system_ends())
        end_with(p);
    if (p->again && p->wanted && !system_ends()) {
        start(p);
    } else if (p->ending == ENDING_WITH && p->wanted && !system_ends()) {
        ended_with(p);
    } else if (!p->wanted || system_ends()) {
        system_program_over(p);
    } else if (is_to_restart(p) && was_killed) {
        killed(p);
    } else if (is_to_restart(p)) {
        failed(p);
    } else {
        p->wanted = false;
        system_program_over(p);
    }
    forget_removed(p);
}

void restart_end(struct program *p, enum ending ending)
{
    if (!program_has_instance(p) || p->terminated)
        return;
    p->terminated = true;
    p->ending = ending;
    p->ping_at = p->answer_by = p->healthy_at = p->ready_by = p->stop_by = NEVER;
    (void)!task_terminate(p->task, STATUS_KILLED); /* it may be dead already: then we are told */
}

/* ---- by name ---- */

/* Ask, and see in time whether it has ended. */
static void ask_to_stop(struct program *p)
{
    if (p->state == SUPERVISOR_STATE_STOPPING)
        return;
    p->state = SUPERVISOR_STATE_STOPPING;
    p->ping_at = p->answer_by = p->healthy_at = p->ready_by = NEVER;
    if (p->terminated)
        return;
    p->ending = ENDING_STOP;
    const bool asked = p->control_given == MSG_NULL && p->recipe.stop_time != 0 &&
                       service_control_stop_until(p->control, 0) == KERN_SUCCESS;
    if (asked)
        heartbeat_stop(p, kernel_clock_now());
    else
        restart_end(p, ENDING_STOP);
}

/* Nothing of it is there, and nothing is on its way. */
static void rest(struct program *p)
{
    start_clear(p);
    p->start_at = NEVER;
    p->state = SUPERVISOR_STATE_STOPPED;
    system_program_over(p);
    forget_removed(p);
}

void restart_stop(struct program *p)
{
    p->wanted = p->again = p->held = false;
    if (program_has_instance(p))
        ask_to_stop(p);
    else
        rest(p);
}

void restart_remove(struct program *p)
{
    p->removed = true;
    restart_stop(p);
}

kern_return_t restart_start(struct program *p)
{
    if (program_has_instance(p) || p->opening != MSG_NULL)
        return KERN_BUSY;
    p->wanted = true;
    p->recent = 0;
    p->died = 0;
    start(p);
    return p->state == SUPERVISOR_STATE_STARTING ? KERN_SUCCESS : KERN_FAILURE;
}

void restart_again(struct program *p)
{
    p->wanted = true;
    p->recent = 0;
    p->died = kernel_clock_now();
    if (program_has_instance(p)) {
        p->again = true;
        ask_to_stop(p);
        return;
    }
    start_clear(p);
    start(p);
}

void restart_kill(struct program *p)
{
    restart_end(p, ENDING_KILL);
}

/* ---- moments ---- */

/* If the moment has come it is over. */
static bool is_due(uint64_t *moment, uint64_t now)
{
    if (*moment > now)
        return false;
    *moment = NEVER;
    return true;
}

static void program_due(struct program *p, uint64_t now)
{
    if (is_due(&p->start_at, now))
        start(p);
    if (is_due(&p->opened_by, now))
        restart_opened(p, KERN_OPERATION_TIMED_OUT, MSG_NULL);
    if (is_due(&p->healthy_at, now))
        p->recent = 0;
    if (is_due(&p->ready_by, now)) {
        log_line("%s has not been ready in time", p->recipe.name);
        restart_end(p, ENDING_HUNG);
    }
    if (p->stop_by <= now && heartbeat_stop_is_over(p, now)) {
        log_line("%s has not stopped in time", p->recipe.name);
        restart_end(p, ENDING_STOP);
    }
    if (is_due(&p->reported_by, now))
        crash_late(p);
    heartbeat_due(p, now);
}

static uint64_t program_next(const struct program *p)
{
    const uint64_t moments[] = {p->start_at, p->opened_by, p->healthy_at, p->ready_by,
                                p->stop_by,  p->ping_at,   p->answer_by,  p->reported_by};
    uint64_t next = NEVER;
    for (unsigned i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
        next = moments[i] < next ? moments[i] : next;
    return next;
}

void restart_due(uint64_t now)
{
    for (unsigned i = 0; i < program_count; i++)
        if (program_next(&programs[i]) <= now)
            program_due(&programs[i], now);
}

uint64_t restart_next(void)
{
    uint64_t next = NEVER;
    for (unsigned i = 0; i < program_count; i++) {
        const uint64_t moment = program_next(&programs[i]);
        next = moment < next ? moment : next;
    }
    return next;
}

bool restart_stop_all(void)
{
    for (unsigned i = 0; i < program_count; i++) {
        struct program *p = &programs[i];
        p->wanted = p->again = p->held = false;
        if (!program_has_instance(p)) {
            p->start_at = NEVER;
            start_clear(p);
        }
    }
    struct program *next = stopping_next();
    if (next == NULL)
        return true;
    if (next->stop_by == NEVER)
        ask_to_stop(next);
    return false;
}
