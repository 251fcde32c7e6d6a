/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel asks for, and the areas it is kept in (pager.h).
 */
#include "pager_impl.h"
#include <string.h>

void pager_begin(struct pager *pager, const struct pager_world *world, struct tier *tier,
                 char *window, char *page)
{
    *pager = (struct pager){.world = *world, .tier = tier, .window = window, .page = page};
}

/* ---- areas ---- */

void pager_add_area(struct pager *pager, unsigned number, uint32_t first, uint32_t count,
                    char *memory, bool fresh)
{
    pager->area[number] =
        (struct pager_area){.used = true, .first = first, .count = count, .memory = memory};
    if (fresh)
        tier_remove_range(pager->tier, first, count);
}

static bool is_in_area(void *context, uint32_t slot)
{
    return pager_area_of(context, slot, 1) < PAGER_AREAS;
}

void pager_areas_are_known(struct pager *pager)
{
    tier_keep_only(pager->tier, is_in_area, pager);
}

/* The kernel has no request for them any more: what there is are the tier's and discards. */
bool pager_end_area(struct pager *pager, unsigned number)
{
    struct pager_area *area = &pager->area[number];
    uint64_t jobs = pager_jobs(pager, JOBS_ALL);

    while (jobs != 0) {
        struct pager_job *job = pager_next_job(pager, &jobs);
        if (job->area != number)
            continue;
        if (job->pieces > 0)
            return false;
        job->failed = true;
        pager_end_job(pager, job);
    }
    tier_remove_range(pager->tier, area->first, area->count);
    pager_forget_freed(pager, area);
    area->used = false;
    return true;
}

/* ---- pages of the kernel's ---- */

/* As many of the job's pages as the window has room for, from `index` on and before `end`; how many. */
static uint32_t show(struct pager *pager, const struct pager_job *job, uint32_t index, uint32_t end)
{
    const uint32_t count = end - index < PAGER_WINDOW ? end - index : PAGER_WINDOW;

    pager->world.show(pager->world.context, job->request, index, count);
    return count;
}

static char *shown(const struct pager *pager, uint32_t page)
{
    return pager->window + (size_t)page * PAGER_PAGE;
}

static struct pager_job *take(struct pager *pager, enum pager_job_kind kind, uint32_t request,
                              uint32_t slot, uint32_t count)
{
    struct pager_job *job = NULL;

    pager->asked++;
    pager->rests = false;
    if (count > 0 && count <= PAGER_RUN && pager_area_of(pager, slot, count) < PAGER_AREAS)
        job = pager_make_job(pager, kind, slot, count);
    if (job)
        job->request = request;
    else
        pager->world.done(pager->world.context, request, false);
    return job;
}

/* ---- stores ---- */

/* A page that is being stored may be changed: it is wanted again, and what becomes of it here does not matter then. But it is to
 * be looked at once. */
static bool put(struct pager *pager, uint32_t slot, const char *from)
{
    memcpy(pager->page, from, PAGER_PAGE);
    if (!tier_put(pager->tier, slot, pager->page))
        return false;
    if (tier_is_same(pager->tier, slot))
        pager->counts.stores_same++;
    else
        pager->counts.stores_compressed++;
    return true;
}

static uint32_t put_all(struct pager *pager, const struct pager_job *job)
{
    uint32_t put_bits = 0;

    if (pager->tier->entries == 0)
        return 0;
    for (uint32_t i = 0; i < job->count;) {
        const uint32_t n = show(pager, job, i, job->count);
        for (uint32_t k = 0; k < n; k++)
            if (put(pager, job->slot + i + k, shown(pager, k)))
                put_bits |= 1u << (i + k);
        i += n;
    }
    return put_bits;
}

void pager_store(struct pager *pager, uint32_t request, uint32_t slot, uint32_t count)
{
    struct pager_job *job = take(pager, JOB_STORE, request, slot, count);

    if (!job)
        return;
    pager_note_used(pager, slot, count);
    pager_outdate(pager, slot, count);
    job->card = pager_bits(0, count) & ~put_all(pager, job);
    if (job->card == 0)
        pager_end_job(pager, job);
    pager_continue(pager);
}

/* Pages between those that are to be written go along (jobs.c): all of them are there. */
static void fill_with_store(struct pager *pager, struct pager_job *job)
{
    const uint32_t first = (uint32_t)__builtin_ctz(job->card);
    const uint32_t end = 32 - (uint32_t)__builtin_clz(job->card);

    for (uint32_t i = first; i < end;) {
        const uint32_t n = show(pager, job, i, end);
        memcpy(pager_buffer_page(pager, job, i), shown(pager, 0), (size_t)n * PAGER_PAGE);
        i += n;
    }
    pager->counts.stores_card += (uint64_t)__builtin_popcount(job->card);
}

static void fill_with_tier(struct pager *pager, struct pager_job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (job->card & 1u << i &&
            !tier_get(pager->tier, job->slot + i, pager_buffer_page(pager, job, i)))
            job->card &= ~(1u << i);
}

void pager_fill_buffer(struct pager *pager, struct pager_job *job)
{
    if (job->kind == JOB_STORE)
        fill_with_store(pager, job);
    else if (job->kind == JOB_WRITE_BACK)
        fill_with_tier(pager, job);
}

/* ---- loads ---- */

static bool get(struct pager *pager, const struct pager_job *job, uint32_t index)
{
    const uint32_t slot = job->slot + index;

    if (!tier_has(pager->tier, slot))
        return false;
    if (tier_is_same(pager->tier, slot))
        pager->counts.loads_same++;
    else
        pager->counts.loads_compressed++;
    (void)show(pager, job, index, index + 1);
    return tier_get(pager->tier, slot, shown(pager, 0));
}

void pager_load(struct pager *pager, uint32_t request, uint32_t slot, uint32_t count)
{
    struct pager_job *job = take(pager, JOB_LOAD, request, slot, count);

    if (!job)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (!get(pager, job, i))
            job->card |= 1u << i;
    pager->counts.loads_card += (uint64_t)__builtin_popcount(job->card);
    if (job->card == 0)
        pager_end_job(pager, job);
    pager_continue(pager);
}

void pager_use_buffer(struct pager *pager, struct pager_job *job)
{
    for (uint32_t i = 0; i < job->count;) {
        const uint32_t n = show(pager, job, i, job->count);
        for (uint32_t k = 0; k < n; k++)
            if (job->card & 1u << (i + k))
                memcpy(shown(pager, k), pager_buffer_page(pager, job, i + k), PAGER_PAGE);
        i += n;
    }
}

void pager_freed(struct pager *pager, uint32_t slot, uint32_t count)
{
    pager_outdate(pager, slot, count);
    for (uint32_t i = 0; i < count; i++)
        tier_remove(pager->tier, slot + i);
    pager_note_freed(pager, slot, count);
    pager_continue(pager);
}
