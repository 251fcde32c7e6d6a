/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See reserve.h. A ledger is a task's: this one belongs to a task without memory or threads, which does nothing else.
 */
#include "reserve.h"
#include "log.h"
#include "start.h"
#include "system.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/task.h>

enum {
#define LEDGER(symbol, name, unit, what) LEDGER_##symbol,
#include <wharf/abi/ledgers.def>
#undef LEDGER
};

static mach_port_name_t others;
static uint64_t own_pages; /* what was promised before anything was started: to us */

static kern_return_t statistics(struct host_memory_statistics *out)
{
    return host_memory_statistics(program_start_info->host, out);
}

/* V3. What is not the others' is ours, and that of programs that the reserve is for. When they have all that it is for, it is still kept for one whole new
 * instance beside the dead one. */
static kern_return_t keep_frames(const struct host_memory_statistics *now)
{
    enum { INSTANCE = 512 };
    uint64_t used, peak, limit;

    const kern_return_t kr = task_ledger(others, LEDGER_COMMITMENT, &used, &peak, &limit);
    if (kr != KERN_SUCCESS)
        return kr;
    const uint64_t taken =
        used + own_pages < now->committed ? now->committed - used - own_pages : 0;
    const uint64_t left = taken < description.reserve_pages ? description.reserve_pages - taken : 0;
    const uint64_t least =
        description.reserve_pages < INSTANCE ? description.reserve_pages : INSTANCE;
    return host_memory_set_reserve(program_start_info->host_memory, left > least ? left : least);
}

void reserve_renew(void)
{
    struct host_memory_statistics now;

    if (others == MSG_NULL)
        return;
    kern_return_t kr = statistics(&now);
    if (kr == KERN_SUCCESS)
        kr = keep_frames(&now);
    if (kr != KERN_SUCCESS)
        log_line("the reserve cannot be kept (%d)", kr);
}

void reserve_begin(void)
{
    struct host_memory_statistics now;
    mach_port_name_t name;

    if (description.reserve_pages == 0)
        return;
    kern_return_t kr = statistics(&now);
    if (kr == KERN_SUCCESS)
        kr = task_create(program_start_info->task, 0, "others", NULL, 0, MSG_NULL, &others, &name);
    if (kr != KERN_SUCCESS) {
        log_line("no memory is kept for who has to be started again (%d)", kr);
        others = MSG_NULL;
        return;
    }
    own_pages = now.committed;
    kr = host_memory_keep_commitment(program_start_info->host_memory, others,
                                     description.reserve_pages + own_pages); /* V2 */
    if (kr != KERN_SUCCESS)
        log_line("others may be promised the reserve, too (%d)", kr);
    reserve_renew();
}

void reserve_end(void)
{
    if (others == MSG_NULL)
        return;
    (void)!host_memory_keep_commitment(program_start_info->host_memory, others, 0);
    (void)!task_terminate(others, 0);
    stub_release_right(others, MSG_MOVE_SEND);
    others = MSG_NULL;
}

mach_port_name_t reserve_parent(const struct recipe *recipe)
{
    if (others == MSG_NULL || recipe->reserved || recipe->reclaim || recipe->wired ||
        recipe->essential)
        return MSG_NULL;
    reserve_renew();
    return others;
}
