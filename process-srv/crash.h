/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that crash: an exception whose signal the program does not take. The log gets a report (<libsys/crash_report.h>) by a thread of its own, for to read what crashed may take time. Meanwhile the
 * task stands still and the process is what it was; it ends, as by the signal, when the report is done, or after half a second. The first report of a second is whole, the others are short; when
 * too many crash at once there is a line for each.
 */
#pragma once

#include "table.h"
#include <wharf/error.h>

/** Start the thread; symbols are those of the initrd's files, where there is a right to it. */
kern_return_t crash_begin(void);
/** p has crashed; thread: a send right, which is taken. */
void crash_report(struct process *p, mach_port_name_t thread, uint32_t number, uint32_t kind,
                  uint64_t code, uint64_t address);
/** The report of the process that this payload names is done. */
void crash_reported(uint64_t payload);
/** If it has crashed and the report takes too long, it ends. next: is set to the moment when that would be, if it is earlier or `next` is 0. */
void crash_due(struct process *p, uint64_t now, uint64_t *next);
