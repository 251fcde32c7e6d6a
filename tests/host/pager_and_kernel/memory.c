/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks with memory: what they do to it, and what they must find there. A page is made of a number (../pager/pages.h), which the model knows; 0: it
 * has not been written to. Some tasks have a thread, which touches a page and waits for it while other things happen.
 */
#include "together.h"

#include "world.h"

#include "../pager/pages.h"

#include <wharf/if/swap_areas.h>

enum { PLACES = 5, THREADS = 2, REGIONS = 5, REGION_PAGES = 20, CHILDREN = 24 };
/* Pages that are to leave in one step. */
enum { MOST_AT_ONCE = 24 };

/* A page of memory; shared memory has one for all that share it. */
struct sheet {
    unsigned references;
    unsigned touched; /* threads wait for it: it is not changed */
    bool lost;        /* it has been found to be */
    uint64_t number;
};

struct region {
    uint64_t at;
    unsigned pages; /* 0: none */
    bool shared, wired;
    struct sheet *sheet[REGION_PAGES];
};

static struct place {
    uint32_t task;       /* 0: none */
    struct actor *actor; /* with a thread; NULL: none */
    struct sheet *waits; /* that it touches */
    unsigned ancestors;
    struct region region[REGIONS];
} places[PLACES];

struct memory_counts memory_counts;
static uint64_t numbers;

/* ---- calls that may fail for want of memory ---- */

static void begin_call(void)
{
    if (world.shortages && !world.calm)
        trouble_begin();
}

/* Who asked is told, and asks again. */
static bool is_told(kern_return_t kr)
{
    const bool told =
        kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER || kr == MACH_RCV_NO_SPACE;
    trouble_step_ends();
    CHECK(!told || world_is_short());
    return told;
}

#define INSIST(kr, call) \
    do {                 \
        begin_call();    \
        (kr) = (call);   \
    } while (is_told(kr))

/* It cannot be had any more: something that was read from a card was wrong, or could not be read. */
static bool may_be_lost(kern_return_t kr)
{
    if (kr != KERN_MEMORY_ERROR)
        return false;
    CHECK(world.spoiled > 0);
    memory_counts.lost++;
    return true;
}

/* ---- the model ---- */

static struct sheet *sheet_new(uint64_t number, bool lost)
{
    struct sheet *sheet = malloc(sizeof(*sheet));
    *sheet = (struct sheet){.references = 1, .number = number, .lost = lost};
    return sheet;
}

static void sheet_drop(struct sheet *sheet)
{
    if (--sheet->references > 0)
        return;
    CHECK(sheet->touched == 0);
    free(sheet);
}

static struct place *some_place(void)
{
    struct place *place = &places[below(PLACES)];
    return place->task ? place : NULL;
}

static struct region *some_region(struct place *place)
{
    struct region *region = place ? &place->region[below(REGIONS)] : NULL;
    return region && region->pages > 0 ? region : NULL;
}

static struct region *free_region(struct place *place)
{
    for (unsigned i = 0; i < REGIONS; i++)
        if (place->region[i].pages == 0)
            return &place->region[i];
    return NULL;
}

static bool is_touched(const struct region *region)
{
    for (unsigned i = 0; i < region->pages; i++)
        if (region->sheet[i]->touched > 0)
            return true;
    return false;
}

/* ---- pages ---- */

static void write_page(const struct place *place, struct region *region, unsigned i)
{
    uint64_t page[TIER_PAGE / 8];
    struct sheet *sheet = region->sheet[i];
    kern_return_t kr;
    if (sheet->touched > 0 || sheet->lost)
        return;
    page_make(++numbers, page);
    INSIST(kr, vm_write(place->task, region->at + i * PAGE, (const uint8_t *)page, PAGE));
    sheet->lost = may_be_lost(kr);
    if (sheet->lost)
        return;
    CHECK_EQUAL(kr, KERN_SUCCESS);
    sheet->number = numbers;
    memory_counts.writes++;
}

static void read_page(const struct place *place, struct region *region, unsigned i)
{
    uint64_t page[TIER_PAGE / 8];
    struct sheet *sheet = region->sheet[i];
    uint32_t size;
    kern_return_t kr;
    INSIST(kr, vm_read(place->task, region->at + i * PAGE, PAGE, (uint8_t *)page, &size));
    CHECK(!sheet->lost || kr == KERN_MEMORY_ERROR);
    if (!sheet->lost)
        sheet->lost = may_be_lost(kr);
    if (sheet->lost)
        return;
    CHECK_EQUAL(kr, KERN_SUCCESS);
    if (sheet->number == 0)
        CHECK(page[0] == 0 && memcmp(page, page + 1, PAGE - 8) == 0);
    else if (!page_is(sheet->number, page))
        world_fail("page %u of the region at %llx is not what was written there", i,
                   (unsigned long long)region->at);
    memory_counts.reads++;
}

