/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port interface.
 */
#include "kobj_world.h"

#include <string.h>

void scene_names(void)
{
    uint32_t port, refs, rights, same, next, names[PORT_NAMES_MAX], kinds[PORT_NAMES_MAX], n, k;
    struct port_receive_status status;
    enter();
    GIVES(KERN_INVALID_VALUE, port_allocate(me.task, 3, &port));
    OK(port_allocate(me.task, PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me.task, 0, port, &same));
    CHECK_EQUAL(same, port);
    OK(port_mod_refs(me.task, port, PORT_RIGHT_SEND, 4));
    OK(port_get_refs(me.task, port, PORT_RIGHT_SEND, &refs));
    CHECK_EQUAL(refs, 5);
    GIVES(KERN_INVALID_VALUE, port_mod_refs(me.task, port, PORT_RIGHT_SEND, -6));
    OK(port_type(me.task, port, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_SEND | PORT_RIGHT_RECEIVE);
    OK(port_set_limits(me.task, port, 3, 100));
    GIVES(KERN_INVALID_VALUE, port_set_limits(me.task, port, 0, 100));
    GIVES(KERN_INVALID_VALUE, port_set_limits(me.task, port, 1025, 100));
    OK(port_set_seqno(me.task, port, 77));
    OK(port_set_make_sends(me.task, port, 9));
    OK(port_set_payload(me.task, port, UINT64_C(0x123456789abcdef0)));
    OK(port_get_receive_status(me.task, port, &status));
    CHECK(status.seqno == 77 && status.make_sends == 9 && status.message_limit == 3 &&
          status.byte_limit == 100 && status.senders == 1 && status.messages == 0 &&
          status.has_payload && status.payload == UINT64_C(0x123456789abcdef0));
    OK(port_clear_payload(me.task, port));
    OK(port_get_receive_status(me.task, port, &status));
    CHECK(!status.has_payload && status.payload == 0);
    GIVES(KERN_INVALID_RIGHT, port_get_receive_status(me.task, me.task, &status));
    GIVES(KERN_INVALID_NAME, port_get_receive_status(me.task, 0x12345678, &status));
    OK(port_names(me.task, 0, &next, names, &n, kinds, &k));
    CHECK(next == 0 && n == k && n == 9); /* the host's seven, the task, the port */
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    OK(port_names(me.task, 0, &next, names, &n, kinds, &k));
    unsigned dead = 0;
    for (uint32_t i = 0; i < n; i++)
        dead += names[i] == port && kinds[i] == PORT_RIGHT_DEAD;
    CHECK_EQUAL(dead, 1);
    OK(port_mod_refs(me.task, port, PORT_RIGHT_DEAD, -5));
    GIVES(KERN_INVALID_NAME, port_type(me.task, port, &rights));
}

void scene_rights_between_tasks(void)
{
    uint32_t its, same, got, self, rights;
    enter();
    uint32_t port = own_port(), other = own_port();
    uint32_t child = child_new(0, 0, &self);
    OK(port_insert_send(child, 0, port, &its));
    OK(port_insert_send(child, its, port, &same));
    CHECK_EQUAL(its, same);
    GIVES(KERN_RIGHT_EXISTS, port_insert_send(child, self, port, &same));
    GIVES(KERN_NAME_EXISTS, port_insert_send(child, its, other, &same));
    GIVES(KERN_INVALID_NAME, port_insert_send(child, 0x4440001, other, &same));
    GIVES(KERN_INVALID_CAPABILITY, port_insert_send(child, 0, 0, &same));
    OK(port_extract_send(child, its, PORT_HOW_COPY_SEND, &got));
    CHECK_EQUAL(got, port);
    OK(port_extract_send(child, its, PORT_HOW_MOVE_SEND, &got));
    OK(port_extract_send(child, its, PORT_HOW_MOVE_SEND, &got));
    GIVES(KERN_INVALID_NAME, port_extract_send(child, its, PORT_HOW_MOVE_SEND, &got));
    GIVES(KERN_INVALID_RIGHT, port_extract_receive(child, self, &got));
    GIVES(KERN_INVALID_VALUE, port_extract_send(child, self, PORT_HOW_MOVE_RECEIVE, &got));
    OK(port_insert_receive(child, 0, port, &its)); /* the send right stays here */
    OK(port_type(me.task, port, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_SEND);
    OK(port_extract_send_once(child, its, PORT_HOW_MAKE_SEND_ONCE, &got));
    OK(port_type(me.task, got, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_SEND_ONCE);
    OK(port_insert_send_once(child, got, &same));
    OK(port_extract_receive(child, its, &got));
    CHECK_EQUAL(got, port);
    child_end(child);
}

void scene_sets(void)
{
    enum { MEMBERS = 200 };
    uint32_t set, members[PORT_NAMES_MAX], n, all, after = 0, seen = 0, port[MEMBERS];
    struct port_receive_status status;
    bool done;
    enter();
    OK(port_allocate(me.task, PORT_RIGHT_SET, &set));
    for (unsigned i = 0; i < MEMBERS; i++) {
        OK(port_allocate(me.task, PORT_RIGHT_RECEIVE, &port[i]));
        OK(port_move_member(me.task, port[i], set));
    }
    do {
        OK(port_get_set_status(me.task, set, after, &done, &all, members, &n));
        CHECK(all == MEMBERS && n > 0);
        for (uint32_t i = 0; i < n; i++)
            CHECK_EQUAL(members[i], port[seen++]);
        after = members[n - 1];
    } while (!done);
    CHECK_EQUAL(seen, MEMBERS);
    OK(port_get_receive_status(me.task, port[7], &status));
    CHECK_EQUAL(status.set, set);
    OK(port_move_member(me.task, port[7], 0));
    GIVES(KERN_NOT_FOUND, port_get_set_status(me.task, set, port[7], &done, &all, members, &n));
    OK(port_mod_refs(me.task, set, PORT_RIGHT_SET, -1)); /* in pieces */
    GIVES(KERN_INVALID_NAME, port_get_set_status(me.task, set, 0, &done, &all, members, &n));
}

/* In one call what allocate, set_payload and move_member do in three; after an error there is nothing. */
void scene_constructed_port(void)
{
    uint32_t set, port, other, next, n, k, names[PORT_NAMES_MAX], kinds[PORT_NAMES_MAX];
    struct port_receive_status status;
    enter();
    OK(port_allocate(me.task, PORT_RIGHT_SET, &set));
    OK(port_construct(me.task, 77, set, &port));
    OK(port_get_receive_status(me.task, port, &status));
    CHECK(status.set == set && status.has_payload && status.payload == 77 && status.senders == 0);
    OK(port_construct(me.task, UINT64_MAX, 0, &other));
    OK(port_get_receive_status(me.task, other, &status));
    CHECK(status.set == 0 && status.has_payload && status.payload == UINT64_MAX);
    OK(port_names(me.task, 0, &next, names, &n, kinds, &k));
    GIVES(KERN_INVALID_RIGHT, port_construct(me.task, 1, port, &other));
    GIVES(KERN_INVALID_NAME, port_construct(me.task, 1, 0x4440001, &other));
    const uint32_t before = n;
    OK(port_names(me.task, 0, &next, names, &n, kinds, &k));
    CHECK_EQUAL(n, before);
    struct message m = {.dest = port, .remote = MSG_MAKE_SEND, .id = 5};
    CHECK_EQUAL(perform(me.actor, m), KERN_SUCCESS);
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = set}), KERN_SUCCESS);
    check_got(me.actor, 5, 77, 0);
}

