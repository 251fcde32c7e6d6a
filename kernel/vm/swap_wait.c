/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for pages that are out, or for frames. A fault finds out that it has to wait with locks held, notes for what in
 * thread.page, and unwinds; swap_wait() looks again without them. What is waited for may have come, gone, or be another's by then:
 * the instruction or trap is repeated whatever happens, and finds out anew.
 */
#include "pageout_impl.h"
#include "swap_impl.h"
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <kern/wait.h>

/* ---- with locks held ---- */

/* The lock is held. True: the page is usable now. */
static bool rescue(struct anon *anon)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    if ((where & ANON_STATE) == ANON_LEAVING) {
        atomic_store_explicit(&anon->where, where & ~ANON_AWAY, memory_order_release);
        atomic_fetch_add_explicit(&swap.rescues, 1, memory_order_relaxed);
        return true;
    }
    return !(where & ANON_AWAY);
}

bool swap_rescue(struct anon *anon)
{
    spin_lock(&swap.lock);
    bool usable = rescue(anon);
    spin_unlock(&swap.lock);
    return usable;
}

/* Where the flags of a page that is away are (S8): in its frame, while it is LEAVING, or *slot. The lock is held. */
static struct frame *flags_frame(const struct anon *anon, struct swap_slot **slot)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    uint32_t number = where & ~ANON_STATE;
    if ((where & ANON_STATE) == ANON_OUT) {
        *slot = swap_slot(number);
        return NULL;
    }
    *slot = NULL;
    return frame_record(number);
}

unsigned swap_owner_flags(const struct anon *anon)
{
    struct swap_slot *slot;
    spin_lock(&swap.lock);
    const struct frame *frame = flags_frame(anon, &slot);
    unsigned flags = slot ? slot->flags : frame_owner_flags(frame);
    spin_unlock(&swap.lock);
    return flags;
}

void swap_change_owner_flags(struct anon *anon, unsigned clear, unsigned set)
{
    struct swap_slot *slot;
    spin_lock(&swap.lock);
    struct frame *frame = flags_frame(anon, &slot);
    if (slot) {
        slot->flags = (uint16_t)((slot->flags & ~clear) | set);
    } else {
        (void)atomic_fetch_and_explicit(&frame->flags, (uint16_t)~clear, memory_order_relaxed);
        (void)atomic_fetch_or_explicit(&frame->flags, (uint16_t)set, memory_order_relaxed);
    }
    spin_unlock(&swap.lock);
}

void swap_hide_frame(struct anon *anon)
{
    struct swap_slot *slot;
    spin_lock(&swap.lock);
    struct frame *frame = flags_frame(anon, &slot);
    if (frame)
        anon_hide_frame(frame);
    spin_unlock(&swap.lock);
}

struct ledger *swap_set_payer(struct anon *anon, struct ledger *ledger)
{
    struct swap_slot *slot;
    struct ledger *before;
    spin_lock(&swap.lock);
    struct frame *frame = flags_frame(anon, &slot);
    if (slot) {
        before = slot->ledger;
        slot->ledger = ledger;
        swap_count_out(before, -1);
        swap_count_out(ledger, 1);
    } else {
        before = (struct ledger *)(uintptr_t)frame->owner_offset;
        frame->owner_offset = (uintptr_t)ledger;
    }
    spin_unlock(&swap.lock);
    return before;
}

/* Unless it has been told something. */
static kern_return_t will_wait(struct thread *self, uint64_t what, vaddr_t va)
{
    struct page_wait *wait = &self->page;
    uint64_t result = page_wait_take(wait, PAGE_WAIT_SWAP, what, va);
    kern_return_t kr = page_wait_note(wait, PAGE_WAIT_SWAP, what, va, result);
    wait->room = wait->urgent = false;
    if (kr != KERN_RETRY)
        return kr;
    assert(!self->page.object);
    self->page.object = PAGE_WAIT_SWAP;
    return KERN_RETRY;
}

