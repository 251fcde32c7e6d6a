/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt lines that devices have (kern/interrupt.h: J1, J4, J5; kern/device.h: V5).
 *
 * A storm is a line that is up still whenever it is completed: its driver does not reach the cause, or does not try. Firing often is no storm, for
 * a fast device has something new to say all the time. How fast the machine is does not matter. To ask the controller takes time, so that is done
 * once in a thousand firings, as long as the answer is no.
 */
#include <arch/irq.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/interrupt.h>
#include <kern/kmem.h>

enum {
    STORM_SUSPECTED = 1000, /* firings after which it is looked whether the line is up still */
    STORM_FIRINGS = 5000,
};
#define STORM_PAUSE UINT64_C(100000000) /* nanoseconds */

static void line_make(void *memory);
static KMEM_CACHE_STABLE(line_cache, struct irq_line, references, line_make);

static struct spinlock lines_lock = SPINLOCK_INIT(LOCK_LINES);
struct irq_line *_Atomic irq_line_of[IRQ_LINES_MAX];

static deadline_handler_t try_again;

static void line_make(void *memory)
{
    struct irq_line *line = memory;
    spin_init(&line->lock, LOCK_LINE);
    list_init(&line->shares);
    deadline_init(&line->retry, try_again);
}

static void line_begin(struct irq_line *line, struct ledger *ledger, unsigned number, bool edge)
{
    spin_lock(&line->lock); /* J4 */
    line->number = number;
    line->references = 1;
    line->edge = edge;
    line->active = line->storm = false;
    line->owing = line->bound = line->firings = 0;
    line->storms = 0;
    line->only = NULL;
    line->ledger = ledger;
    ledger_ref(ledger);
    arch_irq_mask(number);
    (void)arch_irq_configure(number, edge ? IRQ_EDGE : IRQ_LEVEL); /* it is a shared one */
    arch_irq_forget(number);                                       /* J7 */
    spin_unlock(&line->lock);
    atomic_store_explicit(&irq_line_of[number], line, memory_order_release);
}

/* The table is locked. */
static kern_return_t line_create(struct ledger *ledger, unsigned number, bool edge,
                                 struct irq_line **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&line_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    *out = memory;
    line_begin(*out, ledger, number, edge);
    return KERN_SUCCESS;
}

kern_return_t irq_line_get(struct ledger *ledger, unsigned number, bool edge, struct irq_line **out)
{
    kern_return_t kr = KERN_SUCCESS;
    if (number >= IRQ_LINES_MAX)
        return KERN_INVALID_ARGUMENT;
    spin_lock(&lines_lock);
    struct irq_line *line = atomic_load_explicit(&irq_line_of[number], memory_order_relaxed);
    if (!line)
        kr = line_create(ledger, number, edge, &line);
    else if (line->edge != edge)
        kr = KERN_DENIED;
    else
        line->references++;
    spin_unlock(&lines_lock);
    if (kr == KERN_SUCCESS)
        *out = line;
    return kr;
}

void irq_line_put(struct irq_line *line)
{
    spin_lock(&lines_lock);
    bool gone = --line->references == 0;
    struct ledger *ledger = line->ledger;
    if (gone) { /* nothing is bound, and so it is masked */
        atomic_store_explicit(&irq_line_of[line->number], NULL, memory_order_relaxed);
        spin_lock(&line->lock);
        line->number = 0;
        line->storm = false;
        spin_unlock(&line->lock);
        (void)deadline_cancel(&line->retry);
    }
    spin_unlock(&lines_lock);
    if (gone) {
        kmem_free(&line_cache, ledger, line);
        ledger_unref(ledger);
    }
}

/* J7. While it is nobody else's nobody is bound to it, and so it is masked: what has come is still with the controller. */
void irq_line_forget(struct irq_line *line)
{
    spin_lock(&lines_lock);
    if (line->edge && line->references == 1)
        arch_irq_forget(line->number);
    spin_unlock(&lines_lock);
}

/* With the table locked: else a device that gets it now could have it masked for ever. */
bool irq_line_mask_unowned(unsigned number)
{
    spin_lock(&lines_lock);
    bool unowned = number >= IRQ_LINES_MAX ||
                   !atomic_load_explicit(&irq_line_of[number], memory_order_relaxed);
    if (unowned)
        arch_irq_mask(number);
    spin_unlock(&lines_lock);
    return unowned;
}

unsigned irq_line_number(const struct irq_line *line)
{
    return line->number;
}

bool irq_line_is_edge(const struct irq_line *line)
{
    return line->edge;
}

/* ---- a line fires, and is completed; its lock is held ---- */

static void begin_storm(struct irq_line *line, nanos_t now)
{
    arch_irq_mask(line->number);
    line->storm = true;
    line->storms++;
    line->firings = 0;
    deadline_arm(&line->retry, clock_ticks_at(now + STORM_PAUSE));
    for (const struct list *at = line->shares.next; at != &line->shares; at = at->next)
        atomic_fetch_add_explicit(&list_entry(at, struct interrupt, link)->device->storms, 1,
                                  memory_order_relaxed);
}

/* J5 */
static void watch(struct irq_line *line, nanos_t now)
{
    if (likely(++line->firings <= STORM_SUSPECTED))
        return;
    if (!arch_irq_is_raised(line->number))
        line->firings = 0;
    else if (line->firings > STORM_FIRINGS && !line->storm)
        begin_storm(line, now);
}

void irq_line_complete(struct irq_line *line, nanos_t now)
{
    watch(line, now);
    line->active = false;
    arch_irq_deactivate(line->number);
}

void irq_line_open(struct irq_line *line)
{
    (void)arch_irq_route(line->number, arch_cpu_self()->number); /* where the driver runs */
    if (!line->storm)
        arch_irq_unmask(line->number);
}

void irq_line_shut(struct irq_line *line)
{
    if (!line->storm)
        arch_irq_mask(line->number);
}

static void try_again(struct deadline *deadline)
{
    struct irq_line *line = container_of(deadline, struct irq_line, retry);
    spin_lock(&line->lock);
    if (line->number && line->storm) {
        line->storm = false;
        if (line->bound)
            arch_irq_unmask(line->number);
    }
    spin_unlock(&line->lock);
}
