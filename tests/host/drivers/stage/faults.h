/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every fault of the stage, at every access of a piece of work, once and for good: the work may fail, but it ends.
 */
#pragma once

#include "../../check.h"
#include "stage.h"

struct fault_plan {
    /** A machine that was just switched on, and its stage. */
    struct stage *(*create)(void);
    /** The work; whatever it returns is right, but what it promises it keeps. */
    void (*work)(struct stage *stage);
    uint64_t accesses; /* to put the fault at: more than the work has */
    uint64_t most_time, most_accesses;
};

static inline void run_with_faults(const struct fault_plan *plan)
{
    for (unsigned fault = FAULT_ONES; fault < FAULT_COUNT; fault++)
        for (uint64_t from = 1; from <= plan->accesses; from++)
            for (unsigned once = 0; once < 2; once++) {
                struct stage *stage = plan->create();
                stage->fault = fault;
                stage->fault_from = from;
                stage->fault_for = once ? 1 : UINT64_MAX;
                stage->most_accesses = plan->most_accesses;
                stage->latest = stage->now + plan->most_time;
                plan->work(stage);
            }
}
