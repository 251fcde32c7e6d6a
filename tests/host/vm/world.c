/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that are only memory, and what programs and calls do with it.
 */
#include "vm_test.h"

#include <kern/boot.h>
#include <kern/pin.h>
#include <sched.h>

unsigned irq_rate;

bool host_irq_pending(void)
{
    static _Thread_local uint64_t random;
    return irq_rate && host_random(&random) % irq_rate == 0;
}

void (*at_locks)(void);

void host_sim_point(void)
{
    static _Thread_local unsigned count;
    if (at_locks)
        at_locks();
    else if (++count % 7 == 0)
        sched_yield();
}

uint64_t boot_random(void)
{
    static _Atomic uint64_t count;
    return atomic_fetch_add(&count, 1) * UINT64_C(0x9e3779b97f4a7c15) >> 8;
}

static void on_mmu_failure(const char *message)
{
    check_report("arch/host/mmu.c", 0, message, 0, 0);
    abort();
}

void vm_begin(void)
{
    world_begin();
    host_mmu_on_failure = on_mmu_failure;
    host_mmu_reset(check_random(), 0);
    pmap_init();
    host_memory_add_bank(OBJECT_PA, OBJECT_PAGES * PAGE_SIZE);
    for (unsigned i = 0; i < OBJECT_PAGES; i++) {
        uint64_t *words = phys_to_virt(OBJECT_PA + i * PAGE_SIZE);
        words[0] = words[PAGE_SIZE / sizeof(*words) - 1] = OBJECT_MARK + i;
    }
}

struct task *task_make(void)
{
    struct task *task = calloc(1, sizeof(*task));
    CHECK(task != NULL);
    CHECK_EQ(ledger_create(&kernel_ledger, &task->ledger), KERN_SUCCESS);
    CHECK_EQ(pmap_create(task->ledger, &task->pmap), KERN_SUCCESS);
    map_init(&task->map);
    return task;
}

/* With host threads as CPUs, each leaves for itself. */
static void leave_pmap(struct pmap *pmap)
{
    unsigned self = host_cpu_index();
    for (unsigned i = 0; i < MAX_CPUS && !host_on_cpu; i++)
        if (cpu_record[i].pmap == pmap) {
            be_cpu(i);
            pmap_activate(NULL);
        }
    be_cpu(self);
    if (cpu_record[self].pmap == pmap)
        pmap_activate(NULL);
}

void task_end(struct task *task)
{
    struct map_request request = {.pages = 1, .prot = RW, .max_prot = RW};
    while (map_teardown_some(task))
        ;
    CHECK_EQ(map_enter(task, &request), KERN_TERMINATED); /* G4 */
    CHECK_EQ(ledger_used(task->ledger, LEDGER_COMMITMENT), 0);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_MAP_ENTRIES), 0);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_WIRED), 0);
    leave_pmap(task->pmap);
    pmap_destroy(task->pmap);
    CHECK_EQ(ledger_used(task->ledger, LEDGER_PAGE_TABLES), 0);
    ledger_unref(task->ledger); /* which lives while others have memory that it pays for */
    free(task);
}

/* ---- what programs do ---- */

static kern_return_t fault(struct task *task, vaddr_t va, unsigned access)
{
    if (pmap_fault(task->pmap, va, access) == KERN_SUCCESS)
        return KERN_SUCCESS;
    return vm_fault(NULL, task, va, access);
}

kern_return_t touch_word(struct task *task, vaddr_t va, unsigned access, uint64_t *word)
{
    kern_return_t kr = KERN_SUCCESS;
    size_t n = access == PROT_EXECUTE ? 0 : sizeof(*word);
    pmap_activate(task->pmap);
    while (kr == KERN_SUCCESS &&
           host_user_access(host_cpu_index(), va, access, word, n) != HOST_FAULT_NONE)
        kr = fault(task, round_down(va, PAGE_SIZE), access);
    return kr;
}

kern_return_t touch(struct task *task, vaddr_t va, unsigned access, uint64_t *word)
{
    uint64_t first = *word, last = *word;
    kern_return_t kr = touch_word(task, va, access, &first);
    if (kr == KERN_SUCCESS)
        kr = touch_word(task, va + PAGE_SIZE - sizeof(last), access, &last);
    if (kr == KERN_SUCCESS && !host_on_cpu)
        CHECK_EQ(first, last);
    *word = first;
    return kr;
}

bool has_access(struct task *task, vaddr_t va, unsigned access)
{
    pmap_activate(task->pmap);
    return host_user_access(host_cpu_index(), va, access, NULL, 0) == HOST_FAULT_NONE;
}

