/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random player of virtual memory on the whole kernel, and the model of what every task must see. One step at a time: a
 * program is told to do one thing, the machine runs until nothing moves, and what came of it is compared with the model.
 *
 * A page's content is WORDS words of 32 bits: one for each player, and one that whole writes and pagers alone change. A thread
 * that may have to wait uses its own word, so that it does not matter who goes first when several go on at once.
 *
 * Programs: `me` (tests/host/kobj) makes the calls and is the pager of all objects; TASKS tasks with two threads each, the
 * players; and one that handles their exceptions.
 */
#pragma once

#include "../kobj/kobj_world.h"

#include <kern/amap.h>
#include <kern/paged_object.h>

enum {
    TASKS = 4,
    MATES = 2, /* threads of a task */
    PLAYERS = TASKS * MATES,
    WINDOW = 64,
    PAGES = 2 * WINDOW, /* of a task, in the model */
    PAGERS = 3,         /* ports that stand for objects at a time */
    SOURCE_PAGES = 96,
    HELD = 4,       /* memory entries at a time */
    LETTERS = 3,    /* messages with memory that wait for a task */
    LETTER_MAX = 3, /* ranges in one */
    WORDS = PLAYERS + 1,
    LAST_WORD = WORDS - 1, /* at the end of the page */
};

enum { PAGE = 4096, READ = VM_PROT_READ, RW = VM_PROT_READ | VM_PROT_WRITE };
enum { RX = VM_PROT_READ | VM_PROT_EXECUTE, ALL = 7 };

/** Two windows: one across a boundary of page tables, and where memory is placed that may be anywhere. */
#define WINDOW_VA (UINT64_C(0x40000000) - 24 * PAGE_SIZE)

/** What pagers are given to answer; time that passes unasked is nothing beside it. */
#define PATIENCE (3600 * SECOND)

struct content {
    uint32_t word[WORDS];
};

/* ---- the model ---- */

enum source_state { SOURCE_INIT, SOURCE_READY, SOURCE_DEAD, SOURCE_ENDING };

struct source_page {
    bool present, dirty, returning, goes, asked;
    struct content content;
};

/** A pager's object, as it should be. */
struct source {
    struct paged_object *object; /* the kernel's, of which only what is there is looked at */
    struct pager *pager;         /* NULL: detached */
    unsigned uses;               /* pages of tasks and entries that name it */
    enum source_state state;
    kern_return_t why; /* DEAD */
    uint32_t reason;
    uint64_t end;              /* pages that were ever mapped */
    unsigned unfetched, asked; /* that return; of them those that a lock_request awaits */
    bool locking;
    bool
        just_destroyed; /* in this step: who was woken may have found a page that had not been taken away yet */
    struct source_page page[SOURCE_PAGES], destroyed[SOURCE_PAGES];
};

/** A page that has been made, or is still what its object shows. */
struct cell {
    unsigned references;
    bool made;
    struct content content;
    struct source *source; /* NULL: zeroes, made */
    unsigned number;
};

struct page {
    bool mapped, shared;
    uint8_t prot, max_prot, inherit;
    struct cell *cell;     /* NULL: the object's page itself */
    struct source *source; /* of the entry; NULL: anonymous */
    unsigned number;
};

/** A memory entry of mine. */
struct held {
    uint32_t name; /* 0: none */
    unsigned pages, max_prot;
    struct page page[WINDOW];
};

struct letter_range {
    vaddr_t va;
    uint32_t size;
    unsigned pages;
    struct content page[WINDOW];
};

struct letter {
    unsigned ranges;
    struct letter_range range[LETTER_MAX];
};

struct pager {
    uint32_t port;
    struct source *source; /* NULL: nobody maps it */
    uint32_t control;      /* 0: not told */
    unsigned urefs;        /* of that */
    bool deaf;
    int inits, terminates, completions; /* to be heard */
    /* Of objects that may have come and gone: these may be heard, too. */
    int doubtful_inits, doubtful_ends, doubtful_completions;
    struct {
        unsigned page, count;
    } asked[16];
    unsigned asked_count;
};

/* ---- what threads do ---- */

