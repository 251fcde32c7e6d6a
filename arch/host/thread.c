/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/thread.h on the simulated machine.
 */
#include "machine.h"

#include <arch/thread.h>
#include <kern/log.h>
#include <kern/thread.h>

void arch_thread_init(struct arch_thread *t, vaddr_t entry, vaddr_t sp, uint64_t arg)
{
    *t = (struct arch_thread){.pc = entry, .sp = sp};
    t->x[0] = arg;
    t->program.entry = entry;
    t->program.arg = arg;
}

/* A thread that died may not be looked at any more: its memory can be gone. */
void host_thread_switch(struct arch_thread *prev, struct arch_thread *next)
{
    struct arch_cpu *cpu = &arch_cpu_self()->arch;
    if (prev && cpu->loaded != prev)
        host_machine_fail("arch_thread_switch: prev is not what the registers hold");
    if (prev)
        prev->fp = cpu->fp;
    cpu->loaded = next;
    cpu->fp = next ? next->fp : 0;
    cpu->tls = next ? __atomic_load_n(&next->tls, __ATOMIC_RELAXED) : 0;
}

/* Atomic: a thread that is told to die before its creator is done with it enters a CPU once, to
 * leave it at once. */
void arch_thread_set_tls(struct arch_thread *t, vaddr_t tls)
{
    __atomic_store_n(&t->tls, tls, __ATOMIC_RELAXED);
}

void arch_thread_restart_trap(struct arch_thread *t)
{
    t->pc -= 4;
    t->restarted = true;
}

vaddr_t arch_thread_pc(const struct arch_thread *t)
{
    return t->pc;
}

vaddr_t arch_thread_sp(const struct arch_thread *t)
{
    return t->sp;
}

void arch_thread_report(const struct arch_thread *t, bool frames)
{
    (void)frames; /* scripts have no call stack */
    log_info("thread: pc %lx sp %lx x0 %lx", (unsigned long)t->pc, (unsigned long)t->sp,
             (unsigned long)t->x[0]);
}
