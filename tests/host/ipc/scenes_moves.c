/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive rights on the move, payloads, circles.
 */
#include "scenes.h"

/* The one who has the receive right, the one who gets it through q, a client. */
static struct actor *r, *t, *c;
static uint32_t p, q, to_q, d;

static void set_scene(void)
{
    r = actor_new();
    t = actor_new();
    c = actor_new();
    p = port_new(r);
    q = port_new(t);
    to_q = send_to(r, t, q);
    d = send_to(c, r, p);
}

/* Send away the receive right `name` of `a` by `dest`. */
static unsigned send_receive(struct actor *a, uint32_t dest, uint32_t name)
{
    struct message m = to(dest, 9);
    put_port(a, &m, name, MSG_MOVE_RECEIVE);
    return perform(a, m);
}

static uint32_t take_receive(void)
{
    expect_id(t, q, 9);
    struct msg_descriptor got = got_descriptor(t, 0);
    CHECK_EQUAL(got.disposition, MSG_MOVE_RECEIVE);
    CHECK(rights_of(t, (uint32_t)got.value) & RIGHT_RECEIVE);
    return (uint32_t)got.value;
}

/* The queue goes along, the counts begin anew; nobody notices who sends. */
void scene_queue_moves_with_the_right(void)
{
    set_scene();
    struct port *port = port_behind(r, p);
    for (unsigned i = 0; i < 4; i++)
        OK(c, word_to(d, i, i));
    expect_id(r, p, 0);
    CHECK_EQUAL(port->make_sends, 1);
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    check_name(r, p, 0, 0);
    OK(c, word_to(d, 4, 4));
    uint32_t name = take_receive();
    CHECK_EQUAL(port->make_sends, 0);
    for (unsigned i = 1; i < 5; i++) {
        OK(t, poll(name));
        check_got(t, i, name, i);
        CHECK_EQUAL(got_seqno(t), i - 1);
    }
    CHECK_EQUAL(port->senders, 1);
}

/* Also when the first message was looked at and put back before. */
void scene_numbers_begin_anew(void)
{
    set_scene();
    struct message large = to(d, 1), small = {.receive = p, .deadline = PAST};
    large.length = 200;
    OK(c, to(d, 0));
    OK(c, large);
    OK(c, to(d, 2));
    expect_id(r, p, 0);
    FAILS(MACH_RCV_TOO_LARGE, r, small);
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    uint32_t name = take_receive();
    expect_id(t, name, 1);
    CHECK_EQUAL(got_seqno(t), 0);
    expect_id(t, name, 2);
    CHECK_EQUAL(got_seqno(t), 1);
}

/* Who holds a send right finds the receive right under the same name. */
void scene_right_comes_to_a_sender(void)
{
    set_scene();
    uint32_t mine = send_to(t, r, p);
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    CHECK_EQUAL(take_receive(), mine);
    check_name(t, mine, RIGHT_RECEIVE | RIGHT_SEND, 1);
    OK(c, to(d, 5));
    expect_id(t, mine, 5);
    CHECK_EQUAL(t->x[MSG_X_LOCAL], mine);
}

void scene_sender_keeps_its_send_right(void)
{
    set_scene();
    CHECK_EQUAL(send_to(r, r, p), p);
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    check_name(r, p, RIGHT_SEND, 1);
    OK(r, to(p, 6));
    FAILS(MACH_RCV_INVALID_NAME, r, poll(p));
    expect_id(t, take_receive(), 6);
}

/* Full in transit: senders wait, and go on with the new receiver. */
void scene_senders_wait_in_transit(void)
{
    set_scene();
    set_limits(port_behind(r, p), 1, 65536);
    OK(c, to(d, 1));
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    post(c, to(d, 2));
    CHECK(!is_done(c));
    uint32_t name = take_receive();
    CHECK(!is_done(c));
    expect_id(t, name, 1);
    CHECK_EQUAL(result(c), KERN_SUCCESS);
    expect_id(t, name, 2);
}

