/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues: limits, waiting for room and for messages, deadlines, ends of waits.
 */
#include "scenes.h"

#include <kern/control.h>

enum { SENDERS = 5 };

/* A receiver, its port, senders. */
static struct actor *r, *s[SENDERS];
static uint32_t p, d[SENDERS];

static void set_scene(unsigned senders, unsigned limit)
{
    r = actor_new();
    p = port_new(r);
    for (unsigned i = 0; i < senders; i++) {
        s[i] = actor_new();
        d[i] = send_to(s[i], r, p);
    }
    set_limits(port_behind(r, p), limit, 65536);
}

void scene_queue_limit_messages(void)
{
    set_scene(1, 3);
    for (unsigned i = 0; i < 3; i++)
        OK(s[0], to(d[0], i));
    post(s[0], to(d[0], 3));
    CHECK(!is_done(s[0]));
    expect_id(r, p, 0);
    OK(r, (struct message){0});
    CHECK_EQUAL(result(s[0]), KERN_SUCCESS);
    for (unsigned i = 1; i < 4; i++)
        expect_id(r, p, i);
    expect_none(r, p);
    CHECK_EQUAL(port_behind(r, p)->queued, 0);
}

/* Bytes count, too; one message always fits, whatever the limit, if it is not longer than that itself. */
void scene_queue_limit_bytes(void)
{
    set_scene(1, 10);
    set_limits(port_behind(r, p), 10, 1000);
    struct message m = to(d[0], 1);
    m.length = 1001;
    FAILS(MACH_SEND_TOO_LARGE, s[0], m);
    m.length = 600;
    OK(s[0], m);
    m.length = 400;
    OK(s[0], m);
    m.id = 2;
    m.length = 8;
    post(s[0], m);
    CHECK(!is_done(s[0]));
    expect_id(r, p, 1);
    CHECK_EQUAL(result(s[0]), KERN_SUCCESS);
    m.length = 600;
    m.deadline = PAST;
    FAILS(MACH_SEND_TIMED_OUT, s[0], m);
    expect_id(r, p, 1);
    OK(s[0], m);
    CHECK_EQUAL(port_behind(r, p)->queued_bytes, 608);
    expect_id(r, p, 2);
    expect_id(r, p, 2);
    CHECK_EQUAL(port_behind(r, p)->queued_bytes, 0);
}

/* In the order they came, one for each place. */
void scene_senders_first_come_first_served(void)
{
    set_scene(SENDERS, 1);
    for (unsigned i = 0; i < SENDERS; i++)
        post(s[i], to(d[i], i));
    for (unsigned i = 0; i < SENDERS; i++) {
        for (unsigned n = 0; n < SENDERS; n++)
            CHECK_EQUAL(is_done(s[n]), n <= i);
        expect_id(r, p, i);
        CHECK_EQUAL(got_seqno(r), i);
    }
    expect_none(r, p);
}

/* Who comes while others wait does not overtake them, though there would be room for it. */
void scene_no_overtaking(void)
{
    set_scene(3, 10);
    set_limits(port_behind(r, p), 10, 1000);
    struct message m = to(d[0], 0);
    m.length = 900;
    OK(s[0], m);
    m.dest = d[1];
    m.id = 1;
    post(s[1], m);
    CHECK(!is_done(s[1]));
    post(s[2], to(d[2], 2));
    CHECK(!is_done(s[2]));
    expect_id(r, p, 0);
    expect_id(r, p, 1);
    OK(r, from(p));
    CHECK_EQUAL(got_id(r), 2);
    CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
}

/* The receiver is quicker than those it makes room for, and waits before the first of them is there. */
static bool receive_all(struct actor *self, struct host_action *next)
{
    if (self->state[0]++ > 0)
        CHECK_EQUAL((int64_t)self->x[0], 0);
    if (self->state[0] > SENDERS)
        return false;
    struct message m = from(p);
    fill_action(self, &m, next);
    return true;
}

