/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications: who asked to be told is told, once.
 */
#include "scenes.h"

/* A service, a client with a right to it, and the client's port for notifications. */
static struct actor *r, *c;
static uint32_t p, d, n;

static void set_scene(void)
{
    r = actor_new();
    c = actor_new();
    p = port_new(r);
    d = send_to(c, r, p);
    n = port_new(c);
}

static void want(unsigned id, uint32_t sync)
{
    CHECK(!ask(c, d, id, sync, c, n, KERN_SUCCESS));
}

/* The dead name has one reference more, so that it is not used again before the message is read. */
void scene_dead_name(void)
{
    set_scene();
    CHECK_EQUAL(refs(c, d, RIGHT_SEND, 2), KERN_SUCCESS);
    want(MSG_ID_DEAD_NAME, 0);
    expect_none(c, n);
    kill_port(r, p);
    expect_note(c, n, MSG_ID_DEAD_NAME, d);
    check_name(c, d, RIGHT_DEAD, 4);
    expect_none(c, n);
}

/* Who has a send-once right that the kernel was to use can say the same, but not be taken for it. */
void scene_dead_name_forged(void)
{
    set_scene();
    struct message m = by(MSG_MOVE_SEND_ONCE, once_to(r, c, n), MSG_ID_DEAD_NAME);
    m.length = 4;
    m.body[0] = d;
    OK(r, m);
    expect_id(c, n, MSG_ID_DEAD_NAME);
    CHECK_EQUAL(msg_length(c->x[2]), 4);
    CHECK_EQUAL(got_word(c, 0), d);
    CHECK(!msg_is_notification(c->x[2]));
    m = by(MSG_BY_KERNEL, once_to(r, c, n), MSG_ID_DEAD_NAME);
    FAILS(MACH_SEND_INVALID_HEADER, r, m);
    expect_none(c, n);
    CHECK_EQUAL(drop(r, m.dest), KERN_SUCCESS);
    expect_id(c, n, MSG_ID_SEND_ONCE);
    CHECK(msg_is_notification(c->x[2]));
}

void scene_dead_name_by_task_end(void)
{
    set_scene();
    want(MSG_ID_DEAD_NAME, 0);
    end_task(r);
    expect_note(c, n, MSG_ID_DEAD_NAME, d);
    check_name(c, d, RIGHT_DEAD, 2);
}

void scene_dead_already(void)
{
    set_scene();
    kill_port(r, p);
    CHECK(ask(c, d, MSG_ID_DEAD_NAME, 0, c, n, KERN_INVALID_ARGUMENT)); /* the right comes back */
    expect_id(c, n, MSG_ID_SEND_ONCE);
    check_name(c, d, RIGHT_DEAD, 1);
    want(MSG_ID_DEAD_NAME, 1);
    expect_note(c, n, MSG_ID_DEAD_NAME, d);
    check_name(c, d, RIGHT_DEAD, 2);
    CHECK(!ask(c, d, MSG_ID_DEAD_NAME, 0, c, 0, KERN_SUCCESS));
    CHECK(ask(c, 0x12340001, MSG_ID_DEAD_NAME, 1, c, n, KERN_INVALID_NAME));
    expect_id(c, n, MSG_ID_SEND_ONCE);
}

/* The name goes first: that is told instead. */
void scene_port_deleted(void)
{
    for (unsigned i = 0; i < 4; i++) {
        set_scene();
        want(MSG_ID_DEAD_NAME, 0);
        struct message m = by(MSG_MOVE_SEND, d, 1);
        if (i == 0)
            CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
        else if (i == 1)
            OK(c, m);
        else if (i == 2)
            kill_port(r, p);
        if (i == 3) { /* moved in a body */
            m = to(send_to(c, c, port_new(c)), 1);
            put_port(c, &m, d, MSG_MOVE_SEND);
            OK(c, m);
        }
        expect_note(c, n, i == 2 ? MSG_ID_DEAD_NAME : MSG_ID_PORT_DELETED, d);
        expect_none(c, n);
    }
}

/* Asked for at a name with both rights: the receive right's end is the port's death. */
void scene_dead_name_of_ones_own_port(void)
{
    set_scene();
    uint32_t q = port_new(c);
    CHECK_EQUAL(send_to(c, c, q), q);
    CHECK(!ask(c, q, MSG_ID_DEAD_NAME, 0, c, n, KERN_SUCCESS));
    kill_port(c, q);
    expect_note(c, n, MSG_ID_DEAD_NAME, q);
    check_name(c, q, RIGHT_DEAD, 2);
    uint32_t only = port_new(c);
    CHECK(!ask(c, only, MSG_ID_DEAD_NAME, 0, c, n, KERN_SUCCESS));
    kill_port(c, only);
    expect_note(c, n, MSG_ID_PORT_DELETED, only);
}

