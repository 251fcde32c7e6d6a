/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding functions, bus by bus (pci.h: N3, N5). Bridges of one bus are all closed before the first gets its numbers, so that what
 * firmware left in the second does not answer for the first.
 */
#include "pci_impl.h"

enum {
    DEVICES = 32,
    HEADER_MANY_FUNCTIONS = 0x80,
    HEADER_KIND = 0x7f,
    CLASS_BRIDGE = 0x06,
    POWER_STATE = 4, /* register of the capability */
    POWER_STATE_MASK = 3,
    MESSAGE_CONTROL = 2, /* register of both kinds of MSI */
    MSI_ENABLE = 1 << 0,
    MSIX_ENABLE = 1 << 15,
};

static bool is_there(const struct pci_host *host, const struct pci_function *f)
{
    uint16_t vendor = (uint16_t)pci_read32(host, f, PCI_VENDOR);

    /* All ones: nobody; 1: it is not ready yet, to hosts that pass that on; 0: nobody, too, seen of broken devices. */
    return vendor != 0xffff && vendor > 1;
}

/* Through which line it interrupts: pins are crossed on each bus (bridges 1.2, 9.1). */
static uint8_t line_of(const struct pci_host *host, const struct pci_function *f)
{
    unsigned pin = pci_read8(host, f, PCI_PIN), device = f->device;

    if (pin < 1 || pin > 4)
        return PCI_NO_LINE;
    pin--;
    for (unsigned parent = f->parent; parent != PCI_NO_PARENT;
         parent = host->functions[parent].parent) {
        pin = (device + pin) & 3;
        device = host->functions[parent].device;
    }
    return host->config.lines[(device + pin) & 3];
}