kern_return_t swap_need(struct thread *self, struct anon *anon, vaddr_t va)
{
    kern_return_t kr = KERN_SUCCESS;
    uint32_t number = 0;
    spin_lock(&swap.lock);
    if (!rescue(anon)) {
        number = atomic_load_explicit(&anon->where, memory_order_relaxed) & ~ANON_STATE;
        kr = swap_slot(number)->state == SLOT_LOST ? KERN_MEMORY_ERROR : KERN_RETRY;
    }
    spin_unlock(&swap.lock);
    if (kr == KERN_SUCCESS)
        return kr;
    if (kr == KERN_MEMORY_ERROR && self)
        page_wait_forget(&self->page); /* nor is this what it was told before */
    if (kr == KERN_MEMORY_ERROR || !self)
        return KERN_MEMORY_ERROR;
    trace(TRACE_SWAP_NEED, va, number);
    return will_wait(self, number, va);
}

bool swap_want_frame(struct thread *self, vaddr_t va)
{
    if (!self || pageout_is_stuck())
        return false;
    return will_wait(self, PAGE_WAIT_FRAME, va) == KERN_RETRY;
}

/* Nobody knows of the anon any more, which is OUT: its slot is given up. Returns who paid. The lock is held. */
static struct ledger *leave_slot(struct anon *anon)
{
    uint32_t number = atomic_load_explicit(&anon->where, memory_order_relaxed) & ~ANON_STATE;
    struct swap_slot *slot = swap_slot(number);
    assert(slot->anon == anon);
    struct ledger *ledger = slot->ledger;
    swap_count_out(ledger, -1);
    if (slot->state == SLOT_LOADING) {
        slot->state = SLOT_ORPHAN;
        swap_load_unwanted(&swap.load[slot->request]);
    } else {
        swap_put_slot(number);
    }
    return ledger;
}

/* *ledger: who paid for its record, which is to be freed now; else NULL. True: it is HERE. The lock is held. */
static bool leave(struct anon *anon, struct ledger **ledger)
{
    uint32_t where = atomic_load_explicit(&anon->where, memory_order_relaxed);
    uint32_t state = where & ANON_STATE;
    *ledger = NULL;
    if (state & ANON_HELD) {
        /* The frame stays until the request is over: longer than an object that had the page. */
        anon_hide_frame(frame_record(where & ~ANON_STATE));
        atomic_store_explicit(&anon->references, ANON_GONE, memory_order_relaxed);
    } else if (state == ANON_OUT) {
        *ledger = leave_slot(anon);
    }
    return state == ANON_HERE;
}

bool swap_anon_gone(struct anon *anon)
{
    struct ledger *ledger;
    spin_lock(&swap.lock);
    const bool here = leave(anon, &ledger);
    spin_unlock(&swap.lock);
    if (ledger)
        anon_free_record(anon, ledger);
    return !here;
}

bool swap_try_anons_gone(struct anon *anon[], unsigned *count)
{
    struct anon *record[ANONS_GONE_MOST];
    struct ledger *ledger[ANONS_GONE_MOST];
    unsigned here = 0, out = 0;
    assert(*count <= ANONS_GONE_MOST);
    if (!spin_trylock(&swap.lock))
        return false;
    for (unsigned i = 0; i < *count; i++) {
        if (leave(anon[i], &ledger[out]))
            anon[here++] = anon[i];
        else if (ledger[out])
            record[out++] = anon[i];
    }
    spin_unlock(&swap.lock);
    *count = here;
    for (unsigned i = 0; i < out; i++)
        anon_free_record(record[i], ledger[i]);
    return true;
}

/* ---- without ---- */

/* The lock is held, and the thread waits then, or has been told why not. */
static void wait_in(struct thread *self, struct list *list, ticks_t until)
{
    kern_return_t kr = wait_begin(self, WAIT_PAGE, &swap.lock, until);
    if (kr == KERN_SUCCESS) {
        list_push_back(list, &self->wait.link);
    } else if (kr == wait_timed_out(WAIT_PAGE)) {
        self->page.result = kr;
    }
}

