/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enumeration of honest machines: as QEMU makes them, with bridges, many functions, all kinds of BARs; windows that run out; names,
 * lines, capabilities; what firmware left.
 */
#include "../../check.h"
#include "pci_sim.h"

static struct pci_sim sim;
static struct pci_host host;

static void enumerate(bool first)
{
    struct pci_host_config config = pci_sim_config(&sim, first);

    CHECK_EQ(pci_enumerate(&host, &config), KERN_SUCCESS);
    pci_verify(&host, &sim);
}

static const struct pci_function *at(unsigned bus, unsigned device, unsigned function)
{
    for (unsigned i = 0; i < host.count; i++) {
        const struct pci_function *f = &host.functions[i];

        if (f->bus == bus && f->device == device && f->function == function)
            return f;
    }
    CHECK(!"the function is found");
    return NULL;
}

static void set_bar(int number, unsigned bar, struct pci_sim_bar value)
{
    struct pci_sim_function *f = &sim.functions[number];

    f->bars[bar] = value;
    pci_sim_set(f, 0x10 + 4 * bar, 4,
                value.io ? 1 : (value.wide ? 4u : 0u) | (value.prefetchable ? 8u : 0u));
}

static void enable_all(void)
{
    for (unsigned i = 0; i < host.count; i++) {
        const struct pci_function *f = &host.functions[i];

        if (f->kind != PCI_DEVICE || !f->usable) {
            CHECK_EQ(pci_enable(&host, f), KERN_INVALID_ARGUMENT);
            continue;
        }
        CHECK_EQ(pci_enable(&host, f), KERN_SUCCESS);
        CHECK_EQ(pci_sim_find(&sim, &host, f)->config[4] & 7, 6);
    }
    pci_verify(&host, &sim);
}

/* QEMU's virt: host bridge, an SD host controller, a USB controller, a virtio device with all sorts of BARs. */
static void test_virt(void)
{
    char text[PCI_MATCH_MAX], address[PCI_ADDRESS_MAX];
    const struct pci_function *f;
    int virtio;

    pci_sim_make(&sim);
    pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00071b36, 0x080501, 256);
    virtio = pci_sim_add(&sim, PCI_SIM_ROOT, 2, 0, 0x10011af4, 0x010000, 0);
    set_bar(virtio, 0, (struct pci_sim_bar){.size = 128, .io = true});
    set_bar(virtio, 1, (struct pci_sim_bar){.size = 4096});
    set_bar(virtio, 4, (struct pci_sim_bar){.size = 16384, .wide = true, .prefetchable = true});
    pci_sim_add(&sim, PCI_SIM_ROOT, 3, 0, 0x000d1b36, 0x0c0330, 16384);
    sim.functions[3].bars[0].wide = true;
    sim.functions[3].config[0x10] = 4;
    enumerate(true);
    CHECK_EQ(host.count, 4);
    CHECK_EQ(sim.logged, 0);
    f = at(0, 1, 0);
    CHECK(f->usable && f->line == 2 && f->bars[0].span == 4096);
    pci_match(f, text);
    CHECK_TEXT(text, "pci:1b36,0007 pci-subsystem:1af4,1100 pci-class:080501");
    pci_address(f, address);
    CHECK_TEXT(address, "01.0");
    CHECK_EQ(at(0, 2, 0)->line, 3);
    CHECK(!at(0, 2, 0)->bars[0].assigned && at(0, 2, 0)->bars[1].assigned);
    CHECK(at(0, 2, 0)->bars[4].span == 16384 && at(0, 2, 0)->bars[5].span == 0);
    CHECK(at(0, 0, 0)->kind == PCI_IGNORED && sim.functions[0].writes == 0);
    enable_all();
    pci_disable(&host, f);
    CHECK_EQ(sim.functions[1].config[4] & 7, 0);
}