static void identify(const struct pci_host *host, struct pci_function *f, uint8_t header)
{
    uint32_t id = pci_read32(host, f, PCI_VENDOR), class_code = pci_read32(host, f, PCI_CLASS);

    f->vendor = (uint16_t)id;
    f->device_id = (uint16_t)(id >> 16);
    f->class_code = class_code >> 8;
    f->revision = (uint8_t)class_code;
    if (header == 0) {
        uint32_t subsystem = pci_read32(host, f, PCI_SUBSYSTEM);

        f->subsystem_vendor = (uint16_t)subsystem;
        f->subsystem = (uint16_t)(subsystem >> 16);
        f->kind = f->class_code >> 16 == CLASS_BRIDGE ? PCI_IGNORED : PCI_DEVICE;
    } else {
        f->kind = header == 1 ? PCI_BRIDGE : PCI_IGNORED;
    }
    f->line = line_of(host, f);
    f->kept = (pci_read16(host, f, PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0;
}

/* Function `number` of a device, if it is there. *many: the device has more. */
static bool find_function(struct pci_host *host, const struct pci_function *place, bool *many)
{
    struct pci_function *f;
    uint8_t header;

    if (!is_there(host, place))
        return false;
    if (host->count == PCI_FUNCTIONS_MAX)
        return false;
    f = &host->functions[host->count];
    *f = *place;
    header = pci_read8(host, f, PCI_HEADER);
    *many = (header & HEADER_MANY_FUNCTIONS) != 0;
    identify(host, f, header & HEADER_KIND);
    host->count++;
    if (host->count == PCI_FUNCTIONS_MAX)
        device_log(host->config.environment, "pci: more than %u functions: the others are left out",
                   PCI_FUNCTIONS_MAX - 1);
    return true;
}

static void find_functions(struct pci_host *host, unsigned bus, unsigned parent)
{
    for (unsigned device = 0; device < DEVICES; device++) {
        struct pci_function place = {.bus = (uint8_t)bus,
                                     .device = (uint8_t)device,
                                     .parent = (uint8_t)parent};
        bool many = false, ignored;

        if (!find_function(host, &place, &many) || !many)
            continue;
        for (place.function = 1; place.function < 8; place.function++)
            find_function(host, &place, &ignored);
    }
}

/* A function that is in nobody's use: it decodes nothing, moves no data, is awake, and interrupts by its line if at all. */
static void quiet(const struct pci_host *host, struct pci_function *f)
{
    uint8_t power = pci_capability(host, f, PCI_CAPABILITY_POWER);
    uint8_t msi = pci_capability(host, f, PCI_CAPABILITY_MSI);
    uint8_t msix = pci_capability(host, f, PCI_CAPABILITY_MSIX);
    unsigned rom = f->kind == PCI_BRIDGE ? PCI_BRIDGE_ROM : PCI_ROM;
    uint16_t command = pci_read16(host, f, PCI_COMMAND);

    command &= (uint16_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_write16(host, f, PCI_COMMAND, command);
    f->kept = false;
    if (f->kind == PCI_BRIDGE)
        pci_write32(host, f, PCI_BUSES, 0);
    if (power != 0 && (pci_read16(host, f, power + POWER_STATE) & POWER_STATE_MASK) != 0) {
        pci_write16(host, f, power + POWER_STATE, 0);
        device_sleep(host->config.environment, 10 * DEVICE_MILLISECOND);
    }
    pci_write32(host, f, rom, 0);
    if (msi != 0)
        pci_write16(host, f, msi + MESSAGE_CONTROL,
                    (uint16_t)(pci_read16(host, f, msi + MESSAGE_CONTROL) & ~MSI_ENABLE));
    if (msix != 0)
        pci_write16(host, f, msix + MESSAGE_CONTROL,
                    (uint16_t)(pci_read16(host, f, msix + MESSAGE_CONTROL) & ~MSIX_ENABLE));
}

static void scan_bus(struct pci_host *host, unsigned bus, unsigned last, unsigned parent,
                     unsigned depth, bool fresh);

static void write_buses(const struct pci_host *host, const struct pci_function *f)
{
    pci_write32(host, f, PCI_BUSES,
                f->bus | (uint32_t)f->secondary << 8 | (uint32_t)f->subordinate << 16);
}

/* Number what is behind a bridge, and look there. */
static void open_bridge(struct pci_host *host, unsigned number, unsigned depth)
{
    struct pci_function *f = &host->functions[number];

    if (host->next_bus > host->config.bus_last || depth + 1 >= PCI_DEPTH_MAX) {
        device_log(host->config.environment, "pci: no bus number, or too deep, behind %x:%x.%x",
                   f->bus, f->device, f->function);
        return;
    }
    f->secondary = (uint8_t)host->next_bus++;
    f->subordinate = host->config.bus_last;
    write_buses(host, f);
    scan_bus(host, f->secondary, f->subordinate, number, depth + 1, true);
    f->subordinate = (uint8_t)(host->next_bus - 1);
    write_buses(host, f);
}

/* A bridge that is as another driver left it: its buses are those behind the last sibling's, and inside its bus's. */
static void follow_bridge(struct pci_host *host, unsigned number, unsigned last, unsigned depth)
{
    struct pci_function *f = &host->functions[number];
    uint32_t buses = pci_read32(host, f, PCI_BUSES);
    unsigned primary = buses & 0xff, secondary = buses >> 8 & 0xff,
             subordinate = buses >> 16 & 0xff;

    if (primary != f->bus || secondary < host->next_bus || subordinate < secondary ||
        subordinate > last || depth + 1 >= PCI_DEPTH_MAX)
        return;
    f->secondary = (uint8_t)secondary;
    f->subordinate = (uint8_t)subordinate;
    host->next_bus = secondary + 1;
    scan_bus(host, secondary, subordinate, number, depth + 1, false);
    host->next_bus = subordinate + 1;
}

static void scan_bus(struct pci_host *host, unsigned bus, unsigned last, unsigned parent,
                     unsigned depth, bool fresh)
{
    unsigned first = host->count, end;

    find_functions(host, bus, parent);
    end = host->count;
    for (unsigned i = first; fresh && i < end; i++)
        if (host->functions[i].kind != PCI_IGNORED)
            quiet(host, &host->functions[i]);
    for (unsigned i = first; i < end; i++) {
        if (host->functions[i].kind != PCI_BRIDGE)
            continue;
        if (fresh)
            open_bridge(host, i, depth);
        else
            follow_bridge(host, i, last, depth);
    }
}

void pci_scan(struct pci_host *host, bool fresh)
{
    host->count = 0;
    host->next_bus = host->config.bus_first + 1u;
    scan_bus(host, host->config.bus_first, host->config.bus_last, PCI_NO_PARENT, 0, fresh);
}
