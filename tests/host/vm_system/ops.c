/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads do with memory, and may have to wait for: touches, and reads, writes and copies by the kernel. The model does what the
 * kernel does when it is seen to have done it.
 *
 * A thread that waits is judged by what it waits for: that page must be missing. If it is done, the model must be able
 * to do the same now, or the pager has just told why not.
 */
#include "player.h"

#include <arch/timer.h>
#include <stdio.h>
#include <string.h>

/* Words that have changed while several players went on in one step: any of them may have been seen, or been copied. */
enum { RECENT = 512 };
static uint32_t recent[RECENT];
static unsigned recent_count;
static bool several;

static void note_recent(uint32_t word)
{
    if (recent_count < RECENT)
        recent[recent_count++] = word;
}

bool ops_was_recent(uint32_t word)
{
    for (unsigned i = 0; i < recent_count && several; i++)
        if (recent[i] == word)
            return true;
    return false;
}

/* ---- doing it in the model ---- */

/* What op->value tells, or is told, of one page's words. */
static void move_words(struct op *op, struct content *content, unsigned slot, unsigned count,
                       unsigned at)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t *word = &content->word[slot + i], *value = &op->value[at + i];
        if (op->access == PROT_WRITE) {
            note_recent(*word);
            note_recent(*value);
            *word = *value;
        } else if (*value != *word && !ops_was_recent(*value)) {
            host_machine_fail("word %u of page %u of task %u was read as %x, not %x", slot + i,
                              op->page, op->task, *value, *word);
        }
    }
}

/* The second page is looked at first: all or nothing. */
static kern_return_t do_words(struct op *op)
{
    struct content *first = NULL, *second = NULL;
    kern_return_t kr = KERN_SUCCESS;
    unsigned here = op->across ? 1 : op->words;
    if (op->across)
        kr = model_use(op, op->page + 1, op->access, &second);
    if (kr == KERN_SUCCESS)
        kr = model_use(op, op->page, op->access, &first);
    if (kr != KERN_SUCCESS)
        return kr;
    move_words(op, first, op->slot, here, 0);
    if (op->across)
        move_words(op, second, 0, op->words - 1, 1);
    return KERN_SUCCESS;
}

static kern_return_t do_copy(struct op *op)
{
    struct content *from, *to, copy;
    kern_return_t kr = KERN_SUCCESS;
    while (kr == KERN_SUCCESS && op->done < op->count) {
        kr = model_use(op, op->page + op->done, PROT_READ, &from);
        if (kr != KERN_SUCCESS)
            break;
        copy = *from;
        kr = model_use(op, op->to + op->done, PROT_WRITE, &to);
        if (kr != KERN_SUCCESS)
            break;
        for (unsigned i = 0; i < WORDS; i++) {
            note_recent(to->word[i]);
            note_recent(copy.word[i]);
        }
        *to = copy;
        op->done++;
    }
    return kr;
}

static kern_return_t do_op(struct op *op)
{
    struct content *seen;
    if (op->access == PROT_EXECUTE)
        return model_use(op, op->page, op->access, &seen);
    return op->kind == OP_COPY ? do_copy(op) : do_words(op);
}

/* A page of an object that was destroyed in this step goes a little later: who was woken may have found it. */
static kern_return_t do_in_time(struct op *op)
{
    struct source *source = (struct source *)(uintptr_t)op->source;
    kern_return_t kr = KERN_TERMINATED;
    if (source_exchange(source)) {
        kr = do_op(op);
        (void)source_exchange(source);
    }
    return kr;
}

/* ---- beginning ---- */

static vaddr_t address_of(const struct op *op)
{
    return va_of(op->page) + word_offset(op->slot);
}

static struct message call(const struct op *op, uint32_t id, uint32_t length)
{
    return (struct message){.dest = 0,
                            .remote = MSG_MOVE_SEND,
                            .id = id,
                            .how_local = MSG_MAKE_REPLY,
                            .receive = MSG_REPLY,
                            .length = length,
                            .size = 512,
                            .body = {address_of(op)}};
}