/* A thread's touch is over: it has read what is there. */
static void look_at_thread(struct place *place)
{
    uint64_t page[TIER_PAGE / 8] = {0};
    if (!place->waits || !is_done(place->actor))
        return;
    if (place->waits->number > 0)
        page_make(place->waits->number, page);
    CHECK_EQUAL(place->actor->thread->arch.program.loaded, (uint32_t)page[0]);
    place->waits->touched--;
    place->waits = NULL;
    memory_counts.reads++;
}

static void touch(struct place *place, const struct region *region, unsigned i)
{
    if (!place->actor || place->waits || region->sheet[i]->lost || world.read_errors > 0)
        return;
    place->waits = region->sheet[i];
    place->waits->touched++;
    place->actor->action = (struct host_action){.kind = HOST_TOUCH,
                                                .va = region->at + i * PAGE,
                                                .access = ACCESS_READ};
    post_action(place->actor);
    look_at_thread(place);
}

void memory_check(void)
{
    for (unsigned p = 0; p < PLACES; p++)
        for (unsigned r = 0; r < REGIONS; r++)
            for (unsigned i = 0; i < places[p].region[r].pages; i++)
                read_page(&places[p], &places[p].region[r], i);
    for (unsigned p = 0; p < PLACES; p++)
        look_at_thread(&places[p]);
}

/* ---- regions ---- */

static void allocate(struct place *place)
{
    struct region *region = place ? free_region(place) : NULL;
    kern_return_t kr;
    if (!region)
        return;
    *region = (struct region){.pages = 1 + below(REGION_PAGES)};
    INSIST(kr, vm_allocate(place->task, 0, region->pages * PAGE, VM_ANYWHERE, &region->at));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    for (unsigned i = 0; i < region->pages; i++)
        region->sheet[i] = sheet_new(0, false);
    for (unsigned i = 0; i < region->pages; i++)
        if (!one_in(8))
            write_page(place, region, i);
}

static void forget_pages(struct region *region, unsigned left)
{
    while (region->pages > left)
        sheet_drop(region->sheet[--region->pages]);
}

/* All of it, or its end. */
static void deallocate(const struct place *place, struct region *region)
{
    const unsigned left = one_in(2) ? 0 : below(region->pages);
    kern_return_t kr;
    if (is_touched(region))
        return;
    INSIST(kr, vm_deallocate(place->task, region->at + left * PAGE, (region->pages - left) * PAGE));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    forget_pages(region, left);
}

static void wire(const struct place *place, struct region *region)
{
    kern_return_t kr;
    if (region->wired)
        INSIST(kr, host_memory_unwire(me.memory, place->task, region->at, region->pages * PAGE));
    else
        INSIST(kr, host_memory_wire(me.memory, place->task, region->at, region->pages * PAGE));
    if (may_be_lost(kr))
        return;
    CHECK_EQUAL(kr, KERN_SUCCESS);
    region->wired = !region->wired;
}

static void copy_page(const struct place *place, struct region *from, unsigned i)
{
    struct region *to = &((struct place *)(uintptr_t)place)->region[below(REGIONS)];
    const unsigned other = below(REGION_PAGES);
    kern_return_t kr;
    if (to == from || other >= to->pages || to->sheet[other] == from->sheet[i] ||
        to->sheet[other]->touched > 0 || to->sheet[other]->lost || from->sheet[i]->lost)
        return;
    INSIST(kr, vm_copy(place->task, from->at + i * PAGE, PAGE, to->at + other * PAGE));
    if (may_be_lost(kr)) { /* one of the two */
        read_page(place, from, i);
        read_page(place, to, other);
        return;
    }
    CHECK_EQUAL(kr, KERN_SUCCESS);
    to->sheet[other]->number = from->sheet[i]->number;
}

/* ---- tasks ---- */

static void end_place(struct place *place)
{
    look_at_thread(place);
    if (place->waits)
        place->waits->touched--;
    place->waits = NULL;
    if (place->actor)
        place->actor->gone = true;
    child_end(place->task);
    if (place->actor)
        actor_drop(place->actor);
    for (unsigned r = 0; r < REGIONS; r++)
        forget_pages(&place->region[r], 0);
    *place = (struct place){.task = 0};
}

static void begin_place(struct place *place, bool with_thread)
{
    kern_return_t kr;
    uint32_t self;
    *place = (struct place){.task = 0};
    if (with_thread) {
        trouble_pause();
        place->actor = actor_new();
        place->task = give_port(me.actor, place->actor->task->self_port);
        keep_in(place->actor->task, place->actor->send_va, 9);
        OK(vm_inherit(place->task, place->actor->send_va, 9 * PAGE, VM_INHERIT_NONE));
        trouble_go_on();
        return;
    }
    INSIST(kr, task_create(me.task, 0, "place", NULL, 0, 0, &place->task, &self));
    CHECK_EQUAL(kr, KERN_SUCCESS);
}

