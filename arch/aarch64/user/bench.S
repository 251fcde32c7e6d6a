/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops of the benchmarks; see user/bench.h.
 */
#define TRAP(number, name, handler, arguments, doc) .set TRAP_NUMBER_##name, number
#include <wharf/abi/traps.def>

        .macro  function name
        .section .text.\name, "ax"
        .balign 64
        .global \name
        .type   \name, %function
\name:
        .endm

/* The number is loaded in each round, as a program has to: the kernel clears x8. */
        .macro  trap_loop name, number, trap, vector=0
        function \name
        stp     x19, x20, [sp, #-16]!
        mov     x19, x0
        mrs     x20, cntvct_el0
1:      mov     x8, #\number
        .if     \vector
        fmov    d0, #1.0
        .endif
        .if     \trap
        svc     #0
        .endif
        subs    x19, x19, #1
        b.ne    1b
        mrs     x0, cntvct_el0
        sub     x0, x0, x20
        ldp     x19, x20, [sp], #16
        ret
        .endm

        trap_loop bench_loop_empty, 0, 0
        trap_loop bench_loop_self, TRAP_NUMBER_thread_self, 1
        trap_loop bench_loop_switch, TRAP_NUMBER_thread_switch, 1
        trap_loop bench_loop_empty_fp, 0, 0, 1
        trap_loop bench_loop_switch_fp, TRAP_NUMBER_thread_switch, 1, 1

        function bench_nops
        mrs     x1, cntvct_el0
        .rept   1000
        nop
        .endr
        mrs     x0, cntvct_el0
        sub     x0, x0, x1
        ret

        function bench_store_counter
1:      mrs     x1, cntvct_el0
        str     x1, [x0]
        b       1b

        function bench_sleep_until
        mov     x2, x0
        adr     x0, bench_word
        mov     w1, #0
        mov     x8, #TRAP_NUMBER_futex_wait
        svc     #0
        mrs     x0, cntvct_el0
        ret

        function bench_store_register
        mrs     x3, cntvct_el0
        str     x3, [x0]
        str     w2, [x1]
1:      mrs     x3, cntvct_el0
        str     x3, [x0]
        b       1b

        function bench_receive
        mov     x4, x0
        mov     x0, #0
        mov     x2, #0
        mov     x3, #0
        mov     x5, #-1
        mov     x6, #0
        mov     x7, #0
        svc     #1
        mrs     x0, cntvct_el0
        ret

        /* Nobody changes it, and nobody wakes there. */
        .balign 4
bench_word:
        .word   0

        .section .note.GNU-stack, "", %progbits
