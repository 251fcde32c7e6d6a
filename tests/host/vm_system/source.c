/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of pagers as they should be (player.h; docs/pagers.md says so in prose), and that they are.
 */
#include "player.h"

#include <kern/frame.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES_MAX = 64 };
static struct source *sources[SOURCES_MAX];

struct source *source_at(unsigned i)
{
    for (unsigned n = 0; n < SOURCES_MAX; n++)
        if (sources[n] && i-- == 0)
            return sources[n];
    return NULL;
}

static struct source *source_new(struct pager *pager)
{
    struct source *source = calloc(1, sizeof(*source));
    unsigned n = 0;
    CHECK(source != NULL);
    while (n < SOURCES_MAX && sources[n])
        n++;
    CHECK(n < SOURCES_MAX);
    sources[n] = source;
    source->pager = pager;
    pager->source = source;
    pager->inits++;
    return source;
}

static void source_free(struct source *source)
{
    for (unsigned n = 0; n < SOURCES_MAX; n++)
        if (sources[n] == source)
            sources[n] = NULL;
    free(source);
}

struct source *source_attach(struct pager *pager, uint64_t end)
{
    struct source *source = pager->source ? pager->source : source_new(pager);
    if (source->end < end)
        source->end = end;
    if (source->state == SOURCE_ENDING)
        source->state = SOURCE_READY;
    return source;
}

/* ---- the end ---- */

/* All that was asked to be returned has been fetched. */
static void check_locking(struct source *source)
{
    if (!source->locking || source->asked > 0)
        return;
    source->locking = false;
    if (source->pager)
        source->pager->completions++;
}

/* What it has not sent yet it may never send. */
static void leave(struct pager *pager)
{
    pager->source = NULL;
    pager->doubtful_completions += pager->completions;
    pager->completions = 0;
}

static void gone(struct source *source)
{
    struct pager *pager = source->pager;
    if (pager) {
        leave(pager);
        pager->terminates++;
        CHECK(port_behind(me.actor, pager->port)->object == NULL);
    }
    source_free(source);
}

static void return_page(struct source *source, struct source_page *page, bool goes, bool asked)
{
    source->asked += asked && !page->asked;
    page->asked |= asked;
    page->goes |= goes;
    if (!page->returning)
        source->unfetched++;
    page->returning = true;
}

/* A lock_request goes on meanwhile, and afterwards if it is used again. */
static void begin_end(struct source *source)
{
    if (source->state != SOURCE_READY) {
        gone(source);
        return;
    }
    source->state = SOURCE_ENDING;
    for (unsigned i = 0; i < SOURCE_PAGES; i++)
        if (source->page[i].present && source->page[i].dirty)
            return_page(source, &source->page[i], true, false);
    if (source->unfetched == 0)
        gone(source);
}

void source_use(struct source *source)
{
    source->uses++;
}

void source_unuse(struct source *source)
{
    if (--source->uses == 0)
        begin_end(source);
}

void source_time_is_over(void)
{
    for (unsigned n = 0; n < SOURCES_MAX; n++)
        if (sources[n] && sources[n]->state == SOURCE_ENDING)
            gone(sources[n]);
}

void source_die(struct source *source, kern_return_t why, uint32_t reason)
{
    struct pager *pager = source->pager;
    bool ending = source->state == SOURCE_ENDING;
    source->pager = NULL;
    leave(pager);
    source->locking = false;
    if (ending) {
        source_free(source);
        return;
    }
    if (why == KERN_TERMINATED) {
        pager->terminates++;
        memcpy(source->destroyed, source->page, sizeof(source->page));
        source->just_destroyed = true;
        memset(source->page, 0, sizeof(source->page));
        source->unfetched = source->asked = 0;
    }
    source->state = SOURCE_DEAD;
    source->why = why;
    source->reason = reason;
}

/* Its pages as they were, or not any more. */
static void exchange(struct source *source)
{
    for (unsigned i = 0; i < SOURCE_PAGES; i++) {
        struct source_page page = source->page[i];
        source->page[i] = source->destroyed[i];
        source->destroyed[i] = page;
    }
}

