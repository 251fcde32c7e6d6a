/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects (kern/kmem.h).
 *
 * A slab is 2^order frames full of objects and nothing else; its state is packed into owner_offset
 * of its first frame's record: how many objects are in use, the first free one, and how many have
 * ever been given out ("fresh" ones behind that are free too, but untouched: making a slab costs
 * nothing). A free object holds the number of the next free one in two of its bytes: the first, or
 * those that a type-stable cache names. Slabs with and without free objects are on the cache's two
 * lists, linked through the frame records.
 *
 * In front of the slabs each CPU has a small stack of objects; it takes KMEM_REFILL from the slabs
 * when it is empty and returns KMEM_BATCH when it is full, so that common calls take no lock.
 *
 * Empty slabs of a type-stable cache (K4) take a way round before their frames are free: `leaving`,
 * then `cooling`, where they stay for a grace period. There is one for the whole cache at a time,
 * and whatever leaves during it waits for the next, so that slabs need no memory of their own to
 * wait in. On either list a slab is as whole as ever, and comes back when objects are wanted.
 */
#include "kmem_impl.h"
#include "ledger_impl.h"
#include <arch/cache.h>
#include <kern/cpu.h>
#include <kern/panic.h>
#include <kern/string.h>

static struct spinlock set_up_lock =
    SPINLOCK_INIT(LOCK_KMEM);                 /* first uses of caches; held alone */
static struct kmem_cache *_Atomic cache_list; /* newest first; only grows */

struct kmem_cache *kmem_first_cache(void)
{
    return atomic_load_explicit(&cache_list, memory_order_acquire);
}

/* --- geometry --- */

/* Smallest slab that wastes at most an eighth; the least wasteful one if there is none. */
static unsigned choose_order(uint32_t stride)
{
    unsigned best = KMEM_MAX_ORDER;
    uint32_t best_share = UINT32_MAX;

    for (unsigned order = 0; order <= KMEM_MAX_ORDER; order++) {
        uint32_t bytes = (uint32_t)PAGE_SIZE << order;
        uint32_t share = bytes < stride ? UINT32_MAX : (bytes % stride) << (KMEM_MAX_ORDER - order);

        if (share <= (uint32_t)PAGE_SIZE << KMEM_MAX_ORDER >> 3)
            return order;
        if (share < best_share) {
            best_share = share;
            best = order;
        }
    }
    return best;
}

static void grace_ended(struct grace *grace);

/* First use of a cache: work out its slabs and put it on the list of all. */
[[gnu::noinline]] static void set_up(struct kmem_cache *cache)
{
    spin_lock(&set_up_lock);
    if (!atomic_load_explicit(&cache->ready, memory_order_relaxed)) {
        uint32_t least = cache->size <= KMEM_SMALL ? KMEM_SMALL : KMEM_MIN_ALIGN;
        uint32_t align = cache->align < least ? least : cache->align;
        uint32_t stride = (uint32_t)round_up(cache->size, align);

        assert(cache->size > 0 && stride <= PAGE_SIZE << KMEM_MAX_ORDER);
        assert((align & (align - 1)) == 0 && align <= PAGE_SIZE);
        assert(cache->link % alignof(uint16_t) == 0 && cache->link + sizeof(uint16_t) <= stride);
        cache->stride = stride;
        cache->slab_order = choose_order(stride);
        cache->per_slab = ((uint32_t)PAGE_SIZE << cache->slab_order) / stride;
        assert(cache->per_slab < SLAB_END);
        cache->partial = cache->full = PFN_NONE;
        cache->leaving = cache->cooling = PFN_NONE;
        cache->grace.run = grace_ended;
        cache->next = atomic_load_explicit(&cache_list, memory_order_relaxed);
        atomic_store_explicit(&cache_list, cache, memory_order_release);
        atomic_store_explicit(&cache->ready, true, memory_order_release);
    }
    spin_unlock(&set_up_lock);
}

/* --- slabs; cache->lock held --- */

