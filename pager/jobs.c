/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the cards are asked for, and when (pager.h: G4, G5).
 */
#include "pager_impl.h"
#include <string.h>

/* Pages between two that are to be written that cost less than a request of their own. */
enum { GAP = 4 };

unsigned pager_area_of(const struct pager *pager, uint32_t slot, uint32_t count)
{
    unsigned number = 0;

    for (; number < PAGER_AREAS; number++) {
        const struct pager_area *area = &pager->area[number];
        if (area->used && slot - area->first < area->count &&
            count <= area->count - (slot - area->first))
            break;
    }
    return number;
}

struct pager_job *pager_make_job(struct pager *pager, enum pager_job_kind kind, uint32_t slot,
                                 uint32_t count)
{
    const uint64_t used = pager_jobs(pager, JOBS_ALL);
    const unsigned number = used == UINT64_MAX ? PAGER_JOBS : (unsigned)__builtin_ctzll(~used);
    struct pager_job *job = &pager->job[number];

    if (number >= PAGER_JOBS)
        return NULL;
    pager->jobs[kind] |= UINT64_C(1) << number;
    *job = (struct pager_job){
        .kind = kind,
        .slot = slot,
        .count = count,
        .area = (uint8_t)pager_area_of(pager, slot, count),
        .order = pager->order++,
        .buffer = -1,
    };
    return job;
}

/* ---- buffers ---- */

static bool take_buffer(struct pager *pager, struct pager_job *job)
{
    struct pager_area *area = &pager->area[job->area];
    const int kept = job->kind == JOB_LOAD ? 0 : PAGER_BUFFERS_LOADS;

    if (__builtin_popcount(area->buffers) >= PAGER_BUFFERS - kept)
        return false;
    job->buffer = (int8_t)__builtin_ctz(~area->buffers);
    area->buffers |= 1u << job->buffer;
    return true;
}

static void give_buffer(struct pager *pager, struct pager_job *job)
{
    if (job->buffer >= 0)
        pager->area[job->area].buffers &= ~(1u << job->buffer);
    job->buffer = -1;
}

void pager_end_job(struct pager *pager, struct pager_job *job)
{
    const struct pager_job was = *job;

    for (uint32_t i = 0; was.kind == JOB_STORE && was.failed && i < was.count; i++)
        tier_remove(pager->tier, was.slot + i); /* the pages stay where they were */
    give_buffer(pager, job);
    pager->jobs[was.kind] &= ~(UINT64_C(1) << (job - pager->job));
    *job = (struct pager_job){0};
    if (was.kind == JOB_LOAD || was.kind == JOB_STORE)
        pager->world.done(pager->world.context, was.request, !was.failed);
}

/* ---- what may be begun ---- */

static bool overlap(const struct pager_job *a, const struct pager_job *b)
{
    return a->slot < b->slot + b->count && b->slot < a->slot + a->count;
}

/* G4, by slots: those of different areas differ. A load waits for nothing: the kernel loads no page that is on its way out, those that
 * leave the tier are loaded from there, and what is read beside the pages that are wanted is not looked at. */
static bool must_wait(struct pager *pager, const struct pager_job *job)
{
    uint64_t others = job->kind == JOB_LOAD ? 0 : pager_jobs(pager, JOBS_ALL & ~(1u << JOB_LOAD));

    for (const struct pager_job *other; (other = pager_next_job(pager, &others));)
        if (other != job && other->pieces > 0 && overlap(job, other))
            return true;
    return false;
}

/* Of what is to be asked for: the first run, with the gaps that are worth it. */
static uint32_t next_piece(const struct pager_job *job, uint32_t *count)
{
    const uint32_t left = job->card & ~job->asked;
    const uint32_t first = (uint32_t)__builtin_ctz(left);
    uint32_t end = first + 1;

    const uint32_t gap = job->kind == JOB_LOAD ? PAGER_RUN : job->kind == JOB_STORE ? GAP : 0;
    for (uint32_t i = end; i < job->count && i - end <= gap; i++)
        if (left & 1u << i)
            end = i + 1;
    *count = end - first;
    return first;
}

