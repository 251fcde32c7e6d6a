/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration spaces that lie: all ones, zeros, random, the same on every bus, changing with each read; BARs that make no sense. The
 * scan ends, within a bounded number of accesses, and nothing that is assigned is outside of the windows.
 */
#include "../../check.h"
#include "pci_sim.h"

static struct pci_sim sim;
static struct pci_host host;

enum { ACCESSES_MAX = 3000000 };

static void enumerate(bool first)
{
    struct pci_host_config config = pci_sim_config(&sim, first);
    kern_return_t kr;

    sim.accesses = 0;
    kr = pci_enumerate(&host, &config);
    CHECK(kr == KERN_SUCCESS || kr == KERN_NOT_FOUND);
    CHECK(sim.accesses < ACCESSES_MAX);
    CHECK(host.count <= PCI_FUNCTIONS_MAX);
    for (unsigned i = 0; i < host.count; i++) {
        const struct pci_function *f = &host.functions[i];
        char text[PCI_MATCH_MAX], address[PCI_ADDRESS_MAX];

        CHECK(f->bus <= 15 && f->device < 32 && f->function < 8);
        CHECK(f->parent == PCI_NO_PARENT || f->parent < i);
        for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
            uint64_t offset, size;
            unsigned range;

            if (f->bars[bar].assigned)
                CHECK(pci_bar_part(&host, f, bar, &range, &offset, &size) && size >= 4096);
        }
        pci_match(f, text);
        pci_address(f, address);
        CHECK(strlen(text) < PCI_MATCH_MAX && strlen(address) < PCI_ADDRESS_MAX);
        (void)pci_enable(&host, f);
        pci_disable(&host, f);
        (void)pci_capability(&host, f, (uint8_t)check_random());
    }
}

static uint32_t ones(struct pci_sim *s, uint32_t offset, unsigned width)
{
    (void)s, (void)offset, (void)width;
    return UINT32_MAX;
}

static uint32_t zeros(struct pci_sim *s, uint32_t offset, unsigned width)
{
    (void)s, (void)offset, (void)width;
    return 0;
}

static uint32_t random_word(struct pci_sim *s, uint32_t offset, unsigned width)
{
    (void)s, (void)offset, (void)width;
    return (uint32_t)check_random();
}

/* Always the same at the same place. */
static uint32_t fixed_word(struct pci_sim *s, uint32_t offset, unsigned width)
{
    uint64_t x = (offset + check_state.seed) * UINT64_C(0x9e3779b97f4a7c15);

    (void)s, (void)width;
    return (uint32_t)(x >> 20 ^ x >> 40);
}

static uint8_t pattern[256];

/* Every function of every bus is this one. */
static uint32_t everywhere(struct pci_sim *s, uint32_t offset, unsigned width)
{
    uint32_t value = 0;

    (void)s;
    memcpy(&value, pattern + (offset & 0xff), width);
    return value;
}

/* The same, but for random bits now and then. */
static uint32_t mostly(struct pci_sim *s, uint32_t offset, unsigned width)
{
    uint32_t value = everywhere(s, offset, width);

    return check_below(20) == 0 ? value ^ (uint32_t)check_random() : value;
}

static void lie(uint32_t (*liar)(struct pci_sim *, uint32_t, unsigned), unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        pci_sim_make(&sim);
        sim.liar = liar;
        enumerate(i % 2 == 0);
    }
}

/* A bridge on which every device of every bus is that bridge, with capabilities in a loop. */
static void make_pattern(uint8_t header)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)check_random();
    memcpy(pattern, "\x36\x1b\x07\x00\x06\x00\x10\x00", 8);
    pattern[0x0b] = header == 1 ? 6 : 8;
    pattern[0x0e] = header | 0x80;
    pattern[0x18] = 0;
    pattern[0x19] = 1;
    pattern[0x1a] = 255;
    pattern[0x34] = 0x40;
    for (unsigned i = 0x40; i < 0x100; i += 4)
        pattern[i + 1] = (uint8_t)(0x40 + 4 * check_below(48));
}

/* A BAR that makes no sense takes its function out, and no other. */
static void test_bars(void)
{
    static const struct pci_sim_bar bad[] = {
        {.size = 0x1000, .odd = true},
        {.size = 0x100000, .odd = true, .wide = true},
        {.size = UINT64_C(1) << 63, .wide = true},
        {.size = UINT64_C(1) << 31},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned usable = 0;
        int f;

        pci_sim_make(&sim);
        f = pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00011111, 0x020000, 0x1000);
        sim.functions[f].bars[1] = bad[i];
        sim.functions[f].config[0x14] = bad[i].wide ? 4 : 0;
        pci_sim_add(&sim, PCI_SIM_ROOT, 2, 0, 0x00021111, 0x020000, 0x1000);
        enumerate(true);
        for (unsigned n = 0; n < host.count; n++) {
            CHECK(!host.functions[n].usable || host.functions[n].device == 2);
            usable += host.functions[n].usable;
        }
        CHECK_EQ(usable, 1);
        CHECK_EQ(sim.functions[f].config[4] & 2, 0);
    }
}

/* 64 bits in the last BAR: there is no register for the other half. */
static void test_wide_at_the_end(void)
{
    int f;

    pci_sim_make(&sim);
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00011111, 0x020000, 0);
    sim.functions[f].bars[5] = (struct pci_sim_bar){.size = 0x1000, .wide = true};
    sim.functions[f].config[0x24] = 4;
    enumerate(true);
    CHECK(!host.functions[1].usable);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    lie(ones, 2);
    CHECK_EQ(host.count, 0);
    lie(zeros, 2);
    CHECK_EQ(host.count, 0);
    lie(random_word, 6);
    lie(fixed_word, 2);
    for (unsigned i = 0; i < 6; i++) {
        check_state.seed++;
        lie(fixed_word, 2);
        make_pattern((uint8_t)(i % 3));
        lie(everywhere, 2);
        lie(mostly, 2);
    }
    test_bars();
    test_wide_at_the_end();
    return check_end();
}
