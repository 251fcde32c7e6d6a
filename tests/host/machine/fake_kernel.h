/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel of a hundred lines, to test the machine itself: one queue of ready threads under one
 * lock, round robin.
 */
#pragma once

#include <kern/cpu.h>
#include <kern/thread.h>
#include <machine/host_machine.h>

enum fake_trap { FAKE_ADD, FAKE_WAIT, FAKE_WAKE, FAKE_COUNT, FAKE_COUNT_UNLOCKED, FAKE_CROSS };
enum { FAKE_THREADS = 8, FAKE_TURN = 5000 };

extern struct thread fake_thread[FAKE_THREADS];
extern _Atomic uint64_t fake_ipis[MAX_CPUS];
extern uint64_t fake_alarms[MAX_CPUS], fake_counter, fake_last_irq_cpu;
extern _Atomic uint64_t fake_exceptions;
extern unsigned fake_irqs[HOST_IRQ_COUNT];

/** Bring up CPUs and `threads` threads; the argument of host_config.boot is a pointer to the
 *  number. */
void fake_boot(void *threads);
/** Forget everything of the last machine. */
void fake_reset(void);
