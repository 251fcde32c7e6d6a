/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorting exceptions out: which upcall an exception of user code becomes, and what is left when the
 * kernel faults. Source: Arm ARM D24.2.40 (ESR_EL1).
 */
#include <arch/mmu.h>
#include <arch/thread.h>
#include <arch/upcalls.h>
#include <arch/usercopy.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/thread.h>
#include <machine/fixup.h>
#include <machine/mmu_asm.h>
#include <machine/offsets.h>
#include <machine/smp_md.h>
#include <machine/start.h>

static_assert(offsetof(struct cpu, arch.stack_top) == CPU_STACK_TOP);
static_assert(offsetof(struct cpu, arch.scratch) == CPU_SCRATCH);
static_assert(offsetof(struct cpu, arch.scratch_kind) == CPU_SCRATCH_KIND);
static_assert(offsetof(struct cpu, arch.stack_bottom) == CPU_STACK_BOTTOM);
static_assert(offsetof(struct cpu, arch.emergency_top) == CPU_EMERGENCY_TOP);
static_assert(offsetof(struct cpu, arch.restart) == CPU_RESTART);
static_assert(offsetof(struct cpu, current) == CPU_CURRENT);
static_assert(offsetof(struct cpu, reschedule) == CPU_RESCHEDULE);
static_assert(offsetof(struct thread, arch) == 0, "the entry code takes SP_EL1 for the thread");
static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE && TRAP_FRAME_SIZE % 16 == 0);
static_assert(_Alignof(struct thread) % 16 == 0,
              "SP_EL1 points at it; QEMU does not check the alignment of SP");
static_assert(MAIR_VALUE_ASM == MAIR_VALUE);
static_assert(ARCH_SECONDARY_MAX == MAX_CPUS && sizeof(struct arch_secondary) == 16 &&
              offsetof(struct arch_secondary, cpu) == 8);
static_assert(PTE_KERNEL_DATA ==
              (PTE_VALID | PTE_TABLE_BIT | PTE_AF | PTE_SH_INNER | PTE_UXN | PTE_PXN));
static_assert(PTE_KERNEL_TEXT == (PTE_VALID | PTE_TABLE_BIT | PTE_AF | PTE_SH_INNER | PTE_UXN |
                                  PTE_AP_READONLY | PTE_GP));
static_assert(PTE_IDENTITY_BLOCK ==
              (PTE_VALID | PTE_AF | PTE_SH_INNER | PTE_UXN | PTE_AP_READONLY));

/* Exception classes, ESR_EL1.EC */
enum {
    EC_FP_ACCESS = 0x07,
    EC_IABORT_USER = 0x20,
    EC_PC_ALIGNMENT = 0x22,
    EC_DABORT_USER = 0x24, /* vectors.S */
    EC_DABORT_KERNEL = 0x25,
    EC_SP_ALIGNMENT = 0x26,
    EC_FP_EXCEPTION = 0x2c,
    EC_SERROR = 0x2f,
    EC_BREAKPOINT = 0x30,
    EC_STEP = 0x32,
    EC_WATCHPOINT = 0x34,
    EC_BRK = 0x3c,
};

static unsigned esr_class(uint64_t esr)
{
    return (unsigned)(esr >> 26) & 0x3f;
}

/* Fault status: the MMU refused (translation, access flag, permission), in whatever level. */
static bool is_mmu_fault(uint64_t esr)
{
    unsigned status = (unsigned)esr & 0x3f;
    return status >= 0x04 && status <= 0x0f;
}

/* What is not the MMU's refusal. */
static void bad_abort(struct thread *thread, uint64_t esr, vaddr_t far)
{
    enum { STATUS_ALIGNMENT = 0x21, STATUS_TLB_CONFLICT = 0x30 };
    unsigned status = (unsigned)esr & 0x3f;
    if (status == STATUS_ALIGNMENT) {
        kern_user_exception(thread, USER_EXC_ALIGNMENT, far, esr);
    } else if (status == STATUS_TLB_CONFLICT) {
        /* Two TLB entries for one address: drop all, the access is repeated. */
        arch_tlb_begin();
        arch_tlb_flush_all();
        arch_tlb_end();
    } else {
        bool address_known = !(esr & (1 << 10));
        kern_user_exception(thread, USER_EXC_BUS, address_known ? far : 0, esr);
    }
}

static void instruction_abort(struct thread *thread, uint64_t esr, vaddr_t far)
{
    if (!is_mmu_fault(esr)) {
        bad_abort(thread, esr, far);
        return;
    }
    kern_return_t kr = kern_user_fault(thread, far, ACCESS_EXECUTE, esr);
    if (kr != KERN_SUCCESS)
        kern_user_fault_refused(thread, far, ACCESS_EXECUTE, esr, kr);
}

/* After a use of FP that trapped, so many turns may begin with the state loaded; then it has to show
 * again that it needs it. */
