/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI host with a memory-mapped configuration space (ECAM): finds functions, gives their base address registers (BARs) addresses,
 * says which line they interrupt. Sources: PCI Local Bus Specification 3.0, 6; PCI-to-PCI Bridge Architecture 1.2, 3; PCI Express
 * Base Specification 3.0, 7.2.2; Open Firmware's PCI binding for the windows.
 *
 * N1 Functions never share a page: a BAR gets `span` bytes, its size but at least a page.
 * N2 The address of a BAR that was assigned here tells its span: the lowest bit set is that one. So a host driver that is started
 *    anew, while functions are in use, learns everything by reading.
 * N3 A BAR is sized only while its function decodes no memory; a function that decodes memory, and is not the first driver's to
 *    set up, is not written to at all.
 * N4 Memory is decoded only by functions all of whose memory BARs have addresses (pci_enable()). No function decodes I/O.
 * N5 Whatever configuration space reads as, the scan ends: depth, buses and functions are bounded.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

enum {
    PCI_FUNCTIONS_MAX = 128,
    PCI_DEPTH_MAX = 8, /* bridges above each other */
    PCI_BARS_MAX = 6,
    PCI_WINDOWS_MAX = 8,
    PCI_NO_PARENT = 0xff,
    PCI_NO_LINE = 0xff,
    PCI_PAGE = 4096,
    PCI_MATCH_MAX = 80,
    PCI_ADDRESS_MAX = 8,
};

enum pci_window_kind { PCI_WINDOW_IO, PCI_WINDOW_MEMORY };

/** PCI addresses that the CPU reaches: number `range` of the host's ranges, from its beginning on. */
struct pci_window {
    enum pci_window_kind kind;
    unsigned range;
    uint64_t address; /* to PCI */
    uint64_t size;
};

struct pci_bar {
    uint64_t address; /* to PCI */
    uint64_t span; /* 0: there is no such BAR, or it is the high half of the one before, or I/O */
    bool wide;     /* 64 bits */
    bool prefetchable;
    bool assigned;
};

enum pci_function_kind {
    PCI_DEVICE,
    PCI_BRIDGE,  /* to another bus */
    PCI_IGNORED, /* left alone: host bridge, or a header nobody knows */
};

/** Addresses that a bridge forwards; end 0: none. */
struct pci_forwarded {
    uint64_t base, end;
};

struct pci_function {
    uint8_t bus, device, function;
    enum pci_function_kind kind;
    uint16_t vendor, device_id;
    uint16_t subsystem_vendor, subsystem; /* 0, 0: none */
    uint32_t class_code;                  /* class, subclass, interface: 24 bits */
    uint8_t revision;
    uint8_t line;   /* index of the host's lines; PCI_NO_LINE */
    uint8_t parent; /* bridge: number of the function; PCI_NO_PARENT: the root bus */
    uint8_t secondary, subordinate;        /* of bridges: buses behind it; 0: none */
    struct pci_forwarded memory, prefetch; /* of bridges */
    bool kept;                             /* it decoded memory when it was found: in use (N3) */
    bool
        usable; /* all memory BARs have their addresses; false: it is not to be given to a driver */
    struct pci_bar bars[PCI_BARS_MAX];
};

/** What is known of the host before. The windows may overlap nothing. */
struct pci_host_config {
    const struct device_environment *environment;
    struct registers ecam;
    uint64_t ecam_size;
    uint8_t bus_first, bus_last; /* ecam begins with bus_first */
    unsigned window_count;
    struct pci_window windows[PCI_WINDOWS_MAX];
    /** Index of the host's line for device 0, pin INTA to INTD of the root bus; others follow by turns. PCI_NO_LINE: none. */
    uint8_t lines[4];
    /** No driver has had the host before (device.facts, generation 1): nothing is in use, whatever firmware left. */
    bool first;
};

struct pci_host {
    struct pci_host_config config;
    unsigned next_bus;
    unsigned count;
    struct pci_function functions[PCI_FUNCTIONS_MAX];
};

/** Find all functions, and assign what has to be. KERN_INVALID_ARGUMENT: the configuration contradicts itself; KERN_NOT_FOUND:
 *  there is nobody on the root bus. */
kern_return_t pci_enumerate(struct pci_host *host, const struct pci_host_config *config);

/** The part of a window that a BAR is: for device.derive. False: there is no such BAR. */
bool pci_bar_part(const struct pci_host *host, const struct pci_function *function, unsigned bar,
                  unsigned *range, uint64_t *offset, uint64_t *size);

/** Have a function decode memory, move data and interrupt, and the bridges above it forward that. KERN_INVALID_ARGUMENT: it is
 *  not usable; KERN_FAILURE: it does not do it. */
kern_return_t pci_enable(struct pci_host *host, const struct pci_function *function);

/** It decodes nothing, and moves no data. */
void pci_disable(struct pci_host *host, const struct pci_function *function);

/** Offset of a capability in its configuration space; 0: it has none of this id. */
uint8_t pci_capability(const struct pci_host *host, const struct pci_function *function,
                       uint8_t id);

/** Names for manifests, most special first: "pci:1b36,0007 pci-subsystem:1af4,1100 pci-class:080501". */
void pci_match(const struct pci_function *function, char text[PCI_MATCH_MAX]);

/** "01.0": device and function; with the bus before it, "02:01.0", unless it is bus 0. */
void pci_address(const struct pci_function *function, char text[PCI_ADDRESS_MAX]);
