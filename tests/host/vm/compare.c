/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks see, compared with what they should.
 */
#include "model.h"

static void compare_attributes(struct task *task, vaddr_t va, const struct page_model *page)
{
    struct map_facts facts = {.start = 0};
    struct pmap_mapping mapping;
    kern_return_t kr = map_describe(task, va, &facts);
    bool is_mapped = kr == KERN_SUCCESS && facts.start == va;
    CHECK_EQ(is_mapped, page->cell != NULL);
    unsigned prot = page->cell ? page->prot : PROT_NONE;
    if (pmap_extract(task->pmap, va, &mapping) == KERN_SUCCESS)
        CHECK_EQ(mapping.prot & ~prot, 0); /* G2 */
    for (unsigned access = PROT_READ; access <= PROT_EXECUTE; access <<= 1)
        if (!(prot & access))
            CHECK(!has_access(task, va, access));
    if (!is_mapped)
        return;
    CHECK_EQ(facts.prot, page->prot);
    CHECK_EQ(facts.max_prot, page->max_prot);
    CHECK_EQ(facts.inherit, page->inherit);
    /* Shared memory is called so while somebody else has it: who has other pages of it, or a right to it, the model does not know. */
    CHECK(!facts.shared || page->shared);
    CHECK(facts.shared || !page->shared || (!page->fixed && page->cell->references == 1));
}

/* Pages that nobody has written to mostly stay untouched. */
static void compare_content(struct task *task, vaddr_t va, const struct page_model *page)
{
    uint64_t word = 0;
    if (!page->cell || (page->cell->value == 0 && check_below(8) != 0))
        return;
    bool by_program = (page->prot & PROT_READ) && check_below(2);
    CHECK_EQ(by_program ? touch(task, va, PROT_READ, &word) : poke(task, va, false, &word),
             KERN_SUCCESS);
    CHECK_EQ(word, page->cell->value);
}

void compare_page(unsigned task, unsigned page)
{
    const struct task_model *m = &model[task];
    be_cpu((unsigned)check_below(3));
    compare_attributes(m->task, va_of(page), &m->page[page]);
    compare_content(m->task, va_of(page), &m->page[page]);
}

void compare_range(unsigned task, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        compare_page(task, i);
}

void compare_everywhere(unsigned page)
{
    for (unsigned t = 0; t < TASKS; t++)
        compare_page(t, page);
}

static void compare_task(unsigned number)
{
    const struct task_model *m = &model[number];
    int64_t committed = 0;
    compare_range(number, 0, PAGES);
    for (unsigned i = 0; i < PAGES; i++)
        committed += m->page[i].cell && m->page[i].committed;
    CHECK_EQ(ledger_used(m->task->ledger, LEDGER_COMMITMENT), committed);
}

void compare_all(void)
{
    struct task *tasks[TASKS];
    struct amap *more[HELD];
    for (unsigned t = 0; t < TASKS; t++) {
        compare_task(t);
        tasks[t] = model[t].task;
    }
    for (unsigned h = 0; h < HELD; h++) {
        more[h] = held[h].request.amap;
        for (unsigned i = 0; held[h].request.amap && i < held[h].request.pages; i++) {
            struct amap *amap = held[h].request.amap;
            uint64_t value = read_page(amap, held[h].request.amap_page + i);
            CHECK(value == held[h].page[i].cell->value || (value == 0 && held[h].page[i].object));
        }
    }
    check_structure(tasks, TASKS, more, HELD);
}
