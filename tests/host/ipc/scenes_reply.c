/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls and answers without ports: the reply of each thread.
 */
#include "scenes.h"

/* A server, its port, a client with a right to it. */
static struct actor *s, *c;
static uint32_t p, d;

static void set_scene(void)
{
    s = actor_new();
    c = actor_new();
    p = port_new(s);
    d = send_to(c, s, p);
}

/* The server has taken the client's call and holds the reply. */
static void take_call(uint32_t id)
{
    post(c, call_to(d, id, id + 1000));
    CHECK(!is_done(c));
    OK(s, poll(p));
    check_got(s, id, p, id + 1000);
    CHECK_EQUAL(got_reply(s), MSG_REPLY);
    CHECK_EQUAL(s->x[2], MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 8, 0));
}

static void check_answered(uint32_t id, uint64_t word)
{
    check_got(c, id, 0, word);
    CHECK_EQUAL(c->x[2], MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 8, 0));
    CHECK(got_reply(c) == 0 && got_seqno(c) == 0);
}

/* From the second round on the server waits in its answer's receive half: the fast way, if there is one. */
void scene_call_and_answer(void)
{
    enum { ROUNDS = 6 };
    set_scene();
    uint64_t before = fast_count();
    post(s, from(p));
    for (unsigned i = 0; i < ROUNDS; i++) {
        post(c, call_to(d, i, 100 + i));
        check_got(s, i, p, 100 + i);
        CHECK_EQUAL(got_seqno(s), i);
        CHECK_EQUAL(got_reply(s), MSG_REPLY);
        post(s, answer(50 + i, 200 + i, p));
        CHECK(!is_done(s));
        check_answered(50 + i, 200 + i);
    }
    check_fast(before, 2 * ROUNDS - 2);
    CHECK_EQUAL(abort_actor(s), KERN_SUCCESS);
    FAILS(MACH_SEND_INVALID_DEST, s, answer(1, 1, 0)); /* it owes none */
}

/* Every length, both ways, with whatever shape of the machine. */
void scene_calls_of_every_length(void)
{
    set_scene();
    post(s, from(p));
    for (unsigned i = 0; i < 40; i++) {
        unsigned length = i < 20 ? i * 4 : 64 + (i - 20) * 400;
        struct message call = call_to(d, i, 1), reply = answer(i, 2, p);
        call.length = length;
        reply.length = 8192 - length;
        for (unsigned w = 0; w < 8; w++)
            call.body[w] = reply.body[w] = UINT64_C(0x1111111111111111) * (w + 1);
        post(c, call);
        CHECK_EQUAL(result(s), KERN_SUCCESS);
        CHECK_EQUAL(msg_length(s->x[2]), length);
        post(s, reply);
        CHECK_EQUAL(result(c), KERN_SUCCESS);
        CHECK_EQUAL(msg_length(c->x[2]), 8192 - length);
    }
}

void scene_call_through_a_set(void)
{
    set_scene();
    uint32_t set = set_new(s);
    CHECK_EQUAL(move_member(s, p, set), KERN_SUCCESS);
    post(s, from(set));
    for (unsigned i = 0; i < 4; i++) {
        post(c, call_to(d, i, 7));
        check_got(s, i, p, 7);
        CHECK_EQUAL(got_seqno(s), i);
        post(s, answer(i, 8, set));
        check_answered(i, 8);
    }
}

/* The nested call keeps the reply. */
void scene_nested_call(void)
{
    set_scene();
    struct actor *t = actor_new();
    uint32_t q = port_new(t), e = send_to(s, t, q);
    for (unsigned i = 0; i < 3; i++) {
        take_call(i);
        post(s, call_to(e, 10, 5));
        if (is_done(t))
            OK(t, poll(q));
        else
            CHECK(false);
        check_got(t, 10, q, 5);
        OK(t, answer(11, 6, 0));
        check_got(s, 11, 0, 6);
        CHECK(!is_done(c));
        OK(s, answer(12, i, 0));
        check_answered(12, i);
    }
}

/* An answer that is itself a call: one reply can be held only. */
void scene_answer_that_calls(void)
{
    set_scene();
    struct actor *t = actor_new();
    uint32_t q = port_new(t), e = send_to(s, t, q);
    take_call(1);
    post(s, call_to(e, 10, 5));
    OK(t, poll(q));
    struct message both = answer(11, 6, MSG_REPLY);
    both.how_local = MSG_MAKE_REPLY;
    post(t, both);
    check_got(s, 11, 0, 6);
    CHECK_EQUAL(got_reply(s), MSG_REPLY);
    check_lost(c); /* its reply was held until then */
    OK(s, answer(12, 7, 0));
    check_got(t, 12, 0, 7);
}