/* Three levels of bridges, with functions on each; lines cross on each bus. */
static void test_bridges(void)
{
    char address[PCI_ADDRESS_MAX];
    int a, b, c;

    pci_sim_make(&sim);
    a = pci_sim_add_bridge(&sim, PCI_SIM_ROOT, 1);
    b = pci_sim_add_bridge(&sim, a, 2);
    c = pci_sim_add_bridge(&sim, b, 3);
    pci_sim_add_bridge(&sim, PCI_SIM_ROOT, 9); /* nothing behind */
    pci_sim_add(&sim, PCI_SIM_ROOT, 4, 0, 0x11111111, 0x020000, 0x10000);
    pci_sim_add(&sim, a, 0, 0, 0x22222222, 0x020000, 0x1000);
    pci_sim_add(&sim, a, 0, 3, 0x22232222, 0x020000, 0x200000);
    pci_sim_add(&sim, b, 31, 7, 0x33333333, 0x020000, 0x1000); /* no function 0: not there */
    pci_sim_add(&sim, b, 30, 0, 0x44444444, 0x020000, 0x100);
    pci_sim_add(&sim, c, 5, 0, 0x55555555, 0x020000, 0x400000);
    set_bar(a, 0, (struct pci_sim_bar){.size = 256, .wide = true});
    enumerate(true);
    CHECK_EQ(host.count, 1 + 4 + 5);
    CHECK_EQ(at(0, 1, 0)->secondary, 1);
    CHECK_EQ(at(0, 1, 0)->subordinate, 3);
    CHECK_EQ(at(0, 9, 0)->secondary, 4);
    CHECK_EQ(at(1, 2, 0)->secondary, 2);
    CHECK_EQ(at(3, 5, 0)->device_id, 0x5555);
    /* Pin 1 of device 5 behind device 3, 2, 1: (0 + 5 + 3 + 2 + 1) mod 4. */
    CHECK_EQ(at(3, 5, 0)->line, 1 + 11 % 4);
    CHECK_EQ(at(1, 0, 3)->line, 1 + (3 + 0 + 1) % 4);
    pci_address(at(3, 5, 0), address);
    CHECK_TEXT(address, "03:05.0");
    for (unsigned i = 0; i < host.count; i++)
        CHECK(host.functions[i].usable || host.functions[i].kind == PCI_IGNORED);
    enable_all();
}

/* Deeper than is followed. */
static void test_deep(void)
{
    int bridge = PCI_SIM_ROOT;

    pci_sim_make(&sim);
    for (unsigned i = 0; i < 12; i++)
        bridge = pci_sim_add_bridge(&sim, bridge, 1);
    enumerate(true);
    CHECK_EQ(host.count, 1 + PCI_DEPTH_MAX);
    CHECK_EQ(sim.logged, 1);
}

/* More buses than the ECAM has, more functions than there is room for. */
static void test_many(void)
{
    pci_sim_make(&sim);
    for (unsigned i = 1; i < 20; i++) {
        int bridge = pci_sim_add_bridge(&sim, PCI_SIM_ROOT, i);

        pci_sim_add(&sim, bridge, 0, 0, 0x12341234, 0x020000, 0x1000);
    }
    enumerate(true);
    CHECK_EQ(host.count, 1 + 19 + 15);
    pci_sim_make(&sim);
    for (unsigned i = 1; i < 20; i++)
        for (unsigned function = 0; function < 8; function++)
            pci_sim_add(&sim, PCI_SIM_ROOT, i, function, 0x12341234, 0x020000, 0x1000);
    enumerate(true);
    CHECK_EQ(host.count, PCI_FUNCTIONS_MAX);
    enable_all();
}

/* Large ones go above 4 GiB if they can; what fits nowhere leaves the others alone. */
static void test_large(void)
{
    int f;

    pci_sim_make(&sim);
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00011111, 0x030000, 0x10000000);
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 2, 0, 0x00021111, 0x030000, 0);
    set_bar(f, 2, (struct pci_sim_bar){.size = UINT64_C(1) << 34, .wide = true});
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 3, 0, 0x00031111, 0x030000, 0x40000000); /* too large */
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 4, 0, 0x00041111, 0x030000, 0);
    set_bar(f, 0, (struct pci_sim_bar){.size = UINT64_C(1) << 62, .wide = true});
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 5, 0, 0x00051111, 0x030000, 0x1000);
    enumerate(true);
    CHECK(at(0, 1, 0)->usable && at(0, 2, 0)->usable && at(0, 5, 0)->usable);
    CHECK(at(0, 2, 0)->bars[2].address >= UINT64_C(1) << 32);
    CHECK(!at(0, 3, 0)->usable && !at(0, 4, 0)->usable);
    CHECK_EQ(sim.logged, 2);
    enable_all();
}

/* Behind a bridge only prefetchable ones may lie above 4 GiB. */
static void test_large_behind_bridge(void)
{
    int bridge, f;

    pci_sim_make(&sim);
    bridge = pci_sim_add_bridge(&sim, PCI_SIM_ROOT, 1);
    f = pci_sim_add(&sim, bridge, 1, 0, 0x00011111, 0x030000, 0);
    set_bar(f, 0,
            (struct pci_sim_bar){.size = UINT64_C(1) << 32, .wide = true, .prefetchable = true});
    f = pci_sim_add(&sim, bridge, 2, 0, 0x00021111, 0x030000, 0);
    set_bar(f, 0, (struct pci_sim_bar){.size = UINT64_C(1) << 32, .wide = true});
    f = pci_sim_add(&sim, bridge, 3, 0, 0x00031111, 0x030000, 0x1000);
    enumerate(true);
    CHECK(at(1, 1, 0)->usable && !at(1, 2, 0)->usable && at(1, 3, 0)->usable);
    enable_all();
    pci_sim_set(&sim.functions[bridge], 0x24, 4, 0); /* one that forwards 32 bits only */
    sim.functions[bridge].config[4] = 0;
    enumerate(true);
    CHECK(!at(1, 1, 0)->usable && at(1, 3, 0)->usable);
}

