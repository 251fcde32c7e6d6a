/* SPDX-License-Identifier: BSD-2-Clause */
#include "model.h"

struct task_model model[TASKS];
struct held held[HELD];

vaddr_t va_of(unsigned page)
{
    return page < WINDOW ? WINDOW_VA + page * PAGE_SIZE
                         : MAP_ALLOCATE_BASE + (page - WINDOW) * PAGE_SIZE;
}

unsigned page_at(vaddr_t va)
{
    unsigned base = va < MAP_ALLOCATE_BASE ? 0 : WINDOW;
    uint64_t n = (va - va_of(base)) >> PAGE_SHIFT;
    return n < WINDOW ? base + (unsigned)n : PAGES;
}

/* ---- cells ---- */

struct cell *cell_new(uint64_t value)
{
    struct cell *cell = malloc(sizeof(*cell));
    CHECK(cell != NULL);
    *cell = (struct cell){1, value};
    return cell;
}

struct cell *cell_ref(struct cell *cell)
{
    cell->references++;
    return cell;
}

void page_unmap(struct page_model *page)
{
    if (page->cell && --page->cell->references == 0)
        free(page->cell);
    page->cell = NULL;
}

/* ---- calls ---- */

void model_enter(struct task_model *m, unsigned first, const struct map_request *request)
{
    for (unsigned i = 0; i < request->pages; i++) {
        uint64_t value = 0;
        if (request->object)
            value = OBJECT_MARK + ((request->object->base - OBJECT_PA) >> PAGE_SHIFT) +
                    request->object_page + i;
        CHECK(!m->page[first + i].cell);
        m->page[first + i] = (struct page_model){.cell = cell_new(value),
                                                 .prot = request->prot,
                                                 .max_prot = request->max_prot,
                                                 .inherit = request->inherit,
                                                 .shared = request->shared,
                                                 .committed = !request->object || !request->shared,
                                                 .object = request->object,
                                                 .fixed = request->object && request->shared};
    }
}

void model_remove(struct task_model *m, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        page_unmap(&m->page[i]);
}

unsigned model_mapped(const struct task_model *m, unsigned first, unsigned count)
{
    unsigned n = 0;
    while (n < count && m->page[first + n].cell)
        n++;
    return n;
}

kern_return_t model_protect(struct task_model *m, unsigned first, unsigned count, unsigned prot,
                            bool maximum)
{
    for (unsigned i = first; i < first + count; i++)
        if (!m->page[i].cell)
            return KERN_INVALID_ADDRESS;
        else if (!maximum && prot & ~(unsigned)m->page[i].max_prot)
            return KERN_PROTECTION_FAILURE;
    for (unsigned i = first; i < first + count; i++) {
        struct page_model *p = &m->page[i];
        if (maximum)
            p->max_prot &= (uint8_t)prot;
        p->prot = maximum ? p->prot & (uint8_t)prot : (uint8_t)prot;
    }
    return KERN_SUCCESS;
}

void model_inherit(struct task_model *m, unsigned first, unsigned count, unsigned inherit)
{
    for (unsigned i = first; i < first + count; i++)
        m->page[i].inherit = (uint8_t)inherit;
}

void model_fork(struct task_model *parent, struct task_model *child)
{
    for (unsigned i = 0; i < PAGES; i++) {
        struct page_model *from = &parent->page[i], *to = &child->page[i];
        if (!from->cell || from->inherit == VM_INHERIT_NONE)
            continue;
        bool shared = from->inherit == VM_INHERIT_SHARE;
        from->shared = from->shared || shared;
        *to = *from;
        to->shared = shared;
        to->fixed = shared && from->fixed;
        to->committed = !shared || !from->object;
        to->cell = shared ? cell_ref(from->cell) : cell_new(from->cell->value);
    }
}

void model_share(struct task_model *m, unsigned first, struct held *out)
{
    for (unsigned i = 0; i < out->request.pages; i++) {
        m->page[first + i].shared = true;
        out->page[i] = m->page[first + i];
        cell_ref(out->page[i].cell);
    }
}

void model_map(struct task_model *m, unsigned first, const struct held *from, unsigned offset,
               const struct map_request *request, bool copy)
{
    for (unsigned i = 0; i < request->pages; i++) {
        const struct page_model *source = &from->page[offset + i];
        CHECK(!m->page[first + i].cell);
        m->page[first + i] = (struct page_model){.cell = copy ? cell_new(source->cell->value)
                                                              : cell_ref(source->cell),
                                                 .prot = request->prot,
                                                 .max_prot = request->max_prot,
                                                 .inherit = request->inherit,
                                                 .shared = !copy,
                                                 .committed = copy || !source->object,
                                                 .object = source->object,
                                                 .fixed = source->fixed && !copy};
    }
}

kern_return_t model_access(const struct page_model *page, unsigned access)
{
    if (!page->cell)
        return KERN_INVALID_ADDRESS;
    return page->prot & access ? KERN_SUCCESS : KERN_PROTECTION_FAILURE;
}
