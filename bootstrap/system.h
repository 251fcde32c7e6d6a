/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system as a whole: how it begins, and how it ends.
 */
#pragma once

#include "program.h"

/** Read the description, and make its programs and services. False: it cannot be; that has been told. */
bool system_begin(void);

/** A program is over: nobody starts it again by himself. If the description says `until` that one, the system ends. */
void system_program_over(const struct program *program);
/** Services have come, or got other ports: who takes the log may be among them. */
void system_find_console(void);
/** Somebody, `who`, ends it with this status, in the same way; then the machine begins anew if `reboots`. False: it ends already. */
bool system_end(const char *who, bool reboots, unsigned status);
/** It is ending. */
bool system_ends(void);
/** Everything has been stopped: the status to end with. False: not yet, or not at all. */
bool system_is_over(unsigned *status);

/** An essential program is given up: the machine restarts now. */
void system_restart(const char *name);

/** What the description says. */
extern struct description description;
