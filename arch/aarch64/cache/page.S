/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * void arch_zero_page(void *page)
 * void arch_copy_page(void *dst, const void *src)
 *
 * General registers only. Pages are 4096 bytes, aligned, Normal memory (DC ZVA faults on others).
 */
    .text
    .balign 64
    .globl  arch_zero_page
    .type   arch_zero_page, %function
arch_zero_page:
    hint    #34                            /* bti c */
    mrs     x2, dczid_el0
    add     x1, x0, #4096
    and     x3, x2, #0x1f                  /* DZP (4): not allowed; BS (3:0): log2 words of a block */
    cmp     x3, #6
    b.hi    2f                             /* not allowed, or blocks of more than 256 bytes: plain stores */
    mov     x4, #4
    lsl     x4, x4, x3
1:
    .rept   16
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

    .balign 64
    .globl  arch_copy_page
    .type   arch_copy_page, %function
arch_copy_page:
    hint    #34                            /* bti c */
    add     x2, x0, #4096
1:
    .irp    at, 0, 64, 128, 192, 256, 320, 384, 448
    ldp     x3, x4, [x1, #\at]
    ldp     x5, x6, [x1, #\at + 16]
    ldp     x7, x8, [x1, #\at + 32]
    ldp     x9, x10, [x1, #\at + 48]
    stp     x3, x4, [x0, #\at]
    stp     x5, x6, [x0, #\at + 16]
    stp     x7, x8, [x0, #\at + 32]
    stp     x9, x10, [x0, #\at + 48]
    .endr
    add     x1, x1, #512
    add     x0, x0, #512
    cmp     x0, x2
    b.lo    1b
    ret
    .size   arch_copy_page, . - arch_copy_page