bool source_exchange(struct source *source)
{
    if (source->just_destroyed)
        exchange(source);
    return source->just_destroyed;
}

void sources_step_ends(void)
{
    for (unsigned n = 0; n < SOURCES_MAX; n++)
        if (sources[n])
            sources[n]->just_destroyed = false;
}

/* ---- pages ---- */

kern_return_t source_find(struct source *source, unsigned number, struct source_page **out)
{
    bool seen = source->state == SOURCE_READY || source->state == SOURCE_DEAD;
    CHECK(number < SOURCE_PAGES && source->state != SOURCE_ENDING);
    *out = &source->page[number];
    if (seen && (*out)->present)
        return KERN_SUCCESS;
    return source->state == SOURCE_DEAD ? source->why : KERN_RETRY;
}

static void take_out(struct source *source, struct source_page *page)
{
    if (page->returning)
        source->unfetched--;
    source->asked -= page->asked;
    *page = (struct source_page){.present = false};
}

kern_return_t source_supply(struct source *source, unsigned first, unsigned count,
                            const struct content *contents)
{
    if (source->state > SOURCE_READY)
        return KERN_TERMINATED;
    for (unsigned i = 0; i < count && first + i < source->end; i++) {
        struct source_page *page = &source->page[first + i];
        if (source->state == SOURCE_INIT)
            return KERN_TERMINATED;
        if (!page->present)
            *page = (struct source_page){.present = true, .content = contents[i]};
    }
    return KERN_SUCCESS;
}

kern_return_t source_lock(struct source *source, unsigned first, unsigned count, unsigned what,
                          bool flush, bool notify)
{
    if (source->state != SOURCE_READY)
        return KERN_TERMINATED;
    if (notify && (source->locking || source->object->lock_due))
        return KERN_BUSY;
    for (unsigned i = first; i < first + count && i < SOURCE_PAGES; i++) {
        struct source_page *page = &source->page[i];
        if (!page->present)
            continue;
        if (what == MEMORY_OBJECT_RETURNS_ALL ||
            (what == MEMORY_OBJECT_RETURNS_DIRTY && page->dirty))
            return_page(source, page, flush, notify);
        else if (flush)
            take_out(source, page);
    }
    source->locking |= notify;
    check_locking(source);
    return KERN_SUCCESS;
}

void source_collected(struct source *source, unsigned number, bool fetched)
{
    struct source_page *page = &source->page[number];
    page->dirty = !fetched;
    if (!fetched || !page->returning)
        return;
    source->unfetched--;
    source->asked -= page->asked;
    page->returning = page->asked = false;
    if (page->goes)
        *page = (struct source_page){.present = false};
    check_locking(source);
    if (source->state == SOURCE_ENDING && source->unfetched == 0)
        gone(source);
}

/* The bits that kernel/vm/paged_pages.c has. */
enum {
    RETURNING = FRAME_FLAG_OWNER << 1,
    GOES = FRAME_FLAG_OWNER << 2,
    WRITTEN = FRAME_FLAG_OWNER << 3,
    ASKED = FRAME_FLAG_OWNER << 4
};

unsigned swap_owner_flags(
    const struct anon *anon); /* kern/swap.h, whose functions have programs' names */

static unsigned flags_of(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);
    return frame ? atomic_load(&frame->flags) : swap_owner_flags(anon);
}

/* Whether the kernel has looked for written pages once more depends on who was faster. */
void source_relapse(struct source *source)
{
    source->uses--;
    source->state = SOURCE_ENDING;
    for (unsigned i = 0; i < SOURCE_PAGES; i++) {
        struct source_page *page = &source->page[i];
        struct anon *anon = amap_lookup(source->object->cache, i);
        if (!page->dirty || !anon)
            continue;
        unsigned flags = flags_of(anon);
        source->unfetched += !page->returning && (flags & RETURNING);
        page->returning |= !!(flags & RETURNING);
        page->goes |= !!(flags & GOES);
    }
}

