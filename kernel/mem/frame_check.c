/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verification of the frame allocator's invariants F1 to F3. It walks every record of every opened
 * block, from run to run.
 */
#include "frame_impl.h"
#include <kern/cpu.h>
#include <kern/log.h>

/* Frames found by walking the records, to be compared with lists, caches and counters. */
struct census {
    uint64_t free_frames, free_runs, cached, used, own;
};

/* Account one run; false if its record cannot be right. */
static bool count_run(pfn_t pfn, struct census *census)
{
    const struct frame *head = frame_record(pfn);
    enum frame_state state = frame_state_get(head);
    unsigned order = head->order;

    if (order > FRAME_MAX_ORDER || (pfn & ((1u << order) - 1)) != 0)
        return false;
    for (unsigned i = 1; i < 1u << order; i++) {
        if (frame_state_get(head + i) != FRAME_RESERVED)
            return false;
    }
    switch (state) {
    case FRAME_FREE: {
        pfn_t buddy = pfn ^ (UINT32_C(1) << order);
        census->free_frames += UINT64_C(1) << order;
        census->free_runs++;
        /* F2: two free buddies would have been joined. */
        return order == FRAME_MAX_ORDER || frame_state_get(frame_record(buddy)) != FRAME_FREE ||
               frame_record(buddy)->order != order;
    }
    case FRAME_CACHED: census->cached++; return order == 0;
    case FRAME_USED:
        *(head->owner == &block_own_tag ? &census->own : &census->used) += UINT64_C(1) << order;
        return true;
    default: return false;
    }
}

static bool count_block(pfn_t first, void *context)
{
    for (pfn_t pfn = first; pfn < first + BLOCK_FRAMES;) {
        const struct frame *head = frame_record(pfn);

        if (frame_state_get(head) == FRAME_RESERVED) {
            pfn++; /* not ours: runs are stepped over as a whole */
            continue;
        }
        if (!count_run(pfn, context)) {
            log_error("frames: bad record of frame %x: state %u order %u", pfn,
                      frame_state_get(head), head->order);
            return false;
        }
        pfn += UINT32_C(1) << head->order;
    }
    return true;
}

/* Every run of a list is free, of the list's order, and linked both ways; takes what it finds off
 * the census. */
static bool lists_match(struct census *census)
{
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        pfn_t before = PFN_NONE;

        for (pfn_t pfn = buddy_list[order]; pfn != PFN_NONE; pfn = frame_record(pfn)->next) {
            const struct frame *head = frame_record(pfn);

            if (frame_state_get(head) != FRAME_FREE || head->order != order ||
                head->prev != before || census->free_runs == 0)
                return false;
            census->free_runs--;
            before = pfn;
        }
    }
    return census->free_runs == 0;
}

static bool caches_match(struct census *census)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        const struct cpu *cpu = &cpu_record[i];
        uint32_t count = atomic_load_explicit(&cpu->frame_cache.count, memory_order_relaxed);

        for (uint32_t j = 0; j < count; j++) {
            if (frame_state_get(frame_record(cpu->frame_cache.frame[j])) != FRAME_CACHED ||
                census->cached == 0)
                return false;
            census->cached--;
        }
    }
    return census->cached == 0;
}

static const char *find_fault(void)
{
    struct census census = {0};

    if (!block_for_each_open(count_block, &census))
        return "records";
    uint64_t all = block_unopened_count * BLOCK_FRAMES + census.free_frames + census.cached +
                   census.used + census.own;
    if (census.free_frames != buddy_free_frames)
        return "count of free frames";
    if (all != block_managed_frames || census.own != block_own_frames)
        return "sum of all frames";
    if (!lists_match(&census))
        return "lists";
    return caches_match(&census) ? NULL : "caches";
}

bool frame_check(void)
{
    spin_lock(&frames_lock);
    const char *fault = find_fault();
    spin_unlock(&frames_lock);
    if (fault != NULL)
        log_error("frames: check failed: %s", fault);
    return fault == NULL;
}
