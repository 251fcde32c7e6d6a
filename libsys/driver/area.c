/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's memory and port in a driver (<libsys/driver/area.h>).
 */
#include <libsys/driver/area.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/device.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

kern_return_t shared_area_take(struct driver *driver, mach_port_name_t entry, uint64_t smallest,
                               uint64_t largest, struct shared_area *area)
{
    const uint32_t access = VM_PROT_READ | VM_PROT_WRITE;
    uint32_t protection;
    uint64_t at;

    *area = (struct shared_area){0};
    /* The kernel answers at once. Whatever else the client has given is not waited for, and what it says is found out next. */
    if (memory_entry_info_until(entry, &area->size, &protection, 0) != KERN_SUCCESS)
        return KERN_INVALID_CAPABILITY;
    if (area->size < smallest || area->size > largest)
        return KERN_INVALID_ARGUMENT;
    kern_return_t kr = device_dma_pin(driver->device, entry, 0, area->size, &area->pin);
    if (kr != KERN_SUCCESS)
        return kr;
    area->pinned = true;
    area->next = driver->areas;
    driver->areas = area;
    kr = vm_map(self(), 0, area->size, 0, VM_ANYWHERE, entry, access, access, VM_INHERIT_NONE, &at);
    if (kr == KERN_SUCCESS)
        area->at = (char *)(uintptr_t)at;
    else
        shared_area_release(driver, area);
    return kr;
}

/* Errors here mean that the device, and with it the driver, is at its end. */
void shared_area_release(struct driver *driver, struct shared_area *area)
{
    if (area->at)
        (void)!vm_deallocate(self(), (uintptr_t)area->at, area->size);
    struct shared_area **link = &driver->areas;
    while (*link && *link != area)
        link = &(*link)->next;
    if (*link)
        *link = area->next;
    if (area->pinned)
        (void)!device_dma_unpin(driver->device, area->pin);
    *area = (struct shared_area){0};
}

kern_return_t driver_client_port(struct driver *driver, uint64_t payload, mach_port_name_t *port,
                                 mach_port_name_t *send)
{
    mach_port_name_t previous;
    kern_return_t kr = driver_port(driver, payload, port);

    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(self(), *port, *port, send);
    if (kr == KERN_SUCCESS)
        kr = port_request_notification(self(), *port, MSG_ID_NO_SENDERS, 0, *port, &previous);
    return kr;
}
