/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that nobody waits to be answered, to threads that wait; answers by name; calls and messages by way of a queue. What
 * has a fast way is done in all the states that it has to tell apart.
 */
#include "scenes.h"

#include <kern/control.h>

/* A receiver, its port; a less urgent and a more urgent sender with a right to it each. */
static struct actor *r, *low, *high;
static uint32_t p, d_low, d_high;

static void set_scene(void)
{
    r = actor_new();
    p = port_new(r);
    low = actor_mate(NULL, ACTOR_PRIORITY - 10);
    high = actor_mate(NULL, ACTOR_PRIORITY + 10);
    d_low = send_to(low, r, p);
    d_high = send_to(high, r, p);
}

/* From here on messages may go straight: the receiver is known to the port. */
static void warm_up(uint32_t from_name)
{
    post(r, from(from_name));
    OK(low, to(d_low, 0));
    CHECK_EQUAL(result(r), KERN_SUCCESS);
}

/* All of the header and of the body, whoever is more urgent. */
void scene_oneway_to_a_waiter(void)
{
    enum { ROUNDS = 20 };
    set_scene();
    warm_up(p);
    uint64_t before = fast_count();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        struct message m = to(i % 2 ? d_low : d_high, i);
        m.length = (i * 8) % 72;
        for (unsigned w = 0; w < 8; w++)
            m.body[w] = i * 100 + w;
        post(r, from(p));
        OK(i % 2 ? low : high, m);
        check_got(r, i, p, m.length ? i * 100 : 0);
        CHECK_EQUAL(r->x[MSG_X_CONTROL], MSG_CONTROL(0, MSG_COPY_SEND, m.length, 0));
        CHECK_EQUAL(got_seqno(r), i);
        CHECK_EQUAL(got_reply(r), MSG_NULL);
        for (unsigned w = 0; w < 8; w++)
            CHECK_EQUAL(got_word(r, w), w * 8 < m.length ? i * 100 + w : 0);
    }
    check_fast(before, ROUNDS);
    CHECK_EQUAL(port_behind(r, p)->senders, 2);
}

void scene_oneway_with_a_payload(void)
{
    set_scene();
    warm_up(p);
    set_payload(port_behind(r, p), UINT64_C(0xfedcba9876543210));
    post(r, from(p));
    OK(low, word_to(d_low, 1, 5));
    CHECK_EQUAL(got_id(r), 1);
    CHECK_EQUAL(r->x[MSG_X_LOCAL], UINT64_C(0xfedcba9876543210));
    CHECK_EQUAL(r->x[MSG_X_CONTROL], MSG_CONTROL(0, MSG_COPY_SEND, 8, 0) |
                                         (uint64_t)MSG_FLAG_PAYLOAD << MSG_FLAGS_SHIFT);
    post(high, call_to(d_high, 2, 6)); /* queued, in a reply that was used for nothing else yet */
    OK(r, poll(p));
    CHECK_EQUAL(r->x[MSG_X_LOCAL], UINT64_C(0xfedcba9876543210));
    OK(r, answer(3, 7, 0));
    check_got(high, 3, 0, 7);
    CHECK_EQUAL(high->x[MSG_X_CONTROL], MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 8, 0));
}

void scene_oneway_into_a_set(void)
{
    set_scene();
    uint32_t set = set_new(r), q = port_new(r), e = send_to(low, r, q);
    CHECK_EQUAL(move_member(r, p, set), KERN_SUCCESS);
    CHECK_EQUAL(move_member(r, q, set), KERN_SUCCESS);
    warm_up(set);
    for (unsigned i = 1; i < 7; i++) { /* each port gets to know its receiver */
        post(r, from(set));
        OK(low, word_to(i % 2 ? e : d_low, i, 30 + i));
        check_got(r, i, i % 2 ? q : p, 30 + i);
        CHECK_EQUAL(got_seqno(r), i / 2);
    }
    for (unsigned i = 0; i < 4; i++) /* and by way of the queue, each in turn */
        OK(low, word_to(i < 2 ? e : d_low, i, i));
    expect_id(r, set, 0);
    expect_id(r, set, 2);
    expect_id(r, set, 1);
    expect_id(r, set, 3);
    expect_none(r, set);
}

