/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simulated configuration spaces (pci_sim.h).
 */
#include "pci_sim.h"

#include "../../check.h"

uint32_t pci_sim_get(const struct pci_sim_function *f, unsigned at, unsigned width)
{
    uint32_t value = 0;

    memcpy(&value, f->config + at, width);
    return value;
}

void pci_sim_set(struct pci_sim_function *f, unsigned at, unsigned width, uint32_t value)
{
    memcpy(f->config + at, &value, width);
}

/* ---- Routing ---- */

static int find_on(const struct pci_sim *sim, int parent, unsigned device, unsigned function)
{
    for (unsigned i = 0; i < sim->count; i++)
        if (sim->functions[i].parent == parent && sim->functions[i].device == device &&
            sim->functions[i].function == function)
            return (int)i;
    return -1;
}

/* The bridge whose secondary bus this is; ROOT - 1: nobody forwards it. */
static int find_bus(const struct pci_sim *sim, int parent, unsigned own, unsigned bus)
{
    if (bus == own)
        return parent;
    for (unsigned i = 0; i < sim->count; i++) {
        const struct pci_sim_function *f = &sim->functions[i];
        unsigned secondary = f->config[0x19], subordinate = f->config[0x1a];

        if (f->parent == parent && f->bridge && secondary != 0 && bus >= secondary &&
            bus <= subordinate)
            return find_bus(sim, (int)i, secondary, bus);
    }
    return PCI_SIM_ROOT - 1;
}

static struct pci_sim_function *route(struct pci_sim *sim, uint32_t offset)
{
    int parent = find_bus(sim, PCI_SIM_ROOT, 0, offset >> 20);
    int number;

    if (parent < PCI_SIM_ROOT)
        return NULL;
    number = find_on(sim, parent, offset >> 15 & 31, offset >> 12 & 7);
    return number < 0 ? NULL : &sim->functions[number];
}

struct pci_sim_function *pci_sim_find(struct pci_sim *sim, const struct pci_host *host,
                                      const struct pci_function *f)
{
    return route(sim, (uint32_t)(f->bus - host->config.bus_first) << 20 |
                          (uint32_t)f->device << 15 | (uint32_t)f->function << 12);
}

/* ---- Writing ---- */

/* Which of a register's bits can be written. */
static uint32_t writable_bar(const struct pci_sim_function *f, unsigned number)
{
    const struct pci_sim_bar *bar = &f->bars[number];
    uint64_t mask;

    if (number > 0 && f->bars[number - 1].wide && f->bars[number - 1].size != 0)
        return (uint32_t)(~(f->bars[number - 1].size - 1) >> 32);
    if (bar->size == 0)
        return 0;
    mask = ~(bar->size - 1) & ~UINT64_C(3);
    if (bar->odd)
        mask &= ~UINT64_C(0x00400000);
    return (uint32_t)mask & (bar->io ? ~3u : ~15u);
}

static uint32_t writable(const struct pci_sim_function *f, unsigned at)
{
    unsigned bars = f->bridge ? 2 : 6;

    if (at == 0x04)
        return 0x0407;
    if (at >= 0x10 && at < 0x10 + 4 * bars)
        return writable_bar(f, (at - 0x10) / 4);
    if (at == 0x30 && !f->bridge)
        return 0xfffff801;
    if (!f->bridge)
        return at >= 0x44 && at < 0x60 ? UINT32_MAX : 0;
    switch (at) {
    case 0x18: return 0x00ffffff;
    case 0x1c: return 0x0000f0f0;
    case 0x20:
    case 0x24: return 0xfff0fff0;
    case 0x28:
    case 0x2c: return UINT32_MAX;
    default: return 0;
    }
}

static bool decodes(const struct pci_sim_function *f)
{
    return (f->config[4] & 2) != 0;
}

static void write_config(struct pci_sim *sim, struct pci_sim_function *f, unsigned at,
                         unsigned width, uint32_t value)
{
    unsigned word = at & ~3u, shift = 8 * (at & 3);
    uint32_t ones = UINT32_MAX >> (32 - 8 * width), mask = writable(f, word) & ones << shift;
    bool is_bar = word >= 0x10 && word < (f->bridge ? 0x18u : 0x28u);

    CHECK(!f->in_use);
    CHECK(!is_bar || !decodes(f)); /* N3 */
    CHECK(word != 0x04 || at != 0x06);
    CHECK(word != 0x04 || width == 2); /* status is cleared by writing */
    sim->writes++;
    f->writes++;
    pci_sim_set(f, word, 4, (pci_sim_get(f, word, 4) & ~mask) | (value << shift & mask));
}

