/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stories told by actors: threads of one task, each with a list of steps; the controller looks on in
 * between. Names of threads' ports are numbers of actors here (futex_owner_lookup()).
 */
#pragma once

#include "kernel_world.h"

enum { MAX_ACTORS = 64, MAX_STEPS = 8, A = WORLD_WORDS_VA, B = A + 4, WORDS = A + 0x100 };

struct actor {
    struct thread *thread;
    unsigned priority;
    struct host_action step[MAX_STEPS]; /* the first: sleep until its moment */
    unsigned count, at;
    int64_t result[MAX_STEPS]; /* of traps */
    nanos_t when[MAX_STEPS];   /* the step was done */
};
/** 0: the task's first thread, which sleeps. */
extern struct actor actors[MAX_ACTORS];

void story_script(struct thread *t, unsigned cpu, struct host_action *next, void *context);

void story_begin(void);
/** An actor that appears at a moment of the story, in milliseconds. Steps are added before
 *  story_start(). */
struct actor *story_add(unsigned priority, double ms);
void story_start(void);
/** Let it go on, then check the machine and kern/futex.h's invariants. */
void story_run_until(double ms);
/** Everybody dies; nothing is left over. */
void story_end(void);
nanos_t at_ms(double ms);

/* Steps. */
void sleeps(struct actor *a, double until_ms);
void does(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
/** A requeue from A to B. */
void requeues(struct actor *a, uint64_t number, uint64_t wake, uint64_t expected, uint64_t move,
              uint64_t owner);
void burns(struct actor *a, double ms);
void writes(struct actor *a, vaddr_t va, uint32_t value);

uint32_t name_of(const struct actor *a);
void check_effective(const struct actor *a, unsigned wanted);
