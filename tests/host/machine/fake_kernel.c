/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_kernel.h"

#include "check.h"

#include <arch/smp.h>
#include <arch/upcalls.h>
#include <kern/log.h>
#include <machine/host_mmu.h>
#include <string.h>

struct cpu cpu_record[MAX_CPUS];
unsigned cpu_count;
struct thread fake_thread[FAKE_THREADS];
_Atomic uint64_t fake_ipis[MAX_CPUS];
uint64_t fake_alarms[MAX_CPUS], fake_counter, fake_last_irq_cpu;
_Atomic uint64_t fake_exceptions;
unsigned fake_irqs[HOST_IRQ_COUNT];

/* A ticket lock of its own, so that the test stands without the kernel. */
struct fake_lock {
    _Atomic uint32_t next, serving;
};
static struct fake_lock queue_lock, first, second;
static struct thread *queue[FAKE_THREADS];
static unsigned queued;

static void take(struct fake_lock *lock)
{
    arch_sim_point();
    uint32_t ticket = atomic_fetch_add(&lock->next, 1);
    while (atomic_load(&lock->serving) != ticket)
        arch_cpu_relax();
}

static void release(struct fake_lock *lock)
{
    atomic_fetch_add(&lock->serving, 1);
    arch_sim_point();
}

void fake_reset(void)
{
    memset(cpu_record, 0, sizeof(cpu_record));
    memset(fake_thread, 0, sizeof(fake_thread));
    memset(fake_alarms, 0, sizeof(fake_alarms));
    memset(fake_irqs, 0, sizeof(fake_irqs));
    memset(fake_ipis, 0, sizeof(fake_ipis));
    queue_lock = first = second = (struct fake_lock){0};
    fake_counter = queued = 0;
    atomic_store(&fake_exceptions, 0);
}

/* Queue lock held. */
static void make_ready(struct thread *t)
{
    atomic_store(&t->state, THREAD_READY);
    queue[queued++] = t;
    for (unsigned i = 0; i < cpu_count; i++) {
        if (cpu_record[i].current || &cpu_record[i] == arch_cpu_self())
            continue;
        atomic_store(&cpu_record[i].reschedule, 1);
        arch_ipi_send(&cpu_record[i]);
    }
}

void kern_schedule(void)
{
    struct cpu *cpu = arch_cpu_self();
    atomic_store(&cpu->reschedule, 0);
    take(&queue_lock);
    struct thread *prev = cpu->current, *next = NULL;
    if (prev)
        make_ready(prev);
    if (queued) {
        next = queue[0];
        memmove(queue, queue + 1, --queued * sizeof(queue[0]));
        next->runnable.cpu = (uint8_t)(cpu - cpu_record);
        atomic_store(&next->state, THREAD_RUNNING);
    }
    arch_thread_switch(prev ? &prev->arch : NULL, next ? &next->arch : NULL);
    cpu->current = next;
    release(&queue_lock);
    arch_timer_arm(next ? arch_counter() + FAKE_TURN : TICKS_NEVER);
    cpu->turn_end = next ? arch_counter() + FAKE_TURN : TICKS_NEVER;
}

/* --- traps --- */

static uint64_t add(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                    struct thread *self)
{
    (void)self;
    return a0 + a1 + a2 + a3 + a4 + a5;
}

/* Wait once; when woken the trap is repeated with its first argument cleared and returns the
 * others' sum. */
static uint64_t wait(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                     struct thread *self)
{
    if (!a0)
        return a1 + a2 + a3 + a4 + a5;
    take(&queue_lock);
    uint64_t args[6] = {0, a1, a2, a3, a4, a5};
    for (unsigned i = 0; i < 6; i++)
        arch_thread_set_arg(&self->arch, i, args[i]);
    arch_thread_restart_trap(&self->arch);
    arch_thread_switch(&self->arch, NULL);
    atomic_store(&self->state, THREAD_WAITING);
    arch_cpu_self()->current = NULL;
    atomic_store(&arch_cpu_self()->reschedule, 1);
    release(&queue_lock);
    return 77; /* nobody may see it */
}

static uint64_t wake(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                     struct thread *self)
{
    (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)self;
    uint64_t woken = 0;
    take(&queue_lock);
    for (unsigned i = 0; i < FAKE_THREADS; i++) {
        if (atomic_load(&fake_thread[i].state) != THREAD_WAITING)
            continue;
        make_ready(&fake_thread[i]);
        woken++;
    }
    release(&queue_lock);
    return woken;
}

static void increment(void)
{
    uint64_t value = fake_counter;
    arch_sim_point();
    fake_counter = value + 1;
}

