/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message registers in the trap frame: x0 to x7 the header, x9 to x15 and x18 the body.
 */
#pragma once

#include <machine/thread_md.h>

enum msg_register {
    MSG_X_DEST = 0,
    MSG_X_ID = 1,
    MSG_X_CONTROL = 2,
    MSG_X_LOCAL = 3,
    MSG_X_RECEIVE = 4,
    MSG_X_DEADLINE = 5,
    MSG_X_BUFFER = 6,
    MSG_X_BUFFER_SIZE = 7,
    MSG_X_ADDRESS = 9,
};

/* Where the words of the body are: seven neighbours and one apart. Around them is what carries nothing, and may hold what
 * the thread had there at an earlier entry: a thread that waits by the fast way has not saved these. */
enum { MSG_X_BODY = 9, MSG_X_BODY_NEIGHBOURS = 7, MSG_X_BODY_LAST = 18 };
enum { MSG_X_UNUSED = 8, MSG_X_UNUSED_PAIR = 16 };

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
    for (unsigned i = 0; i < MSG_X_BODY_NEIGHBOURS; i++)
        words[i] = x[MSG_X_BODY + i];
    words[MSG_X_BODY_NEIGHBOURS] = x[MSG_X_BODY_LAST];
}

/* Written out: a loop would stay one, and a memset would be a call. */
static inline void arch_message_clear7(uint64_t *x)
{
    x[0] = x[1] = x[2] = x[3] = x[4] = x[5] = x[6] = 0;
}
static_assert(MSG_X_BODY_NEIGHBOURS == 7);

static inline void arch_message_set_body(struct arch_thread *t, const uint64_t *words,
                                         unsigned count)
{
    uint64_t *x = trap_frame_x(&t->frame);
    if (count == 0) /* often, and known when this is compiled */
        arch_message_clear7(&x[MSG_X_BODY]);
    else
#pragma GCC unroll 7
        for (unsigned i = 0; i < MSG_X_BODY_NEIGHBOURS; i++)
            x[MSG_X_BODY + i] = i < count ? words[i] : 0;
    x[MSG_X_BODY_LAST] = count > MSG_X_BODY_NEIGHBOURS ? words[MSG_X_BODY_NEIGHBOURS] : 0;
    x[MSG_X_UNUSED] = x[MSG_X_UNUSED_PAIR] = x[MSG_X_UNUSED_PAIR + 1] = 0;
}

/** vectors.S: the arguments are the registers that the thread gets. Does not return. */
struct thread *arch_message_exit(uint64_t result, uint64_t id, uint64_t control, uint64_t local,
                                 uint64_t remote, uint64_t seqno, struct thread *next);

static inline struct thread *arch_message_leave(struct thread *next, uint64_t id, uint64_t control,
                                                uint64_t local, uint64_t remote, uint64_t seqno)
{
    return arch_message_exit(0, id, control, local, remote, seqno, next);
}

struct thread *arch_message_exit_long(uint64_t result, uint64_t id, uint64_t control,
                                      uint64_t local, uint64_t remote, uint64_t seqno,
                                      struct thread *next);

static inline struct thread *arch_message_leave_long(struct thread *next, uint64_t id,
                                                     uint64_t control, uint64_t local,
                                                     uint64_t remote, uint64_t seqno)
{
    return arch_message_exit_long(0, id, control, local, remote, seqno, next);
}

/** vectors.S */
struct thread *arch_leave_kernel(void);

static inline struct thread *arch_message_leave_whole(struct thread *next)
{
    (void)next;
    return arch_leave_kernel();
}

static inline void arch_message_keep(uint64_t words[8])
{
    uint64_t(*all)[8] = (uint64_t(*)[8])(void *)words;
    __asm__ volatile("stp x9, x10, [%1]\n\tstp x11, x12, [%1, #16]\n\t"
                     "stp x13, x14, [%1, #32]\n\tstp x15, x18, [%1, #48]"
                     : "=m"(*all)
                     : "r"(words)
                     : "memory");
}

static inline void arch_message_load(const uint64_t words[8])
{
    __asm__ volatile("ldp x9, x10, [%0]\n\tldp x11, x12, [%0, #16]\n\t"
                     "ldp x13, x14, [%0, #32]\n\tldp x15, x18, [%0, #48]" ::"r"(words)
                     : "memory");
}

/** trap/answer.S */
[[gnu::noreturn]] void arch_message_exit_answer(struct arch_thread *t, uint64_t id,
                                                uint64_t control, const uint64_t words[8]);

static inline void arch_message_answer(struct arch_thread *t, uint64_t id, uint64_t control,
                                       const uint64_t words[8])
{
    arch_message_exit_answer(t, id, control, words);
}

static inline void arch_message_fail(struct arch_thread *t, kern_return_t result)
{
    uint64_t *x = trap_frame_x(&t->frame);
    x[1] = x[2] = x[3] = x[4] = 0;
    arch_message_clear7(&x[5]);
    arch_message_clear7(&x[12]);
    x[0] = (uint64_t) - (int64_t)result;
}

static inline void arch_message_repeat(struct arch_thread *t)
{
    t->frame.pc -= 4; /* the SVC: its immediate tells the trap */
}