void scene_receivers_notice_the_move(void)
{
    set_scene();
    struct actor *r2 = actor_mate(r, ACTOR_PRIORITY);
    post(r2, from(p));
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    CHECK_EQUAL(result(r2), MACH_RCV_PORT_CHANGED);
    FAILS(MACH_RCV_INVALID_NAME, r2, poll(p));
    uint32_t name = take_receive();
    post(t, from(name));
    OK(c, to(d, 3));
    check_got(t, 3, name, 0);
}

/* Requests at the receive right go along. */
void scene_requests_move_with_the_right(void)
{
    set_scene();
    uint32_t m = port_new(r);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    uint32_t name = take_receive();
    CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
    expect_note(r, m, MSG_ID_NO_SENDERS, 0); /* none was made since it came here */
    check_name(t, name, RIGHT_RECEIVE, 0);
}

void scene_message_with_the_right_dies(void)
{
    set_scene();
    OK(c, to(d, 1));
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    kill_port(t, q);
    check_name(c, d, RIGHT_DEAD, 1);
}

/* ---- payload ---- */

void scene_protected_payload(void)
{
    set_scene();
    OK(c, to(d, 1));
    set_payload(port_behind(r, p), UINT64_C(0xfedcba9876543210));
    OK(c, to(d, 2));
    for (unsigned i = 1; i < 3; i++) {
        expect_id(r, p, i);
        CHECK_EQUAL(r->x[MSG_X_LOCAL], UINT64_C(0xfedcba9876543210));
        CHECK_EQUAL(msg_flags(r->x[MSG_X_CONTROL]), MSG_FLAG_PAYLOAD);
    }
    set_payload(port_behind(r, p), 0); /* zero is one, too */
    post(r, from(p));
    for (unsigned i = 0; i < 3; i++) { /* by the fast way, if there is one */
        post(c, call_to(d, 5, i));
        CHECK_EQUAL(result(r), KERN_SUCCESS);
        CHECK_EQUAL(r->x[MSG_X_LOCAL], 0);
        CHECK_EQUAL(msg_flags(r->x[MSG_X_CONTROL]), MSG_FLAG_PAYLOAD);
        post(r, answer(6, i, p));
        check_got(c, 6, 0, i);
        CHECK_EQUAL(msg_flags(c->x[MSG_X_CONTROL]), 0);
    }
}

void scene_payload_does_not_move(void)
{
    set_scene();
    set_payload(port_behind(r, p), 4711);
    OK(c, to(d, 1));
    CHECK_EQUAL(send_receive(r, to_q, p), KERN_SUCCESS);
    uint32_t name = take_receive();
    expect_id(t, name, 1);
    CHECK_EQUAL(t->x[MSG_X_LOCAL], name);
    CHECK_EQUAL(msg_flags(t->x[MSG_X_CONTROL]), 0);
}

/* ---- circles ---- */

void scene_circle_direct(void)
{
    set_scene();
    CHECK_EQUAL(send_to(r, r, p), p);
    CHECK_EQUAL(send_receive(r, p, p), MACH_SEND_CIRCULAR);
    check_name(r, p, RIGHT_RECEIVE | RIGHT_SEND, 1);
    struct message m = by(MSG_MAKE_SEND_ONCE, p, 9);
    put_port(r, &m, p, MSG_MOVE_RECEIVE);
    FAILS(MACH_SEND_CIRCULAR, r, m);
    check_name(r, p, RIGHT_RECEIVE | RIGHT_SEND, 1);
    OK(c, to(d, 3));
    expect_id(r, p, 3);
}

enum { CHAIN = 40 };

