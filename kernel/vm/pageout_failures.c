/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations on page-out's path that fail on demand while frames are short: those of the kernel's work, of two tasks that somebody names, the default pager and a
 * driver, and frames for pages that come back, whoever needs them. The first fails, then the next, then the second after that, the third after that, and so on:
 * so the n-th fails for each n, again and again. What others do about those who are on the path, to see whether they live for instance, does not fail.
 */
#include "pageout_impl.h"
#include <arch/cpu.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/task.h>
#include <kern/thread.h>

static struct {
    _Atomic uint32_t most; /* the longest distance; 0: none fails */
    _Atomic uint64_t next; /* the distance to the next failure above, what is left of it below */
    _Atomic uint64_t counted, failed;
    _Atomic uint32_t task[2]; /* ids: tasks come and go */
} failures;

/* The kernel's work is no thread's. */
static bool is_on_path(void)
{
    const struct thread *self = arch_cpu_self()->current;
    return !self || self->task->id == relaxed_load(failures.task[0]) ||
           self->task->id == relaxed_load(failures.task[1]);
}

/* Its turn has come. */
static bool is_next(uint32_t most)
{
    uint64_t now = atomic_load_explicit(&failures.next, memory_order_relaxed), after;
    bool is;
    do {
        const uint32_t distance = (uint32_t)(now >> 32), left = (uint32_t)now;
        const uint32_t longer = distance < most ? distance + 1 : 1;
        is = left == 0;
        after = is ? longer * (UINT64_C(1) << 32) + (longer - 1) : now - 1;
    } while (!atomic_compare_exchange_weak_explicit(&failures.next, &now, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    return is;
}

static bool fails(bool brings_page)
{
    const uint32_t most = atomic_load_explicit(&failures.most, memory_order_relaxed);
    if (most == 0 || !pageout_is_short() || !(brings_page || is_on_path()))
        return false;
    const bool is = is_next(most);
    atomic_fetch_add_explicit(&failures.counted, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&failures.failed, is, memory_order_relaxed);
    return is;
}

void pageout_fail_allocations(uint32_t most, const uint32_t tasks[2], uint64_t *counted,
                              uint64_t *failed)
{
    atomic_store(&failures.task[0], tasks[0]);
    atomic_store(&failures.task[1], tasks[1]);
    *counted = atomic_exchange(&failures.counted, 0);
    *failed = atomic_exchange(&failures.failed, 0);
    if (atomic_exchange(&failures.most, most) == 0)
        atomic_store(&failures.next, 0);
    alloc_fail_when(most > 0 ? fails : NULL);
}