void scene_receiver_waits_for_blocked_senders(void)
{
    set_scene(SENDERS, 1);
    for (unsigned i = 0; i < SENDERS; i++)
        post(s[i], to(d[i], i));
    run_program(r, receive_all);
    rest();
    CHECK(is_done(r));
    for (unsigned i = 0; i < SENDERS; i++)
        CHECK_EQUAL(result(s[i]), KERN_SUCCESS);
}

/* The first in the row cannot send any more when its turn comes: the next gets it. */
void scene_failed_turn_passes_on(void)
{
    set_scene(3, 1);
    uint32_t x = port_new(s[1]);
    OK(s[0], to(d[0], 0));
    struct message m = to(d[1], 1);
    put_port(s[1], &m, x, MSG_MAKE_SEND);
    post(s[1], m);
    post(s[2], to(d[2], 2));
    kill_port(s[1], x);
    OK(r, from(p));
    post(r, from(p));
    CHECK_EQUAL(result(s[1]), MACH_SEND_INVALID_RIGHT);
    CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
    CHECK_EQUAL(result(r), KERN_SUCCESS);
    CHECK_EQUAL(got_id(r), 2);
}

static void suspend(void *argument)
{
    uint64_t progress = 0;
    CHECK_EQUAL(thread_suspend(((struct actor *)argument)->thread, &progress), KERN_SUCCESS);
}

static void resume(void *argument)
{
    CHECK_EQUAL(thread_resume_count(((struct actor *)argument)->thread), KERN_SUCCESS);
}

static void suspend_both(void)
{
    in_kernel(suspend, s[1]);
    in_kernel(suspend, s[2]);
}

/* Who may not run is passed over. */
void scene_suspended_waiters_are_passed_over(void)
{
    set_scene(3, 1);
    OK(s[0], to(d[0], 0));
    post(s[1], to(d[1], 1));
    post(s[2], to(d[2], 2));
    in_kernel(suspend, s[1]);
    expect_id(r, p, 0);
    CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
    in_kernel(resume, s[1]);
    rest();
    CHECK(!is_done(s[1]));
    expect_id(r, p, 2);
    expect_id(r, p, 1);
    struct actor *r2 = actor_mate(r, ACTOR_PRIORITY);
    post(r, from(p));
    post(r2, from(p));
    in_kernel(suspend, r);
    OK(s[0], to(d[0], 3));
    check_got(r2, 3, p, 0);
    in_kernel(resume, r);
    OK(s[0], to(d[0], 4));
    check_got(r, 4, p, 0);
}

/* The first in the row has got its turn and ends before it uses it. */
void scene_turn_of_the_dead_passes_on(void)
{
    for (unsigned i = 0; i < 2; i++) {
        set_scene(3, 1);
        OK(s[0], to(d[0], 0));
        post(s[1], to(d[1], 1));
        post(s[2], to(d[2], 2));
        suspend_both();
        OK(r, from(p));
        post(r, from(p));
        in_kernel(resume, s[2]);
        if (i)
            end_thread(s[1]);
        else
            end_task(s[1]);
        CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
        CHECK_EQUAL(result(r), KERN_SUCCESS);
        CHECK_EQUAL(got_id(r), 2);
    }
}

/* The same while other messages are queued, so that nobody but the loser of the turn can pass it on. */
void scene_turn_passes_on_in_a_long_queue(void)
{
    for (unsigned i = 0; i < 4; i++) {
        set_scene(3, 3);
        uint32_t x = port_new(s[1]);
        for (unsigned n = 0; n < 3; n++)
            OK(s[0], to(d[0], n));
        struct message m = to(d[1], 10);
        put_port(s[1], &m, x, MSG_MAKE_SEND);
        post(s[1], m);
        post(s[2], to(d[2], 11));
        if (i == 0)
            kill_port(s[1], x);
        else
            suspend_both();
        expect_id(r, p, 0);
        if (i > 0) { /* the first of two that may not run has got it */
            in_kernel(resume, s[2]);
            rest();
            CHECK(!is_done(s[2]));
        }
        if (i == 1)
            end_thread(s[1]);
        if (i == 2)
            end_task(s[1]);
        if (i == 3) { /* it uses its turn, late */
            in_kernel(resume, s[1]);
            rest();
            CHECK_EQUAL(result(s[1]), KERN_SUCCESS);
            CHECK(!is_done(s[2]));
            expect_id(r, p, 1);
        }
        CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
    }
}

