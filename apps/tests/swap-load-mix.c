/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the workers of swap-load do beside looking at their own pages: families of forks, whose copies go out and come back; memory that all of them share;
 * messages with memory, each to the next.
 *
 * A fork or a message that there is no memory for just now is not made; what has been made is right.
 */
#include "swap-load.h"
#include <libsys/clone.h>
#include <libsys/memory.h>
#include <libsys/thread.h>
#include <wharf/if/port.h>

enum {
    GENERATIONS = 2,
    CHILDREN = 2,
    LOOKS = 24,    /* of a child at pages that it has a copy of */
    SENT_MAX = 24, /* pages of a message */
    HELD = 4,      /* messages whose memory a worker keeps */
    SHARED_LOOKS = 8,
    SOON = 1,         /* a moment that has passed */
    SHARED_WHO = 200, /* who writes shared pages */
};

/* Of a page that all share: who has it, and its version. */
struct shared_page {
    _Atomic uint32_t busy;
    uint32_t version;
};

/* Of one worker's families, in memory that they share: as many have ended as have begun when all have. */
struct family {
    _Atomic uint32_t begun, ended;
};

struct held {
    struct memory_received memory;
    uint64_t who;
};

static unsigned workers, shared_pages;
static mach_port_name_t ports[WORKERS_MAX];
static uint64_t *shared_area;
static struct shared_page *shared_page;
static struct family *family;
static struct held held[HELD];

static unsigned records(void)
{
    return (unsigned)(shared_pages * sizeof(*shared_page) / PAGE + 1);
}

void mix_begin(unsigned worker_count, unsigned pages)
{
    workers = worker_count;
    shared_pages = pages;
    shared_area = pages_make_shared(pages);
    shared_page = pages_make_shared(records());
    for (unsigned page = 0; page < pages; page++)
        page_fill(shared_area, SHARED_WHO, page, 0);
    for (unsigned i = 0; i < workers; i++) {
        mach_port_name_t name;
        OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &ports[i]));
        OK(port_insert_made_send(me(), ports[i], ports[i], &name));
    }
}

mach_port_name_t mix_port(unsigned number)
{
    return ports[number];
}

void mix_end(void)
{
    for (unsigned page = 0; page < shared_pages; page++)
        page_report(page_is(shared_area, SHARED_WHO, page, shared_page[page].version),
                    "shared page", 0, page);
    pages_drop(shared_area, shared_pages);
    pages_drop(shared_page, records());
    for (unsigned i = 0; i < workers; i++)
        OK(port_deallocate(me(), ports[i]));
}

/* ---- shared memory ---- */

static void use_shared(uint64_t who, uint64_t *dice)
{
    for (unsigned i = 0; i < SHARED_LOOKS; i++) {
        const uint64_t roll = dice_next(dice), page = roll % shared_pages;
        struct shared_page *record = &shared_page[page];
        if (atomic_exchange(&record->busy, 1) != 0)
            continue;
        page_report(page_is(shared_area, SHARED_WHO, page, record->version), "shared page", who,
                    page);
        if (roll >> 62 == 0)
            page_fill(shared_area, SHARED_WHO, page, ++record->version);
        atomic_store(&record->busy, 0);
        atomic_fetch_add(&board->shared, 1);
    }
}

/* ---- forks ---- */

struct child {
    struct worker *parent; /* in the child: its copy */
    uint64_t dice;
    unsigned depth;
};

static int live(void *argument);

static bool is_short(kern_return_t kr)
{
    return kr == KERN_RESOURCE_SHORTAGE || kr == KERN_LIMIT;
}

/* It goes on without whoever made it. */
static void make_child(const struct child *child)
{
    struct clone clone;

    atomic_fetch_add(&family->begun, 1);
    const kern_return_t kr = clone_make(&clone, live, (void *)child, THREAD_PRIORITY_DEFAULT);
    if (kr != KERN_SUCCESS) {
        CHECK(is_short(kr));
        atomic_fetch_add(&board->refused, 1);
        atomic_fetch_add(&family->ended, 1);
        return;
    }
    atomic_fetch_add(&board->forks, 1);
    OK(clone_run(&clone));
    OK(port_deallocate(me(), clone.task));
    OK(port_deallocate(me(), clone.thread));
}

