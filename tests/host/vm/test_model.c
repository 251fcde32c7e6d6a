/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random calls and touches in several tasks against the model: what a step changed is compared after it, everything each
 * thousand steps. Allocations fail and limits are reached at times; then the same is done again without.
 */
#include "model.h"

static uint64_t written; /* values so far */

struct range {
    unsigned task, first, count;
};

/* In one window; mostly small. */
static struct range some_range(void)
{
    unsigned base = check_below(2) ? 0 : WINDOW, at = (unsigned)check_below(WINDOW);
    unsigned most = check_below(8) ? 24 : WINDOW, count = 1 + (unsigned)check_below(most);
    if (count > WINDOW - at)
        count = WINDOW - at;
    return (struct range){(unsigned)check_below(TASKS), base + at, count};
}

static unsigned some_protection(void)
{
    static const uint8_t prot[] = {PROT_NONE, PROT_READ, RW, RW, RX};
    return prot[check_below(array_count(prot))];
}

/* ---- trouble ---- */

static const enum ledger_kind limited[] = {LEDGER_KMEM, LEDGER_FRAMES, LEDGER_MAP_ENTRIES,
                                           LEDGER_COMMITMENT, LEDGER_PAGE_TABLES};
static struct {
    bool on;
    enum ledger_kind kind;
    struct ledger *ledger;
} trouble;

static void trouble_begin(struct task *task)
{
    irq_rate = check_below(3) ? 0 : 1 + (unsigned)check_below(4);
    trouble.on = check_below(4) == 0;
    trouble.ledger = NULL;
    if (trouble.on && check_below(2)) {
        trouble.kind = limited[check_below(array_count(limited))];
        trouble.ledger = task->ledger;
        int64_t used = ledger_used(task->ledger, trouble.kind);
        int64_t more = (int64_t)check_below(trouble.kind == LEDGER_KMEM ? 1500 : 4);
        ledger_set_limit(task->ledger, trouble.kind, used + more);
    } else if (trouble.on) {
        (void)alloc_fail_nth(1 + check_below(5));
    }
}

/* True: it failed for that reason, and is to be done again. */
static bool trouble_end(kern_return_t kr)
{
    (void)alloc_fail_nth(0);
    if (trouble.ledger)
        ledger_set_limit(trouble.ledger, trouble.kind, LEDGER_NO_LIMIT);
    irq_rate = 0;
    bool failed = kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE;
    CHECK(!failed || trouble.on);
    trouble.on = false;
    trouble.ledger = NULL;
    return failed;
}

/* Do it, perhaps with trouble, and once more without. */
#define ATTEMPT(task, kr, call)                                      \
    do {                                                             \
        trouble_begin(task);                                         \
        (kr) = (call);                                               \
        if (trouble_end(kr))                                         \
            (kr) = (call);                                           \
        CHECK((kr) != KERN_LIMIT && (kr) != KERN_RESOURCE_SHORTAGE); \
    } while (0)

/* ---- memory comes ---- */

static bool is_free(struct range r)
{
    for (unsigned i = r.first; i < r.first + r.count; i++)
        if (model[r.task].page[i].cell)
            return false;
    return true;
}

/* G1: a page at either side is free. */
static void check_distance(struct task *task, vaddr_t start, uint64_t pages)
{
    struct map_facts facts;
    kern_return_t kr = map_describe(task, start - PAGE_SIZE, &facts);
    CHECK(kr == KERN_SUCCESS && facts.start == start);
    kr = map_describe(task, start + (pages << PAGE_SHIFT), &facts);
    CHECK(kr == KERN_NOT_FOUND || facts.start > start + (pages << PAGE_SHIFT));
}

/* At the range's place or anywhere. False: it was not entered there. */
static bool enter(struct range *r, struct map_request *request, bool anywhere)
{
    struct task *task = model[r->task].task;
    kern_return_t kr;
    request->pages = r->count;
    request->start = anywhere ? 0 : va_of(r->first);
    if (anywhere && check_below(16))
        task->map.hole_from = 0; /* or memory would soon lie outside of the window */
    ATTEMPT(task, kr, map_enter(task, request));
    if (!anywhere) {
        CHECK_EQ(kr, is_free(*r) ? KERN_SUCCESS : KERN_NO_SPACE);
        return kr == KERN_SUCCESS;
    }
    CHECK_EQ(kr, KERN_SUCCESS);
    check_distance(task, request->start, r->count);
    r->first = page_at(request->start);
    if (page_at(request->start + ((r->count - 1) << PAGE_SHIFT)) < PAGES)
        return true;
    CHECK_EQ(remove_range(task, request->start, r->count), KERN_SUCCESS);
    return false;
}

static void step_allocate(struct range r)
{
    struct map_request request = {.prot = RW,
                                  .max_prot = PROT_ALL,
                                  .inherit = (uint8_t)check_below(3)};
    if (enter(&r, &request, check_below(3) == 0))
        model_enter(&model[r.task], r.first, &request);
    compare_range(r.task, r.first < PAGES ? r.first : 0, 1);
}

