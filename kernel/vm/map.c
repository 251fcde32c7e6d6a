/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of address spaces: found, made, placed, split (kern/map.h: G1, G4).
 */
#include "map_impl.h"
#include <kern/boot.h>
#include <kern/kmem.h>

static KMEM_CACHE(entry_cache, struct map_entry);

/* Memory that the kernel chooses the place of begins somewhere in 256 GiB: a program cannot tell where another's is. */
void map_init(struct vm_map *map)
{
    enum { PLACES = 1 << 26 };
    spin_init(&map->lock, LOCK_MAP);
    map->hole_from = MAP_ALLOCATE_BASE + PAGE_SIZE + (boot_random() % PLACES << PAGE_SHIFT);
}

/* ---- the tree; the MAP lock is held ---- */

struct map_entry *map_above(struct vm_map *map, vaddr_t va)
{
    struct rb_node *node = map->entries.root, *found = NULL;
    while (node) {
        if (entry_of(node)->end > va) {
            found = node;
            node = node->child[0];
        } else {
            node = node->child[1];
        }
    }
    return entry_of(found);
}

void entry_insert(struct vm_map *map, struct map_entry *entry)
{
    struct rb_node *parent = NULL, *node = map->entries.root;
    unsigned side = 0;
    while (node) {
        parent = node;
        side = entry->start > entry_of(node)->start;
        node = node->child[side];
    }
    rb_insert(&map->entries, &entry->node, parent, side);
}

void entry_remove(struct vm_map *map, struct map_entry *entry)
{
    bool was_last = map->hole_from == entry->end + PAGE_SIZE;
    rb_remove(&map->entries, &entry->node);
    map->pages -= entry_pages(entry);
    if (map->last == entry)
        map->last = NULL;
    if (!was_last)
        return;
    /* Placed last: its page tables are still of use. Not so if that is next to somebody else (G1). */
    const struct map_entry *below = map_above(map, entry->start - PAGE_SIZE);
    if (!below || below->start >= entry->start)
        map->hole_from = entry->start;
}

/* What is large begins where large mappings can. */
static inline vaddr_t aligned(vaddr_t at, uint64_t size)
{
    enum { RUN = PAGE_SIZE * PT_RUN, LARGE = PAGE_SIZE * PT_ENTRIES };
    return size < RUN ? at : round_up(at, size < LARGE ? RUN : LARGE);
}

/* A hole of `size` bytes with a free page at either side (G1), from `at` up. 0: none. */
static vaddr_t find_hole_above(struct vm_map *map, vaddr_t at, uint64_t size)
{
    at = aligned(at, size);
    for (struct map_entry *e = map_above(map, at - PAGE_SIZE); e; e = map_next(e)) {
        if (e->start >= at && e->start - at >= size + PAGE_SIZE)
            break;
        at = aligned(e->end + PAGE_SIZE, size);
    }
    return at <= USER_VA_END - PAGE_SIZE && size <= USER_VA_END - PAGE_SIZE - at ? at : 0;
}

/* Behind what was placed last: nothing lies there until the whole address space has been gone through once, so this does not walk
 * over entries, of which a program may have a hundred thousand. 0: none. */
static vaddr_t find_hole(struct vm_map *map, uint64_t size)
{
    vaddr_t at = map->hole_from ? find_hole_above(map, map->hole_from, size) : 0;
    if (at == 0)
        at = find_hole_above(map, MAP_ALLOCATE_BASE + PAGE_SIZE, size);
    if (at != 0)
        map->hole_from = at + size + PAGE_SIZE;
    return at;
}

/* One that is larger by as much as has to be passed over. */
[[gnu::noinline]] static vaddr_t find_aligned(struct vm_map *map, uint64_t size, unsigned align)
{
    uint64_t multiple = UINT64_C(1) << align;
    vaddr_t before = map->hole_from, at = find_hole(map, size + multiple - PAGE_SIZE);
    if (at == 0)
        return 0;
    at = round_up(at, multiple);
    /* What is left behind it is of use, unless it has been all gone through. */
    map->hole_from = at + size + PAGE_SIZE > before ? at + size + PAGE_SIZE : before;
    return at;
}

/* Where the request's memory can be; 0: nowhere. */
static inline vaddr_t choose_place(struct vm_map *map, const struct map_request *request)
{
    uint64_t size = request->pages << PAGE_SHIFT;
    return likely(request->align <= PAGE_SHIFT) ? find_hole(map, size)
                                                : find_aligned(map, size, request->align);
}

static bool is_free(struct vm_map *map, vaddr_t start, uint64_t size)
{
    if (start < PAGE_SIZE || start > USER_VA_END || size > USER_VA_END - start)
        return false;
    struct map_entry *e = map_above(map, start);
    return !e || e->start >= start + size;
}

/* ---- life ---- */

kern_return_t entry_create(struct task *task, struct map_entry **out)
{
    void *memory;
    kern_return_t kr =
        kmem_alloc_counted(&entry_cache, task->ledger, LEDGER_MAP_ENTRIES, 1, &memory);
    if (kr == KERN_SUCCESS)
        *out = memory;
    return kr;
}

