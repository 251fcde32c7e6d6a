/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See remote.h: how the target goes on, and why it stopped.
 */
#include "remote.h"

void remote_tell_stop(struct remote *r)
{
    static const char letter[] = {
        [REMOTE_STOPPED] = 'T', [REMOTE_EXITED] = 'W', [REMOTE_KILLED] = 'X'};
    const struct remote_stop *stop = &r->stop;
    packet_text(&r->out, (const char[]){letter[stop->how], '\0'});
    packet_bytes(&r->out, &stop->value, 1);
    if (stop->how != REMOTE_STOPPED)
        return;
    packet_text(&r->out, "thread:");
    packet_number(&r->out, stop->thread);
    packet_text(&r->out, ";");
    r->general = r->continued = stop->thread;
}

static bool run(struct remote *r, const struct remote_run *run)
{
    if (r->stop.how == REMOTE_STOPPED && r->target->resume(r->context, run, &r->stop)) {
        r->running = true;
        return false;
    }
    remote_tell_stop(r);
    return true;
}

/* Of C and S: the signal. */
static bool get_signal(struct packet_cursor *c, struct remote_run *run)
{
    uint64_t signal;
    if (!packet_get_number(c, &signal) || signal > UINT8_MAX)
        return false;
    run->signal = (uint8_t)signal;
    return true;
}

static bool is_step(char command)
{
    return command == 's' || command == 'S';
}

/* An address to go on at is not taken: GDB writes the pc. */
bool remote_continue(struct remote *r, char command, struct packet_cursor *c)
{
    struct remote_run how = {.others = true, .signal_thread = r->continued};
    const bool with_signal = command == 'C' || command == 'S';
    if ((with_signal && !get_signal(c, &how)) || (!with_signal && packet_left(c) > 0)) {
        remote_error(r);
        return true;
    }
    if (is_step(command)) {
        how.step = r->continued;
        how.others = false;
    }
    return run(r, &how);
}

/* One action: a letter, a signal where it has one, and the thread that it is for. */
static bool get_action(struct remote *r, struct packet_cursor *c, struct remote_run *how)
{
    const char command = packet_left(c) > 0 ? *c->at++ : '\0';
    struct remote_run own = {0};
    if (command != 'c' && command != 's' && command != 'C' && command != 'S')
        return false;
    if ((command == 'C' || command == 'S') && !get_signal(c, &own))
        return false;
    const bool for_one = packet_skip(c, ":");
    uint32_t thread = r->continued;
    if (for_one && (thread = remote_thread(r, c, r->continued)) == 0)
        return false;
    if (own.signal != 0 && how->signal == 0) {
        how->signal = own.signal;
        how->signal_thread = thread;
    }
    /* To run one thread alone is not offered; and who has a thread step may name another to go on. */
    if (is_step(command))
        how->step = how->step == 0 ? thread : how->step;
    else
        how->others = how->others || !for_one || how->step == 0;
    return true;
}

bool remote_vcont(struct remote *r, struct packet_cursor *c)
{
    struct remote_run how = {0};
    bool any = false;
    while (packet_skip(c, ";")) {
        any = true;
        if (!get_action(r, c, &how)) {
            remote_error(r);
            return true;
        }
    }
    if (!any || packet_left(c) > 0) {
        remote_error(r);
        return true;
    }
    return run(r, &how);
}