static uint64_t count(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                      struct thread *self)
{
    (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)self;
    take(&first);
    increment();
    release(&first);
    return 0;
}

static uint64_t count_unlocked(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                               uint64_t a5, struct thread *self)
{
    (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)self;
    increment();
    return 0;
}

/* Two locks in an order that the caller chooses. */
static uint64_t cross(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                      struct thread *self)
{
    (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)self;
    take(a0 ? &second : &first);
    take(a0 ? &first : &second);
    release(&second);
    release(&first);
    return 0;
}

trap_handler_t *const kern_trap_table[] = {add, wait, wake, count, count_unlocked, cross};
const uint64_t kern_trap_count = array_count(kern_trap_table);

void kern_msg(struct thread *self)
{
    (void)self;
}

struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                             uint64_t receive, struct cpu *cpu, struct thread *self)
{
    (void)dest, (void)id, (void)control, (void)nothing, (void)receive, (void)cpu, (void)self;
    return NULL;
}

struct thread *kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                                  uint64_t receive, struct cpu *cpu, struct thread *self)
{
    (void)dest, (void)id, (void)control, (void)nothing, (void)receive, (void)cpu, (void)self;
    return NULL;
}

uint64_t kern_bad_trap(struct thread *self, uint64_t number)
{
    (void)self;
    return ~number;
}

/* --- the other upcalls --- */

kern_return_t kern_user_fault(struct thread *self, vaddr_t va, enum access access, uint64_t code)
{
    (void)code, (void)access;
    if (va == 0)
        return KERN_INVALID_ADDRESS;
    self->arch.program.action.va = 4096; /* repaired: the access is repeated and succeeds */
    return KERN_SUCCESS;
}

void kern_user_fault_refused(struct thread *self, vaddr_t va, enum access access, uint64_t code,
                             kern_return_t kr)
{
    (void)va, (void)code, (void)access;
    if (kr == KERN_INVALID_ADDRESS)
        atomic_fetch_add_explicit(&fake_exceptions, 1, memory_order_relaxed);
    self->arch.program.action.va = 4096;
}

/* Nobody makes one here. */
bool kern_late_abort(struct thread *self, uint64_t code)
{
    (void)self, (void)code;
    return false;
}

void kern_user_exception(struct thread *self, enum user_exception kind, vaddr_t address,
                         uint64_t code)
{
    (void)self, (void)kind, (void)address, (void)code;
    atomic_fetch_add_explicit(&fake_exceptions, 1, memory_order_relaxed);
}

void kern_interrupt(unsigned irq)
{
    fake_irqs[irq]++;
    fake_last_irq_cpu = host_cpu_index();
}

void kern_timer(void)
{
    struct cpu *cpu = arch_cpu_self();
    fake_alarms[host_cpu_index()]++;
    CHECK(arch_counter() > cpu->turn_end - FAKE_TURN);
    atomic_store(&cpu->reschedule, 1);
}

void kern_ipi(void)
{
    atomic_fetch_add(&fake_ipis[host_cpu_index()], 1);
}

void kern_secondary(struct cpu *cpu)
{
    arch_cpu_init(cpu, true);
    arch_timer_cpu_init();
    atomic_store(&cpu->online, true);
    atomic_store(&cpu->reschedule, 1);
}

void fake_boot(void *threads)
{
    arch_cpu_set_self(&cpu_record[0]);
    arch_cpu_init(&cpu_record[0], true);
    cpu_count = 1;
    for (unsigned i = 0; i < *(unsigned *)threads; i++) {
        struct thread *t = &fake_thread[i];
        t->id = i + 1;
        arch_thread_init(&t->arch, 0x1000, 0x2000, i, 0);
        arch_thread_set_tls(&t->arch, i * 100);
        atomic_store(&t->state, THREAD_READY);
        queue[queued++] = t;
    }
    while (cpu_count < MAX_CPUS &&
           arch_smp_start(&cpu_record[cpu_count], NULL, NULL) == KERN_SUCCESS)
        cpu_count++;
    atomic_store(&cpu_record[0].reschedule, 1);
}

/* --- what the machine asks of the kernel besides --- */

bool lock_check_none_held(void)
{
    return true;
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

enum host_fault host_user_access(unsigned cpu, vaddr_t va, unsigned access, void *buffer, size_t n)
{
    (void)cpu, (void)n;
    if (va == 0)
        return HOST_FAULT_TRANSLATION;
    if (access != PROT_WRITE)
        *(uint32_t *)buffer = (uint32_t)va;
    return HOST_FAULT_NONE;
}
