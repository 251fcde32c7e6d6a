# SPDX-License-Identifier: BSD-2-Clause
# The simulated machine's sources, relative to arch/host. Those of the MMU and physical memory are
# memory.c, mmu*.c and usercopy.c.
set(ARCH_SOURCES
    boot.c
    console.c
    cpu.c
    irq.c
    machine.c
    memory.c
    mmu.c
    mmu_check.c
    mmu_flush.c
    reset.c
    sim.c
    smp.c
    thread.c
    threads.c
    timer.c
    user.c
    usercopy.c)
