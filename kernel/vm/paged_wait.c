/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for pages of a paged object, and what the pager has been asked for (kern/paged_object.h: Q5).
 */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/sched.h>
#include <kern/swap.h>
#include <kern/thread.h>
#include <kern/wait.h>

enum { WAKE_BATCH = 8 };

static ticks_t patience; /* set by the boot */

void paged_object_set_patience(uint64_t nanoseconds)
{
    patience = clock_ticks_at(clock_now() + nanoseconds) - arch_counter();
}

ticks_t paged_patience_ends(void)
{
    return arch_counter() + patience;
}

static bool is_outstanding(const struct page_request *request)
{
    return request->state == REQUEST_DUE || request->state == REQUEST_SENT;
}

static bool contains(uint64_t first, uint64_t count, uint64_t page)
{
    return page - first < count;
}

static struct page_request *find_request(struct paged_object *object, uint64_t page)
{
    struct page_request *request;
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));)
        if (is_outstanding(request) && contains(request->page, request->count, page))
            return request;
    return NULL;
}

/* One that is free, or that nobody waits for any more and whose message the pager has had. */
static struct page_request *find_free(struct paged_object *object)
{
    static_assert(PAGED_REQUESTS < 32);
    unsigned free = (unsigned)__builtin_ctz(~object->busy);
    if (likely(free < PAGED_REQUESTS))
        return &object->request[free];
    ticks_t now = arch_counter();
    for (unsigned i = 0; i < PAGED_REQUESTS; i++) {
        struct page_request *request = &object->request[i];
        if (request->state == REQUEST_SENT && request->until <= now && !request->message.out &&
            list_is_empty(&request->waiters))
            return request;
    }
    return NULL;
}

/* How many pages from this one on to ask for: up to one that is there, or has been asked for. */
static uint64_t run_of(struct paged_object *object, uint64_t page, uint64_t most)
{
    uint64_t count = 1;
    if (most > object->cluster)
        most = object->cluster;
    while (count < most && !paged_lookup(object, page + count) &&
           !find_request(object, page + count))
        count++;
    return count;
}

/* True: only threads that are less urgent have asked for it. */
static bool ask(struct paged_object *object, uint64_t page, uint64_t pages, unsigned access,
                unsigned priority)
{
    struct page_request *request = find_request(object, page);
    if (request && request->until <= arch_counter()) { /* in vain so far: once more */
        request->until = paged_patience_ends();
        if (!request->message.out)
            request->state = REQUEST_DUE;
    }
    if (request || !(request = find_free(object)))
        return request && request->priority < priority;
    request->count = 0;
    request->count = run_of(object, page, pages);
    request->page = page;
    request->access = (uint8_t)access;
    request->priority = (uint8_t)priority;
    request->failed_count = 0;
    request->result = 0;
    request->waking = false;
    request->until = paged_patience_ends();
    request->state = REQUEST_DUE;
    object->busy |= 1u << (request - object->request);
    return false;
}

static void keep(struct page_wait *wait)
{
    enum { MOST = 8 /* pages that are needed at a time */ };
    wait->kept = (struct page_word){wait->of, wait->page, wait->va, wait->result};
    wait->keeps = MOST;
}

static uint64_t take_kept(struct page_wait *wait, const struct paged_object *of, uint64_t page,
                          vaddr_t va)
{
    struct page_word *word = &wait->kept;
    uint64_t result = word->of == of && word->page == page && word->va == va ? word->result : 0;
    if (result || (word->result && --wait->keeps == 0))
        word->result = 0;
    return result;
}

uint64_t page_wait_take(struct page_wait *wait, const struct paged_object *of, uint64_t page,
                        vaddr_t va)
{
    bool same = wait->of == of && wait->va == va && wait->page == page;
    uint64_t result = wait->returned ? 0 : wait->result; /* that is map_sync()'s alone */
    if (result && !same) {
        uint64_t before = take_kept(wait, of, page, va);
        if (wait->page != PAGE_WAIT_FRAME)
            keep(wait);
        result = before;
    } else if (!result) {
        result = take_kept(wait, of, page, va);
    }
    wait->result = 0;
    return result;
}

kern_return_t page_wait_note(struct page_wait *wait, const struct paged_object *of, uint64_t page,
                             vaddr_t va, uint64_t result)
{
    wait->of = of;
    wait->page = page;
    wait->va = va;
    wait->returned = wait->admitted = false;
    if (result)
        page_wait_forget(wait);
    wait->result = 0;
    wait->told = result; /* for the exception's code */
    return result ? page_result_error(result) : KERN_RETRY;
}

