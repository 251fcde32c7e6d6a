/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world around the pager (world.h).
 */
#include "world.h"

struct world world;

static struct {
    uint32_t request, index;
    bool used;
} shown[PAGER_WINDOW];

uint32_t world_first(unsigned area)
{
    return area * (AREA_SLOTS + GAP);
}

static struct request *request_of(uint32_t number)
{
    struct request *request = &world.kernel.request[number % (STORES + LOADS)];

    CHECK(request->used);
    CHECK_EQ(request->number, number);
    return request;
}

static void may_die(void)
{
    if (world.steps_to_death > 0 && --world.steps_to_death == 0)
        longjmp(world.death, 1);
}

static uint64_t *window_page(uint32_t number)
{
    return (uint64_t *)(void *)(world.window + (size_t)number * PAGER_PAGE);
}

/* What the pager wrote in a page of the window is in the frame. */
static void hide(uint32_t number)
{
    if (!shown[number].used)
        return;
    struct request *request = request_of(shown[number].request);
    if (!request->store)
        memcpy(request->frame[shown[number].index], window_page(number), PAGER_PAGE);
    memset(window_page(number), 0xa5, PAGER_PAGE);
    shown[number].used = false;
}

static void show_page(struct request *request, uint32_t number, uint32_t index, uint32_t at)
{
    hide(at);
    if (request->store)
        page_make(request->page[index], window_page(at));
    else
        memcpy(window_page(at), request->frame[index], PAGER_PAGE);
    shown[at].used = true;
    shown[at].request = number;
    shown[at].index = index;
}

static void show(void *context, uint32_t number, uint32_t index, uint32_t count)
{
    struct request *request = request_of(number);

    (void)context;
    may_die();
    CHECK(count > 0 && count <= PAGER_WINDOW);
    CHECK(index < request->count && count <= request->count - index);
    for (uint32_t i = 0; i < count; i++)
        show_page(request, number, index + i, i);
}

static void done(void *context, uint32_t number, bool ok)
{
    struct request *request = request_of(number);

    (void)context;
    for (uint32_t at = 0; at < PAGER_WINDOW; at++)
        if (shown[at].used && shown[at].request == number)
            hide(at);
    CHECK(ok || request->may_fail);
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t slot = request->slot + i;
        if (request->store) {
            world.kernel.state[slot] = ok ? FULL : FREE;
            world.kernel.page[slot] = request->page[i];
        } else {
            if (ok)
                CHECK(page_is(world.kernel.page[slot], request->frame[i]));
            world.kernel.state[slot] = FULL; /* kept, until it is freed */
        }
    }
    *(request->store ? &world.stores : &world.loads) += request->count;
    request->used = false;
    may_die();
}

static void check_writes(const struct card *at, const struct pager_io *io)
{
    for (unsigned i = 0; i < IOS; i++) {
        const struct pager_io *other = &at->io[i].io;
        if (at->io[i].used && io->operation != PAGER_READ && other->operation != PAGER_READ)
            CHECK(io->page >= other->page + other->count || other->page >= io->page + io->count);
    }
}

/* Of at least 64 KiB that nobody needs, when nobody waits for anything. */
static void check_discard(unsigned area, const struct pager_io *io)
{
    CHECK(io->count * PAGER_PAGE >= 65536);
    CHECK_EQ(pager_waiting(&world.pager), 0);
    for (uint32_t i = 0; i < io->count; i++)
        CHECK_EQ(world.kernel.state[world_first(area) + io->page - 1 + i], FREE);
    world.discarded[area] += io->count;
}

static bool begin(void *context, unsigned area, const struct pager_io *io)
{
    struct card *at = &world.card[area];

    (void)context;
    may_die();
    CHECK(area < AREAS);
    CHECK(io->count > 0 && io->page > 0 && io->page + io->count <= AREA_SLOTS + 1);
    if (io->operation == PAGER_DISCARD)
        check_discard(area, io);
    CHECK(io->operation == PAGER_DISCARD ||
          (io->offset % PAGER_PAGE == 0 && io->offset + io->count * PAGER_PAGE <= PAGER_MEMORY));
    for (unsigned i = 0; i < IOS && !at->away; i++) {
        if (at->io[i].used)
            continue;
        check_writes(at, io);
        at->io[i] = (struct io){.used = true, .io = *io};
        return true;
    }
    return false;
}

static void commit(void *context, unsigned area)
{
    (void)context;
    CHECK(area < AREAS);
    may_die();
}

const struct pager_world world_calls = {.show = show,
                                        .done = done,
                                        .begin = begin,
                                        .commit = commit};

/* ---- the card ---- */