void scene_rights_together(void)
{
    uint32_t got[PORT_GIVE_MAX], refs;
    enter();
    uint32_t a = own_port(), b = own_port(), plain;
    OK(port_allocate(me.task, PORT_RIGHT_RECEIVE, &plain));
    uint32_t child = child_new(0, 0, NULL);
    OK(port_give_sends(me.task, child, (uint32_t[PORT_GIVE_MAX]){a, 0, b, 0, 0, a, 0, me.host},
                       got));
    CHECK(got[1] == 0 && got[3] == 0 && got[4] == 0 && got[6] == 0);
    CHECK(got[0] != 0 && got[0] == got[5] && got[2] != got[0] && got[7] != 0);
    OK(port_get_refs(child, got[0], PORT_RIGHT_SEND, &refs));
    CHECK_EQUAL(refs, 2);
    OK(port_get_refs(child, got[2], PORT_RIGHT_SEND, &refs));
    CHECK_EQUAL(refs, 1);
    OK(port_give_sends(me.task, child, (uint32_t[PORT_GIVE_MAX]){0}, got));
    CHECK(got[0] == 0 && got[7] == 0);
    GIVES(KERN_INVALID_TASK, port_give_sends(me.task, me.host, (uint32_t[PORT_GIVE_MAX]){a}, got));
    GIVES(KERN_INVALID_NAME,
          port_give_sends(me.task, 0x4440001, (uint32_t[PORT_GIVE_MAX]){a}, got));
    GIVES(KERN_INVALID_RIGHT,
          port_give_sends(me.task, child, (uint32_t[PORT_GIVE_MAX]){plain}, got));
    child_end(child);
}

