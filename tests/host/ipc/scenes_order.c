/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages themselves: order, numbers, lengths, headers.
 */
#include "scenes.h"

#include <arch/usercopy.h>
#include <string.h>

void scene_fifo_per_sender(void)
{
    struct actor *r = actor_new(), *s[2] = {actor_new(), actor_new()};
    uint32_t p = port_new(r), last[2] = {0, 0}, seqno = 0;
    for (unsigned i = 0; i < 10; i++)
        OK(s[i % 2], to(send_to(s[i % 2], r, p), 100 * (i % 2) + i / 2 + 1));
    while (perform(r, poll(p)) == KERN_SUCCESS) {
        uint32_t sender = got_id(r) / 100;
        CHECK_EQUAL(got_id(r) % 100, last[sender] + 1);
        last[sender]++;
        CHECK_EQUAL(got_seqno(r), seqno++);
    }
    CHECK(last[0] == 5 && last[1] == 5);
}

/* Every number once, whoever gets it, and though some find their buffers too small. */
void scene_seqnos_have_no_gaps(void)
{
    enum { RECEIVERS = 3, ROUNDS = 8 };
    struct actor *s = actor_new(), *r[RECEIVERS] = {actor_new()};
    uint32_t p = port_new(r[0]), d = send_to(s, r[0], p);
    uint64_t seen = 0;
    for (unsigned i = 1; i < RECEIVERS; i++)
        r[i] = actor_mate(r[0], ACTOR_PRIORITY);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < RECEIVERS; i++) {
            struct message m = from(p);
            m.size = i == 1 ? 0 : m.size;
            post(r[i], m);
        }
        for (unsigned n = 0; n < 2; n++) {
            struct message m = to(d, 1);
            m.length = n ? 200 : 8;
            post(s, m);
        }
        for (unsigned i = 0; i < RECEIVERS; i++) {
            if (!is_done(r[i]))
                CHECK_EQUAL(abort_actor(r[i]), KERN_SUCCESS);
            if (result(r[i]) == KERN_SUCCESS) {
                CHECK(!(seen >> got_seqno(r[i]) & 1));
                seen |= UINT64_C(1) << got_seqno(r[i]);
            }
        }
        while (perform(r[0], poll(p)) == KERN_SUCCESS) {
            CHECK(!(seen >> got_seqno(r[0]) & 1));
            seen |= UINT64_C(1) << got_seqno(r[0]);
        }
    }
    CHECK_EQUAL(seen, (UINT64_C(1) << 2 * ROUNDS) - 1);
}

void scene_too_large_stays_queued(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    uint64_t words[25];
    for (unsigned i = 0; i < array_count(words); i++)
        words[i] = 1000 + i;
    memory_write(s, s->send_va, words, sizeof(words));
    struct message large = to(d, 5);
    large.length = sizeof(words);
    OK(s, large);
    OK(s, to(d, 6));
    for (unsigned i = 0; i < 2; i++) {
        struct message m = poll(p);
        m.size = i * (sizeof(words) - 1);
        FAILS(MACH_RCV_TOO_LARGE, r, m);
        CHECK_EQUAL(msg_length(r->x[2]), sizeof(words));
    }
    struct message exact = poll(p);
    exact.size = sizeof(words);
    OK(r, exact);
    CHECK_EQUAL(got_id(r), 5);
    CHECK_EQUAL(got_seqno(r), 0);
    for (unsigned i = 0; i < array_count(words); i++)
        CHECK_EQUAL(got_word(r, i), 1000 + i);
    expect_id(r, p, 6);
    CHECK_EQUAL(got_seqno(r), 1);
}

/* Somebody waits already when it comes: it goes to nobody whose buffer is too small, and is not lost. */
void scene_too_large_for_waiters(void)
{
    struct actor *r = actor_new(), *r2 = actor_mate(r, ACTOR_PRIORITY), *s = actor_new();
    uint32_t p = port_new(r);
    struct message small = {.receive = p}, m = to(send_to(s, r, p), 5);
    m.length = 100;
    post(r, small);
    post(r2, small);
    OK(s, m);
    CHECK_EQUAL(result(r), MACH_RCV_TOO_LARGE);
    CHECK_EQUAL(result(r2), MACH_RCV_TOO_LARGE);
    expect_id(r, p, 5);
    expect_none(r, p);
}

