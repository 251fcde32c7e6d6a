/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests that carry pages to slots and back (kern/swap.h). A store: pages are gathered by page-out; a grace period passes; they
 * are unmapped and summed, and the request is sent; when it is answered each page's frame is freed, unless somebody wanted
 * the page meanwhile. A load: sent at once; when it is answered the sum is compared, and the page is HERE.
 *
 * Pages of a request are worked on by the work item alone, so that the lock is held for single states only.
 */
#include "swap_impl.h"
#include <arch/page_sum.h>
#include <arch/timer.h>
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/trace.h>
#include <kern/vm_count.h>

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

void swap_requests_init(void)
{
    for (unsigned i = 0; i < SWAP_STORES + SWAP_LOADS; i++) {
        struct swap_request *request = swap_request(i);
        request->bit = 1u << i;
        list_init(&request->waiters);
        swap_message_init(&request->message);
        swap.in_state[REQ_FREE] |= request->bit;
    }
}

void swap_set_state(struct swap_request *request, enum request_state state)
{
    swap.in_state[request->state] &= ~request->bit;
    swap.in_state[state] |= request->bit;
    request->state = (uint8_t)state;
}

static struct swap_request *find_free(uint32_t which)
{
    uint32_t left = swap.in_state[REQ_FREE] & which;
    for (struct swap_request *request; (request = swap_next_request(&left));)
        if (!request->message.out && !request->waking)
            return request;
    return NULL;
}

static void begin(struct swap_request *request, bool load, enum request_state state)
{
    request->generation++;
    request->load = load;
    request->ok = request->refused = false;
    request->count = request->at = request->sent = 0;
    swap_set_state(request, state);
}

/* It is FREE; who waited for one may have it. */
static void end(struct swap_request *request)
{
    swap_set_state(request, REQ_FREE);
    swap.wake_waiting |= request->load;
}

/* ---- stores ---- */

