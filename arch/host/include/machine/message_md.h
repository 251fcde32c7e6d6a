/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message registers of the simulated machine, which has its own numbers for them: x0 to x3 and x13 to
 * x16 the header, x4 to x7 and x9 to x12 the body.
 */
#pragma once

#include <kern/cpu.h>
#include <machine/thread_md.h>

enum msg_register {
    MSG_X_DEST = 0,
    MSG_X_ID = 1,
    MSG_X_CONTROL = 2,
    MSG_X_LOCAL = 3,
    MSG_X_ADDRESS = 4,
    MSG_X_RECEIVE = 13,
    MSG_X_DEADLINE = 14,
    MSG_X_BUFFER = 15,
    MSG_X_BUFFER_SIZE = 16,
};

static inline uint64_t arch_message_get(const struct arch_thread *t, enum msg_register r)
{
    return t->x[r];
}

static inline void arch_message_set(struct arch_thread *t, enum msg_register r, uint64_t value)
{
    t->x[r] = value;
}

static inline void arch_message_get_body(const struct arch_thread *t, uint64_t words[8])
{
    for (unsigned i = 0; i < 4; i++) {
        words[i] = t->x[4 + i];
        words[4 + i] = t->x[9 + i];
    }
}

static inline void arch_message_set_body(struct arch_thread *t, const uint64_t *words,
                                         unsigned count)
{
    for (unsigned i = 0; i < 4; i++) {
        t->x[4 + i] = i < count ? words[i] : 0;
        t->x[9 + i] = 4 + i < count ? words[4 + i] : 0;
    }
}

/** user.c: the header into the registers of `next`. */
struct thread *host_message_leave(struct thread *next, const uint64_t header[5]);

static inline struct thread *arch_message_leave(struct thread *next, uint64_t id, uint64_t control,
                                                uint64_t local, uint64_t remote, uint64_t seqno)
{
    return host_message_leave(next, (const uint64_t[]){id, control, local, remote, seqno});
}

static inline struct thread *arch_message_leave_long(struct thread *next, uint64_t id,
                                                     uint64_t control, uint64_t local,
                                                     uint64_t remote, uint64_t seqno)
{
    return arch_message_leave(next, id, control, local, remote, seqno);
}

struct thread *host_message_leave_whole(struct thread *next);

static inline struct thread *arch_message_leave_whole(struct thread *next)
{
    return host_message_leave_whole(next);
}

/** The body's registers while the fast way runs: of the CPU (user.c). */
uint64_t *host_message_body(void);

static inline void arch_message_keep(uint64_t words[8])
{
    const uint64_t *body = host_message_body();
    for (unsigned i = 0; i < 8; i++)
        words[i] = body[i];
}

static inline void arch_message_load(const uint64_t words[8])
{
    uint64_t *body = host_message_body();
    for (unsigned i = 0; i < 8; i++)
        body[i] = words[i];
}

static inline void arch_message_answer(struct arch_thread *t, uint64_t id, uint64_t control,
                                       const uint64_t words[8])
{
    for (unsigned i = 0; i < 17; i++)
        t->x[i] = 0;
    t->x[MSG_X_ID] = id;
    t->x[MSG_X_CONTROL] = control;
    arch_message_load(words);
}

static inline void arch_message_fail(struct arch_thread *t, kern_return_t result)
{
    for (unsigned i = 1; i < 17; i++)
        t->x[i] = 0;
    t->x[0] = (uint64_t) - (int64_t)result;
}

static inline void arch_message_repeat(struct arch_thread *t)
{
    t->pc -= 4;
    t->restarted = true;
}