/* Nobody is overtaken. */
void scene_oneway_behind_others(void)
{
    set_scene();
    warm_up(p);
    set_limits(port_behind(r, p), 2, 65536);
    OK(low, to(d_low, 1));
    OK(high, to(d_high, 2));
    post(low, to(d_low, 3));
    CHECK(!is_done(low));
    post(high, call_to(d_high, 4, 4));
    CHECK(!is_done(high));
    expect_id(r, p, 1);
    CHECK_EQUAL(result(low), KERN_SUCCESS);
    expect_id(r, p, 2);
    expect_id(r, p, 3);
    expect_id(r, p, 4);
    OK(r, answer(5, 5, 0));
    check_got(high, 5, 0, 5);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQUAL(port_behind(r, p)->queued, 0);
}

void scene_oneway_too_large(void)
{
    set_scene();
    warm_up(p);
    set_limits(port_behind(r, p), 2, 32);
    struct message m = to(d_low, 1);
    m.length = 40;
    post(r, from(p));
    FAILS(MACH_SEND_TOO_LARGE, low, m);
    m.length = 32;
    OK(low, m);
    CHECK_EQUAL(got_id(r), 1);
    OK(low, m);
    struct message late = m;
    late.deadline = PAST;
    FAILS(MACH_SEND_TIMED_OUT, low, late);
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

/* It gets the message, and runs when it may. */
void scene_oneway_to_the_suspended(void)
{
    set_scene();
    warm_up(p);
    for (unsigned i = 1; i < 4; i++) {
        post(r, from(p));
        in_kernel(suspend, r);
        OK(low, word_to(d_low, i, i));
        CHECK(!is_done(r));
        in_kernel(resume, r);
        rest();
        check_got(r, i, p, i);
    }
}

/* Nor is it waited for, if another waits behind it. */
void scene_oneway_past_the_suspended(void)
{
    set_scene();
    struct actor *mate = actor_mate(r, ACTOR_PRIORITY);
    warm_up(p);
    post(r, from(p));
    post(mate, from(p));
    in_kernel(suspend, r);
    OK(low, word_to(d_low, 1, 1));
    check_got(mate, 1, p, 1);
    in_kernel(resume, r);
    rest();
    CHECK(!is_done(r));
    OK(low, word_to(d_low, 2, 2));
    check_got(r, 2, p, 2);
}

/* ---- answers by name ---- */

static uint32_t keep(struct actor *a)
{
    post_trap(a, TRAP_reply_keep, 0, 0);
    CHECK(is_done(a));
    return (uint32_t)a->x[0];
}

/* The client is more urgent than its server, as urgent, less. */
void scene_answer_by_name(void)
{
    set_scene();
    struct actor *c[] = {low, high, actor_new()};
    uint32_t d[] = {d_low, d_high, send_to(c[2], r, p)};
    for (unsigned i = 0; i < 30; i++) {
        struct message m = {.remote = MSG_MOVE_SEND_ONCE, .id = 50 + i, .length = i % 9 * 8};
        for (unsigned w = 0; w < 8; w++)
            m.body[w] = i + w;
        post(c[i % 3], call_to(d[i % 3], i, 7));
        OK(r, poll(p));
        check_got(r, i, p, 7);
        m.dest = keep(r);
        check_name(r, m.dest, RIGHT_SEND_ONCE, 1);
        OK(r, m);
        CHECK_EQUAL(rights_of(r, m.dest), 0);
        FAILS(MACH_SEND_INVALID_DEST, r, m);
        check_got(c[i % 3], 50 + i, 0, m.length ? i : 0);
        CHECK_EQUAL(c[i % 3]->x[MSG_X_CONTROL], MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, m.length, 0));
    }
}

/* The client does not wait, waits with a deadline, or is gone. */
void scene_answer_by_name_to_others(void)
{
    set_scene();
    post(low, call_to(d_low, 1, 1));
    OK(r, poll(p));
    uint32_t name = keep(r);
    CHECK_EQUAL(abort_actor(low), KERN_SUCCESS);
    OK(r, by(MSG_MOVE_SEND_ONCE, name, 2));
    OK(low, from(MSG_REPLY));
    CHECK_EQUAL(got_id(low), 2);

    struct message m = call_to(d_low, 3, 3);
    m.deadline = moment(SECOND);
    post(low, m);
    OK(r, poll(p));
    OK(r, by(MSG_MOVE_SEND_ONCE, keep(r), 4));
    CHECK_EQUAL(result(low), KERN_SUCCESS);
    CHECK_EQUAL(got_id(low), 4);

    post(low, call_to(d_low, 5, 5));
    OK(r, poll(p));
    name = keep(r);
    end_task(low);
    FAILS(MACH_SEND_INVALID_DEST, r, by(MSG_MOVE_SEND_ONCE, name, 6));
    check_name(r, name, RIGHT_DEAD, 1);
}