/* The thread is to wait, unless it has been told something: in vain. */
static kern_return_t begin_wait(struct paged_object *object, struct thread *self, uint64_t page,
                                vaddr_t va, uint64_t result)
{
    kern_return_t kr = page_wait_note(&self->page, object, page, va, result);
    if (kr != KERN_RETRY)
        return kr;
    assert(!self->page.object);
    paged_hold(object);
    self->page.object = object;
    return KERN_RETRY;
}

kern_return_t paged_need(struct paged_object *object, struct thread *self, uint64_t page,
                         uint64_t pages, vaddr_t va, unsigned access)
{
    if (!self)
        return KERN_MEMORY_ERROR;
    uint64_t result = page_wait_take(&self->page, object, page, va);
    if (object->state == PAGED_DEAD)
        result = object->why;
    self->page.urgent = !result && object->state == PAGED_READY &&
                        ask(object, page, pages, access, sched_effective(self));
    self->page.room = false;
    return begin_wait(object, self, page, va, result);
}

kern_return_t paged_begin_write(struct paged_object *object, struct thread *self, uint64_t page,
                                vaddr_t va, struct anon *anon)
{
    if (paged_is_written(anon))
        return KERN_SUCCESS;
    if (unlikely(self && paged_volume_is_full(object))) {
        struct page_wait *wait = &self->page;
        bool same = wait->room && wait->of == object && wait->page == page && wait->va == va;
        bool admitted = same && wait->admitted;
        if (!admitted) {
            uint64_t result = page_wait_take(wait, object, page, va);
            wait->room = true;
            wait->urgent = false;
            return begin_wait(object, self, page, va, same ? result : 0);
        }
        wait->admitted = false;
    }
    paged_note_write(object, anon);
    return KERN_SUCCESS;
}

void paged_forget(struct thread *self)
{
    struct paged_object *object = self->page.object;
    self->page.object = NULL;
    if (object && object != PAGE_WAIT_SWAP)
        paged_unhold(object);
}

/* Where to wait, and how long; false: there is no reason to. */
static bool find_place(struct paged_object *object, const struct page_wait *wait, unsigned priority,
                       struct list **list, ticks_t *until)
{
    *until = paged_patience_ends();
    *list = &object->waiting;
    if (wait->returned)
        return paged_is_returning(object, wait->page);
    if (wait->room) {
        *list = &object->writers;
        return object->state == PAGED_READY && paged_volume_wait(object);
    }
    uint64_t page = wait->page;
    struct page_request *request = find_request(object, page);
    if (object->state == PAGED_DEAD || object->state == PAGED_GONE || paged_lookup(object, page))
        return false;
    if (request) {
        if (request->priority < priority)
            request->priority = (uint8_t)priority;
        *list = &request->waiters;
        *until = request->until;
        return true;
    }
    return object->state != PAGED_READY || !find_free(object);
}

/* The request is on its way, or being worked on by who received last: that one gets the priority. */
static void lend_priority(struct paged_object *object, struct thread *self)
{
    struct port *port = object->port;
    spin_lock(&port->lock);
    if (port->server)
        sched_lend_priority(port->server, sched_effective(self));
    spin_unlock(&port->lock);
}

void paged_wait(struct thread *self)
{
    struct paged_object *object = self->page.object;
    uint64_t page = self->page.page;
    struct list *list;
    ticks_t until;
    if (object == PAGE_WAIT_SWAP) {
        swap_wait(self);
        return;
    }
    self->page.object = NULL;
    paged_send(object);
    if (unlikely(self->page.urgent))
        lend_priority(object, self);
    spin_lock(&object->lock);
    const bool waits = find_place(object, &self->page, sched_effective(self), &list, &until);
    if (waits) {
        kern_return_t kr = wait_begin(self, WAIT_PAGE, &object->lock, until);
        if (kr == KERN_SUCCESS) {
            self->wait.key[0] = page;
            list_push_back(list, &self->wait.link);
        } else if (kr == wait_timed_out(WAIT_PAGE)) {
            self->page.result = kr;
        }
    }
    spin_unlock(&object->lock);
    if (!waits) /* it repeats at once; let interrupts in, for that may be often */
        atomic_store(&arch_cpu_self()->reschedule, 1);
    paged_unhold(object);
}

