/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between program.c and attendants.c: the pager as it sees itself.
 */
#pragma once

#include "names.h"

#include <cards.h>

/** One of them that has something to do gets a turn. False: none has. */
bool attendants_event(void);
/** The program has died, and they with it. */
void attendants_end(void);
