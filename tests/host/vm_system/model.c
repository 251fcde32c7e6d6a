/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pages of tasks are: cells with content, or pages of an object (player.h).
 */
#include "player.h"

#include <stdlib.h>
#include <string.h>

struct task_model model[TASKS];
struct held held[HELD];
uint64_t chance;
uint32_t written;

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

static struct cell *cell_new(struct source *source, unsigned number)
{
    struct cell *cell = calloc(1, sizeof(*cell));
    CHECK(cell != NULL);
    cell->references = 1;
    cell->made = source == NULL;
    cell->source = source;
    cell->number = number;
    return cell;
}

static struct cell *cell_copy(const struct cell *from)
{
    struct cell *cell = cell_new(from->source, from->number);
    cell->made = from->made;
    cell->content = from->content;
    return cell;
}

static struct cell *cell_ref(struct cell *cell)
{
    if (cell)
        cell->references++;
    return cell;
}

/* ---- pages ---- */

static void set_page(struct page *page, const struct page *as, struct cell *cell,
                     struct source *source, unsigned number)
{
    CHECK(!page->mapped);
    *page = *as;
    page->mapped = true;
    page->cell = cell;
    page->source = source;
    page->number = number;
    if (source)
        source_use(source);
}

void page_unmap(struct page *page)
{
    struct source *source = page->source;
    if (!page->mapped)
        return;
    if (page->cell && --page->cell->references == 0)
        free(page->cell);
    *page = (struct page){.mapped = false};
    if (source)
        source_unuse(source);
}

/* The same memory, or a copy of it. */
static void set_like(struct page *page, const struct page *from, const struct page *as, bool copy)
{
    struct cell *cell =
        copy ? from->cell ? cell_copy(from->cell) : cell_new(from->source, from->number)
             : cell_ref(from->cell);
    set_page(page, as, cell, from->source, from->number);
    page->shared = !copy;
}

bool model_is_free(struct range r)
{
    for (unsigned i = r.first; i < r.first + r.count; i++)
        if (model[r.task].page[i].mapped)
            return false;
    return true;
}

/* ---- calls ---- */

void model_enter(struct range r, struct source *from, unsigned number, const struct page *as)
{
    for (unsigned i = 0; i < r.count; i++) {
        struct cell *cell = from && as->shared ? NULL : cell_new(from, number + i);
        set_page(&model[r.task].page[r.first + i], as, cell, from, number + i);
    }
}

void model_remove(struct range r)
{
    for (unsigned i = r.first; i < r.first + r.count; i++)
        page_unmap(&model[r.task].page[i]);
}

kern_return_t model_protect(struct range r, unsigned prot, bool maximum)
{
    struct page *page = &model[r.task].page[r.first];
    for (unsigned i = 0; i < r.count; i++)
        if (!page[i].mapped)
            return KERN_INVALID_ADDRESS;
        else if (!maximum && prot & ~(unsigned)page[i].max_prot)
            return KERN_PROTECTION_FAILURE;
    for (unsigned i = 0; i < r.count; i++) {
        if (maximum)
            page[i].max_prot &= (uint8_t)prot;
        page[i].prot = maximum ? page[i].prot & (uint8_t)prot : (uint8_t)prot;
    }
    return KERN_SUCCESS;
}

kern_return_t model_inherit(struct range r, unsigned inherit)
{
    struct page *page = &model[r.task].page[r.first];
    for (unsigned i = 0; i < r.count; i++)
        if (!page[i].mapped)
            return KERN_INVALID_ADDRESS;
    for (unsigned i = 0; i < r.count; i++)
        page[i].inherit = (uint8_t)inherit;
    return KERN_SUCCESS;
}

void model_fork(unsigned parent, unsigned child)
{
    for (unsigned i = 0; i < PAGES; i++) {
        struct page *from = &model[parent].page[i];
        if (!from->mapped || from->inherit == VM_INHERIT_NONE)
            continue;
        bool shared = from->inherit == VM_INHERIT_SHARE;
        from->shared = from->shared || shared;
        set_like(&model[child].page[i], from, from, !shared);
    }
}

void model_share(struct range r, struct held *out)
{
    for (unsigned i = 0; i < r.count; i++) {
        struct page *page = &model[r.task].page[r.first + i];
        page->shared = true;
        set_like(&out->page[i], page, page, false);
    }
    out->pages = r.count;
}

void model_map(struct range r, const struct held *from, unsigned offset, const struct page *as,
               bool copy)
{
    for (unsigned i = 0; i < r.count; i++)
        set_like(&model[r.task].page[r.first + i], &from->page[offset + i], as, copy);
}

/* ---- use ---- */

/* What the page shows now, if that can be said. */
static kern_return_t shown(struct op *op, const struct page *page, struct source_page **out)
{
    kern_return_t kr = source_find(page->source, page->number, out);
    op->source = page->source;
    op->number = page->number;
    return kr;
}

kern_return_t model_use(struct op *op, unsigned number, unsigned access, struct content **out)
{
    struct page *page = &model[op->task].page[number];
    struct cell *cell = page->cell;
    struct source_page *from = NULL;
    bool writes = access == PROT_WRITE;
    if (!page->mapped)
        return KERN_INVALID_ADDRESS;
    if (!(page->prot & access))
        return KERN_PROTECTION_FAILURE;
    if (cell && cell->made) {
        *out = &cell->content;
        return KERN_SUCCESS;
    }
    kern_return_t kr = shown(op, page, &from);
    if (kr != KERN_SUCCESS)
        return kr;
    *out = &from->content;
    if (!cell) {
        from->dirty |= writes;
    } else if (writes || page->shared) { /* the anonymous page is made */
        cell->made = true;
        cell->content = from->content;
        *out = &cell->content;
    }
    return KERN_SUCCESS;
}

kern_return_t model_content(const struct page *page, struct content *out)
{
    struct source_page *from;
    if (!page->mapped)
        return KERN_INVALID_ADDRESS;
    if (!(page->prot & READ))
        return KERN_PROTECTION_FAILURE;
    if (page->cell && page->cell->made) {
        *out = page->cell->content;
        return KERN_SUCCESS;
    }
    kern_return_t kr = source_find(page->source, page->number, &from);
    if (kr == KERN_SUCCESS)
        *out = from->content;
    return kr;
}
