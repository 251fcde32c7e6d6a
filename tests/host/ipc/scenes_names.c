/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names.
 */
#include "scenes.h"

#include <string.h>

void scene_stale_names_fail(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), old = send_to(s, r, p), name = 0;
    CHECK_EQUAL(drop(s, old), KERN_SUCCESS);
    for (unsigned n = 0; n < 1000; n++) {
        name = send_to(s, r, p);
        if (name >> 16 == old >> 16)
            break;
        CHECK_EQUAL(drop(s, name), KERN_SUCCESS);
    }
    CHECK(name >> 16 == old >> 16 && name != old); /* the same entry, used again */
    FAILS(MACH_SEND_INVALID_DEST, s, to(old, 1));
    CHECK_EQUAL(drop(s, old), KERN_INVALID_NAME);
    CHECK_EQUAL(refs(s, old, RIGHT_SEND, 1), KERN_INVALID_NAME);
    FAILS(MACH_RCV_INVALID_NAME, s, poll(old));
    OK(s, to(name, 2));
    expect_id(r, p, 2);
    /* Entries are used in turn, so that a stale name stays stale for long. */
    uint32_t a = dead_new(s, 1);
    CHECK_EQUAL(drop(s, a), KERN_SUCCESS);
    uint32_t b = dead_new(s, 1);
    CHECK(a >> 16 != b >> 16);
}

void scene_one_name_per_port(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), q = port_new(s), d = send_to(s, r, p);
    for (unsigned i = 2; i < 6; i++) {
        CHECK_EQUAL(send_to(s, r, p), d);
        check_name(s, d, RIGHT_SEND, i);
        CHECK_EQUAL(port_behind(r, p)->senders, 1); /* one right, several references */
    }
    struct message m = to(send_to(r, s, q), 1);
    put_port(r, &m, p, MSG_MAKE_SEND);
    put_port(r, &m, p, MSG_MAKE_SEND);
    put_port(r, &m, p, MSG_MOVE_RECEIVE);
    OK(r, m);
    OK(s, poll(q));
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQUAL(got_descriptor(s, i).value, d);
    check_name(s, d, RIGHT_SEND | RIGHT_RECEIVE, 7);
}

/* What a message brings beyond the limit is dropped in silence; calls tell. */
void scene_urefs_have_a_limit(void)
{
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    CHECK_EQUAL(refs(s, d, RIGHT_SEND, SPACE_UREFS_MAX - 1), KERN_SUCCESS);
    CHECK_EQUAL(refs(s, d, RIGHT_SEND, 1), KERN_UREFS_OVERFLOW);
    CHECK_EQUAL(send_to(s, r, p), d);
    check_name(s, d, RIGHT_SEND, SPACE_UREFS_MAX);
    CHECK_EQUAL(port_behind(r, p)->senders, 1);
    CHECK_EQUAL(refs(s, d, RIGHT_SEND, -SPACE_UREFS_MAX - 1), KERN_INVALID_VALUE);
    CHECK_EQUAL(refs(s, d, RIGHT_SEND, -SPACE_UREFS_MAX), KERN_SUCCESS);
    check_name(s, d, 0, 0);
    CHECK_EQUAL(refs(r, p, RIGHT_RECEIVE, 1), KERN_INVALID_VALUE);
    CHECK_EQUAL(refs(r, p, RIGHT_SEND, -1), KERN_INVALID_RIGHT);
    CHECK_EQUAL(refs(r, p, 3, -1), KERN_INVALID_VALUE);
    CHECK_EQUAL(drop(r, p), KERN_INVALID_RIGHT);
}

/* ---- many ---- */

enum { NAMES_MAX = SPACE_CHUNKS_MAX * SPACE_CHUNK_ENTRIES - 1 };

struct filling {
    struct space *space;
    uint32_t count, wanted;
    kern_return_t kr;
    uint32_t *names;
};

static void fill_some(void *argument)
{
    struct filling *f = argument;
    for (unsigned n = 0; n < 500 && f->count < f->wanted && f->kr == KERN_SUCCESS; n++) {
        f->kr = space_allocate(f->space, RIGHT_DEAD, &f->names[f->count]);
        f->count += f->kr == KERN_SUCCESS;
    }
}

static void empty_some(void *argument)
{
    struct filling *f = argument;
    for (unsigned n = 0; n < 500 && f->count > 0; n++)
        CHECK_EQUAL(space_deallocate(f->space, f->names[--f->count]), KERN_SUCCESS);
}

static void fill(struct filling *f)
{
    while (f->kr == KERN_SUCCESS && f->count < f->wanted)
        in_kernel(fill_some, f);
}