static void slab_set(struct frame *slab, struct slab_state state)
{
    slab->owner_offset = slab_pack(state);
}

static bool slab_has_free(const struct kmem_cache *cache, struct slab_state state)
{
    return state.used < cache->per_slab;
}

/* An empty slab comes, or comes back: at the front of `partial`. */
static void slab_enter(struct kmem_cache *cache, struct frame *slab)
{
    frame_list_push(&cache->partial, frame_number(slab));
    cache->empty_slabs++;
}

/* A slab that was to leave is whole still. False: there is none. */
static bool slab_recall(struct kmem_cache *cache)
{
    pfn_t *list = cache->leaving != PFN_NONE ? &cache->leaving : &cache->cooling;
    pfn_t pfn = *list;

    if (pfn == PFN_NONE)
        return false;
    frame_list_remove(list, pfn);
    slab_enter(cache, frame_record(pfn));
    return true;
}

/* One more empty slab. False: no memory. */
static bool slab_create(struct kmem_cache *cache)
{
    struct frame *slab;

    if (slab_recall(cache))
        return true;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, cache->slab_order,
                                   FRAME_NOFAIL_INJECTION, &slab);
    if (kr != KERN_SUCCESS)
        return false;
    slab->owner = cache;
    slab_set(slab, (struct slab_state){.used = 0, .free = SLAB_END, .fresh = 0});
    slab_enter(cache, slab);
    return true;
}

/* K4: see that a grace period is asked for if slabs want to leave. */
static void ask_for_grace(struct kmem_cache *cache)
{
    if (cache->asked)
        return;
    if (cache->cooling == PFN_NONE) {
        cache->cooling = cache->leaving;
        cache->leaving = PFN_NONE;
    }
    if (cache->cooling != PFN_NONE) {
        cache->asked = true;
        cache->defer(&cache->grace);
    }
}

/* What is on `cooling` was there when the period began. What is left of it afterwards waits for one
 * more: that costs nothing, and the pieces stay small. */
static void grace_ended(struct grace *grace)
{
    struct kmem_cache *cache = container_of(grace, struct kmem_cache, grace);

    spin_lock(&cache->lock);
    for (unsigned i = 0; i < KMEM_COOL_SLABS && cache->cooling != PFN_NONE; i++) {
        struct frame *slab = frame_record(cache->cooling);

        frame_list_remove(&cache->cooling, frame_number(slab));
        frame_free(&kernel_ledger, LEDGER_FRAMES, slab);
    }
    cache->asked = false;
    ask_for_grace(cache);
    spin_unlock(&cache->lock);
}

/* An empty slab leaves. */
static void slab_destroy(struct kmem_cache *cache, struct frame *slab)
{
    frame_list_remove(&cache->partial, frame_number(slab));
    cache->empty_slabs--;
    if (kmem_is_stable(cache)) {
        frame_list_push(&cache->leaving, frame_number(slab));
        ask_for_grace(cache);
    } else {
        frame_free(&kernel_ledger, LEDGER_FRAMES, slab);
    }
}

/* An object's first use. */
static void make_fresh(const struct kmem_cache *cache, void *object)
{
    if (kmem_is_stable(cache)) {
        kmem_clear(cache, object);
        if (cache->init != NULL)
            cache->init(object);
    } else if (CONFIG_SLOW_CHECKS) {
        kmem_poison(cache, object);
    }
}

