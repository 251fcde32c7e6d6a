/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message trap, behind its entry (message_entry in trap_impl.inc): kern_msg_fast() is tried, then kern_msg(); and the
 * ways back with a message in registers.
 */
#include "trap_impl.inc"
#include <machine/offsets.h>
#include <wharf/message.h>

/* Clear the registers behind the end of a body of x17 bytes. Clobbers flags. */
.macro clear_body
    cmp     x17, #0
    csel    x9, x9, xzr, hi
    cmp     x17, #8
    csel    x10, x10, xzr, hi
    cmp     x17, #16
    csel    x11, x11, xzr, hi
    cmp     x17, #24
    csel    x12, x12, xzr, hi
    cmp     x17, #32
    csel    x13, x13, xzr, hi
    cmp     x17, #40
    csel    x14, x14, xzr, hi
    cmp     x17, #48
    csel    x15, x15, xzr, hi
    cmp     x17, #56
    csel    x18, x18, xzr, hi
.endm

.macro no_body
    mov     x9, xzr
    mov     x10, xzr
    mov     x11, xzr
    mov     x12, xzr
    mov     x13, xzr
    mov     x14, xzr
    mov     x15, xzr
    mov     x18, xzr
.endm

    .text
/*
 * kern_msg_fast() leaves the body in x9-x15 and x18: it and all it calls is compiled not to use these registers
 * (kernel/CMakeLists.txt). It ends with a branch to arch_message_exit(), or returns to here.
 */
    .balign 64
    .globl user_message
user_message:
    message_entry

/*
 * struct thread *arch_message_exit(result, id, control, local, remote, seqno, next): back to user mode as `next`,
 * with the header as it is in x0-x5, and the body, at most 64 bytes, in its registers.
 */
    .balign 64
    .globl arch_message_exit
arch_message_exit:
    mov     sp, x6
    ldp     x16, x17, [sp, #TF_sp]
    msr     sp_el0, x16
    ldr     x16, [sp, #TF_pstate]
    msr     elr_el1, x17
    msr     spsr_el1, x16
    tst     x2, #(0x7f << MSG_LENGTH_SHIFT)
    b.ne    message_body
    no_body
message_cleared:
    load_kept_registers
    mov     x6, xzr
    mov     x7, xzr
    mov     x8, xzr
    mov     x16, xzr
    mov     x17, xzr
    exception_return

message_body:                              /* of whole words: those behind its end are cleared */
    tbnz    x2, #(MSG_LENGTH_SHIFT + 6), message_cleared
    tbnz    x2, #(MSG_LENGTH_SHIFT + 5), 4f
    mov     x13, xzr                       /* 1 to 3 words */
    mov     x14, xzr
    mov     x15, xzr
    mov     x18, xzr
    tbnz    x2, #(MSG_LENGTH_SHIFT + 4), 2f
    mov     x10, xzr
1:  mov     x11, xzr
    mov     x12, xzr
    b       message_cleared
2:  tbz     x2, #(MSG_LENGTH_SHIFT + 3), 1b
    mov     x12, xzr
    b       message_cleared
4:  tbnz    x2, #(MSG_LENGTH_SHIFT + 4), 6f
    tbnz    x2, #(MSG_LENGTH_SHIFT + 3), 5f
    mov     x13, xzr                       /* 4 words */
5:  mov     x14, xzr
    mov     x15, xzr
    mov     x18, xzr
    b       message_cleared
6:  tbnz    x2, #(MSG_LENGTH_SHIFT + 3), 7f
    mov     x15, xzr                       /* 6 words */
7:  mov     x18, xzr
    b       message_cleared

/* The fast way has returned: x0 is the thread that runs now, its header in its frame, or NULL. */
    .globl message_tried
message_tried:
    cbz     x0, message_untried
message_from_frame:
    mrs     x20, tpidr_el1
    ldr     w17, [x20, #CPU_RESCHEDULE]
    cbnz    w17, message_reschedule
    mov     x6, x0
    ldp     x2, x3, [x6, #TF_x2]
    ldp     x4, x5, [x6, #TF_x4]
    ldp     x0, x1, [x6, #TF_x0]
    tst     x2, #(7 << MSG_LENGTH_SHIFT)
    b.eq    arch_message_exit
    ubfx    x17, x2, #MSG_LENGTH_SHIFT, #16
    clear_body
    b       message_registers

message_untried:                           /* or is the body in memory? */
    mrs     x5, tpidr_el1
    ldr     x6, [x5, #CPU_CURRENT]
    ldp     x2, x3, [x6, #TF_x2]
    ubfx    x17, x2, #MSG_LENGTH_SHIFT, #16
    cmp     x17, #MSG_REGISTER_BYTES
    b.ls    message_slow
    str     x9, [x6, #TF_x9]               /* the body's address */
    ldp     x0, x1, [x6, #TF_x0]
    ldr     x4, [x6, #TF_x4]
    bl      kern_msg_fast_long
    cbz     x0, message_in_frame
    mrs     x20, tpidr_el1                 /* an odd one: its header is in its frame */
    ldr     w17, [x20, #CPU_RESCHEDULE]
    no_body
    cbnz    w17, message_reschedule
    mov     x6, x0
    ldp     x2, x3, [x6, #TF_x2]
    ldp     x4, x5, [x6, #TF_x4]
    ldp     x0, x1, [x6, #TF_x0]
    b       message_registers

/* struct thread *arch_message_exit_long(...): as arch_message_exit(), with a body in memory. */
    .globl arch_message_exit_long
arch_message_exit_long:
    no_body
message_registers:                         /* the body's are as they shall be */
    mov     sp, x6
    ldp     x16, x17, [sp, #TF_sp]
    msr     sp_el0, x16
    ldr     x16, [sp, #TF_pstate]
    msr     elr_el1, x17
    msr     spsr_el1, x16
    b       message_cleared

    .globl message_slow
message_slow:                              /* the body is in the registers still */
    mrs     x20, tpidr_el1
    ldr     x0, [x20, #CPU_CURRENT]
    stp     x9, x10, [x0, #TF_x9]
    stp     x11, x12, [x0, #TF_x11]
    stp     x13, x14, [x0, #TF_x13]
    str     x15, [x0, #TF_x15]
    str     x18, [x0, #TF_x18]
message_in_frame:
    mrs     x20, tpidr_el1
    ldr     x0, [x20, #CPU_CURRENT]
    str     xzr, [x0, #TF_x8]
    stp     xzr, xzr, [x0, #TF_x16]
    mov     x29, xzr
    bl      kern_msg
    b       arch_leave_kernel

message_reschedule:                        /* as message_from_frame, but the body goes to the frame */
    ldr     x2, [x0, #TF_x2]
    ubfx    x17, x2, #MSG_LENGTH_SHIFT, #16
    clear_body
    stp     x9, x10, [x0, #TF_x9]
    stp     x11, x12, [x0, #TF_x11]
    stp     x13, x14, [x0, #TF_x13]
    str     x15, [x0, #TF_x15]
    str     x18, [x0, #TF_x18]
    stp     xzr, xzr, [x0, #TF_x6]
    str     xzr, [x0, #TF_x8]
    stp     xzr, xzr, [x0, #TF_x16]
    b       leave_reschedule