/* The window runs out: each function is given all it asks for, or is left out. */
static void test_exhausted(void)
{
    unsigned usable = 0;

    pci_sim_make(&sim);
    for (unsigned i = 1; i < 30; i++)
        pci_sim_add(&sim, PCI_SIM_ROOT, i, 0, 0x00011111 + (i << 16), 0x030000,
                    i % 2 == 0 ? 0x4000000 : 0x10000);
    enumerate(true);
    for (unsigned i = 0; i < host.count; i++)
        usable += host.functions[i].usable;
    CHECK(usable >= 15 && usable < 29);
    CHECK_EQ(sim.logged, 29 - usable);
    enable_all();
}

/* Firmware has numbered buses and assigned addresses in its way, and functions decode: the first driver begins anew. */
static void test_firmware(void)
{
    int bridge, behind, f;

    pci_sim_make(&sim);
    bridge = pci_sim_add_bridge(&sim, PCI_SIM_ROOT, 1);
    behind = pci_sim_add(&sim, bridge, 1, 0, 0x00011111, 0x030000, 0x100);
    f = pci_sim_add(&sim, PCI_SIM_ROOT, 2, 0, 0x00071b36, 0x080501, 0x100);
    pci_sim_add_bridge(&sim, PCI_SIM_ROOT, 3);
    pci_sim_set(&sim.functions[bridge], 0x18, 4, 0x00050500);
    pci_sim_set(&sim.functions[bridge + 3], 0x18, 4, 0x00010100); /* answers for bus 1, too */
    pci_sim_set(&sim.functions[behind], 0x10, 4, 0x10000100);
    pci_sim_set(&sim.functions[f], 0x10, 4, 0x10000200);
    for (unsigned i = 0; i < sim.count; i++)
        pci_sim_set(&sim.functions[i], 0x04, 2, 7);
    pci_sim_set(&sim.functions[0], 0x04, 2, 6);
    enumerate(true);
    CHECK_EQ(host.count, 5);
    for (unsigned i = 1; i < sim.count; i++)
        CHECK_EQ(sim.functions[i].config[4] & 7, 0);
    enable_all();
}

/* Capabilities: found, in a loop, outside; asleep, with message-signalled interrupts on. */
static void test_capabilities(void)
{
    struct pci_sim_function *f;

    pci_sim_make(&sim);
    pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00071b36, 0x080501, 256);
    f = &sim.functions[1];
    f->config[0x06] = 0x10;
    f->config[0x34] = 0x44;
    memcpy(f->config + 0x44, "\x01\x4c\x00\x00\x03\x00", 6);
    memcpy(f->config + 0x4c, "\x05\x54\x81\x00", 4);
    memcpy(f->config + 0x54, "\x11\x44\x07\xc0", 4); /* and from the beginning */
    enumerate(true);
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x01), 0x44);
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x11), 0x54);
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x10), 0);
    CHECK_EQ(f->config[0x48], 0);
    CHECK_EQ(f->config[0x4e], 0x80);
    CHECK_EQ(f->config[0x57], 0x40);
    f->config[0x34] = 0x10; /* into the header */
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x01), 0);
    f->config[0x34] = 0xfc; /* half outside: what is read of it, too */
    f->config[0xfc] = 1;
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x01), 0);
    enumerate(true);
    f->config[0x06] = 0;
    f->config[0x34] = 0x44;
    CHECK_EQ(pci_capability(&host, at(0, 1, 0), 0x01), 0);
}

static void test_configuration(void)
{
    struct pci_host_config config, good;

    pci_sim_make(&sim);
    good = pci_sim_config(&sim, true);
    config = good;
    config.ecam_size = 15u << 20;
    CHECK_EQ(pci_enumerate(&host, &config), KERN_INVALID_ARGUMENT);
    config = good;
    config.windows[2].size = UINT64_MAX;
    CHECK_EQ(pci_enumerate(&host, &config), KERN_INVALID_ARGUMENT);
    config = good;
    config.windows[1].size = 0;
    CHECK_EQ(pci_enumerate(&host, &config), KERN_INVALID_ARGUMENT);
    config = good;
    config.bus_first = 16;
    CHECK_EQ(pci_enumerate(&host, &config), KERN_INVALID_ARGUMENT);
    config = good;
    config.window_count = 9;
    CHECK_EQ(pci_enumerate(&host, &config), KERN_INVALID_ARGUMENT);
    config = good;
    config.window_count = 0;
    pci_sim_add(&sim, PCI_SIM_ROOT, 1, 0, 0x00071b36, 0x080501, 256);
    CHECK_EQ(pci_enumerate(&host, &config), KERN_SUCCESS);
    CHECK(!at(0, 1, 0)->usable);
    sim.count = 0;
    CHECK_EQ(pci_enumerate(&host, &good), KERN_NOT_FOUND);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_virt();
    test_bridges();
    test_deep();
    test_many();
    test_large();
    test_large_behind_bridge();
    test_exhausted();
    test_firmware();
    test_capabilities();
    test_configuration();
    return check_end();
}