/* What a child has of a region. */
static void inherit(const struct region *from, struct region *to)
{
    *to = *from;
    to->wired = false;
    for (unsigned i = 0; i < from->pages; i++) {
        if (from->shared)
            from->sheet[i]->references++;
        else
            to->sheet[i] = sheet_new(from->sheet[i]->number, from->sheet[i]->lost);
    }
}

static void fork_place(const struct place *parent, struct place *child)
{
    kern_return_t kr;
    uint32_t self;
    if (parent->ancestors == CHILDREN)
        return;
    INSIST(kr, task_create(parent->task, TASK_INHERIT_MEMORY, "place", NULL, 0, 0, &child->task,
                           &self));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    child->ancestors = parent->ancestors + 1;
    for (unsigned r = 0; r < REGIONS; r++)
        inherit(&parent->region[r], &child->region[r]);
    memory_counts.forks++;
}

static void share(const struct place *place, struct region *region)
{
    kern_return_t kr;
    INSIST(kr,
           vm_inherit(place->task, region->at, region->pages * PAGE, (uint32_t)VM_INHERIT_SHARE));
    CHECK_EQUAL(kr, KERN_SUCCESS);
    region->shared = true;
}

/* Another comes in its place: empty, or as a copy of one. */
static void replace(struct place *place, const struct place *parent)
{
    const bool with_thread = place - places < THREADS;
    if (place == parent)
        return;
    if (place->task)
        end_place(place);
    if (with_thread || !parent)
        begin_place(place, with_thread);
    else
        fork_place(parent, place);
}

/* ---- cards ---- */

static const char *name_of(unsigned device)
{
    static char name[] = "block.a";
    name[sizeof(name) - 2] = (char)('a' + device);
    return name;
}

/* If the pager died meanwhile, or its card was not there, anything may come of it. BUSY: it is looking for the card. */
static kern_return_t asked(kern_return_t kr, uint64_t deaths)
{
    const bool expected =
        kr == KERN_SUCCESS || kr == KERN_EXISTS || kr == KERN_NOT_FOUND || kr == KERN_BUSY;
    CHECK(expected || world.deaths > deaths || !world.calm || world_is_short());
    return kr;
}

kern_return_t memory_swap_on(unsigned device, uint32_t priority)
{
    const uint64_t deaths = world.deaths;
    const uint32_t service = together_service();
    if (!service)
        return KERN_TERMINATED;
    return asked(swap_areas_on(service, name_of(device), 1, priority), deaths);
}

kern_return_t memory_swap_off(unsigned device)
{
    const uint64_t deaths = world.deaths;
    const uint32_t service = together_service();
    if (!service)
        return KERN_TERMINATED;
    return asked(swap_areas_off(service, name_of(device), 1), deaths);
}

void memory_push(unsigned pages)
{
    kern_return_t kr;
    INSIST(kr, host_memory_page_out(me.memory, pages));
    CHECK_EQUAL(kr, KERN_SUCCESS);
}

static unsigned pages_made(void)
{
    unsigned made = 0;
    for (unsigned p = 0; p < PLACES; p++)
        for (unsigned r = 0; r < REGIONS; r++)
            for (unsigned i = 0; i < places[p].region[r].pages; i++)
                made += places[p].region[r].sheet[i]->number > 0;
    return made;
}

/* More than there are would be looked for all over the memory: so seldom if half of them are out. */
static void step_push(void)
{
    const unsigned pages = 1 + below(MOST_AT_ONCE);
    if (together_facts().used + pages < pages_made() / 2 || one_in(30))
        memory_push(pages);
}

static void step_card(void)
{
    if (one_in(3))
        (void)memory_swap_off(below(WORLD_DEVICES));
    else
        (void)memory_swap_on(below(WORLD_DEVICES), below(3));
}

/* ---- steps ---- */

static void step_region(struct place *place, struct region *region)
{
    const unsigned i = below(region->pages), dice = below(100);
    if (dice < 40)
        read_page(place, region, i);
    else if (dice < 65)
        write_page(place, region, i);
    else if (dice < 85)
        touch(place, region, i);
    else if (dice < 89)
        wire(place, region);
    else if (dice < 92)
        share(place, region);
    else if (dice < 97)
        copy_page(place, region, i);
    else
        deallocate(place, region);
}

void memory_step(void)
{
    struct place *place = some_place();
    struct region *region = some_region(place);
    const unsigned dice = below(1000);
    for (unsigned p = 0; p < PLACES; p++)
        look_at_thread(&places[p]);
    if (dice < 150)
        step_push();
    else if (dice < 200)
        allocate(place);
    else if (dice < 210)
        replace(&places[below(PLACES)], some_place());
    else if (dice < 215)
        step_card();
    else if (region)
        step_region(place, region);
}

void memory_begin(void)
{
    for (unsigned p = 0; p < PLACES; p++)
        begin_place(&places[p], p < THREADS);
    for (unsigned p = 0; p < PLACES; p++)
        allocate(&places[p]);
}

void memory_end(void)
{
    for (unsigned p = 0; p < PLACES; p++)
        if (places[p].task)
            end_place(&places[p]);
}
