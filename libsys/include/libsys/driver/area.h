/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a client owns and a driver works in: rings, and data for the device. It is pinned while the driver has it
 * (device.dma_pin): no access to it faults, and it is nobody's pager's. Its client may write to it at any time.
 */
#pragma once

#include <libsys/driver/driver.h>

struct shared_area {
    char *at;
    uint64_t size;
    uint32_t pin;
    bool pinned;
    struct shared_area *next; /* in the driver's list, while it is taken */
};

/** Take a client's memory entry into *area, which stays where it is until it is released, of smallest to largest bytes, readable and writable. The right stays the caller's. KERN_INVALID_CAPABILITY,
 *  KERN_INVALID_ARGUMENT: it is no such memory; else as device.dma_pin and vm.map. */
kern_return_t shared_area_take(struct driver *driver, mach_port_name_t entry, uint64_t smallest,
                               uint64_t largest, struct shared_area *area);
/** Give it back; what there is of it. */
void shared_area_release(struct driver *driver, struct shared_area *area);

/** A port for a client, in the set: the receive right, and a send right under the same name to give away. The port is told by
 *  MSG_ID_NO_SENDERS, through itself, when the client is gone. On errors there may be a port in *port. */
kern_return_t driver_client_port(struct driver *driver, uint64_t payload, mach_port_name_t *port,
                                 mach_port_name_t *send);