static struct message message_of(const struct op *op)
{
    struct message m;
    uint32_t bytes = op->words * 4;
    switch (op->kind) {
    case OP_READ:
        m = call(op, VM_ID_READ, 16);
        m.body[1] = bytes;
        break;
    case OP_WRITE:
        m = call(op, VM_ID_WRITE, (12 + bytes + 7) / 8 * 8);
        m.body[1] = bytes;
        memcpy((char *)m.body + 12, op->value, bytes);
        break;
    default:
        m = call(op, VM_ID_COPY, 24);
        m.body[0] = va_of(op->page);
        m.body[1] = (uint64_t)op->count * PAGE;
        m.body[2] = va_of(op->to);
        break;
    }
    return m;
}

struct gift {
    struct actor *to;
    struct task *task;
    uint32_t name;
};

static void give_task(void *argument)
{
    struct gift *gift = argument;
    struct kright right = port_send_right(gift->task->self_port);
    CHECK_EQUAL(space_reserve(gift->to->task->space, 1), KERN_SUCCESS);
    gift->name = space_insert(gift->to->task->space, &right);
}

void op_begin(struct player *player, struct op op)
{
    struct actor *a = player->actor;
    tell("task %u does %u in %u: page %u, word %u, access %u, words %u, pages %u to %u",
         player->task, op.kind, op.task, op.page, op.slot, op.access, op.words, op.count, op.to);
    player->op = op;
    player->raised = false;
    player->reason = 0;
    if (op.kind == OP_TOUCH) {
        a->action = (struct host_action){.kind = HOST_TOUCH,
                                         .va = address_of(&op),
                                         .access = (enum access)op.access,
                                         .value = op.value[0]};
        post_action(a);
        return;
    }
    struct gift gift = {.to = a, .task = model[op.task].task};
    in_kernel(give_task, &gift);
    struct message m = message_of(&op);
    m.dest = gift.name;
    post(a, m);
}

/* ---- judging ---- */

/* The error, and what has been read. */
static kern_return_t outcome(struct player *player)
{
    struct op *op = &player->op;
    struct actor *a = player->actor;
    if (player->raised)
        return player->kr;
    if (op->kind == OP_TOUCH) {
        if (op->access == PROT_READ)
            op->value[0] = (uint32_t)a->thread->arch.program.loaded;
        return KERN_SUCCESS;
    }
    kern_return_t kr = (kern_return_t)result(a);
    if (op->orphan || kr != KERN_SUCCESS)
        return kr;
    kr = (kern_return_t)got_id(a);
    if (kr == KERN_SUCCESS && op->kind == OP_READ) {
        uint64_t words[8];
        for (unsigned i = 0; i * 8 < msg_length(a->x[2]); i++)
            words[i] = got_word(a, i);
        CHECK_EQUAL(*(uint32_t *)words, op->words * 4);
        memcpy(op->value, (char *)words + 4, op->words * 4);
    }
    return kr;
}

static bool is_page_error(kern_return_t kr)
{
    return kr == KERN_MEMORY_ERROR || kr == KERN_OPERATION_TIMED_OUT || kr == KERN_MEMORY_FAILURE ||
           kr == KERN_TERMINATED;
}

/* The kernel forgets an error that was not needed where that costs nothing. */
static bool is_untold(struct player *player, kern_return_t kr)
{
    bool it = player->untold == player->op.source && player->untold_number == player->op.number &&
              player->untold_error == kr;
    if (it)
        player->untold = NULL;
    return it;
}

static void note_untold(struct player *player, const struct op *awaited)
{
    if (!awaited->expected)
        return;
    player->untold = awaited->source;
    player->untold_number = awaited->number;
    player->untold_error = awaited->expected;
}

