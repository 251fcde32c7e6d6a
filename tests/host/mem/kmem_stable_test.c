/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Type-stable caches (K4): objects stay what they were, their frames go nowhere before a grace
 * period has passed, and everything is back after it. Here the test says when periods end.
 */
#include "mem_test.h"
#include "stub/stub.h"
#include <kern/kmem.h>
#include <string.h>

enum { OBJECTS = 100, MAX_FRAMES = 4096, MARK = 0x5eed };

/* 1000 bytes, so four in a frame. */
struct gate {
    struct spinlock lock;
    uint64_t mark;  /* whose it is or was; by `lock` */
    uint64_t users; /* how often it was handed out; by `lock` */
    void *next;     /* the allocator's while it is free */
    char rest[968];
};

static unsigned made;

static void make_gate(void *object)
{
    struct gate *gate = object;

    CHECK(gate->mark == 0 && gate->users == 0);
    spin_init(&gate->lock, LOCK_WAITQ);
    gate->mark = MARK;
    made++;
}

static KMEM_CACHE_STABLE(gate_cache, struct gate, next, make_gate);
static KMEM_CACHE_STABLE(plain_cache, struct gate, next, NULL);

/* --- the grace service: callbacks wait until the test ends a period --- */

static struct grace *handed_in;
static unsigned calls;

void grace_call(struct grace *grace)
{
    grace->next = handed_in;
    handed_in = grace;
    calls++;
}

static void end_period(void)
{
    struct grace *grace = handed_in, *next;

    for (handed_in = NULL; grace != NULL; grace = next) {
        next = grace->next;
        grace->run(grace);
    }
}

static void end_all_periods(void)
{
    for (unsigned i = 0; handed_in != NULL; i++) {
        CHECK(i < 1000);
        end_period();
        CHECK(kmem_check());
    }
}

/* --- --- */

static struct gate *gates[OBJECTS];

static void add_memory(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 12 * MIB, false);
    frame_add_range(0x40000000, 0x40000000 + 12 * MIB);
}

static struct gate *gate_new(struct kmem_cache *cache)
{
    void *memory = NULL;

    CHECK(kmem_alloc(cache, &kernel_ledger, &memory) == KERN_SUCCESS);
    return memory;
}

static void gate_free(struct kmem_cache *cache, struct gate *gate)
{
    kmem_free(cache, &kernel_ledger, gate);
}

/* All gates handed out and given back, and the slabs on their way. */
static void use_and_drain(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        gates[i] = gate_new(&gate_cache);
        CHECK(gates[i]->mark == MARK);
        spin_lock(&gates[i]->lock);
        gates[i]->mark = i;
        gates[i]->users++;
        spin_unlock(&gates[i]->lock);
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        gate_free(&gate_cache, gates[i]);
    kmem_drain();
    CHECK(kmem_check() && kmem_live_objects() == 0 && handed_in != NULL);
}

static int64_t pages(void)
{
    return ledger_used(&kernel_ledger, LEDGER_FRAMES);
}

static void check_all_back(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        stub_become_cpu(i);
        kmem_drain();
        frame_drain_cache();
    }
    stub_become_cpu(0);
    end_all_periods();
    CHECK(kmem_check() && kmem_live_objects() == 0 && frame_check());
    CHECK(pages() == 0 && ledger_used(&kernel_ledger, LEDGER_KMEM) == 0);
}

