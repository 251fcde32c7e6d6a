/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See heartbeat.h. A ping is sent without waiting; the answer comes to the instance's port for answers.
 */
#include "heartbeat.h"
#include "log.h"
#include "restart.h"
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <user/msg.h>
#include <wharf/if/service_control.h>

enum {
    QUARTERS = 5, /* of the interval: what an answer has */
    STOP_QUARTERS = 4,
    PART =
        8, /* of that, or of the stop time: for so long the machine may stand still and be on time */
    EXCUSES = 8, /* in a row */
};
/* Later than that nobody of the highest priority goes on, on a machine that runs. */
static const uint64_t late = 20 * MILLISECOND;

/* Nanoseconds for which all of the machine is known to have stood still (H1). */
static uint64_t lost;

void heartbeat_waited(uint64_t from, uint64_t until, uint64_t now)
{
    const uint64_t due = until > from ? until : from;
    if (now > due && now - due >= late)
        lost += now - due;
}

static uint64_t interval(const struct program *p)
{
    return p->recipe.heartbeat * MILLISECOND;
}

static uint64_t stop_time(const struct program *p)
{
    return p->recipe.stop_time * MILLISECOND;
}

/* It is late, and so may everybody be (H2); `time`: what it had. */
static bool is_excused(struct program *p, uint64_t time)
{
    if (lost - p->lost < time / PART || p->excuses == EXCUSES)
        return false;
    p->lost = lost;
    p->excuses++;
    return true;
}

/* A quarter of the time has passed; or (H2) all of it is to be had once more. False: there is none left. */
static bool has_more_time(struct program *p, uint64_t time, unsigned quarters)
{
    if (is_excused(p, time))
        p->quarters = quarters;
    else
        p->quarters--;
    return p->quarters > 0;
}

void heartbeat_begin(struct program *p, uint64_t now)
{
    p->lost = lost;
    p->excuses = 0;
    if (p->recipe.heartbeat != 0)
        p->ping_at = now + interval(p);
}

/* If there is no room in its queue it has not taken the last ones: that shows by the missing answer. */
static void send_ping(struct program *p, uint64_t now)
{
    struct msg_registers m = {
        .destination = p->control,
        .id = SERVICE_CONTROL_ID_PING,
        .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_SEND_ONCE, 0, 0),
        .local = p->pings,
    };
    user_msg_trap(&m);
    p->quarters = QUARTERS;
    p->answer_by = now + interval(p) / 4;
}

static void hung(struct program *p, const char *how)
{
    log_line("%s has hung: %s", p->recipe.name, how);
    restart_end(p, ENDING_HUNG);
}

void heartbeat_answer(struct program *p, kern_return_t status, uint64_t busy_until)
{
    const uint64_t now = kernel_clock_now();
    if (p->answer_by == NEVER) /* nothing was asked, or it is too late */
        return;
    p->answer_by = NEVER;
    if (status != KERN_SUCCESS)
        busy_until = 0;
    const bool past = busy_until != 0 && busy_until < now;
    if (past && !is_excused(p, interval(p))) {
        hung(p, "it is past the moment by which it would be done");
        return;
    }
    if (!past)
        p->excuses = 0;
    if (busy_until == 0) /* else what it is at may be late for what was lost while it was */
        p->lost = lost;
    p->ping_at = now + interval(p);
}

void heartbeat_due(struct program *p, uint64_t now)
{
    if (p->ping_at <= now) {
        p->ping_at = NEVER;
        send_ping(p, now);
    }
    if (p->answer_by > now)
        return;
    if (has_more_time(p, interval(p), QUARTERS)) {
        p->answer_by = now + interval(p) / 4;
        return;
    }
    p->answer_by = NEVER;
    hung(p, "it does not answer");
}

void heartbeat_stop(struct program *p, uint64_t now)
{
    p->lost = lost;
    p->excuses = 0;
    p->quarters = STOP_QUARTERS;
    p->stop_by = now + stop_time(p) / STOP_QUARTERS;
}

bool heartbeat_stop_is_over(struct program *p, uint64_t now)
{
    const bool is_over = !has_more_time(p, stop_time(p), STOP_QUARTERS);
    p->stop_by = is_over ? NEVER : now + stop_time(p) / STOP_QUARTERS;
    return is_over;
}
