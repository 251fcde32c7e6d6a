/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine the pmap tests run on, and its frames.
 */
#include "pmap_test.h"

static void on_mmu_failure(const char *message)
{
    check_report("arch/host/mmu.c", 0, message, 0, 0);
}

void world_begin(uint64_t seed, unsigned asids)
{
    static bool have_memory;
    host_mmu_on_failure = on_mmu_failure;
    be_cpu(0);
    if (!have_memory) {
        static const struct {
            paddr_t start;
            uint64_t size;
        } bank[] = {{0x200000, 8 * MIB}, {0x40000000 + 64 * KIB, 8 * MIB}, {6 * GIB, 16 * MIB}};
        for (unsigned i = 0; i < array_count(bank); i++) {
            host_memory_add_bank(bank[i].start, bank[i].size);
            frame_add_range(bank[i].start, bank[i].start + bank[i].size);
        }
        have_memory = true;
    }
    for (unsigned i = 0; i < MAX_CPUS; i++)
        cpu_record[i].pmap = NULL;
    host_mmu_reset(seed, asids);
    pmap_init();
}

static void stamp(struct frame *frame, unsigned order)
{
    for (unsigned i = 0; i < 1u << order; i++) {
        paddr_t pa = frame_address(frame) + i * PAGE_SIZE;
        *(uint64_t *)phys_to_virt(pa) = pa;
        atomic_store(&frame[i].flags, 0);
    }
}

static void make(struct frame **out, unsigned order)
{
    CHECK_EQ(frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, out), KERN_SUCCESS);
    stamp(*out, order);
}

void pool_make(struct pool *pool)
{
    for (unsigned i = 0; i < SINGLES; i++)
        make(&pool->single[i], 0);
    for (unsigned i = 0; i < RUNS; i++)
        make(&pool->run[i], 4);
    for (unsigned i = 0; i < LARGES; i++)
        make(&pool->large[i], 9);
}

static void check_free(struct frame *frame, unsigned order)
{
    for (unsigned i = 0; i < 1u << order; i++) {
        CHECK_EQ(atomic_load(&frame[i].mapped), 0);
        CHECK_EQ(*(uint64_t *)phys_to_virt(frame_address(frame) + i * PAGE_SIZE),
                 frame_address(frame) + i * PAGE_SIZE);
    }
    frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
}

void pool_free(struct pool *pool)
{
    for (unsigned i = 0; i < SINGLES; i++)
        check_free(pool->single[i], 0);
    for (unsigned i = 0; i < RUNS; i++)
        check_free(pool->run[i], 4);
    for (unsigned i = 0; i < LARGES; i++)
        check_free(pool->large[i], 9);
}

struct counts counts_now(struct ledger *ledger)
{
    struct frame_statistics frames;
    unsigned self = host_cpu_index();
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        be_cpu(i);
        kmem_drain();
    }
    be_cpu(self);
    frame_statistics(&frames);
    return (struct counts){
        .objects = kmem_live_objects(),
        .kmem = ledger_used(ledger, LEDGER_KMEM),
        .tables = ledger_used(ledger, LEDGER_PAGE_TABLES),
        .frames = ledger_used(ledger, LEDGER_FRAMES),
        .free = frames.free,
    };
}

void counts_check(struct counts before, struct ledger *ledger)
{
    struct counts now = counts_now(ledger);
    CHECK_EQ(now.objects, before.objects);
    CHECK_EQ(now.kmem, before.kmem);
    CHECK_EQ(now.tables, before.tables);
    CHECK_EQ(now.frames, before.frames);
}

void remove_all(struct pmap *pmap, vaddr_t va, vaddr_t end)
{
    while (va < end) {
        vaddr_t next = pmap_remove(pmap, va, end);
        CHECK(next > va && next <= end);
        va = next;
    }
}

void protect_all(struct pmap *pmap, vaddr_t va, vaddr_t end, unsigned prot)
{
    while (va < end) {
        vaddr_t next = pmap_protect(pmap, va, end, prot);
        CHECK(next > va && next <= end);
        va = next;
    }
}
