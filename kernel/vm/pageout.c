/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page replacement (kern/pageout.h). The hand is moved by the work item of kernel/vm/swap.c alone; what others do is to say that
 * frames are wanted.
 */
#include "pageout_impl.h"
#include "swap_impl.h"
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/deadline.h>
#include <kern/frame.h>
#include <kern/paged_object.h>
#include <kern/pageout.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/pressure.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/vm_count.h>

static deadline_handler_t look_again;

/* To go round for nothing costs something on each record; nothing is gained by doing it often. */
#define PAUSE_MIN UINT64_C(10000000)
#define PAUSE_MAX UINT64_C(1000000000)

static struct {
    _Atomic uint64_t demand;        /* pages that are to leave whatever is free */
    _Atomic bool wanted;            /* the hand is to move */
    _Atomic bool anew;              /* what it has looked at so far does not count */
    _Atomic uint32_t stuck;         /* it went round for nothing: `seen`, plus 1; or 0 */
    _Atomic bool keepable;          /* and there was an area that will be kept if somebody waits */
    _Atomic bool failed;            /* pages did not get away */
    _Atomic uint32_t failures;      /* requests in a row that did not */
    _Atomic bool armed;             /* `again` is, or about to be by who set this */
    struct deadline again;          /* while somebody waits, and nothing may happen by itself */
    struct swap_request *gathering; /* pages that leave next. Work item, like all below */
    pfn_t hand;
    unsigned laps;         /* of it in a row in which enough of objects' pages left */
    uint64_t objects_left; /* in this one */
    uint64_t in_vain;      /* records looked at since the last page that leaves */
    uint32_t seen;         /* swap.changes when that was 0 */
    bool awaited;          /* pages that pagers are to fetch were among them */
    nanos_t pause;         /* before it is tried again */
    _Atomic uint64_t scanned, activated;
    _Atomic uint64_t evicted; /* objects' pages that left */
} pageout = {.again = {.handler = look_again}, .pause = PAUSE_MIN};

/* ---- when ---- */

static void want(void)
{
    atomic_store_explicit(&pageout.wanted, true, memory_order_release);
    work_start(&swap.work);
}

/* What it found without a pager or an area, or with the last ones, says nothing once there is another. */
static bool is_stuck(void)
{
    return atomic_load_explicit(&pageout.stuck, memory_order_acquire) ==
           atomic_load_explicit(&swap.changes, memory_order_relaxed) + 1;
}

static void unstick(void)
{
    atomic_store_explicit(&pageout.stuck, 0, memory_order_relaxed);
}

void pageout_frame_wanted(void)
{
    if (!is_stuck())
        want();
}

/* Nor will an area be kept that is given up, for whoever waits. */
static bool is_stuck_for_good(void)
{
    return is_stuck() && !atomic_load_explicit(&pageout.keepable, memory_order_relaxed);
}

bool pageout_is_stuck(void)
{
    return !pageout_is_enabled() || (is_stuck_for_good() && !pressure_is_watched());
}

void pageout_retry(void)
{
    if (!pageout_is_enabled())
        return;
    unstick();
    if (pageout_free_frames() < pageout_marks().low)
        want();
}

void pageout_failed(void)
{
    atomic_fetch_add_explicit(&pageout.failures, 1, memory_order_relaxed);
    atomic_store_explicit(&pageout.failed, true, memory_order_relaxed);
}

void pageout_stored(void)
{
    atomic_store_explicit(&pageout.failures, 0, memory_order_relaxed);
    pageout_retry();
}

void pageout_begin_anew(void)
{
    atomic_store_explicit(&pageout.failed, false, memory_order_relaxed);
    pageout_stored();
}

void pageout_demand(uint64_t pages)
{
    if (!pageout_is_enabled())
        return;
    unstick();
    atomic_store_explicit(&pageout.anew, true, memory_order_relaxed);
    atomic_fetch_add_explicit(&pageout.demand, pages, memory_order_relaxed);
    want();
}

static void look_again(struct deadline *deadline)
{
    (void)deadline;
    atomic_store_explicit(&pageout.armed, false, memory_order_release);
    unstick();
    if (swap_somebody_waits())
        pageout_retry();
    work_start(&swap.work); /* frames may be free by others' doing */
}

/* It is tried again after a while, for what is waited for may come by itself: a program ends, the pager gets to it. */
void pageout_look_again(void)
{
    if (atomic_exchange_explicit(&pageout.armed, true, memory_order_acquire))
        return;
    deadline_arm(&pageout.again, clock_ticks_at(clock_now() + pageout.pause));
}

