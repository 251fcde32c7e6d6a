/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of each operation of a run in a power cut, counted (guarantees.h). An operation is told alone if no other that may be there or not has to do with the same names;
 * its data is then looked at sector by sector.
 */
#pragma once

#include "power.h"

/** found: what there is after a cut at so many events, of which the states before `from` are over. */
void outcomes_count(const struct history *history, unsigned from, size_t events,
                    const struct state *found);