enum { FP_TURNS = 32 };

/* The first FP instruction of this turn. */
static void fp_enter(struct arch_thread *t)
{
    uint64_t cpacr;
    __asm__ volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
    __asm__ volatile("msr cpacr_el1, %0\n\tisb" ::"r"(cpacr | (UINT64_C(3) << 20)) : "memory");
    fp_registers_load(&t->fp);
    t->fp_live = 1;
    t->fp_turns = FP_TURNS;
}

void arch_fp_switch(struct arch_thread *prev, struct arch_thread *next)
{
    uint64_t cpacr;
    fp_registers_save(&prev->fp);
    prev->fp_live = 0;
    if (next && next->fp_turns > 0) {
        next->fp_turns--;
        fp_registers_load(&next->fp);
        next->fp_live = 1;
        return; /* access stays open */
    }
    __asm__ volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
    /* No ISB: the exception return synchronises before user code can use FP, and the kernel never
     * does. */
    __asm__ volatile("msr cpacr_el1, %0" ::"r"(cpacr & ~(UINT64_C(3) << 20)) : "memory");
}

/* No kern_return_t. */
enum { BAD_ABORT = 0xffff };

static enum access data_access(uint64_t esr)
{
    bool write = (esr & (1 << 6)) && !(esr & (1 << 8)); /* WnR, but cache maintenance only reads */
    return write ? ACCESS_WRITE : ACCESS_READ;
}

/* A data abort: 0, and the access is repeated. Else arch_user_abort_refused() gets the result when the frame is whole; nothing here
 * looks at it. */
unsigned arch_user_abort(struct arch_thread *t, uint64_t esr, vaddr_t far)
{
    if (unlikely(!is_mmu_fault(esr)))
        return BAD_ABORT;
    return (unsigned)kern_user_fault(container_of(t, struct thread, arch), far, data_access(esr),
                                     esr);
}

void arch_user_abort_refused(struct arch_thread *t, uint64_t esr, vaddr_t far, unsigned result)
{
    struct thread *thread = container_of(t, struct thread, arch);
    if (result == BAD_ABORT)
        bad_abort(thread, esr, far);
    else
        kern_user_fault_refused(thread, far, data_access(esr), esr, (kern_return_t)result);
}

/* What is not a data abort. */
void arch_user_sync(struct arch_thread *t, uint64_t esr, vaddr_t far)
{
    struct thread *thread = container_of(t, struct thread, arch);
    vaddr_t pc = t->frame.pc;
    switch (esr_class(esr)) {
    case EC_FP_ACCESS: fp_enter(t); break;
    case EC_IABORT_USER: instruction_abort(thread, esr, far); break;
    case EC_PC_ALIGNMENT: kern_user_exception(thread, USER_EXC_ALIGNMENT, far, esr); break;
    case EC_SP_ALIGNMENT: kern_user_exception(thread, USER_EXC_ALIGNMENT, t->frame.sp, esr); break;
    case EC_FP_EXCEPTION: kern_user_exception(thread, USER_EXC_ARITHMETIC, pc, esr); break;
    case EC_BREAKPOINT:
    case EC_BRK: kern_user_exception(thread, USER_EXC_BREAKPOINT, pc, esr); break;
    case EC_STEP: kern_user_exception(thread, USER_EXC_STEP, pc, esr); break;
    case EC_WATCHPOINT: kern_user_exception(thread, USER_EXC_WATCHPOINT, far, esr); break;
    default: /* undefined, system registers, SVE, SME, BTI, pointer authentication, HVC, SMC ... */
        kern_user_exception(thread, USER_EXC_BAD_INSTRUCTION, pc, esr);
        break;
    }
}

void arch_user_serror(struct arch_thread *t, uint64_t esr)
{
    if (kern_late_abort(container_of(t, struct thread, arch), esr))
        return;
    log_panic_mode();
    arch_frame_report(&t->frame);
    kern_kernel_fault("asynchronous abort that no program has caused", t->frame.pc, t->frame.x30,
                      t->frame.x29, esr, 0);
}

void arch_kernel_sync(struct trap_frame *frame, uint64_t esr, vaddr_t far, uint64_t synchronous)
{
    if (synchronous) {
        uint64_t resume;
        if (arch_fixup_lookup(frame->pc, &resume)) {
            frame->pc = resume;
            return;
        }
    }
    /* The kernel has them masked but while it is idle. */
    if (!synchronous && esr_class(esr) == EC_SERROR && !arch_cpu_self()->current &&
        kern_late_abort(NULL, esr))
        return;
    log_panic_mode();
    arch_frame_report(frame);
    kern_kernel_fault(synchronous ? "fault in the kernel"
                                  : "asynchronous abort or unexpected interrupt in the kernel",
                      frame->pc, frame->x30, frame->x29, esr, far);
}
