/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object allocator: objects never overlap, are zeroed, aligned and charged; misuse is found;
 * threads agree.
 */
#include "mem_test.h"
#include "stub/stub.h"
#include <kern/kmem.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_COUNT = 7, MAX_OBJECTS = 4000 };

struct tiny {
    uint8_t byte[3];
};
struct small {
    uint64_t word[5];
};
struct aligned {
    alignas(64) char c[65];
};
struct record {
    char c[616];
};
struct large {
    char c[1500];
};
struct page {
    char c[4096];
};
struct huge {
    char c[20000];
};

static KMEM_CACHE(tiny_cache, struct tiny);
static KMEM_CACHE(small_cache, struct small);
static KMEM_CACHE(aligned_cache, struct aligned);
static KMEM_CACHE(record_cache, struct record);
static KMEM_CACHE(large_cache, struct large);
static KMEM_CACHE(page_cache, struct page);
static KMEM_CACHE(huge_cache, struct huge);

static struct kmem_cache *const caches[CACHE_COUNT] = {
    &tiny_cache,  &small_cache, &aligned_cache, &record_cache,
    &large_cache, &page_cache,  &huge_cache,
};

static struct object {
    struct kmem_cache *cache;
    unsigned char *memory;
    unsigned char fill;
} objects[MAX_OBJECTS];
static unsigned object_count;
static int64_t bytes_charged;

static void add_memory(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 12 * MIB, false);
    frame_add_range(0x40000000, 0x40000000 + 12 * MIB);
}

static void object_alloc(struct ledger *ledger)
{
    struct object *o = &objects[object_count];
    void *memory = NULL;

    o->cache = caches[random_below(CACHE_COUNT)];
    o->fill = (unsigned char)(1 + random_below(255));
    CHECK(kmem_alloc(o->cache, ledger, &memory) == KERN_SUCCESS);
    o->memory = memory;
    CHECK((uintptr_t)memory % o->cache->align == 0);
    for (uint32_t i = 0; i < o->cache->size; i++)
        CHECK(o->memory[i] == 0);
    memset(memory, o->fill, o->cache->size);
    bytes_charged += o->cache->size;
    object_count++;
}

static void object_free(unsigned index, struct ledger *ledger)
{
    struct object *o = &objects[index];

    for (uint32_t i = 0; i < o->cache->size; i++)
        CHECK(o->memory[i] == o->fill);
    bytes_charged -= o->cache->size;
    kmem_free(o->cache, ledger, o->memory);
    *o = objects[--object_count];
}

static void drain_all(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        stub_become_cpu(i);
        kmem_drain();
        frame_drain_cache();
    }
    stub_become_cpu(0);
}

static void check_all_back(void)
{
    CHECK(kmem_check() && kmem_live_objects() == 0);
    drain_all();
    CHECK(kmem_check() && frame_check());
    CHECK(ledger_used(&kernel_ledger, LEDGER_FRAMES) == 0);
    CHECK(ledger_used(&kernel_ledger, LEDGER_KMEM) == 0);
}

void test_kmem_random(void)
{
    struct ledger *ledger = &kernel_ledger;

    add_memory();
    random_seed(4);
    for (unsigned step = 0; step < 12000; step++) {
        bool grow = random_below(100) < (step / 1000 % 2 ? 40 : 58);

        stub_become_cpu(random_below(4));
        if (object_count == 0 || (grow && object_count < 700))
            object_alloc(ledger);
        else
            object_free(random_below(object_count), ledger);
        CHECK(kmem_live_objects() == object_count);
        CHECK(ledger_used(ledger, LEDGER_KMEM) == bytes_charged);
        if (step % 8 == 0)
            CHECK(kmem_check());
        if (step % 512 == 0)
            kmem_drain();
    }
    while (object_count > 0)
        object_free(random_below(object_count), ledger);
    check_all_back();
}

static void check_geometry(const struct kmem_cache *cache, void *count)
{
    uint32_t bytes = (uint32_t)PAGE_SIZE << cache->slab_order;

    CHECK(cache->stride >= cache->size && cache->stride % cache->align == 0);
    CHECK(cache->per_slab == bytes / cache->stride && cache->slab_order <= 3);
    if (cache != &huge_cache)
        CHECK(bytes % cache->stride <= bytes / 8);
    ++*(unsigned *)count;
}