void scene_receiving_gives_the_reply_up(void)
{
    set_scene();
    take_call(1);
    expect_none(s, p);
    check_lost(c);
    take_call(2);
    FAILS(MACH_RCV_INVALID_NAME, s, poll(0x12340001));
    check_lost(c);
}

void scene_reply_kept(void)
{
    set_scene();
    struct actor *c2 = actor_new();
    uint32_t d2 = send_to(c2, s, p);
    take_call(1);
    post_trap(s, TRAP_reply_keep, 0, 0);
    uint32_t name = (uint32_t)s->x[0];
    check_name(s, name, RIGHT_SEND_ONCE, 1);
    post_trap(s, TRAP_reply_keep, 0, 0);
    CHECK_EQUAL(result(s), MACH_RCV_NO_REPLY);
    post(c2, call_to(d2, 2, 2)); /* another call meanwhile */
    OK(s, poll(p));
    OK(s, answer(20, 2, 0));
    check_got(c2, 20, 0, 2);
    CHECK(!is_done(c));
    struct message m = by(MSG_MOVE_SEND_ONCE, name, 30);
    m.length = 8;
    m.body[0] = 3;
    OK(s, m);
    check_answered(30, 3);
    check_name(s, name, 0, 0);
    take_call(4); /* one that is dropped */
    post_trap(s, TRAP_reply_keep, 0, 0);
    CHECK_EQUAL(drop(s, (uint32_t)s->x[0]), KERN_SUCCESS);
    check_lost(c);
}

/* A kept reply travels like any send-once right, and hears of notifications. */
void scene_reply_kept_moves(void)
{
    set_scene();
    struct actor *t = actor_new();
    uint32_t q = port_new(t), e = send_to(s, t, q);
    take_call(1);
    post_trap(s, TRAP_reply_keep, 0, 0);
    struct message m = to(e, 1);
    put_port(s, &m, (uint32_t)s->x[0], MSG_MOVE_SEND_ONCE);
    OK(s, m);
    OK(t, poll(q));
    uint32_t name = (uint32_t)got_descriptor(t, 0).value;
    check_name(t, name, RIGHT_SEND_ONCE, 1);
    OK(t, by(MSG_MOVE_SEND_ONCE, name, 3));
    CHECK_EQUAL(result(c), KERN_SUCCESS);
    CHECK_EQUAL(got_id(c), 3);
}

/* The held reply goes on to another server, which answers. */
void scene_reply_forwarded(void)
{
    set_scene();
    struct actor *t = actor_new();
    uint32_t q = port_new(t), e = send_to(s, t, q);
    take_call(1);
    struct message m = word_to(e, 9, 99);
    m.local = MSG_REPLY;
    m.how_local = MSG_MOVE_SEND_ONCE;
    OK(s, m);
    FAILS(MACH_SEND_INVALID_DEST, s, answer(1, 1, 0)); /* it has gone */
    FAILS(MACH_SEND_INVALID_REPLY, s, m);
    expect_none(s, p);
    CHECK(!is_done(c));
    OK(t, poll(q));
    check_got(t, 9, q, 99);
    CHECK_EQUAL(got_reply(t), MSG_REPLY);
    OK(t, answer(2, 3, 0));
    check_answered(2, 3);
    take_call(2); /* in the queue of a port that dies */
    OK(s, m);
    kill_port(t, q);
    check_lost(c);
}

/* A forward that fails leaves the reply where it was. */
void scene_forward_that_fails(void)
{
    set_scene();
    take_call(1);
    struct message m = word_to(0x12340001, 9, 99);
    m.local = MSG_REPLY;
    m.how_local = MSG_MOVE_SEND_ONCE;
    FAILS(MACH_SEND_INVALID_DEST, s, m);
    m.dest = send_to(s, s, p);
    put_port(s, &m, 0x12340001, MSG_COPY_SEND);
    FAILS(MACH_SEND_INVALID_RIGHT, s, m);
    m = answer(1, 1, 0);
    m.remote = MSG_COPY_SEND;
    FAILS(MACH_SEND_INVALID_HEADER, s, m);
    CHECK(!is_done(c));
    OK(s, answer(2, 3, 0));
    check_answered(2, 3);
}

void scene_wait_interrupted_and_resumed(void)
{
    set_scene();
    take_call(1);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
        CHECK_EQUAL(result(c), MACH_RCV_INTERRUPTED);
        post(c, from(MSG_REPLY));
        CHECK(!is_done(c));
    }
    OK(s, answer(2, 3, 0));
    check_answered(2, 3);
    /* Answered before it waits again; and given up before. */
    take_call(2);
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    OK(s, answer(4, 5, 0));
    OK(c, from(MSG_REPLY));
    check_answered(4, 5);
    take_call(3);
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    expect_none(s, p);
    OK(c, from(MSG_REPLY));
    check_lost(c);
    FAILS(MACH_RCV_NO_REPLY, c, from(MSG_REPLY));
}

