/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server side of serial lines (interfaces/tty.defs, <wharf/tty_ring.h>): clients, their rings, settings. The line itself is a
 * struct tty_device; bytes are moved by <libsys/driver/tty_pump.h>.
 *
 * V1 As long as nobody is attached input stays in the device's FIFO: a client that comes back to the next instance of its driver finds it.
 * V2 The client that attached last has the input; output of all of them is taken in turn, a ring's content at a time at most.
 * V3 Clients' memory is pinned while it is attached, as block devices do (<libsys/driver/block_server.h>: K1).
 */
#pragma once

#include <libsys/driver/driver.h>
#include <libsys/driver/tty_device.h>

/** Serve the line, which has been initialised and not started, for good. `line`: of its interrupt. The arguments baud= and
 *  settings the device tree tells are used if they are there. */
[[gnu::noreturn]] void tty_server_run(struct driver *driver, struct tty_device *device);
