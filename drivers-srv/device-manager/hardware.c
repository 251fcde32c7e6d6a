/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From devices of the tree to device ports of the kernel. See manager.h.
 *
 * To look at a register the manager opens the device itself, maps the page, reads, and closes it: all that goes before the supervisor hears of it.
 * Another port of the same device, which a driver has (after the manager's restart), is not disturbed: the registers that manifests probe are
 * such as may be read at any time.
 */
#include "manager.h"

#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/vm.h>

_Static_assert(ADDRESS_RANGES_MAX == HOST_DEVICES_RANGES_MAX &&
                   INTERRUPTS_MAX == HOST_DEVICES_LINES_MAX &&
                   ADDRESS_WINDOWS_MAX == HOST_DEVICES_WINDOWS_MAX,
               "interfaces/host_devices.defs");

static uint32_t fill_ranges(const struct device *d, struct host_devices_range *out)
{
    for (uint32_t i = 0; i < d->ranges; i++)
        out[i] = (struct host_devices_range){
            .base = d->range[i].base,
            .size = d->range[i].size,
            .access = (d->strict >> i & 1) != 0 ? HOST_DEVICES_ACCESS_STRICT
                                                : HOST_DEVICES_ACCESS_REGISTERS,
        };
    return d->ranges;
}

static uint32_t fill_lines(const struct device *d, struct host_devices_line *out)
{
    for (uint32_t i = 0; i < d->lines; i++)
        out[i] = (struct host_devices_line){.number = d->line[i].number, .edge = d->line[i].edge};
    return d->lines;
}

static uint32_t fill_windows(const struct device *d, struct host_devices_window *out)
{
    for (uint32_t i = 0; i < d->windows; i++)
        out[i] = (struct host_devices_window){.memory = d->window[i].memory,
                                              .bus = d->window[i].bus,
                                              .size = d->window[i].size};
    return d->windows;
}

static kern_return_t create(const struct device *d, mach_port_name_t *control)
{
    struct host_devices_range ranges[HOST_DEVICES_RANGES_MAX];
    struct host_devices_line lines[HOST_DEVICES_LINES_MAX];
    struct host_devices_window windows[HOST_DEVICES_WINDOWS_MAX];
    char name[64];
    struct text t = text_in(name, sizeof(name));

    text_add(&t, "%.60s", manager.tree.nodes[d->node].name);
    return host_devices_create(manager.host_devices, name, d->dma, d->coherent, ranges,
                               fill_ranges(d, ranges), lines, fill_lines(d, lines), windows,
                               fill_windows(d, windows), control);
}

static void refuse(struct device *d, kern_return_t kr)
{
    if (kr == KERN_DENIED)
        device_refuse(
            d,
            "the kernel refuses it: its registers are memory's or the interrupt controller's, or its interrupt is the "
            "kernel's own");
    else if (kr == KERN_INVALID_ARGUMENT)
        device_refuse(
            d, "the kernel refuses it: the interrupt controller has no such line, or a size is 0");
    else
        device_refuse(d, "the kernel made no device port of it: error %d", (int)kr);
}

/* ---- Probes ---- */

/* The first range of a session of our own, mapped: address in *at, bytes in *size. */
static kern_return_t map_first(mach_port_name_t session, uint64_t *at, uint64_t *size)
{
    mach_port_name_t memory;
    uint32_t offset;
    kern_return_t kr = device_memory(session, 0, &memory, &offset, size);

    if (kr != KERN_SUCCESS)
        return kr;
    /* One page is enough: manifests probe no further. */
    kr = vm_map(program_start_info->task, 0, DEVICE_PAGE, 0, VM_ANYWHERE, memory, VM_PROT_READ,
                VM_PROT_READ, VM_INHERIT_NONE, at);
    stub_release_right(memory, MSG_MOVE_SEND);
    if (kr == KERN_SUCCESS) {
        if (*size > DEVICE_PAGE - offset)
            *size = DEVICE_PAGE - offset;
        *at += offset;
    }
    return kr;
}

static kern_return_t read_mapped(uint64_t at, uint64_t size, uint32_t offset, uint32_t *value)
{
    const struct registers registers = {.base = (void *)(uintptr_t)at};

    if (size < 4 || offset > size - 4)
        return KERN_INVALID_ARGUMENT;
    *value = register_read32(&registers, offset);
    return KERN_SUCCESS;
}

static kern_return_t read_register(void *context, const struct device *device, uint32_t offset,
                                   uint32_t *value)
{
    const struct handed *handed = &manager.device[device - manager.devices.all];
    mach_port_name_t session;
    uint64_t at, size;
    kern_return_t kr = device_control_open(handed->control, 0, &session);

    (void)context;
    if (kr != KERN_SUCCESS)
        return kr;
    kr = map_first(session, &at, &size);
    if (kr == KERN_SUCCESS) {
        kr = read_mapped(at, size, offset, value);
        stub_release_memory((void *)(uintptr_t)(at & ~(uint64_t)(DEVICE_PAGE - 1)), DEVICE_PAGE);
    }
    stub_release_right(session, MSG_MOVE_SEND);
    /* The session is over when this is answered: the driver's is to be the only one. */
    const kern_return_t closed = device_control_close(handed->control);
    return kr == KERN_SUCCESS ? closed : kr;
}

/* ---- All devices ---- */

static bool may_have_driver(const struct device *d)
{
    return d->driver != NULL || d->candidates > 0;
}

void hardware_make(void)
{
    struct device_set *set = &manager.devices;

    for (unsigned i = 0; i < set->count; i++) {
        struct device *d = &set->all[i];
        kern_return_t kr;

        if (!may_have_driver(d))
            continue;
        kr = create(d, &manager.device[i].control);
        if (kr != KERN_SUCCESS) {
            manager.device[i].control = MSG_NULL;
            refuse(d, kr);
        }
    }
    devices_probe(set, read_register, NULL);
    for (unsigned i = 0; i < set->count; i++) {
        if (manager.device[i].control == MSG_NULL || set->all[i].driver != NULL)
            continue;
        stub_release_right(manager.device[i].control, MSG_MOVE_SEND);
        manager.device[i].control = MSG_NULL;
    }
}