/* What a port is, rights given and taken by names of one's own. */
void scene_own_names(void)
{
    uint32_t kind, its, got, refs;
    enter();
    uint32_t port = own_port(), plain;
    OK(port_allocate(me.task, PORT_RIGHT_RECEIVE, &plain));
    uint32_t child = child_new(0, 0, NULL);
    OK(port_kobject(me.task, child, &kind));
    CHECK_EQUAL(kind, PORT_KOBJECT_TASK);
    OK(port_kobject(me.task, me.host, &kind));
    CHECK_EQUAL(kind, PORT_KOBJECT_OTHER);
    OK(port_kobject(me.task, port, &kind));
    CHECK_EQUAL(kind, PORT_KOBJECT_NONE);
    GIVES(KERN_INVALID_RIGHT, port_kobject(me.task, plain, &kind));
    GIVES(KERN_INVALID_NAME, port_kobject(me.task, 0x4440001, &kind));

    OK(port_give_made_send(me.task, plain, child, &its));
    GIVES(KERN_INVALID_TASK, port_give_made_send(me.task, plain, port, &got));
    GIVES(KERN_INVALID_RIGHT, port_give_made_send(me.task, child, child, &got));
    OK(port_fetch_send(me.task, child, its, &got, &kind));
    CHECK_EQUAL(got, plain); /* beside the receive right */
    CHECK_EQUAL(kind, PORT_KOBJECT_NONE);
    OK(port_get_refs(me.task, plain, PORT_RIGHT_SEND, &refs));
    CHECK_EQUAL(refs, 1);
    OK(port_get_refs(child, its, PORT_RIGHT_SEND, &refs));
    CHECK_EQUAL(refs, 1);
    GIVES(KERN_INVALID_NAME, port_fetch_send(me.task, child, 0x4440001, &got, &kind));
    GIVES(KERN_INVALID_TASK, port_fetch_send(me.task, port, its, &got, &kind));
    OK(port_mod_refs(me.task, plain, PORT_RIGHT_RECEIVE, -1));
    GIVES(KERN_INVALID_CAPABILITY, port_fetch_send(me.task, child, its, &got, &kind));
    child_end(child);
}

/* Told when the port dies, and not when the name goes. */
void scene_watch(void)
{
    uint32_t before;
    enter();
    uint32_t port = own_port(), hears = own_port(), other = own_port();
    OK(port_watch(me.task, port, hears));
    GIVES(KERN_EXISTS, port_watch(me.task, port, hears));
    OK(port_watch(me.task, other, hears));
    OK(port_cancel_notification(me.task, other, MSG_ID_DEAD_NAME, &before));
    CHECK(before != 0);
    drop_name(before);
    rest();
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = hears}), KERN_SUCCESS);
    CHECK_EQUAL(got_id(me.actor), MSG_ID_SEND_ONCE); /* that right was one like others */
    uint32_t child = child_new(0, 0, NULL);
    OK(port_watch(me.task, child, hears));
    drop_name(child); /* nobody is told */
    rest();
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = hears}), KERN_SUCCESS);
    check_got(me.actor, MSG_ID_DEAD_NAME, hears, port);
    GIVES(KERN_INVALID_NAME, port_watch(me.task, 0x4440001, hears));
    GIVES(KERN_INVALID_RIGHT, port_watch(me.task, me.host, me.host));
    OK(port_watch(me.task, port, hears)); /* it is dead already */
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = hears}), KERN_SUCCESS);
    check_got(me.actor, MSG_ID_DEAD_NAME, hears, port);
}

void scene_notifications(void)
{
    uint32_t before, again;
    enter();
    uint32_t port = own_port(), hears = own_port();
    OK(port_request_notification(me.task, port, MSG_ID_DEAD_NAME, 0, hears, &before));
    CHECK_EQUAL(before, 0);
    OK(port_cancel_notification(me.task, port, MSG_ID_DEAD_NAME, &before));
    CHECK(before != 0);
    OK(port_request_notification(me.task, port, MSG_ID_DEAD_NAME, 0, hears, &again));
    CHECK_EQUAL(again, 0);
    GIVES(KERN_INVALID_VALUE, port_request_notification(me.task, port, 5, 0, hears, &again));
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = hears}), KERN_SUCCESS);
    CHECK_EQUAL(got_id(me.actor), MSG_ID_SEND_ONCE); /* that of the call that failed */
    CHECK_EQUAL(perform(me.actor, (struct message){.receive = hears}), KERN_SUCCESS);
    check_got(me.actor, MSG_ID_DEAD_NAME, hears, port);
}

void scene_wrong_calls(void)
{
    uint64_t at;
    uint32_t name;
    enter();
    GIVES(MIG_BAD_ID, clock_create_timer(me.host, &name));
    GIVES(MIG_BAD_ID, task_suspend(me.clock));
    GIVES(MIG_BAD_ID, host_tasks_set_essential(me.task, me.task, true));
    GIVES(MIG_BAD_ID, thread_terminate(me.task));
    GIVES(KERN_INVALID_TASK, host_tasks_set_essential(me.tasks, me.host, true));
    GIVES(KERN_INVALID_CAPABILITY,
          vm_map(me.task, 0, 4096, 0, VM_ANYWHERE, me.host, 1, 1, VM_INHERIT_COPY, &at));
    for (uint32_t id = 0; id < 0x2000; id += 0x10) { /* no shape fits an empty body with rubbish */
        struct message m = {.dest = me.task,
                            .remote = MSG_COPY_SEND,
                            .id = id,
                            .length = 24,
                            .how_local = MSG_MAKE_REPLY,
                            .receive = MSG_REPLY};
        CHECK_EQUAL(perform(me.actor, m), KERN_SUCCESS);
        CHECK(got_id(me.actor) != KERN_SUCCESS);
    }
}
