/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ledgers: all or nothing up the tree, limits hold under concurrent charges, every unit comes back.
 */
#include "mem_test.h"
#include "stub/stub.h"
#include <kern/ledger.h>

static void add_memory(void)
{
    stub_add_bank(0x40000000, 0x40000000 + 4 * MIB, false);
    frame_add_range(0x40000000, 0x40000000 + 4 * MIB);
}

static struct ledger *create(struct ledger *parent)
{
    struct ledger *ledger = NULL;

    CHECK(ledger_create(parent, &ledger) == KERN_SUCCESS);
    return ledger;
}

static void check_deep_tree(void)
{
    struct ledger *ledger = &kernel_ledger, *next = NULL;
    int64_t before = ledger_used(&kernel_ledger, LEDGER_KMEM);
    unsigned depth = 1;

    ledger_ref(&kernel_ledger);
    for (; ledger_create(ledger, &next) == KERN_SUCCESS; depth++) {
        ledger_unref(ledger); /* the child holds it now */
        ledger = next;
    }
    CHECK(depth == LEDGER_MAX_DEPTH);
    CHECK(ledger_charge(ledger, LEDGER_PORTS, 5) == KERN_SUCCESS);
    CHECK(ledger_used(&kernel_ledger, LEDGER_PORTS) == 5);
    ledger_return(ledger, LEDGER_PORTS, 5);
    ledger_unref(ledger); /* takes the whole chain down */
    CHECK(ledger_used(&kernel_ledger, LEDGER_KMEM) == before);
}

void test_ledger_tree(void)
{
    add_memory();
    struct ledger *a = create(&kernel_ledger), *b = create(a), *c = create(a);

    ledger_set_limit(a, LEDGER_PORTS, 10);
    ledger_set_limit(b, LEDGER_PORTS, 7);
    CHECK(ledger_charge(b, LEDGER_PORTS, 8) == KERN_LIMIT);
    CHECK(ledger_charge(b, LEDGER_PORTS, 7) == KERN_SUCCESS);
    CHECK(ledger_charge(c, LEDGER_PORTS, 4) == KERN_LIMIT);
    CHECK(ledger_used(c, LEDGER_PORTS) == 0 && ledger_used(a, LEDGER_PORTS) == 7);
    CHECK(ledger_charge(c, LEDGER_PORTS, 3) == KERN_SUCCESS);
    CHECK(ledger_charge(c, LEDGER_PORTS, 0) == KERN_SUCCESS);
    CHECK(ledger_used(&kernel_ledger, LEDGER_PORTS) == 10);
    CHECK(ledger_peak(a, LEDGER_PORTS) == 10 && ledger_peak(c, LEDGER_PORTS) == 3);
    CHECK(ledger_charge(c, LEDGER_QUEUED, INT64_MAX) == KERN_LIMIT);
    CHECK(ledger_charge(c, LEDGER_QUEUED, LEDGER_NO_LIMIT) == KERN_LIMIT);
    CHECK(ledger_used(c, LEDGER_QUEUED) == 0);
    /* A limit below what is used stops new charges only. */
    ledger_set_limit(a, LEDGER_PORTS, 2);
    CHECK(ledger_charge(a, LEDGER_PORTS, 1) == KERN_LIMIT);
    ledger_return(b, LEDGER_PORTS, 7);
    ledger_return(c, LEDGER_PORTS, 3);
    CHECK(ledger_peak(a, LEDGER_PORTS) == 10 && ledger_peak(c, LEDGER_PORTS) == 3);
    CHECK(ledger_charge(c, LEDGER_PORTS, 2) == KERN_SUCCESS && ledger_peak(c, LEDGER_PORTS) == 3);
    CHECK(ledger_charge(c, LEDGER_PORTS, 9) == KERN_LIMIT && ledger_peak(c, LEDGER_PORTS) == 3);
    ledger_return(c, LEDGER_PORTS, 2);
    CHECK(ledger_peak(c, LEDGER_PORTS) == 3);
    ledger_unref(a);
    ledger_unref(c);
    CHECK(ledger_used(b, LEDGER_PORTS) == 0);
    ledger_unref(b);
    check_deep_tree();
    CHECK(ledger_used(&kernel_ledger, LEDGER_KMEM) == 0);
}

static struct ledger *victim;

static void unref_charged(void)
{
    ledger_unref(victim);
}

static void return_too_much(void)
{
    ledger_return(victim, LEDGER_THREADS, 4);
}

static void unref_kernel(void)
{
    for (unsigned i = 0; i < 4; i++) /* the children hold references, too */
        ledger_unref(&kernel_ledger);
}

void test_ledger_misuse(void)
{
    add_memory();
    victim = create(&kernel_ledger);
    CHECK(ledger_charge(victim, LEDGER_THREADS, 3) == KERN_SUCCESS);
    expect_panic(unref_charged, "3 of kind threads");
    ledger_return(victim, LEDGER_THREADS, 3); /* the child's counters are shared; it changed none */
    victim = create(&kernel_ledger);
    CHECK(ledger_charge(victim, LEDGER_THREADS, 3) == KERN_SUCCESS);
    expect_panic(return_too_much, "only 3 charged");
    expect_panic(unref_kernel, "kernel_ledger");
}

/* Two children of one limited ledger, charged from all sides. */
static struct ledger *limited, *child[2];

static void *charge(void *number)
{
    struct ledger *mine = child[(uintptr_t)number % 2];

    stub_become_cpu((unsigned)(uintptr_t)number);
    random_seed((uintptr_t)number);
    for (unsigned i = 0; i < 20000; i++) {
        int64_t amount = random_below(40);
        struct ledger *own = NULL;

        if (ledger_charge(mine, LEDGER_QUEUED, amount) == KERN_SUCCESS) {
            CHECK(ledger_used(mine, LEDGER_QUEUED) >= amount);
            ledger_return(mine, LEDGER_QUEUED, amount);
        }
        if (i % 16 == 0 && ledger_create(mine, &own) == KERN_SUCCESS) {
            ledger_ref(own);
            ledger_unref(own);
            ledger_unref(own);
        }
    }
    return NULL;
}

void test_ledger_threads(void)
{
    add_memory();
    limited = create(&kernel_ledger);
    child[0] = create(limited);
    child[1] = create(limited);
    ledger_set_limit(limited, LEDGER_QUEUED, 60);
    run_threads(charge, 4);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(ledger_used(child[i], LEDGER_QUEUED) == 0);
        ledger_unref(child[i]);
    }
    ledger_unref(limited);
    CHECK(ledger_used(&kernel_ledger, LEDGER_QUEUED) == 0 &&
          ledger_used(&kernel_ledger, LEDGER_KMEM) == 0);
}