/* What was sent as local arrives as remote; the rest of the header. */
void scene_header_is_swapped(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), q = port_new(s);
    struct message m = word_to(d, 0x80000001, 42);
    m.local = q;
    m.how_local = MSG_MAKE_SEND_ONCE;
    OK(s, m);
    OK(r, poll(p));
    check_got(r, 0x80000001, p, 42);
    CHECK_EQUAL(r->x[2], MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 8, 0));
    uint32_t once = got_reply(r);
    check_name(r, once, RIGHT_SEND_ONCE, 1);
    OK(r, by(MSG_MOVE_SEND_ONCE, once, 43));
    check_name(r, once, 0, 0);
    OK(s, poll(q));
    CHECK_EQUAL(got_id(s), 43);
    CHECK_EQUAL(s->x[2], MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 0, 0));
    CHECK_EQUAL(got_reply(s), 0);
    /* A send right as the right to answer. */
    m.how_local = MSG_MAKE_SEND;
    OK(s, m);
    OK(r, poll(p));
    CHECK_EQUAL(msg_remote(r->x[2]), MSG_MOVE_SEND);
    check_name(r, got_reply(r), RIGHT_SEND, 1);
}

/* Both rights of the header are taken at once. */
void scene_header_is_atomic(void)
{
    static const uint8_t pair[][2] = {{MSG_MOVE_SEND, MSG_COPY_SEND},
                                      {MSG_COPY_SEND, MSG_MOVE_SEND},
                                      {MSG_COPY_SEND, MSG_COPY_SEND}};
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r);
    for (unsigned i = 0; i < array_count(pair); i++) {
        uint32_t d = send_to(s, r, p);
        struct message m = by(pair[i][0], d, 1);
        m.local = d;
        m.how_local = pair[i][1];
        OK(s, m);
        OK(r, poll(p));
        CHECK_EQUAL(got_reply(r), p); /* one name for all rights to a port */
        check_name(r, p, RIGHT_RECEIVE | RIGHT_SEND, 1);
        CHECK_EQUAL(drop(r, p), KERN_SUCCESS);
        check_name(s, d, i < 2 ? 0 : RIGHT_SEND, i < 2 ? 0 : 1);
    }
    uint32_t d = send_to(s, r, p);
    struct message m = by(MSG_MOVE_SEND, d, 1);
    m.local = d;
    m.how_local = MSG_MOVE_SEND;
    OK(s, m); /* there were two references */
    check_name(s, d, 0, 0);
    m.dest = m.local = d = send_to(s, r, p);
    FAILS(MACH_SEND_INVALID_DEST, s, m);
    check_name(s, d, RIGHT_SEND, 1);
    CHECK_EQUAL(port_behind(r, p)->senders, 3); /* two of them queued */
}

/* A body that cannot be sent whole is not sent at all. */
void scene_all_or_nothing(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), q = port_new(s), n;
    n = send_to(s, s, q);
    CHECK_EQUAL(n, q);
    uint32_t once = once_to(s, r, p), dead = dead_new(s, 2);
    int64_t objects = objects_now();
    struct message m = to(d, 1);
    m.length = 200; /* in memory */
    put_port(s, &m, q, MSG_MOVE_SEND);
    put_port(s, &m, q, MSG_MAKE_SEND);
    put_port(s, &m, q, MSG_MAKE_SEND_ONCE);
    put_port(s, &m, once, MSG_MOVE_SEND_ONCE);
    put_port(s, &m, dead, MSG_MOVE_SEND);
    put_port(s, &m, d, MSG_COPY_SEND);
    put_port(s, &m, q, MSG_MOVE_RECEIVE);
    put_port(s, &m, q, MSG_MAKE_SEND); /* it has just been taken */
    FAILS(MACH_SEND_INVALID_RIGHT, s, m);
    check_name(s, q, RIGHT_RECEIVE | RIGHT_SEND, 1);
    check_name(s, once, RIGHT_SEND_ONCE, 1);
    check_name(s, dead, RIGHT_DEAD, 2);
    check_name(s, d, RIGHT_SEND, 1);
    CHECK(port_behind(s, q)->senders == 1 && port_behind(s, q)->make_sends == 1);
    CHECK_EQUAL(port_behind(r, p)->senders, 1);
    CHECK_EQUAL(objects_now(), objects);
    expect_none(r, p);
}

/* Every right of a long message arrives, in order. */
void scene_many_rights(void)
{
    enum { COUNT = 32 };
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), q[COUNT];
    struct message m = to(d, 1);
    m.length = COUNT * MSG_DESCRIPTOR_SIZE + 8;
    for (unsigned i = 0; i < COUNT; i++) {
        q[i] = port_new(s);
        put_port(s, &m, q[i], i % 2 ? MSG_MOVE_RECEIVE : MSG_MAKE_SEND);
    }
    OK(s, m);
    OK(r, poll(p));
    CHECK_EQUAL(msg_descriptors(r->x[2]), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct msg_descriptor got = got_descriptor(r, i);
        CHECK_EQUAL(got.disposition, i % 2 ? MSG_MOVE_RECEIVE : MSG_MOVE_SEND);
        check_name(r, (uint32_t)got.value, i % 2 ? RIGHT_RECEIVE : RIGHT_SEND, i % 2 ? 0 : 1);
    }
}