static void judge(struct player *player)
{
    struct op *op = &player->op;
    kern_return_t kr = outcome(player), must = KERN_SUCCESS;
    tell("task %u did %u in %u, page %u: %u", player->task, op->kind, op->task, op->page, kr);
    if (op->orphan) { /* the right to the task has died */
        CHECK_EQUAL(kr, MACH_SEND_INVALID_DEST);
        op->kind = OP_NONE;
        return;
    }
    if (trouble_reaches(kr)) {
        struct op again = *op;
        op->kind = OP_NONE;
        again.done = 0;
        (void)trouble_end(KERN_SUCCESS);
        op_begin(player, again);
        return;
    }
    struct op awaited = *op;
    must = do_op(op);
    if (must == KERN_TERMINATED && kr != must)
        must = do_in_time(op);
    if (must == KERN_RETRY && op->expected && kr == op->expected) {
        CHECK(op->source == awaited.source && op->number == awaited.number);
        CHECK_EQUAL(player->reason, player->raised ? op->reason : 0);
        awaited.expected = KERN_SUCCESS;
    } else if (must == KERN_RETRY && is_untold(player, kr)) {
        /* late */
    } else if (is_page_error(must)) {
        CHECK_EQUAL(kr, must);
        if (player->raised)
            CHECK_EQUAL(player->reason, must == KERN_TERMINATED ? op->source->reason : 0);
    } else if (player->raised && kr == KERN_FAILURE) {
        CHECK(must == KERN_INVALID_ADDRESS || must == KERN_PROTECTION_FAILURE);
    } else if (kr != must) {
        host_machine_fail("operation %u of task %u, page %u, access %u gave %u, not %u", op->kind,
                          op->task, op->page, op->access, kr, must);
    }
    note_untold(player, &awaited);
    op->kind = OP_NONE;
    op->judged = true;
}

static void compare_judged(struct op *op)
{
    if (op->judged && op->count > 0)
        compare_everywhere((struct range){0, op->to, op->count});
    if (op->judged)
        compare_everywhere(
            (struct range){0, op->page, op->count > 0 ? op->count : 1u + op->across});
    op->judged = false;
}

/* The page that the thread waits for by now, which must be missing. NULL: the task that it is about has ended. */
static const struct source *awaited_by(const struct player *player, unsigned *number)
{
    struct thread *t = player->actor->thread;
    const struct source *source;
    CHECK_EQUAL(atomic_load(&t->state), THREAD_WAITING);
    CHECK_EQUAL(t->wait.kind, WAIT_PAGE);
    struct spinlock *lock = atomic_load(&t->wait.queue_lock);
    struct paged_object *object = container_of(lock, struct paged_object, lock);
    if (player->op.orphan)
        return NULL;
    for (unsigned i = 0; (source = source_at(i)); i++)
        if (source->object == object)
            break;
    *number = (unsigned)t->wait.key[0];
    CHECK(source && *number < SOURCE_PAGES && source->state <= SOURCE_READY);
    if (source->page[*number].present && source->state == SOURCE_READY)
        host_machine_fail("a thread of task %u still waits for page %u, which is there",
                          player->task, *number);
    return source;
}

/* It waits where it was seen last, and need not have looked anew. */
static bool is_where_it_was(const struct player *player)
{
    const struct op *op = &player->op;
    unsigned number = 0;
    const struct source *source = awaited_by(player, &number);
    return !source || (op->source == source && op->number == number &&
                       op->va == player->actor->thread->page.va);
}

/* It has begun to wait, or has looked anew, and perhaps done something before. */
static void go_on_waiting(struct player *player)
{
    struct op *op = &player->op;
    unsigned number = 0;
    const struct source *source = awaited_by(player, &number);
    op->va = player->actor->thread->page.va;
    note_untold(player, op);
    op->expected = KERN_SUCCESS;
    op->judged = true;
    tell("task %u goes on waiting, %u in %u, page %u: for page %u", player->task, op->kind,
         op->task, op->page, number);
    CHECK_EQUAL(do_op(op), KERN_RETRY);
    CHECK(op->source == source && op->number == number);
}

