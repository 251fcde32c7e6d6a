/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many frames page-out keeps free, and who gets one when there are fewer (kern/pageout.h). All of that is in force only while there is anything that
 * pages could leave for.
 */
#include "pageout_impl.h"
#include "swap_impl.h"
#include <arch/cpu.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/pageout.h>
#include <kern/task.h>
#include <kern/thread.h>

static struct {
    struct pageout_marks least; /* the marks without the reserve; constant after pageout_init() */
    _Atomic uint64_t reserve,
        kept; /* frames besides: that are to be kept back, and that are. kept <= reserve */
    _Atomic uint32_t users; /* areas of slots, and objects: what pages can leave for */
} marks;

uint64_t pageout_free_frames(void)
{
    return frame_count_listed();
}

/* One part in so many of all memory, but not so few that a request's pages would be much of it. */
static uint64_t part(uint64_t frames, uint64_t parts, uint64_t least)
{
    return frames / parts > least ? frames / parts : least;
}

void pageout_init(void)
{
    struct frame_statistics frames;
    struct pageout_marks *m = &marks.least;
    frame_statistics(&frames);
    m->kernel = part(frames.managed, 256, UINT64_C(4) * SWAP_RUN_MAX);
    m->user = 2 * m->kernel;
    m->low = m->user + part(frames.managed, 64, UINT64_C(4) * SWAP_RUN_MAX);
    m->high = m->low + part(frames.managed, 64, UINT64_C(4) * SWAP_RUN_MAX);
}

/* What page-out aims at counts all of the reserve; where others get nothing, what has been filled of it: it is not to be taken from who needs frames
 * meanwhile. */
struct pageout_marks pageout_marks(void)
{
    const uint64_t reserve = atomic_load_explicit(&marks.reserve, memory_order_relaxed),
                   kept = atomic_load_explicit(&marks.kept, memory_order_relaxed);
    return (struct pageout_marks){.kernel = marks.least.kernel + kept,
                                  .user = marks.least.user + kept,
                                  .low = marks.least.low + reserve,
                                  .high = marks.least.high + reserve};
}

/* ---- who gets one ---- */

static bool is_resident(void)
{
    const struct thread *self = arch_cpu_self()->current;
    return !self || ledger_is_resident(self->task->ledger);
}

/* The FRAMES lock is held. */
static uint64_t admit(bool user, uint64_t left)
{
    const struct pageout_marks now = pageout_marks();
    const uint64_t mark = user ? now.user : now.kernel;
    pageout_frame_wanted();
    if (left >= mark)
        return left - mark + 1;
    return is_resident() ? 1 : 0;
}

bool pageout_is_enabled(void)
{
    return atomic_load_explicit(&marks.users, memory_order_relaxed) > 0;
}

bool pageout_is_short(void)
{
    return pageout_is_enabled() && pageout_free_frames() < pageout_marks().low;
}

void pageout_enable_locked(void)
{
    if (atomic_fetch_add_explicit(&marks.users, 1, memory_order_relaxed) == 0)
        frame_set_admission(admit, pageout_marks().low);
}

void pageout_enable(void)
{
    spin_lock(&swap.lock);
    pageout_enable_locked();
    spin_unlock(&swap.lock);
}

void pageout_disable(void)
{
    spin_lock(&swap.lock);
    if (atomic_fetch_sub_explicit(&marks.users, 1, memory_order_relaxed) == 1)
        frame_set_admission(NULL, 0);
    spin_unlock(&swap.lock);
}

bool pageout_has_frames(void)
{
    return pageout_free_frames() > pageout_marks().user + SWAP_RUN_MAX;
}

bool pageout_can_spare(uint64_t frames)
{
    return !pageout_is_enabled() || pageout_free_frames() >= pageout_marks().kernel + frames;
}

/* ---- the reserve ---- */

/* The SWAP lock is held. */
static void keep(uint64_t pages)
{
    atomic_store_explicit(&marks.kept, pages, memory_order_relaxed);
}

bool pageout_set_reserve(uint64_t pages)
{
    enum { PARTS = 2 }; /* more would leave programs no memory to speak of */
    struct frame_statistics frames;
    frame_statistics(&frames);
    if (pages > frames.managed / PARTS)
        return false;
    spin_lock(&swap.lock);
    atomic_store_explicit(&marks.reserve, pages, memory_order_relaxed);
    if (pages < atomic_load_explicit(&marks.kept, memory_order_relaxed) ||
        frames.listed >= pageout_marks().high)
        keep(pages);
    if (pageout_is_enabled())
        frame_set_admission(admit, pageout_marks().low);
    spin_unlock(&swap.lock);
    pageout_retry();
    return true;
}

/* Of what is free beyond what others must leave the reserve gets every second frame: so it is filled however fast others take what page-out frees. The SWAP
 * lock is held. */
static void keep_more(void)
{
    const uint64_t reserve = atomic_load_explicit(&marks.reserve, memory_order_relaxed),
                   kept = atomic_load_explicit(&marks.kept, memory_order_relaxed),
                   free = pageout_free_frames(), stop = pageout_marks().user;
    const uint64_t more = free > stop ? (free - stop) / 2 : 0;
    if (kept < reserve)
        keep(more < reserve - kept ? kept + more : reserve);
}

void pageout_keep_reserve(void)
{
    if (atomic_load_explicit(&marks.kept, memory_order_relaxed) ==
        atomic_load_explicit(&marks.reserve, memory_order_relaxed))
        return;
    spin_lock(&swap.lock);
    keep_more();
    spin_unlock(&swap.lock);
}
