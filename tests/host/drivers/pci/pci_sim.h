/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated PCI host: functions with configuration spaces, behind bridges that forward by their bus numbers. It checks what the
 * host driver must not do: change a BAR while its function decodes memory, write to a function that is in use.
 */
#pragma once

#include <pci.h>
#include <setjmp.h>

enum { PCI_SIM_FUNCTIONS = 160, PCI_SIM_ROOT = -1 };

struct pci_sim_bar {
    uint64_t size; /* 0: none */
    bool io, wide, prefetchable;
    bool odd; /* its mask has a hole */
};

struct pci_sim_function {
    int parent; /* number of a bridge; PCI_SIM_ROOT */
    unsigned device, function;
    bool bridge;
    bool in_use; /* nothing may be written to it */
    struct pci_sim_bar bars[6];
    uint8_t config[256];
    unsigned writes;
};

struct pci_sim {
    struct simulated_device device; /* first */
    struct device_environment environment;
    uint64_t now;
    unsigned count;
    struct pci_sim_function functions[PCI_SIM_FUNCTIONS];
    uint64_t accesses, writes;
    uint64_t kill_at; /* 0: never */
    jmp_buf killed;
    /** Answers instead of the functions, if set. */
    uint32_t (*liar)(struct pci_sim *sim, uint32_t offset, unsigned width);
    unsigned logged;
};

void pci_sim_make(struct pci_sim *sim);
/** A function, with one BAR of `size` if that is not 0; more are to be set by hand. Returns its number. */
int pci_sim_add(struct pci_sim *sim, int parent, unsigned device, unsigned function, uint32_t id,
                uint32_t class_code, uint64_t size);
int pci_sim_add_bridge(struct pci_sim *sim, int parent, unsigned device);
/** Configuration of QEMU's virt: windows, lines 1 to 4, buses 0 to 15. */
struct pci_host_config pci_sim_config(struct pci_sim *sim, bool first);
uint32_t pci_sim_get(const struct pci_sim_function *f, unsigned at, unsigned width);
void pci_sim_set(struct pci_sim_function *f, unsigned at, unsigned width, uint32_t value);

/** The host's functions are those that are there; what it assigned is in windows, apart, on pages of its own, and forwarded by the
 *  bridges; what decodes memory has addresses. */
void pci_verify(const struct pci_host *host, const struct pci_sim *sim);
/** The simulated function that one of the host's is; NULL: none. */
struct pci_sim_function *pci_sim_find(struct pci_sim *sim, const struct pci_host *host,
                                      const struct pci_function *f);