/* An error that it should have been told; but when its time is over a thread may have begun anew just before. */
static void check_told(const struct player *player)
{
    const struct op *op = &player->op;
    ticks_t until = player->actor->thread->wait.until;
    bool anew = until > arch_counter() + arch_counter_frequency();
    if (op->expected && !op->orphan && !(op->expected == KERN_OPERATION_TIMED_OUT && anew))
        host_machine_fail("a thread of task %u still waits for page %u, though it should have been "
                          "told %u",
                          player->task, op->number, op->expected);
}

static struct player *player_at(unsigned n)
{
    return &model[n / MATES].player[n % MATES];
}

static bool changes(const struct op *op)
{
    return op->kind == OP_COPY || (op->kind != OP_NONE && op->access == PROT_WRITE);
}

/* True: somebody was done. */
static bool settle_some(void)
{
    enum { STANDS, WAITS, DONE } is[PLAYERS] = {STANDS};
    unsigned done = 0, moved = 0;
    while (hear_exceptions())
        ;
    for (unsigned n = 0; n < PLAYERS; n++) {
        struct player *p = player_at(n);
        if (p->op.kind != OP_NONE)
            is[n] = is_done(p->actor) ? DONE : is_where_it_was(p) ? STANDS : WAITS;
        done += is[n] == DONE;
        moved += is[n] == WAITS;
    }
    several |= done + moved > 1;
    for (unsigned n = 0; n < PLAYERS; n++)
        if (is[n] == WAITS)
            go_on_waiting(player_at(n));
    for (unsigned n = 0; n < PLAYERS; n++)
        if (is[n] == DONE && changes(&player_at(n)->op))
            judge(player_at(n));
    for (unsigned n = 0; n < PLAYERS; n++) /* these may have seen it, or not yet */
        if (is[n] == DONE && !changes(&player_at(n)->op) && player_at(n)->op.kind != OP_NONE)
            judge(player_at(n));
    return done > 0;
}

void ops_settle(void)
{
    recent_count = 0;
    several = false;
    while (settle_some())
        ;
    for (unsigned n = 0; n < PLAYERS; n++) {
        struct player *p = player_at(n);
        if (p->op.kind != OP_NONE)
            check_told(p);
        p->op.expected = KERN_SUCCESS;
        compare_judged(&p->op);
    }
    compare_changes();
    if (several)
        compare_sources();
    several = false;
}

bool anybody_waits(void)
{
    for (unsigned n = 0; n < PLAYERS; n++)
        if (player_at(n)->op.kind != OP_NONE)
            return true;
    return false;
}

void op_forget(struct player *player)
{
    player->op.kind = OP_NONE;
}

void ops_forget_task(unsigned task)
{
    for (unsigned n = 0; n < PLAYERS; n++) {
        struct op *op = &player_at(n)->op;
        op->orphan |= op->task == task;
    }
}

/* In a request, and not until there is one to be had. */
static bool is_asked_for(const struct player *player, const struct source *source)
{
    const struct thread *thread;
    for (unsigned i = 0; i < PAGED_REQUESTS; i++)
        list_for_each(thread, &source->object->request[i].waiters, wait.link)
            if (thread == player->actor->thread)
                return true;
    return false;
}

void ops_expect_error(const struct source *source, unsigned first, unsigned count, kern_return_t kr,
                      uint32_t reason)
{
    for (unsigned n = 0; n < PLAYERS; n++) {
        struct player *p = player_at(n);
        struct op *op = &p->op;
        bool it = !source ||
                  (op->source == source && op->number - first < count && is_asked_for(p, source));
        if (op->kind == OP_NONE || !it)
            continue;
        op->expected = kr;
        op->reason = reason;
    }
}