/* Up to `most` objects of a slab that has some; how many. */
static uint32_t slab_take(struct kmem_cache *cache, struct frame *slab, void **out, uint32_t most)
{
    struct slab_state state = slab_unpack(slab->owner_offset);
    char *memory = frame_memory(slab);
    uint32_t stride = cache->stride, count = 0;

    assert(slab_has_free(cache, state));
    if (state.used == 0)
        cache->empty_slabs--;
    if (most > cache->per_slab - state.used)
        most = cache->per_slab - state.used;
    for (; count < most && state.free != SLAB_END; count++) {
        out[count] = memory + (size_t)state.free * stride;
        state.free = *slab_link(cache, out[count]);
        assert(state.free < state.fresh || state.free == SLAB_END);
    }
    state.used += (uint16_t)most;
    for (uint32_t i = count; i < most; i++)
        out[i] = memory + (size_t)(state.fresh + i - count) * stride;
    state.fresh += (uint16_t)(most - count);
    if (kmem_is_stable(cache) || CONFIG_SLOW_CHECKS)
        for (uint32_t i = count; i < most; i++)
            make_fresh(cache, out[i]);
    slab_set(slab, state);
    if (!slab_has_free(cache, state)) {
        frame_list_remove(&cache->partial, frame_number(slab));
        frame_list_push(&cache->full, frame_number(slab));
    }
    return most;
}

/* The slab an object lies in and its number there; an object that is not one of the cache's is a
 * bug of the caller. */
[[gnu::always_inline]] static inline struct frame *slab_of(const struct kmem_cache *cache,
                                                           const void *object, unsigned *index)
{
    paddr_t pa = virt_to_phys(object);
    paddr_t base = round_down(pa, PAGE_SIZE << cache->slab_order);
    struct frame *slab = frame_at(base);
    uint32_t offset = (uint32_t)(pa - base);

    assert(frame_state_get(slab) == FRAME_USED && slab->owner == cache);
    *index = offset / cache->stride;
    assert(*index < cache->per_slab && *index * cache->stride == offset);
    return slab;
}

static void slab_put(struct kmem_cache *cache, void *object)
{
    unsigned index;
    struct frame *slab = slab_of(cache, object, &index);
    struct slab_state state = slab_unpack(slab->owner_offset);

    assert(state.used > 0 && index < state.fresh);
    *slab_link(cache, object) = state.free;
    state.free = (uint16_t)index;
    if (!slab_has_free(cache, state)) {
        frame_list_remove(&cache->full, frame_number(slab));
        frame_list_push(&cache->partial, frame_number(slab));
    }
    state.used--;
    slab_set(slab, state);
    if (state.used == 0 && ++cache->empty_slabs > KMEM_EMPTY_SLABS)
        slab_destroy(cache, slab);
}

/* --- per-CPU stacks --- */

/* Fill this CPU's empty stack with up to KMEM_REFILL objects, or so many bytes; makes a slab only if
 * it would stay empty otherwise. False: no memory. */
[[gnu::noinline]] static bool stack_refill(struct kmem_cache *cache, struct kmem_stack *stack)
{
    uint32_t count = 0, most = KMEM_REFILL;

    if (unlikely(!atomic_load_explicit(&cache->ready, memory_order_acquire)))
        set_up(cache);
    uint32_t bytes = kmem_is_stable(cache) ? KMEM_STABLE_BYTES : KMEM_BATCH_BYTES;
    while (most > 1 && (most - 1) * cache->stride >= bytes)
        most--;
    spin_lock(&cache->lock);
    if (cache->partial != PFN_NONE || slab_create(cache)) {
        while (count < most && cache->partial != PFN_NONE)
            count +=
                slab_take(cache, frame_record(cache->partial), &stack->object[count], most - count);
    }
    spin_unlock(&cache->lock);
    stack->count = count;
    return count > 0;
}

/* Return the `number` objects that lay longest on this CPU's stack. */
[[gnu::noinline]] static void stack_drain(struct kmem_cache *cache, unsigned cpu, uint32_t number)
{
    void **objects = cache->cpu[cpu].object;
    uint32_t rest = cache->cpu[cpu].count - number;

    spin_lock(&cache->lock);
    for (uint32_t i = 0; i < number; i++)
        slab_put(cache, objects[i]);
    spin_unlock(&cache->lock);
    memmove(objects, objects + number, rest * sizeof(objects[0]));
    cache->cpu[cpu].count = rest;
}

/* --- public --- */

static inline void count_live(struct kmem_stack *stack, int64_t change)
{
    relaxed_store(stack->live, relaxed_load(stack->live) + change);
}

