/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages whose out-of-line memory is a pager's (kern/ool.h: V5): the sender waits, and what arrives is a copy.
 */
#include "pager_stage.h"

static uint32_t queue;

static void send_memory(uint64_t at, uint64_t size, uint32_t receive)
{
    struct message m = {.dest = queue,
                        .remote = MSG_COPY_SEND,
                        .id = 5,
                        .length = MSG_DESCRIPTOR_SIZE,
                        .descriptors = 1,
                        .receive = receive};
    put_descriptor(reader, &m, 0,
                   (struct msg_descriptor){.value = at,
                                           .size = (uint32_t)size,
                                           .kind = MSG_OOL_MEMORY});
    post(reader, m);
}

static uint64_t receive(void)
{
    hear_at(__LINE__, queue, 5);
    struct msg_descriptor d = got_descriptor(me.actor, 0);
    CHECK_EQUAL(d.kind, MSG_OOL_MEMORY);
    return d.value;
}

static void begin_messages(void)
{
    begin();
    queue = own_port();
    control = hear_init(port);
    OK(memory_object_ready(control, false, PAGE));
}

static void end_object(void)
{
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    hear(MEMORY_PAGER_ID_TERMINATE);
    drop_control(control);
}

static void supply(unsigned page, uint64_t word)
{
    OK(vm_write(me.task, store, (uint8_t *)&word, sizeof(word)));
    OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
}

void scene_pager_in_messages(void)
{
    begin_messages();
    send_memory(mapped, 3 * PAGE, 0);
    for (unsigned page = 0; page < 3; page++) {
        CHECK(!is_done(reader));
        hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, page, 1);
        supply(page, 500 + page);
        rest();
    }
    CHECK(is_done(reader));
    CHECK_EQUAL(result(reader), 0);
    write_page(mapped, 1, 9); /* it does not change any more */
    check_done(KERN_SUCCESS);
    uint64_t at = receive();
    for (unsigned page = 0; page < 3; page++)
        CHECK_EQUAL(word_at(at + page * PAGE), 500 + page);
    OK(vm_deallocate(me.task, at, 3 * PAGE));
    OK(memory_object_lock_request(control, 0, 4 * PAGE, MEMORY_OBJECT_RETURNS_NONE, true, false));

    send_memory(mapped + 100, PAGE, 0); /* two ends */
    CHECK(!is_done(reader));
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    supply(0, 1);
    rest();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    supply(1, 77);
    rest();
    CHECK(is_done(reader));
    at = receive();
    CHECK_EQUAL(at % PAGE, 100);
    CHECK_EQUAL(word_at(at - 100), 0); /* not in the range */
    CHECK_EQUAL(word_at(at - 100 + PAGE), 77);
    OK(vm_deallocate(me.task, at - 100, 2 * PAGE));
    end_object();
}

/* The pager has it not, does not answer, dies; the sender ends. */
void scene_pager_fails_messages(void)
{
    begin_messages();
    send_memory(mapped, 2 * PAGE, 0);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 0, 1);
    supply(0, 1);
    rest();
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);
    OK(memory_object_error(control, PAGE, PAGE, 1));
    rest();
    CHECK(is_done(reader));
    CHECK_EQUAL(result(reader), MACH_SEND_INVALID_MEMORY);
    send_memory(mapped, 2 * PAGE, 0);
    CHECK(!is_done(reader));
    pass_time(31 * SECOND);
    CHECK(is_done(reader));
    CHECK_EQUAL(result(reader), MACH_SEND_INVALID_MEMORY);
    hear_of_range(MEMORY_PAGER_ID_DATA_REQUEST, 1, 1);

    struct actor *first = reader;
    reader = actor_mate(me.actor, ACTOR_PRIORITY);
    send_memory(mapped, 2 * PAGE, 0);
    CHECK(!is_done(reader));
    end_thread(reader); /* in the midst of a message */
    rest();
    reader = first;
    send_memory(mapped + PAGE, PAGE, 0);
    CHECK(!is_done(reader));
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1));
    rest();
    CHECK(is_done(reader));
    CHECK_EQUAL(result(reader), MACH_SEND_INVALID_MEMORY);
    post(me.actor, (struct message){.receive = queue, .size = 512, .deadline = PAST});
    CHECK_EQUAL(result(me.actor), MACH_RCV_TIMED_OUT); /* none of them was sent */
    OK(vm_deallocate(me.task, mapped, PAGES * PAGE));
    drop_control(control);
    drop_name(port);
}

