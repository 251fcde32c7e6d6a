/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The current thread has woken a more urgent one, which takes the CPU from it: what sched_ready() and kern_schedule()
 * would do one after the other, without the run queue between them.
 */
#include "turn.h"
#include <arch/cpu.h>
#include <kern/pmap.h>
#include <kern/thread.h>

bool sched_run_now(struct thread *self, struct thread *next)
{
    struct cpu *cpu = arch_cpu_self();
    unsigned priority = sched_effective(next);
    /* Where its caches are warm; what ran elsewhere, choose_cpu() finds a place for. Priority and affinity are looked
     * at once: what changes them from here on sets a flag of `next`, which take_over() looks at. */
    if (priority <= relaxed_load(cpu->running_priority) || next->runnable.cpu != cpu->number ||
        relaxed_load(next->flags) || !(relaxed_load(next->affinity) >> cpu->number & 1))
        return false;
    ticks_t now = arch_counter();
    spin_lock(&cpu->run_queue.lock);
    /* Under the lock, as in kern_schedule(). Those who were ready first, and are as urgent, run first. */
    if (unlikely(relaxed_load(self->flags) || cpu->run_queue.top >= (int)priority)) {
        spin_unlock(&cpu->run_queue.lock);
        return false;
    }
    charge(cpu, self, now);
    self->runnable.priority = (uint8_t)sched_effective(self);
    put_back(cpu, self);
    next->runnable.priority = (uint8_t)priority;
    __atomic_store_n(&next->runnable.cpu, (uint8_t)cpu->number,
                     __ATOMIC_SEQ_CST); /* order rule of sched.c */
    take_over(cpu, self, next, now);
    spin_unlock(&cpu->run_queue.lock);
    pmap_activate_user(cpu, next->pmap, next->pmap->active);
    alarm_for_turn(cpu);
    return true;
}
