/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who goes to wait for messages, with an answer by name before or without: in all the states that the fast way has to tell apart.
 */
#include "scenes.h"

/* A receiver, its port, a set of its own with another port; a less urgent, an as urgent and a more urgent client. */
static struct actor *r, *c[3];
static uint32_t p, set, q, d[3], e[3];

static void set_scene(void)
{
    r = actor_new();
    p = port_new(r);
    q = port_new(r);
    set = set_new(r);
    CHECK_EQUAL(move_member(r, q, set), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        c[i] = actor_mate(NULL, ACTOR_PRIORITY - 10 + 10 * i);
        d[i] = send_to(c[i], r, p);
        e[i] = send_to(c[i], r, q);
    }
}

static uint32_t keep(struct actor *a)
{
    post_trap(a, TRAP_reply_keep, 0, 0);
    CHECK(is_done(a));
    return (uint32_t)a->x[0];
}

static struct message answer_and_receive(uint32_t name, uint32_t id, uint32_t from_name)
{
    struct message m = by(MSG_MOVE_SEND_ONCE, name, id);
    m.receive = from_name;
    return m;
}

static void rounds(uint32_t from_name, uint32_t port, const uint32_t *to_name)
{
    enum { ROUNDS = 36 };
    uint64_t before = fast_count();
    post(r, from(from_name));
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct actor *client = c[i % 3];
        CHECK(!is_done(r));
        post(client, call_to(to_name[i % 3], i, 7 + i));
        check_got(r, i, port, 7 + i);
        uint32_t name = keep(r);
        struct message m = answer_and_receive(name, 50 + i, from_name);
        m.length = i % 9 * 8;
        for (unsigned w = 0; w < 8; w++)
            m.body[w] = i + w;
        post(r, m);
        CHECK_EQUAL(rights_of(r, name), 0);
        check_got(client, 50 + i, 0, m.length ? i : 0);
        CHECK_EQUAL(client->x[MSG_X_CONTROL], MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, m.length, 0));
        for (unsigned w = 0; w < 8; w++)
            CHECK_EQUAL(got_word(client, w), w * 8 < m.length ? i + w : 0);
    }
    check_fast(before, ROUNDS);
    CHECK_EQUAL(abort_actor(r), KERN_SUCCESS);
    CHECK_EQUAL(result(r), MACH_RCV_INTERRUPTED);
}

void scene_answer_by_name_and_wait(void)
{
    set_scene();
    rounds(p, p, d);
    rounds(set, q, e);
}

/* What is there is received at once, whoever was answered. */
void scene_answer_by_name_and_receive(void)
{
    set_scene();
    post(c[0], call_to(d[0], 1, 1));
    OK(r, poll(p));
    uint32_t name = keep(r);
    post(c[2], call_to(d[2], 2, 2));
    OK(r, answer_and_receive(name, 3, p));
    check_got(r, 2, p, 2);
    CHECK_EQUAL(got_id(c[0]), 3);
    OK(r, answer(4, 4, 0));
    check_got(c[2], 4, 0, 4);
}

/* The client is gone, does not wait, or the name is none: nothing is received. */
void scene_answer_by_name_to_nobody(void)
{
    set_scene();
    post(c[0], call_to(d[0], 1, 1));
    OK(r, poll(p));
    uint32_t name = keep(r);
    end_task(c[0]);
    actor_drop(c[0]);
    FAILS(MACH_SEND_INVALID_DEST, r, answer_and_receive(name, 2, p));
    check_name(r, name, RIGHT_DEAD, 1);
    FAILS(MACH_SEND_INVALID_DEST, r, answer_and_receive(0x12340001, 2, p));

    post(c[1], call_to(d[1], 3, 3));
    OK(r, poll(p));
    name = keep(r);
    CHECK_EQUAL(abort_actor(c[1]), KERN_SUCCESS);
    post(r, answer_and_receive(name, 4, p));
    CHECK(!is_done(r));
    OK(c[1], from(MSG_REPLY));
    CHECK_EQUAL(got_id(c[1]), 4);

    /* Sent, and then there is nowhere to receive from. */
    post(c[1], call_to(d[1], 5, 5));
    check_got(r, 5, p, 5);
    name = keep(r);
    FAILS(MACH_RCV_INVALID_NAME, r, answer_and_receive(name, 6, 0x12340001));
    CHECK_EQUAL(got_id(c[1]), 6);
    CHECK_EQUAL(rights_of(r, name), 0);
}

/* Ends of who waits: its thread, its port, its set. */
void scene_waits_end(void)
{
    set_scene();
    struct actor *mate = actor_mate(r, ACTOR_PRIORITY);
    post(mate, from(p));
    end_thread(mate);
    post(c[0], call_to(d[0], 1, 1));
    OK(r, poll(p));
    uint32_t name = keep(r);
    post(r, answer_and_receive(name, 2, p));
    CHECK_EQUAL(got_id(c[0]), 2);
    kill_port(r, p);
    CHECK_EQUAL(result(r), MACH_RCV_PORT_DIED);
    post(r, from(set));
    CHECK_EQUAL(move_member(r, q, 0), KERN_SUCCESS);
    CHECK(!is_done(r));
    CHECK_EQUAL(refs(r, set, RIGHT_SET, -1), KERN_SUCCESS);
    rest();
    CHECK_EQUAL(result(r), MACH_RCV_PORT_DIED);
}
