/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user code did that the machine refuses: the access flag is resolved; everything else ends
 * the task with a report. (Exception messages to handlers come with the kernel's next parts; this
 * is what happens when nobody handles it.)
 */
#include <arch/thread.h>
#include <arch/upcalls.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/pmap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>

static void crash(struct thread *self, const char *what, vaddr_t address, uint64_t code)
{
    char name[sizeof(self->task->name)];
    task_copy_name(self->task, name, sizeof(name));
    /* One report at a time, and one a task: later crashes of a dying task say nothing. */
    log_plain("wharf: %s crashed: %s %lx, thread %u at %lx (syndrome %lx)", name, what, address,
              self->id, arch_thread_pc(&self->arch), code);
    arch_thread_report(&self->arch, true);
    task_terminate(self->task, 0, true);
    thread_exit_current(self);
}

static bool is_dying(struct thread *self)
{
    spin_lock(&self->task->lock);
    bool dying = self->task->dying;
    spin_unlock(&self->task->lock);
    if (dying)
        thread_exit_current(self);
    return dying;
}

void kern_user_fault(struct thread *self, vaddr_t va, enum access access, uint64_t code)
{
    static const char *const what[] = {
        [ACCESS_READ] = "read of",
        [ACCESS_WRITE] = "write to",
        [ACCESS_EXECUTE] = "execution of",
    };
    trace(TRACE_FAULT, va, access);
    unsigned prot = access == ACCESS_WRITE     ? PROT_WRITE
                    : access == ACCESS_EXECUTE ? PROT_EXECUTE
                                               : PROT_READ;
    if (pmap_fault(self->task->pmap, round_down(va, PAGE_SIZE), prot) == KERN_SUCCESS)
        return;
    if (!is_dying(self))
        crash(self, what[access], va, code);
}

void kern_user_exception(struct thread *self, enum user_exception kind, vaddr_t address,
                         uint64_t code)
{
    static const char *const what[] = {
        [USER_EXC_BAD_INSTRUCTION] = "bad instruction at",
        [USER_EXC_ALIGNMENT] = "misaligned address",
        [USER_EXC_ARITHMETIC] = "floating-point exception at",
        [USER_EXC_BREAKPOINT] = "breakpoint at",
        [USER_EXC_BUS] = "bus error at",
    };
    trace(TRACE_EXCEPTION, kind, arch_thread_pc(&self->arch));
    if (!is_dying(self))
        crash(self, what[kind], address, code);
}