/* At any moment between the question and the answer. */
void world_perform(unsigned area, struct io *io)
{
    char *data = world.memory[area] + io->io.offset,
         *at = (char *)world.card[area].page[io->io.page];
    const size_t size = (size_t)io->io.count * PAGER_PAGE;

    if (io->performed)
        return;
    io->performed = true;
    if (io->io.operation == PAGER_READ)
        memcpy(data, at, size);
    else if (io->io.operation == PAGER_WRITE)
        memcpy(at, data, size);
    else
        memset(at, 0x5a, size);
}

/* Whoever waits for what is there may be told that it failed. */
static void excuse(unsigned area, const struct pager_io *io)
{
    const uint32_t slot = world_first(area) + io->page - 1;

    for (unsigned i = 0; i < STORES + LOADS; i++) {
        struct request *request = &world.kernel.request[i];
        request->may_fail |= request->used && slot < request->slot + request->count &&
                             request->slot < slot + io->count;
    }
}

void world_answer(unsigned area, struct io *io)
{
    const bool fails = ++world.answers == world.fail_at || check_below(100) < world.error_percent;
    const struct pager_io was = io->io;

    if (fails) {
        excuse(area, &was);
        world.errors++;
    }
    if (!fails || check_below(2)) /* some of it may have been done all the same */
        world_perform(area, io);
    io->used = false;
    pager_card_done(&world.pager, was.ticket, !fails);
    pager_continue(&world.pager);
}

struct io *world_pick_io(unsigned area)
{
    const unsigned from = (unsigned)check_below(IOS);

    for (unsigned i = 0; i < IOS; i++)
        if (world.card[area].io[(from + i) % IOS].used)
            return &world.card[area].io[(from + i) % IOS];
    return NULL;
}

/* ---- the kernel ---- */

/* A run in that state, from some slot on. */
static uint32_t pick_run(enum slot_state wanted, uint32_t *count)
{
    const unsigned area = (unsigned)check_below(AREAS);
    const uint32_t first = world_first(area), from = (uint32_t)check_below(AREA_SLOTS);
    const uint32_t most = 1 + (uint32_t)check_below(PAGER_RUN);

    *count = 0;
    for (uint32_t i = 0; i < AREA_SLOTS; i++) {
        uint32_t at = (from + i) % AREA_SLOTS;
        if (world.kernel.state[first + at] != wanted)
            continue;
        while (*count < most && at + *count < AREA_SLOTS &&
               world.kernel.state[first + at + *count] == wanted)
            ++*count;
        return first + at;
    }
    return 0;
}

static struct request *make_request(bool store, uint32_t slot, uint32_t count)
{
    for (unsigned i = 0; i < STORES + LOADS; i++) {
        struct request *request = &world.kernel.request[i];
        if (request->used || (i < STORES) != store)
            continue;
        request->used = true;
        request->store = store;
        request->may_fail = false;
        request->slot = slot;
        request->count = count;
        request->number = ++world.kernel.generation * (STORES + LOADS) + i;
        return request;
    }
    return NULL;
}

void world_send(struct request *request)
{
    memset(request->frame, 0, sizeof(request->frame));
    (request->store ? pager_store : pager_load)(&world.pager, request->number, request->slot,
                                                request->count);
}

void world_ask(bool store)
{
    uint32_t count;
    const uint32_t slot = pick_run(store ? FREE : FULL, &count);
    struct request *request = count > 0 ? make_request(store, slot, count) : NULL;

    if (!request)
        return;
    for (uint32_t i = 0; i < count; i++) {
        world.kernel.state[slot + i] = store ? STORING : LOADING;
        request->page[i] = check_random();
    }
    world_send(request);
}

void world_free(void)
{
    uint32_t count;
    const uint32_t slot = pick_run(FULL, &count);

    for (uint32_t i = 0; i < count; i++)
        world.kernel.state[slot + i] = FREE;
    if (count > 0)
        pager_freed(&world.pager, slot, count);
}

void world_take_back(void)
{
    memset(shown, 0, sizeof(shown));
    for (unsigned i = 0; i < STORES; i++) {
        struct request *request = &world.kernel.request[i];
        for (uint32_t n = 0; request->used && n < request->count; n++)
            world.kernel.state[request->slot + n] = FREE;
        request->used = false;
    }
}

/* ---- memory ---- */

void world_make(void)
{
    world.state = malloc(TIER_SIZE);
    world.own = malloc(tier_own_size(TIER_SIZE));
    world.window = malloc((size_t)PAGER_WINDOW * PAGER_PAGE);
    world.page = malloc(PAGER_PAGE);
    for (unsigned area = 0; area < AREAS; area++) {
        world.memory[area] = malloc(PAGER_MEMORY);
        world.card[area].page = malloc((size_t)(AREA_SLOTS + 1) * PAGER_PAGE);
    }
}

void world_end(void)
{
    for (unsigned area = 0; area < AREAS; area++) {
        free(world.memory[area]);
        free(world.card[area].page);
    }
    free(world.state);
    free(world.own);
    free(world.window);
    free(world.page);
}
