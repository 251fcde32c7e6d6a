/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers and descriptors of calls, written by hand: a port of the kernel takes and refuses what a program's port does,
 * with the same errors, and names are the same afterwards. What cannot be answered is not done.
 */
#include "kobj_world.h"

#include <kern/frame.h>

/* What a name may denote. */
enum subject { FREE, NOTHING, DEAD, OWED, BOTH, SEND, SEND_TWICE, ONCE, DEAD_NAME, SUBJECTS };
static const unsigned dispositions[] = {0, 15, 16, 17, 18, 19, 20, 21, 22, 23, 255};

static uint32_t subject_new(enum subject subject, struct actor *other, uint32_t others)
{
    uint32_t name;
    switch (subject) {
    case FREE: return 0x4440001;
    case NOTHING: return MSG_NULL;
    case DEAD: return MSG_DEAD;
    case OWED: return MSG_REPLY;
    case BOTH: return own_port();
    case ONCE: return once_to(me.actor, other, others);
    case DEAD_NAME: return dead_new(me.actor, 2);
    default: name = send_to(me.actor, other, others);
    }
    if (subject == SEND_TWICE)
        CHECK_EQUAL(refs(me.actor, name, RIGHT_SEND, 1), KERN_SUCCESS);
    return name;
}

/* What came of one message: the trap's error, and the name afterwards. */
struct came {
    unsigned error, rights, urefs;
};

static bool is_name(uint32_t name)
{
    return name != MSG_NULL && name != MSG_DEAD && name != MSG_REPLY && name != 0x4440001;
}

static void drop_rights(uint32_t name)
{
    if (!is_name(name))
        return;
    if (rights_of(me.actor, name) & RIGHT_RECEIVE)
        kill_port(me.actor, name);
    while (rights_of(me.actor, name))
        CHECK_EQUAL(drop(me.actor, name), KERN_SUCCESS);
}

/* Send to `dest`, with the right as local right or in a descriptor. Answers to the kernel's are no interest. */
static struct came try(uint32_t dest, bool local, uint32_t name, unsigned disposition)
{
    struct message m = {.dest = dest, .remote = MSG_COPY_SEND, .id = 0x7000, .deadline = PAST};
    if (local) {
        m.local = name;
        m.how_local = (uint8_t)disposition;
    } else {
        put_port(me.actor, &m, name, disposition);
    }
    struct came came = {.error = perform(me.actor, m)};
    /* The kernel destroys the receive right it did not want, and with it the port: a program need not. */
    if (is_name(name) && disposition != MSG_MOVE_RECEIVE) {
        came.rights = rights_of(me.actor, name);
        came.urefs = urefs_of(me.actor, name);
    }
    return came;
}

/* To a program and to the kernel: the same. */
static void compare(struct actor *server, bool local, enum subject subject, unsigned disposition)
{
    struct came came[2];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t port = port_new(server), dest = send_to(me.actor, server, port);
        uint32_t name = subject_new(subject, server, port_new(server));
        came[i] = try(i ? me.task : dest, local, name, disposition);
        if (came[0].error == KERN_SUCCESS && i == 0)
            CHECK_EQUAL(perform(server, (struct message){.receive = port}), KERN_SUCCESS);
        wipe_names(server);
        rest();
        drop_rights(name);
        drop_rights(dest);
    }
    if (came[0].error != came[1].error || came[0].rights != came[1].rights ||
        came[0].urefs != came[1].urefs)
        host_machine_fail("subject %d, disposition %u, local %d: %x %x %u from a program, %x %x %u "
                          "from the kernel",
                          (int)subject, disposition, local, came[0].error, came[0].rights,
                          came[0].urefs, came[1].error, came[1].rights, came[1].urefs);
}

void scene_same_as_programs(void)
{
    enter();
    struct actor *server = actor_new();
    for (unsigned subject = 0; subject < SUBJECTS; subject++)
        for (unsigned i = 0; i < array_count(dispositions); i++) {
            compare(server, true, subject, dispositions[i]);
            compare(server, false, subject, dispositions[i]);
        }
}

