/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages between tasks: copied or moved, kept in a queue, or handed over to who waits.
 */
#include "player.h"

#include <string.h>

enum { LETTER_ID = 0x77 };

static struct actor *sender_of(unsigned task)
{
    for (unsigned i = 0; i < MATES; i++)
        if (model[task].player[i].op.kind == OP_NONE)
            return model[task].player[i].actor;
    return NULL;
}

/* The words that lie wholly in [from, end) of the page. */
static void keep_words(struct content *content, uint64_t from, uint64_t end)
{
    for (unsigned slot = 0; slot < WORDS; slot++)
        if (word_offset(slot) < from || word_offset(slot) + 4 > end)
            content->word[slot] = 0;
}

struct piece {
    struct range r;
    unsigned skip, cut; /* bytes at either end */
    bool moves;
};

/* From the first page of the range that can be sent, as far as the next ones can. */
static void trim(struct range *r)
{
    struct content content;
    const struct page *page = model[r->task].page;
    unsigned first = r->first;
    while (first / WINDOW == r->first / WINDOW &&
           model_content(&page[first], &content) != KERN_SUCCESS)
        first++;
    if (first / WINDOW != r->first / WINDOW)
        return;
    unsigned last = first;
    while (last < first + r->count && last / WINDOW == first / WINDOW &&
           model_content(&page[last], &content) == KERN_SUCCESS)
        last++;
    if (last > first)
        *r = (struct range){r->task, first, last - first};
}

static struct piece some_piece(unsigned task)
{
    struct piece p = {.r = some_range(), .moves = one_in(3)};
    p.r.task = task;
    if (!one_in(16))
        trim(&p.r);
    if (one_in(3))
        p.skip = PAGE / 2;
    if (one_in(3) && (p.r.count > 1 || !p.skip))
        p.cut = PAGE / 2;
    return p;
}

static bool overlaps(const struct piece *pieces, unsigned n, const struct piece *p)
{
    for (unsigned i = 0; i < n; i++)
        if (p->r.first < pieces[i].r.first + pieces[i].r.count &&
            pieces[i].r.first < p->r.first + p->r.count)
            return true;
    return false;
}

/* What a piece should bring, or why it cannot be sent. */
static kern_return_t expect(const struct piece *p, struct letter_range *out)
{
    out->va = va_of(p->r.first) + p->skip;
    out->size = p->r.count * PAGE - p->skip - p->cut;
    out->pages = p->r.count;
    for (unsigned i = 0; i < p->r.count; i++) {
        kern_return_t kr = model_content(&model[p->r.task].page[p->r.first + i], &out->page[i]);
        if (kr != KERN_SUCCESS)
            return kr;
        keep_words(&out->page[i], i == 0 ? p->skip : 0, i == p->r.count - 1 ? PAGE - p->cut : PAGE);
    }
    return KERN_SUCCESS;
}

/* Whoever sends it waits for a pager: that is for the scenes (kobj/scenes_pager_messages.c). */
static bool would_wait(const struct piece *p)
{
    struct source_page *at;
    for (unsigned i = 0; i < p->r.count; i++) {
        const struct page *page = &model[p->r.task].page[p->r.first + i];
        bool has_own = page->cell && page->cell->made;
        if (page->mapped && (page->prot & READ) && !has_own && page->source &&
            source_find(page->source, page->number, &at) == KERN_RETRY)
            return true;
    }
    return false;
}

/* A message from one task to another; false: it could not be sent. */
static bool send(unsigned from, unsigned to, struct letter *letter, bool with_trouble)
{
    struct actor *a = sender_of(from);
    struct piece piece[LETTER_MAX];
    struct message m = {.remote = MSG_MOVE_SEND, .id = LETTER_ID, .deadline = PAST};
    bool good = true, waits = false;
    letter->ranges = 0;
    for (unsigned n = 1 + below(LETTER_MAX); n > 0; n--) {
        struct piece *p = &piece[letter->ranges];
        *p = some_piece(from);
        if (overlaps(piece, letter->ranges, p) || would_wait(p))
            continue;
        struct letter_range *range = &letter->range[letter->ranges++];
        kern_return_t why = expect(p, range);
        good = good && why == KERN_SUCCESS;
        waits = waits || why == KERN_RETRY;
        m.descriptors++;
        m.length += MSG_DESCRIPTOR_SIZE;
        put_descriptor(a, &m, m.descriptors - 1,
                       (struct msg_descriptor){.value = range->va,
                                               .size = range->size,
                                               .kind = MSG_OOL_MEMORY,
                                               .flags = p->moves ? MSG_DEALLOCATE : 0});
    }
    if (waits) /* for a pager: another time */
        return false;
    m.dest = send_to(a, model[to].player[0].actor, model[to].inbox);
    tell("task %u sends %u ranges to task %u, good %d", from, letter->ranges, to, good);
    kern_return_t kr;
    if (with_trouble)
        ATTEMPT(kr, perform(a, m));
    else
        kr = perform(a, m);
    CHECK_EQUAL(kr, good ? KERN_SUCCESS : MACH_SEND_INVALID_MEMORY);
    if (!good) {
        OK(drop(a, m.dest));
        return false;
    }
    for (unsigned i = 0; i < letter->ranges; i++)
        if (piece[i].moves)
            model_remove(piece[i].r);
    for (unsigned i = 0; i < letter->ranges && with_trouble; i++)
        compare_later(piece[i].r);
    return true;
}

