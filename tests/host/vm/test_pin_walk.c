/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random walk about pinned pages (kern/pin.h). Tasks share memory, write to it, copy it and fork in pieces between which everything else
 * goes on, while a device reads and writes pinned pages by their addresses. Who shares the memory sees what the device writes, and it what
 * they write, in one frame; who has a copy sees of each page what it was at some moment of the copying, and then only what he writes himself.
 */
#include "pin_test.h"

enum { TASKS = 4, MEMORIES = 2, PAGES = 40, PINS = 6, HISTORY = 64 };

#define AT    PIN_AT
#define COPY  UINT64_C(0x48000000)
#define WHOLE ((vaddr_t)PAGES << PAGE_SHIFT)

static vaddr_t page_of(unsigned memory, unsigned page)
{
    return AT + memory * 4 * WHOLE + ((vaddr_t)page << PAGE_SHIFT);
}

static vaddr_t copy_page_of(unsigned page)
{
    return COPY + ((vaddr_t)page << PAGE_SHIFT);
}

static struct task *task[TASKS];

/* What pages are, and have been since a copying began. */
struct content {
    uint64_t word[HISTORY];
    unsigned count;
};

static struct memory {
    struct amap *amap;
    uint64_t first;
    bool mapped[TASKS];
    struct content page[PAGES];
} memory[MEMORIES];

static struct pin {
    bool used;
    unsigned memory, first, count;
    paddr_t pa[PAGES];
} pins[PINS];

/* What task t has at COPY; a word of a page that nobody has looked at since is one of several. */
static struct {
    bool there;
    struct content page[PAGES];
} copies[TASKS];

/* In progress: a copy for task `to`, of memory `of`, or a fork of task `of`. */
static struct {
    enum { NOTHING, COPYING, FORKING } what;
    unsigned of, to;
    struct amap *amap;
    uint64_t take, settle, progress;
} work;

static uint64_t next_word;

static uint64_t now(const struct content *content)
{
    return content->word[content->count - 1];
}

static void set(struct content *content, uint64_t word)
{
    if (work.what == NOTHING || content->count == HISTORY)
        content->count = 0;
    content->word[content->count++] = word;
}

static void check_content(struct content *content, uint64_t word)
{
    bool found = false;
    for (unsigned i = 0; i < content->count; i++)
        found |= content->word[i] == word;
    CHECK(found);
    content->word[0] = word;
    content->count = 1;
}

static bool stands_still(unsigned t)
{
    return work.what == FORKING && (t == work.of || t == work.to);
}

static void map_memory(unsigned m, unsigned t)
{
    struct map_request request = {.start = page_of(m, 0),
                                  .pages = PAGES,
                                  .amap = memory[m].amap,
                                  .amap_page = memory[m].first,
                                  .prot = RW,
                                  .max_prot = RW,
                                  .inherit = VM_INHERIT_COPY,
                                  .shared = true};
    CHECK_EQ(map_enter(task[t], &request), KERN_SUCCESS);
    memory[m].mapped[t] = true;
}

static void step_touch(void)
{
    unsigned m = (unsigned)check_random() % MEMORIES, t = (unsigned)check_random() % TASKS;
    unsigned page = (unsigned)check_random() % PAGES;
    struct content *content = &memory[m].page[page];
    if (stands_still(t) || (work.what != NOTHING && content->count == HISTORY))
        return;
    if (!memory[m].mapped[t]) {
        map_memory(m, t);
        return;
    }
    CHECK_EQ(read_word(task[t], page_of(m, page)), now(content));
    if (check_random() % 2) {
        write_word(task[t], page_of(m, page), ++next_word);
        set(content, next_word);
    }
    if (check_random() % 64 == 0) {
        CHECK_EQ(remove_range(task[t], page_of(m, 0), PAGES), KERN_SUCCESS);
        memory[m].mapped[t] = false;
    }
}

