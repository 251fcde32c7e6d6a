/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything at once, and its end.
 */
#include "scenes.h"

/* A task ends with everything that can be in flight: nothing of it is left, and all others hear of it. */
void scene_task_ends_in_the_midst(void)
{
    struct actor *x = actor_new(), *x2 = actor_mate(x, ACTOR_PRIORITY), *x3 = actor_mate(x, 50);
    struct actor *x4 = actor_mate(x, ACTOR_PRIORITY), *a = actor_new(), *b = actor_new();
    uint32_t set = set_new(x), p = port_new(x), member = port_new(x), qa = port_new(a);
    uint32_t to_p = send_to(a, x, p), b_to_p = send_to(b, x, p), to_qa = send_to(x, a, qa),
             qb = port_new(b);
    CHECK_EQUAL(move_member(x, member, set), KERN_SUCCESS);
    post(a, call_to(to_p, 1, 1));
    OK(x, poll(p)); /* x owes an answer */
    post(x2, from(set));
    struct message give = to(to_qa, 2);
    put_port(x3, &give, port_new(x), MSG_MOVE_RECEIVE);
    put_port(x3, &give, p, MSG_MAKE_SEND);
    OK(x3, give);
    post(x3, call_to(to_qa, 3, 3)); /* awaits one */
    set_limits(port_behind(a, qa), 2, 65536);
    post(x4, to(to_qa, 4)); /* waits for room */
    CHECK(!is_done(x4));
    CHECK(!ask(b, b_to_p, MSG_ID_DEAD_NAME, 0, b, qb, KERN_SUCCESS));
    struct message in_queue = to(b_to_p, 5);
    in_queue.local = qb;
    in_queue.how_local = MSG_MAKE_SEND_ONCE;
    put_port(b, &in_queue, port_new(b), MSG_MOVE_RECEIVE);
    OK(b, in_queue);
    (void)dead_new(x, 3);
    (void)once_to(x, b, qb);
    end_task(x);
    check_lost(a);
    uint64_t seen = 0;
    while (perform(b, poll(qb)) == KERN_SUCCESS)
        seen += got_id(b) == MSG_ID_SEND_ONCE ? 1 : got_id(b) == MSG_ID_DEAD_NAME ? 16 : 256;
    CHECK_EQUAL(seen, 2 + 16);
    expect_id(a, qa, 2);
    expect_id(a, qa, 3); /* its caller is gone */
    expect_none(a, qa);
}