/* A range has come to the task. */
static void arrive(unsigned task, const struct letter_range *range, struct msg_descriptor d)
{
    static const struct page as = {.prot = RW, .max_prot = ALL, .inherit = VM_INHERIT_COPY};
    vaddr_t start = round_down(d.value, PAGE_SIZE);
    struct range r = {task, page_at(start), range->pages};
    CHECK_EQUAL(d.kind, MSG_OOL_MEMORY);
    CHECK_EQUAL(d.size, range->size);
    CHECK_EQUAL(d.value % PAGE, range->va % PAGE);
    if (r.first == PAGES || page_at(start + (r.count - 1) * PAGE_SIZE) == PAGES) {
        OK(vm_deallocate(model[task].name, start, (uint64_t)r.count * PAGE));
        return;
    }
    CHECK(model_is_free(r));
    model_enter(r, NULL, 0, &as);
    for (unsigned i = 0; i < r.count; i++)
        model[task].page[r.first + i].cell->content = range->page[i];
    compare_later(r);
}

static void take(struct actor *a, unsigned task, const struct letter *letter)
{
    struct msg_descriptor d[LETTER_MAX];
    CHECK_EQUAL(got_id(a), LETTER_ID);
    CHECK_EQUAL(msg_descriptors(a->x[2]), letter->ranges);
    for (unsigned i = 0; i < letter->ranges; i++)
        d[i] = got_descriptor(a, i);
    for (unsigned i = 0; i < letter->ranges; i++)
        arrive(task, &letter->range[i], d[i]);
}

void step_send(void)
{
    unsigned from = below(TASKS), to = below(TASKS);
    struct task_model *m = &model[to];
    if (!sender_of(from) || m->letters == LETTERS)
        return;
    if (send(from, to, &m->letter[m->letters], true))
        m->letters++;
}

void step_receive(void)
{
    unsigned to = below(TASKS);
    struct task_model *m = &model[to];
    struct actor *a = sender_of(to);
    if (!a)
        return;
    m->task->map.hole_from = 0;
    struct message message = {.receive = m->inbox, .deadline = PAST};
    kern_return_t kr;
    ATTEMPT(kr, perform(a, message));
    CHECK_EQUAL(kr, m->letters ? KERN_SUCCESS : MACH_RCV_TIMED_OUT);
    if (kr != KERN_SUCCESS)
        return;
    take(a, to, &m->letter[0]);
    m->letters--;
    memmove(&m->letter[0], &m->letter[1], m->letters * sizeof(m->letter[0]));
}

/* The receiver waits already. */
void step_letter_by_hand(void)
{
    static struct letter letter;
    unsigned from = below(TASKS), to = below(TASKS);
    struct actor *receiver = sender_of(to);
    if (from == to || !sender_of(from) || !receiver || model[to].letters > 0)
        return;
    trouble_pause(); /* a receiver that waits is told what fails for want of memory */
    post(receiver, (struct message){.receive = model[to].inbox});
    CHECK(!is_done(receiver));
    model[to].task->map.hole_from = 0;
    if (send(from, to, &letter, false)) {
        CHECK_EQUAL(result(receiver), KERN_SUCCESS);
        take(receiver, to, &letter);
        compare_later((struct range){0, 0, PAGES});
    } else {
        (void)abort_actor(receiver);
        CHECK_EQUAL(result(receiver), MACH_RCV_INTERRUPTED);
    }
    trouble_go_on();
}
