/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the test of device ports.
 */
#pragma once

#include "device-tree.h"
#include "vm-test.h"
#include <user/registers.h>
#include <wharf/if/device_control_types.h>
#include <wharf/if/host_devices_types.h>

extern struct tree_facts facts;

/** A device of one range and one line, or none: no line if number is 0. */
kern_return_t make_device(struct tree_range range, uint32_t number, uint32_t edge,
                          mach_port_name_t *control);
/** The one to play with. */
mach_port_name_t make_toy(void);
mach_port_name_t open_device(mach_port_name_t control);
/** Map the session's first range for reading and writing; `memory`: the entry, or NULL. Where its first byte is. */
uint64_t map_registers(mach_port_name_t device, mach_port_name_t *memory);
void unmap_registers(uint64_t at);
void drop(mach_port_name_t name);
/** A port of this task's, with a send right of the same name. */
mach_port_name_t make_port(void);
void drop_port(mach_port_name_t port);

/** The toy asks for an interrupt at once, or soon; and does so no more. */
void toy_ask(uint64_t at);
void toy_quiet(uint64_t at);
/** It is this device. */
bool toy_answers(uint64_t at);

void test_use(void);
void test_interrupts(void);