static void step_object(struct range r)
{
    bool shared = check_below(2);
    unsigned first = (unsigned)check_below(OBJECT_PAGES - WINDOW) / 16 * 16;
    struct map_request request = {.object = object_make(first, WINDOW),
                                  .object_page = check_below(WINDOW - r.count + 1),
                                  .prot = shared ? PROT_READ : RW,
                                  .max_prot = shared ? RX : PROT_ALL,
                                  .inherit = (uint8_t)check_below(3),
                                  .shared = shared};
    if (enter(&r, &request, check_below(4) == 0)) {
        model_enter(&model[r.task], r.first, &request);
        compare_range(r.task, r.first, r.count);
    }
    drop_request(&request);
}

/* ---- ranges ---- */

static void step_remove(struct range r)
{
    struct task *task = model[r.task].task;
    kern_return_t kr;
    ATTEMPT(task, kr, remove_range(task, va_of(r.first), r.count));
    CHECK_EQ(kr, KERN_SUCCESS);
    model_remove(&model[r.task], r.first, r.count);
    compare_range(r.task, r.first, r.count);
}

static void step_protect(struct range r)
{
    struct task_model *m = &model[r.task];
    bool maximum = check_below(6) == 0;
    unsigned prot = maximum && check_below(3) ? PROT_ALL : some_protection();
    if (check_below(2)) /* mostly what is there */
        r.count = model_mapped(m, r.first, r.count);
    kern_return_t kr;
    if (r.count == 0)
        return;
    ATTEMPT(m->task, kr, protect_range(m->task, va_of(r.first), r.count, prot, maximum));
    CHECK_EQ(kr, model_protect(m, r.first, r.count, prot, maximum));
    compare_range(r.task, r.first, r.count);
}