/* A right that is not a reply's goes the usual way. */
void scene_send_once_is_no_reply(void)
{
    set_scene();
    uint32_t once = once_to(low, r, p);
    post(r, from(p));
    OK(low, by(MSG_MOVE_SEND_ONCE, once, 1));
    check_got(r, 1, p, 0);
    CHECK_EQUAL(rights_of(low, once), 0);
}

/* ---- in the midst of it ---- */

enum { LETTERS = 400 };

/* state[0]: right, state[1]: how many */
static bool keep_sending(struct actor *self, struct host_action *next)
{
    if (self->state[1] > 0)
        CHECK_EQUAL(self->x[0], 0);
    if (self->state[1] == LETTERS)
        return false;
    struct message m = word_to((uint32_t)self->state[0], 1, self->state[1]++);
    fill_action(self, &m, next);
    return true;
}

static _Atomic uint32_t seen[LETTERS];

/* state[0]: port or set, state[1]: times */
static bool keep_receiving(struct actor *self, struct host_action *next)
{
    if (self->state[1]++ > 0) {
        CHECK(self->x[0] == 0 || self->x[0] == (uint64_t)-MACH_RCV_INTERRUPTED);
        if (self->x[0] == 0)
            CHECK_EQUAL(atomic_fetch_add(&seen[got_word(self, 0)], 1), 0);
    }
    struct message m = from((uint32_t)self->state[0]);
    fill_action(self, &m, next);
    return true;
}

/* It counts at once, though the thread may run for a moment more. */
static void suspend_once(void *argument)
{
    uint64_t progress = 0;
    (void)!thread_suspend(((struct actor *)argument)->thread, &progress);
}

static void abort_once(void *argument)
{
    (void)!thread_abort(((struct actor *)argument)->thread);
}

static void finish_letters(void)
{
    rest();
    for (unsigned i = 0; i < LETTERS; i++)
        CHECK_EQUAL(atomic_exchange(&seen[i], 0), 1);
    CHECK_EQUAL(port_behind(r, p)->seqno, LETTERS);
}

/* The receiver is aborted, held and let go at any moment: every letter arrives, once. */
static void disturb(struct actor *sender, uint32_t right, bool through_set)
{
    uint32_t set = through_set ? set_new(r) : p;
    if (through_set)
        CHECK_EQUAL(move_member(r, p, set), KERN_SUCCESS);
    r->state[0] = set;
    sender->state[0] = right;
    run_program(r, keep_receiving);
    run_program(sender, keep_sending);
    for (unsigned i = 0; i < 100; i++) {
        (void)host_machine_run(3 + i % 17, UINT64_MAX);
        in_kernel(i % 3 == 0 ? abort_once : suspend_once, r);
        if (i % 3 != 0) {
            (void)host_machine_run(i % 11, UINT64_MAX);
            in_kernel(resume, r);
        }
    }
    finish_letters();
}

void scene_letters_to_the_disturbed(void)
{
    set_scene();
    disturb(low, d_low, false);
}

void scene_letters_to_the_disturbed_in_a_set(void)
{
    set_scene();
    disturb(high, d_high, true);
}

/* Of the receivers one after the other ends while it waits or is given to; what one had been given ends with it. */
void scene_letters_to_the_ending(void)
{
    enum { MATES = 6 };
    struct actor *mate[MATES];
    unsigned got = 0;
    set_scene();
    for (unsigned i = 0; i < MATES; i++) {
        mate[i] = actor_mate(r, ACTOR_PRIORITY + (i % 2 ? 5 : 0));
        mate[i]->state[0] = p;
        run_program(mate[i], keep_receiving);
    }
    low->state[0] = d_low;
    run_program(low, keep_sending);
    for (unsigned i = 0; i < MATES - 1; i++) {
        (void)host_machine_run(50 + i, UINT64_MAX);
        end_thread(mate[i]);
    }
    rest();
    for (unsigned i = 0; i < LETTERS; i++)
        got += atomic_exchange(&seen[i], 0);
    CHECK(got >= LETTERS - (MATES - 1) && got <= LETTERS);
    CHECK_EQUAL(port_behind(r, p)->queued, 0);
}
