/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager's program and the kernel in one machine. Of the pager all is there: main.c, service.c, cards.c, attendant.c and the logic;
 * of the kernel, too. Simulated are the devices (devices.c: clients of block devices, which answer late, in any order, with errors and lies, and
 * whose drivers and media come and go) and what the program has of libsys (program.c).
 *
 *      test_together.c    what is played, and when the pager dies
 *      memory.c           tasks and their memory, and what each page must show
 *      kernel.c           what the program is to the kernel: a task, its ports, its lives and deaths
 *      program.c          the program, between two messages
 *      attendants.c       its threads for cards
 *      devices.c          its cards
 *
 * W1 One thing at a time: an event of the pager's begins when nothing moves in the kernel, and all that follows from it has happened before the
 *    next. Which comes next the seed decides.
 * W2 The program dies between two of its calls (world_call()), or another task ends its task while a call of it, or anybody's, is under way (kernel_strike()). What cards
 *    had been asked for they have done, or will not do.
 * W3 What the pager writes in its window is in the kernel's frame when it shows something else there, or ends the request.
 *
 * The headers of the kernel and of libsys have the same names for different things: kernel.c, memory.c and test_together.c use the first,
 * program.c and devices.c the second, this one neither.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_PAGE = 4096, WORLD_DEVICES = 3, WORLD_SLOTS = 40 };

/** What may happen, and what has. */
struct world {
    bool calm;             /* nothing goes wrong, nobody dies */
    bool vanish;           /* drivers and media come and go */
    unsigned write_errors; /* of a hundred */
    unsigned read_errors;  /* the same; and what is read is wrong as often */
    bool shortages;        /* allocations of the kernel's fail */
    unsigned
        kill_one_in; /* of its calls and events the program dies at one in so many, unless it is calm; 0: at none */
    uint64_t calls_to_death; /* whatever is; 0: never */
    bool struck;             /* then by another task, while its call is under way: W2 */
    /* What has happened: calls of the program, its deaths and beginnings, events; errors of cards, those of reading and what was read wrong, drivers and
     * media that went; pages that the program put in its tier, on the card at once, and from there on the card, and such that a card was told of. */
    uint64_t calls, deaths, begun, events, errors, spoiled, vanished, tier, card, written_back,
        discarded;
};
extern struct world world;

/* ---- kernel.c ---- */

uint64_t world_below(uint64_t bound);
static inline bool world_one_in(unsigned n)
{
    return world_below(n) == 0;
}
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void world_fail(const char *format, ...);
/** An allocation of the kernel's may fail: so may what the program does when it begins. */
static inline bool world_is_short(void)
{
    return world.shortages;
}

/** What the kernel has given to the program. */
struct program_names {
    uint32_t task, host_memory, set;
};
struct program_names kernel_begin_task(void);
/** A port of the program's, in its set; payload 0: without. */
uint32_t kernel_port(uint64_t payload);
uint32_t kernel_send_right(uint32_t port);
/** The port for people: they have a right to it from here on. */
void kernel_set_service(uint32_t port);
uint64_t kernel_now(void);
void kernel_pass_time(uint64_t nanoseconds);
/** Of the program's memory. */
void kernel_read(void *to, uint64_t from, size_t size);
void kernel_write(uint64_t to, const void *from, size_t size);

struct world_message {
    uint64_t id, control, local;
    uint32_t reply;
    uint64_t body[512];
};
/** False: there is none. */
bool kernel_receive(struct world_message *message);
/** The reply that the program's thread holds gets a name. Negative: an error. */
int64_t kernel_keep_reply(void);
/** False: nobody waits any more. */
bool kernel_reply(uint32_t reply, uint32_t id, const void *body, uint32_t length);

/** Another task ends the program's, in the midst of whatever the kernel does next. */
void kernel_strike(void);

/** An event of the pager's or of a card's, if there is one; `must`: somebody waits, so that it has to go on. */
bool world_event(bool must);

/** The program's task ends; without a successor until the next event. */
void world_kill(void);
/** Everything that can happen has happened. */
void world_settle(void);

/* ---- program.c ---- */

/** Begin the program. False: it has died. */
bool program_begin(void);
/** What is left of it: attendants and memory. */
void program_end(void);
/** Messages, answers, attendants, its tick: one of them. False: there is nothing. *died: it has died. */
bool program_event(bool *died);
/** The program is about to call somebody, or has: it may die. */
void world_call(void);
/** It does not go on: its task has been ended. */
[[gnu::noreturn]] void program_dies(void);
/** Requests of the kernel that it has not answered. */
unsigned program_waiting(void);
/** What outlives it. */
void program_forget_state(void);

/* ---- devices.c ---- */

void devices_begin(void);
void devices_end(void);
/** A card answers, a driver or a medium goes or comes. False: nothing. *completed: the program is to look. */
bool devices_event(bool must, bool *completed);
/** A driver has ended, of which the program has not been told: the name that has died; 0: none. */
uint32_t devices_dead_name(void);
/** Nobody uses them any more: requests have been done, or never will. */
void devices_let_go(void);
/** All are there. */
void devices_repair(void);
