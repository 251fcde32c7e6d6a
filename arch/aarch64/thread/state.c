/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's registers as others see and set them (wharf/thread_state.h).
 *
 * PSTATE: what is set from outside are the condition flags. SSBS and DIT, which user code may change by
 * itself, stay as they are; everything else is 0: EL0, AArch64, nothing masked, no single step, no BTYPE
 * (the new pc need not be where the old branch was going). Source: Arm ARM C5.2.19 (SPSR_EL1).
 */
#include <arch/atomic.h>
#include <arch/mmu.h>
#include <arch/thread.h>
#include <kern/string.h>
#include <wharf/thread_state.h>

enum { X_CLOBBERED = 19 /* x0 to x18: wharf/trap.h, R2 */ };

#define PSTATE_SSBS (UINT64_C(1) << 12)
#define PSTATE_DIT  (UINT64_C(1) << 24)

size_t arch_thread_state_size(unsigned flavour)
{
    switch (flavour) {
    case THREAD_STATE_GENERAL: return sizeof(struct thread_state_general);
    case THREAD_STATE_FP: return sizeof(struct thread_state_fp);
    default: return 0;
    }
}

/* By pairs of registers, for exceptions carry them along. Without the asm the compiler makes a call of memcpy(), which
 * takes three times as long. */
static inline void copy_x(uint64_t to[restrict 31], const uint64_t from[restrict 31])
{
#pragma GCC unroll 16
    for (unsigned i = 0; i < 30; i += 2) {
        uint64_t a = from[i], b = from[i + 1];
        __asm__("" : "+r"(a), "+r"(b));
        to[i] = a;
        to[i + 1] = b;
    }
    to[30] = from[30];
}

static inline const uint64_t *registers(const struct arch_thread *t)
{
    return trap_frame_x((struct trap_frame *)(uintptr_t)&t->frame);
}

static inline void get_special(const struct arch_thread *t, struct thread_state_general *out)
{
    out->sp = t->frame.sp;
    out->pc = t->frame.pc;
    out->pstate = t->frame.pstate;
    out->tls = t->tls;
}

void arch_thread_get_general(const struct arch_thread *t, struct thread_state_general *out)
{
    copy_x(out->x, registers(t));
    get_special(t, out);
}

static void get_waiting(const struct arch_thread *t, struct thread_state_general *out)
{
    for (unsigned i = 0; i < array_count(out->x); i++)
        out->x[i] = i < X_CLOBBERED ? 0 : registers(t)[i];
    get_special(t, out);
}

static void get_fp(const struct arch_thread *t, struct thread_state_fp *out)
{
    static_assert(sizeof(out->v) == sizeof(t->fp.v));
    memcpy(out->v, t->fp.v, sizeof(out->v));
    out->fpsr = (uint32_t)t->fp.fpsr;
    out->fpcr = (uint32_t)t->fp.fpcr;
}

void arch_thread_get_state(const struct arch_thread *t, unsigned flavour, bool waits, void *out)
{
    if (flavour == THREAD_STATE_FP)
        get_fp(t, out);
    else if (waits)
        get_waiting(t, out);
    else
        arch_thread_get_general(t, out);
}

/* What is checked is read once: it may lie in memory that user code writes meanwhile. */
kern_return_t arch_thread_set_general(struct arch_thread *t, const struct thread_state_general *in)
{
    const vaddr_t pc = relaxed_load(in->pc), sp = relaxed_load(in->sp), tls = relaxed_load(in->tls);
    if (pc % 4 != 0 || pc >= ARCH_USER_VA_END || sp > ARCH_USER_VA_END || tls >= ARCH_USER_VA_END)
        return KERN_INVALID_ADDRESS;
    copy_x(trap_frame_x(&t->frame), in->x);
    t->frame.sp = sp;
    t->frame.pc = pc;
    t->frame.pstate =
        (in->pstate & THREAD_STATE_FLAGS) | (t->frame.pstate & (PSTATE_SSBS | PSTATE_DIT));
    t->tls = tls;
    return KERN_SUCCESS;
}

void arch_thread_set_fp(struct arch_thread *t, const struct thread_state_fp *in)
{
    memcpy(t->fp.v, in->v, sizeof(in->v));
    t->fp.fpsr = in->fpsr;
    t->fp.fpcr = in->fpcr;
}
