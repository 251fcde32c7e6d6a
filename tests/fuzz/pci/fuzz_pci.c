/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the PCI host's logic. The first byte says how the rest answers reads of configuration space: as a row of
 * words, from the beginning again at its end; or as 256-byte spaces, one for each of as many functions as there are (written words
 * are kept, BARs by masks from the input). Oracle: the sanitizers, a bound for accesses, and that what is assigned lies in the windows,
 * apart.
 */
#include <pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SPACE = 256, SPACES_MAX = 24, ACCESSES_MAX = 3000000 };

struct fuzz {
    struct simulated_device device; /* first */
    struct device_environment environment;
    uint64_t now;
    const uint8_t *data;
    size_t size, at;
    bool spaces;
    unsigned count;
    uint8_t space[SPACES_MAX][SPACE];
    uint64_t accesses;
};

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static uint8_t *space_of(struct fuzz *fuzz, uint32_t offset)
{
    unsigned number = (offset >> 20) * 8 + (offset >> 15 & 31) / 4; /* a device in four */

    if ((offset >> 12 & 7) != 0 || (offset >> 15 & 3) != 0 || number >= fuzz->count)
        return NULL;
    return fuzz->space[number];
}

static uint32_t fuzz_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct fuzz *fuzz = (struct fuzz *)device;
    uint32_t value = 0;
    const uint8_t *space;

    fuzz->now += 100;
    require(++fuzz->accesses < ACCESSES_MAX, "a scan ends");
    require(offset < 16u << 20 && offset % width == 0 && (offset & 0xfff) < SPACE, "the ECAM");
    if (fuzz->spaces) {
        space = space_of(fuzz, offset);
        if (space == NULL)
            return UINT32_MAX >> (32 - 8 * width);
        memcpy(&value, space + (offset & 0xff), width);
        return value;
    }
    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)fuzz->data[fuzz->at++ % fuzz->size] << 8 * i;
    return value;
}

static void fuzz_write(struct simulated_device *device, uint32_t offset, unsigned width,
                       uint32_t value)
{
    struct fuzz *fuzz = (struct fuzz *)device;
    uint8_t *space = fuzz->spaces ? space_of(fuzz, offset) : NULL;
    unsigned at = offset & 0xff;

    fuzz->now += 100;
    require(++fuzz->accesses < ACCESSES_MAX, "a scan ends");
    if (space == NULL)
        return;
    if (at >= 0x10 && at < 0x28) { /* sizes from the input, mostly powers of two */
        uint8_t mask = fuzz->data[(fuzz->at + at) % fuzz->size];

        value =
            (mask & 0x80) != 0 ? value & mask * 0x01010101u : value & (UINT32_MAX << (mask & 31));
        value |= space[at] & 15;
    }
    memcpy(space + at, &value, width);
}

static uint64_t env_now(void *context)
{
    return ((struct fuzz *)context)->now;
}

static void env_sleep_until(void *context, uint64_t moment)
{
    ((struct fuzz *)context)->now = moment;
}

static bool env_wait(void *context, unsigned line, uint64_t deadline)
{
    (void)line;
    env_sleep_until(context, deadline);
    return false;
}

[[gnu::format(printf, 2, 3)]] static void env_log(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

/* BARs of functions that the host gives to drivers: in the windows, whole pages, apart. */
static void check_bars(const struct pci_host *host)
{
    static struct {
        uint64_t base, end;
    } taken[PCI_FUNCTIONS_MAX * PCI_BARS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < host->count; i++) {
        for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
            uint64_t offset, size, base = host->functions[i].bars[bar].address;
            unsigned range;

            if (!host->functions[i].bars[bar].assigned)
                continue;
            require(pci_bar_part(host, &host->functions[i], bar, &range, &offset, &size),
                    "in a window");
            require(base % PCI_PAGE == 0 && size % PCI_PAGE == 0 && size > 0, "pages");
            for (unsigned n = 0; n < count; n++)
                require(base + size <= taken[n].base || taken[n].end <= base, "apart");
            taken[count].base = base;
            taken[count++].end = base + size;
        }
    }
}

static void use(struct pci_host *host)
{
    for (unsigned i = 0; i < host->count; i++) {
        const struct pci_function *f = &host->functions[i];
        char text[PCI_MATCH_MAX], address[PCI_ADDRESS_MAX];

        require(f->parent == PCI_NO_PARENT || f->parent < i, "parents come first");
        pci_match(f, text);
        pci_address(f, address);
        require(strlen(text) < sizeof(text) && strlen(address) < sizeof(address), "texts fit");
        (void)pci_capability(host, f, (uint8_t)i);
        (void)pci_enable(host, f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pci_host host;
    static struct fuzz fuzz;
    struct pci_host_config config;

    if (size < 2)
        return 0;
    fuzz = (struct fuzz){.device = {fuzz_read, fuzz_write},
                         .environment = {&fuzz, env_now, env_sleep_until, env_wait, env_log},
                         .data = data + 1,
                         .size = size - 1,
                         .spaces = (data[0] & 1) != 0};
    fuzz.count = (unsigned)((size - 1 + SPACE - 1) / SPACE);
    if (fuzz.count > SPACES_MAX)
        fuzz.count = SPACES_MAX;
    for (size_t i = 0; i < size - 1 && i < (size_t)fuzz.count * SPACE; i++)
        fuzz.space[i / SPACE][i % SPACE] = data[1 + i];
    config = (struct pci_host_config){
        .environment = &fuzz.environment,
        .ecam = {.device = &fuzz.device},
        .ecam_size = 16u << 20,
        .bus_last = 15,
        .window_count = 2,
        .windows = {{PCI_WINDOW_MEMORY, 1, 0x10000000, 0x2eff0000},
                    {PCI_WINDOW_MEMORY, 2, UINT64_C(0x8000000000), UINT64_C(0x8000000000)}},
        .lines = {0, 1, 2, 3},
        .first = (data[0] & 2) != 0,
    };
    for (unsigned round = 0; round < 2; round++) { /* and a restart */
        if (pci_enumerate(&host, &config) == KERN_SUCCESS) {
            check_bars(&host);
            use(&host);
        }
        config.first = false;
    }
    return 0;
}
