/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of a generic PCI host: finds the functions (pci.h), and tells the device manager of each, with a device port that
 * is no more than that function. It has nothing to do after that but to be there: functions interrupt and move data without it.
 *
 * Started anew it finds the same functions with the same addresses, and tells of them again; the device manager knows them.
 *
 * Arguments (drivers-srv/README.md): node=PATH, window.N=SPACE:ADDRESS:SIZE:RANGE, routes=MASKS:ADDRESS.PIN.LINE,..., bus-range=FIRST,LAST.
 */
#include "pci.h"
#include <libsys/driver/driver.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/device.h>
#include <wharf/if/devices.h>

enum {
    SPACE_SHIFT = 24, /* of the first cell of an address: 1 I/O, 2 and 3 memory */
    SPACE_IO = 1,
    SPACE_MASK = 3,
    PARTS_MAX = 8,
};

static struct {
    struct driver driver;
    struct pci_host host;
    struct pci_host_config config;
    mach_port_name_t buses; /* send right: devices.found */
    const char *node;
} self;

/* ---- arguments ---- */

/* The next number of a text, and what follows it if that is `end`. */
static bool take(const char **text, int base, char end, uint64_t *out)
{
    char *after;

    *out = strtoull(*text, &after, base);
    if (after == *text || *after != end)
        return false;
    *text = *after == '\0' ? after : after + 1;
    return true;
}

static bool read_window(const char *text, struct pci_window *window)
{
    uint64_t space, range;

    if (!take(&text, 16, ':', &space) || !take(&text, 16, ':', &window->address) ||
        !take(&text, 16, ':', &window->size) || !take(&text, 10, '\0', &range))
        return false;
    window->kind =
        (space >> SPACE_SHIFT & SPACE_MASK) == SPACE_IO ? PCI_WINDOW_IO : PCI_WINDOW_MEMORY;
    window->range = (unsigned)range;
    return true;
}

static void read_windows(struct driver *driver, struct pci_host_config *config)
{
    for (unsigned i = 0; i < PCI_WINDOWS_MAX; i++) {
        const char name[] = {'w', 'i', 'n', 'd', 'o', 'w', '.', (char)('0' + i), '\0'};
        const char *text = driver_argument(driver, name);
        if (!text)
            return;
        if (!read_window(text, &config->windows[i]))
            driver_fail(driver, "%s=%s is no window", name, text);
        config->window_count++;
    }
}

/* Of device 0 of the root bus: those of others follow by turns. */
static void read_routes(struct driver *driver, struct pci_host_config *config)
{
    const char *text = driver_argument(driver, "routes");
    uint64_t address, pin, line;

    memset(config->lines, PCI_NO_LINE, sizeof(config->lines));
    if (!text)
        return;
    if (!take(&text, 16, ':', &address) || !take(&text, 16, ':', &pin))
        driver_fail(driver, "its routes are none");
    while (*text != '\0') {
        if (!take(&text, 16, '.', &address) || !take(&text, 10, '.', &pin))
            driver_fail(driver, "its routes are none");
        line = strtoull(text, NULL, 10);
        text += strcspn(text, ",");
        text += *text == ',';
        if (address == 0 && pin >= 1 && pin <= 4 && line < driver->facts.lines)
            config->lines[pin - 1] = (uint8_t)line;
    }
}

static void read_buses(struct driver *driver, struct pci_host_config *config)
{
    const char *text = driver_argument(driver, "bus-range");
    uint64_t first = 0, last = 255;

    if (text && (!take(&text, 10, ',', &first) || !take(&text, 10, '\0', &last) || last > 255))
        driver_fail(driver, "its bus-range is none");
    config->bus_first = (uint8_t)first;
    config->bus_last = (uint8_t)last;
}

/* ---- functions ---- */

/* The function's own device port. Errors of device.derive. */
static kern_return_t derive(const struct pci_function *function, const char *name,
                            mach_port_name_t *control)
{
    struct device_part parts[PARTS_MAX];
    const uint32_t line = function->line;
    uint32_t count = 0;

    for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
        struct device_part *part = &parts[count];
        unsigned range;
        if (!pci_bar_part(&self.host, function, bar, &range, &part->offset, &part->size))
            continue;
        part->index = range;
        part->access = 0; /* registers, as all of a BAR's kind */
        count++;
    }
    return device_derive(self.driver.device, name, true, parts, count, &line,
                         function->line == PCI_NO_LINE ? 0 : 1, control);
}

static void tell(const struct pci_function *function)
{
    char address[PCI_ADDRESS_MAX], match[PCI_MATCH_MAX];
    mach_port_name_t control;
    struct driver *driver = &self.driver;

    pci_address(function, address);
    pci_match(function, match);
    kern_return_t kr = pci_enable(&self.host, function);
    if (kr == KERN_SUCCESS)
        kr = derive(function, address, &control);
    if (kr == KERN_SUCCESS) {
        driver_busy(driver, DRIVER_IDLE); /* the device manager may be on its way back */
        kr = devices_found(self.buses, self.node, address, match, control);
        driver_busy(driver, device_now(&driver->environment) + DRIVER_TAKES);
        stub_release_right(control, MSG_MOVE_SEND);
    }
    device_log(&driver->environment, "%s: %s%s", address, match,
               kr == KERN_SUCCESS     ? ""
               : kr == KERN_NOT_FOUND ? ": nobody drives it"
                                      : ": cannot be told of");
}

static void tell_all(void)
{
    for (unsigned i = 0; i < self.host.count; i++)
        if (self.host.functions[i].kind == PCI_DEVICE && self.host.functions[i].usable)
            tell(&self.host.functions[i]);
}

int main(int argc, char **argv)
{
    struct driver *driver = &self.driver;
    struct pci_host_config *config = &self.config;

    driver_begin(driver, argc, argv);
    self.node = driver_argument(driver, "node");
    if (!self.node || driver_look_up(driver, "devices.buses", &self.buses) != KERN_SUCCESS)
        driver_fail(driver, "there is nobody to tell of functions");
    config->environment = &driver->environment;
    config->first = driver->facts.generation == 1;
    read_windows(driver, config);
    read_routes(driver, config);
    read_buses(driver, config);
    kern_return_t kr = driver_map(driver, 0, &config->ecam, &config->ecam_size);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(
            driver); /* it moves no data itself; functions have devices of their own */
    if (kr == KERN_SUCCESS)
        kr = pci_enumerate(&self.host, config);
    if (kr != KERN_SUCCESS && kr != KERN_NOT_FOUND)
        driver_fail(driver, "its functions cannot be found: error %d", (int)kr);
    tell_all();
    driver_serve(driver, NULL, 0);
}
