/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host driver starts anew while functions are in use: it learns all by reading, and writes nothing to those (N2, N3). It is killed
 * at each access of an enumeration, and the next one finds its way.
 */
#include "../../check.h"
#include "pci_sim.h"

static struct pci_sim sim;
static struct pci_host host, before;

static void set_bar(int number, unsigned bar, struct pci_sim_bar value)
{
    struct pci_sim_function *f = &sim.functions[number];

    f->bars[bar] = value;
    pci_sim_set(f, 0x10 + 4 * bar, 4,
                value.io ? 1 : (value.wide ? 4u : 0u) | (value.prefetchable ? 8u : 0u));
}

/* A random machine: up to 20 functions, some behind bridges. */
static void make_random(void)
{
    int bridges[4] = {PCI_SIM_ROOT};
    unsigned bridge_count = 1;

    pci_sim_make(&sim);
    for (unsigned i = 1; i < 4; i++)
        if (check_below(2) == 0) {
            bridges[bridge_count] =
                pci_sim_add_bridge(&sim, bridges[check_below(bridge_count)], 20 + i);
            bridge_count++;
        }
    for (unsigned i = 1; i < 18; i++) {
        int f = pci_sim_add(&sim, bridges[check_below(bridge_count)], i, 0, 0x12340000 + i,
                            0x020000, 0);

        for (unsigned bar = 0; bar < 6; bar++) {
            struct pci_sim_bar value = {.size = UINT64_C(16) << check_below(19),
                                        .wide = check_below(3) == 0 && bar < 5,
                                        .prefetchable = check_below(2) == 0};

            value.io = !value.wide && check_below(4) == 0;
            if (value.io)
                value.size = 64;
            if (check_below(2) == 0)
                set_bar(f, bar, value);
            bar += value.wide && sim.functions[f].bars[bar].size != 0;
        }
    }
}

static void enumerate(bool first)
{
    struct pci_host_config config = pci_sim_config(&sim, first);

    CHECK_EQ(pci_enumerate(&host, &config), KERN_SUCCESS);
    pci_verify(&host, &sim);
}

/* Give some functions to drivers: from then on nothing is written to them or to the bridges above. */
static unsigned enable_some(unsigned one_in)
{
    unsigned count = 0;

    for (unsigned i = 0; i < host.count; i++) {
        const struct pci_function *f = &host.functions[i];

        if (f->kind != PCI_DEVICE || !f->usable || check_below(one_in) != 0)
            continue;
        if (!pci_sim_find(&sim, &host, f)->in_use)
            CHECK_EQ(pci_enable(&host, f), KERN_SUCCESS);
        pci_sim_find(&sim, &host, f)->in_use = true;
        count++;
    }
    return count;
}

static void check_same(const struct pci_function *old)
{
    for (unsigned i = 0; i < host.count; i++) {
        const struct pci_function *f = &host.functions[i];

        if (f->bus != old->bus || f->device != old->device || f->function != old->function)
            continue;
        CHECK(f->kept && f->usable && f->line == old->line && f->parent == old->parent);
        CHECK(memcmp(f->bars, old->bars, sizeof(f->bars)) == 0);
        return;
    }
    CHECK(!"a function that is in use is found again");
}

/* Functions in use stay as they are; the others are there, too. */
static void test_restart(void)
{
    unsigned usable = 0, after = 0;

    make_random();
    enumerate(true);
    for (unsigned i = 0; i < host.count; i++)
        usable += host.functions[i].usable;
    if (enable_some(2) == 0)
        return;
    for (unsigned round = 0; round < 3; round++) {
        before = host;
        enumerate(false);
        CHECK_EQ(host.count, before.count);
        for (unsigned i = 0; i < before.count; i++)
            if (pci_sim_find(&sim, &before, &before.functions[i])->in_use)
                check_same(&before.functions[i]);
        enable_some(3);
    }
    for (unsigned i = 0; i < host.count; i++)
        after += host.functions[i].usable;
    CHECK_EQ(after, usable);
}

