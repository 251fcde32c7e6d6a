/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every enumeration promises (pci_sim.h; pci.h: N1, N2, N4).
 */
#include "../../check.h"
#include "pci_sim.h"

struct taken {
    uint64_t base, end;
};

static struct taken taken[PCI_FUNCTIONS_MAX * 6];
static unsigned taken_count;

static void take(uint64_t base, uint64_t end)
{
    for (unsigned i = 0; i < taken_count; i++)
        CHECK(end <= taken[i].base || taken[i].end <= base);
    taken[taken_count++] = (struct taken){base, end};
}

static uint64_t register_of(const struct pci_sim_function *f, unsigned bar)
{
    uint64_t low = pci_sim_get(f, 0x10 + 4 * bar, 4) & ~15u;

    return f->bars[bar].wide ? low | (uint64_t)pci_sim_get(f, 0x14 + 4 * bar, 4) << 32 : low;
}

/* A window of a simulated bridge, from its registers. */
static bool forwards(const struct pci_sim_function *f, uint64_t base, uint64_t end)
{
    uint64_t low = (uint64_t)(pci_sim_get(f, 0x20, 2) & 0xfff0) << 16;
    uint64_t limit = (uint64_t)(pci_sim_get(f, 0x22, 2) & 0xfff0) << 16 | 0xfffff;

    if (low <= base && end - 1 <= limit)
        return true;
    low = (uint64_t)(pci_sim_get(f, 0x24, 2) & 0xfff0) << 16 | (uint64_t)pci_sim_get(f, 0x28, 4)
                                                                   << 32;
    limit = (uint64_t)(pci_sim_get(f, 0x26, 2) & 0xfff0) << 16 | 0xfffff |
            (uint64_t)pci_sim_get(f, 0x2c, 4) << 32;
    return low <= base && end - 1 <= limit;
}

static void verify_bar(const struct pci_host *host, const struct pci_sim *sim,
                       const struct pci_function *f, const struct pci_sim_function *real,
                       unsigned bar)
{
    const struct pci_bar *b = &f->bars[bar];
    uint64_t offset, size, span = real->bars[bar].size < 4096 ? 4096 : real->bars[bar].size;
    unsigned range;

    CHECK(!real->bars[bar].io && real->bars[bar].size != 0);
    CHECK(b->span == span && b->wide == real->bars[bar].wide);
    CHECK_EQ(b->address & (2 * span - 1), span); /* N2 */
    CHECK_EQ(register_of(real, bar), b->address);
    CHECK(pci_bar_part(host, f, bar, &range, &offset, &size));
    CHECK(size == span && range >= 2 && range <= 3 && offset % 4096 == 0);
    take(b->address, b->address + span);
    for (int parent = real->parent; parent != PCI_SIM_ROOT; parent = sim->functions[parent].parent)
        CHECK(forwards(&sim->functions[parent], b->address, b->address + span));
}

static void verify_function(const struct pci_host *host, const struct pci_sim *sim,
                            const struct pci_function *f, const struct pci_sim_function *real)
{
    uint64_t offset, size;
    unsigned range;

    CHECK_EQ(f->vendor, pci_sim_get(real, 0, 2));
    CHECK_EQ(f->device_id, pci_sim_get(real, 2, 2));
    CHECK_EQ(f->class_code, pci_sim_get(real, 9, 2) | (uint32_t)real->config[11] << 16);
    for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
        if (f->bars[bar].assigned)
            verify_bar(host, sim, f, real, bar);
        else
            CHECK(!pci_bar_part(host, f, bar, &range, &offset, &size));
        if (f->usable && f->kind == PCI_DEVICE)
            CHECK_EQ(f->bars[bar].assigned, real->bars[bar].size != 0 && !real->bars[bar].io);
    }
    CHECK(!pci_bar_part(host, f, PCI_BARS_MAX, &range, &offset, &size));
    CHECK((real->config[4] & 1) == 0);
    CHECK((real->config[4] & 2) == 0 || f->usable || f->kind == PCI_IGNORED); /* N4 */
}

void pci_verify(const struct pci_host *host, const struct pci_sim *sim)
{
    taken_count = 0;
    CHECK(host->count <= PCI_FUNCTIONS_MAX);
    for (unsigned i = 0; i < host->count; i++) {
        const struct pci_function *f = &host->functions[i];
        const struct pci_sim_function *real = pci_sim_find((struct pci_sim *)sim, host, f);

        CHECK(real != NULL);
        CHECK(f->parent == PCI_NO_PARENT || f->parent < i);
        CHECK_EQ(f->parent == PCI_NO_PARENT, real->parent == PCI_SIM_ROOT);
        verify_function(host, sim, f, real);
    }
}