static inline struct kmem_stack *own_stack(struct kmem_cache *cache)
{
    struct kmem_stack *stack = &cache->cpu[arch_cpu_self()->number];

    __asm__("" : "+r"(stack)); /* this, and not the number, is what is kept for later */
    return stack;
}

static inline void check_poison(const struct kmem_cache *cache, const void *object)
{
    if (CONFIG_SLOW_CHECKS && !kmem_is_poisoned(cache, object))
        panic("kmem: a free %s at %p has been written to", cache->name, object);
}

/* What is left to be done is a call at the end in all of this, if any: it is to be short where nothing is missing. The stack has an
 * object; it is taken when it has been paid for. */
[[gnu::always_inline]] static inline kern_return_t alloc_from(struct kmem_cache *cache,
                                                              struct kmem_stack *stack,
                                                              struct ledger *ledger,
                                                              struct ledger_charges charges,
                                                              void **out)
{
    assert_slow(!alloc_is_forbidden());
    const struct ledger *last = ledger_charge_all(ledger, charges);
    if (unlikely(last != NULL))
        return ledger_undo(ledger, last, charges.kind, charges.amount, charges.bytes);
    void *object = stack->object[--stack->count];
    count_live(stack, 1);
    *out = object;
    if (kmem_is_stable(cache))
        return KERN_SUCCESS;
    check_poison(cache, object);
    kmem_clear(cache, object);
    return KERN_SUCCESS;
}

/* The stack is empty, or allocations are counted. */
[[gnu::noinline]] static kern_return_t alloc_slowly(struct kmem_cache *cache, struct ledger *ledger,
                                                    enum ledger_kind kind, int64_t amount,
                                                    int64_t bytes, void **out)
{
    struct kmem_stack *stack = own_stack(cache);

    if (alloc_must_fail() || (stack->count == 0 && !stack_refill(cache, stack)))
        return KERN_RESOURCE_SHORTAGE;
    return alloc_from(cache, stack, ledger, (struct ledger_charges){kind, amount, bytes}, out);
}

kern_return_t kmem_alloc(struct kmem_cache *cache, struct ledger *ledger, void **out)
{
    struct kmem_stack *stack = own_stack(cache);

    if (unlikely(stack->count == 0) || alloc_is_counted())
        return alloc_slowly(cache, ledger, LEDGER_KMEM, cache->size, 0, out);
    return alloc_from(cache, stack, ledger, (struct ledger_charges){LEDGER_KMEM, cache->size, 0},
                      out);
}

kern_return_t kmem_alloc_counted(struct kmem_cache *cache, struct ledger *ledger,
                                 enum ledger_kind kind, int64_t amount, void **out)
{
    struct kmem_stack *stack = own_stack(cache);

    if (unlikely(stack->count == 0) || alloc_is_counted())
        return alloc_slowly(cache, ledger, kind, amount, cache->size, out);
    return alloc_from(cache, stack, ledger, (struct ledger_charges){kind, amount, cache->size},
                      out);
}

/* Straight from the slabs there are. False: they have not so many. */
static bool take_many(struct kmem_cache *cache, uint32_t count, void **out)
{
    uint32_t got = 0;

    spin_lock(&cache->lock);
    while (got < count && cache->partial != PFN_NONE)
        got += slab_take(cache, frame_record(cache->partial), &out[got], count - got);
    if (unlikely(got < count))
        for (uint32_t i = 0; i < got; i++)
            slab_put(cache, out[i]);
    spin_unlock(&cache->lock);
    return got == count;
}

kern_return_t kmem_alloc_many(struct kmem_cache *cache, struct ledger *ledger,
                              enum ledger_kind kind, unsigned count, void **out)
{
    int64_t bytes = (int64_t)cache->size * count;

