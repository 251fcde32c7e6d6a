/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager's logic with its world simulated: a kernel with slots, whose requests are under way until they are done, and cards that answer in
 * any order, late, or with an error, and that go away. The pager is killed between any two of its steps, and its successor has the
 * tier's memory and the cards.
 *
 * What has to hold: a page is loaded as it was stored, whatever happened; no request is refused but for an error of the card; when the cards have answered
 * everything nobody waits; no two writes to one page are under way; and in the end nothing is left.
 *
 * Arguments: steps=N.
 */
#include "pages.h"
#include <pager.h>
#include <setjmp.h>

enum {
    AREAS = 3,
    AREA_SLOTS = 100,
    GAP = 13, /* slots between areas that are nobody's */
    SLOTS = AREAS * (AREA_SLOTS + GAP),
    STORES = 8,
    LOADS = 8,
    IOS = 24, /* that a card takes */
    TIER_SIZE = 24 * PAGER_PAGE,
    WORDS = PAGER_PAGE / 8,
};

/* ---- the world ---- */

enum slot_state { FREE, STORING, FULL, LOADING };

struct request {
    bool used, store, may_fail;
    uint32_t slot, count, number;
    uint64_t page[PAGER_RUN];         /* of a store */
    uint64_t frame[PAGER_RUN][WORDS]; /* of a load */
};

struct io {
    bool used, performed;
    struct pager_io io;
};

static struct {
    enum slot_state state[SLOTS];
    uint64_t page[SLOTS]; /* what it holds */
    struct request request[STORES + LOADS];
    uint32_t generation;
} kernel;

static struct card {
    bool away;
    uint64_t (*page)[WORDS]; /* AREA_SLOTS + 1 */
    struct io io[IOS];
} card[AREAS];

static struct {
    uint32_t request, index;
    bool used;
} shown[PAGER_WINDOW];

static struct pager pager;
static struct tier tier;
static char *state, *own, *window, *page, *memory[AREAS];
static jmp_buf death;
static uint64_t steps_to_death; /* calls of the world; 0: never */
static unsigned error_percent;
static uint64_t deaths, loads, stores, errors, fail_at, begun;

static uint32_t first_of(unsigned area)
{
    return area * (AREA_SLOTS + GAP);
}

static struct request *request_of(uint32_t number)
{
    struct request *request = &kernel.request[number % (STORES + LOADS)];

    CHECK(request->used);
    CHECK_EQ(request->number, number);
    return request;
}

static void may_die(void)
{
    if (steps_to_death > 0 && --steps_to_death == 0)
        longjmp(death, 1);
}

static uint64_t *window_page(uint32_t number)
{
    return (uint64_t *)(void *)(window + (size_t)number * PAGER_PAGE);
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

static void show(void *context, uint32_t number, uint32_t index, uint32_t at)
{
    struct request *request = request_of(number);

    (void)context;
    may_die();
    CHECK(index < request->count);
    CHECK(at < PAGER_WINDOW);
    hide(at);
    if (request->store)
        page_make(request->page[index], window_page(at));
    else
        memcpy(window_page(at), request->frame[index], PAGER_PAGE);
    shown[at].used = true;
    shown[at].request = number;
    shown[at].index = index;
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
            kernel.state[slot] = ok ? FULL : FREE;
            kernel.page[slot] = request->page[i];
        } else {
            if (ok)
                CHECK(page_is(kernel.page[slot], request->frame[i]));
            kernel.state[slot] = FULL; /* kept, until it is freed */
        }
    }
    *(request->store ? &stores : &loads) += request->count;
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