static void begin_round(void)
{
    pageout.in_vain = 0;
    pageout.seen = atomic_load_explicit(&swap.changes, memory_order_relaxed);
    pageout.awaited = false;
}

/* A page leaves, or will. */
static void note_progress(void)
{
    begin_round();
    pageout.pause = PAUSE_MIN;
    if (atomic_load_explicit(&pageout.demand, memory_order_relaxed))
        atomic_fetch_sub_explicit(&pageout.demand, 1, memory_order_relaxed);
}

/* ---- one frame ---- */

static uint16_t flags_of(const struct frame *frame)
{
    return atomic_load_explicit(&frame->flags, memory_order_relaxed);
}

/* Its mark, if it is pageable still. */
static void mark(struct frame *frame, bool inactive)
{
    uint16_t flags = flags_of(frame);
    while (flags & FRAME_FLAG_PAGEABLE) {
        uint16_t new = inactive ? flags | FRAME_FLAG_INACTIVE
                                : (uint16_t)(flags & ~(unsigned)FRAME_FLAG_INACTIVE);
        if (atomic_compare_exchange_weak_explicit(&frame->flags, &flags, new, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
}

/* X2: nobody destroys its owner until let_go(). */
static bool catch_frame(struct frame *frame)
{
    uint16_t flags = flags_of(frame);
    const uint16_t must = FRAME_FLAG_PAGEABLE | FRAME_FLAG_INACTIVE,
                   must_not = FRAME_FLAG_BUSY | FRAME_FLAG_WIRED | FRAME_FLAG_PINNED |
                              FRAME_FLAG_REFERENCED;
    return (flags & (must | must_not)) == must &&
           atomic_compare_exchange_strong_explicit(&frame->flags, &flags, flags | FRAME_FLAG_BUSY,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void let_go(struct frame *frame)
{
    (void)atomic_fetch_and_explicit(&frame->flags,
                                    (uint16_t) ~(FRAME_FLAG_BUSY | FRAME_FLAG_INACTIVE),
                                    memory_order_release);
}

static bool may_leave(const struct frame *frame)
{
    const struct ledger *ledger = (const struct ledger *)(uintptr_t)frame->owner_offset;
    return !ledger_is_resident(ledger);
}

/* It is LEAVING from here on, and its frame stays until the request is over: whoever destroys the anon leaves both to that. */
static bool take(struct frame *frame, struct swap_page *out)
{
    if (!catch_frame(frame))
        return false;
    struct anon *anon = frame->owner;
    uint32_t here = frame_number(frame);
    bool leaves =
        may_leave(frame) &&
        atomic_compare_exchange_strong_explicit(&anon->where, &here, here | ANON_LEAVING,
                                                memory_order_acq_rel, memory_order_relaxed);
    let_go(frame);
    if (leaves)
        *out = (struct swap_page){.anon = anon, .frame = frame};
    return leaves;
}

/* ---- objects' pages (X4) ---- */

/* Objects lie at multiples of this: so their places have numbers of 32 bits, in the first 256 GiB of memory. */
enum { TAG_UNIT = 64 };

void pageout_tag(struct frame *frame, struct paged_object *object, uint64_t page)
{
    paddr_t place = virt_to_phys(object) / TAG_UNIT;
    if (place > UINT32_MAX || page > UINT32_MAX)
        return; /* it stays */
    if (flags_of(frame) & FRAME_FLAG_KEPT)
        swap_forget_kept(frame); /* `prev` is wanted */
    frame->next = (pfn_t)place;
    frame->prev = (pfn_t)page;
    const unsigned before =
        atomic_fetch_or_explicit(&frame->flags, FRAME_FLAG_OBJECT | FRAME_FLAG_PAGEABLE,
                                 memory_order_release);
    if (!(before & FRAME_FLAG_OBJECT))
        vm_count(VM_COUNT_CACHED);
}

/* The object's, if it is one's, with a hold. */
static bool catch_object(struct frame *frame, struct paged_object **object, uint64_t *page)
{
    if (!(flags_of(frame) & FRAME_FLAG_OBJECT) || !catch_frame(frame))
        return false;
    bool is = flags_of(frame) & FRAME_FLAG_OBJECT;
    if (is) {
        *object = phys_to_virt((paddr_t)frame->next * TAG_UNIT);
        *page = frame->prev;
        paged_hold(*object);
    }
    let_go(frame);
    return is;
}

/* True: the page leaves, for a slot. */
static bool evict(struct frame *frame, bool room, struct swap_page *out)
{
    struct paged_object *object;
    uint64_t page;
    if (!catch_object(frame, &object, &page))
        return false;
    enum paged_evicted evicted = paged_evict(object, page, frame);
    paged_unhold(object);
    if (evicted == PAGED_FREE || evicted == PAGED_GOES_BACK) {
        pageout.objects_left++;
        note_progress();
    }
    if (evicted == PAGED_FREE)
        atomic_fetch_add_explicit(&pageout.evicted, 1, memory_order_relaxed);
    pageout.awaited |= evicted == PAGED_AWAITED;
    if (evicted != PAGED_TO_SWAP || !room)
        return false;
    mark(frame, true); /* it was caught before */
    return take(frame, out);
}

/* The hand is there. `room`: for a page that leaves for a slot. True: it does. */
static bool consider(struct frame *frame, bool room, struct swap_page *out)
{
    uint16_t flags = flags_of(frame);
    bool inactive = flags & FRAME_FLAG_INACTIVE;
    if (inactive && pmap_page_is_wired(frame))
        return false;
    if (pmap_page_clear_referenced(frame)) {
        if (inactive) {
            mark(frame, false);
            atomic_fetch_add_explicit(&pageout.activated, 1, memory_order_relaxed);
            vm_count(VM_COUNT_REACTIVATIONS);
        } else if (flags & FRAME_FLAG_OBJECT) { /* it has to be used in each lap */
            mark(frame, true);
        }
        return false;
    }
    if (inactive && (flags & FRAME_FLAG_OBJECT))
        return evict(frame, room, out);
    if (inactive)
        return room && take(frame, out);
    mark(frame, true);
    return false;
}

/* ---- the hand ---- */

/* Most of what is in files is used once, and comes from there again if need be; what programs have made is used again and again. So as
 * long as enough of the former leaves, the hand passes over the latter in all laps but one of ANONS. */
enum { ANONS = 4 };

static void begin_lap(void)
{
    enum { ENOUGH = 64 /* one frame of so many */ };
    pageout.laps = pageout.objects_left >= frame_count_managed() / ENOUGH ? pageout.laps + 1 : 0;
    pageout.objects_left = 0;
    pageout.hand = 0;
}

/* Onwards to the next frame with these flags, no further than `most` records. NULL: none among them. */
static struct frame *advance(unsigned most, uint16_t flags)
{
    struct frame *frame = NULL;
    unsigned n = 0;
    while (!frame && n < most) {
        if (!frame_next_record(&pageout.hand)) {
            begin_lap();
            break;
        }
        pfn_t end = (pfn_t)round_down(pageout.hand, 1 << FRAME_MAX_ORDER) + (1 << FRAME_MAX_ORDER);
        for (; !frame && pageout.hand < end && n < most; pageout.hand++, n++)
            if ((flags_of(frame_record(pageout.hand)) & flags) == flags)
                frame = frame_record(pageout.hand);
    }
    pageout.in_vain += n ? n : 1;
    atomic_fetch_add_explicit(&pageout.scanned, n, memory_order_relaxed);
    return frame;
}

static void launch(void)
{
    struct swap_request *request = pageout.gathering;
    pageout.gathering = NULL;
    if (request)
        swap_launch(request);
}

static void add(struct swap_page page)
{
    struct swap_request *request = pageout.gathering;
    request->page[request->count++] = page;
    trace(TRACE_SWAP_CHOOSE, frame_number(page.frame), swap_request_number(request));
    note_progress();
    if (request->count == request->taken)
        launch();
}

/* Frames that are free, or will be soon. */
static uint64_t expected(void)
{
    uint64_t gathered = pageout.gathering ? pageout.gathering->count : 0;
    return pageout_free_frames() + gathered +
           atomic_load_explicit(&swap.in_flight, memory_order_relaxed);
}

static bool is_enough(void)
{
    return !pageout_is_enabled() ||
           (expected() >= pageout_marks().high &&
            atomic_load_explicit(&pageout.demand, memory_order_relaxed) == 0);
}

/* It has gone round several times without a page that could leave: there is none. */
static bool is_in_vain(void)
{
    enum { ROUNDS = 7 }; /* a page that was used leaves in the third; one may be without anons */
    return pageout.in_vain > ROUNDS * frame_count_managed();
}

/* There is a request to gather for. */
static bool has_room(void)
{
    if (!pageout.gathering)
        pageout.gathering = swap_begin_store();
    return pageout.gathering != NULL;
}

static bool some_are_leaving(void)
{
    return atomic_load_explicit(&swap.in_flight, memory_order_relaxed) > 0;
}

/* False: there is something to wait for first. */
static bool scan(void)
{
    enum { PAGES = 4, RECORDS = 256 };
    struct swap_page page;
    for (unsigned n = 0; n < PAGES; n++) {
        bool room = has_room();
        if (!room && some_are_leaving())
            return false;
        /* Without room only objects' pages can leave: whether others are used does not matter. */
        bool objects = !room || (pageout.laps % ANONS != 0 && atomic_load(&pageout.demand) == 0);
        struct frame *frame =
            advance(RECORDS / PAGES, FRAME_FLAG_PAGEABLE | (objects ? FRAME_FLAG_OBJECT : 0));
        if (frame && consider(frame, room, &page))
            add(page);
    }
    return true;
}

/* So many requests in a row that failed are no matter of bad places on a card. */
enum { FAILURES = 16 };

/* Nothing can leave at the moment, and (for_good) not because of a few that failed. If nothing is on its way either, who waits is told; it is tried again after a while. */
static void give_up(bool for_good)
{
    launch();
    const bool stuck =
        for_good && !pageout.awaited && !some_are_leaving() && !swap_awaits_successor();
    if (stuck && swap_somebody_waits() && swap_keep_all()) {
        begin_round(); /* to go on with what is wanted */
        return;
    }
    if (stuck) {
        /* Seen by whoever sees `stuck`. */
        atomic_store_explicit(&pageout.keepable, swap_can_keep(), memory_order_relaxed);
        atomic_store_explicit(&pageout.stuck, pageout.seen + 1, memory_order_release);
    }
    begin_round();
    pageout.pause = pageout.pause < PAUSE_MAX ? 2 * pageout.pause : PAUSE_MAX;
    atomic_store_explicit(&pageout.demand, 0, memory_order_relaxed);
    atomic_store_explicit(&pageout.wanted, false, memory_order_relaxed);
    pageout_look_again();
}

bool pageout_step(void)
{
    if (!atomic_load_explicit(&pageout.wanted, memory_order_acquire)) {
        if (swap_somebody_waits())
            pageout_look_again();
        return false;
    }
    pageout_keep_reserve();
    if (is_enough()) {
        atomic_store_explicit(&pageout.wanted, false, memory_order_relaxed);
        launch();
        return true; /* who waits is looked for once more */
    }
    if (atomic_exchange_explicit(&pageout.anew, false, memory_order_relaxed))
        begin_round();
    bool failed = atomic_exchange_explicit(&pageout.failed, false, memory_order_relaxed);
    bool in_vain = is_in_vain();
    if (in_vain && paged_object_trim()) {
        in_vain = false;
        begin_round();
    }
    if (failed || in_vain) {
        give_up(in_vain ||
                atomic_load_explicit(&pageout.failures, memory_order_relaxed) >= FAILURES);
        return true;
    }
    if (scan())
        return true;
    pageout_look_again(); /* its end starts this again; should it not come, time does */
    return false;
}

uint64_t pageout_progress(void)
{
    struct swap_facts slots;
    swap_facts(&slots);
    return slots.stores + slots.unchanged + slots.loads + slots.rescues +
           atomic_load_explicit(&pageout.evicted, memory_order_relaxed);
}

void pageout_sight(struct pressure_sight *out)
{
    enum { FEW = 8 }; /* one part in so many */
    struct swap_facts slots;
    const bool waits = swap_somebody_waits();
    swap_facts(&slots);
    *out = (struct pressure_sight){
        .in_force = pageout_is_enabled(),
        .leaving =
            slots.in_flight > 0 || atomic_load_explicit(&pageout.wanted, memory_order_relaxed),
        .stuck = slots.in_flight == 0 && is_stuck_for_good(),
        .waits = waits,
        .awaited = slots.in_flight > 0 || waits,
        .has_frames = pageout_has_frames(),
        .few_slots = slots.used + slots.slots / FEW > slots.slots,
    };
}

void pageout_facts(struct pageout_facts *out)
{
    *out = (struct pageout_facts){
        .marks = pageout_marks(),
        .demanded = atomic_load_explicit(&pageout.demand, memory_order_relaxed),
        .scanned = atomic_load_explicit(&pageout.scanned, memory_order_relaxed),
        .activated = atomic_load_explicit(&pageout.activated, memory_order_relaxed),
    };
}