enum op_kind { OP_NONE, OP_TOUCH, OP_READ, OP_WRITE, OP_COPY };

struct op {
    enum op_kind kind;
    unsigned task, page, count; /* OP_COPY: to `to` */
    unsigned to, done;
    bool across;     /* READ, WRITE: from the last word of the page on */
    unsigned access; /* PROT_* */
    unsigned slot;   /* first word; across: that of the next page is 0 */
    unsigned words;
    uint32_t value[WORDS];
    const struct source *source; /* it waits for this page, */
    unsigned number;
    vaddr_t va;             /* which it needs here */
    bool judged;            /* just now */
    bool orphan;            /* the task that it is about has ended */
    kern_return_t expected; /* why it shall not get it; 0: no reason */
    uint32_t reason;
};

struct player {
    struct actor *actor;
    unsigned task;
    struct op op;
    /* An error that it did not need to be told, but may be when it needs that page. */
    const struct source *untold;
    unsigned untold_number;
    kern_return_t untold_error;
    /* What an exception told, until the op is judged. */
    bool raised;
    kern_return_t kr;
    uint32_t reason;
};

struct task_model {
    uint32_t name; /* mine, of its port */
    struct task *task;
    unsigned generation;
    struct player player[MATES];
    uint32_t inbox;
    unsigned letters;
    struct letter letter[LETTERS];
    struct page page[PAGES];
};

extern struct task_model model[TASKS];
extern struct held held[HELD];
extern struct pager pagers[PAGERS];
extern uint64_t chance;
extern uint32_t written;

static inline unsigned below(unsigned bound)
{
    return (unsigned)host_random_below(&chance, bound);
}
static inline bool one_in(unsigned n)
{
    return below(n) == 0;
}

/** To follow a run that failed: with WHARF_TELL in the environment. */
[[gnu::format(printf, 1, 2)]] void tell(const char *format, ...);

struct range {
    unsigned task, first, count;
};

vaddr_t va_of(unsigned page);
/** PAGES: none. */
unsigned page_at(vaddr_t va);
/** Where a word lies in its page. */
static inline unsigned word_offset(unsigned slot)
{
    return slot == LAST_WORD ? PAGE - 4 : slot * 4;
}

/* ---- model.c: pages of tasks ---- */

/** Pages of new memory; `from`: NULL, or what they show, from `number` on. */
void model_enter(struct range r, struct source *from, unsigned number, const struct page *as);
void model_remove(struct range r);
kern_return_t model_protect(struct range r, unsigned prot, bool maximum);
kern_return_t model_inherit(struct range r, unsigned inherit);
void model_fork(unsigned parent, unsigned child);
/** A right to the range, which is one entry. */
void model_share(struct range r, struct held *out);
void model_map(struct range r, const struct held *from, unsigned offset, const struct page *as,
               bool copy);
void page_unmap(struct page *page);
bool model_is_free(struct range r);
/** The page is used: what is found there, made if need be. KERN_RETRY: op->source's page is missing. */
kern_return_t model_use(struct op *op, unsigned page, unsigned access, struct content **out);
/** What a message takes of the page. KERN_RETRY: it would wait. */
kern_return_t model_content(const struct page *page, struct content *out);

/* ---- source.c: objects of pagers ---- */
struct source *source_attach(struct pager *pager, uint64_t end);
void source_use(struct source *source);
void source_unuse(struct source *source);
/** As source_unuse(), of one that was ending before it was attached. */
void source_relapse(struct source *source);
/** The page of it, for who needs it: KERN_RETRY, or why it will not come. */
kern_return_t source_find(struct source *source, unsigned number, struct source_page **out);
kern_return_t source_supply(struct source *source, unsigned first, unsigned count,
                            const struct content *contents);
kern_return_t source_lock(struct source *source, unsigned first, unsigned count, unsigned what,
                          bool flush, bool notify);
/** It has been fetched, or could not be. */
void source_collected(struct source *source, unsigned number, bool fetched);
void source_die(struct source *source, kern_return_t why, uint32_t reason);
/** Put what a destroyed object had in its place, for somebody who was still in time, and away again. False: it was not
 *  destroyed in this step. */