static bool begin(void *context, unsigned area, const struct pager_io *io)
{
    struct card *at = &card[area];

    (void)context;
    may_die();
    CHECK(area < AREAS);
    CHECK(io->count > 0 && io->page > 0 && io->page + io->count <= AREA_SLOTS + 1);
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

static const struct pager_world world = {.show = show,
                                         .done = done,
                                         .begin = begin,
                                         .commit = commit};

/* ---- the card ---- */

/* At any moment between the question and the answer. */
static void perform(unsigned area, struct io *io)
{
    char *data = memory[area] + io->io.offset, *at = (char *)card[area].page[io->io.page];
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
    const uint32_t slot = first_of(area) + io->page - 1;

    for (unsigned i = 0; i < STORES + LOADS; i++) {
        struct request *request = &kernel.request[i];
        request->may_fail |= request->used && slot < request->slot + request->count &&
                             request->slot < slot + io->count;
    }
}

static void answer(unsigned area, struct io *io)
{
    const bool fails = ++begun == fail_at || check_below(100) < error_percent;
    const struct pager_io was = io->io;

    if (fails) {
        excuse(area, &was);
        errors++;
    }
    if (!fails || check_below(2)) /* some of it may have been done all the same */
        perform(area, io);
    io->used = false;
    pager_card_done(&pager, was.ticket, !fails);
    pager_continue(&pager);
}

static struct io *pick_io(unsigned area)
{
    const unsigned from = (unsigned)check_below(IOS);

    for (unsigned i = 0; i < IOS; i++)
        if (card[area].io[(from + i) % IOS].used)
            return &card[area].io[(from + i) % IOS];
    return NULL;
}

/* ---- the kernel ---- */

/* A run in that state, from some slot on. */
static uint32_t pick_run(enum slot_state wanted, uint32_t *count)
{
    const unsigned area = (unsigned)check_below(AREAS);
    const uint32_t first = first_of(area), from = (uint32_t)check_below(AREA_SLOTS);
    const uint32_t most = 1 + (uint32_t)check_below(PAGER_RUN);

    *count = 0;
    for (uint32_t i = 0; i < AREA_SLOTS; i++) {
        uint32_t at = (from + i) % AREA_SLOTS;
        if (kernel.state[first + at] != wanted)
            continue;
        while (*count < most && at + *count < AREA_SLOTS &&
               kernel.state[first + at + *count] == wanted)
            ++*count;
        return first + at;
    }
    return 0;
}

static struct request *make_request(bool store, uint32_t slot, uint32_t count)
{
    for (unsigned i = 0; i < STORES + LOADS; i++) {
        struct request *request = &kernel.request[i];
        if (request->used || (i < STORES) != store)
            continue;
        request->used = true;
        request->store = store;
        request->may_fail = false;
        request->slot = slot;
        request->count = count;
        request->number = ++kernel.generation * (STORES + LOADS) + i;
        return request;
    }
    return NULL;
}

static void send(const struct request *request)
{
    (request->store ? pager_store : pager_load)(&pager, request->number, request->slot,
                                                request->count);
}

static void ask(bool store)
{
    uint32_t count;
    const uint32_t slot = pick_run(store ? FREE : FULL, &count);
    struct request *request = count > 0 ? make_request(store, slot, count) : NULL;

    if (!request)
        return;
    for (uint32_t i = 0; i < count; i++) {
        kernel.state[slot + i] = store ? STORING : LOADING;
        request->page[i] = check_random();
    }
    memset(request->frame, 0, sizeof(request->frame));
    send(request);
}

static void give_free(void)
{
    uint32_t count;
    const uint32_t slot = pick_run(FULL, &count);

    for (uint32_t i = 0; i < count; i++)
        kernel.state[slot + i] = FREE;
    if (count > 0)
        pager_freed(&pager, slot, count);
}

/* ---- lives and deaths ---- */

static void begin_life(bool fresh)
{
    memset(&pager, 0xcc, sizeof(pager));
    memset(own, 0xcc, tier_own_size(TIER_SIZE));
    tier_begin(&tier, state, TIER_SIZE, own);
    pager_begin(&pager, &world, &tier, window, page);
    for (unsigned area = 0; area < AREAS; area++)
        pager_add_area(&pager, area, first_of(area), AREA_SLOTS, memory[area], fresh);
    pager_areas_are_known(&pager);
    steps_to_death = check_below(3) == 0 ? 1 + check_below(2000) : 0;
}

/* What the pager was doing: what the cards had been asked for they have done, or will not do; stores are taken back, and who waits for pages
 * waits for the next pager. */
static void die(void)
{
    for (unsigned area = 0; area < AREAS; area++)
        for (unsigned i = 0; i < IOS; i++) {
            struct io *io = &card[area].io[i];
            if (io->used && check_below(2))
                perform(area, io);
            io->used = false;
        }
    for (unsigned area = 0; area < AREAS; area++)
        memset(memory[area], 0xcc, PAGER_MEMORY);
    memset(shown, 0, sizeof(shown));
    for (unsigned i = 0; i < STORES; i++) {
        struct request *request = &kernel.request[i];
        for (uint32_t n = 0; request->used && n < request->count; n++)
            kernel.state[request->slot + n] = FREE;
        request->used = false;
    }
    deaths++;
}

static void step(void)
{
    const uint64_t dice = check_below(1000);
    const unsigned area = (unsigned)check_below(AREAS);
    struct io *io;

    if (dice < 200) {
        ask(true);
    } else if (dice < 400) {
        ask(false);
    } else if (dice < 500) {
        give_free();
    } else if (dice < 900) {
        if (!card[area].away && (io = pick_io(area)))
            answer(area, io);
    } else if (dice < 980) {
        if ((io = pick_io(area)))
            perform(area, io);
    } else if (dice < 999) {
        card[area].away = check_below(4) == 0;
        pager_continue(&pager);
    } else {
        longjmp(death, 1);
    }
}

/* The cards answer everything: then nobody waits. */
static void settle(void)
{
    bool any = true;
    struct io *io;

    for (unsigned area = 0; area < AREAS; area++)
        card[area].away = false;
    pager_continue(&pager);
    while (any) {
        any = false;
        for (unsigned area = 0; area < AREAS; area++)
            while ((io = pick_io(area))) {
                answer(area, io);
                any = true;
            }
    }
    CHECK_EQ(pager_waiting(&pager), 0);
    for (unsigned i = 0; i < STORES + LOADS; i++)
        CHECK(!kernel.request[i].used);
    for (unsigned i = 0; i < PAGER_JOBS; i++)
        CHECK_EQ(pager.job[i].kind, JOB_NONE);
    for (unsigned area = 0; area < AREAS; area++)
        CHECK_EQ(pager.area[area].buffers, 0);
}

static void run(uint64_t steps)
{
    static volatile uint64_t done_steps, settled;
    static uint64_t wanted;

    done_steps = settled = 0;
    wanted = steps;
    if (setjmp(death) != 0) {
        die();
        begin_life(false);
        for (unsigned i = STORES; i < STORES + LOADS; i++)
            if (kernel.request[i].used) {
                /* It may be killed in the midst of these, too. */
                struct request *request = &kernel.request[i];
                memset(request->frame, 0, sizeof(request->frame));
                send(request);
            }
    }
    while (done_steps < wanted) {
        done_steps++;
        step();
        if (done_steps / 500 != settled) {
            settled = done_steps / 500;
            settle();
        }
    }
    steps_to_death = 0;
    settle();
}

/* ---- the whole ---- */

static void make_world(void)
{
    memset(&kernel, 0, sizeof(kernel));
    memset(state, 0, TIER_SIZE);
    for (unsigned area = 0; area < AREAS; area++)
        memset(&card[area].io, 0, sizeof(card[area].io));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (slot % (AREA_SLOTS + GAP) >= AREA_SLOTS)
            kernel.state[slot] = STORING; /* nobody's */
    begin_life(true);
}

/* Everything comes back, is free, and leaves nothing. */
static void end_world(void)
{
    error_percent = 0;
    fail_at = 0;
    for (unsigned i = 0; i < 400; i++) {
        ask(false);
        settle();
    }
    for (unsigned area = 0; area < AREAS; area++) {
        pager_freed(&pager, first_of(area), AREA_SLOTS);
        settle();
        CHECK(pager_end_area(&pager, area));
    }
    CHECK_EQ(tier.free_entries, tier.entries);
    CHECK_EQ(tier.free_blocks, tier.blocks);
}

static void test_random(uint64_t steps)
{
    static const unsigned percents[] = {0, 1, 20};

    for (unsigned i = 0; i < 3; i++) {
        make_world();
        error_percent = percents[i];
        run(steps / 3);
        end_world();
    }
}

/* The n-th request to a card fails, for each n of a short life. */
static void test_each_error(void)
{
    const uint64_t seed = check_state.random;

    for (fail_at = 1; fail_at <= 150; fail_at++) {
        const uint64_t now = fail_at;
        check_state.random = seed;
        begun = 0;
        make_world();
        run(700);
        end_world();
        fail_at = now;
    }
    fail_at = 0;
}

static uint64_t argument(int argc, char **argv, uint64_t otherwise)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "steps=", 6) == 0)
            return strtoull(argv[i] + 6, NULL, 0);
    return otherwise;
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    state = malloc(TIER_SIZE);
    own = malloc(tier_own_size(TIER_SIZE));
    window = malloc((size_t)PAGER_WINDOW * PAGER_PAGE);
    page = malloc(PAGER_PAGE);
    for (unsigned area = 0; area < AREAS; area++) {
        memory[area] = malloc(PAGER_MEMORY);
        card[area].page = malloc((size_t)(AREA_SLOTS + 1) * PAGER_PAGE);
    }
    test_random(argument(argc, argv, 200000));
    test_each_error();
    printf("%llu pages stored, %llu loaded, %llu errors, killed %llu times\n",
           (unsigned long long)stores, (unsigned long long)loads, (unsigned long long)errors,
           (unsigned long long)deaths);
    for (unsigned area = 0; area < AREAS; area++) {
        free(memory[area]);
        free(card[area].page);
    }
    free(state);
    free(own);
    free(window);
    free(page);
    return check_end();
}
