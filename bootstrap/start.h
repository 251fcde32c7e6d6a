/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a program: its file, its device, its task with exactly the rights that its recipe lists.
 */
#pragma once

#include "program.h"
#include <libsys/archive.h>

/** The initrd, mapped to be read. */
extern struct archive start_archive;

/** Map the initrd. *why: a sentence, on errors. */
kern_return_t start_begin(const char **why);

/** Start an instance; where there is a device it is asked for first, and start_opened() goes on. After an error nothing is left, and it has been
 *  told. */
kern_return_t start_program(struct program *program);
/** The answer about the device: its port, or MSG_NULL with the error. */
kern_return_t start_opened(struct program *program, kern_return_t answer, mach_port_name_t device);

/** Let go of everything that was an instance's. Its task is dead, or was never made. */
void start_clear(struct program *program);

/** Our name for one of the host's powers; MSG_NULL: we do not have it. */
mach_port_name_t start_power(enum power power);

/** Make the seeds of programs depend on these bytes, too. */
void start_add_entropy(const uint8_t *bytes, size_t size);
