/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exception vectors and the way back to user mode.
 *
 * In user mode SP_EL1 points at the current thread's trap frame, so the first stores need no
 * register. The kernel then runs on the CPU's one stack, from its top. Interrupts stay masked until
 * the exception return.
 *
 * A trap (SVC) may clobber x1-x18; the kernel returns them zeroed, so no register leaks between
 * domains (D4). Its fast way in and out saves and loads only what C does not preserve.
 *
 * Who owns a frame: this CPU, until the thread is made visible as waiting or ready (sched_block,
 * kern_schedule). After a trap handler has returned with `reschedule` set, the frame is touched
 * only if the thread is still current.
 */
#include "trap_impl.inc"
#include <machine/offsets.h>
#include <wharf/message.h>

/* One more than the highest trap number of the table. */
    .set trap_count, 0
#define TRAP(number, name, handler, arguments, doc) .ifge number - trap_count; .set trap_count, number + 1; .endif;
#include <wharf/abi/traps.def>
#undef TRAP

/* Bits of CPACR and vectors are set up in C. Save pairs of the frame relative to \base. */
.macro save_low base
    stp     x0, x1, [\base, #TF_x0]
    stp     x2, x3, [\base, #TF_x2]
    stp     x4, x5, [\base, #TF_x4]
    stp     x6, x7, [\base, #TF_x6]
    stp     x8, x9, [\base, #TF_x8]
    stp     x10, x11, [\base, #TF_x10]
    stp     x12, x13, [\base, #TF_x12]
    stp     x14, x15, [\base, #TF_x14]
    stp     x16, x17, [\base, #TF_x16]
    stp     x18, x19, [\base, #TF_x18]
.endm
.macro save_high base
    stp     x20, x21, [\base, #TF_x20]
    stp     x22, x23, [\base, #TF_x22]
    stp     x24, x25, [\base, #TF_x24]
    stp     x26, x27, [\base, #TF_x26]
.endm
.macro load_all_but_0_1 base
    ldp     x2, x3, [\base, #TF_x2]
    ldp     x4, x5, [\base, #TF_x4]
    ldp     x6, x7, [\base, #TF_x6]
    ldp     x8, x9, [\base, #TF_x8]
    ldp     x10, x11, [\base, #TF_x10]
    ldp     x12, x13, [\base, #TF_x12]
    ldp     x14, x15, [\base, #TF_x14]
    ldp     x16, x17, [\base, #TF_x16]
    ldp     x18, x19, [\base, #TF_x18]
    ldp     x20, x21, [\base, #TF_x20]
    ldp     x22, x23, [\base, #TF_x22]
    ldp     x24, x25, [\base, #TF_x24]
    ldp     x26, x27, [\base, #TF_x26]
    ldp     x28, x29, [\base, #TF_x28]
.endm

/*
 * Branch-history measure (CVE-2022-23960): so many taken branches flush what user code trained. For
 * CPUs that need it, chosen by VBAR_EL1. x30 is free here. Source: Arm's Spectre-BHB advisory.
 */
.macro branch_history_loop count
    mov     x30, #\count
9:  b       . + 4
    subs    x30, x30, #1
    b.ne    9b
    dsb     nsh
    isb
.endm

/* Messages that need no branch-history measure are handled in the vector itself, which has room for 32 instructions. */
.macro user_sync mitigated
    .balign 128
    stp     x29, x30, [sp, #TF_x29]
    .if \mitigated
    branch_history_loop \mitigated
    .endif
    mrs     x30, esr_el1
    lsr     x29, x30, #26
    cmp     x29, #0x15                     /* SVC from AArch64 */
    b.ne    user_fault
    tbz     x30, #0, user_trap             /* an odd immediate: a message */
    .if \mitigated
    b       user_message
    .else
    message_entry
    .endif
.endm

.macro user_other mitigated, target
    .balign 128
    stp     x29, x30, [sp, #TF_x29]
    .if \mitigated
    branch_history_loop \mitigated
    .endif
    b       \target
.endm

.macro kernel_entry kind
    .balign 128
    msr     tpidrro_el0, x0                /* scratch; cleared before user code can see it */
    b       kernel_\kind
.endm

.macro vector_table name, mitigated
    .balign 2048
    .globl \name
\name:
    .rept   4                              /* current level with SP_EL0: we never run so */
    kernel_entry abort
    .endr
    kernel_entry fault                     /* current level with SP_EL1: synchronous */
    kernel_entry abort                     /* IRQ, FIQ: masked, so never */
    kernel_entry abort
    kernel_entry abort                     /* SError */
    user_sync \mitigated
    user_other \mitigated, user_irq
    user_other \mitigated, user_irq        /* FIQ: not routed to us; handled alike */
    user_other \mitigated, user_serror
    user_other \mitigated, user_aarch32
    user_other \mitigated, user_aarch32
    user_other \mitigated, user_aarch32
    user_other \mitigated, user_aarch32
    .org    \name + 2048                   /* an error if an entry does not fit its 128 bytes */
.endm

    .section .text.vectors, "ax"
    vector_table arch_vectors, 0
    vector_table arch_vectors_bhb8, 8       /* Cortex-A57, A72 */
    vector_table arch_vectors_bhb32, 32     /* later cores that need more: the most any of them needs */

/* ---------------------------------------------------------------- traps */
    .balign 64
user_trap:
    stp     x27, x28, [sp, #TF_x27]
    stp     x25, x26, [sp, #TF_x25]
    stp     x23, x24, [sp, #TF_x23]
    stp     x21, x22, [sp, #TF_x21]
    stp     x19, x20, [sp, #TF_x19]
    mrs     x17, sp_el0                    /* x17 and x18 only: a message is in the others */
    mrs     x18, elr_el1
    stp     x17, x18, [sp, #TF_sp]
    mrs     x17, spsr_el1
    str     x17, [sp, #TF_pstate]
    str     x8, [sp, #TF_x8]
    mov     x6, sp
    mov     x19, sp                        /* struct thread *: the frame is its first member */
    mrs     x20, tpidr_el1
    ldr     x17, [x20, #CPU_STACK_TOP]
    mov     x29, xzr
    mov     sp, x17
    cmp     x8, #trap_count
    b.hs    bad_trap
    csel    x8, x8, xzr, lo                /* no out-of-range index even under speculation */
    csdb
    adrp    x9, kern_trap_table
    add     x9, x9, #:lo12:kern_trap_table
    ldr     x9, [x9, x8, lsl #3]
    blr     x9
trap_done:
    ldr     w9, [x20, #CPU_RESCHEDULE]
    cbnz    w9, trap_reschedule
    ldp     x9, x10, [x19, #TF_pc]
    msr     elr_el1, x9
    msr     spsr_el1, x10
    mov     sp, x19
    ldp     x29, x30, [sp, #TF_x29]
    ldp     x19, x20, [sp, #TF_x19]        /* x21-x28 are as the user left them: C preserves them */
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    mov     x4, xzr
    mov     x5, xzr
    mov     x6, xzr
    mov     x7, xzr
    mov     x8, xzr
    mov     x9, xzr
    mov     x10, xzr
    mov     x11, xzr
    mov     x12, xzr
    mov     x13, xzr
    mov     x14, xzr
    mov     x15, xzr
    mov     x16, xzr
    mov     x17, xzr
    mov     x18, xzr
    exception_return

bad_trap:
    mov     x0, x6
    mov     x1, x8
    bl      kern_bad_trap
    b       trap_done

trap_reschedule:
    ldr     x9, [x20, #CPU_CURRENT]
    ldr     x10, [x20, #CPU_RESTART]
    str     xzr, [x20, #CPU_RESTART]       /* also of one that waits for a page: the next trap here is another's */
    cmp     x9, x19
    b.ne    arch_leave_kernel              /* it waits, or is gone: the frame is not ours any more */
    cbnz    x10, leave_reschedule          /* the trap will be repeated: its registers are in the frame */
    stp     x0, xzr, [x19, #TF_x0]
    stp     xzr, xzr, [x19, #TF_x2]
    stp     xzr, xzr, [x19, #TF_x4]
    stp     xzr, xzr, [x19, #TF_x6]
    stp     xzr, xzr, [x19, #TF_x8]
    stp     xzr, xzr, [x19, #TF_x10]
    stp     xzr, xzr, [x19, #TF_x12]
    stp     xzr, xzr, [x19, #TF_x14]
    stp     xzr, xzr, [x19, #TF_x16]
    str     xzr, [x19, #TF_x18]
    b       leave_reschedule

/* ---------------------------------------------------------------- everything else from user
 * mode */
.macro user_full
    save_low sp
    save_high sp
    str     x28, [sp, #TF_x28]
    mrs     x9, sp_el0
    mrs     x10, elr_el1
    mrs     x11, spsr_el1
    stp     x9, x10, [sp, #TF_sp]
    str     x11, [sp, #TF_pstate]
    mov     x0, sp
    mrs     x20, tpidr_el1
    ldr     x9, [x20, #CPU_STACK_TOP]
    mov     x29, xzr
    mov     sp, x9
.endm

    .balign 64
user_irq:
    user_full
    bl      irq_take
    b       arch_leave_kernel

/*
 * A page that is found is all that most data aborts want. They save what C does not preserve, and nothing looks at the rest of
 * the frame before it is saved, too: for what comes of a fault that was refused, and for another thread.
 */
user_fault:
    save_low sp
    mrs     x9, sp_el0
    mrs     x10, elr_el1
    mrs     x11, spsr_el1
    stp     x9, x10, [sp, #TF_sp]
    str     x11, [sp, #TF_pstate]
    mov     x0, sp
    mrs     x3, tpidr_el1
    ldr     x9, [x3, #CPU_STACK_TOP]
    mov     x1, x30                        /* ESR_EL1 */
    mrs     x2, far_el1
    mov     sp, x9
    cmp     x29, #0x24                     /* data abort from user mode */
    mov     x29, xzr
    b.ne    user_sync_other
    bl      arch_user_abort
    mrs     x9, tpidr_el1
    ldr     w10, [x9, #CPU_RESCHEDULE]
    orr     w11, w10, w0
    cbnz    w11, user_fault_slow
    ldr     x9, [x9, #CPU_CURRENT]
    ldp     x10, x11, [x9, #TF_pc]
    msr     elr_el1, x10
    msr     spsr_el1, x11
    mov     sp, x9
    ldp     x2, x3, [sp, #TF_x2]
    ldp     x4, x5, [sp, #TF_x4]
    ldp     x6, x7, [sp, #TF_x6]
    ldp     x8, x9, [sp, #TF_x8]
    ldp     x10, x11, [sp, #TF_x10]
    ldp     x12, x13, [sp, #TF_x12]
    ldp     x14, x15, [sp, #TF_x14]
    ldp     x16, x17, [sp, #TF_x16]
    ldr     x18, [sp, #TF_x18]
    ldp     x29, x30, [sp, #TF_x29]
    ldp     x0, x1, [sp, #TF_x0]
    exception_return

user_fault_slow:
    mov     w3, w0
    ldr     x0, [x9, #CPU_CURRENT]
    save_high x0
    str     x28, [x0, #TF_x28]
    cbz     w3, arch_leave_kernel          /* found, but somebody else is to run */
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_user_abort_refused
    b       arch_leave_kernel

user_sync_other:
    save_high x0
    str     x28, [x0, #TF_x28]
    bl      arch_user_sync
    b       arch_leave_kernel

user_serror:
    user_full
    mrs     x1, esr_el1
    bl      arch_user_serror
    b       arch_leave_kernel

user_aarch32:                              /* cannot happen: SPSR never says AArch32 */
    user_full
    mrs     x1, esr_el1
    bl      arch_user_serror
    b       arch_leave_kernel

/* ---------------------------------------------------------------- out of the kernel */
    .balign 64
    .globl leave_reschedule
leave_reschedule:
    bl      kern_schedule
    b       1f

/* Resume whatever is current on this CPU, or idle. The stack is empty from here on. */
    .globl arch_leave_kernel
arch_leave_kernel:
    mrs     x20, tpidr_el1
    ldr     x9, [x20, #CPU_STACK_TOP]
    mov     sp, x9
1:  ldr     w9, [x20, #CPU_RESCHEDULE]
    cbnz    w9, leave_reschedule
    ldr     x0, [x20, #CPU_CURRENT]
    cbz     x0, idle
    ldp     x9, x10, [x0, #TF_sp]
    ldr     x11, [x0, #TF_pstate]
    msr     sp_el0, x9
    msr     elr_el1, x10
    msr     spsr_el1, x11
    mov     sp, x0
    load_all_but_0_1 sp
    ldr     x30, [sp, #TF_x30]
    ldp     x0, x1, [sp, #TF_x0]
    exception_return

idle:
    msr     daifclr, #4                    /* a pending SError would keep WFI from sleeping: have it reported */
    isb                                    /* the alarm is set before we sleep */
    dsb     sy
    wfi                                    /* wakes for a masked interrupt, too */
    msr     daifset, #4                    /* from here on x16 is in use, which its handler does not keep, and so may locks be */
    bl      arch_irq_poll
    b       arch_leave_kernel

/* ---------------------------------------------------------------- faults of the kernel itself */
/*
 * x0 is in TPIDRRO_EL0. If the stack pointer is not inside this CPU's stack with room for a frame,
 * the emergency stack is used: the report then cannot fault for ever.
 */
kernel_abort:
    mrs     x0, tpidr_el1
    str     xzr, [x0, #CPU_SCRATCH_KIND]
    b       3f
kernel_fault:
    mrs     x0, tpidr_el1
    str     x0, [x0, #CPU_SCRATCH_KIND]    /* not zero: synchronous, may have a fixup */
3:  stp     x1, x2, [x0, #CPU_SCRATCH]
    mov     x1, sp
    ldr     x2, [x0, #CPU_STACK_BOTTOM]
    add     x2, x2, #(TRAP_FRAME_SIZE + 16)
    cmp     x1, x2
    b.lo    1f
    ldr     x2, [x0, #CPU_STACK_TOP]
    cmp     x1, x2
    b.ls    2f
1:  ldr     x2, [x0, #CPU_EMERGENCY_TOP]
    sub     x2, x1, x2
    cmn     x2, #2048                      /* already on the emergency stack? */
    b.hs    2f
    ldr     x2, [x0, #CPU_EMERGENCY_TOP]
    mov     sp, x2
2:  sub     sp, sp, #(TRAP_FRAME_SIZE + 16)
    str     x1, [sp, #TF_sp]               /* where the code that faulted had its stack */
    ldp     x1, x2, [x0, #CPU_SCRATCH]
    stp     x2, x3, [sp, #TF_x2]
    stp     x4, x5, [sp, #TF_x4]
    stp     x6, x7, [sp, #TF_x6]
    stp     x8, x9, [sp, #TF_x8]
    stp     x10, x11, [sp, #TF_x10]
    stp     x12, x13, [sp, #TF_x12]
    stp     x14, x15, [sp, #TF_x14]
    stp     x16, x17, [sp, #TF_x16]
    stp     x18, x19, [sp, #TF_x18]
    save_high sp
    stp     x28, x29, [sp, #TF_x28]
    str     x30, [sp, #TF_x30]
    mrs     x9, tpidrro_el0
    msr     tpidrro_el0, xzr
    stp     x9, x1, [sp, #TF_x0]
    mrs     x10, elr_el1
    mrs     x11, spsr_el1
    str     x10, [sp, #TF_pc]
    str     x11, [sp, #TF_pstate]
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    mrs     x3, tpidr_el1
    ldr     x3, [x3, #CPU_SCRATCH_KIND]
    stp     x29, x10, [sp, #TRAP_FRAME_SIZE] /* a frame record: the backtrace goes on below the fault */
    add     x29, sp, #TRAP_FRAME_SIZE
    bl      arch_kernel_sync               /* returns only after a fixup: pc in the frame has been changed */
    ldp     x10, x11, [sp, #TF_pc]
    msr     elr_el1, x10
    msr     spsr_el1, x11
    load_all_but_0_1 sp
    ldr     x30, [sp, #TF_x30]
    ldr     x16, [sp, #TF_sp]              /* a fixup may clobber x16 */
    ldp     x0, x1, [sp, #TF_x0]
    mov     sp, x16
    exception_return