static void step_device(void)
{
    struct pin *pin = &pins[check_random() % PINS];
    if (!pin->used)
        return;
    unsigned i = (unsigned)check_random() % pin->count;
    struct memory *m = &memory[pin->memory];
    struct content *content = &m->page[pin->first + i];
    CHECK(is_pinned(pin->pa[i]));
    CHECK_EQ(frame_address(frame_in(m->amap, m->first + pin->first + i)), pin->pa[i]);
    CHECK_EQ(device_read(pin->pa[i]), now(content));
    if (work.what != NOTHING && content->count == HISTORY)
        return;
    device_write(pin->pa[i], ++next_word);
    set(content, next_word);
}

static void unpin(struct pin *pin)
{
    struct memory *m = &memory[pin->memory];
    for (unsigned i = 0; i < pin->count; i++)
        unpin_page(m->amap, m->first + pin->first + i);
    pin_end(m->amap);
    pin->used = false;
}

static void step_pin(void)
{
    struct pin *pin = &pins[check_random() % PINS];
    if (pin->used) {
        unpin(pin);
        return;
    }
    pin->memory = (unsigned)check_random() % MEMORIES;
    pin->first = (unsigned)check_random() % PAGES;
    pin->count = 1 + (unsigned)check_random() % (PAGES - pin->first);
    struct memory *m = &memory[pin->memory];
    CHECK_EQ(pin_begin(m->amap), KERN_SUCCESS);
    for (unsigned i = 0; i < pin->count; i++) {
        uint64_t page = m->first + pin->first + i;
        CHECK_EQ(pin_page(NULL, m->amap, page, 0), KERN_SUCCESS);
        pin->pa[i] = frame_address(frame_in(m->amap, page));
        CHECK_EQ(device_read(pin->pa[i]), now(&m->page[pin->first + i]));
    }
    pin->used = true;
}

/* ---- copies ---- */

/* From here on what its pages have been is noted. */
static void begin(unsigned what)
{
    work.what = what;
    for (unsigned m = 0; m < MEMORIES; m++)
        for (unsigned i = 0; i < PAGES; i++) {
            memory[m].page[i].word[0] = now(&memory[m].page[i]);
            memory[m].page[i].count = 1;
        }
}

static void drop_copy(unsigned t)
{
    if (copies[t].there)
        CHECK_EQ(remove_range(task[t], COPY, PAGES), KERN_SUCCESS);
    copies[t].there = false;
}

static void begin_copying(void)
{
    work.of = (unsigned)check_random() % MEMORIES;
    work.to = (unsigned)check_random() % TASKS;
    drop_copy(work.to);
    struct memory *m = &memory[work.of];
    begin(COPYING);
    CHECK_EQ(amap_copy(m->amap, m->first, PAGES, task[work.to]->ledger, &work.amap), KERN_SUCCESS);
    work.take = work.settle = m->first;
}

static void go_on_copying(void)
{
    struct memory *m = &memory[work.of];
    uint64_t end = m->first + PAGES;
    kern_return_t kr = map_take_writing(m->amap, &work.take, end);
    if (kr == KERN_SUCCESS)
        kr = amap_settle(work.amap, &work.settle, end);
    if (kr == KERN_RETRY)
        return;
    CHECK_EQ(kr, KERN_SUCCESS);
    struct map_request request = {.start = COPY,
                                  .pages = PAGES,
                                  .amap = work.amap,
                                  .amap_page = m->first,
                                  .prot = RW,
                                  .max_prot = RW,
                                  .inherit = VM_INHERIT_COPY};
    CHECK_EQ(map_enter(task[work.to], &request), KERN_SUCCESS);
    amap_unref(work.amap);
    memcpy(copies[work.to].page, m->page, sizeof(m->page));
    copies[work.to].there = true;
    work.what = NOTHING;
}

/* The child has of one memory, if its parent mapped it, a copy at the same place, which becomes its copy; of the other nothing. */
static void begin_forking(void)
{
    work.of = (unsigned)check_random() % TASKS;
    work.to = (work.of + 1 + (unsigned)check_random() % (TASKS - 1)) % TASKS;
    task_end(task[work.to]);
    task[work.to] = task_make();
    copies[work.to].there = false;
    for (unsigned m = 0; m < MEMORIES; m++)
        memory[m].mapped[work.to] = false;
    work.progress = 0;
    begin(FORKING);
}

