/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port sets.
 */
#include "scenes.h"

enum { MEMBERS = 1000 };

/* All members have messages: each gets its turn before any gets its second. */
void scene_set_of_a_thousand_starves_nobody(void)
{
    static uint32_t port[MEMBERS], got[MEMBERS];
    struct actor *r = actor_new();
    uint32_t set = set_new(r);
    for (unsigned i = 0; i < MEMBERS; i++) {
        port[i] = port_new(r);
        got[i] = 0;
        set_payload(port_behind(r, port[i]), i);
        if (i % 2)
            CHECK_EQUAL(move_member(r, port[i], set), KERN_SUCCESS);
        queue_from_kernel(port_behind(r, port[i]), 1);
        queue_from_kernel(port_behind(r, port[i]), 2);
        CHECK_EQUAL(move_member(r, port[i], set), KERN_SUCCESS);
    }
    for (unsigned n = 0; n < 2 * MEMBERS; n++) {
        OK(r, poll(set));
        uint64_t i = r->x[3];
        CHECK_EQUAL(msg_flags(r->x[2]), MSG_FLAG_PAYLOAD);
        CHECK_EQUAL(got[i]++, n / MEMBERS);
        CHECK_EQUAL(got_id(r), n / MEMBERS + 1);
        if (n < MEMBERS / 10) /* one that never runs dry */
            queue_from_kernel(port_behind(r, port[0]), 1);
        if (n < MEMBERS / 10 && i == 0)
            got[0] = 0;
        if (n == MEMBERS / 10)
            break;
    }
    while (perform(r, poll(set)) == KERN_SUCCESS)
        got[r->x[3]]++;
    for (unsigned i = 1; i < MEMBERS; i++)
        CHECK_EQUAL(got[i], 2);
    for (unsigned i = 0; i < MEMBERS; i++)
        CHECK_EQUAL(port_behind(r, port[i])->queued, 0);
}

