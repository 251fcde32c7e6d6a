/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that change address spaces, made by `me` at the tasks' ports; and memory entries.
 */
#include "player.h"

#include <kern/map.h>

/* In one window; mostly small. */
struct range some_range(void)
{
    unsigned base = below(2) * WINDOW, at = below(WINDOW), most = one_in(8) ? WINDOW : 12;
    unsigned count = 1 + below(most);
    if (count > WINDOW - at)
        count = WINDOW - at;
    return (struct range){below(TASKS), base + at, count};
}

static unsigned some_protection(void)
{
    static const uint8_t prot[] = {0, READ, RW, RW, RW, RX};
    return prot[below(array_count(prot))];
}

/* What new memory is to be; its maximum is `most` or less. */
static struct page some_attributes(unsigned most)
{
    struct page as = {.max_prot = (uint8_t)(one_in(6) ? most & RX : most)};
    as.prot = (uint8_t)some_protection() & as.max_prot;
    as.inherit = (uint8_t)below(3);
    return as;
}

/* Memory would soon lie outside of the window. */
static void prepare(struct range r, bool anywhere)
{
    if (anywhere)
        model[r.task].task->map.hole_from = 0;
}

/* Where it has been put; false: nowhere, or outside of the windows, and it is not there any more. */
static bool is_placed(struct range *r, kern_return_t kr, bool anywhere, uint64_t at)
{
    if (!anywhere) {
        CHECK_EQUAL(kr, model_is_free(*r) ? KERN_SUCCESS : KERN_NO_SPACE);
        return kr == KERN_SUCCESS;
    }
    CHECK_EQUAL(kr, KERN_SUCCESS);
    r->first = page_at(at);
    if (r->first < PAGES && page_at(at + (r->count - 1) * PAGE_SIZE) < PAGES) {
        CHECK(model_is_free(*r));
        return true;
    }
    OK(vm_deallocate(model[r->task].name, at, (uint64_t)r->count * PAGE));
    return false;
}

/* ---- memory comes ---- */

void step_allocate(void)
{
    static const struct page as = {.prot = RW, .max_prot = ALL, .inherit = VM_INHERIT_COPY};
    struct range r = some_range();
    bool anywhere = one_in(3);
    uint64_t at;
    kern_return_t kr;
    prepare(r, anywhere);
    ATTEMPT(kr, vm_allocate(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE,
                            anywhere ? VM_ANYWHERE : 0, &at));
    if (!is_placed(&r, kr, anywhere, at))
        return;
    model_enter(r, NULL, 0, &as);
    compare_later(r);
}

/* Nothing has been mapped: what was attached for it is not needed. */
static void detach(struct source *source, bool was_ending)
{
    if (was_ending)
        source_relapse(source);
    else
        source_unuse(source);
}

/* There was no memory for it; whether the object was found, or made, is not known. */
static void not_mapped(struct pager *pager, bool was_ending)
{
    struct source *source = pager->source;
    if (!source) {
        pager->doubtful_inits++;
        pager->doubtful_ends++;
    } else {
        source_use(source_attach(pager, source->object->object.pages));
        detach(source, was_ending);
    }
}

void step_map_source(void)
{
    struct range r = some_range();
    struct pager *pager = &pagers[below(PAGERS)];
    bool anywhere = one_in(4), copy = one_in(2);
    bool was_ending = pager->source && pager->source->state == SOURCE_ENDING;
    struct page as = some_attributes(ALL);
    uint32_t flags = (anywhere ? VM_ANYWHERE : 0) | (copy ? VM_COPY : 0);
    unsigned number = below(SOURCE_PAGES - r.count + 1);
    uint64_t at;
    as.shared = !copy;
    prepare(r, anywhere);
    trouble_begin();
    kern_return_t kr =
        vm_map(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE,
               (uint64_t)number * PAGE, flags, pager->port, as.prot, as.max_prot, as.inherit, &at);
    if (trouble_end(kr)) {
        not_mapped(pager, was_ending);
        return;
    }
    struct source *source = source_attach(pager, number + r.count);
    source_use(source);
    if (kr == KERN_SUCCESS)
        source->object = port_behind(me.actor, pager->port)->object;
    if (!is_placed(&r, kr, anywhere, at)) {
        detach(source, was_ending);
        return;
    }
    model_enter(r, source, number, &as);
    source_unuse(source);
    compare_later(r);
}

/* ---- ranges ---- */