/* True: it waits, or has been told something. Whom page-out needs waits for any frame: there may be no others until it goes on. */
static bool wait_for_frame(struct thread *self)
{
    bool resident = ledger_is_resident(self->task->ledger);
    pageout_retry();
    spin_lock(&swap.lock);
    bool has_frames = resident ? pageout_free_frames() > 0 : pageout_has_frames();
    bool waits = !has_frames && !pageout_is_stuck();
    if (waits)
        wait_in(self, resident ? &swap.want_kept : &swap.want_frames, paged_patience_ends());
    spin_unlock(&swap.lock);
    return waits;
}

/* The lock is held. *frame: used up if it is a request's now. */
static bool wait_for_slot(struct thread *self, uint32_t number, struct frame **frame)
{
    if (!swap_slot_exists(number))
        return false;
    struct swap_slot *slot = swap_slot(number);
    if (slot->state == SLOT_LOADING) {
        struct swap_request *request = &swap.load[slot->request];
        wait_in(self, &request->waiters, request->until);
        return true;
    }
    if (!swap_slot_is_full(slot) || !*frame)
        return false;
    struct swap_request *request = swap_begin_load(number, *frame, swap_ahead_of(number), 0);
    if (request)
        *frame = NULL;
    wait_in(self, request ? &request->waiters : &swap.waiting,
            request ? request->until : paged_patience_ends());
    return true;
}

void swap_wait(struct thread *self)
{
    struct frame *frame = NULL;
    bool waits = false;
    self->page.object = NULL;
    if (self->page.page != PAGE_WAIT_FRAME) {
        pfn_t pfn = frame_take_reserved();
        bool has_frame = pfn != PFN_NONE;
        frame = has_frame ? frame_record(pfn) : NULL;
        spin_lock(&swap.lock);
        waits = wait_for_slot(self, (uint32_t)self->page.page, &frame);
        spin_unlock(&swap.lock);
        if (frame)
            frame_free_paid(frame);
        else if (waits && has_frame)
            swap_send();
        if (!waits && !has_frame)
            waits = wait_for_frame(self);
    } else {
        waits = wait_for_frame(self);
    }
    if (!waits) /* it repeats at once; let interrupts in, for that may be often */
        atomic_store(&arch_cpu_self()->reschedule, 1);
}

bool swap_somebody_waits(void)
{
    spin_lock(&swap.lock);
    bool waits = !list_is_empty(&swap.want_frames) || !list_is_empty(&swap.want_kept);
    spin_unlock(&swap.lock);
    return waits;
}

/* ---- waking; the lock is held ---- */

static bool wake_list(struct list *list, unsigned *budget, uint64_t result)
{
    struct list *link;
    while (*budget > 0 && (link = list_pop_front(list))) {
        struct thread *thread = list_entry(link, struct thread, wait.link);
        thread->page.result = result;
        wait_end_written(thread);
        --*budget;
    }
    return !list_is_empty(list);
}

bool swap_wake_some(void)
{
    enum { BATCH = 8 };
    unsigned budget = BATCH;
    bool more = false;
    for (unsigned i = 0; i < SWAP_LOADS; i++) {
        struct swap_request *request = &swap.load[i];
        if (request->waking)
            more |= request->waking = wake_list(&request->waiters, &budget, 0);
    }
    if (swap.wake_waiting)
        more |= swap.wake_waiting = wake_list(&swap.waiting, &budget, 0);
    if (!list_is_empty(&swap.want_kept) && (pageout_free_frames() > 0 || pageout_is_stuck()))
        more |= wake_list(&swap.want_kept, &budget, 0);
    bool has_frames = pageout_has_frames();
    if (!list_is_empty(&swap.want_frames) && (has_frames || pageout_is_stuck()))
        more |= wake_list(&swap.want_frames, &budget, has_frames ? 0 : KERN_RESOURCE_SHORTAGE);
    return more;
}
