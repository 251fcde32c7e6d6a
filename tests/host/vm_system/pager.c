/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager of all objects, honest or not: it answers what it was asked, or something else, late, twice, short, from bad memory; has
 * pages returned and taken away, fetches them or does not, destroys objects, dies, and does not listen for a while.
 */
#include "player.h"

#include <kern/map.h>
#include <string.h>

enum { RUN = 24, BAD_ADDRESS = 0x10000000 };
struct pager pagers[PAGERS];
static uint64_t store; /* RUN pages of mine */

/* ---- hearing ---- */

static void hear_init(struct pager *p)
{
    uint32_t control = (uint32_t)got_descriptor(me.actor, 0).value;
    CHECK_EQUAL((uint32_t)got_word(me.actor, 2), PAGE);
    if (control != MSG_DEAD) { /* it has not ended already */
        if (p->control && p->control != control)
            pager_lost_control(p);
        p->control = control;
        p->urefs++;
    }
    if (p->inits > 0)
        p->inits--;
    else
        CHECK(p->doubtful_inits-- > 0);
}

static void hear_terminate(struct pager *p)
{
    if (p->terminates > 0)
        p->terminates--;
    else
        CHECK(p->doubtful_ends-- > 0);
    if (!p->source && p->inits == 0)
        pager_lost_control(p);
}

static void hear_request(struct pager *p, unsigned page, unsigned count)
{
    CHECK(count > 0 && page + count <= SOURCE_PAGES && got_word(me.actor, 2) <= PROT_EXECUTE);
    if (p->asked_count == array_count(p->asked)) {
        p->asked_count--;
        memmove(&p->asked[0], &p->asked[1], p->asked_count * sizeof(p->asked[0]));
    }
    p->asked[p->asked_count].page = page;
    p->asked[p->asked_count++].count = count;
}

static void hear_completion(struct pager *p)
{
    if (p->doubtful_completions > 0)
        p->doubtful_completions--;
    else
        CHECK(p->completions-- > 0);
}

static bool hear_one(struct pager *p)
{
    post(me.actor, (struct message){.receive = p->port, .size = 512, .deadline = PAST});
    if (result(me.actor) == MACH_RCV_TIMED_OUT)
        return false;
    CHECK_EQUAL(result(me.actor), KERN_SUCCESS);
    unsigned page = (unsigned)(got_word(me.actor, 0) >> PAGE_SHIFT);
    unsigned count = (unsigned)(got_word(me.actor, 1) >> PAGE_SHIFT);
    switch (got_id(me.actor)) {
    case MEMORY_PAGER_ID_INIT: hear_init(p); break;
    case MEMORY_PAGER_ID_TERMINATE: hear_terminate(p); break;
    case MEMORY_PAGER_ID_DATA_REQUEST: hear_request(p, page, count); break;
    case MEMORY_PAGER_ID_DATA_RETURN: CHECK(count > 0 && page + count <= SOURCE_PAGES); break;
    case MEMORY_PAGER_ID_LOCK_COMPLETED: hear_completion(p); break;
    default: host_machine_fail("a pager hears %x", got_id(me.actor));
    }
    return true;
}

void pager_lost_control(struct pager *p)
{
    while (p->urefs > 0) {
        drop_name(p->control);
        p->urefs--;
    }
    p->control = 0;
}

static void hear(struct pager *p)
{
    if (port_behind(me.actor, p->port)->queued == 0)
        return;
    while (hear_one(p))
        ;
    rest();
    CHECK_EQUAL(p->inits, 0);
    CHECK_EQUAL(p->terminates, 0);
    CHECK_EQUAL(p->completions, 0);
    if (!p->source)
        p->asked_count = 0;
    p->doubtful_inits = p->doubtful_ends = p->doubtful_completions = 0;
}

void pagers_hear(void)
{
    for (unsigned i = 0; i < PAGERS; i++)
        if (!pagers[i].deaf)
            hear(&pagers[i]);
}

/* ---- pages come ---- */

static struct content contents[RUN];