/* Suspended with its turn, it goes first when it is resumed. */
void scene_turn_of_the_suspended(void)
{
    set_scene(3, 1);
    OK(s[0], to(d[0], 0));
    post(s[1], to(d[1], 1));
    in_kernel(suspend, s[1]);
    OK(r, from(p));
    post(r, from(p));
    CHECK(!is_done(r) && !is_done(s[1]));
    in_kernel(resume, s[1]);
    rest();
    CHECK_EQUAL(result(s[1]), KERN_SUCCESS);
    CHECK_EQUAL(got_id(r), 1);
}

void scene_send_deadline(void)
{
    set_scene(2, 1);
    OK(s[0], to(d[0], 0));
    struct message m = to(d[1], 1);
    m.deadline = PAST;
    FAILS(MACH_SEND_TIMED_OUT, s[1], m);
    m.deadline = moment(SECOND);
    uint32_t x = port_new(s[1]);
    put_port(s[1], &m, x, MSG_MOVE_RECEIVE);
    post(s[1], m);
    CHECK(!is_done(s[1]));
    pass_time(SECOND / 2);
    CHECK(!is_done(s[1]));
    pass_time(SECOND);
    CHECK_EQUAL(result(s[1]), MACH_SEND_TIMED_OUT);
    check_name(s[1], x, RIGHT_RECEIVE, 0);
    m.deadline = moment(SECOND);
    post(s[1], m);
    expect_id(r, p, 0);
    CHECK_EQUAL(result(s[1]), KERN_SUCCESS);
    pass_time(2 * SECOND);
    expect_id(r, p, 1);
    expect_none(r, p);
}

/* A deadline is a moment: the receive half of a call has what is left of it. */
void scene_receive_deadline(void)
{
    set_scene(1, 1);
    struct message m = from(p);
    expect_none(r, p);
    m.deadline = moment(SECOND);
    post(r, m);
    pass_time(SECOND / 2);
    CHECK(!is_done(r));
    pass_time(SECOND);
    CHECK_EQUAL(result(r), MACH_RCV_TIMED_OUT);
    FAILS(MACH_RCV_TIMED_OUT, r, m);
    m.deadline = moment(SECOND);
    post(r, m);
    OK(s[0], to(d[0], 3));
    check_got(r, 3, p, 0);
    pass_time(2 * SECOND);
    OK(s[0], to(d[0], 4)); /* there is one, though the moment has passed */
    OK(r, m);
    m.dest = send_to(r, r, p);
    m.remote = MSG_COPY_SEND;
    m.receive = port_new(r);
    FAILS(MACH_RCV_TIMED_OUT, r, m); /* the send half is done */
    expect_id(r, p, 0);
}

void scene_port_death_wakes_everybody(void)
{
    set_scene(3, 1);
    struct actor *r2 = actor_mate(r, ACTOR_PRIORITY);
    uint32_t q = port_new(r);
    post(r, from(q));
    post(r2, from(q));
    OK(s[0], to(d[0], 0));
    post(s[1], to(d[1], 1));
    post(s[2], call_to(d[2], 2, 2));
    kill_port(r, q);
    CHECK_EQUAL(result(r), MACH_RCV_PORT_DIED);
    CHECK_EQUAL(result(r2), MACH_RCV_PORT_DIED);
    CHECK(!is_done(s[1]) && !is_done(s[2]));
    kill_port(r, p);
    CHECK_EQUAL(result(s[1]), MACH_SEND_INVALID_DEST);
    CHECK_EQUAL(result(s[2]), MACH_SEND_INVALID_DEST);
    check_name(s[1], d[1], RIGHT_DEAD, 1);
    FAILS(MACH_RCV_INVALID_NAME, r, poll(p));
}

