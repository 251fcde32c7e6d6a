/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uint64_t psci_smc(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
 * uint64_t psci_hvc(... the same ...)
 *
 * The SMC calling convention keeps x18-x30 and takes its arguments where C does, so a call is
 * the one instruction.
 */
.macro conduit name, instruction
    .globl  \name
    .type   \name, %function
\name:
    hint    #34                            /* bti c */
    \instruction #0
    ret
    .size   \name, . - \name
.endm

    .text
    .balign 16
    conduit psci_smc, smc
    conduit psci_hvc, hvc
