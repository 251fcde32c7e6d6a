/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More than one CPU: start them, nudge them.
 */
#pragma once

#include <kern/types.h>

struct cpu;
struct board;
struct board_cpu;

/**
 * Start a CPU that the device tree lists. It comes up through the arch's entry code and calls
 * kern_secondary(cpu). `cpu` has its number, hardware id and stack. Returns when the request has
 * been accepted, not when the CPU runs. KERN_NOT_SUPPORTED: no enable method we know; KERN_FAILURE:
 * the firmware refused.
 */
kern_return_t arch_smp_start(struct cpu *cpu, const struct board_cpu *description,
                             const struct board *board);

/** Interrupt another CPU: its kern_ipi() runs soon. All stores before the call are visible to
 * it. */
void arch_ipi_send(struct cpu *target);

/** Stop every other CPU (panic, reset): they mask interrupts and halt. Does not wait longer than
 *  10 ms. */
void arch_smp_stop_others(void);