static void step_inherit(struct range r)
{
    struct task_model *m = &model[r.task];
    unsigned inherit = (unsigned)check_below(3), mapped = model_mapped(m, r.first, r.count);
    kern_return_t kr;
    if (mapped > 0 && check_below(2))
        r.count = mapped;
    ATTEMPT(m->task, kr, inherit_range(m->task, va_of(r.first), r.count, inherit));
    CHECK_EQ(kr, mapped >= r.count ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
    if (kr == KERN_SUCCESS)
        model_inherit(m, r.first, r.count, inherit);
    compare_range(r.task, r.first, r.count);
}

/* ---- sharing ---- */

static void forget(struct held *h)
{
    for (unsigned i = 0; i < h->request.pages; i++)
        page_unmap(&h->page[i]);
    drop_request(&h->request);
    h->request.pages = 0;
}

/* A right to what the range has, as far as that is one entry. */
static void step_share(struct range r)
{
    struct held *h = &held[check_below(HELD)];
    struct task_model *m = &model[r.task];
    struct map_facts facts;
    kern_return_t kr = map_describe(m->task, va_of(r.first), &facts);
    if (kr != KERN_SUCCESS || facts.start != va_of(r.first))
        return;
    bool fits = r.count <= facts.size >> PAGE_SHIFT;
    unsigned most = facts.max_prot;
    forget(h);
    ATTEMPT(m->task, kr,
            map_share(m->task, facts.start, (uint64_t)r.count << PAGE_SHIFT, most, &h->request));
    CHECK_EQ(kr, fits ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
    if (kr != KERN_SUCCESS) {
        h->request = (struct map_request){.pages = 0};
        return;
    }
    h->request.max_prot = (uint8_t)most;
    model_share(m, r.first, h);
    compare_range(r.task, r.first, r.count);
}

static kern_return_t enter_copy(struct task *task, struct held *h, struct map_request *request)
{
    if (request->amap)
        amap_ref(request->amap);
    if (request->object)
        memory_object_ref(request->object);
    struct map_request copy = *request;
    kern_return_t kr = copy_request(task, &copy);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = map_enter(task, &copy);
    request->start = copy.start;
    drop_request(&copy);
    (void)h;
    return kr;
}

static void step_map(struct range r)
{
    struct held *h = &held[check_below(HELD)];
    struct task_model *m = &model[r.task];
    bool copy = check_below(2);
    if (h->request.pages == 0)
        return;
    unsigned offset = (unsigned)check_below(h->request.pages);
    if (r.count > h->request.pages - offset)
        r.count = (unsigned)h->request.pages - offset;
    struct map_request request = h->request;
    request.start = va_of(r.first);
    request.amap_page += offset;
    request.object_page += offset;
    request.pages = r.count;
    request.max_prot = copy ? PROT_ALL : h->request.max_prot;
    request.prot = (uint8_t)some_protection() & request.max_prot;
    request.inherit = (uint8_t)check_below(3);
    kern_return_t kr;
    ATTEMPT(m->task, kr, copy ? enter_copy(m->task, h, &request) : map_enter(m->task, &request));
    CHECK_EQ(kr, is_free(r) ? KERN_SUCCESS : KERN_NO_SPACE);
    if (kr != KERN_SUCCESS)
        return;
    model_map(m, r.first, h, offset, &request, copy);
    compare_range(r.task, r.first, r.count);
}

static void end_task(struct task_model *m)
{
    task_end(m->task);
    model_remove(m, 0, PAGES);
    m->task = NULL;
}

/* Another task becomes the child of this one; what it gets costs it, not the parent, but for what becomes shared. */
static void step_fork(struct range r)
{
    unsigned other = (unsigned)check_below(TASKS);
    struct task_model *parent = &model[r.task], *child = &model[other];
    if (parent == child)
        return;
    end_task(child);
    child->task = task_make();
    trouble_begin(check_below(2) ? child->task : parent->task);
    kern_return_t kr = fork_task(parent->task, child->task);
    if (trouble_end(kr)) {
        task_end(child->task);
        child->task = task_make();
        kr = fork_task(parent->task, child->task);
    }
    CHECK_EQ(kr, KERN_SUCCESS);
    model_fork(parent, child);
    if (check_below(8) == 0)
        compare_range(other, 0, PAGES);
    compare_range(r.task, r.first, r.count);
    compare_range(other, r.first, r.count);
}

/* ---- touches ---- */

static void step_touch(struct range r)
{
    struct task_model *m = &model[r.task];
    unsigned access = 1u << check_below(3);
    for (unsigned i = r.first; i < r.first + r.count && i < r.first + 6; i++) {
        struct page_model *page = &m->page[i];
        uint64_t word = access == PROT_WRITE ? ++written : 0;
        kern_return_t kr;
        be_cpu((unsigned)check_below(3));
        ATTEMPT(m->task, kr, touch(m->task, va_of(i), access, &word));
        CHECK_EQ(kr, model_access(page, access));
        if (kr != KERN_SUCCESS)
            continue;
        if (access == PROT_READ)
            CHECK_EQ(word, page->cell->value);
        if (access == PROT_WRITE)
            page->cell->value = word;
        compare_everywhere(i);
    }
}

static kern_return_t model_copy(const struct page_model *page, bool write, bool force)
{
    if (page->cell && write && page->fixed && (force || (page->prot & PROT_WRITE)))
        return KERN_PROTECTION_FAILURE;
    if (page->cell && force)
        return KERN_SUCCESS;
    return model_access(page, write ? PROT_WRITE : PROT_READ);
}

/* The kernel's way into it, across the end of a page. */
static void step_copy_bytes(struct range r)
{
    struct task_model *m = &model[r.task];
    struct page_model *page = &m->page[r.first], *next = page + 1;
    uint64_t word[2] = {written + 1, written + 2};
    written += 2;
    bool write = check_below(2), force = check_below(2);
    if (r.count < 2)
        return;
    kern_return_t first = model_copy(page, write, force), second = model_copy(next, write, force);
    kern_return_t kr;
    ATTEMPT(m->task, kr,
            map_copy(NULL, m->task, va_of(r.first + 1) - sizeof(word[0]), word, sizeof(word), write,
                     force));
    CHECK_EQ(kr, second != KERN_SUCCESS ? second : first);
    if (kr != KERN_SUCCESS)
        return;
    if (!write) {
        CHECK(word[0] == page->cell->value && word[1] == next->cell->value);
        return;
    }
    page->cell->value = word[0];
    next->cell->value = word[1];
    /* The other ends of the two pages. */
    CHECK_EQ(map_copy(NULL, m->task, va_of(r.first), &word[0], sizeof(word[0]), true, true),
             KERN_SUCCESS);
    CHECK_EQ(map_copy(NULL, m->task, va_of(r.first + 1) + PAGE_SIZE - sizeof(word[1]), &word[1],
                      sizeof(word[1]), true, true),
             KERN_SUCCESS);
    compare_everywhere(r.first);
    compare_everywhere(r.first + 1);
}

static void step(void)
{
    struct range r = some_range();
    switch (check_below(32)) {
    case 0:
    case 1:
    case 2: step_allocate(r); break;
    case 3: step_object(r); break;
    case 4:
    case 5: step_remove(r); break;
    case 6:
    case 7: step_protect(r); break;
    case 8: step_inherit(r); break;
    case 9: step_share(r); break;
    case 10:
    case 11: step_map(r); break;
    case 12:
        if (check_below(4) == 0)
            step_fork(r);
        break;
    case 13:
    case 14: step_copy_bytes(r); break;
    default: step_touch(r); break;
    }
    if (check_below(64) == 0)
        for (unsigned n = (unsigned)check_below(20); n > 0 && reap_one(); n--)
            ;
}

void test_model(unsigned steps)
{
    for (unsigned t = 0; t < TASKS; t++)
        model[t].task = task_make();
    for (unsigned i = 1; i <= steps; i++) {
        step();
        if (i % 1000 == 0)
            compare_all();
    }
    compare_all();
    for (unsigned h = 0; h < HELD; h++)
        forget(&held[h]);
    for (unsigned t = 0; t < TASKS; t++)
        end_task(&model[t]);
}
