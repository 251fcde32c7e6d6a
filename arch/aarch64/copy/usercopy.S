/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern_return_t usercopy_in(void *dst, const void *user_src, size_t n)
 * kern_return_t usercopy_out(void *user_dst, const void *src, size_t n)
 * kern_return_t usercopy_in_u32(uint32_t *value, const void *user_src)
 *
 * User memory is touched by the unprivileged instructions only, LDTR and STTR: they have the user's
 * rights, under speculation too, and work while PAN is set. Each is listed in .extable; when it
 * faults, arch_kernel_sync() resumes at usercopy_fault.
 *
 * The user's address is brought to a multiple of 8 by single bytes, then memory goes by words; the
 * kernel's side may be unaligned then, which Normal memory allows (SCTLR_EL1.A = 0). So the user's
 * side is never accessed unaligned, which would fault if it is a device.
 */
#define ERROR(name, number, class, sentence) .equ name, number;
#include <wharf/abi/errors.def>
#undef ERROR

/* One access to user memory. */
.macro user instruction:vararg
9000:
    \instruction
    .pushsection .extable, "a"
    .balign 4
    .long   9000b - .
    .long   usercopy_fault - .
    .popsection
.endm

/* 64 bytes; the kernel's pointer moves on. */
.macro read_64 offset
    user    ldtr x4, [x1, #\offset]
    user    ldtr x5, [x1, #\offset + 8]
    user    ldtr x6, [x1, #\offset + 16]
    user    ldtr x7, [x1, #\offset + 24]
    user    ldtr x8, [x1, #\offset + 32]
    user    ldtr x9, [x1, #\offset + 40]
    user    ldtr x10, [x1, #\offset + 48]
    user    ldtr x11, [x1, #\offset + 56]
    stp     x4, x5, [x0], #16
    stp     x6, x7, [x0], #16
    stp     x8, x9, [x0], #16
    stp     x10, x11, [x0], #16
.endm

.macro write_64 offset
    ldp     x4, x5, [x1], #16
    ldp     x6, x7, [x1], #16
    ldp     x8, x9, [x1], #16
    ldp     x10, x11, [x1], #16
    user    sttr x4, [x0, #\offset]
    user    sttr x5, [x0, #\offset + 8]
    user    sttr x6, [x0, #\offset + 16]
    user    sttr x7, [x0, #\offset + 24]
    user    sttr x8, [x0, #\offset + 32]
    user    sttr x9, [x0, #\offset + 40]
    user    sttr x10, [x0, #\offset + 48]
    user    sttr x11, [x0, #\offset + 56]
.endm

    .text
    .balign 64
    .globl  usercopy_in
    .type   usercopy_in, %function
usercopy_in:                               /* x0 kernel, x1 user, x2 bytes left */
    neg     x3, x1
    ands    x3, x3, #7                     /* bytes up to the next word */
    b.eq    2f
    cmp     x3, x2
    csel    x3, x3, x2, lo
    cbz     x3, 7f
    sub     x2, x2, x3
1:  user    ldtrb w4, [x1]
    add     x1, x1, #1
    strb    w4, [x0], #1
    subs    x3, x3, #1
    b.ne    1b
2:  subs    x2, x2, #128
    b.lo    3f
9:  read_64 0
    read_64 64
    add     x1, x1, #128
    subs    x2, x2, #128
    b.hs    9b
3:  adds    x2, x2, #64                    /* 128 - 64: now bytes left less 64 */
    b.mi    4f
    read_64 0
    add     x1, x1, #64
    sub     x2, x2, #64
4:  adds    x2, x2, #56                    /* 64 - 8: now bytes left less 8 */
    b.mi    6f
5:  user    ldtr x4, [x1]
    add     x1, x1, #8
    str     x4, [x0], #8
    subs    x2, x2, #8
    b.hs    5b
6:  adds    x2, x2, #8
    b.eq    7f
8:  user    ldtrb w4, [x1]
    add     x1, x1, #1
    strb    w4, [x0], #1
    subs    x2, x2, #1
    b.ne    8b
7:  mov     w0, #KERN_SUCCESS
    ret
    .size   usercopy_in, . - usercopy_in

    .balign 64
    .globl  usercopy_out
    .type   usercopy_out, %function
usercopy_out:                              /* x0 user, x1 kernel, x2 bytes left */
    neg     x3, x0
    ands    x3, x3, #7
    b.eq    2f
    cmp     x3, x2
    csel    x3, x3, x2, lo
    cbz     x3, 7f
    sub     x2, x2, x3
1:  ldrb    w4, [x1], #1
    user    sttrb w4, [x0]
    add     x0, x0, #1
    subs    x3, x3, #1
    b.ne    1b
2:  subs    x2, x2, #128
    b.lo    3f
9:  write_64 0
    write_64 64
    add     x0, x0, #128
    subs    x2, x2, #128
    b.hs    9b
3:  adds    x2, x2, #64
    b.mi    4f
    write_64 0
    add     x0, x0, #64
    sub     x2, x2, #64
4:  adds    x2, x2, #56
    b.mi    6f
5:  ldr     x4, [x1], #8
    user    sttr x4, [x0]
    add     x0, x0, #8
    subs    x2, x2, #8
    b.hs    5b
6:  adds    x2, x2, #8
    b.eq    7f
8:  ldrb    w4, [x1], #1
    user    sttrb w4, [x0]
    add     x0, x0, #1
    subs    x2, x2, #1
    b.ne    8b
7:  mov     w0, #KERN_SUCCESS
    ret
    .size   usercopy_out, . - usercopy_out

    .balign 16
    .globl  usercopy_in_u32
    .type   usercopy_in_u32, %function
usercopy_in_u32:
    user    ldtr w2, [x1]
    str     w2, [x0]
    mov     w0, #KERN_SUCCESS
    ret
    .size   usercopy_in_u32, . - usercopy_in_u32

    .type   usercopy_fault, %function
usercopy_fault:
    mov     w0, #KERN_INVALID_ADDRESS
    ret
    .size   usercopy_fault, . - usercopy_fault