static void count_io(struct pager *pager, const struct pager_io *io)
{
    struct pager_counts *counts = &pager->counts;
    const uint64_t bytes = (uint64_t)io->count * PAGER_PAGE;

    switch (io->operation) {
    case PAGER_READ: counts->reads++, counts->bytes_read += bytes; break;
    case PAGER_WRITE: counts->writes++, counts->bytes_written += bytes; break;
    case PAGER_DISCARD: counts->bytes_discarded += bytes; break;
    }
}

/* As much as the card takes now. */
static void ask(struct pager *pager, struct pager_job *job)
{
    const struct pager_area *area = &pager->area[job->area];

    while (job->card & ~job->asked) {
        struct pager_io io = {
            .operation = job->kind == JOB_LOAD      ? PAGER_READ
                         : job->kind == JOB_DISCARD ? PAGER_DISCARD
                                                    : PAGER_WRITE,
            .ticket = (uint32_t)(job - pager->job),
        };
        const uint32_t index = next_piece(job, &io.count);
        io.page = job->slot - area->first + index + 1;
        if (job->buffer >= 0)
            io.offset = (uint32_t)(pager_buffer_page(pager, job, index) - area->memory);
        if (!pager->world.begin(pager->world.context, job->area, &io))
            return;
        job->pieces++;
        job->asked |= pager_bits(index, io.count);
        count_io(pager, &io);
    }
}

static void finish_if_done(struct pager *pager, struct pager_job *job)
{
    if (job->pieces > 0 || job->card & ~job->asked)
        return;
    if (job->kind == JOB_LOAD && !job->failed)
        pager_use_buffer(pager, job);
    if (job->kind == JOB_WRITE_BACK)
        pager_written_back(pager, job);
    pager_end_job(pager, job);
}

/* The oldest of a kind that has something to ask for, after that moment. */
static struct pager_job *next_job(struct pager *pager, enum pager_job_kind kind, uint64_t from)
{
    struct pager_job *next = NULL;
    uint64_t jobs = pager->jobs[kind];

    for (struct pager_job *job; (job = pager_next_job(pager, &jobs));)
        if (job->card & ~job->asked && job->order >= from && (!next || job->order < next->order))
            next = job;
    return next;
}

void pager_begin_job(struct pager *pager, struct pager_job *job)
{
    if (!pager->area[job->area].memory || (job->pieces == 0 && must_wait(pager, job)))
        return;
    if (job->buffer < 0 && job->kind != JOB_DISCARD) {
        if (!take_buffer(pager, job))
            return;
        pager_fill_buffer(pager, job);
    }
    ask(pager, job);
    finish_if_done(pager, job);
}

static void begin_jobs(struct pager *pager, enum pager_job_kind kind)
{
    struct pager_job *job;

    for (uint64_t from = 0; (job = next_job(pager, kind, from));) {
        from = job->order + 1;
        pager_begin_job(pager, job);
    }
}

void pager_continue(struct pager *pager)
{
    pager_write_back(pager);
    begin_jobs(pager, JOB_LOAD);
    begin_jobs(pager, JOB_STORE);
    begin_jobs(pager, JOB_WRITE_BACK);
    pager_discard(pager);
    for (unsigned number = 0; number < PAGER_AREAS; number++)
        if (pager->area[number].used)
            pager->world.commit(pager->world.context, number);
}

/* ---- answers ---- */

void pager_card_done(struct pager *pager, uint32_t ticket, bool ok)
{
    struct pager_job *job = &pager->job[ticket];

    job->pieces--;
    if (!ok && job->kind == JOB_DISCARD) {
        pager->area[job->area].can_discard = false;
    } else if (!ok) {
        job->failed = true;
        job->card &= job->asked; /* the rest is in vain */
        pager->area[job->area].failures++;
        pager->counts.failures++;
    }
    finish_if_done(pager, job);
}

unsigned pager_waiting(const struct pager *pager)
{
    return (unsigned)__builtin_popcountll(pager_jobs(pager, 1u << JOB_LOAD | 1u << JOB_STORE));
}
