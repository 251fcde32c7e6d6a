/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Send-once rights: exactly one message each, whatever becomes of them.
 */
#include "scenes.h"

/* The port has got exactly this one message. */
static void exactly_one(struct actor *r, uint32_t p, uint32_t id)
{
    rest();
    expect_id(r, p, id);
    expect_none(r, p);
}

void scene_once_used(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), once = once_to(s, r, p);
    OK(s, by(MSG_MOVE_SEND_ONCE, once, 5));
    check_name(s, once, 0, 0);
    FAILS(MACH_SEND_INVALID_DEST, s, by(MSG_MOVE_SEND_ONCE, once, 6));
    exactly_one(r, p, 5);
}

void scene_once_dropped(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r);
    CHECK_EQUAL(drop(s, once_to(s, r, p)), KERN_SUCCESS);
    exactly_one(r, p, MSG_ID_SEND_ONCE);
    CHECK_EQUAL(refs(s, once_to(s, r, p), RIGHT_SEND_ONCE, -1), KERN_SUCCESS);
    exactly_one(r, p, MSG_ID_SEND_ONCE);
}

/* Two rights have two names, and each its message. */
void scene_once_has_its_own_name(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), a = once_to(s, r, p), b = once_to(s, r, p), c = send_to(s, r, p);
    CHECK(a != b && b != c && a != c);
    CHECK_EQUAL(refs(s, a, RIGHT_SEND_ONCE, 1), KERN_INVALID_VALUE);
    OK(s, by(MSG_MOVE_SEND_ONCE, b, 2));
    check_name(s, a, RIGHT_SEND_ONCE, 1);
    OK(s, by(MSG_MOVE_SEND_ONCE, a, 1));
    expect_id(r, p, 2);
    expect_id(r, p, 1);
}

void scene_once_receiver_died(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), once = once_to(s, r, p), again = once_to(s, r, p);
    kill_port(r, p);
    check_name(s, once, RIGHT_DEAD, 1);
    FAILS(MACH_SEND_INVALID_DEST, s, by(MSG_MOVE_SEND_ONCE, again, 5));
    CHECK_EQUAL(drop(s, once), KERN_SUCCESS);
    check_name(s, once, 0, 0);
}

/* In the body and as reply of messages whose port dies. */
void scene_once_in_a_dead_queue(void)
{
    struct actor *r = actor_new(), *s = actor_new(), *w = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), q = port_new(w);
    struct message m = to(d, 1);
    put_port(s, &m, once_to(s, w, q), MSG_MOVE_SEND_ONCE);
    OK(s, m);
    struct message n = to(d, 2);
    n.local = once_to(s, w, q);
    n.how_local = MSG_MOVE_SEND_ONCE;
    OK(s, n);
    kill_port(r, p);
    expect_id(w, q, MSG_ID_SEND_ONCE);
    exactly_one(w, q, MSG_ID_SEND_ONCE);
}

/* To a port that has died: the message is not sent, the right stays. */
void scene_once_stays_when_not_sent(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), q = port_new(r), once = once_to(s, r, q);
    struct message m = to(d, 1);
    put_port(s, &m, once, MSG_MOVE_SEND_ONCE);
    kill_port(r, p);
    FAILS(MACH_SEND_INVALID_DEST, s, m);
    check_name(s, once, RIGHT_SEND_ONCE, 1);
    expect_none(r, q);
}

void scene_once_owner_ends(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r);
    (void)once_to(s, r, p);
    end_task(s);
    exactly_one(r, p, MSG_ID_SEND_ONCE);
}

/* Moved through a third task and used there. */
void scene_once_moved(void)
{
    struct actor *r = actor_new(), *s = actor_new(), *t = actor_new();
    uint32_t p = port_new(r), q = port_new(t);
    struct message m = to(send_to(s, t, q), 1);
    put_port(s, &m, once_to(s, r, p), MSG_MOVE_SEND_ONCE);
    OK(s, m);
    OK(t, poll(q));
    expect_none(r, p);
    OK(t, by(MSG_MOVE_SEND_ONCE, (uint32_t)got_descriptor(t, 0).value, 9));
    exactly_one(r, p, 9);
}

/* Full queues do not stop it. */
void scene_once_ignores_limits(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    set_limits(port_behind(r, p), 1, 64);
    OK(s, to(d, 1));
    struct message m = by(MSG_MOVE_SEND_ONCE, once_to(s, r, p), 2);
    m.length = 1000;
    OK(s, m);
    CHECK_EQUAL(drop(s, once_to(s, r, p)), KERN_SUCCESS);
    struct message again = to(d, 3);
    again.deadline = PAST;
    FAILS(MACH_SEND_TIMED_OUT, s, again);
    expect_id(r, p, 1);
    expect_id(r, p, 2);
    exactly_one(r, p, MSG_ID_SEND_ONCE);
}

/* No sender counts it. */
void scene_once_is_no_sender(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), q = port_new(r), once = once_to(s, r, p);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, q, KERN_SUCCESS));
    expect_note(r, q, MSG_ID_NO_SENDERS, 0);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 1, r, q, KERN_SUCCESS));
    CHECK_EQUAL(drop(s, once), KERN_SUCCESS);
    expect_none(r, q);
}