void entry_destroy(struct task *task, struct map_entry *entry)
{
    if (entry->committed)
        ledger_return(task->ledger, LEDGER_COMMITMENT, (int64_t)entry_pages(entry));
    if (entry->wired)
        ledger_return(task->ledger, LEDGER_WIRED, (int64_t)entry_pages(entry));
    if (entry->amap)
        amap_unref(entry->amap);
    if (entry->object)
        memory_object_unref(entry->object);
    kmem_free_counted(&entry_cache, task->ledger, LEDGER_MAP_ENTRIES, 1, entry);
}

/* Memory that may come to hold pages of its own is promised to the task. */
static bool needs_commitment(const struct map_request *request)
{
    return !request->object || !request->shared;
}

/* Somebody has been charged for it already. */
[[gnu::noinline]] static kern_return_t take_over(struct ledger *ledger,
                                                 const struct map_request *request)
{
    return ledger_charge_below(ledger, ledger_common(ledger, request->payer), LEDGER_COMMITMENT,
                               (int64_t)request->pages);
}

/* What is given back if it is not placed. */
static kern_return_t charge(struct task *task, struct map_entry *entry,
                            const struct map_request *request)
{
    kern_return_t kr = KERN_SUCCESS;
    entry->end = request->pages << PAGE_SHIFT;
    if (needs_commitment(request)) {
        kr = likely(!request->payer)
                 ? ledger_charge(task->ledger, LEDGER_COMMITMENT, (int64_t)request->pages)
                 : take_over(task->ledger, request);
        entry->committed = kr == KERN_SUCCESS;
    }
    /* Registers take no frames: they are neither counted nor kept. */
    if (kr == KERN_SUCCESS && unlikely(task->map.wires_new) &&
        !(request->object && memory_object_is_device(request->object))) {
        kr = ledger_charge(task->ledger, LEDGER_WIRED, (int64_t)request->pages);
        entry->wired = kr == KERN_SUCCESS;
    }
    return kr;
}

static kern_return_t fill_in(struct task *task, struct map_entry *entry,
                             const struct map_request *request)
{
    kern_return_t kr = charge(task, entry, request);
    if (kr != KERN_SUCCESS)
        return kr;
    if (request->amap)
        amap_ref(entry->amap = request->amap);
    if (request->object)
        memory_object_ref(entry->object = request->object);
    entry->amap_page = request->amap_page;
    entry->object_page = request->object_page;
    entry->state = ENTRY_READY;
    entry->prot = request->prot;
    entry->max_prot = request->max_prot;
    entry->inherit = request->inherit;
    entry->shared = request->shared;
    return KERN_SUCCESS;
}

kern_return_t map_place(struct vm_map *map, struct map_entry *entry, struct map_request *request)
{
    uint64_t size = request->pages << PAGE_SHIFT;
    if (map->closed)
        return KERN_TERMINATED;
    vaddr_t start = request->start;
    if (start ? !is_free(map, start, size) : !(start = choose_place(map, request)))
        return KERN_NO_SPACE;
    entry->start = request->start = start;
    entry->end = start + size;
    entry_insert(map, entry);
    map->pages += request->pages;
    if (unlikely(request->object) && memory_object_is_device(request->object))
        relaxed_store(map->devices, 1);
    map->last = entry; /* it will be touched soon */
    return KERN_SUCCESS;
}

/* Inline where maps are made most. */
[[gnu::always_inline]] static inline kern_return_t prepare(struct task *task,
                                                           const struct map_request *request,
                                                           struct map_entry **out)
{
    kern_return_t kr = entry_create(task, out);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = fill_in(task, *out, request);
    if (kr != KERN_SUCCESS) {
        entry_destroy(task, *out);
        *out = NULL;
    }
    return kr;
}

kern_return_t map_prepare(struct task *task, const struct map_request *request,
                          struct map_entry **out)
{
    return prepare(task, request, out);
}

[[gnu::always_inline]] static inline kern_return_t enter_locked(struct task *task,
                                                                struct map_request *request)
{
    if (request->pages == 0 || request->start % PAGE_SIZE != 0)
        return KERN_INVALID_ARGUMENT;
    if (request->pages > USER_VA_END >> PAGE_SHIFT)
        return KERN_NO_SPACE;
    if ((request->prot & PROT_WRITE) && (request->prot & PROT_EXECUTE))
        return KERN_PROTECTION_FAILURE;
    struct map_entry *entry;
    kern_return_t kr = prepare(task, request, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = map_place(&task->map, entry, request);
    if (kr != KERN_SUCCESS)
        entry_destroy(task, entry);
    return kr;
}

kern_return_t map_enter_locked(struct task *task, struct map_request *request)
{
    return enter_locked(task, request);
}

kern_return_t map_enter(struct task *task, struct map_request *request)
{
    spin_lock(&task->map.lock);
    kern_return_t kr = enter_locked(task, request);
    spin_unlock(&task->map.lock);
    return kr;
}

/* ---- ranges ---- */

struct map_entry *entry_split(struct vm_map *map, struct map_entry *entry, vaddr_t va,
                              struct map_entry **spare)
{
    struct map_entry *upper = *spare;
    *spare = NULL;
    *upper = *entry;
    upper->start = va;
    upper->amap_page = amap_page_at(entry, va);
    upper->object_page = object_page_at(entry, va);
    if (upper->amap)
        amap_ref(upper->amap);
    if (upper->object)
        memory_object_ref(upper->object);
    entry->end = va;
    entry_insert(map, upper);
    return upper;
}

kern_return_t map_cut(struct task *task, vaddr_t va)
{
    struct vm_map *map = &task->map;
    struct map_entry *spare;
    spin_lock(&map->lock);
    struct map_entry *entry = map_at(map, va);
    bool is_inside = entry && entry->start < va;
    spin_unlock(&map->lock);
    if (!is_inside)
        return KERN_SUCCESS;
    kern_return_t kr = entry_create(task, &spare);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&map->lock);
    entry = map_at(map, va);
    if (entry && entry->start < va)
        (void)entry_split(map, entry, va, &spare);
    spin_unlock(&map->lock);
    if (spare)
        entry_destroy(task, spare);
    return KERN_SUCCESS;
}