/* One reference, named twice: not there the second time. */
void scene_moved_twice(void)
{
    enter();
    struct actor *other = actor_new();
    uint32_t port = port_new(other), dest = send_to(me.actor, other, port);
    uint32_t name = send_to(me.actor, other, port_new(other));
    struct message m = {.dest = me.task, .remote = MSG_COPY_SEND, .id = 0x7000};
    put_port(me.actor, &m, name, MSG_MOVE_SEND);
    put_port(me.actor, &m, name, MSG_MOVE_SEND);
    for (unsigned i = 0; i < 2; i++) {
        m.dest = i ? me.task : dest;
        CHECK_EQUAL(perform(me.actor, m), MACH_SEND_INVALID_RIGHT);
        check_name(me.actor, name, RIGHT_SEND, 1);
    }
    CHECK_EQUAL(refs(me.actor, name, RIGHT_SEND, 1), KERN_SUCCESS);
    CHECK_EQUAL(perform(me.actor, m), KERN_SUCCESS);
    check_name(me.actor, name, 0, 0);
    /* The destination's own reference; a copy after the move; a local right. */
    m = (struct message){.dest = me.clock, .remote = MSG_MOVE_SEND, .id = 0x7000};
    put_port(me.actor, &m, me.clock, MSG_MOVE_SEND);
    CHECK_EQUAL(perform(me.actor, m), MACH_SEND_INVALID_RIGHT);
    m.body[1] = 0;
    m.descriptors = 0, m.length = 0;
    put_port(me.actor, &m, me.clock, MSG_COPY_SEND);
    CHECK_EQUAL(perform(me.actor, m), MACH_SEND_INVALID_RIGHT);
    check_name(me.actor, me.clock, RIGHT_SEND, 1);
    m.descriptors = 0, m.length = 0;
    m.local = me.clock;
    m.how_local = MSG_MOVE_SEND;
    CHECK_EQUAL(perform(me.actor, m), MACH_SEND_INVALID_DEST);
    check_name(me.actor, me.clock, RIGHT_SEND, 1);
    m.how_local = MSG_COPY_SEND; /* a copy before the move */
    CHECK_EQUAL(perform(me.actor, m), KERN_SUCCESS);
    check_name(me.actor, me.clock, 0, 0);
}

/* The answer that a thread owes, handed on to the kernel. */
void scene_owed_answer(void)
{
    enter();
    struct actor *caller = actor_new();
    uint32_t port = own_port(), dest = send_to(caller, me.actor, port);
    struct message call = {.dest = dest,
                           .remote = MSG_COPY_SEND,
                           .how_local = MSG_MAKE_REPLY,
                           .receive = MSG_REPLY};
    struct message on = {.dest = me.clock,
                         .remote = MSG_COPY_SEND,
                         .id = CLOCK_ID_NOW,
                         .local = MSG_REPLY,
                         .how_local = MSG_MOVE_SEND_ONCE};
    for (unsigned i = 0; i < 3; i++) {
        post(caller, call);
        CHECK_EQUAL(perform(me.actor, (struct message){.receive = port}), KERN_SUCCESS);
        CHECK_EQUAL(got_reply(me.actor), MSG_REPLY);
        CHECK(!is_done(caller));
        CHECK_EQUAL(perform(me.actor, on), KERN_SUCCESS);
        CHECK(is_done(caller));
        CHECK_EQUAL(got_id(caller), KERN_SUCCESS);
        CHECK_EQUAL(msg_length(caller->x[MSG_X_CONTROL]), 8);
        CHECK_EQUAL(perform(me.actor, on), MACH_SEND_INVALID_REPLY); /* it is gone */
    }
}

/* Nothing is done that cannot be answered for want of memory for the right to answer with. What is wanted later is told:
 * MACH_RCV_NO_SPACE. */
void scene_answers_fail(void)
{
    enter();
    uint32_t answers = own_port(), name = own_port(), done = 0, refused = 0;
    struct message m = {.dest = me.task,
                        .remote = MSG_COPY_SEND,
                        .id = PORT_ID_MOD_REFS,
                        .local = answers,
                        .how_local = MSG_MAKE_SEND_ONCE,
                        .length = 16,
                        .body = {name | (uint64_t)PORT_RIGHT_SEND << 32, 1}};
    unsigned kr = MACH_SEND_NO_BUFFER;
    for (unsigned n = 1; n < 20 && kr != KERN_SUCCESS; n++) {
        (void)alloc_fail_nth(n);
        kr = perform(me.actor, m);
        (void)alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS || kr == MACH_SEND_NO_BUFFER || kr == MACH_RCV_NO_SPACE);
        refused += kr == MACH_SEND_NO_BUFFER;
        done += kr != MACH_SEND_NO_BUFFER;
        check_name(me.actor, name, RIGHT_SEND | RIGHT_RECEIVE, 1 + done);
    }
    CHECK(refused > 0 && done > 1);
    CHECK_EQUAL(kr, KERN_SUCCESS);
    for (unsigned i = 0; i < done; i++) {
        CHECK_EQUAL(perform(me.actor, (struct message){.receive = answers, .deadline = PAST}),
                    KERN_SUCCESS);
        CHECK_EQUAL(got_id(me.actor), i + 1 < done ? MSG_ID_SEND_ONCE : KERN_SUCCESS);
    }
}
