/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A default pager for tests, which keeps pages in its own memory: those in which each word is one more than the word before by that
 * word alone, others as they are (vm-swap-pager.c). So the tests' working sets may be several times the machine's memory.
 */
#pragma once

#include "vm-test.h"
#include <stdatomic.h>
#include <wharf/if/host_memory_types.h>

/* What the pager does. */
enum swap_deed {
    SWAP_SERVE,  /* what it should */
    SWAP_FAIL,   /* it says of every store that it failed */
    SWAP_DAMAGE, /* it changes a word of SWAP_VICTIM's pages when they are loaded */
    SWAP_REFUSE, /* it says of loads of such pages that they failed */
    SWAP_SILENT, /* it answers nothing */
    SWAP_LIE,    /* it answers requests that there are not, and each twice */
    SWAP_DEEDS
};

enum { SWAP_VICTIM = 9 };

/** Slots that a pager has. */
enum { SWAP_SLOTS = 40960, SWAP_RAW = 1024 /* pages it keeps as they are */ };

/** The child's function, for clone_make(); the argument is a struct swap_start. */
struct swap_start {
    mach_port_name_t port; /* its receive right */
    uint32_t slots;        /* to be added; 0: there are some */
};
int swap_serve(void *argument);

/** Write to all of this task's memory that can be written to, but to what begins at `but`: it is here then, and its own. */
void swap_touch_all(const void *but);
/** Start one; it is the default pager when this returns. */
void swap_start(uint32_t slots);
/** End it, and its slots if nothing is in them. */
void swap_end(void);
void swap_tell(enum swap_deed deed);
/** A send right to its port. */
mach_port_name_t swap_port(void);
struct host_memory_swap swap_now(void);

/** Page `number` of something, written by `who`: the form that the pager keeps small. */
static inline uint64_t swap_word(uint64_t who, uint64_t number)
{
    return who << 40 | number << 16;
}
void swap_fill(uint64_t *at, uint64_t who, uint64_t number);
bool swap_is(const volatile uint64_t *at, uint64_t who, uint64_t number);

/* ---- what the files of vm-swap share ---- */

/** What its children say when they end; shared memory. */
struct board {
    _Atomic uint32_t ended, failures;
};
extern struct board *board;
/** A failure, if that is not so within a minute. */
void swap_wait_until(bool (*is)(uint64_t), uint64_t value);

/** Pages written by `who`, and looked at. */
void swap_fill_pages(uint64_t *at, unsigned pages, uint64_t who);
void swap_expect(const volatile uint64_t *at, unsigned pages, uint64_t who);
/** So many children have ended, without a failure. */
void swap_wait_for(uint32_t ended);
/** Everything that can leave does. */
void swap_push_out(void);
void test_told(void);
void test_storm(unsigned rounds);
void test_forks(void);