    assert_slow(!kmem_is_stable(cache) && !alloc_is_forbidden());
    if (alloc_must_fail() || !atomic_load_explicit(&cache->ready, memory_order_acquire))
        return KERN_RESOURCE_SHORTAGE;
    kern_return_t kr = ledger_charge_object(ledger, kind, count, bytes);
    if (kr != KERN_SUCCESS)
        return kr;
    if (unlikely(!take_many(cache, count, out))) {
        ledger_return_object(ledger, kind, count, bytes);
        return KERN_RESOURCE_SHORTAGE;
    }
    count_live(own_stack(cache), count);
    for (unsigned i = 0; CONFIG_SLOW_CHECKS && i < count; i++)
        check_poison(cache, out[i]);
    return KERN_SUCCESS;
}

bool kmem_has_ready(const struct kmem_cache *cache, unsigned count)
{
    return cache->cpu[arch_cpu_self()->number].count >= count;
}

/* Debug builds: what can be said without a lock about an object that is about to be freed. */
static bool seems_free(const struct kmem_cache *cache, unsigned cpu, const void *object)
{
    if (!kmem_is_stable(cache))
        return kmem_is_poisoned(cache, object);
    for (uint32_t i = 0; i < cache->cpu[cpu].count; i++)
        if (cache->cpu[cpu].object[i] == object)
            return true;
    return false;
}

[[gnu::always_inline]] static inline void put(struct kmem_stack *stack, void *object,
                                              struct ledger *ledger, struct ledger_charges charges)
{
    stack->object[stack->count++] = object;
    count_live(stack, -1);
    ledger_return_all(ledger, charges);
}

/* The stack is full. */
[[gnu::noinline]] static void free_slowly(struct kmem_cache *cache, struct ledger *ledger,
                                          enum ledger_kind kind, int64_t amount, int64_t bytes,
                                          void *object)
{
    stack_drain(cache, arch_cpu_self()->number, KMEM_BATCH);
    put(own_stack(cache), object, ledger, (struct ledger_charges){kind, amount, bytes});
}

static inline void check_free(struct kmem_cache *cache, void *object)
{
    unsigned index;

    (void)slab_of(cache, object, &index);
    if (!CONFIG_SLOW_CHECKS)
        return;
    if (seems_free(cache, arch_cpu_self()->number, object))
        panic("kmem: the %s at %p is freed twice", cache->name, object);
    if (!kmem_is_stable(cache))
        kmem_poison(cache, object);
}

void kmem_free(struct kmem_cache *cache, struct ledger *ledger, void *object)
{
    struct kmem_stack *stack = own_stack(cache);

    check_free(cache, object);
    if (unlikely(stack->count == KMEM_CPU_OBJECTS))
        free_slowly(cache, ledger, LEDGER_KMEM, cache->size, 0, object);
    else
        put(stack, object, ledger, (struct ledger_charges){LEDGER_KMEM, cache->size, 0});
}

void kmem_free_counted(struct kmem_cache *cache, struct ledger *ledger, enum ledger_kind kind,
                       int64_t amount, void *object)
{
    struct kmem_stack *stack = own_stack(cache);

    check_free(cache, object);
    if (unlikely(stack->count == KMEM_CPU_OBJECTS))
        free_slowly(cache, ledger, kind, amount, cache->size, object);
    else
        put(stack, object, ledger, (struct ledger_charges){kind, amount, cache->size});
}

static void destroy_empty_slabs(struct kmem_cache *cache)
{
    spin_lock(&cache->lock);
    for (pfn_t pfn = cache->partial, next; cache->empty_slabs > 0; pfn = next) {
        struct frame *slab = frame_record(pfn);

        next = slab->next;
        if (slab_unpack(slab->owner_offset).used == 0)
            slab_destroy(cache, slab);
    }
    spin_unlock(&cache->lock);
}

void kmem_drain(void)
{
    unsigned cpu = arch_cpu_self()->number;

    for (struct kmem_cache *cache = kmem_first_cache(); cache != NULL; cache = cache->next) {
        stack_drain(cache, cpu, cache->cpu[cpu].count);
        destroy_empty_slabs(cache);
    }
}
