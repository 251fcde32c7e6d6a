/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest server: it answers a word with one more than it. For tests that call another task.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/message.h>

/** Serve at the port, whose receive right the caller has, until it is gone; what a clone's function returns then. */
int echo_serve(mach_port_name_t port);
/** Ask it. False: the answer is wrong, or has not come until `deadline`. */
bool echo_call(mach_port_name_t port, uint64_t word, uint64_t deadline);
