/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See reaping.h.
 */
#include "reaping.h"

#include <arch/cpu.h>
#include <kern/task.h>
#include <swap_impl.h>

static bool is_alone(void)
{
    const uint32_t word = atomic_load(&swap.lock.word);
    return (uint16_t)(word >> 16) == (uint16_t)(word + 1);
}

void hold_slots(void *argument)
{
    struct holder *holder = argument;
    spin_lock(&swap.lock);
    for (holder->alone = 0; holder->alone < holder->looks && is_alone(); holder->alone++)
        arch_cpu_relax();
    spin_unlock(&swap.lock);
}

void begin_end_of(void *task)
{
    task_terminate(task, 0, false);
}
