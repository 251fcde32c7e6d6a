/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests that carry pages to slots and back (kern/swap.h). A store: pages are gathered by page-out; a grace period passes; they
 * are unmapped and summed, and the request is sent; when it is answered each page's frame is freed, unless somebody wanted
 * the page meanwhile. A load: sent at once; when it is answered the sum is compared, and the page is HERE.
 *
 * Pages of a request are worked on by the work item alone, so that the lock is held for single states only.
 */
#include "swap_impl.h"
#include <arch/timer.h>
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/vm_count.h>

static uint64_t mix(uint64_t sum, uint64_t lane)
{
    return (sum ^ lane ^ lane >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
}

/* A sum that tells apart what a card, a driver or a pager might mix up: every word counts, and where it stands. Four lanes, so that
 * a multiplication does not wait for the one before. */
static uint64_t sum_of(const struct frame *frame)
{
    const uint64_t *word = frame_memory(frame), *end = word + PAGE_SIZE / sizeof(*word);
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (; word < end; word += 4) {
        a = (a ^ word[0]) * factor;
        b = (b ^ word[1]) * factor;
        c = (c ^ word[2]) * factor;
        d = (d ^ word[3]) * factor;
    }
    return mix(mix(mix(mix(0, a), b), c), d);
}

/* ---- numbers ---- */

uint32_t swap_request_number(const struct swap_request *request)
{
    uint32_t number = request->load ? SWAP_STORES + (uint32_t)(request - swap.load)
                                    : (uint32_t)(request - swap.store);
    return request->generation << SWAP_REQUEST_BITS | number;
}

struct swap_request *swap_find_request(uint32_t number)
{
    uint32_t index = number % (1 << SWAP_REQUEST_BITS);
    if (index >= SWAP_STORES + SWAP_LOADS)
        return NULL;
    struct swap_request *request =
        index < SWAP_STORES ? &swap.store[index] : &swap.load[index - SWAP_STORES];
    return request->state == REQ_SENT && swap_request_number(request) == number ? request : NULL;
}

static struct swap_request *find_free(struct swap_request *requests, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (requests[i].state == REQ_FREE && !requests[i].message.out && !requests[i].waking)
            return &requests[i];
    return NULL;
}

static void begin(struct swap_request *request, bool load, uint8_t state)
{
    request->generation++;
    request->load = load;
    request->ok = false;
    request->count = request->at = 0;
    request->state = state;
}

/* It is FREE; who waited for one may have it. */
static void end(struct swap_request *request)
{
    request->state = REQ_FREE;
    swap.wake_waiting |= request->load;
}

/* ---- stores ---- */

struct swap_request *swap_begin_store(void)
{
    spin_lock(&swap.lock);
    struct swap_request *request = swap.port ? find_free(swap.store, SWAP_STORES) : NULL;
    if (request) {
        begin(request, false, REQ_GATHERING);
        request->taken = (uint8_t)swap_take_run(SWAP_RUN_MAX, &request->first);
        if (request->taken == 0) {
            request->state = REQ_FREE;
            request = NULL;
        }
    }
    spin_unlock(&swap.lock);
    return request;
}

static void grace_passed(struct grace *grace)
{
    struct swap_request *request = container_of(grace, struct swap_request, grace);
    spin_lock(&swap.lock);
    request->state = REQ_CLEANING;
    work_start(&swap.work);
    spin_unlock(&swap.lock);
}

void swap_launch(struct swap_request *request)
{
    spin_lock(&swap.lock);
    for (uint32_t i = request->count; i < request->taken; i++)
        swap_put_slot(request->first + i);
    swap.in_flight += request->count;
    request->state = request->count ? REQ_GRACE : REQ_FREE;
    spin_unlock(&swap.lock);
    if (request->state == REQ_FREE)
        return;
    request->grace.run = grace_passed;
    grace_call(&request->grace);
}

/* The frame is nobody's from here on but page-out's: S3. One that was RESCUED may be wired by now, and stays where it is. */
static void clean_page(struct swap_page *page)
{
    if (!pmap_page_take(page->frame))
        (void)swap_rescue(page->anon);
    page->checksum = sum_of(page->frame);
}

static void clean(struct swap_request *request)
{
    clean_page(&request->page[request->at]);
    spin_lock(&swap.lock);
    if (++request->at == request->count) {
        request->at = 0;
        request->state = swap.port ? REQ_DUE : REQ_ENDING; /* nobody would end it; it is not ok */
    }
    spin_unlock(&swap.lock);
}

/* Where the page is from here on. The lock is held. True: its frame is to be freed; *record: and its anon, which nobody else
 * knows any more. */
static bool settle_stored(struct swap_request *request, struct swap_page *page, uint32_t number,
                          bool *record)
{
    struct anon *anon = page->anon;
    struct swap_slot *slot = swap_slot(number);
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    *record = atomic_load_explicit(&anon->references, memory_order_relaxed) == ANON_GONE;
    if (!*record && request->ok && (where & ANON_STATE) == ANON_LEAVING) {
        slot->state = SLOT_FULL;
        slot->anon = anon;
        slot->ledger = (struct ledger *)(uintptr_t)page->frame->owner_offset;
        slot->checksum = page->checksum;
        slot->flags = frame_owner_flags(page->frame);
        atomic_store_explicit(&anon->where, ANON_OUT | number, memory_order_release);
        return true;
    }
    swap_put_slot(number);
    if (!*record)
        atomic_store_explicit(&anon->where, frame_number(page->frame), memory_order_release);
    return *record;
}

static void end_stored(struct swap_request *request)
{
    struct swap_page *page = &request->page[request->at];
    bool record;
    struct ledger *ledger = (struct ledger *)(uintptr_t)page->frame->owner_offset;
    spin_lock(&swap.lock);
    bool frees = settle_stored(request, page, request->first + request->at, &record);
    spin_unlock(&swap.lock);
    if (frees) {
        frame_free_paid(page->frame);
        if (record)
            anon_free_record(page->anon, ledger);
        else {
            atomic_fetch_add_explicit(&swap.stores, 1, memory_order_relaxed);
            vm_count(VM_COUNT_SWAP_OUTS);
        }
    }
}

/* ---- loads ---- */

struct swap_request *swap_begin_load(uint32_t slot, struct frame *frame)
{
    struct swap_request *request = swap.port ? find_free(swap.load, SWAP_LOADS) : NULL;
    if (!request)
        return NULL;
    begin(request, true, REQ_DUE);
    request->first = slot;
    request->count = 1;
    request->page[0] = (struct swap_page){.frame = frame};
    request->until = paged_patience_ends();
    swap_slot(slot)->state = SLOT_LOADING;
    swap_slot(slot)->request = (uint8_t)(request - swap.load);
    swap.in_flight++;
    return request;
}

void swap_load_unwanted(struct swap_request *request)
{
    if (request->state != REQ_DUE)
        return;
    request->state = REQ_ENDING;
    work_start(&swap.work);
}

/* The anon has a frame again. It was wanted: the hand shall pass it twice. */
static void settle_loaded(struct frame *frame, struct swap_slot *slot)
{
    frame->owner = slot->anon;
    frame->owner_offset = (uintptr_t)slot->ledger;
    vm_count(VM_COUNT_SWAP_INS);
    atomic_store_explicit(&frame->flags,
                          (uint16_t)(FRAME_FLAG_PAGEABLE | FRAME_FLAG_REFERENCED | slot->flags),
                          memory_order_release);
    atomic_store_explicit(&slot->anon->where, frame_number(frame), memory_order_release);
}

static void end_loaded(struct swap_request *request)
{
    struct frame *frame = request->page[request->at].frame;
    uint32_t number = request->first + request->at;
    struct swap_slot *slot = swap_slot(number); /* it stays while it is LOADING */
    bool good = request->ok && sum_of(frame) == slot->checksum;
    spin_lock(&swap.lock);
    bool orphan = slot->state == SLOT_ORPHAN;
    if (good && !orphan)
        settle_loaded(frame, slot);
    if (good || orphan)
        swap_put_slot(number);
    else
        slot->state = SLOT_LOST;
    spin_unlock(&swap.lock);
    if (good || !orphan)
        atomic_fetch_add_explicit(good ? &swap.loads : &swap.lost, 1, memory_order_relaxed);
    if (!good || orphan)
        frame_free_paid(frame);
}

/* ---- answers ---- */

kern_return_t swap_request_done(uint32_t number, bool ok)
{
    spin_lock(&swap.lock);
    struct swap_request *request = swap_find_request(number);
    if (request) {
        request->ok = ok;
        request->state = REQ_ENDING;
        request->at = 0;
        work_start(&swap.work);
    }
    spin_unlock(&swap.lock);
    return request ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

static void end_page(struct swap_request *request)
{
    if (request->at == 0)
        swap_window_hide(request); /* S7 */
    if (request->load)
        end_loaded(request);
    else
        end_stored(request);
    spin_lock(&swap.lock);
    swap.in_flight--;
    if (++request->at == request->count) {
        request->waking = request->load;
        end(request);
    }
    bool failed = !request->load && !request->ok;
    spin_unlock(&swap.lock);
    if (failed)
        pageout_failed();
    else
        pageout_retry();
}

/* One page: a sum alone is some 2,000 instructions. */
bool swap_work_requests(void)
{
    bool done = false;
    for (unsigned i = 0; i < SWAP_STORES + SWAP_LOADS && !done; i++) {
        struct swap_request *request = i < SWAP_LOADS ? &swap.load[i] : &swap.store[i - SWAP_LOADS];
        spin_lock(&swap.lock);
        uint8_t state = request->state;
        spin_unlock(&swap.lock);
        if (state != REQ_ENDING && state != REQ_CLEANING)
            continue;
        if (state == REQ_ENDING)
            end_page(request);
        else
            clean(request);
        done = true;
    }
    return done;
}

void swap_abandon_requests(void)
{
    for (unsigned i = 0; i < SWAP_STORES; i++) {
        struct swap_request *request = &swap.store[i];
        if (request->state == REQ_SENT || request->state == REQ_DUE) {
            request->ok = false;
            request->state = REQ_ENDING;
            request->at = 0;
        }
    }
    for (unsigned i = 0; i < SWAP_LOADS;
         i++) { /* their pages may still be there for the next one */
        struct swap_request *request = &swap.load[i];
        if (request->state != REQ_SENT)
            continue;
        request->state = REQ_DUE;
        if (swap_slot(request->first)->state == SLOT_ORPHAN)
            swap_load_unwanted(request);
    }
    work_start(&swap.work);
}
