/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager for tests, and what it is told to do (vm-pager-server.c). All of it lies in memory that the pager's task and
 * its clients share.
 */
#pragma once

#include "raised.h"
#include <libsys/program.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/vm_types.h>
#include <wharf/message.h>

#define PAGE  UINT64_C(4096)
#define WORDS (PAGE / 8)
enum { PAGER_PAGES = 64 };

/* What it does about a request for a page. */
enum deed {
    SUPPLY,      /* what it should: its page */
    CLUSTER,     /* all pages of the request */
    SAY_ERROR,   /* reason 77 */
    UNAVAILABLE, /* zeroes */
    SILENT,      /* nothing */
    TWICE,       /* its page, then another content */
    WRONG_PLACE, /* the page behind, and the one far beyond the end */
    BAD_MEMORY,  /* from an address that is none */
    NONSENSE,    /* ranges that are none, calls in the wrong order */
    DIE,         /* its task ends */
    TOUCH_OWN,   /* reads its own object first */
    FLOOD,       /* every page there is, many times */
    DESTROY,     /* the object, reason 5 */
    LATE,        /* its page, when nobody waits any more */
    SHORT,       /* of a cluster, all but the page that is waited for */
    UNREADABLE,  /* from memory that it may not read */
    OTHER,       /* to another object of its own */
    DROP_PORT,   /* the receive right */
    DIE_EARLY,   /* its task ends when it should be ready */
    DIE_OWING,   /* and when it should fetch a page */
    FROM_OTHER,  /* from another pager's object, which does the same */
    MOVE,        /* its page, moved, of which it has a copy for the next time */
};

struct pager {
    mach_port_name_t port;     /* its own name for the receive right */
    _Atomic enum deed deed;    /* for requests */
    _Atomic uint32_t quiet;    /* it does not even say ready */
    _Atomic uint32_t caches;   /* it is ready with may_cache */
    _Atomic uint32_t collects; /* 0: returned pages are not fetched */
    _Atomic uint32_t inits, requests, returns, completions, terminates;
    _Atomic uint64_t last_offset, last_length, last_access;
    _Atomic mach_port_name_t control; /* its name for the control port */
    _Atomic uint32_t
        flush; /* wants: 1 + returns << 4 | flush << 8: a lock_request at the next message */
    _Atomic uint64_t own;   /* where it maps its own object, or the other's */
    mach_port_name_t other; /* FROM_OTHER: that one's port */
    uint64_t patience;      /* LATE: how long, in nanoseconds */
    _Atomic int32_t error;  /* of its calls: the last that was not 0 */
    uint64_t store[PAGER_PAGES][WORDS] __attribute__((aligned(4096)));
    uint64_t scratch[WORDS] __attribute__((aligned(4096)));
};

/** Serve, for clone_make(); the argument is the struct pager. */
int pager_serve(void *argument);
void pager_fill(struct pager *pager);
static inline uint64_t pager_word(unsigned page, unsigned word)
{
    return UINT64_C(0x5a00000000) + (uint64_t)page * 100000 + word;
}

/* ---- clients; vm-pager-client.c. What fails is a failed check ---- */

enum { READ_WRITE = VM_PROT_READ | VM_PROT_WRITE, SIZE = PAGER_PAGES * PAGE };
#define OK(call)         CHECK_EQUAL(call, KERN_SUCCESS)
#define AT(memory, page) (&(memory)[(page)*WORDS])

extern struct pager *pager;
extern mach_port_name_t pager_port; /* send right */

static inline mach_port_name_t me(void)
{
    return program_start_info->task;
}
mach_port_name_t new_port(void);
/** A pager's memory, its port, and whom it serves; not running. */
struct pager *make_pager(enum deed deed);
/** A new task with a new port. */
void start_pager(enum deed deed);
/** End it. It had no error that it did not expect. */
void end_pager(void);
/** All of its object. Flags of vm.map. */
volatile uint64_t *map_pager(uint32_t flags);
void unmap(volatile uint64_t *memory);
/** Wait until a count is at least this; false: it does not come. */
bool comes(_Atomic uint32_t *count, uint32_t wanted);
/** Have the pager do what pager->flush says. */
void poke(void);
/** A read of it raises this error, with this reason of the pager's. */
void expect_error(volatile uint64_t *at, kern_return_t kr, uint64_t reason);

/* ---- vm-pager-hostile.c ---- */
void test_errors(void);
void test_silence(void);
void test_nobody(void);
void test_death(void);
void test_destroy(void);
void test_own(void);
void test_many(void);
void test_killed(void);
void test_abort(void);
void test_storm(void);
