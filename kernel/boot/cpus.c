/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other CPUs: who they are, starting them, their first steps.
 */
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/msg.h>
#include <kern/sched.h>

static bool mitigations, pmu_user; /* constant before a second CPU runs */

unsigned cpus_online(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < cpu_count; i++)
        n += atomic_load_explicit(&cpu_record[i].online, memory_order_relaxed);
    return n;
}

void kern_secondary(struct cpu *cpu)
{
    arch_cpu_init(cpu, mitigations);
    if (pmu_user)
        (void)arch_pmu_enable_user(); /* the boot CPU has said whether there is one */
    arch_irq_cpu_init();
    arch_timer_cpu_init();
    atomic_store(&cpu->online, true);
    sched_alarm_update();
}

/* Give the CPU its record and stack and ask for it. False: it stays off, with a line that says
 * why. */
static bool start(unsigned number, const struct board_cpu *description, const struct board *board)
{
    struct cpu *cpu = &cpu_record[number];
    cpu->number = number;
    cpu->hwid = description->mpidr;
    sched_cpu_init(cpu, clock_origin());
    kern_return_t kr = msg_cpu_init(cpu);
    if (kr == KERN_SUCCESS)
        kr = arch_cpu_make_stack(cpu);
    if (kr == KERN_SUCCESS)
        kr = arch_smp_start(cpu, description, board);
    if (kr != KERN_SUCCESS)
        log_warn("smp: cpu %lx (%s) could not be started: error %d", description->mpidr,
                 description->method_name ? description->method_name : "no enable-method", kr);
    return kr == KERN_SUCCESS;
}

/* All were asked at once; a CPU that does not come within a second is dead hardware, and left
 * out. */
static void wait_for_all(void)
{
    ticks_t give_up = arch_counter() + arch_counter_frequency();
    while (cpus_online() < cpu_count && arch_counter() < give_up)
        arch_cpu_relax();
    for (unsigned i = 0; i < cpu_count; i++)
        if (!atomic_load(&cpu_record[i].online))
            log_warn("smp: cpu %u (%lx) was started but does not answer", i, cpu_record[i].hwid);
}

void boot_start_cpus(const struct board *board, const struct boot_options *options,
                     uint64_t boot_hwid)
{
    unsigned limit =
        options->max_cpus && options->max_cpus < MAX_CPUS ? options->max_cpus : MAX_CPUS;
    unsigned left_alone = 0;
    mitigations = options->mitigations;
    pmu_user = options->pmu_user;
    for (unsigned i = 0; i < board->cpu_count; i++) {
        const struct board_cpu *description = &board->cpus[i];
        if (description->mpidr == boot_hwid || !description->enabled)
            continue;
        if (cpu_count >= limit)
            left_alone++;
        else if (start(cpu_count, description, board))
            cpu_count++;
    }
    wait_for_all();
    if (left_alone)
        log_info("smp: %u more CPUs are in the device tree and left alone", left_alone);
}
