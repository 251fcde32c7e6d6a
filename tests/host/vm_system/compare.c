/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks see, compared with the model, without touching anything: entries, amaps, objects and page tables are looked at as
 * they stand, while nothing moves.
 */
#include "player.h"

#include <arch/mmu.h>
#include <kern/frame.h>
#include <kern/pmap.h>
#include <kern/vm_count.h>
#include <map_impl.h>
#include <string.h>

struct look {
    unsigned task, page;
    const struct page *model;
    const struct map_entry *entry;
    struct anon *anon; /* of the amap */
};

static void fail(const struct look *look, const char *what)
{
    const struct page *p = look->model;
    host_machine_fail("task %u, page %u at %llx: %s (model: mapped %d, shared %d, prot %u/%u, "
                      "inherit %u, cell %d made %d, object page %d)",
                      look->task, look->page, (unsigned long long)va_of(look->page), what,
                      p->mapped, p->shared, p->prot, p->max_prot, p->inherit, p->cell != NULL,
                      p->cell && p->cell->made, p->source ? (int)p->number : -1);
}

#define MUST(condition)             \
    do {                            \
        if (!(condition))           \
            fail(look, #condition); \
    } while (0)

static const struct map_entry *entry_at(struct task *task, vaddr_t va)
{
    struct map_entry *entry = map_above(&task->map, va);
    if (!entry || entry->start > va)
        return NULL;
    CHECK_EQUAL(entry->state, ENTRY_READY);
    return entry;
}

static bool is_zero(const struct content *content)
{
    static const struct content zero;
    return memcmp(content, &zero, sizeof(zero)) == 0;
}

/* NULL: it is out. */
static struct frame *frame_of(const struct anon *anon)
{
    uint32_t where = atomic_load(&((struct anon *)(uintptr_t)anon)->where);
    return (where & ANON_STATE) == ANON_OUT ? NULL : frame_record(where & ~ANON_STATE);
}

const char *anon_memory(const struct anon *anon)
{
    struct frame *frame = frame_of(anon);
    uint32_t where = atomic_load(&((struct anon *)(uintptr_t)anon)->where);
    return frame ? frame_memory(frame) : swapper_page(where & ~ANON_STATE);
}

static void compare_words(const struct look *look, const struct anon *anon, struct content *content)
{
    const char *memory = anon_memory(anon);
    for (unsigned slot = 0; slot < WORDS; slot++) {
        uint32_t word;
        memcpy(&word, memory + word_offset(slot), sizeof(word));
        if (ops_was_recent(word))
            content->word[slot] = word;
        if (word == content->word[slot])
            continue;
        char text[100];
        snprintf(text, sizeof(text), "word %u is %x, not %x", slot, word, content->word[slot]);
        fail(look, text);
    }
}

/* The frame that whoever touches the page would see; NULL: none yet. */
static struct frame *compare_content(const struct look *look)
{
    const struct page *must = look->model;
    const struct map_entry *entry = look->entry;
    vaddr_t va = va_of(look->page);
    struct cell *cell = must->cell;
    if (cell && cell->made) {
        MUST(look->anon || (is_zero(&cell->content) && !entry->object));
        if (look->anon)
            compare_words(look, look->anon, &cell->content);
        return look->anon ? frame_of(look->anon) : NULL;
    }
    MUST(!look->anon);
    MUST(cell || !entry->amap);
    MUST(object_page_at(entry, va) == must->number);
    struct anon *shown = amap_lookup(must->source->object->cache, must->number);
    return shown ? frame_of(shown) : NULL;
}

/* May the page tables let the program write in place? */
static bool may_write(const struct look *look)
{
    const struct page *must = look->model;
    if (look->anon)
        return amap_owns(look->entry->amap, amap_page_at(look->entry, va_of(look->page)));
    return must->source && !must->cell && must->source->page[must->number].dirty;
}

/* G2, G3, Q3. */
static void compare_tables(const struct look *look, struct pmap *pmap, const struct frame *frame)
{
    struct pmap_mapping mapping;
    if (pmap_extract(pmap, va_of(look->page), &mapping) != KERN_SUCCESS)
        return;
    MUST(look->model->mapped && frame);
    MUST(round_down(mapping.pa, PAGE_SIZE) == frame_address(frame));
    MUST(!(mapping.prot & ~(unsigned)look->model->prot));
    MUST(!(mapping.prot & PROT_WRITE) || may_write(look));
}

static void compare_entry(const struct look *look)
{
    const struct page *must = look->model;
    const struct map_entry *entry = look->entry;
    MUST(entry->prot == must->prot);
    MUST(entry->max_prot == must->max_prot);
    MUST(entry->inherit == must->inherit);
    MUST(entry->shared == must->shared);
    MUST(entry->object == (must->source ? &must->source->object->object : NULL));
}

void compare_page(unsigned number, unsigned page)
{
    struct task *task = model[number].task;
    struct look at = {.task = number, .page = page, .model = &model[number].page[page]};
    const struct look *look = &at;
    struct frame *frame = NULL;
    if (!task) /* it has just ended */
        return;
    at.entry = entry_at(task, va_of(page));
    MUST((at.entry != NULL) == at.model->mapped);
    if (at.entry) {
        if (at.entry->amap)
            at.anon = amap_lookup(at.entry->amap, amap_page_at(at.entry, va_of(page)));
        compare_entry(look);
        frame = compare_content(look);
    }
    compare_tables(look, task->pmap, frame);
}

void compare_range(struct range r)
{
    for (unsigned i = r.first; i < r.first + r.count; i++)
        compare_page(r.task, i);
}

void compare_everywhere(struct range r)
{
    for (r.task = 0; r.task < TASKS; r.task++)
        compare_range(r);
}

/* ---- what a step changed ---- */

enum { CHANGES = 16 };
static struct range changes[CHANGES];
static unsigned change_count;

void compare_later(struct range r)
{
    CHECK(change_count < CHANGES);
    changes[change_count++] = r;
}

void compare_changes(void)
{
    while (change_count > 0)
        compare_everywhere(changes[--change_count]);
}

/* What host.memory_statistics says is what is there. */
static void compare_counts(uint64_t dirty)
{
    uint64_t cached = 0;
    for (pfn_t pfn = 0; frame_next_record(&pfn); pfn++)
        cached += !!(atomic_load(&frame_record(pfn)->flags) & FRAME_FLAG_OBJECT);
    CHECK_EQUAL(vm_count_present(VM_COUNT_CACHED), cached);
    CHECK_EQUAL(vm_count_present(VM_COUNT_WRITTEN), dirty);
}

void compare_sources(void)
{
    struct source *source;
    uint64_t dirty = 0;
    for (unsigned i = 0; (source = source_at(i)); i++) {
        compare_source(source);
        dirty += source->object->dirty;
    }
    compare_counts(dirty);
}

void compare_all(void)
{
    compare_sources();
    compare_everywhere((struct range){0, 0, PAGES});
    for (unsigned t = 0; t < TASKS; t++) {
        CHECK(map_check(model[t].task));
        CHECK(pmap_check(model[t].task->pmap));
    }
    world_check(NULL, 0); /* and that no TLB has what is not so */
}
