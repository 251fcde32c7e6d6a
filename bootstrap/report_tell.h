/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a report that are lines of the log.
 */
#pragma once

#include "core.h"
#include "reporter.h"

void tell_reason(const struct report_job *job, uint32_t thread);
void tell_registers(const struct thread_state_general *state);
void tell_frames(const struct report_job *job, const struct core_thread *thread, bool crashed);
void tell_ports(const struct report_job *job);
void tell_trace(const struct core_image *image); /* report_trace.c */