/* When all are in use, an enumeration writes nothing at all. */
static void test_nothing_written(void)
{
    uint64_t writes;

    make_random();
    enumerate(true);
    if (enable_some(1) == 0)
        return;
    for (unsigned i = 0; i < host.count; i++)
        if (host.functions[i].kind == PCI_BRIDGE)
            CHECK(host.functions[i].usable);
    writes = sim.writes;
    before = host;
    enumerate(false);
    for (unsigned i = 0; i < before.count; i++)
        if (before.functions[i].kind == PCI_DEVICE && before.functions[i].usable)
            check_same(&before.functions[i]);
    /* Bridges without a function in use behind them may have BARs sized. */
    for (unsigned i = 0; i < sim.count; i++)
        if (!sim.functions[i].bridge && (sim.functions[i].config[4] & 2) != 0)
            CHECK(sim.functions[i].in_use);
    CHECK(sim.writes - writes < 200);
}

/* A new function appears while others are in use. */
static void test_new_function(void)
{
    int f;

    make_random();
    enumerate(true);
    if (enable_some(2) == 0)
        return;
    before = host;
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 25, 0, 0x77777777, 0x080501, 0x1000);
    enumerate(false);
    CHECK_EQ(host.count, before.count + 1);
    for (unsigned i = 0; i < host.count; i++)
        if (host.functions[i].vendor == 0x7777)
            CHECK(host.functions[i].usable &&
                  pci_enable(&host, &host.functions[i]) == KERN_SUCCESS);
    CHECK_EQ(sim.functions[f].config[4] & 7, 6);
    pci_verify(&host, &sim);
}

/* In use at addresses that are nonsense: it is left alone, and others keep away. */
static void test_damaged(void)
{
    static const uint32_t addresses[] = {0x10000100, 0xfffff000, 0x1000,
                                         0x3f000000, 0x10002000, 0x80000000};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        int f;
        bool found = false, damaged = false;

        pci_sim_make(&sim);
        f = pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x77777777, 0x080501, 0x1000);
        pci_sim_add(&sim, PCI_SIM_ROOT, 2, 0, 0x00071b36, 0x080501, 0x2000);
        enumerate(true);
        enable_some(1);
        pci_sim_set(&sim.functions[f], 0x10, 4, addresses[i]);
        {
            struct pci_host_config config = pci_sim_config(&sim, false);

            CHECK_EQ(pci_enumerate(&host, &config), KERN_SUCCESS);
        }
        for (unsigned n = 0; n < host.count; n++) {
            const struct pci_function *each = &host.functions[n];

            damaged |= each->vendor == 0x7777 && each->usable;
            found |= each->vendor == 0x1b36 && each->device == 2 && each->usable;
        }
        if (addresses[i] == 0x10002000)
            CHECK(found != damaged); /* the other's: one of them has it */
        else
            CHECK(found && !damaged);
    }
}

/* In use, with two BARs at one address. */
static void test_twice(void)
{
    int f;

    pci_sim_make(&sim);
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x77777777, 0x080501, 0x1000);
    set_bar(f, 1, (struct pci_sim_bar){.size = 0x1000});
    enumerate(true);
    enable_some(1);
    pci_sim_set(&sim.functions[f], 0x14, 4, pci_sim_get(&sim.functions[f], 0x10, 4));
    {
        struct pci_host_config config = pci_sim_config(&sim, false);

        CHECK_EQ(pci_enumerate(&host, &config), KERN_SUCCESS);
    }
    CHECK(host.functions[1].kept && !host.functions[1].usable);
    CHECK(!host.functions[1].bars[0].assigned && !host.functions[1].bars[1].assigned);
}

/* For all n: killed at access n of the first enumeration, and of enabling all; then the next driver. */
static void test_kill(void)
{
    static struct pci_sim machine;
    volatile uint64_t n = 0;
    volatile bool done = false;

    make_random();
    machine = sim;
    while (!done) {
        sim = machine;
        sim.kill_at = n += 1 + n / 40;
        if (setjmp(sim.killed) == 0) {
            enumerate(true);
            enable_some(1);
            done = true;
        }
        sim.kill_at = 0;
        for (unsigned i = 0; i < sim.count; i++)
            sim.functions[i].in_use =
                !sim.functions[i].bridge && i > 0 && (sim.functions[i].config[4] & 2) != 0;
        enumerate(false);
        enable_some(1);
        pci_verify(&host, &sim);
        for (unsigned i = 0; i < host.count; i++)
            CHECK(host.functions[i].usable || host.functions[i].kind == PCI_IGNORED);
    }
    CHECK(n > 500);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < 200; i++) {
        test_restart();
        test_nothing_written();
        test_new_function();
    }
    test_damaged();
    test_twice();
    for (unsigned i = 0; i < 10; i++)
        test_kill();
    return check_end();
}
