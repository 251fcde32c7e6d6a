/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which programs are stopped when the system ends: who is used goes after who uses it, and who has the console
 * after all others but those it uses itself. What page-out needs is used by all whose memory is paged out. Of those that use each other in a circle (a file server that shows another's, which
 * reads files itself) none goes after the other, and all go before what they use outside it.
 */
#pragma once

#include "program.h"

/** The next one that has an instance; NULL: none has. Of several that could go, the last of the description. */
struct program *stopping_next(void);
