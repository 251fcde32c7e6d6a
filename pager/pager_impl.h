/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the pager's logic.
 */
#pragma once

#include "pager.h"

/* ---- jobs.c ---- */

/** A new one; NULL: there are PAGER_JOBS. */
struct pager_job *pager_make_job(struct pager *pager, enum pager_job_kind kind, uint32_t slot,
                                 uint32_t count);
/** The slots of the job's page `index` on. */
static inline uint32_t pager_bits(uint32_t index, uint32_t count)
{
    return count == 0 ? 0 : (UINT32_MAX >> (32 - count)) << index;
}
/** The card that the slots are on; PAGER_AREAS: no such slots. */
unsigned pager_area_of(const struct pager *pager, uint32_t slot, uint32_t count);
/** Jobs of these kinds, which are given as bits: a bit each. JOBS_ALL: of any. */
enum { JOBS_ALL = (1 << JOB_KINDS) - 1 };
static inline uint64_t pager_jobs(const struct pager *pager, unsigned kinds)
{
    uint64_t jobs = 0;

    for (unsigned kind = JOB_LOAD; kind < JOB_KINDS; kind++)
        jobs |= kinds & 1u << kind ? pager->jobs[kind] : 0;
    return jobs;
}
/** One of them is taken off. NULL: there is none. */
static inline struct pager_job *pager_next_job(struct pager *pager, uint64_t *jobs)
{
    if (*jobs == 0)
        return NULL;
    const unsigned number = (unsigned)__builtin_ctzll(*jobs);
    *jobs &= *jobs - 1;
    return &pager->job[number];
}
/** As far as the card takes it now. */
void pager_begin_job(struct pager *pager, struct pager_job *job);
/** Nothing is left of it to do: who waits is told, and it is forgotten. */
void pager_end_job(struct pager *pager, struct pager_job *job);

static inline char *pager_buffer_page(const struct pager *pager, const struct pager_job *job,
                                      uint32_t index)
{
    return pager->area[job->area].memory +
           ((size_t)(unsigned)job->buffer * PAGER_RUN + index) * PAGER_PAGE;
}

/* ---- discard.c ---- */

/** These slots are free, or not any more. */
void pager_note_freed(struct pager *pager, uint32_t slot, uint32_t count);
void pager_note_used(struct pager *pager, uint32_t slot, uint32_t count);
/** The area goes. */
void pager_forget_freed(struct pager *pager, const struct pager_area *area);
/** Tell a card of some, if there is nothing else to do. */
void pager_discard(struct pager *pager);

/* ---- requests.c ---- */

/** The job has its buffer: put there what is to be written. */
void pager_fill_buffer(struct pager *pager, struct pager_job *job);
/** All of it has been read. */
void pager_use_buffer(struct pager *pager, struct pager_job *job);

/* ---- write_back.c ---- */

/** Have pages leave the tier, if it is nearly full. */
void pager_write_back(struct pager *pager);
/** They are on the card. */
void pager_written_back(struct pager *pager, struct pager_job *job);
/** There are new pages for these slots, or nobody needs what is there. */
void pager_outdate(struct pager *pager, uint32_t slot, uint32_t count);
