/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of slots that nobody needs are told to the card, which may use their blocks as it likes (pager.h: G7). A run is kept until it is told, used
 * again, or lost for want of a place: it is a favour, and no more.
 */
#include "pager_impl.h"

enum {
    LEAST = 16, /* pages: what is less is not worth a request */
    MOST = 32   /* the bits of a job */
};

/* ---- runs ---- */

static bool touch(const struct pager_run *run, uint32_t slot, uint32_t count)
{
    return run->count > 0 && run->first <= slot + count && slot <= run->first + run->count;
}

/* In the first place of a run that is shorter. */
static void put_run(struct pager *pager, struct pager_run run)
{
    struct pager_run *shortest = pager->freed;

    for (unsigned i = 1; i < PAGER_FREED; i++)
        if (pager->freed[i].count < shortest->count)
            shortest = &pager->freed[i];
    if (run.count > shortest->count)
        *shortest = run;
}

void pager_note_freed(struct pager *pager, uint32_t slot, uint32_t count)
{
    struct pager_run whole = {slot, count};

    if (pager_area_of(pager, slot, count) == PAGER_AREAS)
        return;
    for (unsigned i = 0; i < PAGER_FREED; i++) {
        struct pager_run *run = &pager->freed[i];
        if (!touch(run, whole.first, whole.count))
            continue;
        const uint32_t end = run->first + run->count, other = whole.first + whole.count;
        const uint32_t first = run->first < whole.first ? run->first : whole.first;
        const struct pager_run both = {first, (end > other ? end : other) - first};
        if (pager_area_of(pager, both.first, both.count) == PAGER_AREAS)
            continue; /* of two areas */
        whole = both;
        run->count = 0;
    }
    put_run(pager, whole);
}

void pager_note_used(struct pager *pager, uint32_t slot, uint32_t count)
{
    for (unsigned i = 0; i < PAGER_FREED; i++) {
        struct pager_run *run = &pager->freed[i], was = *run;
        const uint32_t end = was.first + was.count;
        if (!touch(run, slot, count))
            continue;
        run->count = slot > was.first ? slot - was.first : 0;
        if (end > slot + count)
            put_run(pager, (struct pager_run){slot + count, end - (slot + count)});
    }
}

void pager_forget_freed(struct pager *pager, const struct pager_area *area)
{
    for (unsigned i = 0; i < PAGER_FREED; i++)
        if (pager->freed[i].first - area->first < area->count)
            pager->freed[i].count = 0;
}

/* ---- telling ---- */

static bool may_be_told(const struct pager *pager, const struct pager_run *run)
{
    const struct pager_area *area = &pager->area[pager_area_of(pager, run->first, run->count)];

    return run->count >= LEAST && area->can_discard && area->memory;
}

/* NULL: there is none. */
static struct pager_run *longest(struct pager *pager)
{
    struct pager_run *found = NULL;

    for (unsigned i = 0; i < PAGER_FREED; i++) {
        struct pager_run *run = &pager->freed[i];
        if (run->count > 0 && may_be_told(pager, run) && (!found || run->count > found->count))
            found = run;
    }
    return found;
}

bool pager_can_discard(struct pager *pager)
{
    return longest(pager) != NULL;
}

void pager_rest(struct pager *pager)
{
    pager->rests = true;
    pager_continue(pager);
}

void pager_discard(struct pager *pager)
{
    struct pager_run *run = pager->rests ? longest(pager) : NULL;

    if (run && pager_jobs(pager, JOBS_ALL) != 0)
        return;
    pager->rests = run != NULL;
    if (!run)
        return;
    const struct pager_run was = *run;
    const uint32_t count = was.count < MOST ? was.count : MOST;
    struct pager_job *job = pager_make_job(pager, JOB_DISCARD, was.first, count);
    job->card = pager_bits(0, count);
    run->first += count;
    run->count -= count;
    pager_begin_job(pager, job);
    if (job->pieces > 0)
        return;
    pager_end_job(pager, job); /* the card takes nothing now */
    pager->rests = false;
    pager_note_freed(pager, was.first, count);
}