void test_kmem_geometry(void)
{
    unsigned count = 0;

    add_memory();
    for (unsigned i = 0; i < CACHE_COUNT; i++) {
        void *object = NULL;
        CHECK(kmem_alloc(caches[i], &kernel_ledger, &object) == KERN_SUCCESS);
        kmem_free(caches[i], &kernel_ledger, object);
    }
    kmem_for_each_cache(check_geometry, &count);
    CHECK(count == CACHE_COUNT);
    CHECK(tiny_cache.per_slab == 512 && page_cache.slab_order == 0 && huge_cache.per_slab == 1);
    check_all_back();
}

static struct small *victim;

static void free_twice(void)
{
    kmem_free(&small_cache, &kernel_ledger, victim);
    kmem_free(&small_cache, &kernel_ledger, victim);
}

static void free_into_wrong_cache(void)
{
    kmem_free(&tiny_cache, &kernel_ledger, victim);
}

static void free_inside(void)
{
    kmem_free(&small_cache, &kernel_ledger, (char *)victim + 8);
}

static void use_after_free(void)
{
    void *again = NULL;

    kmem_free(&small_cache, &kernel_ledger, victim);
    victim->word[2] = 7;
    (void)!kmem_alloc(&small_cache, &kernel_ledger, &again);
}

static void leak_into_ledger(void)
{
    struct ledger *ledger;
    void *object;

    if (ledger_create(&kernel_ledger, &ledger) != KERN_SUCCESS ||
        kmem_alloc(&record_cache, ledger, &object) != KERN_SUCCESS)
        return;
    ledger_unref(ledger);
}

/* Memory is shared with the child that panics: what it has spoilt must not be used again. */
static void misuse(void (*function)(void), const char *text)
{
    void *object = NULL;

    CHECK(kmem_alloc(&small_cache, &kernel_ledger, &object) == KERN_SUCCESS);
    victim = object;
    expect_panic(function, text);
}

void test_kmem_misuse(void)
{
    void *object = NULL;

    add_memory();
    CHECK(kmem_alloc(&tiny_cache, &kernel_ledger, &object) == KERN_SUCCESS);
    misuse(free_into_wrong_cache, "owner");
    misuse(free_inside, "offset");
    if (CONFIG_SLOW_CHECKS) {
        misuse(free_twice, "freed twice");
        misuse(use_after_free, "written to");
    }
    expect_panic(leak_into_ledger, "616 of kind kmem");
}

/* No memory: an error, nothing charged, nothing leaked; and it works again afterwards. */
void test_kmem_shortage(void)
{
    struct frame *frames[4096];
    unsigned count = 0;
    void *object = NULL;

    add_memory();
    while (count < 4096 &&
           frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frames[count]) == KERN_SUCCESS)
        count++;
    CHECK(kmem_alloc(&record_cache, &kernel_ledger, &object) == KERN_RESOURCE_SHORTAGE);
    CHECK(kmem_alloc(&huge_cache, &kernel_ledger, &object) == KERN_RESOURCE_SHORTAGE);
    CHECK(object == NULL && kmem_live_objects() == 0 &&
          ledger_used(&kernel_ledger, LEDGER_KMEM) == 0);
    while (count > 0)
        frame_free(&kernel_ledger, LEDGER_FRAMES, frames[--count]);
    ledger_set_limit(&kernel_ledger, LEDGER_KMEM, 20000);
    CHECK(kmem_alloc(&huge_cache, &kernel_ledger, &object) == KERN_SUCCESS);
    void *second = NULL;
    CHECK(kmem_alloc(&tiny_cache, &kernel_ledger, &second) == KERN_LIMIT && second == NULL);
    kmem_free(&huge_cache, &kernel_ledger, object);
    check_all_back();
}