/* All there are; then an error, until one is given back. A message that brings a right stays queued. */
void scene_names_run_out(void)
{
    static uint32_t names[NAMES_MAX + 1];
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t p = port_new(r), d = send_to(s, r, p);
    struct filling f = {r->task->space, .wanted = NAMES_MAX + 1, .names = names};
    fill(&f);
    CHECK_EQUAL(f.kr, KERN_NO_SPACE);
    CHECK_EQUAL(f.count, NAMES_MAX - 1); /* p has one */
    struct message m = to(d, 5);
    put_port(s, &m, port_new(s), MSG_MOVE_RECEIVE);
    OK(s, m);
    FAILS(MACH_RCV_NO_SPACE, r, poll(p));
    OK(s, to(d, 6)); /* nothing overtakes it */
    FAILS(MACH_RCV_NO_SPACE, r, poll(p));
    CHECK_EQUAL(drop(r, names[4711]), KERN_SUCCESS);
    expect_id(r, p, 5);
    CHECK_EQUAL(got_seqno(r), 0);
    CHECK_EQUAL((uint32_t)got_descriptor(r, 0).value >> 16, names[4711] >> 16);
    expect_id(r, p, 6);
    f.names[4711] = f.names[f.count - 1];
    f.count--;
    CHECK(rights_of(r, names[0]) == RIGHT_DEAD); /* checks the whole space */
    while (f.count > 30000)
        in_kernel(empty_some, &f);
    CHECK(rights_of(r, names[0]) == RIGHT_DEAD);
}

/* Many ports, every one found again under its one name. */
/* ---- which entry is next (N6) ---- */

static uint32_t index_of_new(struct actor *a)
{
    return dead_new(a, 1) >> 16;
}

/* Never used ones first, however many have been freed; then the freed ones in their order; then a chunk more. */
void scene_names_come_back_late(void)
{
    struct actor *a = actor_new();
    uint32_t name[SPACE_CHUNK_ENTRIES], first = index_of_new(a);
    for (unsigned i = 0; i < 5; i++) {
        name[i] = dead_new(a, 1);
        CHECK_EQUAL(name[i] >> 16, first + 1 + i);
    }
    CHECK_EQUAL(drop(a, name[3]), KERN_SUCCESS);
    CHECK_EQUAL(drop(a, name[1]), KERN_SUCCESS);
    for (unsigned i = first + 6; i < SPACE_CHUNK_ENTRIES; i++)
        CHECK_EQUAL(index_of_new(a), i);
    check_name(a, name[0], RIGHT_DEAD, 1); /* checks the whole space */
    CHECK_EQUAL(index_of_new(a), name[3] >> 16);
    CHECK_EQUAL(drop(a, name[4]), KERN_SUCCESS);
    CHECK_EQUAL(index_of_new(a), name[1] >> 16);
    CHECK_EQUAL(index_of_new(a), name[4] >> 16);
    check_name(a, name[4], 0, 0);
    for (unsigned i = SPACE_CHUNK_ENTRIES; i < 4 * SPACE_CHUNK_ENTRIES; i++) {
        uint32_t next = dead_new(a, 1), spare = i % SPACE_CHUNK_ENTRIES;
        CHECK_EQUAL(next, i << 16 | 1); /* of the first generation */
        if (spare == 3)
            CHECK_EQUAL(drop(a, name[0] = next), KERN_SUCCESS);
        if (spare == SPACE_CHUNK_ENTRIES - 1)
            CHECK_EQUAL(index_of_new(a), name[0] >> 16);
    }
    check_name(a, name[0], 0, 0);
}

/* The space grows by its first chunk, others, and the table of them, or by nothing. */
void scene_every_allocation_of_a_name_fails(void)
{
    struct actor *a = actor_new();
    unsigned failed = 0;
    for (unsigned i = 1; i < 4 * SPACE_CHUNK_ENTRIES; i++) {
        struct filling f = {a->task->space, .wanted = 1, .names = (uint32_t[1]){0}};
        int64_t objects = objects_now();
        for (unsigned n = 1; f.count == 0; n++) {
            f.kr = KERN_SUCCESS;
            (void)alloc_fail_nth(n);
            in_kernel(fill_some, &f);
            (void)alloc_fail_nth(0);
            failed += f.kr != KERN_SUCCESS;
            if (f.kr == KERN_SUCCESS)
                continue;
            CHECK_EQUAL(f.kr, KERN_RESOURCE_SHORTAGE);
            CHECK(objects_now() <= objects + 1); /* the table of chunks may stay */
            CHECK(space_check(a->task->space));
        }
        CHECK_EQUAL(f.names[0], i << 16 | 1);
    }
    CHECK(failed >= 4);
}

