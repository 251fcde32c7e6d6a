/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI host (pci.h): the whole of an enumeration, and what is done with functions afterwards.
 */
#include "pci_impl.h"

enum {
    CAPABILITIES_FIRST = 0x40, /* none lies before */
    CAPABILITIES_LAST =
        0xf8, /* what is used of one is 8 bytes: one behind does not lie inside the space */
    CAPABILITIES_MAX = 48, /* as many as there is room for */
};

static bool is_window_good(const struct pci_window *window)
{
    return window->size != 0 && window->address <= UINT64_MAX - window->size;
}

static kern_return_t check_config(const struct pci_host_config *config)
{
    uint64_t buses = config->ecam_size >> 20;

    if (config->bus_first > config->bus_last || config->window_count > PCI_WINDOWS_MAX ||
        buses < config->bus_last - config->bus_first + 1u || config->ecam_size > UINT32_MAX)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < config->window_count; i++)
        if (!is_window_good(&config->windows[i]))
            return KERN_INVALID_ARGUMENT;
    return KERN_SUCCESS;
}

/* Addresses are all assigned before the first function decodes memory: if none does, none is in use, and how far the host driver
 * before this one came does not matter. */
static bool is_in_use(const struct pci_host *host)
{
    for (unsigned i = 0; i < host->count; i++)
        if (host->functions[i].kind == PCI_DEVICE && host->functions[i].kept)
            return true;
    return false;
}

kern_return_t pci_enumerate(struct pci_host *host, const struct pci_host_config *config)
{
    bool fresh = config->first;
    kern_return_t kr = check_config(config);

    *host = (struct pci_host){.config = *config};
    if (kr != KERN_SUCCESS)
        return kr;
    if (!fresh) {
        pci_scan(host, false);
        fresh = !is_in_use(host);
    }
    if (fresh)
        pci_scan(host, true);
    if (host->count == 0)
        return KERN_NOT_FOUND;
    pci_assign(host, fresh);
    return KERN_SUCCESS;
}

bool pci_bar_part(const struct pci_host *host, const struct pci_function *function, unsigned bar,
                  unsigned *range, uint64_t *offset, uint64_t *size)
{
    const struct pci_bar *b = &function->bars[bar < PCI_BARS_MAX ? bar : 0];

    if (bar >= PCI_BARS_MAX || !b->assigned)
        return false;
    for (unsigned i = 0; i < host->config.window_count; i++) {
        const struct pci_window *window = &host->config.windows[i];

        if (window->kind != PCI_WINDOW_MEMORY || b->address < window->address ||
            b->address - window->address >= window->size ||
            b->span > window->size - (b->address - window->address))
            continue;
        *range = window->range;
        *offset = b->address - window->address;
        *size = b->span;
        return true;
    }
    return false;
}

static kern_return_t set_command(const struct pci_host *host, const struct pci_function *f,
                                 uint16_t set, uint16_t clear)
{
    uint16_t before = pci_read16(host, f, PCI_COMMAND);
    uint16_t after = (uint16_t)((before & ~clear) | set);

    if (before == UINT16_MAX)
        return KERN_FAILURE; /* it is gone */
    if (after == before)
        return KERN_SUCCESS;
    pci_write16(host, f, PCI_COMMAND, after);
    return (pci_read16(host, f, PCI_COMMAND) & (set | clear)) == set ? KERN_SUCCESS : KERN_FAILURE;
}

kern_return_t pci_enable(struct pci_host *host, const struct pci_function *function)
{
    kern_return_t kr = KERN_SUCCESS;

    if (!function->usable || function->kind != PCI_DEVICE)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = function->parent; i != PCI_NO_PARENT; i = host->functions[i].parent)
        if (!host->functions[i].usable)
            return KERN_INVALID_ARGUMENT;
    for (unsigned i = function->parent; i != PCI_NO_PARENT && kr == KERN_SUCCESS;
         i = host->functions[i].parent)
        kr = set_command(host, &host->functions[i], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    if (kr != KERN_SUCCESS)
        return kr;
    return set_command(host, function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                       PCI_COMMAND_IO | PCI_COMMAND_NO_INTX);
}

void pci_disable(struct pci_host *host, const struct pci_function *function)
{
    (void)set_command(host, function, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

uint8_t pci_capability(const struct pci_host *host, const struct pci_function *function, uint8_t id)
{
    uint8_t at;

    if ((pci_read16(host, function, PCI_STATUS) & PCI_STATUS_CAPABILITIES) == 0)
        return 0;
    at = pci_read8(host, function, PCI_CAPABILITIES) & 0xfc;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= CAPABILITIES_FIRST; i++) {
        uint16_t capability = pci_read16(host, function, at);

        if ((capability & 0xff) == id)
            return at <= CAPABILITIES_LAST ? at : 0;
        at = (uint8_t)(capability >> 8 & 0xfc);
    }
    return 0;
}

/* ---- Names ---- */

/* The lowest `digits` digits, in hexadecimal. */
static char *put_hex(char *to, uint32_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0;)
        *to++ = "0123456789abcdef"[value >> 4 * i & 15];
    return to;
}

static char *put_text(char *to, const char *text)
{
    while (*text != '\0')
        *to++ = *text++;
    return to;
}

static char *put_pair(char *to, const char *name, uint16_t vendor, uint16_t device)
{
    to = put_hex(put_text(to, name), vendor, 4);
    *to++ = ',';
    to = put_hex(to, device, 4);
    *to++ = ' ';
    return to;
}

void pci_match(const struct pci_function *function, char text[PCI_MATCH_MAX])
{
    char *to = put_pair(text, "pci:", function->vendor, function->device_id);

    if (function->subsystem_vendor != 0)
        to = put_pair(to, "pci-subsystem:", function->subsystem_vendor, function->subsystem);
    to = put_hex(put_text(to, "pci-class:"), function->class_code, 6);
    *to = '\0';
}

void pci_address(const struct pci_function *function, char text[PCI_ADDRESS_MAX])
{
    char *to = text;

    if (function->bus != 0) {
        to = put_hex(to, function->bus, 2);
        *to++ = ':';
    }
    to = put_hex(to, function->device, 2);
    *to++ = '.';
    to = put_hex(to, function->function, 1);
    *to = '\0';
}
