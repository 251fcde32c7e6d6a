/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads are told to do with memory: anything, but for what would make it matter who of several that wait goes first.
 */
#include "player.h"

static unsigned slot_of(const struct player *player)
{
    return (unsigned)(player - model[player->task].player) + player->task * MATES;
}

/* What would come of a use of the page? Nothing is changed. */
static kern_return_t try_page(const struct page *page, unsigned access)
{
    struct source_page *at;
    if (!page->mapped)
        return KERN_INVALID_ADDRESS;
    if (!(page->prot & access))
        return KERN_PROTECTION_FAILURE;
    return page->cell && page->cell->made ? KERN_SUCCESS
                                          : source_find(page->source, page->number, &at);
}

/* As far as the window goes. */
static bool may_wait(unsigned task, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (i / WINDOW == first / WINDOW && try_page(&model[task].page[i], ALL) == KERN_RETRY)
            return true;
    return false;
}

/* A touch that fails for another reason would not be done again. */
static bool may_fail(const struct op *op)
{
    return op->kind == OP_TOUCH
               ? try_page(&model[op->task].page[op->page], op->access) == KERN_SUCCESS
               : !may_wait(op->task, op->page, 2) && op->kind != OP_COPY;
}

static struct op some_op(const struct player *player)
{
    unsigned task = one_in(2) ? player->task : below(TASKS), page = below(PAGES);
    for (unsigned n = below(6); n > 0 && !model[task].page[page].mapped; n--) /* mostly */
        page = below(PAGES);
    struct op op = {.task = task, .page = page, .words = 1};
    op.slot = slot_of(player);
    op.access = one_in(2) ? PROT_WRITE : one_in(8) ? PROT_EXECUTE : PROT_READ;
    switch (below(8)) {
    case 0: op.kind = OP_READ; break;
    case 1: op.kind = OP_WRITE; break;
    case 2:
        op.kind = OP_COPY;
        op.count = 1 + below(4);
        break;
    default: op.kind = OP_TOUCH; break;
    }
    if (op.kind == OP_TOUCH)
        op.task = player->task;
    else
        op.access = op.kind == OP_WRITE ? PROT_WRITE : PROT_READ;
    return op;
}

/* More than its own word, if nobody has to wait: several that go on at once would be in each other's way. */
static void widen(struct op *op)
{
    if (op->kind == OP_TOUCH) {
        op->slot = op->access == PROT_READ ? below(WORDS) : op->slot;
    } else if (one_in(2) && op->page % WINDOW != WINDOW - 1) {
        op->across = true;
        op->slot = LAST_WORD;
        op->words = 1 + 1 + below(WORDS - 2);
    } else {
        op->slot = 0;
        op->words = 1 + below(WORDS - 1);
    }
}

static bool finish_copy(struct op *op)
{
    unsigned window = below(2) * WINDOW;
    if (op->page % WINDOW + op->count > WINDOW)
        return false;
    op->to = window + below(WINDOW - op->count + 1);
    if (op->page < op->to + op->count && op->to < op->page + op->count)
        return false;
    return !anybody_waits() ||
           !(may_wait(op->task, op->page, op->count) || may_wait(op->task, op->to, op->count));
}

void step_op(void)
{
    struct player *player = some_player();
    if (player->op.kind != OP_NONE)
        return;
    struct op op = some_op(player);
    if (op.kind == OP_COPY && !finish_copy(&op))
        return;
    if (op.kind != OP_COPY && !may_wait(op.task, op.page, 2))
        widen(&op);
    for (unsigned i = 0; i < op.words && op.access == PROT_WRITE; i++)
        op.value[i] = ++written;
    if (may_fail(&op))
        trouble_begin();
    op_begin(player, op);
}

/* A thread that waits is disturbed, and has to begin anew. */
void step_abort(void)
{
    struct player *player = some_player();
    if (player->op.kind == OP_NONE)
        return;
    (void)abort_actor(player->actor);
    rest();
}