/* What is listed ends where no name has been yet, and long lists come in pieces. */
void scene_names_are_listed_in_pieces(void)
{
    enum { COUNT = 300 };
    struct actor *r = actor_new(), *s = actor_new();
    uint32_t names[COUNT], rights[COUNT], next = 0, seen = 0, pieces = 0, port[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        port[i] = port_new(r);
        CHECK(send_to(s, r, port[i]) != 0);
    }
    for (unsigned i = 0; i < COUNT; i += 2)
        kill_port(r, port[i]); /* s has not looked */
    do {
        uint32_t n = space_list(s->task->space, next, COUNT, names, rights, &next);
        for (unsigned i = 0; i < n; i++)
            CHECK_EQUAL(rights[i], (seen + i) % 2 ? RIGHT_SEND : RIGHT_DEAD);
        seen += n;
        pieces++;
    } while (next);
    CHECK_EQUAL(seen, COUNT);
    CHECK(pieces > 1);
    end_task(s); /* all its chunks, in steps */
}

void scene_many_ports(void)
{
    enum { COUNT = 5000 };
    static uint32_t port[COUNT], right[COUNT];
    struct actor *r = actor_new(), *s = actor_new();
    for (unsigned i = 0; i < COUNT; i++) {
        port[i] = port_new(r);
        right[i] = send_to(s, r, port[i]);
    }
    for (unsigned i = 0; i < COUNT; i += 7)
        CHECK_EQUAL(send_to(s, r, port[i]), right[i]);
    for (unsigned i = 0; i < COUNT; i += 2)
        CHECK_EQUAL(refs(s, right[i], RIGHT_SEND, i % 7 ? -1 : -2), KERN_SUCCESS);
    for (unsigned i = 0; i < COUNT; i += 97)
        check_name(s, right[i], i % 2 ? RIGHT_SEND : 0, i % 2 ? (i % 7 ? 1 : 2) : 0);
    for (unsigned i = 0; i < COUNT; i += 3)
        CHECK_EQUAL(refs(r, port[i], RIGHT_RECEIVE, -1), KERN_SUCCESS);
    rest();
    check_name(s, right[3], RIGHT_DEAD, 1);
}

/* ---- fork ---- */

static void copy_space(void *argument)
{
    struct actor **both = argument;
    uint32_t progress = 0;
    kern_return_t kr;
    do
        kr = space_copy_send_rights(both[0]->task->space, both[1]->task->space, &progress);
    while (kr == KERN_RETRY);
    CHECK_EQUAL(kr, KERN_SUCCESS);
}

/* The child has the send rights and dead names under the same names, and no other right. */
void scene_fork_copies_send_rights(void)
{
    struct actor *r = actor_new(), *s = actor_new(), *child = actor_new(), *both[] = {s, child};
    uint32_t p = port_new(r), d = 0, q = port_new(s), once = once_to(s, r, p), set = set_new(s);
    uint32_t dead = dead_new(s, 3), stays[150];
    for (unsigned i = 0; i < 400; i++) { /* far back, of a later generation */
        uint32_t name = dead_new(s, 1);
        if (i >= 250)
            stays[i - 250] = name;
        else
            CHECK_EQUAL(drop(s, name), KERN_SUCCESS);
    }
    d = send_to(s, r, p);
    CHECK_EQUAL(refs(s, d, RIGHT_SEND, 1), KERN_SUCCESS);
    CHECK_EQUAL(send_to(s, s, q), q);
    uint32_t lost = port_new(r), to_lost = send_to(s, r, lost);
    kill_port(r, lost); /* s has not looked */
    in_kernel(copy_space, both);
    check_name(child, d, RIGHT_SEND, 2);
    check_name(child, q, RIGHT_SEND, 1);
    check_name(child, dead, RIGHT_DEAD, 3);
    check_name(child, to_lost, RIGHT_DEAD, 1);
    check_name(child, once, 0, 0);
    check_name(child, set, 0, 0);
    for (unsigned i = 0; i < array_count(stays); i++)
        check_name(child, stays[i], RIGHT_DEAD, 1);
    CHECK_EQUAL(port_behind(r, p)->senders, 2);
    CHECK_EQUAL(port_behind(r, p)->make_sends, 1);
    OK(child, to(d, 5));
    expect_id(r, p, 5);
    for (unsigned i = 0; i < 300; i++) { /* new names take none that is used */
        uint32_t name = port_new(child);
        check_name(child, name, RIGHT_RECEIVE, 0);
        check_name(child, d, RIGHT_SEND, 2);
    }
    end_task(s);
    check_name(child, q, RIGHT_DEAD, 1);
    check_name(child, d, RIGHT_SEND, 2);
}