static void fill_store(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned slot = 0; slot < WORDS; slot++)
            contents[i].word[slot] = ++written;
        memory_write(me.actor, store + i * PAGE, contents[i].word, LAST_WORD * 4);
        memory_write(me.actor, store + i * PAGE + word_offset(LAST_WORD),
                     &contents[i].word[LAST_WORD], 4);
    }
}

/* What was asked for, mostly, or anything. */
static struct range some_run(struct pager *p)
{
    struct range r = {0, below(SOURCE_PAGES), 1 + below(6)};
    if (p->asked_count > 0 && !one_in(4)) {
        unsigned i = below(p->asked_count);
        r.first = p->asked[i].page;
        r.count = p->asked[i].count;
        if (one_in(4)) /* short */
            r.count = 1 + below(r.count);
        if (one_in(8) && r.count > 1) { /* not the one that is waited for */
            r.first++;
            r.count--;
        }
        if (!one_in(6)) /* or twice */
            p->asked[i] = p->asked[--p->asked_count];
    }
    if (r.count > SOURCE_PAGES - r.first)
        r.count = SOURCE_PAGES - r.first;
    return r;
}

/* Does any page of the run have to be had from my memory? */
static bool is_any_wanted(const struct source *s, struct range r)
{
    for (unsigned i = r.first; i < r.first + r.count; i++)
        if (i < s->end && (!s->page[i].present || s->state != SOURCE_READY))
            return true;
    return false;
}

static void supply(struct pager *p, struct source *s)
{
    struct range r = some_run(p);
    bool zeroes = one_in(4), bad = !zeroes && one_in(6);
    kern_return_t kr;
    if (bad) {
        ATTEMPT(kr, memory_object_supply(p->control, (uint64_t)r.first * PAGE, BAD_ADDRESS,
                                         (uint64_t)r.count * PAGE, 0));
        bool refused = s->state <= SOURCE_READY && is_any_wanted(s, r);
        CHECK_EQUAL(kr, s->state > SOURCE_READY ? KERN_TERMINATED
                        : refused               ? KERN_INVALID_ADDRESS
                                                : KERN_SUCCESS);
        return;
    }
    memset(contents, 0, sizeof(contents));
    if (zeroes) {
        ATTEMPT(kr, memory_object_unavailable(p->control, (uint64_t)r.first * PAGE,
                                              (uint64_t)r.count * PAGE));
    } else {
        fill_store(r.count);
        ATTEMPT(kr, memory_object_supply(p->control, (uint64_t)r.first * PAGE, store,
                                         (uint64_t)r.count * PAGE, 0));
    }
    CHECK_EQUAL(kr, source_supply(s, r.first, r.count, contents));
}

static void say_error(struct pager *p, struct source *s)
{
    struct range r = some_run(p);
    uint32_t reason = below(1 << 24);
    if (s->state == SOURCE_READY)
        ops_expect_error(s, r.first, r.count, KERN_MEMORY_ERROR, reason);
    CHECK_EQUAL(memory_object_error(p->control, (uint64_t)r.first * PAGE, (uint64_t)r.count * PAGE,
                                    reason),
                s->state > SOURCE_READY ? KERN_TERMINATED : KERN_SUCCESS);
}

/* ---- pages go ---- */

static void lock(struct pager *p, struct source *s)
{
    struct range r = {0, below(SOURCE_PAGES), 1 + below(SOURCE_PAGES)};
    unsigned what = below(3);
    bool flush = one_in(2), notify = one_in(2);
    kern_return_t must = source_lock(s, r.first, r.count, what, flush, notify);
    CHECK_EQUAL(memory_object_lock_request(p->control, (uint64_t)r.first * PAGE,
                                           (uint64_t)r.count * PAGE, what, flush, notify),
                must);
}

static void check_fetched(const struct source_page *page, unsigned at)
{
    struct content got;
    memory_read(me.actor, store + at * PAGE, got.word, LAST_WORD * 4);
    memory_read(me.actor, store + at * PAGE + word_offset(LAST_WORD), &got.word[LAST_WORD], 4);
    CHECK(memcmp(&got, &page->content, sizeof(got)) == 0);
}

