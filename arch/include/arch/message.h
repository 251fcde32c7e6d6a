/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the msg trap (wharf/message.h) in a thread's saved state. While a thread is in
 * that trap its arguments are in its saved registers, as wharf/message.h lists them; results are
 * put there too. Fast entry and exit (kern_msg_fast) may keep the body in registers instead.
 *
 * machine/message_md.h supplies the inline functions.
 */
#pragma once

#include <kern/types.h>

struct arch_thread;
struct thread;

#include <machine/message_md.h>

/* enum msg_register, which message_md.h defines: the header's registers, in and out.
 *
 *   MSG_X_DEST          destination; out: result
 *   MSG_X_ID
 *   MSG_X_CONTROL
 *   MSG_X_LOCAL
 *   MSG_X_RECEIVE       name to receive from; out: remote
 *   MSG_X_DEADLINE      out: sequence number
 *   MSG_X_BUFFER        out: zero
 *   MSG_X_BUFFER_SIZE   out: zero
 *   MSG_X_ADDRESS       of a body in memory: the register of the first body word
 */

static inline uint64_t arch_message_get(const struct arch_thread *t, enum msg_register r);
static inline void arch_message_set(struct arch_thread *t, enum msg_register r, uint64_t value);

/** The eight body words. `words` has room for, or holds, MSG_REGISTER_BYTES. */
static inline void arch_message_get_body(const struct arch_thread *t, uint64_t words[8]);
/** Set `count` words; those behind, and registers that carry nothing, are zero. */
static inline void arch_message_set_body(struct arch_thread *t, const uint64_t *words,
                                         unsigned count);

/** The trap ends with an error: every message register but the result is zero. */
static inline void arch_message_fail(struct arch_thread *t, kern_return_t result);
/** The trap of a thread that waits in it, or has just returned from waiting, is repeated with the
 *  registers as they are. */
static inline void arch_message_repeat(struct arch_thread *t);

/** End of kern_msg_fast(): `next`, which is current, goes back to user mode with this header, and the body that is in
 *  the registers. May not return; what it returns is to be returned. */
static inline struct thread *arch_message_leave(struct thread *next, uint64_t id, uint64_t control,
                                                uint64_t local, uint64_t remote, uint64_t seqno);
/** The same where the body is in memory: its registers are zero. */
static inline struct thread *arch_message_leave_long(struct thread *next, uint64_t id,
                                                     uint64_t control, uint64_t local,
                                                     uint64_t remote, uint64_t seqno);

/** End of kern_msg_fast_long(): the current thread, `next`, goes on with its whole saved state, or whatever is to run does. May not
 *  return; what it returns is to be returned. */
static inline struct thread *arch_message_leave_whole(struct thread *next);

/** For kern_msg_fast(), which finds the body in registers and leaves it there: keep it while code is called that
 *  uses the registers; and load one. */
static inline void arch_message_keep(uint64_t words[8]);
static inline void arch_message_load(const uint64_t words[8]);

/** The end of kern_msg_fast() without a switch: the current thread gets an answer with this id and control word, whose
 *  body is at `words`, of which MSG_REGISTER_BYTES can be read; the other header registers are zero. Need not return;
 *  if it does, the thread is to be returned. */
static inline void arch_message_answer(struct arch_thread *t, uint64_t id, uint64_t control,
                                       const uint64_t words[8]);
