/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps about threads, waiting and time.
 */
#include "traps.h"
#include <arch/thread.h>
#include <arch/usercopy.h>
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/futex.h>
#include <kern/kobj.h>
#include <kern/msg.h>
#include <kern/paged_object.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/trap.h>

/* The first time. Not inlined: the trap needs no stack then. */
[[gnu::cold, gnu::noinline]] static uint64_t name_self(struct thread *self)
{
    kern_return_t kr = thread_name_port(self);
    return kr == KERN_SUCCESS ? self->self_name : trap_error(kr);
}

uint64_t trap_thread_self(TRAP_ARGUMENTS)
{
    return likely(self->self_name) ? self->self_name : name_self(self);
}

uint64_t trap_thread_switch(TRAP_ARGUMENTS)
{
    sched_give_way(self);
    return 0;
}

/* As trap_restart(), with all six arguments. */
static uint64_t restart_with_all(TRAP_ARGUMENTS)
{
    arch_thread_set_arg(&self->arch, 3, a3);
    arch_thread_set_arg(&self->arch, 4, a4);
    arch_thread_set_arg(&self->arch, 5, a5);
    return trap_restart(self, a0, a1, a2);
}

/* The trap is repeated when the page is there. */
[[gnu::cold, gnu::noinline]] static uint64_t wait_for_page(TRAP_ARGUMENTS)
{
    uint64_t result = restart_with_all(a0, a1, a2, a3, a4, a5, self);
    paged_wait(self);
    return result;
}

/* The error may be that of a missing page. Only then may the thread be looked at: it waits otherwise, or is done. */
static inline uint64_t end_trap(kern_return_t kr, TRAP_ARGUMENTS)
{
    if (likely(kr == KERN_SUCCESS || !self->page.object))
        return trap_error(kr);
    return wait_for_page(a0, a1, a2, a3, a4, a5, self);
}

/* A wait that began: the registers are the waker's now; the value returned here goes nowhere. */
uint64_t trap_futex_wait(TRAP_ARGUMENTS)
{
    if (a0 % sizeof(uint32_t) != 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    kern_return_t kr = futex_wait(self, a0, (uint32_t)a1, clock_ticks_at(a2));
    return end_trap(kr, a0, a1, a2, a3, a4, a5, self);
}

uint64_t trap_futex_wake(TRAP_ARGUMENTS)
{
    enum { BATCH = 16 };
    if (a0 % sizeof(uint32_t) != 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    uint32_t count = (uint32_t)a1;
    uint64_t done = trap_progress(self, TRAP_futex_wake);
    while (done < count) {
        uint32_t batch = count - done < BATCH ? (uint32_t)(count - done) : BATCH;
        unsigned woken = futex_wake(self->task, a0, batch);
        done += woken;
        if (woken < batch)
            break;
        if (done < count && arch_irq_pending()) {
            trap_set_progress(self, TRAP_futex_wake, done);
            return trap_restart(self, a0, a1, a2);
        }
    }
    self->progress = 0;
    return done;
}

uint64_t trap_aborted(struct thread *thread)
{
    static const uint8_t counts[] = {TRAP_futex_wake, TRAP_futex_requeue, TRAP_futex_requeue_pi};
    uint64_t done = 0;
    for (unsigned i = 0; i < array_count(counts) && !done; i++)
        done = trap_progress(thread, counts[i]);
    thread->progress = 0;
    return done ? done : trap_error(KERN_ABORTED); /* those woken or moved so far */
}

/* The owner that a trap names, who must not be the caller unless `self_allowed`. */
static kern_return_t owner_named(struct thread *self, uint32_t name, bool self_allowed,
                                 struct thread **out)
{
    struct thread *owner = name ? futex_owner_lookup(self, name) : NULL;
    if (owner == self && !self_allowed) {
        thread_unref(owner);
        return KERN_INVALID_ARGUMENT;
    }
    *out = owner;
    return KERN_SUCCESS;
}

uint64_t trap_futex_wait_pi(TRAP_ARGUMENTS)
{
    struct thread *owner;
    if (a0 % sizeof(uint32_t) != 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    kern_return_t kr = owner_named(self, (uint32_t)a3, false, &owner);
    if (kr == KERN_SUCCESS)
        kr = futex_wait_pi(self, a0, (uint32_t)a1, clock_ticks_at(a2), owner);
    return end_trap(kr, a0, a1, a2, a3, a4, a5, self);
}

uint64_t trap_futex_wake_pi(TRAP_ARGUMENTS)
{
    if (a0 % sizeof(uint32_t) != 0)
        return trap_error(KERN_INVALID_ARGUMENT);
    return futex_wake_pi(self->task, a0);
}

/* Both kinds of requeue, whose first five arguments are the same; piece by piece. */
static uint64_t requeue(unsigned number, struct thread *owner, TRAP_ARGUMENTS)
{
    struct futex_requeue what = {.address = a0,
                                 .target = a3,
                                 .expected = (uint32_t)a2,
                                 .wake = (uint32_t)a1,
                                 .move = (uint32_t)a4,
                                 .pi = number == TRAP_futex_requeue_pi,
                                 .owner = owner};
    uint64_t done = trap_progress(self, number);
    bool more = true;
    while (more) {
        kern_return_t kr = futex_requeue(self, &what, &done, &more);
        if (kr != KERN_SUCCESS)
            return end_trap(kr, a0, a1, a2, a3, a4, a5, self);
        if (more && arch_irq_pending()) {
            trap_set_progress(self, number, done);
            return restart_with_all(a0, a1, a2, a3, a4, a5, self);
        }
    }
    self->progress = 0;
    return done;
}

static bool are_words(uint64_t address, uint64_t target)
{
    return address % sizeof(uint32_t) == 0 && target % sizeof(uint32_t) == 0 && address != target;
}

uint64_t trap_futex_requeue(TRAP_ARGUMENTS)
{
    return are_words(a0, a3) ? requeue(TRAP_futex_requeue, NULL, a0, a1, a2, a3, a4, a5, self)
                             : trap_error(KERN_INVALID_ARGUMENT);
}

uint64_t trap_futex_requeue_pi(TRAP_ARGUMENTS)
{
    struct thread *owner;
    kern_return_t kr =
        are_words(a0, a3) ? owner_named(self, (uint32_t)a5, true, &owner) : KERN_INVALID_ARGUMENT;
    if (kr != KERN_SUCCESS)
        return trap_error(kr);
    uint64_t result = requeue(TRAP_futex_requeue_pi, owner, a0, a1, a2, a3, a4, a5, self);
    if (owner)
        thread_unref(owner);
    return result;
}

uint64_t trap_restart(struct thread *self, uint64_t a0, uint64_t a1, uint64_t a2)
{
    arch_thread_set_arg(&self->arch, 0, a0);
    arch_thread_set_arg(&self->arch, 1, a1);
    arch_thread_set_arg(&self->arch, 2, a2);
    arch_thread_restart_trap(&self->arch);
    atomic_store(&arch_cpu_self()->reschedule, 1);
    return a0;
}

uint64_t trap_thread_exit(TRAP_ARGUMENTS)
{
    self->exit_status = a0 & 0xff;
    thread_exit_current(self);
    return 0;
}

uint64_t trap_task_exit(TRAP_ARGUMENTS)
{
    task_terminate(self->task, a0 & 0xff, false);
    thread_exit_current(self);
    return 0;
}

uint64_t trap_reply_keep(TRAP_ARGUMENTS)
{
    return (uint64_t)reply_keep(self);
}
