/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heartbeats: a program that does not answer service_control.ping, or is past the moment it said it would be done by, has hung. It is
 * asked at its interval, and has as long to answer, and a quarter more.
 *
 * A machine that is emulated stands still when its host has no time for it, and then all that it runs is late without having hung.
 *
 * H1 That shows by the supervisor itself, before which nobody goes on: it comes back from a wait later than the moment until which it waited. While it
 *    waits for an answer it looks four times an interval.
 * H2 When the machine has stood still for more than an eighth of the interval since the program was seen to live, its answer has all of that time once more,
 *    and what it is busy with until the next ping. That happens eight times in a row at most, and only as often as the machine stands still: a program
 *    that hangs is found in time by a machine that is on time, and in the end by one that never is.
 * H3 To stop a program has its stop time, of which the same is true: it is looked at in quarters.
 */
#pragma once

#include "program.h"

/** The supervisor has waited from `from` until the moment `until` (NEVER: for a message only), or what came before it, and now it is `now`. */
void heartbeat_waited(uint64_t from, uint64_t until, uint64_t now);
/** The first ping of an instance that is ready. */
void heartbeat_begin(struct program *program, uint64_t now);
/** An answer has come: status, and busy_until. */
void heartbeat_answer(struct program *program, kern_return_t status, uint64_t busy_until);
/** It has been asked to stop: sets stop_by. */
void heartbeat_stop(struct program *program, uint64_t now);
/** At stop_by or later: has it had its time? If not, stop_by is when to look again. */
bool heartbeat_stop_is_over(struct program *program, uint64_t now);
/** Send what is to be sent, and see who has not answered. */
void heartbeat_due(struct program *program, uint64_t now);
