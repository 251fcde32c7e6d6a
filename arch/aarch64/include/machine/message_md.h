/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message registers in the trap frame.
 */
#pragma once

#include <kern/string.h>
#include <machine/thread_md.h>

static inline uint64_t arch_message_get(const struct arch_thread *t, enum msg_register r)
{
    return trap_frame_x((struct trap_frame *)(uintptr_t)&t->frame)[r];
}

static inline void arch_message_set(struct arch_thread *t, enum msg_register r, uint64_t value)
{
    trap_frame_x(&t->frame)[r] = value;
}

static inline void arch_message_get_body(const struct arch_thread *t, uint64_t words[8])
{
    const uint64_t *x = trap_frame_x((struct trap_frame *)(uintptr_t)&t->frame);
    for (unsigned i = 0; i < 4; i++) {
        words[i] = x[4 + i];
        words[4 + i] = x[9 + i];
    }
}

static inline void arch_message_set_body(struct arch_thread *t, const uint64_t *words,
                                         unsigned count)
{
    uint64_t *x = trap_frame_x(&t->frame);
    for (unsigned i = 0; i < 4; i++) {
        x[4 + i] = i < count ? words[i] : 0;
        x[9 + i] = 4 + i < count ? words[4 + i] : 0;
    }
}

static inline void arch_message_spill(const struct arch_thread *self, struct arch_thread *next)
{
    (void)self;
    __asm__ volatile("stp x4, x5, [%0, #32]\n\tstp x6, x7, [%0, #48]\n\t"
                     "stp x9, x10, [%0, #72]\n\tstp x11, x12, [%0, #88]" ::"r"(&next->frame)
                     : "memory");
}

static inline void arch_message_reload(const struct arch_thread *next)
{
    __asm__ volatile("ldp x4, x5, [%0, #32]\n\tldp x6, x7, [%0, #48]\n\t"
                     "ldp x9, x10, [%0, #72]\n\tldp x11, x12, [%0, #88]" ::"r"(&next->frame)
                     : "memory");
}

static inline void arch_message_fail(struct arch_thread *t, kern_return_t result)
{
    uint64_t *x = trap_frame_x(&t->frame);
    for (unsigned i = 1; i <= 18; i++)
        x[i] = 0;
    x[0] = (uint64_t) - (int64_t)result;
}

static inline void arch_message_repeat(struct arch_thread *t)
{
    t->frame.pc -= 4; /* the SVC; x8 is in the frame since the trap */
}
