/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/smp_md.h - what SMP start shares with the entry code, and how CPUs are stopped.
 */
#pragma once

#include <kern/types.h>

struct board_psci;

/**
 * The CPUs that have been asked to start, by hardware id. A CPU that arrives at
 * arch_secondary_entry finds its record here, however it was started: PSCI could hand over a
 * pointer, a spin table cannot. cpu == 0: row not in use. Known to boot/entry.S by layout.
 */
struct arch_secondary {
    uint64_t hwid; /* MPIDR affinity */
    uint64_t cpu;  /* struct cpu *, written last */
};
extern struct arch_secondary arch_secondary_table[MAX_CPUS];

/** SGI_STOP has arrived: count ourselves and halt. */
[[gnu::noreturn]] void smp_stop_self(void);

/* ---- psci.c: firmware calls; all do nothing and fail if the board has no PSCI ---- */

/** Remember the board's PSCI. Idempotent. */
void psci_init(const struct board_psci *psci);
/** There is firmware at EL3 or EL2 that answers PSCI calls; false also before psci_init(). */
bool psci_present(void);
kern_return_t psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context);
/* Return only if the firmware refuses. */
void psci_power_off(void);
void psci_reset(void);

/* ---- spin_table.c ---- */

struct board;
/** Write `entry` where the CPU that spins on physical address `slot` will see it, and wake it. */
kern_return_t spin_table_start(paddr_t slot, paddr_t entry, const struct board *board);