/* An array with rights, nothing and the dead in it. */
void scene_array_of_rights(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p), name[4], q = port_new(r);
    uint32_t mixed[4] = {send_to(s, r, q), MSG_NULL, MSG_DEAD, dead_new(s, 1)};
    memory_write(s, s->send_va, mixed, sizeof(mixed));
    struct message m = to(d, 1);
    m.descriptors = 1;
    m.length = MSG_DESCRIPTOR_SIZE;
    put_descriptor(s, &m, 0,
                   (struct msg_descriptor){.value = s->send_va,
                                           .size = 4,
                                           .kind = MSG_OOL_PORTS,
                                           .disposition = MSG_COPY_SEND});
    OK(s, m);
    OK(r, poll(p));
    struct msg_descriptor got = got_descriptor(r, 0);
    memory_read(r, got.value, name, sizeof(name));
    CHECK(name[0] == q && name[1] == MSG_NULL && name[2] == MSG_DEAD && name[3] == MSG_DEAD);
    check_name(r, q, RIGHT_RECEIVE | RIGHT_SEND, 1);
    /* One that is never received: the same in a queue that dies. */
    OK(s, m);
    kill_port(r, p);
    CHECK_EQUAL(port_behind(r, q)->senders, 2);
}

/* Every length, in registers and in memory, queued and handed over. */
void scene_every_length(void)
{
    static const uint16_t longer[] = {65, 72, 511, 512, 513, 2047, 2048, 2049, 8191, 8192};
    static uint8_t out[MSG_BODY_MAX], in[MSG_BODY_MAX];
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    memory_write(s, s->send_va, out, sizeof(out));
    for (unsigned i = 0; i <= 64 + array_count(longer); i++) {
        struct message m = to(d, i);
        m.length = i <= 64 ? i : longer[i - 65];
        memcpy(m.body, out, sizeof(m.body));
        if (i % 2)
            post(r, from(p));
        OK(s, m);
        if (i % 2)
            CHECK_EQUAL(result(r), KERN_SUCCESS);
        else
            OK(r, poll(p));
        CHECK_EQUAL(msg_length(r->x[2]), m.length);
        for (unsigned w = 0; w * 8 < m.length; w++)
            ((uint64_t *)(void *)in)[w] = got_word(r, w);
        CHECK(memcmp(in, out, m.length) == 0);
    }
}

/* Control words that make no sense. */
void scene_bad_control_words(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    struct message m = to(d, 1);
    m.length = 8193;
    FAILS(MACH_SEND_TOO_LARGE, s, m);
    m.length = 15;
    m.descriptors = 1;
    FAILS(MACH_SEND_INVALID_HEADER, s, m);
    m.length = 8192;
    m.descriptors = 33;
    FAILS(MACH_SEND_INVALID_HEADER, s, m);
    for (unsigned bit = MSG_FLAGS_SHIFT; bit < 64; bit += 5) {
        struct message good = to(d, 1);
        fill_action(s, &good, &s->action);
        s->action.args[2] |= UINT64_C(1) << bit;
        post_action(s);
        CHECK_EQUAL(result(s), MACH_SEND_INVALID_HEADER);
    }
    FAILS(MACH_SEND_INVALID_DEST, s, to(MSG_REPLY, 1));
    FAILS(MACH_RCV_INVALID_NAME, s, poll(d)); /* a send right */
    FAILS(MACH_RCV_INVALID_NAME, s, poll(0x12340001));
    OK(s, (struct message){0}); /* neither part */
    expect_none(r, p);
}

/* A buffer that cannot be written, a body that cannot be read. */
void scene_bad_memory(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r);
    struct message m = to(send_to(s, r, p), 1), receive = poll(p);
    m.length = 100;
    fill_action(s, &m, &s->action);
    s->action.args[MSG_X_ADDRESS] = 0x7000;
    post_action(s);
    CHECK_EQUAL(result(s), MACH_SEND_INVALID_DATA);
    OK(s, m);
    static const uint64_t bad[] = {0x7000, USER_VA_END - 50, UINT64_MAX - 50};
    for (unsigned i = 0; i < array_count(bad); i++) {
        fill_action(r, &receive, &r->action);
        r->action.args[MSG_X_BUFFER] = bad[i];
        post_action(r);
        CHECK_EQUAL(result(r), MACH_RCV_INVALID_DATA);
    }
    expect_id(r, p, 1);
    CHECK_EQUAL(got_seqno(r), 0);
}