/* One piece; the lock is held. KERN_BUSY: it needs a spare entry. */
static kern_return_t change_piece(struct task *task, vaddr_t *at, vaddr_t end, bool must_be_there,
                                  struct map_entry **spare, map_change_t *change,
                                  const void *argument)
{
    struct map_entry *entry = map_above(&task->map, *at);
    if (must_be_there && (!entry || entry->start > *at || entry->state != ENTRY_READY))
        return KERN_INVALID_ADDRESS;
    if (!entry || entry->start >= end) {
        *at = end;
        return KERN_SUCCESS;
    }
    if (*at < entry->start)
        *at = entry->start;
    bool split_below = entry->start<*at, split_above = entry->end> end;
    if ((split_below || split_above) && !*spare)
        return KERN_BUSY;
    if (split_below) {
        entry = entry_split(&task->map, entry, *at, spare);
        split_above = entry->end > end;
        if (split_above && !*spare)
            return KERN_BUSY;
    }
    if (split_above)
        (void)entry_split(&task->map, entry, end, spare);
    return change(task, entry, at, argument);
}

kern_return_t map_for_range(struct task *task, vaddr_t *at, vaddr_t end, bool must_be_there,
                            map_change_t *change, const void *argument)
{
    struct map_entry *spare = NULL;
    kern_return_t kr;
    bool goes_on;
    if (*at >= end) /* the progress may be that of a call that meant another range */
        return KERN_SUCCESS;
    do {
        spin_lock(&task->map.lock);
        kr = change_piece(task, at, end, must_be_there, &spare, change, argument);
        spin_unlock(&task->map.lock);
        bool lacks = kr == KERN_BUSY; /* nothing is done yet: a repeat would come just as far */
        if (lacks)
            kr = entry_create(task, &spare);
        goes_on = kr == KERN_SUCCESS && *at < end && (lacks || !arch_irq_pending());
    } while (goes_on);
    if (spare)
        entry_destroy(task, spare);
    return kr == KERN_SUCCESS && *at < end ? KERN_RETRY : kr;
}

/* ---- looking ---- */

/* A memory entry, too, is somebody who has it. Of objects it is not known who else has them. */
static bool is_seen_elsewhere(const struct map_entry *entry)
{
    return entry->shared &&
           (!entry->amap || entry->object ||
            atomic_load_explicit(&entry->amap->references, memory_order_acquire) > 1);
}

kern_return_t map_describe(struct task *task, vaddr_t va, struct map_facts *out)
{
    va = round_down(va, PAGE_SIZE);
    spin_lock(&task->map.lock);
    const struct map_entry *entry = map_above(&task->map, va);
    while (entry && entry->state != ENTRY_READY)
        entry = map_next((struct map_entry *)(uintptr_t)entry);
    if (entry) {
        vaddr_t start = entry->start > va ? entry->start : va;
        *out = (struct map_facts){.start = start,
                                  .size = entry->end - start,
                                  .prot = entry->prot,
                                  .max_prot = entry->max_prot,
                                  .inherit = entry->inherit,
                                  .shared = is_seen_elsewhere(entry),
                                  .wired = entry->wired > 0};
    }
    spin_unlock(&task->map.lock);
    return entry ? KERN_SUCCESS : KERN_NOT_FOUND;
}

bool map_check(struct task *task)
{
    bool ok = true;
    vaddr_t end = PAGE_SIZE;
    uint64_t pages = 0;
    spin_lock(&task->map.lock);
    ok = rb_check(&task->map.entries);
    for (struct map_entry *e = entry_of(rb_first(&task->map.entries)); e; e = map_next(e)) {
        ok = ok && e->start >= end && e->start < e->end && e->end <= USER_VA_END &&
             (e->start | e->end) % PAGE_SIZE == 0 && !(e->prot & ~e->max_prot);
        end = e->end;
        pages += entry_pages(e);
    }
    ok = ok && pages == task->map.pages;
    spin_unlock(&task->map.lock);
    return ok;
}