/* Pages were to leave: those that their pagers have, too, go, the others are to be fetched. */
static void reclaimed(struct source *source, unsigned number)
{
    struct source_page *page = &source->page[number];
    struct anon *anon = amap_lookup(source->object->cache, number);
    if (!page->present)
        return;
    if (!anon && !page->dirty && !page->returning) {
        *page = (struct source_page){.present = false};
    } else if (anon && page->dirty) {
        unsigned flags = flags_of(anon);
        source->unfetched += !page->returning && (flags & RETURNING);
        page->returning |= !!(flags & RETURNING);
        page->goes |= !!(flags & GOES);
    }
}

void sources_reclaimed(void)
{
    for (unsigned n = 0; n < SOURCES_MAX; n++)
        for (unsigned i = 0; sources[n] && i < SOURCE_PAGES; i++)
            reclaimed(sources[n], i);
}

/* ---- comparing ---- */

static void fail(const struct source *source, unsigned number, const char *what)
{
    host_machine_fail("object of port %x, page %u: %s", source->pager ? source->pager->port : 0,
                      number, what);
}

static void compare_one(struct source *source, unsigned number)
{
    struct source_page *page = &source->page[number];
    struct anon *anon = amap_lookup(source->object->cache, number);
    if (page->present != (anon != NULL))
        fail(source, number, page->present ? "is not there" : "is there");
    if (!anon)
        return;
    unsigned flags = flags_of(anon);
    const char *memory = anon_memory(anon);
    if (page->dirty != !!(flags & WRITTEN))
        fail(source, number, page->dirty ? "is not dirty" : "is dirty");
    if (page->asked != !!(flags & ASKED))
        fail(source, number, page->asked ? "is not awaited" : "is awaited");
    if (page->returning != !!(flags & RETURNING) || page->goes != !!(flags & GOES))
        host_machine_fail(
            "object of port %x, page %u: returns %d, goes %d, dirty %d, state %u, flags %x",
            source->pager ? source->pager->port : 0, number, page->returning, page->goes,
            page->dirty, source->state, flags);
    for (unsigned slot = 0; slot < WORDS; slot++) {
        uint32_t word;
        memcpy(&word, memory + word_offset(slot), sizeof(word));
        if (ops_was_recent(word))
            page->content.word[slot] = word;
        if (page->content.word[slot] != word)
            fail(source, number, "has other content");
    }
}

/* What could be sent and has not been, though nothing moves, has been forgotten. */
static void check_messages(const struct paged_object *o)
{
    bool busy = true;
    for (unsigned i = 0; i < PAGED_RETURNS; i++)
        busy = busy && o->returned[i].out;
    CHECK(!o->sending && !o->scanning && !o->wake_waiting);
    CHECK(!o->returning || busy);
    CHECK(!o->init_due || o->init.out);
    CHECK(!o->terminate_due || o->terminate.out);
    CHECK(!o->lock_due || o->locked.out);
    for (unsigned i = 0; i < PAGED_REQUESTS; i++) {
        const struct page_request *r = &o->request[i];
        CHECK(!r->waking);
        CHECK(r->state != REQUEST_DUE || r->message.out);
        CHECK(r->state != REQUEST_ANSWERED || r->message.out);
        CHECK(r->state != REQUEST_FREE || list_is_empty(&r->waiters));
    }
}

void compare_source(struct source *source)
{
    static const uint8_t states[] = {PAGED_INIT, PAGED_READY, PAGED_DEAD, PAGED_ENDING};
    CHECK_EQUAL(source->object->state, states[source->state]);
    CHECK_EQUAL(source->object->unfetched, source->unfetched);
    CHECK_EQUAL(source->object->asked, source->asked);
    CHECK_EQUAL(source->object->object.pages, source->end);
    CHECK_EQUAL(atomic_load(&source->object->object.references) > 0, source->uses > 0);
    check_messages(source->object);
    for (unsigned i = 0; i < SOURCE_PAGES; i++)
        compare_one(source, i);
}
