/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the PCI host: configuration registers, and how to get at them. All offsets: PCI 3.0, 6.1; bridges: 1.2, 3.2.
 */
#pragma once

#include "pci.h"

enum pci_register {
    PCI_VENDOR = 0x00,
    PCI_COMMAND = 0x04, /* 16 bits: the status beside it is cleared by writing */
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08,
    PCI_HEADER = 0x0e,
    PCI_BAR = 0x10,
    PCI_BUSES = 0x18, /* bridge: primary, secondary, subordinate */
    PCI_IO_WINDOW = 0x1c,
    PCI_MEMORY_WINDOW = 0x20,
    PCI_PREFETCH_WINDOW = 0x24,
    PCI_PREFETCH_BASE_HIGH = 0x28,
    PCI_PREFETCH_LIMIT_HIGH = 0x2c,
    PCI_SUBSYSTEM = 0x2c,
    PCI_ROM = 0x30,
    PCI_CAPABILITIES = 0x34,
    PCI_BRIDGE_ROM = 0x38,
    PCI_PIN = 0x3d,
};

enum pci_command {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_NO_INTX = 1 << 10,
};

enum {
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_CAPABILITY_POWER = 0x01,
    PCI_CAPABILITY_MSI = 0x05,
    PCI_CAPABILITY_MSIX = 0x11,
    PCI_BRIDGE_UNIT = 1 << 20, /* of bridges' windows */
};

/** Where a function's configuration space is, and that it is inside the ECAM. */
static inline uint32_t pci_offset(const struct pci_host *host, const struct pci_function *f,
                                  unsigned at)
{
    return (uint32_t)(f->bus - host->config.bus_first) << 20 | (uint32_t)f->device << 15 |
           (uint32_t)f->function << 12 | at;
}

static inline uint32_t pci_read32(const struct pci_host *host, const struct pci_function *f,
                                  unsigned at)
{
    return register_read32(&host->config.ecam, pci_offset(host, f, at));
}

static inline uint16_t pci_read16(const struct pci_host *host, const struct pci_function *f,
                                  unsigned at)
{
    return register_read16(&host->config.ecam, pci_offset(host, f, at));
}

static inline uint8_t pci_read8(const struct pci_host *host, const struct pci_function *f,
                                unsigned at)
{
    return register_read8(&host->config.ecam, pci_offset(host, f, at));
}

static inline void pci_write32(const struct pci_host *host, const struct pci_function *f,
                               unsigned at, uint32_t value)
{
    register_write32(&host->config.ecam, pci_offset(host, f, at), value);
}

static inline void pci_write16(const struct pci_host *host, const struct pci_function *f,
                               unsigned at, uint16_t value)
{
    register_write16(&host->config.ecam, pci_offset(host, f, at), value);
}

/** How many BARs a header of its kind has. */
static inline unsigned pci_bar_count(const struct pci_function *f)
{
    return f->kind == PCI_DEVICE ? 6 : f->kind == PCI_BRIDGE ? 2 : 0;
}

/** pci_scan.c: find all functions. fresh: nothing is in use, so buses are numbered; else they are as they are, and nothing is
 *  written. */
void pci_scan(struct pci_host *host, bool fresh);

/** pci_assign.c: give addresses to the BARs of functions that were found. */
void pci_assign(struct pci_host *host, bool fresh);

/** pci_bar.c: read a function's BARs, as they are; its addresses tell their spans (N2). */
void pci_read_bars(const struct pci_host *host, struct pci_function *f);
/** Size them: it decodes nothing. False: one of them makes no sense. */
bool pci_size_bars(const struct pci_host *host, struct pci_function *f);
void pci_write_bar(const struct pci_host *host, const struct pci_function *f, unsigned bar);
