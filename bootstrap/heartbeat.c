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

static uint64_t interval(const struct program *p)
{
    return p->recipe.heartbeat * MILLISECOND;
}

void heartbeat_begin(struct program *p, uint64_t now)
{
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
    p->answer_by = now + interval(p);
    p->overdue = false;
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
    if (status == KERN_SUCCESS && busy_until != 0 && busy_until < now)
        hung(p, "it is past the moment by which it would be done");
    else
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
    /* All of the machine may have stood still, and we are the first to go on: the answer may be in the queue, or about to be given. */
    if (!p->overdue) {
        p->overdue = true;
        p->answer_by = now + interval(p) / 4;
        return;
    }
    p->answer_by = NEVER;
    hung(p, "it does not answer");
}
