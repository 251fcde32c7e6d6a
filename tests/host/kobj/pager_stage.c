/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager and who waits for it (pager_stage.h).
 */
#include "pager_stage.h"

#include <stdio.h>

struct actor *reader;
uint32_t port, control;
uint64_t mapped, store;

static void forget_limits(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(30 * SECOND);
    paged_volume_set_limit(UINT64_MAX);
}

uint64_t map_object(uint32_t of, uint64_t pages, uint32_t flags)
{
    uint64_t at;
    OK(vm_map(me.task, 0, pages * PAGE, 0, VM_ANYWHERE | flags, of, RW, RW, VM_INHERIT_SHARE, &at));
    return at;
}

void begin(void)
{
    uint64_t word = 0x1234;
    enter();
    in_kernel(forget_limits, NULL);
    reader = actor_mate(me.actor, ACTOR_PRIORITY);
    port = own_port();
    OK(vm_allocate(me.task, 0, PAGES * PAGE, VM_ANYWHERE, &store));
    OK(vm_write(me.task, store, (uint8_t *)&word, sizeof(word)));
    mapped = map_object(port, PAGES, 0);
}

/* ---- what the kernel says ---- */

void hear_at(int line, uint32_t from, uint32_t id)
{
    post(me.actor, (struct message){.receive = from, .size = 512});
    if (!is_done(me.actor) || got_id(me.actor) != id)
        fprintf(stderr, "line %d: id %x does not come, but %x; reader done %d, control %x\n", line,
                id, is_done(me.actor) ? got_id(me.actor) : 0, is_done(reader), control);
    CHECK(is_done(me.actor));
    CHECK_EQUAL(got_id(me.actor), id);
}

bool hears_nothing(void)
{
    post(me.actor, (struct message){.receive = port, .size = 512, .deadline = PAST});
    return result(me.actor) == MACH_RCV_TIMED_OUT;
}

void hear_of_range_at(int line, uint32_t from, uint32_t id, uint64_t page, uint64_t pages)
{
    hear_at(line, from, id);
    CHECK_EQUAL(got_word(me.actor, 0), page * PAGE);
    CHECK_EQUAL(got_word(me.actor, 1), pages * PAGE);
}

uint32_t hear_init(uint32_t from)
{
    hear_at(__LINE__, from, MEMORY_PAGER_ID_INIT);
    return (uint32_t)got_descriptor(me.actor, 0).value;
}

void drop_control(uint32_t name)
{
    if (name != MSG_DEAD)
        drop_name(name);
}

/* ---- who waits ---- */

static void call_vm(uint32_t id, uint64_t first, uint64_t second)
{
    post(reader, (struct message){.dest = me.task,
                                  .remote = MSG_COPY_SEND,
                                  .id = id,
                                  .how_local = MSG_MAKE_REPLY,
                                  .receive = MSG_REPLY,
                                  .length = 16,
                                  .size = 512,
                                  .body = {first, second}});
}

void read_page(uint64_t at, unsigned page)
{
    call_vm(VM_ID_READ, at + (uint64_t)page * PAGE, 8);
}

void write_page(uint64_t at, unsigned page, uint32_t what)
{
    call_vm(VM_ID_WRITE, at + (uint64_t)page * PAGE, sizeof(what) | (uint64_t)what << 32);
}

void check_done_at(int line, kern_return_t kr)
{
    rest();
    if (!is_done(reader) || got_id(reader) != (uint32_t)kr)
        fprintf(stderr, "line %d: reader done %d\n", line, is_done(reader));
    CHECK(is_done(reader));
    CHECK_EQUAL(got_id(reader), kr);
}

uint64_t word_at(uint64_t address)
{
    uint64_t word = 0;
    uint32_t size;
    OK(vm_read(me.task, address, sizeof(word), (uint8_t *)&word, &size));
    CHECK_EQUAL(size, sizeof(word));
    return word;
}

struct hold {
    struct thread *thread;
    bool stops;
};

static void do_hold(void *argument)
{
    struct hold *hold = argument;
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = hold->stops ? (thread_suspend)(hold->thread, &progress)
                         : (thread_resume_count)(hold->thread);
    while (kr == KERN_RETRY);
    OK(kr);
}

void hold_still(struct actor *a, bool stops)
{
    in_kernel(do_hold, &(struct hold){a->thread, stops});
    rest();
}
