/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's side of test_reaping.c: somebody who has the lock of swap's slots for longer than anybody should.
 */
#pragma once

#include <stdint.h>

struct holder {
    uint64_t looks; /* the most, whether somebody stands in line, before it gives the lock back */
    uint64_t alone; /* how often nobody did */
};

/** For a CPU: take the lock, and give it back as `holder` says, or when somebody stands in line. */
void hold_slots(void *holder);
/** The same: a struct task begins to end. */
void begin_end_of(void *task);