/* An answer to each request, and the one before comes back. */
void scene_registration_swaps(void)
{
    static const unsigned at_name[] = {MSG_ID_DEAD_NAME, MSG_ID_SEND_POSSIBLE};
    static const unsigned at_port[] = {MSG_ID_NO_SENDERS, MSG_ID_PORT_DESTROYED};
    set_scene();
    uint32_t m = port_new(r);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(!ask(c, d, at_name[i], 0, c, n, KERN_SUCCESS));
        CHECK(ask(c, d, at_name[i], 0, c, n, KERN_SUCCESS));
        expect_id(c, n, MSG_ID_SEND_ONCE); /* ask() drops what came back */
        CHECK(ask(c, d, at_name[i], 0, c, 0, KERN_SUCCESS));
        expect_id(c, n, MSG_ID_SEND_ONCE);
        CHECK(!ask(c, d, at_name[i], 0, c, 0, KERN_SUCCESS));
        CHECK(!ask(r, p, at_port[i], 0, r, m, KERN_SUCCESS));
        CHECK(ask(r, p, at_port[i], 0, r, m, KERN_SUCCESS));
        expect_id(r, m, MSG_ID_SEND_ONCE);
        CHECK(ask(r, p, at_port[i], 0, r, 0, KERN_SUCCESS));
        expect_id(r, m, MSG_ID_SEND_ONCE);
        expect_none(c, n);
        expect_none(r, m);
    }
    CHECK(ask(c, d, MSG_ID_NO_SENDERS, 0, c, n, KERN_INVALID_RIGHT));
    CHECK(ask(c, d, 4711, 0, c, n, KERN_INVALID_VALUE));
}

/* Requests that nothing comes of end with their port. */
void scene_requests_end_with_the_port(void)
{
    set_scene();
    uint32_t m = port_new(r);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
    kill_port(r, p);
    expect_id(r, m, MSG_ID_SEND_ONCE);
    expect_none(r, m);
    /* The one who would be told is gone. */
    uint32_t q = port_new(r), e = send_to(c, r, q);
    CHECK(!ask(c, e, MSG_ID_DEAD_NAME, 0, c, n, KERN_SUCCESS));
    CHECK(!ask(r, q, MSG_ID_NO_SENDERS, 0, c, n, KERN_SUCCESS));
    kill_port(c, n);
    kill_port(r, q);
    check_name(c, e, RIGHT_DEAD, 2);
}

void scene_no_senders(void)
{
    set_scene();
    uint32_t m = port_new(r);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
    struct message copy = to(d, 1);
    copy.local = d;
    copy.how_local = MSG_COPY_SEND;
    OK(c, copy);
    CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
    expect_none(r, m); /* one is in the queue, and arrives */
    OK(r, poll(p));
    check_name(r, p, RIGHT_RECEIVE | RIGHT_SEND, 1);
    expect_none(r, m);
    CHECK_EQUAL(drop(r, p), KERN_SUCCESS);
    expect_note(r, m, MSG_ID_NO_SENDERS, 1);
    expect_none(r, m);
}

/* The count tells a notification that was overtaken by a new right. */
void scene_no_senders_counts(void)
{
    set_scene();
    uint32_t m = port_new(r);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
    CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
    for (unsigned i = 2; i < 5; i++) {
        d = send_to(c, r, p);
        expect_note(r, m, MSG_ID_NO_SENDERS, i - 1);
        CHECK(!ask(r, p, MSG_ID_NO_SENDERS, i, r, m, KERN_SUCCESS));
        expect_none(r, m);
        CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
    }
    expect_note(r, m, MSG_ID_NO_SENDERS, 4);
    CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 5, r, m,
               KERN_SUCCESS)); /* there is one I do not know of yet */
    expect_none(r, m);
    CHECK(ask(r, p, MSG_ID_NO_SENDERS, 4, r, m, KERN_SUCCESS));
    expect_id(r, m, MSG_ID_NO_SENDERS);
    expect_id(r, m, MSG_ID_SEND_ONCE);
    expect_none(r, m);
}

/* The last right goes in whatever way. */
void scene_no_senders_however(void)
{
    for (unsigned i = 0; i < 5; i++) {
        set_scene();
        uint32_t m = port_new(r), q = port_new(r), e = send_to(c, r, q);
        CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
        struct message move = to(e, 1);
        switch (i) {
        case 0:
            OK(c, by(MSG_MOVE_SEND, d, 1));
            expect_none(r, m);
            OK(r, poll(p));
            break;
        case 1: CHECK_EQUAL(refs(c, d, RIGHT_SEND, -1), KERN_SUCCESS); break;
        case 2: end_task(c); break;
        case 3:
            put_port(c, &move, d, MSG_MOVE_SEND);
            OK(c, move);
            kill_port(r, q);
            break;
        default:
            move.local = d;
            move.how_local = MSG_MOVE_SEND;
            OK(c, move);
            kill_port(r, q);
            break;
        }
        rest();
        expect_note(r, m, MSG_ID_NO_SENDERS, 1);
    }
}

