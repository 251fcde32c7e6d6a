/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of test_machine.c: a kernel with slots, whose requests are under way until they are done, and cards that answer in any order, late, or with an
 * error, and that go away. They check what the pager asks of them.
 */
#pragma once

#include "check.h"
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

struct kernel {
    enum slot_state state[SLOTS];
    uint64_t page[SLOTS]; /* what it holds */
    struct request request[STORES + LOADS];
    uint32_t generation;
};

struct card {
    bool away;
    uint64_t (*page)[WORDS]; /* AREA_SLOTS + 1 */
    struct io io[IOS];
};

struct world {
    struct kernel kernel;
    struct card card[AREAS];
    struct pager pager;
    struct tier tier;
    char *state, *own, *window, *page, *memory[AREAS];
    jmp_buf death;
    uint64_t steps_to_death; /* calls of the world; 0: never */
    unsigned error_percent;
    uint64_t fail_at; /* the n-th answer of a card is an error; 0: none */
    uint64_t answers, errors, loads, stores;
    uint64_t discarded[AREAS]; /* pages */
};
extern struct world world;

extern const struct pager_world world_calls;

void world_make(void);
void world_end(void);
/** The first slot of an area. */
uint32_t world_first(unsigned area);

/** A request of a card; NULL: it has none. */
struct io *world_pick_io(unsigned area);
/** The card does it, at any moment between the question and the answer. */
void world_perform(unsigned area, struct io *io);
void world_answer(unsigned area, struct io *io);

/** The kernel stores or loads a run of pages, if there is one; or says again what it has asked for. */
void world_ask(bool store);
void world_send(struct request *request);
/** Some slots are free. */
void world_free(void);
/** Its pager has died: the windows are gone, stores are taken back. */
void world_take_back(void);
