/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register sets of a thread, as thread_get_state and thread_set_state give and take them. Numbers
 * and layouts are ABI; other machines get numbers of their own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define THREAD_STATE_GENERAL 1 /* struct thread_state_general */
#define THREAD_STATE_FP      2 /* struct thread_state_fp */

/** AArch64: general registers. Set: pc, sp and tls are user addresses (sp may be their end), pc a
 *  multiple of 4. */
struct thread_state_general {
    uint64_t x[31];
    uint64_t sp;
    uint64_t pc;
    uint64_t pstate; /* set: only THREAD_STATE_FLAGS are taken; the rest is what user mode needs */
    uint64_t tls;    /* TPIDR_EL0 */
};

/** Bits of pstate that can be set: N, Z, C, V. Bit 21 (single step) is reserved. */
#define THREAD_STATE_FLAGS UINT64_C(0xf0000000)

/** AArch64: FP and SIMD registers; low half of each v first. */
struct thread_state_fp {
    uint64_t v[32][2];
    uint32_t fpsr;
    uint32_t fpcr;
};

/** Room for any set. */
#define THREAD_STATE_MAX 520

_Static_assert(sizeof(struct thread_state_general) == 280, "ABI");
_Static_assert(offsetof(struct thread_state_general, sp) == 248, "ABI");
_Static_assert(sizeof(struct thread_state_fp) == THREAD_STATE_MAX, "ABI");
_Static_assert(offsetof(struct thread_state_fp, fpsr) == 512, "ABI");