static void do_drop(void *unused)
{
    (void)unused;
    CHECK_EQUAL(space_deallocate(c->task->space, d), KERN_SUCCESS);
}

/* While a message that fails has rights made of the port and put back, the last right goes. */
void scene_no_senders_beside_a_failure(void)
{
    set_scene();
    uint32_t m = port_new(r), q = port_new(r);
    for (unsigned i = 1; i <= 60; i++) {
        struct message fails = by(MSG_MAKE_SEND_ONCE, q, 1);
        CHECK(!ask(r, p, MSG_ID_NO_SENDERS, 0, r, m, KERN_SUCCESS));
        for (unsigned k = 0; k < 3; k++)
            put_port(r, &fails, p, MSG_MAKE_SEND);
        put_port(r, &fails, q, MSG_COPY_SEND); /* it has none */
        post_only(r, fails);
        host_machine_post(i % cpu_number(), do_drop, NULL);
        rest();
        CHECK_EQUAL(result(r), MACH_SEND_INVALID_RIGHT);
        expect_note(r, m, MSG_ID_NO_SENDERS, i);
        expect_none(r, m);
        d = send_to(c, r, p);
    }
}

static void check_came_back(struct actor *a, uint32_t port, uint64_t payload, uint32_t *name)
{
    expect_id(a, port, MSG_ID_PORT_DESTROYED);
    struct msg_descriptor got = got_descriptor(a, 0);
    CHECK_EQUAL(got.disposition, MSG_MOVE_RECEIVE);
    CHECK_EQUAL(msg_length(a->x[2]), 24);
    CHECK_EQUAL(got_word(a, 2), payload);
    *name = (uint32_t)got.value;
    check_name(a, *name, RIGHT_RECEIVE, 0);
}

/* The right goes to the one who asked, with its queue and its payload; clients do not notice. */
void scene_port_destroyed(void)
{
    struct actor *owner = actor_new();
    uint32_t name, m = port_new(owner);
    set_scene();
    set_payload(port_behind(r, p), 0xfeedfacecafebeef);
    CHECK(!ask(r, p, MSG_ID_PORT_DESTROYED, 0, owner, m, KERN_SUCCESS));
    OK(c, word_to(d, 1, 77));
    end_task(r);
    check_name(c, d, RIGHT_SEND, 1);
    OK(c, word_to(d, 2, 78));
    check_came_back(owner, m, 0xfeedfacecafebeef, &name);
    OK(owner, poll(name));
    check_got(owner, 1, name, 77); /* the payload is gone */
    OK(owner, poll(name));
    check_got(owner, 2, name, 78);
    CHECK_EQUAL(got_seqno(owner), 1);
    kill_port(owner, name); /* the request was good for once */
    check_name(c, d, RIGHT_DEAD, 1);
    expect_none(owner, m);
}

/* Many ports of a dead server come back to one port, each with its payload. */
void scene_port_destroyed_group(void)
{
    enum { COUNT = 20 };
    struct actor *owner = actor_new(), *server = actor_new();
    uint32_t m = port_new(owner), name, port[COUNT];
    uint64_t seen = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        port[i] = port_new(server);
        if (i % 3)
            set_payload(port_behind(server, port[i]), 1000 + i);
        CHECK(!ask(server, port[i], MSG_ID_PORT_DESTROYED, 0, owner, m, KERN_SUCCESS));
    }
    end_task(server);
    for (unsigned i = 0; i < COUNT; i++) {
        expect_id(owner, m, MSG_ID_PORT_DESTROYED);
        name = (uint32_t)got_descriptor(owner, 0).value;
        check_name(owner, name, RIGHT_RECEIVE, 0);
        uint64_t payload = got_word(owner, 2);
        CHECK_EQUAL(got_seqno(owner), i);
        if (payload) {
            CHECK(!(seen >> (payload - 1000) & 1));
            seen |= UINT64_C(1) << (payload - 1000);
        }
    }
    CHECK_EQUAL(__builtin_popcountll(seen), COUNT - (COUNT + 2) / 3);
    expect_none(owner, m);
}