/* The busy one gets its turn like all others. */
void scene_set_turns(void)
{
    enum { COUNT = 5 };
    struct actor *r = actor_new();
    uint32_t set = set_new(r), port[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        port[i] = port_new(r);
        CHECK_EQUAL(move_member(r, port[i], set), KERN_SUCCESS);
        for (unsigned n = 0; n < (i ? 1 : 10); n++)
            queue_from_kernel(port_behind(r, port[i]), i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        OK(r, poll(set));
        CHECK_EQUAL(got_id(r), i);
        CHECK_EQUAL(r->x[3], port[i]);
    }
    for (unsigned i = 1; i < 10; i++) {
        OK(r, poll(set));
        CHECK_EQUAL(got_id(r), 0);
        CHECK_EQUAL(got_seqno(r), i);
    }
    expect_none(r, set);
}

void scene_set_members_come_and_go(void)
{
    struct actor *r = actor_new(), *r2 = actor_mate(r, ACTOR_PRIORITY), *s = actor_new();
    uint32_t set = set_new(r), a = port_new(r), b = port_new(r);
    uint32_t to_a = send_to(s, r, a), to_b = send_to(s, r, b);
    post(r, from(set)); /* an empty set is waited for */
    CHECK(!is_done(r));
    CHECK_EQUAL(move_member(r, a, set), KERN_SUCCESS);
    rest();
    CHECK(!is_done(r));
    OK(s, to(to_a, 1));
    check_got(r, 1, a, 0);
    post(r, from(set));
    OK(s, to(to_b, 2)); /* comes with a message in it */
    OK(s, to(to_b, 3));
    CHECK(!is_done(r));
    post(r2, from(set));
    CHECK_EQUAL(move_member(r, b, set), KERN_SUCCESS);
    rest();
    CHECK(result(r) == KERN_SUCCESS && result(r2) == KERN_SUCCESS);
    CHECK_EQUAL(got_id(r) + got_id(r2), 5);
    post(r, from(set));
    CHECK_EQUAL(move_member(r, b, 0), KERN_SUCCESS); /* goes */
    OK(s, to(to_b, 4));
    CHECK(!is_done(r));
    expect_id(r2, b, 4);
    OK(s, to(to_a, 5));
    check_got(r, 5, a, 0);
    OK(s, to(to_a, 6)); /* goes with a message in it */
    CHECK_EQUAL(move_member(r, a, 0), KERN_SUCCESS);
    expect_none(r, set);
    expect_id(r, a, 6);
}

void scene_set_moves_to_another(void)
{
    struct actor *r = actor_new(), *r2 = actor_mate(r, ACTOR_PRIORITY);
    uint32_t one = set_new(r), two = set_new(r), a = port_new(r);
    CHECK_EQUAL(move_member(r, a, one), KERN_SUCCESS);
    queue_from_kernel(port_behind(r, a), 1);
    post(r2, from(two));
    CHECK_EQUAL(move_member(r, a, two), KERN_SUCCESS);
    rest();
    check_got(r2, 1, a, 0);
    expect_none(r, one);
    CHECK_EQUAL(move_member(r, a, a), KERN_INVALID_RIGHT);
    CHECK_EQUAL(move_member(r, one, two), KERN_INVALID_RIGHT);
    CHECK_EQUAL(move_member(r, a, 0x12340001), KERN_INVALID_NAME);
    CHECK_EQUAL(move_member(r, 0x12340001, one), KERN_INVALID_NAME);
}

void scene_set_member_cannot_be_received_from(void)
{
    struct actor *r = actor_new(), *r2 = actor_mate(r, ACTOR_PRIORITY);
    uint32_t set = set_new(r), a = port_new(r);
    post(r2, from(a));
    CHECK_EQUAL(move_member(r, a, set), KERN_SUCCESS);
    rest();
    CHECK_EQUAL(result(r2), MACH_RCV_PORT_CHANGED);
    queue_from_kernel(port_behind(r, a), 1);
    FAILS(MACH_RCV_IN_SET, r, poll(a));
    expect_id(r, set, 1);
    CHECK_EQUAL(move_member(r, a, 0), KERN_SUCCESS);
    expect_none(r, a);
}

/* Its members live on. */
void scene_set_destroyed(void)
{
    enum { COUNT = 30 };
    struct actor *r = actor_new(), *r2 = actor_mate(r, ACTOR_PRIORITY);
    uint32_t set = set_new(r), a[COUNT];
    post(r, from(set));
    post(r2, from(set));
    for (unsigned i = 0; i < COUNT; i++) {
        a[i] = port_new(r);
        CHECK_EQUAL(move_member(r, a[i], set), KERN_SUCCESS);
    }
    CHECK_EQUAL(refs(r, set, RIGHT_SET, -1), KERN_SUCCESS);
    rest();
    CHECK_EQUAL(result(r), MACH_RCV_PORT_DIED);
    CHECK_EQUAL(result(r2), MACH_RCV_PORT_DIED);
    FAILS(MACH_RCV_INVALID_NAME, r, poll(set));
    for (unsigned i = 0; i < COUNT; i++) {
        queue_from_kernel(port_behind(r, a[i]), i);
        expect_id(r, a[i], i);
    }
}

void scene_set_member_dies_or_moves(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t set = set_new(r), a = port_new(r), b = port_new(r), q = port_new(s);
    CHECK_EQUAL(move_member(r, a, set), KERN_SUCCESS);
    CHECK_EQUAL(move_member(r, b, set), KERN_SUCCESS);
    queue_from_kernel(port_behind(r, a), 1);
    queue_from_kernel(port_behind(r, b), 2);
    kill_port(r, a);
    struct message m = to(send_to(r, s, q), 3);
    put_port(r, &m, b, MSG_MOVE_RECEIVE);
    OK(r, m);
    expect_none(r, set);
    expect_id(s, q, 3);
    expect_id(s, (uint32_t)got_descriptor(s, 0).value, 2);
    CHECK_EQUAL(refs(r, set, RIGHT_SET, -1), KERN_SUCCESS);
}

/* Too large for the one who asks: it stays first in its port, and the set goes on. */
void scene_set_too_large(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t set = set_new(r), a = port_new(r), b = port_new(r);
    CHECK_EQUAL(move_member(r, a, set), KERN_SUCCESS);
    CHECK_EQUAL(move_member(r, b, set), KERN_SUCCESS);
    struct message m = to(send_to(s, r, a), 1), small = {.receive = set, .deadline = PAST};
    m.length = 500;
    OK(s, m);
    OK(s, to(send_to(s, r, b), 2));
    FAILS(MACH_RCV_TOO_LARGE, r, small);
    CHECK_EQUAL(msg_length(r->x[2]), 500);
    OK(r, small);
    CHECK_EQUAL(got_id(r), 2);
    expect_id(r, set, 1);
    expect_none(r, set);
}
