/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: all that a puppet executes; see user/actor.h. It is copied to where it runs.
 */
        .section .rodata.actor_code, "a"
        .balign 16
        .global actor_code
        .type   actor_code, %object
actor_code:
        svc     #1                      /* ACTOR_MESSAGE */
        brk     #0                      /* ACTOR_STOP */
        svc     #0                      /* ACTOR_TRAP */
        brk     #0
        .size   actor_code, . - actor_code

        .section .note.GNU-stack, "", %progbits
