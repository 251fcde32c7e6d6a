/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trap stubs: sys_NAME for every row of the table. Arguments and result are already where the
 * trap wants them; the kernel keeps x30, so that a stub is a leaf.
 */
#define TRAP(number, name, handler, arguments, doc)     \
        .section .text.sys_##name, "ax";                \
        .balign 16;                                     \
        .global sys_##name;                             \
        .type   sys_##name, %function;                  \
sys_##name:                                             \
        mov     x8, number;                             \
        svc     0;                                      \
        ret;                                            \
        .size   sys_##name, . - sys_##name

#include <wharf/abi/traps.def>

/* sys_any(number, a0, a1, a2, a3, a4, a5): a trap by number, for tests. */
        .section .text.sys_any, "ax"
        .balign 16
        .global sys_any
        .type   sys_any, %function
sys_any:
        mov     x8, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        mov     x3, x4
        mov     x4, x5
        mov     x5, x6
        svc     #0
        ret
        .size   sys_any, . - sys_any

        .section .note.GNU-stack, "", %progbits