kern_return_t poke(struct task *task, vaddr_t va, bool write, uint64_t *word)
{
    uint64_t last = *word;
    kern_return_t kr = map_copy(NULL, task, va, word, sizeof(*word), write, true);
    if (kr == KERN_SUCCESS)
        kr = map_copy(NULL, task, va + PAGE_SIZE - sizeof(last), &last, sizeof(last), write, true);
    if (kr == KERN_SUCCESS && !host_on_cpu)
        CHECK_EQ(*word, last);
    return kr;
}

void write_word(struct task *task, vaddr_t va, uint64_t word)
{
    CHECK_EQ(touch(task, va, PROT_WRITE, &word), KERN_SUCCESS);
}

uint64_t read_word(struct task *task, vaddr_t va)
{
    uint64_t word = 0;
    CHECK_EQ(touch(task, va, PROT_READ, &word), KERN_SUCCESS);
    return word;
}

/* ---- calls ---- */

kern_return_t enter_anonymous(struct task *task, vaddr_t at, uint64_t pages, unsigned prot)
{
    struct map_request request = {.start = at,
                                  .pages = pages,
                                  .prot = (uint8_t)prot,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    return map_enter(task, &request);
}

kern_return_t remove_range(struct task *task, vaddr_t at, uint64_t pages)
{
    kern_return_t kr;
    do
        kr = map_remove(task, at, at + (pages << PAGE_SHIFT));
    while (kr == KERN_RETRY);
    return kr;
}

kern_return_t protect_range(struct task *task, vaddr_t at, uint64_t pages, unsigned prot,
                            bool maximum)
{
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = map_protect(task, at, pages << PAGE_SHIFT, prot, maximum, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

kern_return_t inherit_range(struct task *task, vaddr_t at, uint64_t pages, unsigned inherit)
{
    uint64_t done = 0;
    kern_return_t kr;
    do
        kr = map_inherit(task, at, pages << PAGE_SHIFT, inherit, &done);
    while (kr == KERN_RETRY);
    return kr;
}

kern_return_t fork_task(struct task *parent, struct task *child)
{
    uint64_t progress = 0;
    kern_return_t kr;
    do
        kr = map_fork(parent, child, &progress);
    while (kr == KERN_RETRY);
    return kr;
}

void drop_request(struct map_request *request)
{
    if (request->amap)
        amap_unref(request->amap);
    if (request->object)
        memory_object_unref(request->object);
    request->amap = NULL;
    request->object = NULL;
}

kern_return_t copy_request(struct task *payer, struct map_request *request)
{
    struct amap *from = request->amap;
    uint64_t page = request->amap_page, end = page + request->pages;
    request->shared = false;
    if (!from)
        return KERN_SUCCESS;
    kern_return_t kr = amap_copy(from, page, request->pages, payer->ledger, &request->amap);
    if (kr != KERN_SUCCESS) {
        request->amap = from;
        drop_request(request);
        return kr;
    }
    while (map_take_writing(from, &page, end) == KERN_RETRY)
        ;
    amap_unref(from);
    if (!request->amap->unsettled)
        return KERN_SUCCESS;
    page = request->amap_page;
    do
        kr = amap_settle(request->amap, &page, end);
    while (kr == KERN_RETRY);
    return kr;
}

struct memory_object *object_make(uint64_t first, uint64_t pages)
{
    struct memory_object *object = NULL;
    CHECK_EQ(memory_object_create_physical(&kernel_ledger, OBJECT_PA + (first << PAGE_SHIFT), pages,
                                           &object),
             KERN_SUCCESS);
    return object;
}

/* ---- checks ---- */

enum { MOST_AMAPS = 4096 };
static struct amap *amaps[MOST_AMAPS];
static unsigned amap_count;

/* One that several entries have counts once. */
static void note_amap(struct amap *amap)
{
    for (unsigned i = 0; i < amap_count; i++)
        if (amaps[i] == amap)
            return;
    CHECK(amap_count < MOST_AMAPS);
    amaps[amap_count++] = amap;
}

void check_structure(struct task *const *tasks, unsigned count, struct amap *const *more,
                     unsigned more_count)
{
    amap_count = 0;
    for (unsigned i = 0; i < more_count; i++)
        if (more[i])
            note_amap(more[i]);
    for (unsigned i = 0; i < count; i++) {
        CHECK(map_check(tasks[i]));
        CHECK(pmap_check(tasks[i]->pmap));
        struct map_entry *e = entry_of(rb_first(&tasks[i]->map.entries));
        for (; e; e = map_next(e))
            if (e->amap)
                note_amap(e->amap);
    }
    for (unsigned i = 0; i < amap_count; i++)
        CHECK(amap_check(amaps[i]));
    reap_all();
    census(amaps, amap_count);
}