/* a[i]'s receive right waits in a[i + 1]. */
static unsigned make_chain(uint32_t *a, unsigned wanted)
{
    unsigned kr = KERN_SUCCESS;
    for (unsigned i = 0; i < wanted; i++)
        CHECK_EQUAL(send_to(r, r, a[i] = port_new(r)), a[i]);
    for (unsigned i = wanted - 1; i > 0 && kr == KERN_SUCCESS; i--)
        kr = send_receive(r, a[i], a[i - 1]);
    return kr;
}

void scene_circle_through_a_chain(void)
{
    uint32_t a[10];
    set_scene();
    CHECK_EQUAL(make_chain(a, array_count(a)), KERN_SUCCESS);
    CHECK_EQUAL(send_receive(r, a[0], a[9]), MACH_SEND_CIRCULAR);
    CHECK_EQUAL(send_receive(r, a[5], a[9]), MACH_SEND_CIRCULAR);
    check_name(r, a[9], RIGHT_RECEIVE | RIGHT_SEND, 1);
    check_name(r, a[0], RIGHT_SEND, 1);
    kill_port(r, a[9]); /* all of them die */
    for (unsigned i = 0; i < array_count(a); i++)
        check_name(r, a[i], RIGHT_DEAD, 1);
}

/* Deeper than the kernel follows: refused, and nothing has changed. */
void scene_chain_too_long(void)
{
    uint32_t a[CHAIN];
    unsigned longest = 0;
    set_scene();
    for (unsigned i = 0; i < CHAIN; i++)
        CHECK_EQUAL(send_to(r, r, a[i] = port_new(r)), a[i]);
    for (unsigned i = 1; i < CHAIN; i++)
        if (send_receive(r, a[i], a[i - 1]) == KERN_SUCCESS)
            longest = i;
    CHECK_EQUAL(longest, CHAIN - 1); /* at its end it may grow */
    uint32_t b = port_new(r);
    CHECK_EQUAL(send_receive(r, a[0], b), KERN_LIMIT);
    check_name(r, b, RIGHT_RECEIVE, 0);
    CHECK_EQUAL(send_receive(r, a[CHAIN - 3], b), KERN_SUCCESS);
    kill_port(r, a[CHAIN - 1]);
    check_name(r, a[0], RIGHT_DEAD, 1);
}

/* Two threads try to close a circle from both sides. */
void scene_circle_from_both_sides(void)
{
    set_scene();
    struct actor *r2 = actor_mate(r, ACTOR_PRIORITY);
    for (unsigned i = 0; i < 20; i++) {
        uint32_t a = port_new(r), b = port_new(r);
        CHECK(send_to(r, r, a) == a && send_to(r, r, b) == b);
        struct message m = to(a, 9), n = to(b, 9);
        put_port(r, &m, b, MSG_MOVE_RECEIVE);
        put_port(r2, &n, a, MSG_MOVE_RECEIVE);
        post_only(r, m);
        post_only(r2, n);
        rest();
        CHECK(result(r) == MACH_SEND_CIRCULAR || result(r2) == MACH_SEND_CIRCULAR);
        CHECK(result(r) == KERN_SUCCESS || result(r2) == KERN_SUCCESS);
        kill_port(r, result(r) == KERN_SUCCESS ? a : b);
        check_name(r, a, RIGHT_DEAD, 1);
        check_name(r, b, RIGHT_DEAD, 1);
    }
}

/* Send rights in one another's queues hold nothing alive. */
void scene_circle_of_send_rights(void)
{
    set_scene();
    uint32_t a = port_new(r), b = port_new(r);
    CHECK(send_to(r, r, a) == a && send_to(r, r, b) == b);
    struct message m = to(a, 9), n = to(b, 9);
    put_port(r, &m, b, MSG_COPY_SEND);
    put_port(r, &m, a, MSG_MAKE_SEND_ONCE);
    put_port(r, &n, a, MSG_COPY_SEND);
    put_port(r, &n, b, MSG_MAKE_SEND_ONCE);
    OK(r, m);
    OK(r, n);
    kill_port(r, a);
    kill_port(r, b);
}
