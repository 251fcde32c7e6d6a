/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of libsys/driver that make up struct driver.
 */
#pragma once

#include <libsys/driver/driver.h>
#include <libsys/stub.h>

/** environment.wait_interrupt. */
bool driver_wait_interrupt(void *driver, unsigned line, uint64_t deadline);
/** A send right to a port of the driver's, under the same name. */
kern_return_t driver_make_send(mach_port_name_t port);
/** A thread that answers service_control. Ends the program if there is no memory for it. */
void driver_start_heartbeat(struct driver *driver);
