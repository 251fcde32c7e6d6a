/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/thread.h on the simulated machine.
 */
#include "machine.h"

#include <arch/mmu.h>
#include <arch/thread.h>
#include <kern/log.h>
#include <kern/thread.h>
#include <wharf/thread_state.h>

void arch_thread_init(struct arch_thread *t, vaddr_t entry, vaddr_t sp, uint64_t arg,
                      uint64_t number)
{
    *t = (struct arch_thread){.pc = entry, .sp = sp};
    t->x[0] = arg;
    t->x[1] = number;
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
        __atomic_store_n(&prev->fp, cpu->fp, __ATOMIC_RELAXED);
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

void arch_thread_end_restart(struct arch_thread *t, uint64_t result)
{
    if (!t->restarted)
        host_machine_fail("arch_thread_end_restart: no trap was to be repeated");
    t->pc += 4;
    t->restarted = false;
    t->x[0] = result;
}

size_t arch_thread_state_size(unsigned flavour)
{
    return flavour == THREAD_STATE_GENERAL ? sizeof(struct thread_state_general)
           : flavour == THREAD_STATE_FP    ? sizeof(struct thread_state_fp)
                                           : 0;
}

/* Only the registers that this machine has; the rest reads zero. Atomic: a thread that waits and is told
 * to die at this moment enters a CPU once more, and writes the same values back. */
void arch_thread_get_general(const struct arch_thread *t, struct thread_state_general *out)
{
    *out = (struct thread_state_general){.pc = t->pc,
                                         .sp = t->sp,
                                         .tls = __atomic_load_n(&t->tls, __ATOMIC_RELAXED)};
    for (unsigned i = 0; i < array_count(t->x); i++)
        out->x[i] = t->x[i];
}

void arch_thread_get_state(const struct arch_thread *t, unsigned flavour, bool waits, void *out)
{
    if (flavour == THREAD_STATE_FP)
        *(struct thread_state_fp *)out =
            (struct thread_state_fp){.v[0][0] = __atomic_load_n(&t->fp, __ATOMIC_RELAXED)};
    else if (waits)
        *(struct thread_state_general *)out =
            (struct thread_state_general){.pc = t->pc,
                                          .sp = t->sp,
                                          .tls = __atomic_load_n(&t->tls, __ATOMIC_RELAXED)};
    else
        arch_thread_get_general(t, out);
}

/* A program has no instructions to jump to: at another pc it goes on with the script's next action. */
kern_return_t arch_thread_set_general(struct arch_thread *t, const struct thread_state_general *in)
{
    if (in->pc % 4 != 0 || in->pc >= ARCH_USER_VA_END || in->sp > ARCH_USER_VA_END ||
        in->tls >= ARCH_USER_VA_END)
        return KERN_INVALID_ADDRESS;
    if (in->pc != t->pc)
        t->restarted = t->program.busy = false;
    for (unsigned i = 0; i < array_count(t->x); i++)
        t->x[i] = in->x[i];
    t->pc = in->pc;
    t->sp = in->sp;
    t->tls = in->tls;
    return KERN_SUCCESS;
}

void arch_thread_set_fp(struct arch_thread *t, const struct thread_state_fp *in)
{
    t->fp = t->program.fp = in->v[0][0];
}

vaddr_t arch_thread_pc(const struct arch_thread *t)
{
    return t->pc;
}

void arch_thread_report(const struct arch_thread *t, bool frames)
{
    (void)frames; /* scripts have no call stack */
    log_info("thread: pc %lx sp %lx x0 %lx", (unsigned long)t->pc, (unsigned long)t->sp,
             (unsigned long)t->x[0]);
}
