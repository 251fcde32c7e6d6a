/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages leave the tier for the card, oldest first, with their neighbours by slots: one request for many.
 *
 * B1 A page leaves when it is on the card. Until then the tier has it, and loads get it there.
 * B2 A page that was replaced or freed meanwhile does not leave: what is there now is another one.
 */
#include "pager_impl.h"

enum {
    AT_A_TIME = 2,
    /* Of the blocks: when fewer than that part are free, pages leave. */
    FULL_PART = 8,
};

static unsigned under_way(const struct pager *pager)
{
    return (unsigned)__builtin_popcountll(pager->jobs[JOB_WRITE_BACK]);
}

static bool is_busy(struct pager *pager, uint32_t slot)
{
    uint64_t jobs = pager_jobs(pager, JOBS_ALL);

    for (const struct pager_job *job; (job = pager_next_job(pager, &jobs));)
        if (slot - job->slot < job->count)
            return true;
    return false;
}

/* Pages that are one word do not leave, but are written where they would part those that do. */
static bool may_go(struct pager *pager, uint32_t slot)
{
    return tier_has(pager->tier, slot) && !is_busy(pager, slot);
}

static bool may_leave(struct pager *pager, uint32_t slot)
{
    return may_go(pager, slot) && !tier_is_same(pager->tier, slot);
}

/* The pages around it that can go with it: a run whose ends leave. */
static void begin_with(struct pager *pager, uint32_t slot)
{
    const struct pager_area *area = &pager->area[pager_area_of(pager, slot, 1)];
    uint32_t first = slot, end = slot + 1;

    while (first > area->first && slot - first < PAGER_RUN - 1 && may_go(pager, first - 1))
        first--;
    while (end < area->first + area->count && end - first < PAGER_RUN && may_go(pager, end))
        end++;
    while (!may_leave(pager, first))
        first++;
    while (!may_leave(pager, end - 1))
        end--;
    struct pager_job *job = pager_make_job(pager, JOB_WRITE_BACK, first, end - first);
    if (job)
        job->card = pager_bits(0, end - first);
}

void pager_write_back(struct pager *pager)
{
    struct tier *tier = pager->tier;
    uint32_t looked = 0;

    while (tier->free_blocks < tier->blocks / FULL_PART && tier->compressed > looked &&
           looked < PAGER_JOBS && under_way(pager) < AT_A_TIME) {
        const uint32_t slot = tier_oldest(tier);
        tier_make_newest(tier, slot);
        looked++;
        if (pager_area_of(pager, slot, 1) < PAGER_AREAS && may_leave(pager, slot))
            begin_with(pager, slot);
    }
}

void pager_written_back(struct pager *pager, struct pager_job *job)
{
    for (uint32_t i = 0; i < job->count && !job->failed; i++)
        if (job->card & ~job->stale & 1u << i && !tier_is_same(pager->tier, job->slot + i)) {
            tier_remove(pager->tier, job->slot + i);
            pager->counts.written_back++;
        }
}

/* The job's pages in slots [slot, slot + count). */
static uint32_t bits_of(const struct pager_job *job, uint32_t slot, uint32_t count)
{
    const uint32_t first = slot > job->slot ? slot : job->slot, end = slot + count,
                   others = job->slot + job->count, last = end < others ? end : others;

    return first < last ? pager_bits(first - job->slot, last - first) : 0;
}

void pager_outdate(struct pager *pager, uint32_t slot, uint32_t count)
{
    uint64_t jobs = pager->jobs[JOB_WRITE_BACK];

    for (struct pager_job *job; (job = pager_next_job(pager, &jobs));) {
        const uint32_t bits = bits_of(job, slot, count);
        if (bits == 0)
            continue;
        job->stale |= bits;
        job->card &= ~bits | job->asked;
        if (job->card == 0)
            pager_end_job(pager, job);
    }
}