bool source_exchange(struct source *source);
void sources_step_ends(void);
/** Pages have been told to leave. */
void sources_reclaimed(void);
/** The pager has had all its time: sources that are ending are gone. */
void source_time_is_over(void);
/** All there are, for comparisons; NULL: no more. */
struct source *source_at(unsigned i);
void compare_source(struct source *source);

/* ---- play.c ---- */
/** A game of so many steps, from tasks to no tasks. `failing`: the n-th allocation of it fails; 0: here and there one does.
 *  False: there are not so many. */
bool play(uint64_t steps, uint64_t failing);

/* ---- compare.c ---- */
void compare_page(unsigned task, unsigned page);
void compare_range(struct range r);
/** The range in all tasks. */
void compare_everywhere(struct range r);
/** The same when the step is over: threads that waited may have gone on in it, and be judged then. */
void compare_later(struct range r);
void compare_changes(void);
void compare_sources(void);
void compare_all(void);

/* ---- tasks.c ---- */
void tasks_begin(void);
/** The task ends, and another, with what it inherits of `parent`'s memory, takes its place; PAGES: with nothing. */
void task_replace(unsigned task, unsigned parent);
void tasks_end(void);
/** Exceptions that have been raised are noted with their players, who then go on. False: there was none. */
bool hear_exceptions(void);
struct player *some_player(void);

/* ---- ops.c ---- */
/** Have it begun; it is judged when it is over. */
void op_begin(struct player *player, struct op op);
/** After each step: whoever is done, or may not wait any longer, is judged. */
void ops_settle(void);
/** The player will not be heard of again. */
void op_forget(struct player *player);
/** The task will not. */
void ops_forget_task(unsigned task);
bool anybody_waits(void);
/** Several have gone on in this step, and the word has changed: who was first is not known. */
bool ops_was_recent(uint32_t word);
/** They wait for one of these pages, which the pager says cannot be had. */
void ops_expect_error(const struct source *source, unsigned first, unsigned count, kern_return_t kr,
                      uint32_t reason);

/* ---- op_steps.c ---- */
void step_op(void);
void step_abort(void);

/* ---- calls.c, letters.c, pager.c: steps ---- */
void step_allocate(void);
void step_map_source(void);
void step_remove(void);
void step_protect(void);
void step_inherit(void);
void step_make_entry(void);
void step_narrow(void);
void step_map_entry(void);
void step_drop_entry(void);
struct range some_range(void);
void forget_held(struct held *h);

void step_send(void);
void step_receive(void);
void step_letter_by_hand(void);

void pagers_begin(void);
void pagers_end(void);
void step_pager(void);
/** Hear what has been sent, unless deaf. */
void pagers_hear(void);
void pager_lost_control(struct pager *pager);

/* ---- device.c ---- */
void device_begin(void);
void device_end(void);
void step_device(void);

/* ---- swapper.c ---- */
void swapper_begin(void);
void swapper_end(void);
void step_swap(void);
/** What has been stored in a slot. */
const char *swapper_page(uint32_t slot);
/** These pages, which have been touched, do not go out. */
void keep_in(struct task *task, vaddr_t at, unsigned pages);
/** compare.c: what a page shows, wherever it is. */
const char *anon_memory(const struct anon *anon);

/* ---- trouble.c: allocations that fail ---- */
/** Perhaps the next allocation but a few fails. */
void trouble_begin(void);
/** True: it did, and what failed for want of memory is to be done again. */
bool trouble_end(kern_return_t kr);
/** Instead: the n-th allocation from now on fails, whatever it is for. */
void trouble_nth(uint64_t n);
/** No more of that. True: there were so many. */
bool trouble_came(void);
/** What follows has to succeed. */
void trouble_pause(void);
void trouble_go_on(void);
/** The same of a thread that waited, and had nothing to do with it. */
bool trouble_reaches(kern_return_t kr);
void trouble_step_ends(void);
#define ATTEMPT(kr, call) \
    do {                  \
        trouble_begin();  \
        (kr) = (call);    \
    } while (trouble_end(kr))