void test_kmem_stable_objects(void)
{
    add_memory();
    CHECK(gate_cache.link == offsetof(struct gate, next));
    struct gate *a = gate_new(&gate_cache), *b = gate_new(&gate_cache);
    CHECK(a != b && a->mark == MARK && a->users == 0);
    unsigned made_before = made;

    spin_lock(&a->lock); /* as a visitor who still holds it when it is freed and handed out */
    memset(a->rest, 7, sizeof(a->rest));
    a->users = 3;
    gate_free(&gate_cache, a);
    CHECK(spin_is_held(&a->lock) && a->users == 3);
    CHECK(gate_new(&gate_cache) == a);
    CHECK(spin_is_held(&a->lock) && a->users == 3 && a->rest[0] == 7 && a->rest[967] == 7);
    spin_unlock(&a->lock);
    CHECK(made == made_before); /* once an object */
    gate_free(&gate_cache, a);
    kmem_drain(); /* through the slab's list */
    CHECK(kmem_check());
    struct gate *again = NULL, *others[4];
    unsigned count = 0;
    while (count < 4 && (again = gate_new(&gate_cache)) != a)
        others[count++] = again;
    CHECK(again == a && a->users == 3 && a->mark == MARK && a->rest[500] == 7);
    CHECK(a->lock.rank == LOCK_WAITQ && !spin_is_held(&a->lock));
    while (count > 0)
        gate_free(&gate_cache, others[--count]);
    gate_free(&gate_cache, a);
    gate_free(&gate_cache, b);

    struct gate *zeroed = gate_new(&plain_cache);
    for (unsigned i = 0; i < sizeof(*zeroed); i++)
        CHECK(((char *)zeroed)[i] == 0);
    gate_free(&plain_cache, zeroed);
    check_all_back();
}

static bool was_gate(paddr_t pa)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        if (round_down(virt_to_phys(gates[i]), PAGE_SIZE) == pa)
            return true;
    return false;
}

static void all_as_left(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        CHECK(gates[i]->mark == i && gates[i]->users == 1 && gates[i]->lock.rank == LOCK_WAITQ &&
              !spin_is_held(&gates[i]->lock));
}

/* Nobody gets a frame before its time, however much it is wanted. */
void test_kmem_stable_frames(void)
{
    static struct frame *frames[MAX_FRAMES];
    unsigned count = 0;

    add_memory();
    use_and_drain();
    CHECK(pages() == OBJECTS / 4);
    while (count < MAX_FRAMES &&
           frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, 0, &frames[count]) == KERN_SUCCESS) {
        CHECK(!was_gate(frame_address(frames[count])));
        memset(frame_memory(frames[count]), 0xee, PAGE_SIZE);
        count++;
    }
    all_as_left();
    CHECK(calls == 1); /* the cache asks once for whatever waits */
    while (count > 0)
        frame_free(&kernel_ledger, LEDGER_FRAMES, frames[--count]);
    end_period();
    CHECK(pages() < OBJECTS / 4 && pages() > 0); /* a bounded piece */
    end_all_periods();
    CHECK(pages() == 0 && kmem_check());
    check_all_back();
}

/* What leaves during a period waits for a whole one of its own. */
void test_kmem_stable_periods(void)
{
    add_memory();
    use_and_drain();
    end_all_periods();
    struct gate *first[4], *second[4];
    for (unsigned i = 0; i < 4; i++)
        first[i] = gate_new(&gate_cache);
    for (unsigned i = 0; i < 4; i++)
        second[i] = gate_new(&gate_cache);
    for (unsigned i = 0; i < 4; i++)
        gate_free(&gate_cache, first[i]);
    kmem_drain();
    struct grace *running = handed_in;
    CHECK(running != NULL && pages() == 2);
    for (unsigned i = 0; i < 4; i++)
        gate_free(&gate_cache, second[i]);
    kmem_drain();
    CHECK(handed_in == running && pages() == 2);
    end_period();
    CHECK(handed_in == running && pages() == 1 && kmem_check());
    end_period();
    CHECK(handed_in == NULL && pages() == 0 && kmem_check());
    check_all_back();
}