/* It would wait in its own queue, or in one that waits in it: it dies, and the one who asked hears. */
void scene_port_destroyed_in_a_circle(void)
{
    set_scene();
    CHECK(!ask(r, p, MSG_ID_PORT_DESTROYED, 0, r, p, KERN_SUCCESS));
    kill_port(r, p);
    check_name(c, d, RIGHT_DEAD, 1);
    uint32_t a = port_new(r), b = port_new(r);
    CHECK(!ask(r, a, MSG_ID_PORT_DESTROYED, 0, r, b, KERN_SUCCESS));
    CHECK(!ask(r, b, MSG_ID_PORT_DESTROYED, 0, r, a, KERN_SUCCESS));
    uint32_t to_a = send_to(c, r, a), to_b = send_to(c, r, b);
    kill_port(r, a); /* it waits in b ... */
    check_name(c, to_a, RIGHT_SEND, 1);
    kill_port(r, b); /* ... which cannot wait in it: b dies, and a with it */
    check_name(c, to_b, RIGHT_DEAD, 1);
    check_name(c, to_a, RIGHT_DEAD, 1);
}

/* In a message that is destroyed it comes back as well. */
void scene_port_destroyed_in_transit(void)
{
    struct actor *owner = actor_new();
    uint32_t name, m = port_new(owner), q;
    set_scene();
    q = port_new(c);
    CHECK(!ask(r, p, MSG_ID_PORT_DESTROYED, 0, owner, m, KERN_SUCCESS));
    OK(c, to(d, 5));
    struct message move = to(send_to(r, c, q), 1);
    put_port(r, &move, p, MSG_MOVE_RECEIVE);
    OK(r, move);
    expect_none(owner, m);
    kill_port(c, q);
    check_came_back(owner, m, 0, &name);
    expect_id(owner, name, 5);
    kill_port(owner, m); /* nobody is there to get it: it dies */
    uint32_t m2 = port_new(owner);
    CHECK(!ask(owner, name, MSG_ID_PORT_DESTROYED, 0, owner, m2, KERN_SUCCESS));
    kill_port(owner, m2);
    kill_port(owner, name);
    check_name(c, d, RIGHT_DEAD, 1);
}

void scene_send_possible(void)
{
    set_scene();
    struct message m = to(d, 1);
    m.deadline = PAST;
    set_limits(port_behind(r, p), 1, 65536);
    want(MSG_ID_SEND_POSSIBLE, 0);
    OK(c, m);
    expect_id(r, p, 1);
    expect_none(c, n); /* none has failed yet */
    OK(c, m);
    FAILS(MACH_SEND_TIMED_OUT, c, m);
    expect_none(c, n);
    expect_id(r, p, 1);
    expect_note(c, n, MSG_ID_SEND_POSSIBLE, d);
    OK(c, m);
    want(MSG_ID_SEND_POSSIBLE, 1); /* a full queue: as if one had failed */
    expect_none(c, n);
    expect_id(r, p, 1);
    expect_note(c, n, MSG_ID_SEND_POSSIBLE, d);
    want(MSG_ID_SEND_POSSIBLE, 1); /* room: at once */
    expect_note(c, n, MSG_ID_SEND_POSSIBLE, d);
    want(MSG_ID_SEND_POSSIBLE, 0);
    CHECK_EQUAL(drop(c, d), KERN_SUCCESS);
    expect_note(c, n, MSG_ID_PORT_DELETED, d);
}

/* The port dies before there is room: that is told. */
void scene_send_possible_of_a_dead_port(void)
{
    set_scene();
    struct message m = to(d, 1);
    m.deadline = PAST;
    set_limits(port_behind(r, p), 1, 65536);
    want(MSG_ID_SEND_POSSIBLE, 0);
    OK(c, m);
    FAILS(MACH_SEND_TIMED_OUT, c, m);
    kill_port(r, p);
    expect_note(c, n, MSG_ID_DEAD_NAME, d);
    expect_none(c, n);
    check_name(c, d, RIGHT_DEAD, 2);
}

/* Many ask for the same port. */
void scene_many_requests(void)
{
    enum { COUNT = 12 };
    struct actor *a[COUNT];
    uint32_t to_p[COUNT], m[COUNT];
    set_scene();
    for (unsigned i = 0; i < COUNT; i++) {
        a[i] = actor_new();
        to_p[i] = send_to(a[i], r, p);
        m[i] = port_new(a[i]);
        CHECK(!ask(a[i], to_p[i], i % 2 ? MSG_ID_DEAD_NAME : MSG_ID_SEND_POSSIBLE, 0, a[i], m[i],
                   KERN_SUCCESS));
    }
    CHECK_EQUAL(drop(a[3], to_p[3]), KERN_SUCCESS);
    end_task(a[5]);
    kill_port(r, p);
    for (unsigned i = 0; i < COUNT; i++)
        if (i != 5)
            expect_note(a[i], m[i], i == 3 ? MSG_ID_PORT_DELETED : MSG_ID_DEAD_NAME, to_p[i]);
}
