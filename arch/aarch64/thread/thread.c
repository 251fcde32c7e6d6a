/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, steering and reporting a thread's user registers.
 */
#include <arch/thread.h>
#include <arch/usercopy.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/string.h>

void arch_thread_init(struct arch_thread *t, vaddr_t entry, vaddr_t sp, uint64_t arg,
                      uint64_t number)
{
    t->frame.pc = entry;
    t->frame.sp = sp;
    t->frame.x0 = arg;
    t->frame.x1 = number;
    t->frame.pstate = 0; /* EL0t, nothing masked */
}

void arch_thread_set_tls(struct arch_thread *t, vaddr_t tls)
{
    t->tls = tls;
}

void arch_thread_restart_trap(struct arch_thread *t)
{
    t->frame.pc -= 4; /* the SVC instruction; x8 is in the frame since the trap */
    arch_cpu_self()->arch.restart = 1;
}

void arch_thread_end_restart(struct arch_thread *t, uint64_t result)
{
    t->frame.pc += 4;
    arch_thread_clear_scratch(t);
    arch_thread_set_result(t, result);
}

vaddr_t arch_thread_pc(const struct arch_thread *t)
{
    return t->frame.pc;
}

/* Follow the user's frame records {next fp, return address} as far as they can be read and
 * climb. */
static void report_frames(const struct arch_thread *t)
{
    enum { MAX_FRAMES = 32 };
    uint64_t record[2];
    vaddr_t fp = t->frame.x29;
    log_error("  frame  0: pc %016lx", t->frame.pc);
    for (unsigned n = 1; n < MAX_FRAMES && fp % 16 == 0; n++) {
        if (arch_copyin(record, fp, sizeof(record)) != KERN_SUCCESS || record[1] == 0)
            break;
        log_error("  frame %2u: pc %016lx", n, record[1] - 4);
        if (record[0] <= fp) /* stacks grow down: callers are above */
            break;
        fp = record[0];
    }
}

void arch_frame_report(const struct trap_frame *frame)
{
    const uint64_t *x = trap_frame_x((struct trap_frame *)(uintptr_t)frame);
    for (unsigned i = 0; i < 30; i += 3)
        log_error("  x%-2u %016lx  x%-2u %016lx  x%-2u %016lx", i, x[i], i + 1, x[i + 1], i + 2,
                  x[i + 2]);
    log_error("  x30 %016lx  sp  %016lx  pc  %016lx  pstate %lx", frame->x30, frame->sp, frame->pc,
              frame->pstate);
}

void arch_thread_report(const struct arch_thread *t, bool frames)
{
    arch_frame_report(&t->frame);
    if (frames)
        report_frames(t);
}