/* Slabs that wait are there for who wants objects: no memory is needed, nothing is made anew. */
void test_kmem_stable_recall(void)
{
    add_memory();
    use_and_drain();
    unsigned made_before = made;
    for (unsigned i = 0; i < OBJECTS / 2; i++)
        CHECK(gate_new(&gate_cache)->users == 1);
    CHECK(pages() == OBJECTS / 4 && made == made_before && kmem_check());
    end_all_periods();
    /* What a CPU has at hand keeps a slab, too. */
    CHECK(pages() >= OBJECTS / 8 && pages() <= OBJECTS / 8 + 2);
    unsigned in_use = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct frame *slab = frame_at(round_down(virt_to_phys(gates[i]), PAGE_SIZE));
        in_use += slab->owner == &gate_cache;
    }
    CHECK(in_use >= OBJECTS / 2);
    CHECK(kmem_live_objects() == OBJECTS / 2);
    /* All of one slab go, are called back, and go again. */
    struct gate *again[4];
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 4; i++)
            again[i] = gate_new(&gate_cache);
        for (unsigned i = 0; i < 4; i++)
            gate_free(&gate_cache, again[i]);
        kmem_drain();
        CHECK(kmem_check());
    }
    end_all_periods();
    CHECK(kmem_live_objects() == OBJECTS / 2 && kmem_check());
}

static void free_twice(void)
{
    gate_free(&gate_cache, gates[0]);
    gate_free(&gate_cache, gates[0]);
}

static void free_inside(void)
{
    kmem_free(&gate_cache, &kernel_ledger, &gates[0]->mark);
}

/* Memory is shared with the child that panics: what it has spoilt must not be used again. */
void test_kmem_stable_misuse(void)
{
    add_memory();
    gates[0] = gate_new(&gate_cache);
    expect_panic(free_inside, "offset");
    if (CONFIG_SLOW_CHECKS)
        expect_panic(free_twice, "freed twice");
}

/* Allocation, freeing, draining and the end of periods in any order, on several CPUs. */
void test_kmem_stable_random(void)
{
    static struct gate *mine[OBJECTS * 4];
    unsigned count = 0;

    add_memory();
    random_seed(9);
    for (unsigned step = 0; step < 20000; step++) {
        bool grow = random_below(100) < (step / 1000 % 2 ? 35 : 60);
        stub_become_cpu(random_below(3));
        if (grow && count < array_count(mine)) {
            struct gate *gate = mine[count] = gate_new(&gate_cache);
            CHECK(gate->mark == MARK && gate->lock.rank == LOCK_WAITQ);
            gate->mark = (uint64_t)(uintptr_t)gate;
            gate->users = count++;
        } else if (count > 0) {
            unsigned n = random_below(count);
            CHECK(mine[n]->mark == (uint64_t)(uintptr_t)mine[n] && mine[n]->users == n);
            mine[n]->mark = MARK;
            gate_free(&gate_cache, mine[n]);
            mine[n] = mine[--count];
            mine[n]->users = n;
        }
        if (random_below(64) == 0)
            kmem_drain();
        if (random_below(32) == 0)
            end_period();
        if (step % 16 == 0)
            CHECK(kmem_check());
        CHECK(kmem_live_objects() == count);
    }
    while (count > 0)
        gate_free(&gate_cache, mine[--count]);
    check_all_back();
    CHECK(calls > 50);
}

void test_kmem_stable_failures(void)
{
    void *object = NULL;

    add_memory();
    alloc_fail_nth(0);
    alloc_fail_nth(2);
    struct gate *gate = gate_new(&gate_cache);
    CHECK(kmem_alloc(&gate_cache, &kernel_ledger, &object) == KERN_RESOURCE_SHORTAGE);
    CHECK(object == NULL && alloc_fail_nth(0) == 2);
    ledger_set_limit(&kernel_ledger, LEDGER_KMEM, sizeof(struct gate));
    CHECK(kmem_alloc(&gate_cache, &kernel_ledger, &object) == KERN_LIMIT && object == NULL);
    ledger_set_limit(&kernel_ledger, LEDGER_KMEM, LEDGER_NO_LIMIT);
    gate_free(&gate_cache, gate);
    check_all_back();
}