/* One page: to be returned, if there is any. */
static void collect(struct pager *p, struct source *s)
{
    unsigned number = below(SOURCE_PAGES);
    bool bad = one_in(8);
    for (unsigned i = 0; i < SOURCE_PAGES && !s->page[number].returning; i++)
        number = (number + 1) % SOURCE_PAGES;
    struct source_page *page = &s->page[number];
    bool there = page->present && s->state != SOURCE_INIT;
    kern_return_t kr =
        memory_object_collect(p->control, (uint64_t)number * PAGE, bad ? BAD_ADDRESS : store);
    CHECK_EQUAL(kr, !there ? KERN_NOT_FOUND : bad ? KERN_INVALID_ADDRESS : KERN_SUCCESS);
    if (!there)
        return;
    if (!bad)
        check_fetched(page, 0);
    source_collected(s, number, !bad);
}

/* ---- the object ---- */

static void ready(struct pager *p, struct source *s)
{
    bool good = s->state <= SOURCE_READY;
    /* Objects that stay when nobody maps them are the scenes' (kobj/scenes_pager_cache.c). */
    CHECK_EQUAL(memory_object_ready(p->control, false, (1 + below(20)) * PAGE),
                good ? KERN_SUCCESS : KERN_TERMINATED);
    if (good)
        s->state = SOURCE_READY;
}

static void destroy(struct pager *p, struct source *s)
{
    uint32_t reason = below(1 << 24);
    bool good = s->state <= SOURCE_READY;
    CHECK_EQUAL(memory_object_destroy(p->control, reason), good ? KERN_SUCCESS : KERN_TERMINATED);
    if (good)
        source_die(s, KERN_TERMINATED, reason);
}

static void open_port(struct pager *p)
{
    trouble_pause();
    *p = (struct pager){.port = own_port()};
    trouble_go_on();
}

static void die(struct pager *p)
{
    OK(port_mod_refs(me.task, p->port, PORT_RIGHT_RECEIVE, -1));
    rest();
    drop_name(p->port);
    pager_lost_control(p);
    if (p->source)
        source_die(p->source, KERN_MEMORY_FAILURE, 0);
    open_port(p);
}

void step_pager(void)
{
    struct pager *p = &pagers[below(PAGERS)];
    struct source *s = p->source;
    if (one_in(60)) {
        p->deaf = !p->deaf;
        return;
    }
    if (one_in(400)) {
        die(p);
        return;
    }
    if (!s || !p->control || p->inits > 0) /* it has not heard of it */
        return;
    if (s->state == SOURCE_INIT && !one_in(8)) {
        ready(p, s);
        return;
    }
    unsigned what = below(24);
    tell("pager %u, state %u, does %u", (unsigned)(p - pagers), s->state, what);
    switch (what) {
    case 0: ready(p, s); break;
    case 1: say_error(p, s); break;
    case 2:
    case 3:
    case 4: lock(p, s); break;
    case 5:
        if (one_in(12))
            destroy(p, s);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10: collect(p, s); break;
    default: supply(p, s); break;
    }
}

/* For memory_write(). */
static void touch_store(void *nothing)
{
    (void)nothing;
    for (unsigned i = 0; i < RUN; i++)
        OK(vm_fault(NULL, me.actor->task, store + i * PAGE, PROT_WRITE));
}

void pagers_begin(void)
{
    OK(vm_allocate(me.task, 0, RUN * PAGE, VM_ANYWHERE, &store));
    in_kernel(touch_store, NULL);
    keep_in(me.actor->task, store, RUN);
    keep_in(me.actor->task, me.actor->send_va, 9);
    for (unsigned i = 0; i < PAGERS; i++)
        open_port(&pagers[i]);
}

void pagers_end(void)
{
    for (unsigned i = 0; i < PAGERS; i++) {
        hear(&pagers[i]);
        pager_lost_control(&pagers[i]);
    }
}
