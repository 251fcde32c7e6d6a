/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tasks of ipc-storm have in common: services and what they are asked, in what form, and by which rule answers
 * are right.
 *
 * S1 A request's first word is its number, which no other call has. Its other words follow from the number, and so do those of
 *    its answer: whoever gets a message can see whether it is whole, and whether it is his.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

enum { SERVICES = 3, STORM_WORDS = MSG_BODY_MAX / 8 };

/* Ids. */
enum { STORM_ASK = 0x5001, STORM_ANSWER, STORM_REPORT };

/* How a request is to be answered: the second word's upper half; the lower is the answer's length in words. */
enum { STORM_STYLES = 8, STORM_FORWARD = 1, STORM_KEEP = 2, STORM_GIVE_UP = 3 };

/** Names of the service ports; the same in every task. Constant when there is more than one. */
extern mach_port_name_t storm_service[SERVICES];
/** Where clients tell how it was. */
extern mach_port_name_t storm_reports;
/** Calls of each client thread. */
extern unsigned storm_calls;

/* Body of a report. */
struct storm_report {
    uint64_t calls, answered, lost, timed_out, interrupted, failures;
};

uint64_t storm_random(uint64_t *state);
/** A state for each thread, from the seed of this boot. */
uint64_t storm_seed(uint64_t number);

/** Fill or compare a body (S1) of at least two words. */
void storm_fill(uint64_t *body, unsigned words, uint64_t number, uint64_t second);
bool storm_is_whole(const uint64_t *body, unsigned words);

/** The trap: send `words` of `body`, if `to` is not null; receive into the same place, if `from` is not. Returns the
 *  error; on success the body is there and the header in *m. */
struct msg_registers;
kern_return_t storm_trap(struct msg_registers *m, uint64_t *body);

/** What the two kinds of tasks do; arguments: a service's number, a client task's. */
int storm_server(void *argument);
int storm_client(void *argument);
