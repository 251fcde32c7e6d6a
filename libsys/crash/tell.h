/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a report that are lines.
 */
#pragma once

#include <libsys/crash_report.h>

[[gnu::format(printf, 2, 3)]] void tell_line(const struct crash_report *report, const char *format,
                                             ...);
void tell_reason(const struct crash_report *report);
void tell_registers(const struct crash_report *report);
void tell_frames(const struct crash_report *report, const struct crash_thread *thread,
                 bool crashed);
void tell_ports(const struct crash_report *report);
void tell_trace(const struct crash_report *report); /* trace.c */
