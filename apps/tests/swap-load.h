/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of swap-load.
 *
 * A page is filled with words that follow from whose it is, which, and how often it was written; the first one says these three. So a page
 * can be looked at by who knows what it has to be, and by who does not.
 */
#pragma once

#include "vm-test.h"
#include <stdatomic.h>

enum { WORKERS_MAX = 16 };

/** What the workers say; shared memory. */
struct board {
    uint32_t workers;
    _Atomic uint32_t begun, filled, ended, failures, wrong, stop;
    _Atomic uint64_t touched, lost;
    _Atomic uint64_t forks, refused, messages, shared;
};
extern struct board *board;

struct worker {
    uint64_t who; /* from 1 on */
    unsigned pages;
    uint64_t rounds; /* 0: until it is told to stop */
    uint64_t runs;   /* so many runs instead of rounds, if it is not 0 */
    uint64_t last;   /* of 100 pages, those that are looked at in the end */
    uint64_t dice;
    bool mixes; /* forks, messages and shared memory, too */
    bool
        careful; /* pages of its area may be lost, and are then made anew; all else of it is wired */
    uint64_t *area;
    uint32_t *version;
};

/* ---- swap-load-work.c ---- */

/** Of 100 pages, those that are one word and those that can be compressed; before there are workers. */
extern uint32_t pages_same, pages_soft;

uint64_t dice_next(uint64_t *dice);
void page_fill(volatile uint64_t *area, uint64_t who, uint64_t page, uint64_t version);
bool page_is(const volatile uint64_t *area, uint64_t who, uint64_t page, uint64_t version);
/** The version that a page says it is. */
uint64_t page_version(const volatile uint64_t *area, uint64_t page);
/** Counts a page that was looked at, and is told to be wrong. */
void page_report(bool good, const char *where, uint64_t who, uint64_t page);
/** A worker's life, for clone_make(). */
int work(void *argument);

/* ---- swap-load-mix.c ---- */

/** What the workers share, and ports from each to the next; before there are workers. Those stay the caller's until mix_end(). */
void mix_begin(unsigned workers, unsigned shared_pages);
/** The port that is to be worker `number`'s, from 0 on. */
mach_port_name_t mix_port(unsigned number);
/** They have ended. */
void mix_end(void);
/** In a worker, one after the other: before the first, one of many deeds, after the last. */
void mix_enter(void);
void mix_do(struct worker *self);
void mix_leave(void);