/* Nothing has been sent, no right has gone; the row closes up. */
void scene_send_interrupted(void)
{
    set_scene(3, 1);
    uint32_t x = port_new(s[1]);
    OK(s[0], to(d[0], 0));
    struct message m = to(d[1], 1);
    put_port(s[1], &m, x, MSG_MOVE_RECEIVE);
    post(s[1], m);
    post(s[2], to(d[2], 2));
    CHECK_EQUAL(abort_actor(s[1]), KERN_SUCCESS);
    CHECK_EQUAL(result(s[1]), MACH_SEND_INTERRUPTED);
    check_name(s[1], x, RIGHT_RECEIVE, 0);
    expect_id(r, p, 0);
    CHECK_EQUAL(result(s[2]), KERN_SUCCESS);
    expect_id(r, p, 2);
    expect_none(r, p);
}

void scene_receive_interrupted(void)
{
    set_scene(1, 1);
    post(r, from(p));
    CHECK_EQUAL(abort_actor(r), KERN_SUCCESS);
    CHECK_EQUAL(result(r), MACH_RCV_INTERRUPTED);
    OK(s[0], to(d[0], 1));
    expect_id(r, p, 1);
}

/* A message that was handed to a thread which never came to look at it is not lost, nor its number. */
void scene_handed_message_comes_back(void)
{
    for (unsigned i = 0; i < 3; i++) {
        set_scene(1, 4);
        struct actor *r2 = actor_mate(r, ACTOR_PRIORITY);
        post(r, from(p));
        in_kernel(suspend, r);
        OK(s[0], to(d[0], 7));
        OK(s[0], to(d[0], 8));
        CHECK(!is_done(r));
        if (i == 2) /* another thread waits when it comes back */
            post(r2, from(port_new(r)));
        if (i == 0) {
            CHECK_EQUAL(abort_actor(r), KERN_SUCCESS);
            in_kernel(resume, r);
            rest();
            CHECK_EQUAL(result(r), MACH_RCV_INTERRUPTED);
        } else {
            end_thread(r);
        }
        if (i == 2)
            CHECK_EQUAL(abort_actor(r2), KERN_SUCCESS);
        expect_id(r2, p, 7);
        CHECK_EQUAL(got_seqno(r2), 0);
        expect_id(r2, p, 8);
        CHECK_EQUAL(got_seqno(r2), 1);
    }
}

/* The receiver ends while a message is in its hands, and the port with it. */
void scene_handed_message_dies_with_its_port(void)
{
    set_scene(1, 4);
    struct actor *w = actor_new();
    uint32_t q = port_new(w);
    post(r, from(p));
    in_kernel(suspend, r);
    struct message m = to(d[0], 1);
    put_port(s[0], &m, once_to(s[0], w, q), MSG_MOVE_SEND_ONCE);
    OK(s[0], m);
    kill_port(r, p);
    expect_none(w, q);
    in_kernel(resume, r);
    rest();
    CHECK(result(r) == MACH_RCV_PORT_DIED || result(r) == MACH_RCV_INVALID_NAME);
    expect_id(w, q, MSG_ID_SEND_ONCE);
}

/* What is queued is charged to who sent it, until it is received. */
void scene_senders_pay(void)
{
    set_scene(1, 4);
    struct ledger *ledger = s[0]->task->ledger;
    struct message m = to(d[0], 1);
    m.length = 700;
    OK(s[0], m);
    CHECK_EQUAL(ledger_used(ledger, LEDGER_QUEUED), 700);
    ledger_set_limit(ledger, LEDGER_QUEUED, 1000);
    FAILS(MACH_SEND_NO_BUFFER, s[0], m);
    expect_id(r, p, 1);
    CHECK_EQUAL(ledger_used(ledger, LEDGER_QUEUED), 0);
    OK(s[0], m);
}