/* Many in one go: all that the slabs have, and none if they have not enough. */
void test_kmem_many(void)
{
    enum { MANY = 16 };
    void *object = NULL, *many[MANY];
    int64_t bytes = (int64_t)sizeof(struct tiny);

    add_memory();
    CHECK(kmem_alloc_many(&tiny_cache, &kernel_ledger, LEDGER_PORTS, MANY, many) ==
          KERN_RESOURCE_SHORTAGE); /* no slab */
    CHECK(kmem_alloc(&tiny_cache, &kernel_ledger, &object) == KERN_SUCCESS);
    CHECK(kmem_has_ready(&tiny_cache, 1) && !kmem_has_ready(&tiny_cache, KMEM_CPU_OBJECTS + 1));
    CHECK(kmem_alloc_many(&tiny_cache, &kernel_ledger, LEDGER_PORTS, MANY, many) == KERN_SUCCESS);
    CHECK(kmem_live_objects() == 1 + MANY && ledger_used(&kernel_ledger, LEDGER_PORTS) == MANY &&
          ledger_used(&kernel_ledger, LEDGER_KMEM) == (1 + MANY) * bytes);
    for (unsigned i = 0; i < MANY; i++)
        memset(many[i], (int)i + 1, sizeof(struct tiny));
    for (unsigned i = 0; i < MANY; i++) {
        CHECK(*(uint8_t *)many[i] == i + 1);
        kmem_free_counted(&tiny_cache, &kernel_ledger, LEDGER_PORTS, 1, many[i]);
    }
    ledger_set_limit(&kernel_ledger, LEDGER_PORTS, MANY - 1);
    CHECK(kmem_alloc_many(&tiny_cache, &kernel_ledger, LEDGER_PORTS, MANY, many) == KERN_LIMIT);
    ledger_set_limit(&kernel_ledger, LEDGER_PORTS, LEDGER_NO_LIMIT);
    alloc_fail_nth(1);
    CHECK(kmem_alloc_many(&tiny_cache, &kernel_ledger, LEDGER_PORTS, MANY, many) ==
              KERN_RESOURCE_SHORTAGE &&
          alloc_fail_nth(0) == 1);
    CHECK(ledger_used(&kernel_ledger, LEDGER_PORTS) == 0 && kmem_live_objects() == 1);
    /* Of pages a slab has few: they are all there afterwards. */
    void *page = NULL;
    CHECK(kmem_alloc(&page_cache, &kernel_ledger, &page) == KERN_SUCCESS);
    CHECK(kmem_alloc_many(&page_cache, &kernel_ledger, LEDGER_PORTS, MANY, many) ==
              KERN_RESOURCE_SHORTAGE &&
          kmem_check());
    kmem_free(&page_cache, &kernel_ledger, page);
    kmem_free(&tiny_cache, &kernel_ledger, object);
    check_all_back();
}

/* Threads: objects are made on one CPU and freed on another. */
static void *_Atomic exchange[CACHE_COUNT][16];

static void *churn(void *number)
{
    stub_become_cpu((unsigned)(uintptr_t)number);
    random_seed((uintptr_t)number);
    for (unsigned i = 0; i < 15000; i++) {
        unsigned c = random_below(CACHE_COUNT);
        void *object = NULL;

        if (kmem_alloc(caches[c], &kernel_ledger, &object) == KERN_SUCCESS)
            memset(object, (int)i, caches[c]->size);
        object = atomic_exchange(&exchange[c][random_below(16)], object);
        if (object != NULL)
            kmem_free(caches[c], &kernel_ledger, object);
        if (i % 512 == 0)
            kmem_drain();
    }
    return NULL;
}

void test_kmem_threads(void)
{
    add_memory();
    run_threads(churn, 4);
    for (unsigned c = 0; c < CACHE_COUNT; c++) {
        for (unsigned i = 0; i < 16; i++) {
            if (exchange[c][i] != NULL)
                kmem_free(caches[c], &kernel_ledger, exchange[c][i]);
        }
    }
    check_all_back();
}

/* A sequence that makes what a task makes, with each of its allocations failing in turn. */
static bool sequence(void)
{
    struct ledger *ledger = NULL;
    struct frame *frame = NULL, *run = NULL;
    void *first = NULL, *second = NULL;

    bool done = ledger_create(&kernel_ledger, &ledger) == KERN_SUCCESS &&
                kmem_alloc(&record_cache, ledger, &first) == KERN_SUCCESS &&
                frame_alloc(ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &frame) == KERN_SUCCESS &&
                kmem_alloc(&huge_cache, ledger, &second) == KERN_SUCCESS &&
                frame_alloc(ledger, LEDGER_WIRED, 3, 0, &run) == KERN_SUCCESS;
    if (run != NULL)
        frame_free(ledger, LEDGER_WIRED, run);
    if (second != NULL)
        kmem_free(&huge_cache, ledger, second);
    if (frame != NULL)
        frame_free(ledger, LEDGER_FRAMES, frame);
    if (first != NULL)
        kmem_free(&record_cache, ledger, first);
    if (ledger != NULL)
        ledger_unref(ledger);
    return done;
}

void test_fail_every_nth(void)
{
    uint64_t n = 0;
    bool done;

    add_memory();
    alloc_fail_nth(0);
    CHECK(sequence());
    CHECK(alloc_fail_nth(0) == 5); /* slabs are not counted */
    do {
        drain_all();
        alloc_fail_nth(++n);
        done = sequence();
        CHECK(alloc_fail_nth(0) == (done ? 5 : n));
        check_all_back();
    } while (!done);
    CHECK(n == 6);
}
