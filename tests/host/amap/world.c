/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory, the run queue of one work item, and what a fault would do with an amap.
 */
#include "amap_test.h"
#include <kern/sched.h>
#include <kern/work.h>
#include <time.h>

static struct work *_Atomic queued; /* the only item there is */

void sched_enqueue_here(struct runnable *runnable)
{
    struct work *work = container_of(runnable, struct work, runnable);

    CHECK(atomic_exchange(&queued, work) == NULL);
}

/* Called by every basic block of the files under test: now and then a thread stops there for long
 * enough that others get far. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    static _Thread_local uint64_t random;

    if (!host_on_cpu)
        return;
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    if (random >> 50 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
}

bool reap_one(void)
{
    struct work *work = atomic_exchange(&queued, NULL);

    if (work != NULL)
        work_run(work);
    return work != NULL;
}

void reap_all(void)
{
    while (reap_one())
        ;
    CHECK(amap_reaper_is_idle());
}

void world_begin(void)
{
    be_cpu(0);
    host_memory_add_bank(0x40000000, 64 * MIB);
    frame_add_range(0x40000000, 0x40000000 + 64 * MIB);
    amap_init();
}

struct counts counts_now(void)
{
    struct frame_statistics frames;
    unsigned self = host_cpu_index();

    for (unsigned i = 0; i < MAX_CPUS; i++) {
        be_cpu(i);
        kmem_drain();
    }
    be_cpu(self);
    frame_statistics(&frames);
    return (struct counts){
        .objects = kmem_live_objects(),
        .kmem = ledger_used(&kernel_ledger, LEDGER_KMEM),
        .frames = ledger_used(&kernel_ledger, LEDGER_FRAMES),
        .free = frames.free + frames.record_pages,
    };
}

void counts_check(struct counts before)
{
    struct counts now = counts_now();

    CHECK_EQ(now.objects, before.objects);
    CHECK_EQ(now.kmem, before.kmem);
    CHECK_EQ(now.frames, before.frames);
    CHECK_EQ(now.free, before.free);
}

struct amap *make(struct ledger *ledger)
{
    struct amap *amap = NULL;

    CHECK_EQ(amap_create(ledger, &amap), KERN_SUCCESS);
    return amap;
}

static uint64_t *content(struct anon *anon)
{
    struct frame *frame = anon_frame(anon);

    CHECK(frame != NULL && frame->owner == anon);
    return frame_memory(frame);
}

/* An anon of the amap's alone in the slot. */
static kern_return_t fill_slot(struct amap *amap, uint64_t page, struct anon **slot,
                               struct anon **old)
{
    struct anon *anon;
    kern_return_t kr = anon_create(amap->ledger, *slot == NULL, &anon);

    if (kr != KERN_SUCCESS) {
        if (*slot == NULL)
            amap_forget_slot(amap, page);
        return kr;
    }
    if (*slot == NULL)
        CHECK(content(anon)[0] == 0 && content(anon)[PAGE_SIZE / 8 - 1] == 0);
    *old = *slot;
    *slot = anon;
    if (*old == NULL)
        amap_count_slot(amap, page);
    return KERN_SUCCESS;
}

kern_return_t write_page(struct amap *amap, uint64_t page, uint64_t value)
{
    struct anon **slot = NULL, *old = NULL;

    spin_lock(&amap->lock);
    kern_return_t kr = amap_slot(amap, page, &slot);
    if (kr == KERN_SUCCESS && (*slot == NULL || !amap_owns(amap, page)))
        kr = fill_slot(amap, page, slot, &old);
    if (kr == KERN_SUCCESS) {
        CHECK(amap_owns(amap, page) && amap_lookup(amap, page) == *slot);
        content(*slot)[0] = content(*slot)[PAGE_SIZE / 8 - 1] = value;
    }
    spin_unlock(&amap->lock);
    if (old != NULL)
        anon_unref(old);
    return kr;
}

uint64_t read_page(struct amap *amap, uint64_t page)
{
    spin_lock(&amap->lock);
    struct anon *anon = amap_lookup(amap, page);
    uint64_t value = anon != NULL ? content(anon)[0] : 0;
    CHECK(anon == NULL || content(anon)[PAGE_SIZE / 8 - 1] == value);
    spin_unlock(&amap->lock);
    return value;
}

struct amap *copy(struct amap *from, uint64_t first, uint64_t pages)
{
    struct amap *amap = NULL;

    CHECK_EQ(amap_copy(from, first, pages, from->ledger, &amap), KERN_SUCCESS);
    CHECK(amap_check(amap));
    return amap;
}

unsigned remove_all(struct amap *amap, uint64_t first, uint64_t pages)
{
    unsigned pieces = 0;

    while (pages > 0) {
        uint64_t done = amap_remove(amap, first, pages);

        CHECK(done > 0 && done <= pages);
        first += done;
        pages -= done;
        pieces++;
    }
    return pieces;
}

uint64_t count_pages(struct amap *amap)
{
    uint64_t count = 0, page = 0;

    spin_lock(&amap->lock);
    for (; amap_next(amap, &page); page++, count++)
        CHECK(amap_lookup(amap, page) != NULL);
    spin_unlock(&amap->lock);
    return count;
}

int height_of(struct amap *amap)
{
    return amap->root != NULL ? amap->root->height : -1;
}