static void check_range(unsigned t, vaddr_t at, struct content *pages)
{
    for (unsigned i = 0; i < PAGES; i++)
        check_content(&pages[i], read_word(task[t], at + ((vaddr_t)i << PAGE_SHIFT)));
}

static void go_on_forking(void)
{
    kern_return_t kr = map_fork(task[work.of], task[work.to], &work.progress);
    if (kr == KERN_RETRY)
        return;
    CHECK_EQ(kr, KERN_SUCCESS);
    work.what = NOTHING;
    for (unsigned m = 0; m < MEMORIES; m++) {
        if (!memory[m].mapped[work.of])
            continue;
        struct content pages[PAGES];
        memcpy(pages, memory[m].page, sizeof(pages));
        check_range(work.to, page_of(m, 0), pages);
        for (unsigned i = 0; i < 4; i++) { /* nobody else sees what it writes */
            unsigned page = (unsigned)check_random() % PAGES;
            write_word(task[work.to], page_of(m, page), ++next_word);
        }
        CHECK_EQ(remove_range(task[work.to], page_of(m, 0), PAGES), KERN_SUCCESS);
    }
    copies[work.to] = copies[work.of];
}

static void step_copy(void)
{
    if (work.what == NOTHING)
        check_random() % 3 ? begin_copying() : begin_forking();
    else if (work.what == COPYING)
        go_on_copying();
    else
        go_on_forking();
}

static void step_touch_copy(void)
{
    unsigned t = (unsigned)check_random() % TASKS, page = (unsigned)check_random() % PAGES;
    if (stands_still(t) || !copies[t].there)
        return;
    struct content *content = &copies[t].page[page];
    check_content(content, read_word(task[t], copy_page_of(page)));
    if (check_random() % 2) {
        write_word(task[t], copy_page_of(page), ++next_word);
        content->word[0] = next_word;
    }
}

static void walk_begin(void)
{
    for (unsigned t = 0; t < TASKS; t++)
        task[t] = task_make();
    for (unsigned m = 0; m < MEMORIES; m++) {
        struct task *maker = task_make();
        CHECK_EQ(enter_anonymous(maker, AT, PAGES, RW), KERN_SUCCESS);
        memory[m].amap = share(maker, PAGES, &memory[m].first);
        for (unsigned i = 0; i < PAGES; i++)
            memory[m].page[i] = (struct content){.count = 1};
        task_end(maker);
    }
}

static void walk_end(void)
{
    for (unsigned n = 0; work.what != NOTHING; n++) {
        CHECK(n < 100000);
        step_copy();
    }
    for (unsigned t = 0; t < TASKS; t++)
        if (copies[t].there)
            check_range(t, COPY, copies[t].page);
    for (unsigned i = 0; i < PINS; i++)
        if (pins[i].used)
            unpin(&pins[i]);
    struct amap *amaps[MEMORIES];
    for (unsigned m = 0; m < MEMORIES; m++)
        amaps[m] = memory[m].amap;
    check_structure(task, TASKS, amaps, MEMORIES);
    for (unsigned t = 0; t < TASKS; t++)
        task_end(task[t]);
    for (unsigned m = 0; m < MEMORIES; m++)
        amap_unref(memory[m].amap);
}

void pin_walk(unsigned steps)
{
    walk_begin();
    irq_rate = 2;
    for (unsigned i = 0; i < steps; i++) {
        unsigned what = (unsigned)check_random() % 16;
        if (what < 6)
            step_touch();
        else if (what < 9)
            step_device();
        else if (what < 10)
            step_pin();
        else if (what < 14)
            step_copy();
        else
            step_touch_copy();
        if (i % 64 == 0)
            reap_all();
    }
    irq_rate = 0;
    walk_end();
}
