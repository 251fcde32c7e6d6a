/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other half of page-out's contract (kern/pageout.h: X5), looked at in debug builds: who is needed to make memory free waits for nobody who
 * may have to wait for memory. The log names each pair once.
 */
#include "pageout_impl.h"
#include <kern/log.h>
#include <kern/reply.h>
#include <kern/task.h>
#include <kern/thread.h>

/* Pairs that have been named; what there is no place for is not. */
enum { PAIRS = 16 };
static _Atomic uint64_t named[PAIRS];

static bool is_new(uint64_t pair)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t before = 0;
        if (atomic_compare_exchange_strong(&named[i], &before, pair))
            return true;
        if (before == pair)
            return false;
    }
    return false;
}

/* Threads are type-stable, and the reply holds the ledger: the caller may be gone. */
void pageout_check_call(struct reply *reply, const struct thread *server)
{
    const struct task *works = server->task;
    if (!ledger_is_resident(reply->ledger) || ledger_is_resident(works->ledger) ||
        !pageout_is_short())
        return;
    const uint32_t client = relaxed_load(reply->owner)->id;
    if (is_new((uint64_t)client << 32 | works->id))
        log_warn(
            "page-out: frames are short, and thread %u, which is needed to free some, waits for task %u (%s), which may need one",
            client, works->id, works->name);
}
