/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated interrupt controller: HOST_IRQ_COUNT numbers, of which those from HOST_FIRST_LINE
 * on are lines of devices, with the habits of a GIC with split end of interrupt.
 *
 * I1 A line is delivered when it is pending, unmasked and not active; it is active from delivery
 *    until arch_irq_deactivate().
 * I2 A level line is pending while the device holds it up; an edge line from the rise until it is
 *    delivered, or forgotten: nothing else ends that, not even to configure it anew.
 * I3 EVENT_LINE is set for the CPU a deliverable line is routed to.
 */
#include "machine.h"

#include <arch/irq.h>
#include <arch/upcalls.h>

struct line {
    bool unmasked, active, level, latched;
    enum irq_trigger trigger;
    unsigned cpu;
};

static struct {
    pthread_mutex_t lock; /* guards all of it; no kernel code runs under it */
    struct line line[HOST_IRQ_COUNT];
    uint64_t mistakes;
} controller = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_line(unsigned irq)
{
    return irq >= HOST_FIRST_LINE && irq < HOST_IRQ_COUNT;
}

static bool is_deliverable(const struct line *line)
{
    bool pending = line->trigger == IRQ_LEVEL ? line->level : line->latched;
    return pending && line->unmasked && !line->active;
}

static struct line *enter(unsigned irq)
{
    pthread_mutex_lock(&controller.lock);
    return &controller.line[irq];
}

/* I3, after a change of `line`. */
static void leave(const struct line *line)
{
    unsigned cpu = line->cpu;
    bool deliverable = is_deliverable(line);
    pthread_mutex_unlock(&controller.lock);
    if (deliverable && host_machine.driver)
        host_post_event(&host_machine.cpu[cpu], EVENT_LINE);
}

void host_irq_reset(void)
{
    for (unsigned i = 0; i < HOST_IRQ_COUNT; i++)
        controller.line[i] = (struct line){.trigger = IRQ_LEVEL};
    controller.mistakes = 0;
}

kern_return_t arch_irq_init(const struct board *board)
{
    (void)board;
    host_irq_reset();
    return KERN_SUCCESS;
}

void arch_irq_cpu_init(void) {}

unsigned arch_irq_count(void)
{
    return HOST_IRQ_COUNT;
}

static void set_mask(unsigned irq, bool unmasked)
{
    if (!is_line(irq))
        return; /* private interrupts have no device here */
    struct line *line = enter(irq);
    line->unmasked = unmasked;
    leave(line);
}

void arch_irq_unmask(unsigned irq)
{
    set_mask(irq, true);
}

void arch_irq_mask(unsigned irq)
{
    set_mask(irq, false);
}

bool arch_irq_is_raised(unsigned irq)
{
    if (!is_line(irq))
        return false;
    pthread_mutex_lock(&controller.lock);
    const struct line *line = &controller.line[irq];
    bool raised = line->trigger == IRQ_LEVEL ? line->level : line->latched;
    pthread_mutex_unlock(&controller.lock);
    return raised;
}

kern_return_t arch_irq_configure(unsigned irq, enum irq_trigger trigger)
{
    if (!is_line(irq))
        return KERN_INVALID_ARGUMENT;
    struct line *line = enter(irq);
    if (line->unmasked)
        host_machine_fail("line %u is configured while it is not masked", irq);
    line->trigger = trigger;
    leave(line);
    return KERN_SUCCESS;
}

void arch_irq_forget(unsigned irq)
{
    if (!is_line(irq))
        return;
    struct line *line = enter(irq);
    line->latched = false;
    leave(line);
}

kern_return_t arch_irq_route(unsigned irq, unsigned cpu)
{
    if (!is_line(irq) || cpu >= host_machine.config.cpus)
        return KERN_INVALID_ARGUMENT;
    struct line *line = enter(irq);
    line->cpu = cpu;
    leave(line);
    return KERN_SUCCESS;
}

void arch_irq_deactivate(unsigned irq)
{
    if (!is_line(irq))
        return;
    struct line *line = enter(irq);
    if (!line->active)
        controller.mistakes++;
    line->active = false;
    leave(line);
}

void host_line_set(unsigned irq, bool level)
{
    if (!is_line(irq))
        host_machine_fail("host_line_set: %u is no line", irq);
    struct line *line = enter(irq);
    if (level && !line->level)
        line->latched = true;
    line->level = level;
    leave(line);
}

uint64_t host_irq_mistakes(void)
{
    pthread_mutex_lock(&controller.lock);
    uint64_t mistakes = controller.mistakes;
    pthread_mutex_unlock(&controller.lock);
    return mistakes;
}

bool host_irq_pending(void)
{
    return host_on_cpu && host_cpu_has_event(host_this, EVENT_IPI | EVENT_LINE);
}

/* Acknowledge one line of this CPU; false: none is left. A line may have gone down again: then
 * nothing is delivered. */
static bool acknowledge(unsigned cpu, unsigned *irq)
{
    bool found = false;
    pthread_mutex_lock(&controller.lock);
    for (unsigned i = HOST_FIRST_LINE; i < HOST_IRQ_COUNT && !found; i++) {
        struct line *line = &controller.line[i];
        if (line->cpu == cpu && is_deliverable(line)) {
            line->active = true;
            line->latched = false;
            *irq = i;
            found = true;
        }
    }
    pthread_mutex_unlock(&controller.lock);
    return found;
}

static void take_lines(struct host_cpu *cpu)
{
    unsigned irq;
    atomic_fetch_and(&cpu->events, ~(uint32_t)EVENT_LINE);
    while (acknowledge(cpu->index, &irq)) {
        host_hash(irq);
        kern_interrupt(irq);
    }
}

void arch_irq_poll(void)
{
    struct host_cpu *cpu = host_this;
    if (!host_on_cpu)
        return;
    while (host_irq_pending()) {
        if (atomic_load(&cpu->alarm) <= atomic_load(&host_machine.now)) {
            atomic_store(&cpu->alarm, TICKS_NEVER);
            kern_timer();
        }
        if (atomic_load(&cpu->events) & EVENT_LINE)
            take_lines(cpu);
        if (atomic_load(&cpu->events) & EVENT_IPI) {
            atomic_fetch_and(&cpu->events, ~(uint32_t)EVENT_IPI);
            kern_ipi();
        }
    }
}