/* ---- Accesses ---- */

static void count_access(struct pci_sim *sim, uint32_t offset, unsigned width)
{
    CHECK(offset < 16u << 20 && offset % width == 0 && (offset & 0xfff) < 256);
    sim->now += 100;
    if (++sim->accesses == sim->kill_at)
        longjmp(sim->killed, 1);
}

static uint32_t sim_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct pci_sim *sim = (struct pci_sim *)device;
    uint32_t ones = UINT32_MAX >> (32 - 8 * width);
    struct pci_sim_function *f;

    count_access(sim, offset, width);
    if (sim->liar != NULL)
        return sim->liar(sim, offset, width) & ones;
    f = route(sim, offset);
    return f == NULL ? ones : pci_sim_get(f, offset & 0xff, width);
}

static void sim_write(struct simulated_device *device, uint32_t offset, unsigned width,
                      uint32_t value)
{
    struct pci_sim *sim = (struct pci_sim *)device;
    struct pci_sim_function *f;

    count_access(sim, offset, width);
    if (sim->liar != NULL)
        return;
    f = route(sim, offset);
    if (f != NULL)
        write_config(sim, f, offset & 0xff, width, value);
}

/* ---- Making ---- */

static uint64_t env_now(void *context)
{
    return ((struct pci_sim *)context)->now;
}

static void env_sleep_until(void *context, uint64_t moment)
{
    ((struct pci_sim *)context)->now = moment;
}

static bool env_wait(void *context, unsigned line, uint64_t deadline)
{
    (void)line;
    env_sleep_until(context, deadline);
    return false;
}

[[gnu::format(printf, 2, 3)]] static void env_log(void *context, const char *format, ...)
{
    ((struct pci_sim *)context)->logged++;
    CHECK(format != NULL);
}

void pci_sim_make(struct pci_sim *sim)
{
    memset(sim, 0, sizeof(*sim));
    sim->device = (struct simulated_device){sim_read, sim_write};
    sim->environment =
        (struct device_environment){sim, env_now, env_sleep_until, env_wait, env_log};
    pci_sim_add(sim, PCI_SIM_ROOT, 0, 0, 0x00081b36, 0x060000, 0);
}

static void put_bar(struct pci_sim_function *f, unsigned number, struct pci_sim_bar bar)
{
    f->bars[number] = bar;
    pci_sim_set(f, 0x10 + 4 * number, 4,
                bar.io ? 1 : (bar.wide ? 4u : 0u) | (bar.prefetchable ? 8u : 0u));
}

int pci_sim_add(struct pci_sim *sim, int parent, unsigned device, unsigned function, uint32_t id,
                uint32_t class_code, uint64_t size)
{
    struct pci_sim_function *f = &sim->functions[sim->count];
    int first = find_on(sim, parent, device, 0);

    CHECK(sim->count < PCI_SIM_FUNCTIONS);
    *f = (struct pci_sim_function){.parent = parent, .device = device, .function = function};
    pci_sim_set(f, 0x00, 4, id);
    pci_sim_set(f, 0x08, 4, class_code << 8 | 1);
    pci_sim_set(f, 0x2c, 4, 0x11001af4);
    pci_sim_set(f, 0x3d, 1, 1 + function % 4);
    if (size != 0)
        put_bar(f, 0, (struct pci_sim_bar){.size = size});
    if (function != 0 && first >= 0)
        sim->functions[first].config[0x0e] |= 0x80;
    return (int)sim->count++;
}

int pci_sim_add_bridge(struct pci_sim *sim, int parent, unsigned device)
{
    int number = pci_sim_add(sim, parent, device, 0, 0x000c1b36, 0x060400, 0);
    struct pci_sim_function *f = &sim->functions[number];

    f->bridge = true;
    f->config[0x0e] = 1;
    pci_sim_set(f, 0x2c, 4, 0);
    pci_sim_set(f, 0x24, 4, 0x00010001); /* forwards 64 bits */
    return number;
}

struct pci_host_config pci_sim_config(struct pci_sim *sim, bool first)
{
    return (struct pci_host_config){
        .environment = &sim->environment,
        .ecam = {.device = &sim->device},
        .ecam_size = 16u << 20,
        .bus_last = 15,
        .window_count = 3,
        .windows = {{PCI_WINDOW_IO, 1, 0, 0x10000},
                    {PCI_WINDOW_MEMORY, 2, 0x10000000, 0x2eff0000},
                    {PCI_WINDOW_MEMORY, 3, UINT64_C(0x8000000000), UINT64_C(0x8000000000)}},
        .lines = {1, 2, 3, 4},
        .first = first,
    };
}