void paged_wait_ended(struct thread *thread, kern_return_t result)
{
    thread->page.result = result == wait_timed_out(WAIT_PAGE) ? page_result(result, 0) : 0;
}

/* ---- answers ---- */

/* What cannot be had is no part of the request any more: who touches it later asks anew. */
static void answer_request(struct page_request *request, uint64_t page, uint64_t count,
                           uint64_t result)
{
    if (result) {
        request->failed = page;
        request->failed_count = count;
        request->result = result;
    }
    request->waking = true;
    if (contains(page, count, request->page))
        request->state = REQUEST_ANSWERED;
    else if (result)
        request->count = page - request->page;
}

void paged_answer(struct paged_object *object, uint64_t page, uint64_t count, uint64_t result)
{
    struct page_request *request;
    spin_lock(&object->lock);
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));)
        if (is_outstanding(request) && page < request->page + request->count &&
            request->page < page + count)
            answer_request(request, page, count, result);
    object->wake_waiting |= result == 0; /* theirs may be among them, though nobody was asked */
    if (paged_wake_some(object))
        work_start(&object->work);
    spin_unlock(&object->lock);
}

void paged_wake_all(struct paged_object *object)
{
    object->wake_waiting = object->wake_writers = true;
    struct page_request *request;
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));)
        answer_request(request, 0, PAGED_PAGES_MAX, 0);
}

void paged_ask_again(struct paged_object *object)
{
    struct page_request *request;
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));)
        if (request->state == REQUEST_SENT)
            request->state = REQUEST_DUE;
}

static void wake(struct thread *thread, uint64_t result)
{
    thread->page.result = result;
    wait_end_written(thread);
}

/* True: some are left. */
static bool wake_request(struct page_request *request, unsigned *budget)
{
    struct list *link;
    while (*budget > 0 && (link = list_pop_front(&request->waiters))) {
        struct thread *thread = list_entry(link, struct thread, wait.link);
        bool failed = contains(request->failed, request->failed_count, thread->wait.key[0]);
        wake(thread, failed ? request->result : 0);
        --*budget;
    }
    request->waking = !list_is_empty(&request->waiters);
    if (!request->waking)
        request->failed_count = 0; /* it was said to those who waited */
    return request->waking;
}

/* Those who wait for leave to write: all, or those that are let through. True: some are left that are to be woken now. */
static bool wake_writers(struct paged_object *object, unsigned budget)
{
    bool all = object->wake_writers;
    unsigned left = all ? budget : paged_volume_admitted(object, budget);
    struct list *link;
    while (left > 0 && (link = list_pop_front(&object->writers))) {
        struct thread *thread = list_entry(link, struct thread, wait.link);
        thread->page.admitted = !all;
        wake(thread, 0);
        left--;
    }
    object->wake_writers = all && !list_is_empty(&object->writers);
    return paged_volume_let_through(object, all ? 0 : left) || object->wake_writers;
}

bool paged_wake_some(struct paged_object *object)
{
    struct page_request *request;
    unsigned budget = WAKE_BATCH;
    struct list *link;
    bool more = false;
    for (uint32_t left = object->busy; (request = paged_next_busy(object, &left));) {
        more |= request->waking && wake_request(request, &budget);
        if (request->state == REQUEST_ANSWERED && !request->waking && !request->message.out) {
            request->state = REQUEST_FREE;
            object->busy &= ~(1u << (request - object->request));
            object->wake_waiting = true;
        }
    }
    while (object->wake_waiting && budget > 0 && (link = list_pop_front(&object->waiting))) {
        wake(list_entry(link, struct thread, wait.link), 0);
        budget--;
    }
    object->wake_waiting = object->wake_waiting && !list_is_empty(&object->waiting);
    if (object->wake_writers || object->throttled)
        more |= budget == 0 || wake_writers(object, budget);
    return more || object->wake_waiting;
}

bool paged_request_back(struct paged_object *object, struct pager_message *message)
{
    struct page_request *request = container_of(message, struct page_request, message);
    if (request < object->request || request >= object->request + PAGED_REQUESTS)
        return false;
    return request->state == REQUEST_ANSWERED ||
           (request->state == REQUEST_SENT && request->until <= arch_counter());
}

bool paged_has_no_waiters(const struct paged_object *object)
{
    bool none = list_is_empty(&object->waiting) && list_is_empty(&object->writers);
    for (unsigned i = 0; i < PAGED_REQUESTS; i++)
        none = none && list_is_empty(&object->request[i].waiters);
    return none;
}