/* Everybody ends at once. */
void scene_all_end_at_once(void)
{
    enum { COUNT = 6 };
    struct actor *a[COUNT];
    uint32_t p[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        a[i] = actor_new();
        p[i] = port_new(a[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned next = (i + 1) % COUNT, other = (i + 2) % COUNT;
        uint32_t d = send_to(a[i], a[next], p[next]), e = send_to(a[i], a[other], p[other]);
        struct message m = to(d, 1);
        put_port(a[i], &m, port_new(a[i]), MSG_MOVE_RECEIVE);
        put_port(a[i], &m, e, MSG_COPY_SEND);
        put_port(a[i], &m, p[i], MSG_MAKE_SEND_ONCE);
        OK(a[i], m);
        CHECK(!ask(a[i], d, MSG_ID_DEAD_NAME, 0, a[i], p[i], KERN_SUCCESS));
        CHECK(!ask(a[i], p[i], MSG_ID_PORT_DESTROYED, 0, a[next], p[next], KERN_SUCCESS));
        post(a[i], call_to(e, 2, 2));
    }
}

/* ---- many at a time, on all CPUs ---- */

enum { CLIENTS = 6, SERVERS = 3, CALLS = 60 };

/* state[0]: port; state[1]: messages seen */
static bool serve(struct actor *self, struct host_action *next)
{
    struct message m = from((uint32_t)self->state[0]);
    if (self->state[1]++ > 0) {
        if (self->x[0] != 0)
            return false;
        if (got_reply(self) == MSG_REPLY)
            m = answer(got_id(self) + 1, got_word(self, 0) * 3, (uint32_t)self->state[0]);
    }
    fill_action(self, &m, next);
    return true;
}

/* state[0]: right; state[1]: calls done; state[2]: salt */
static bool keep_calling(struct actor *self, struct host_action *next)
{
    uint64_t i = self->state[1]++;
    if (i > 0) {
        CHECK_EQUAL((int64_t)self->x[0], 0);
        CHECK_EQUAL(got_id(self), i);
        CHECK_EQUAL(got_word(self, 0), (self->state[2] + i - 1) * 3);
    }
    if (i == CALLS)
        return false;
    struct message m = call_to((uint32_t)self->state[0], (uint32_t)i, self->state[2] + i);
    fill_action(self, &m, next);
    return true;
}

static void run_storm(bool through_set)
{
    struct actor *s[SERVERS] = {actor_new()}, *c[CLIENTS];
    uint32_t p = port_new(s[0]), set = through_set ? set_new(s[0]) : p;
    if (through_set)
        CHECK_EQUAL(move_member(s[0], p, set), KERN_SUCCESS);
    set_limits(port_behind(s[0], p), 2, 65536);
    for (unsigned i = 1; i < SERVERS; i++)
        s[i] = actor_mate(s[0], ACTOR_PRIORITY - i);
    for (unsigned i = 0; i < CLIENTS; i++) {
        c[i] = i < 3 ? actor_new() : actor_mate(c[0], ACTOR_PRIORITY + i);
        c[i]->state[0] = send_to(c[i], s[0], p);
        c[i]->state[2] = 1000 * i;
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        s[i]->state[0] = set;
        run_program(s[i], serve);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        run_program(c[i], keep_calling);
    rest();
    for (unsigned i = 0; i < CLIENTS; i++)
        CHECK(is_done(c[i]) && c[i]->state[1] == CALLS + 1);
    CHECK_EQUAL(port_behind(s[0], p)->seqno, CLIENTS * CALLS);
    CHECK_EQUAL(port_behind(s[0], p)->queued, 0);
}

void scene_storm_of_calls(void)
{
    run_storm(false);
}

void scene_storm_of_calls_through_a_set(void)
{
    run_storm(true);
}

/* Messages that carry rights around in a ring, while their ports die. state[0]: own port, state[1]: right
 * to the next one, state[2]: rounds */
static bool pass_around(struct actor *self, struct host_action *next)
{
    uint64_t round = self->state[2]++;
    if (round > 0 && self->x[0] != 0 && self->x[0] != (uint64_t)-MACH_RCV_TIMED_OUT &&
        self->x[0] != (uint64_t)-MACH_SEND_TIMED_OUT)
        return false;
    if (round == 100)
        return false;
    struct message m = poll((uint32_t)self->state[0]);
    if (round % 2) {
        m = to((uint32_t)self->state[1], (uint32_t)round);
        m.deadline = PAST;
        m.descriptors = 2;
        m.length = 2 * MSG_DESCRIPTOR_SIZE;
        m.body[0] = self->state[1];
        m.body[1] = (uint64_t)MSG_COPY_SEND << 40;
        m.body[2] = self->state[0];
        m.body[3] = (uint64_t)(round % 4 == 1 ? MSG_MAKE_SEND : MSG_MAKE_SEND_ONCE) << 40;
    }
    fill_action(self, &m, next);
    return true;
}

void scene_ports_die_in_the_storm(void)
{
    enum { COUNT = 6 };
    struct actor *a[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        a[i] = actor_new();
        a[i]->state[0] = port_new(a[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        struct actor *next = a[(i + 1) % COUNT];
        a[i]->state[1] = send_to(a[i], next, (uint32_t)next->state[0]);
        CHECK(!ask(a[i], (uint32_t)a[i]->state[1], MSG_ID_DEAD_NAME, 0, a[i],
                   (uint32_t)a[i]->state[0], KERN_SUCCESS));
    }
    for (unsigned i = 0; i < COUNT; i++)
        run_program(a[i], pass_around);
    for (unsigned i = 0; i < COUNT - 1; i++) {
        (void)host_machine_run(40, UINT64_MAX);
        if (i % 2)
            (void)refs(a[i], (uint32_t)a[i]->state[0], RIGHT_RECEIVE, -1);
        else
            end_task(a[i]);
    }
    rest();
}

/* Threads that call and serve are aborted and ended in the midst of it. */
void scene_threads_end_in_the_storm(void)
{
    struct actor *s[SERVERS] = {actor_new()}, *c[CLIENTS];
    uint32_t p = port_new(s[0]);
    for (unsigned i = 1; i < SERVERS; i++)
        s[i] = actor_mate(s[0], ACTOR_PRIORITY - i);
    for (unsigned i = 0; i < CLIENTS; i++) {
        c[i] = actor_new();
        c[i]->state[0] = send_to(c[i], s[0], p);
        c[i]->state[2] = 1000 * i;
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        s[i]->state[0] = p;
        run_program(s[i], serve);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        run_program(c[i], keep_calling);
    for (unsigned i = 0; i < CLIENTS; i++) {
        (void)host_machine_run(30 + i, UINT64_MAX);
        if (i % 2)
            end_thread(c[i]);
        else
            end_task(c[i]);
    }
    rest();
    CHECK_EQUAL(port_behind(s[0], p)->queued, 0);
}

/* A port dies between two looks at its name, while a message with it is put together (on several CPUs). */
static bool fail_to_send(struct actor *self, struct host_action *next)
{
    if (self->state[2]++ == 30)
        return false;
    struct message m = to((uint32_t)self->state[0], 1);
    uint32_t x = (uint32_t)self->state[1];
    m.descriptors = 4;
    m.length = 4 * MSG_DESCRIPTOR_SIZE;
    for (unsigned i = 0; i < 3; i++) {
        m.body[2 * i] = x;
        m.body[2 * i + 1] = (uint64_t)(i == 1 ? MSG_COPY_SEND : MSG_MOVE_SEND) << 40;
    }
    m.body[6] = 0x12340001;
    m.body[7] = (uint64_t)MSG_COPY_SEND << 40;
    fill_action(self, &m, next);
    return true;
}

void scene_port_dies_under_the_senders_hands(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    for (unsigned round = 0; round < 40; round++) {
        uint32_t x = port_new(r), to_x = send_to(s, r, x);
        CHECK_EQUAL(refs(s, to_x, RIGHT_SEND, 4), KERN_SUCCESS);
        s->state[0] = d;
        s->state[1] = to_x;
        s->state[2] = 0;
        run_program(s, fail_to_send);
        (void)host_machine_run(3 + round % 20, UINT64_MAX);
        kill_port(r, x);
        CHECK(is_done(s));
        check_name(s, to_x, RIGHT_DEAD, 5);
        CHECK_EQUAL(refs(s, to_x, RIGHT_DEAD, -5), KERN_SUCCESS);
    }
}