void step_remove(void)
{
    struct range r = some_range();
    kern_return_t kr;
    ATTEMPT(kr, vm_deallocate(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    model_remove(r);
    compare_later(r);
}

/* Pages of the range, from its beginning, that are mapped. */
static unsigned mapped(struct range r)
{
    unsigned n = 0;
    while (n < r.count && model[r.task].page[r.first + n].mapped)
        n++;
    return n;
}

void step_protect(void)
{
    struct range r = some_range();
    bool maximum = one_in(8);
    unsigned prot = maximum && below(3) ? (unsigned)ALL : some_protection(), there = mapped(r);
    kern_return_t kr;
    if (there && !one_in(4)) /* mostly what is there */
        r.count = there;
    ATTEMPT(kr, vm_protect(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE, maximum,
                           prot));
    CHECK_EQUAL(kr, model_protect(r, prot, maximum));
    compare_later(r);
}

void step_inherit(void)
{
    struct range r = some_range();
    unsigned inherit = below(3), there = mapped(r);
    kern_return_t kr;
    if (there && !one_in(4))
        r.count = there;
    ATTEMPT(kr, vm_inherit(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE, inherit));
    CHECK_EQUAL(kr, model_inherit(r, inherit));
    compare_later(r);
}

/* ---- memory entries ---- */

void forget_held(struct held *h)
{
    if (!h->name)
        return;
    drop_name(h->name);
    rest();
    for (unsigned i = 0; i < h->pages; i++)
        page_unmap(&h->page[i]);
    *h = (struct held){.name = 0};
}

static struct held *some_held(void)
{
    return &held[below(HELD)];
}

void step_drop_entry(void)
{
    forget_held(some_held());
}

/* As far as the range is one entry of the map. */
void step_make_entry(void)
{
    struct range r = some_range();
    struct held *h = some_held();
    struct map_facts facts;
    struct task *task = model[r.task].task;
    kern_return_t kr = map_describe(task, va_of(r.first), &facts);
    if (kr != KERN_SUCCESS || facts.start != va_of(r.first))
        return;
    bool fits = r.count <= facts.size >> PAGE_SHIFT;
    unsigned most = one_in(3) ? facts.max_prot & RX : facts.max_prot;
    uint32_t name = 0;
    forget_held(h);
    do {
        trouble_begin();
        kr = vm_make_entry(model[r.task].name, facts.start, (uint64_t)r.count * PAGE, most, &name);
    } while (trouble_end(kr));
    CHECK_EQUAL(kr, fits ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
    if (kr != KERN_SUCCESS)
        return;
    h->name = name;
    h->max_prot = most;
    model_share(r, h);
    compare_later(r);
}

void step_narrow(void)
{
    struct held *from = some_held(), *to = some_held();
    uint32_t name = 0;
    if (!from->name || from == to)
        return;
    unsigned first = below(from->pages), count = 1 + below(from->pages - first);
    unsigned most = from->max_prot & (one_in(2) ? RX : ALL);
    kern_return_t kr;
    forget_held(to);
    ATTEMPT(kr, memory_entry_narrow(from->name, (uint64_t)first * PAGE, (uint64_t)count * PAGE,
                                    most, &name));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    to->name = name;
    to->pages = count;
    to->max_prot = most;
    for (unsigned i = 0; i < count; i++) {
        struct page *page = &to->page[i];
        *page = from->page[first + i];
        if (page->cell)
            page->cell->references++;
        if (page->source)
            source_use(page->source);
    }
}

void step_map_entry(void)
{
    struct held *h = some_held();
    struct range r = some_range();
    bool copy = one_in(2), anywhere = one_in(4);
    uint64_t at;
    kern_return_t kr;
    if (!h->name)
        return;
    unsigned offset = below(h->pages);
    if (r.count > h->pages - offset)
        r.count = h->pages - offset;
    struct page as = some_attributes(copy ? (unsigned)ALL : h->max_prot);
    uint32_t flags = (anywhere ? VM_ANYWHERE : 0) | (copy ? VM_COPY : 0);
    prepare(r, anywhere);
    ATTEMPT(kr,
            vm_map(model[r.task].name, va_of(r.first), (uint64_t)r.count * PAGE,
                   (uint64_t)offset * PAGE, flags, h->name, as.prot, as.max_prot, as.inherit, &at));
    if (copy && !(h->max_prot & READ)) {
        CHECK_EQUAL(kr, KERN_PROTECTION_FAILURE);
        return;
    }
    if (!is_placed(&r, kr, anywhere, at))
        return;
    model_map(r, h, offset, &as, copy);
    compare_later(r);
}
