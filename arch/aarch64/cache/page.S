/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * void arch_zero_page(void *page)
 * void arch_zero_pages(void *pages, size_t count)
 * void arch_zero_lines(void *at, size_t size)
 * void arch_copy_page(void *dst, const void *src)
 * void arch_copy_lines(void *dst, const void *src, size_t size)
 *
 * Pages are 4096 bytes, aligned, Normal memory (DC ZVA faults on others).
 */
    .text
    .balign 64
    .globl  arch_zero_page
    .type   arch_zero_page, %function
arch_zero_page:
    hint    #34                            /* bti c */
    mov     x1, #1
    .globl  arch_zero_pages
    .type   arch_zero_pages, %function
arch_zero_pages:
    hint    #34                            /* bti c */
    mrs     x2, dczid_el0
    add     x1, x0, x1, lsl #12
    and     x3, x2, #0x1f                  /* DZP (4): not allowed; BS (3:0): log2 words of a block */
    cmp     x3, #5
    b.hi    2f                             /* not allowed, or blocks of more than 128 bytes: plain stores */
    mov     x4, #4
    lsl     x4, x4, x3
1:
    .rept   32                             /* 4096 bytes at most */
    dc      zva, x0
    add     x0, x0, x4
    .endr
    cmp     x0, x1
    b.lo    1b
    ret
2:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    stp     xzr, xzr, [x0, #80]
    stp     xzr, xzr, [x0, #96]
    stp     xzr, xzr, [x0, #112]
    add     x0, x0, #128
    cmp     x0, x1
    b.lo    2b
    ret
    .size   arch_zero_page, . - arch_zero_page
    .size   arch_zero_pages, . - arch_zero_pages

    .balign 64
    .globl  arch_zero_lines
    .type   arch_zero_lines, %function
arch_zero_lines:
    hint    #34                            /* bti c */
    mrs     x2, dczid_el0
    add     x1, x0, x1
    and     x2, x2, #0x1f
    cmp     x2, #4                         /* allowed, and blocks of 64 bytes */
    b.ne    2f
1:  dc      zva, x0
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    1b
    ret
2:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    2b
    ret
    .size   arch_zero_lines, . - arch_zero_lines

/*
 * By vector registers, which move twice as much an instruction. They are the current thread's, or, with access
 * closed (CPACR_EL1.FPEN), whoever's was here last: they are what they were afterwards, and so is the access. The
 * kernel is not interrupted, and has no other use for them.
 */
    .arch_extension fp
    .arch_extension simd
    .balign 64
    .globl  arch_copy_page
    .type   arch_copy_page, %function
arch_copy_page:
    hint    #34                            /* bti c */
    mrs     x3, cpacr_el1
    orr     x4, x3, #(3 << 20)
    msr     cpacr_el1, x4
    isb
    stp     q0, q1, [sp, #-64]!
    stp     q2, q3, [sp, #32]
    add     x2, x0, #4096
1:
    .irp    at, 0, 64, 128, 192, 256, 320, 384, 448
    ldp     q0, q1, [x1, #\at]
    ldp     q2, q3, [x1, #\at + 32]
    stp     q0, q1, [x0, #\at]
    stp     q2, q3, [x0, #\at + 32]
    .endr
    add     x1, x1, #512
    add     x0, x0, #512
    cmp     x0, x2
    b.lo    1b
    ldp     q2, q3, [sp, #32]
    ldp     q0, q1, [sp], #64
    msr     cpacr_el1, x3                  /* in force at the latest when the kernel is left */
    ret
    .size   arch_copy_page, . - arch_copy_page

/* The same for as many lines of 64 bytes, at any address. */
    .balign 64
    .globl  arch_copy_lines
    .type   arch_copy_lines, %function
arch_copy_lines:
    hint    #34                            /* bti c */
    mrs     x3, cpacr_el1
    orr     x4, x3, #(3 << 20)
    msr     cpacr_el1, x4
    isb
    stp     q0, q1, [sp, #-64]!
    stp     q2, q3, [sp, #32]
    add     x5, x0, x2
    and     x2, x2, #~0xff
    add     x2, x0, x2
    cmp     x0, x2
    b.hs    2f
1:
    .irp    at, 0, 64, 128, 192
    ldp     q0, q1, [x1, #\at]
    ldp     q2, q3, [x1, #\at + 32]
    stp     q0, q1, [x0, #\at]
    stp     q2, q3, [x0, #\at + 32]
    .endr
    add     x1, x1, #256
    add     x0, x0, #256
    cmp     x0, x2
    b.lo    1b
2:  cmp     x0, x5
    b.hs    3f
    ldp     q0, q1, [x1], #32
    ldp     q2, q3, [x1], #32
    stp     q0, q1, [x0], #32
    stp     q2, q3, [x0], #32
    b       2b
3:  ldp     q2, q3, [sp, #32]
    ldp     q0, q1, [sp], #64
    msr     cpacr_el1, x3                  /* in force at the latest when the kernel is left */
    ret
    .size   arch_copy_lines, . - arch_copy_lines
