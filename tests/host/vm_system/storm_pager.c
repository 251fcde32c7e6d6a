/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An honest pager as a program (storm.h): what it has to keep, its store, is its own memory, a page for each of the object. It supplies
 * what it is asked for, fetches what comes back, and has pages returned and taken away all the time.
 */
#include "storm.h"

#include <string.h>

enum { LISTEN = 2000 /* ns */ };

static uint64_t chance_of(struct storm_pager *p, uint64_t bound)
{
    return host_random_below(&p->random, bound);
}

/* ---- calls ---- */

static void call(struct storm_pager *p, uint32_t dest, uint32_t id, uint32_t length,
                 const uint64_t *words, struct host_action *next)
{
    struct message m = {.dest = dest,
                        .remote = MSG_COPY_SEND,
                        .id = id,
                        .how_local = MSG_MAKE_REPLY,
                        .receive = MSG_REPLY,
                        .length = length,
                        .size = 256};
    memcpy(m.body, words, length);
    p->called = id;
    fill_action(p->actor, &m, next);
}

static void listen(struct storm_pager *p, struct host_action *next)
{
    struct message m = {.receive = p->port, .size = 256, .deadline = moment(LISTEN)};
    p->called = 0;
    fill_action(p->actor, &m, next);
}

/* ---- what is heard ---- */

static void hear(struct storm_pager *p)
{
    struct actor *a = p->actor;
    unsigned first, count;
    if (a->x[0] != 0) {
        CHECK_EQUAL(-(int64_t)a->x[0], MACH_RCV_TIMED_OUT);
        return;
    }
    first = (unsigned)(got_word(a, 0) >> PAGE_SHIFT);
    count = (unsigned)(got_word(a, 1) >> PAGE_SHIFT);
    switch (got_id(a)) {
    case MEMORY_PAGER_ID_INIT:
        p->control = (uint32_t)got_descriptor(a, 0).value;
        p->tells_ready = p->control != MSG_DEAD;
        p->inits++;
        break;
    case MEMORY_PAGER_ID_DATA_REQUEST:
        CHECK(first + count <= STORM_PAGES);
        p->supply = first;
        p->supplies = 1 + (unsigned)chance_of(p, count); /* read-ahead may be left out */
        p->requests++;
        break;
    case MEMORY_PAGER_ID_DATA_RETURN:
        CHECK(first + count <= STORM_PAGES);
        p->collect = first;
        p->collects = count;
        p->returns++;
        break;
    case MEMORY_PAGER_ID_TERMINATE:
        p->drops = p->control != MSG_DEAD;
        p->ends++;
        break;
    case MEMORY_PAGER_ID_LOCK_COMPLETED: break;
    default: host_machine_fail("a pager hears %x", got_id(a));
    }
}

/* The object may have ended meanwhile. */
static void check_answer(struct storm_pager *p)
{
    struct actor *a = p->actor;
    unsigned error = (unsigned)-(int64_t)a->x[0];
    CHECK(error == 0 || error == MACH_SEND_INVALID_DEST);
    kern_return_t kr = (kern_return_t)got_id(a);
    bool gone = error != 0 || kr == KERN_TERMINATED || kr == KERN_INVALID_CAPABILITY;
    switch (p->called) {
    case MEMORY_OBJECT_ID_COLLECT: CHECK(gone || kr == KERN_SUCCESS || kr == KERN_NOT_FOUND); break;
    default: CHECK(gone || kr == KERN_SUCCESS); break;
    }
}

/* ---- what is to be done ---- */

static bool go_on(struct storm_pager *p, struct host_action *next)
{
    uint64_t offset, words[4] = {0};
    if (p->tells_ready) {
        p->tells_ready = false;
        words[0] = (1 + chance_of(p, 4)) * PAGE << 32;
        call(p, p->control, MEMORY_OBJECT_ID_READY, 8, words, next);
    } else if (p->collects > 0) {
        offset = (uint64_t)p->collect++ * PAGE;
        p->collects--;
        call(p, p->control, MEMORY_OBJECT_ID_COLLECT, 16,
             (const uint64_t[]){offset, p->store + offset}, next);
    } else if (p->supplies > 0) {
        offset = (uint64_t)p->supply * PAGE;
        call(p, p->control, MEMORY_OBJECT_ID_SUPPLY, 32,
             (const uint64_t[]){offset, p->store + offset, (uint64_t)p->supplies * PAGE, 0}, next);
        p->supplies = 0;
    } else if (p->drops) {
        p->drops = false;
        call(p, p->own_task, PORT_ID_DEALLOCATE, 8, (const uint64_t[]){p->control}, next);
    } else {
        return false;
    }
    return true;
}

/* What is clean is in the store, too, and may go at once. */
static void take_away(struct storm_pager *p, struct host_action *next)
{
    uint64_t first = chance_of(p, STORM_PAGES), count = 1 + chance_of(p, STORM_PAGES - first);
    uint64_t what = 1 + chance_of(p, 2), flush = chance_of(p, 4) > 0;
    call(p, p->control, MEMORY_OBJECT_ID_LOCK_REQUEST, 24,
         (const uint64_t[]){first * PAGE, count * PAGE, what | flush << 32}, next);
}

bool storm_pager_program(struct actor *self, struct host_action *next)
{
    struct storm_pager *p = (struct storm_pager *)(uintptr_t)self->state[0];
    if (p->called)
        check_answer(p);
    else if (p->began)
        hear(p);
    p->began = true;
    if (go_on(p, next))
        return true;
    if (atomic_load(&p->stop))
        return false;
    if (p->control && !p->called && chance_of(p, 3) == 0)
        take_away(p, next);
    else
        listen(p, next);
    return true;
}