static void look_at_copies(struct worker *self, uint64_t dice, bool change)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        const uint64_t page = dice_next(&dice) % self->pages;
        page_report(page_is(self->area, self->who, page, self->version[page]), "copy of page",
                    self->who, page);
        if (change && i % 3 == 0)
            page_fill(self->area, self->who, page, ++self->version[page]);
    }
}

static int live(void *argument)
{
    struct child self = *(const struct child *)argument;
    struct child next = {.parent = self.parent, .depth = self.depth - 1};
    const unsigned failed_before = check_failures();

    look_at_copies(self.parent, self.dice, true);
    for (unsigned i = 0; self.depth > 1 && i < CHILDREN; i++) {
        next.dice = dice_next(&self.dice);
        make_child(&next);
    }
    look_at_copies(self.parent, self.dice, true);
    use_shared(self.parent->who, &self.dice);
    look_at_copies(self.parent, self.dice, false);
    atomic_fetch_add(&board->failures, check_failures() - failed_before);
    atomic_fetch_add(&family->ended, 1);
    return 0;
}

static bool has_family(void)
{
    return atomic_load(&family->ended) != atomic_load(&family->begun);
}

static void fork_some(struct worker *self)
{
    const struct child child = {.parent = self,
                                .dice = dice_next(&self->dice),
                                .depth = GENERATIONS};

    if (!has_family())
        make_child(&child);
}

/* ---- messages ---- */

/* Pages of the sender's area, as they are, each of which says what it is; the receiver knows from which on. */
static void send_some(struct worker *self)
{
    const uint64_t roll = dice_next(&self->dice), first = roll % self->pages;
    uint64_t count = (roll >> 32) % SENT_MAX + 1;

    if (count > self->pages - first)
        count = self->pages - first;
    const kern_return_t kr =
        memory_send(ports[self->who % workers], (uint32_t)first, self->area + first * PAGE_WORDS,
                    (uint32_t)(count * PAGE), false, SOON);
    if (kr == KERN_SUCCESS)
        atomic_fetch_add(&board->messages, 1);
    else if (kr != MACH_SEND_NO_BUFFER &&
             kr != MACH_SEND_INVALID_DEST) /* the next may have ended */
        CHECK_EQUAL(kr, MACH_SEND_TIMED_OUT);
}

/* As they came: written to by nobody but who sent them, and him only his own. */
static void look_at_held(const struct held *what)
{
    const uint64_t first = what->memory.id, count = what->memory.size / PAGE;
    const uint64_t *area = (const uint64_t *)what->memory.at - first * PAGE_WORDS;

    for (uint64_t page = first; page < first + count; page++)
        page_report(page_is(area, what->who, page, page_version(area, page)),
                    "page of a message from", what->who, page);
}

static void drop(struct held *what)
{
    if (!what->memory.at)
        return;
    look_at_held(what);
    memory_release(what->memory.at, what->memory.size);
    what->memory.at = NULL;
}

static void receive_some(struct worker *self)
{
    struct held *what = &held[dice_next(&self->dice) % HELD];

    drop(what);
    const kern_return_t kr = memory_receive(ports[self->who - 1], SOON, &what->memory);
    if (kr == KERN_SUCCESS) {
        what->who = (self->who + workers - 2) % workers + 1;
        look_at_held(what);
    } else {
        what->memory.at = NULL;
        CHECK_EQUAL(kr, MACH_RCV_TIMED_OUT);
    }
}

/* ---- all of it ---- */

void mix_enter(void)
{
    family = pages_make_shared(1);
}

void mix_do(struct worker *self)
{
    const uint64_t roll = dice_next(&self->dice) % 16;

    if (roll < 3)
        use_shared(self->who, &self->dice);
    else if (roll < 6)
        send_some(self);
    else if (roll < 9)
        receive_some(self);
    else if (roll == 9)
        fork_some(self);
}

void mix_leave(void)
{
    while (has_family())
        pause_for(10000);
    for (unsigned i = 0; i < HELD; i++)
        drop(&held[i]);
}