struct swap_request *swap_begin_store(void)
{
    spin_lock(&swap.lock);
    struct swap_request *request = swap.port ? find_free(SWAP_STORE_BITS) : NULL;
    if (request) {
        begin(request, false, REQ_GATHERING);
        request->taken = (uint8_t)swap_take_run(SWAP_RUN_MAX, &request->first);
        if (request->taken == 0) {
            swap_set_state(request, REQ_FREE);
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
    swap_set_state(request, REQ_CLEANING);
    work_start(&swap.work);
    spin_unlock(&swap.lock);
}

void swap_launch(struct swap_request *request)
{
    spin_lock(&swap.lock);
    for (uint32_t i = request->count; i < request->taken; i++)
        swap_put_slot(request->first + i);
    swap.in_flight += request->count;
    swap_set_state(request, request->count ? REQ_GRACE : REQ_FREE);
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
    page->checksum = arch_page_sum(frame_memory(page->frame));
}

/* The page has a slot, and is what it was when it came from there (S9). Else that slot is of no use any more. */
static bool is_unchanged(struct swap_page *page)
{
    uint32_t number;
    if (!swap_kept_slot(page->frame, &number))
        return false;
    page->slot = number;
    if (swap_slot(number)->checksum == page->checksum && swap_kept_by_pager(number))
        return true;
    swap_put_kept(page->frame);
    return false;
}

/* Pages that have to be stored come first, and get the first slots; those that are unchanged are there. The lock is held. */
static void sort_out(struct swap_request *request)
{
    for (uint8_t i = 0; i < request->count; i++) {
        struct swap_page page = request->page[i];
        if (is_unchanged(&page)) {
            request->page[i].slot = page.slot;
            continue;
        }
        request->page[i] = request->page[request->sent];
        page.slot = request->first + request->sent;
        request->page[request->sent++] = page;
    }
    for (uint32_t i = request->sent; i < request->count; i++)
        swap_put_slot(request->first + i);
}

/* True: the pager is to hear of it. */
static bool clean(struct swap_request *request)
{
    clean_page(&request->page[request->at]);
    spin_lock(&swap.lock);
    if (++request->at == request->count) {
        sort_out(request);
        request->at = 0;
        request->ok = request->sent == 0;
        /* Without a pager nobody would end it; it is not ok. */
        swap_set_state(request, swap.port && request->sent > 0 ? REQ_DUE : REQ_ENDING);
    }
    bool due = request->state == REQ_DUE;
    spin_unlock(&swap.lock);
    return due;
}

/* The page is out, in its slot. */
static void settle_out(struct swap_page *page)
{
    struct swap_slot *slot = swap_slot(page->slot);
    slot->state = SLOT_FULL;
    slot->anon = page->anon;
    slot->ledger = (struct ledger *)(uintptr_t)page->frame->owner_offset;
    slot->checksum = page->checksum;
    slot->flags = frame_owner_flags(page->frame);
    swap_count_out(slot->ledger, 1);
    trace(TRACE_SWAP_OUT, frame_number(page->frame), page->slot);
    atomic_store_explicit(&page->anon->where, ANON_OUT | page->slot, memory_order_release);
}

/* Where the page is from here on. The lock is held. True: its frame is to be freed; *record: and its anon, which nobody else
 * knows any more. */
static bool settle_stored(struct swap_request *request, struct swap_page *page, bool stored,
                          bool *record)
{
    struct anon *anon = page->anon;
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed), kept;
    *record = atomic_load_explicit(&anon->references, memory_order_relaxed) == ANON_GONE;
    bool is_kept = stored ? request->ok : swap_kept_slot(page->frame, &kept);
    if (!*record && is_kept && (where & ANON_STATE) == ANON_LEAVING) {
        swap.kept -= !stored; /* it is not in memory any more */
        settle_out(page);
        return true;
    }
    if (stored)
        swap_put_slot(page->slot);
    if (*record)
        swap_put_kept(page->frame);
    else
        atomic_store_explicit(&anon->where, frame_number(page->frame), memory_order_release);
    return *record;
}

static void end_stored(struct swap_request *request)
{
    struct swap_page *page = &request->page[request->at];
    bool record, stored = request->at < request->sent;
    struct ledger *ledger = (struct ledger *)(uintptr_t)page->frame->owner_offset;
    spin_lock(&swap.lock);
    bool frees = settle_stored(request, page, stored, &record);
    spin_unlock(&swap.lock);
    if (!frees)
        return;
    if (atomic_load_explicit(&page->frame->flags, memory_order_relaxed) & FRAME_FLAG_OBJECT)
        vm_uncount(VM_COUNT_CACHED);
    frame_free_paid(page->frame);
    if (record) {
        anon_free_record(page->anon, ledger);
        return;
    }
    atomic_fetch_add_explicit(stored ? &swap.stores : &swap.unchanged, 1, memory_order_relaxed);
    vm_count(VM_COUNT_SWAP_OUTS);
}

/* ---- loads ---- */

/* Pages that follow one another are fetched several at a time, the more the longer that goes on: where such a row of faults is expected to go on, and how
 * many it fetches then. SWAP lock. */
enum { ROWS = 8 };
static struct {
    uint32_t next;
    unsigned ahead;
} row[ROWS];
static unsigned row_to_replace;

unsigned swap_ahead_of(uint32_t slot)
{
    unsigned i = 0, ahead = 0;
    while (i < ROWS && row[i].next != slot)
        i++;
    if (i == ROWS)
        i = row_to_replace++ % ROWS;
    else
        ahead = row[i].ahead * 2 + 1 < SWAP_RUN_MAX ? row[i].ahead * 2 + 1 : SWAP_RUN_MAX - 1;
    row[i].ahead = ahead;
    row[i].next = slot + 1;
    return ahead;
}

/* A row that came from there goes on behind what has been fetched. */
static void move_row(uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (row[i].next == from)
            row[i].next = to;
}

static void add_page(struct swap_request *request, uint32_t number, struct frame *frame)
{
    struct swap_slot *slot = swap_slot(number);
    request->page[request->count++] = (struct swap_page){.frame = frame, .slot = number};
    slot->state = SLOT_LOADING;
    slot->request = (uint8_t)(request - swap.load);
    swap.in_flight++;
}

/* Only while there are frames that nobody waits for. */
static void add_following(struct swap_request *request, unsigned ahead)
{
    const struct slot_area *area = swap_area_of(request->first);
    for (uint32_t number = request->first + 1;
         ahead > 0 && number < area->first + area->count && pageout_has_frames();
         number++, ahead--) {
        if (swap_slot(number)->state != SLOT_FULL)
            break;
        pfn_t pfn = frame_take_paid();
        if (pfn == PFN_NONE)
            break;
        add_page(request, number, frame_record(pfn));
    }
    move_row(request->first + 1, request->first + request->count);
}

static unsigned free_loads(void)
{
    unsigned count = 0;
    for (uint32_t bits = swap.in_state[REQ_FREE] & SWAP_LOAD_BITS; bits; bits &= bits - 1)
        count++;
    return count;
}

struct swap_request *swap_begin_load(uint32_t slot, struct frame *frame, unsigned ahead,
                                     unsigned spare)
{
    bool may = swap.port && (spare == 0 || free_loads() > spare);
    struct swap_request *request = may ? find_free(SWAP_LOAD_BITS) : NULL;
    if (!request)
        return NULL;
    bool alone = swap_slot(slot)->state == SLOT_ALONE;
    begin(request, true, REQ_DUE);
    request->first = slot;
    request->until = paged_patience_ends();
    add_page(request, slot, frame);
    if (!alone)
        add_following(request, ahead);
    request->sent = request->count;
    return request;
}

void swap_load_unwanted(struct swap_request *request)
{
    if (request->state != REQ_DUE)
        return;
    for (unsigned i = 0; i < request->count; i++)
        if (swap_slot(request->page[i].slot)->state != SLOT_ORPHAN)
            return;
    swap_set_state(request, REQ_ENDING);
    work_start(&swap.work);
}

/* The anon has a frame again, and may be gone with it as soon as `where` says so. If it was wanted, the hand shall pass it twice; else it is the first to
 * leave again. */
static void settle_loaded(struct frame *frame, uint32_t number, bool wanted)
{
    struct swap_slot *slot = swap_slot(number);
    struct anon *anon = slot->anon;
    const unsigned mark = wanted ? FRAME_FLAG_REFERENCED : FRAME_FLAG_INACTIVE;
    const unsigned kept = swap_keep_slot(frame, number);
    frame->owner = anon;
    frame->owner_offset = (uintptr_t)slot->ledger;
    vm_count(VM_COUNT_SWAP_INS);
    swap_count_out(slot->ledger, -1);
    trace(TRACE_SWAP_IN, frame_number(frame), number);
    atomic_store_explicit(&frame->flags,
                          (uint16_t)(FRAME_FLAG_PAGEABLE | mark | kept | slot->flags),
                          memory_order_release);
    if (!kept)
        swap_put_slot(number);
    atomic_store_explicit(&anon->where, frame_number(frame), memory_order_release);
}

/* What became of a page: its slot's state. Several that could not be loaded together are tried one by one. */
static uint8_t outcome(const struct swap_request *request, const struct swap_slot *slot, bool good)
{
    if (slot->state == SLOT_ORPHAN)
        return SLOT_FREE;
    if (good)
        return SLOT_KEPT;
    return !request->ok && request->count > 1 ? SLOT_ALONE : SLOT_LOST;
}

static void end_loaded(struct swap_request *request)
{
    const struct swap_page *page = &request->page[request->at];
    struct swap_slot *slot = swap_slot(page->slot); /* it stays while it is LOADING */
    bool good = request->ok && arch_page_sum(frame_memory(page->frame)) == slot->checksum;
    spin_lock(&swap.lock);
    uint8_t becomes = outcome(request, slot, good);
    if (becomes == SLOT_KEPT) {
        settle_loaded(page->frame, page->slot, request->at == 0);
    } else if (becomes == SLOT_FREE) {
        swap_put_slot(page->slot);
    } else {
        slot->state = becomes;
        trace(TRACE_SWAP_LOST, page->slot, becomes == SLOT_ALONE);
        swap_area_of(page->slot)->lost += becomes == SLOT_LOST;
    }
    spin_unlock(&swap.lock);
    if (becomes == SLOT_KEPT || becomes == SLOT_LOST)
        atomic_fetch_add_explicit(good ? &swap.loads : &swap.lost, 1, memory_order_relaxed);
    if (becomes == SLOT_KEPT && request->at > 0)
        atomic_fetch_add_explicit(&swap.ahead, 1, memory_order_relaxed);
    if (becomes != SLOT_KEPT)
        frame_free_paid(page->frame);
}

/* ---- answers ---- */

kern_return_t swap_request_done(uint32_t number, bool ok)
{
    spin_lock(&swap.lock);
    struct swap_request *request = swap_find_request(number);
    if (request) {
        trace(request->load ? TRACE_SWAP_LOADED : TRACE_SWAP_STORED, number, ok);
        request->ok = ok;
        request->refused = !ok && !request->load;
        swap_set_state(request, REQ_ENDING);
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
    const bool over = ++request->at == request->count;
    if (over) {
        request->waking = request->load;
        end(request);
    }
    bool refused = request->refused;
    spin_unlock(&swap.lock);
    if (refused && over)
        pageout_failed();
    else if (refused)
        return;
    else if (request->load)
        pageout_retry();
    else
        pageout_stored();
}

/* One that is ENDING or CLEANING, which nobody but the work item changes; NULL: none. */
static struct swap_request *next_in_work(void)
{
    spin_lock(&swap.lock);
    uint32_t bits = swap.in_state[REQ_ENDING] | swap.in_state[REQ_CLEANING];
    struct swap_request *request = swap_next_request(&bits);
    spin_unlock(&swap.lock);
    return request;
}

/* One page to be summed, which is most of what it costs; or a few that leave. */
bool swap_work_requests(void)
{
    enum { AT_A_TIME = 4 };
    struct swap_request *request = next_in_work();
    if (!request)
        return false;
    if (request->state == REQ_CLEANING) {
        if (clean(request))
            swap_send();
    } else if (request->load) {
        end_page(request);
    } else {
        for (unsigned n = 0; n < AT_A_TIME && request->state == REQ_ENDING; n++)
            end_page(request);
    }
    return true;
}

void swap_abandon_requests(void)
{
    for (unsigned i = 0; i < SWAP_STORES; i++) {
        struct swap_request *request = &swap.store[i];
        request->refused = false;
        if (request->state == REQ_SENT || request->state == REQ_DUE) {
            request->ok = false;
            swap_set_state(request, REQ_ENDING);
            request->at = 0;
        }
    }
    for (unsigned i = 0; i < SWAP_LOADS;
         i++) { /* their pages may still be there for the next one */
        struct swap_request *request = &swap.load[i];
        if (request->state != REQ_SENT)
            continue;
        swap_set_state(request, REQ_DUE);
        swap_load_unwanted(request);
    }
    work_start(&swap.work);
}
