/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user code did that the machine refuses: a page that can be found is mapped (kern/map.h), everything else becomes an
 * exception (kern/exception.h). What nobody handles ends the task with a report.
 */
#include <arch/mmu.h>
#include <arch/thread.h>
#include <arch/upcalls.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/exception.h>
#include <kern/log.h>
#include <kern/map.h>
#include <kern/paged_object.h>
#include <kern/pmap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>
#include <wharf/if/exception_types.h>

static bool is_dying(struct thread *self)
{
    spin_lock(&self->task->lock);
    bool dying = self->task->dying;
    spin_unlock(&self->task->lock);
    if (dying)
        thread_exit_current(self);
    return dying;
}

/* It has no address, and the pc says only where the thread was when it came. */
static void report_late(const struct thread *self, const char *name)
{
    uint64_t syndrome = self->exception.code & ~EXCEPTION_CODE_LATE;
    log_plain("wharf: %s crashed: asynchronous bus error, thread %u was at %lx (syndrome %lx, an "
              "access made before)",
              name, self->id, arch_thread_pc(&self->arch), syndrome);
}

void exception_unhandled(struct thread *self)
{
    static const char *const what[] = {
        [EXCEPTION_KIND_READ] = "read of",
        [EXCEPTION_KIND_WRITE] = "write to",
        [EXCEPTION_KIND_EXECUTE] = "execution of",
        [EXCEPTION_KIND_BAD_INSTRUCTION] = "bad instruction at",
        [EXCEPTION_KIND_ALIGNMENT] = "misaligned address",
        [EXCEPTION_KIND_ARITHMETIC] = "floating-point exception at",
        [EXCEPTION_KIND_BREAKPOINT] = "breakpoint at",
        [EXCEPTION_KIND_STEP] = "single step to",
        [EXCEPTION_KIND_WATCHPOINT] = "watched address",
        [EXCEPTION_KIND_BUS] = "bus error at",
    };
    const struct exception *e = &self->exception;
    char name[sizeof(self->task->name)];
    if (is_dying(self))
        return;
    task_copy_name(self->task, name, sizeof(name));
    /* One report at a time, and one a task: later crashes of a dying task say nothing. */
    if (e->kind == EXCEPTION_KIND_BUS && e->code & EXCEPTION_CODE_LATE)
        report_late(self, name);
    else
        log_plain("wharf: %s crashed: %s %lx, thread %u at %lx (syndrome %lx)", name, what[e->kind],
                  e->address, self->id, arch_thread_pc(&self->arch), e->code);
    arch_thread_report(&self->arch, true);
    task_terminate(self->task, 0, true);
    thread_exit_current(self);
}

/* An access is the right that it takes, and a read or write the kind of the exception. */
static_assert((int)ACCESS_READ == (int)PROT_READ && (int)ACCESS_WRITE == (int)PROT_WRITE &&
              (int)ACCESS_EXECUTE == (int)PROT_EXECUTE);
static_assert((int)ACCESS_READ == (int)EXCEPTION_KIND_READ &&
              (int)ACCESS_WRITE == (int)EXCEPTION_KIND_WRITE);

/* The page may be used so, but cannot be had. */
static uint64_t why_missing(struct thread *self, kern_return_t kr)
{
    uint64_t result = page_result_error(self->page.told) == kr ? self->page.told : 0;
    return EXCEPTION_CODE_PAGE | (uint64_t)kr | (result >> 16 << 32);
}

/* It may be the access flag only that is missing. */
[[gnu::noinline]] static kern_return_t fault_on_old(struct thread *self, vaddr_t va,
                                                    enum access access)
{
    if (pmap_fault(self->pmap, round_down(va, PAGE_SIZE), access) == KERN_SUCCESS)
        return KERN_SUCCESS;
    return vm_fault(self, self->task, va, access);
}

[[gnu::noinline]] static kern_return_t fault_traced(struct thread *self, vaddr_t va,
                                                    enum access access, bool old)
{
    trace(TRACE_FAULT, va, access);
    return old ? fault_on_old(self, va, access) : vm_fault(self, self->task, va, access);
}

kern_return_t kern_user_fault(struct thread *self, vaddr_t va, enum access access, uint64_t code)
{
    bool old = arch_mmu_was_old(code);
    if (unlikely(trace_is_on(TRACE_FAULT)))
        return fault_traced(self, va, access, old);
    if (old)
        return fault_on_old(self, va, access);
    return vm_fault(self, self->task, va, access);
}

void kern_user_fault_refused(struct thread *self, vaddr_t va, enum access access, uint64_t code,
                             kern_return_t kr)
{
    if (kr == KERN_RETRY) {
        paged_wait(self);
        return;
    }
    if (kr != KERN_INVALID_ADDRESS && kr != KERN_PROTECTION_FAILURE)
        code = why_missing(self, kr);
    exception_raise(self, access == ACCESS_EXECUTE ? EXCEPTION_KIND_EXECUTE : (unsigned)access, va,
                    code);
}

/* A driver's store to its device may have been posted, and fail when the driver is long somewhere else: that must neither stop the machine nor be
 * blamed on who has no device. So who has one is told while it runs; else it is noted. */
bool kern_late_abort(struct thread *self, uint64_t code)
{
    enum { REPORTS = 16 };
    static _Atomic uint32_t reports;
    if (self && map_has_devices(&self->task->map)) {
        kern_user_exception(self, USER_EXC_BUS, 0, EXCEPTION_CODE_LATE | code);
        return true;
    }
    if (!memory_object_any_device())
        return false;
    if (atomic_fetch_add_explicit(&reports, 1, memory_order_relaxed) < REPORTS)
        log_warn(
            "trap: asynchronous bus error (syndrome %lx): a device refused some driver's access",
            code);
    return true;
}

void kern_user_exception(struct thread *self, enum user_exception kind, vaddr_t address,
                         uint64_t code)
{
    static const uint8_t as[] = {
        [USER_EXC_BAD_INSTRUCTION] = EXCEPTION_KIND_BAD_INSTRUCTION,
        [USER_EXC_ALIGNMENT] = EXCEPTION_KIND_ALIGNMENT,
        [USER_EXC_ARITHMETIC] = EXCEPTION_KIND_ARITHMETIC,
        [USER_EXC_BREAKPOINT] = EXCEPTION_KIND_BREAKPOINT,
        [USER_EXC_STEP] = EXCEPTION_KIND_STEP,
        [USER_EXC_WATCHPOINT] = EXCEPTION_KIND_WATCHPOINT,
        [USER_EXC_BUS] = EXCEPTION_KIND_BUS,
    };
    exception_raise(self, as[kind], address, code);
}