void scene_new_call_gives_up_the_old(void)
{
    set_scene();
    struct actor *t = actor_mate(s, ACTOR_PRIORITY);
    take_call(1);
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    post(c, call_to(d, 2, 2));
    OK(t, poll(p));
    OK(s, answer(10, 1, 0)); /* nobody waits for it any more */
    CHECK(!is_done(c));
    OK(t, answer(20, 2, 0));
    check_answered(20, 2);
    /* An answer that has come is given up, too. */
    take_call(3);
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    OK(s, answer(30, 3, 0));
    take_call(4);
    OK(s, answer(40, 4, 0));
    check_answered(40, 4);
}

void scene_answer_too_large_stays(void)
{
    set_scene();
    struct message call = call_to(d, 1, 1), reply = answer(2, 2, 0);
    call.size = 100;
    reply.length = 300;
    for (unsigned early = 0; early < 2; early++) {
        post(c, call);
        OK(s, poll(p));
        if (early)
            CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
        OK(s, reply);
        struct message again = from(MSG_REPLY);
        again.size = 299;
        if (early)
            post(c, again);
        CHECK_EQUAL(result(c), MACH_RCV_TOO_LARGE);
        CHECK_EQUAL(msg_length(c->x[2]), 300);
        again.size = 300;
        OK(c, again);
        CHECK_EQUAL(got_id(c), 2);
        FAILS(MACH_RCV_NO_REPLY, c, again);
    }
}

void scene_reply_deadline(void)
{
    set_scene();
    struct message call = call_to(d, 1, 1), wait = from(MSG_REPLY);
    call.deadline = moment(SECOND);
    post(c, call);
    OK(s, poll(p));
    CHECK(!is_done(c));
    pass_time(2 * SECOND);
    CHECK_EQUAL(result(c), MACH_RCV_TIMED_OUT);
    wait.deadline = PAST;
    FAILS(MACH_RCV_TIMED_OUT, c, wait);
    wait.deadline = moment(SECOND);
    post(c, wait);
    CHECK(!is_done(c));
    OK(s, answer(2, 3, 0));
    check_answered(2, 3);
    pass_time(2 * SECOND);
    take_call(5);
    OK(s, answer(6, 7, 0));
    check_answered(6, 7);
}

void scene_caller_dies(void)
{
    set_scene();
    take_call(1);
    end_thread(c);
    OK(s, answer(2, 3, 0));
}

void scene_caller_dies_before_it_is_heard(void)
{
    set_scene();
    post(c, call_to(d, 1, 1));
    end_task(c);
    OK(s, poll(p));
    CHECK_EQUAL(got_reply(s), MSG_REPLY);
    post_trap(s, TRAP_reply_keep, 0, 0);
    check_name(s, (uint32_t)s->x[0], RIGHT_DEAD, 1);
}

void scene_server_dies(void)
{
    set_scene();
    take_call(1);
    end_thread(s);
    check_lost(c);
}

void scene_call_in_a_dead_queue(void)
{
    set_scene();
    post(c, call_to(d, 1, 1));
    kill_port(s, p);
    check_lost(c);
    FAILS(MACH_SEND_INVALID_DEST, c, call_to(d, 1, 1));
    FAILS(MACH_RCV_NO_REPLY, c, from(MSG_REPLY));
}

void scene_answer_with_rights(void)
{
    set_scene();
    uint32_t q = port_new(s);
    take_call(1);
    struct message m = answer(2, 3, 0);
    m.length = 0;
    put_port(s, &m, q, MSG_MAKE_SEND);
    put_port(s, &m, q, MSG_MOVE_RECEIVE);
    OK(s, m);
    CHECK_EQUAL(result(c), KERN_SUCCESS);
    uint32_t name = (uint32_t)got_descriptor(c, 0).value;
    CHECK_EQUAL(name, (uint32_t)got_descriptor(c, 1).value);
    check_name(c, name, RIGHT_SEND | RIGHT_RECEIVE, 1);
    /* Nobody ever takes it. */
    q = port_new(s);
    take_call(2);
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    m.descriptors = 0;
    put_port(s, &m, q, MSG_MOVE_RECEIVE);
    OK(s, m);
    end_task(c);
}

/* A thread that calls itself and answers. */
void scene_call_to_oneself(void)
{
    set_scene();
    struct message m = call_to(send_to(s, s, p), 1, 1);
    m.receive = p;
    OK(s, m);
    CHECK_EQUAL(got_reply(s), MSG_REPLY);
    OK(s, answer(2, 3, MSG_REPLY));
    check_got(s, 2, 0, 3);
    OK(s, m); /* and gives its own reply up, or ends with it */
    expect_none(s, p);
    OK(s, from(MSG_REPLY));
    check_lost(s);
    OK(s, m);
    end_thread(s);
}
