/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the kernel: report what is known, then halt or reset.
 *
 * The first CPU that panics owns the panic; the others are stopped, and those that come here by
 * themselves halt. From then on no lock is taken. A panic inside the report says so and ends at
 * once; one inside that halts without a word.
 */
#include <arch/reset.h>
#include <arch/smp.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/trace.h>

enum { REASON_MAX = 240, BUILD_ID_MAX = 48, TRACE_EVENTS = 32 };

enum arch_reset panic_action = ARCH_RESET_HALT;

static _Atomic uint32_t panic_cpu; /* number of the CPU that panicked + 1; 0: none */
static unsigned panic_depth;       /* own CPU of the panic */
static char reason[2][REASON_MAX]; /* of the panic, and of the one inside it */

bool panic_breaks_locks(void)
{
    uint32_t owner = atomic_load_explicit(&panic_cpu, memory_order_relaxed);

    if (likely(owner == 0))
        return false;
    if (owner != arch_cpu_self()->number + 1)
        arch_cpu_halt();
    return true;
}

/* Become the CPU that panics, or halt. Returns how often it has panicked before. */
static unsigned begin(void)
{
    uint32_t nobody = 0;

    (void)atomic_compare_exchange_strong(&panic_cpu, &nobody, arch_cpu_self()->number + 1);
    (void)panic_breaks_locks();
    if (panic_depth == array_count(reason))
        arch_cpu_halt();
    log_panic_mode();
    return panic_depth++;
}

static void print_place(void)
{
    const struct cpu *self = arch_cpu_self();
    const struct thread *thread = self->current;
    char id[BUILD_ID_MAX];

    build_id_text(id, sizeof(id));
    log_error("panic: cpu %u, %s, build %s", self->number, arch_cpu_name(), id);
    if (thread == NULL)
        log_error("panic: no current thread");
    else
        log_error("panic: current thread %u of task %u (%s), user pc %#llx", thread->id,
                  thread->task->id, thread->task->name,
                  (unsigned long long)arch_thread_pc(&thread->arch));
}

/* The text is in reason[depth]. */
[[gnu::noreturn]] static void report(unsigned depth, vaddr_t pc, vaddr_t link, vaddr_t fp)
{
    if (depth > 0) {
        log_plain("PANIC: %s (inside a panic: %s)", reason[depth], reason[0]);
        arch_reset(panic_action);
    }
    trace(TRACE_PANIC, pc, 0);
    arch_smp_stop_others();
    log_plain("PANIC: %s", reason[0]);
    print_place();
    arch_cpu_report();
    backtrace_print(pc, link, fp);
    lock_check_print();
    trace_print_last(TRACE_EVENTS);
    arch_reset(panic_action);
}

void panic(const char *format, ...)
{
    unsigned depth = begin();
    va_list args;

    va_start(args, format);
    (void)format_text_v(reason[depth], REASON_MAX, format, args);
    va_end(args);
    /* The chain begins with the caller: its call, and its frame, which our own frame record
     * names. */
    vaddr_t caller_frame = *(const vaddr_t *)__builtin_frame_address(0);
    report(depth, (vaddr_t)__builtin_return_address(0) - 1, 0, caller_frame);
}

void kern_kernel_fault(const char *what, vaddr_t pc, vaddr_t link, vaddr_t fp, uint64_t code,
                       vaddr_t address)
{
    unsigned depth = begin();
    uint64_t offset = 0;
    const char *name = symbol_lookup(pc, &offset);

    (void)format_text(reason[depth], REASON_MAX,
                      "%s at %#llx (%s+%#llx), address %#llx, code %#llx", what,
                      (unsigned long long)pc, name != NULL ? name : "?", (unsigned long long)offset,
                      (unsigned long long)address, (unsigned long long)code);
    report(depth, pc, link, fp);
}
