/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation on the way of a message fails once: an error says so, and nothing has changed.
 */
#include "scenes.h"

#include <kern/frame.h>

enum { MANY = 200 };

/* The order with the n-th allocation failing; until none fails. Returns how often one did. */
static unsigned with_failures(struct actor *a, struct message m, unsigned error,
                              void (*check)(struct actor *, const struct message *))
{
    for (unsigned n = 1; n < MANY; n++) {
        (void)alloc_fail_nth(n);
        unsigned kr = perform(a, m);
        (void)alloc_fail_nth(0);
        if (kr == KERN_SUCCESS)
            return n - 1;
        CHECK_EQUAL(kr, error);
        check(a, &m);
    }
    host_machine_fail("allocations fail for ever");
}

static uint32_t q, once, dead, array_port;
static int64_t objects;

static void check_sender(struct actor *s, const struct message *m)
{
    check_name(s, m->dest, RIGHT_SEND, 1);
    check_name(s, q, RIGHT_RECEIVE | RIGHT_SEND, 1);
    check_name(s, once, RIGHT_SEND_ONCE, 1);
    check_name(s, dead, RIGHT_DEAD, 2);
    check_name(s, array_port, RIGHT_RECEIVE, 0);
    CHECK_EQUAL(port_behind(s, q)->senders, 1);
    CHECK_EQUAL(port_behind(s, q)->make_sends, 1);
    CHECK_EQUAL(objects_now(), objects);
}

/* What is left is counted at the end: a name space stays grown, a new reply stays made. */
static void check_nothing(struct actor *a, const struct message *m)
{
    (void)a, (void)m;
}

/* Everything that a message can carry. */
static struct message make_message(struct actor *s, uint32_t d)
{
    uint32_t names[] = {array_port};
    struct message m = to(d, 5);
    m.length = 200;
    m.local = q;
    m.how_local = MSG_MAKE_SEND_ONCE;
    put_port(s, &m, q, MSG_MAKE_SEND);
    put_port(s, &m, once, MSG_MOVE_SEND_ONCE);
    put_port(s, &m, dead, MSG_MOVE_SEND);
    put_port(s, &m, q, MSG_MAKE_SEND_ONCE);
    memory_write(s, s->send_va + 4096, names, sizeof(names));
    put_descriptor(s, &m, m.descriptors++,
                   (struct msg_descriptor){.value = s->send_va + 4096,
                                           .size = array_count(names),
                                           .kind = MSG_OOL_PORTS,
                                           .disposition = MSG_MOVE_RECEIVE});
    put_port(s, &m, q, MSG_MAKE_SEND_ONCE);
    return m;
}

void scene_every_allocation_of_a_message_fails(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), other = port_new(r);
    q = port_new(s);
    CHECK_EQUAL(send_to(s, s, q), q);
    once = once_to(s, r, other);
    dead = dead_new(s, 2);
    array_port = port_new(s);
    objects = objects_now();
    CHECK(with_failures(s, make_message(s, d), MACH_SEND_NO_BUFFER, check_sender) >= 5);
    for (unsigned i = 0; i < SPACE_CHUNK_ENTRIES - 5; i++) /* names need more memory */
        (void)dead_new(r, 1);
    CHECK(with_failures(r, poll(p), MACH_RCV_NO_SPACE, check_nothing) >= 2);
    CHECK_EQUAL(got_id(r), 5);
    CHECK_EQUAL(got_seqno(r), 0);
    CHECK_EQUAL(msg_descriptors(r->x[MSG_X_CONTROL]), 6);
    check_name(r, (uint32_t)got_descriptor(r, 0).value, RIGHT_SEND, 1);
    CHECK_EQUAL(got_descriptor(r, 2).value, MSG_DEAD);
    check_name(r, (uint32_t)got_descriptor(r, 5).value, RIGHT_SEND_ONCE, 1);
    check_name(r, got_reply(r), RIGHT_SEND_ONCE, 1);
}

/* A call that cannot be made leaves the one before as it is. */
void scene_every_allocation_of_a_call_fails(void)
{
    struct actor *r = actor_new(), *c = actor_new();
    uint32_t p = port_new(r), d = send_to(c, r, p);
    post(c, call_to(d, 1, 1));
    OK(r, poll(p));
    CHECK_EQUAL(abort_actor(c), KERN_SUCCESS);
    (void)alloc_fail_nth(1);
    FAILS(MACH_SEND_NO_BUFFER, c, call_to(d, 2, 2));
    (void)alloc_fail_nth(0);
    OK(r, answer(3, 3, 0));
    OK(c, from(MSG_REPLY));
    check_got(c, 3, 0, 3);
    struct message m = word_to(d, 4, 4);
    m.how_local = MSG_MAKE_REPLY;
    CHECK_EQUAL(with_failures(c, m, MACH_SEND_NO_BUFFER, check_nothing), 0); /* in the reply */
    CHECK(with_failures(c, m, MACH_SEND_NO_BUFFER, check_nothing) >= 1);     /* a new reply */
    expect_id(r, p, 4);
    expect_id(r, p, 4);
    m.length = 200;
    m.id = 5;
    CHECK(with_failures(c, m, MACH_SEND_NO_BUFFER, check_nothing) >=
          2); /* a message and a new reply */
    CHECK(with_failures(c, m, MACH_SEND_NO_BUFFER, check_nothing) >= 2);
    expect_id(r, p, 5);
    expect_id(r, p, 5);
}

/* Notifications need none: what they need was there before. */
void scene_notifications_allocate_nothing(void)
{
    struct actor *r = actor_new(), *c = actor_new();
    uint32_t p = port_new(r), d = send_to(c, r, p), n = port_new(c), m = port_new(r);
    CHECK(!ask(c, d, MSG_ID_DEAD_NAME, 0, c, n, KERN_SUCCESS));
    CHECK(!ask(r, p, MSG_ID_PORT_DESTROYED, 0, c, n, KERN_SUCCESS));
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
    uint32_t lost = once_to(c, r, m);
    (void)alloc_fail_nth(1000000);
    CHECK_EQUAL(drop(c, lost), KERN_SUCCESS);
    kill_port(r, p);
    expect_id(r, m, MSG_ID_SEND_ONCE);
    CHECK_EQUAL(alloc_fail_nth(0), 0);
    expect_id(c, n, MSG_ID_PORT_DESTROYED);
    uint32_t back = (uint32_t)got_descriptor(c, 0).value;
    CHECK_EQUAL(back, d);
    kill_port(c, back);
    expect_note(c, n, MSG_ID_DEAD_NAME, d);
    check_name(c, d, RIGHT_DEAD, 2);
}
