/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process server's answers, and its table, beside the model. See model.h.
 */
#include "../check.h"
#include "model.h"
#include "world.h"

static void compare_process(const struct model_process *m)
{
    const struct process *p = table_find(m->pid);
    struct processes_info info;

    CHECK(p != NULL);
    CHECK_EQ(processes_calls.info(world_message(0), m->pid, &info), KERN_SUCCESS);
    CHECK_EQ(info.ppid, m->parent != 0 ? m->parent : INIT_PID);
    CHECK_EQ(info.pgid, m->pgid);
    CHECK_EQ(info.sid, m->sid);
    CHECK_EQ(p->state, m->state);
    CHECK_EQ(p->task != MSG_NULL, m->state != PROCESS_ZOMBIE);
    CHECK(!p->leaving);
    CHECK_EQ(info.ignored, m->ignored);
    CHECK_EQ(info.caught, m->mine);
    if (m->state == PROCESS_ZOMBIE)
        return;
    CHECK_EQ(world_suspended(p->task), m->state == PROCESS_STOPPED);
    CHECK_EQ(signals_pending(p, MSG_NULL), model_pending(m));
}

void model_compare(void)
{
    int32_t pids[PROCESSES_PIDS_MAX];
    uint32_t n;

    world_settle();
    model_settle();
    world_settle(); /* what that has let end */
    model_settle();
    world_check_signals();
    CHECK_EQ(table_count(), model_count());
    CHECK_EQ(processes_calls.list(world_message(0), 0, pids, &n), KERN_SUCCESS);
    CHECK_EQ(n, model_count());
    for (uint32_t i = 0; i < n; i++) {
        CHECK(i == 0 || pids[i] > pids[i - 1]);
        CHECK(model_find(pids[i]) != NULL);
    }
    for (unsigned i = 0; i < MODEL_MAX; i++)
        if (model[i].there)
            compare_process(&model[i]);
}