static unsigned poll_trusted(void)
{
    post(me.actor, (struct message){
                       .receive = queue, .size = 512, .deadline = PAST, .flags = MSG_FLAG_TRUSTED});
    return result(me.actor);
}

/* A receiver that wants no memory of pagers. */
void scene_pager_is_not_trusted(void)
{
    begin_messages();
    supply(0, 1);
    send_memory(mapped, PAGE, 0);
    CHECK_EQUAL(result(reader), 0);
    CHECK_EQUAL(poll_trusted(), MACH_RCV_UNTRUSTED);
    CHECK_EQUAL(poll_trusted(), MACH_RCV_TIMED_OUT); /* it is gone */
    send_memory(store, PAGE, 0);
    CHECK_EQUAL(poll_trusted(), 0);
    OK(vm_deallocate(me.task, got_descriptor(me.actor, 0).value, PAGE));
    uint64_t copy = map_object(port, PAGES, VM_COPY);
    send_memory(copy, PAGE, 0);
    CHECK_EQUAL(poll_trusted(), MACH_RCV_UNTRUSTED);
    uint64_t word = 3;
    OK(vm_write(me.task, copy, (uint8_t *)&word, sizeof(word)));
    send_memory(copy, PAGE, 0); /* its own page by now */
    CHECK_EQUAL(poll_trusted(), 0);
    OK(vm_deallocate(me.task, got_descriptor(me.actor, 0).value, PAGE));
    post(me.actor, (struct message){.receive = queue, .size = 512, .flags = MSG_FLAG_TRUSTED});
    CHECK(!is_done(me.actor)); /* who waits for it refuses, too */
    send_memory(mapped, PAGE, 0);
    CHECK(is_done(me.actor));
    CHECK_EQUAL(result(me.actor), MACH_RCV_UNTRUSTED);
    OK(vm_deallocate(me.task, copy, PAGES * PAGE));
    end_object();
}

/* In a call, and in its answer: who is refused is told. */
void scene_pager_answers_are_not_trusted(void)
{
    begin_messages();
    supply(0, 1);
    struct message call = {.dest = queue,
                           .remote = MSG_COPY_SEND,
                           .how_local = MSG_MAKE_REPLY,
                           .id = 6,
                           .receive = MSG_REPLY,
                           .size = 512,
                           .length = MSG_DESCRIPTOR_SIZE,
                           .descriptors = 1,
                           .flags = MSG_FLAG_TRUSTED};
    put_descriptor(reader, &call, 0,
                   (struct msg_descriptor){.value = mapped, .size = PAGE, .kind = MSG_OOL_MEMORY});
    post(reader, call);
    CHECK(!is_done(reader));
    CHECK_EQUAL(poll_trusted(), MACH_RCV_UNTRUSTED);
    rest();
    CHECK(is_done(reader));
    CHECK_EQUAL(got_id(reader), MSG_ID_SEND_ONCE);

    post(reader, call);
    hear_at(__LINE__, queue, 6);
    uint64_t at = got_descriptor(me.actor, 0).value;
    struct message answer = {.dest = MSG_REPLY,
                             .remote = MSG_MOVE_SEND_ONCE,
                             .id = 7,
                             .length = MSG_DESCRIPTOR_SIZE,
                             .descriptors = 1};
    put_descriptor(me.actor, &answer, 0,
                   (struct msg_descriptor){.value = mapped, .size = PAGE, .kind = MSG_OOL_MEMORY});
    post(me.actor, answer);
    rest();
    CHECK(is_done(reader));
    CHECK_EQUAL(result(reader), MACH_RCV_UNTRUSTED);
    OK(vm_deallocate(me.task, at, PAGE));
    end_object();
}
