/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When programs run: the first start, what follows an end, and what is asked for by name.
 *
 * R1 A failure is an end that nobody asked for, with another status than 0, or of a program that is always to run.
 * R2 After the first failure the program is started at once; after the n-th in a row after backoff_first * 2^(n-2), backoff_max at most. A
 *    row ends when an instance has been ready for a second. After give_up failures in a row it is given up (FAILED).
 */
#pragma once

#include "program.h"

/** Start whatever can be started: all that it is to come after has been ready. */
void restart_begin(void);

/** It is ready. */
void restart_ready(struct program *program);
/** Its task is dead. */
void restart_ended(struct program *program);
/** The answer about its device. */
void restart_opened(struct program *program, kern_return_t answer, mach_port_name_t device);

/** End an instance at once. */
void restart_end(struct program *program, enum ending ending);

/** By name (interfaces/supervisor.defs). */
kern_return_t restart_start(struct program *program);
void restart_stop(struct program *program);
/** Of a copy: stop it, and when it has ended its place is free. */
void restart_remove(struct program *program);
void restart_again(struct program *program);
void restart_kill(struct program *program);

/** Do what is due. */
void restart_due(uint64_t now);
/** When there is something to do next. */
uint64_t restart_next(void);

/** The system ends: stop everything, the last of the description first. True: nothing runs any more. */
bool restart_stop_all(void);
