/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the stages of the message trap (kern/msg.h).
 */
#pragma once

#include "ipc_impl.h"
#include <arch/message.h>
#include <kern/msg.h>

/** How a stage ended. */
enum stage {
    STAGE_DONE,    /* go on with the next */
    STAGE_FAILED,  /* *kr says why; nothing has changed */
    STAGE_OVER,    /* the trap has its result */
    STAGE_STOPPED, /* the thread waits, or repeats the trap: its registers say the rest */
};

/** A right taken out of the sender's space: what is needed to undo it, or to finish. */
struct taken {
    struct kright right;
    mach_port_name_t name;
    uint8_t disposition;
};

struct taken_list {
    unsigned count;
    struct taken right[MSG_RIGHTS_MAX + 2]; /* those of the descriptors, and the header's two */
};

/* ---- copyin.c ---- */
/** Check the control word: lengths, counts, unused bits. */
kern_return_t msg_check_control(uint64_t control);
/** A message with the trap's body, and a copy of its memory; names of its rights still in it. KERN_RETRY: the trap is repeated,
 *  to go on. MACH_SEND_INVALID_DATA, _INVALID_TYPE, _INVALID_HEADER, _INVALID_MEMORY, _TOO_LARGE, _NO_BUFFER. */
kern_return_t msg_copyin(struct thread *self, uint64_t control, struct kmsg **out);
/** Take one right for the header or a descriptor; noted in `list`. The space's lock is held. */
kern_return_t msg_take(struct space *space, struct taken_list *list, mach_port_name_t name,
                       unsigned disposition, struct kright *out);
/** Take all the descriptors' rights: names become objects. `dest`: where receive rights go, NULL: to a
 *  thread. On an error the caller undoes what is in `list`. The space's lock is held. */
kern_return_t msg_take_body(struct space *space, struct taken_list *list, struct kmsg *msg,
                            unsigned descriptors, struct port *dest);
/** Put everything back. The lock has been held since. */
void msg_take_undo(struct space *space, struct taken_list *list, struct list *later);
/** Everything has been taken: second step for all of `list`. */
void msg_take_finish(struct space *space, struct taken_list *list, struct list *later);

/* ---- memory.c ---- */
/** Pages of out-of-line memory that the trap's descriptors tell of, as they are now. */
uint32_t msg_peek_memory(struct thread *self, uint64_t control);
/** A descriptor of kind MSG_OOL_MEMORY becomes one of the message's. MACH_SEND_INVALID_MEMORY, _NO_BUFFER. */
kern_return_t msg_add_memory(struct kmsg *msg, struct msg_descriptor *d);
/** Go on with the copies. KERN_RETRY: the thread keeps the message, and repeats its trap, perhaps after a wait (thread->page.object). MACH_SEND_INVALID_MEMORY, _NO_BUFFER. */
kern_return_t msg_copy_memory(struct thread *self, uint64_t control, struct kmsg *msg, bool is_new);
/** The message that is being copied, to go on with; NULL: none. */
struct kmsg *msg_go_on_copying(struct thread *self, uint64_t control);
/** Give up a message that is being copied, if there is one. */
void msg_stop_copying(struct thread *self);
/** The message is about to be on its way: what its sender loses is the sender's to remove. */
void msg_note_losses(struct thread *self, struct kmsg *msg);
/** Remove what the thread is losing. STAGE_STOPPED: the trap is repeated for the rest, with its send half as it was. */
enum stage msg_lose_memory(struct thread *self);
/** The thread receives, and wants no such memory (MSG_FLAG_TRUSTED). */
bool msg_is_refused(struct thread *self, const struct kmsg *msg);
/** Both, at a thread's end. */
void msg_end_memory(struct thread *thread);

/* ---- send.c ---- */
/** Give the turn to send (thread->send_turn) to the next that waits for room at `turn`; NULL: nothing. */
void msg_pass_turn(struct thread *self, struct port *turn);
enum stage msg_send(struct thread *self, kern_return_t *kr);
/** Take the local right; MSG_REPLY: the answer that the thread itself owes, handed on, which nothing in `list` tells of.
 *  The space's lock is held. */
kern_return_t msg_take_local(struct thread *self, struct taken_list *list, uint64_t control,
                             struct kright *out);
/** Both rights of the header, in one step. */
kern_return_t msg_take_header(struct thread *self, struct taken_list *list, uint64_t control,
                              struct kright *remote, struct kright *local);

/* ---- receive.c ---- */
enum stage msg_receive(struct thread *self, kern_return_t *kr);

/* ---- copyout.c ---- */
/** Give the message to the current thread: registers, buffer, names. On success the message is gone; on an
 *  error it is whole and *control tells its length. MACH_RCV_UNTRUSTED: the caller destroys it. */
kern_return_t msg_copyout(struct thread *self, struct kmsg *msg, uint64_t *control);
/** The header registers of a received message. `remote`: name or MSG_REPLY. */
void msg_set_header(struct thread *self, uint32_t id, uint64_t control, uint64_t local,
                    uint64_t remote, uint32_t seqno);
/** The thread holds this reply now, or none (NULL): context and priority follow. */
void msg_hold_reply(struct thread *self, struct reply *reply, unsigned priority);
/** The same, when the thread does not wait next, but has its trap's result. */
void msg_hold_and_go_on(struct thread *self, struct reply *reply, unsigned priority);

/* ---- fast_oneway.c ---- */
/** Tried when kern_msg_fast() finds neither call nor answer; the same in all else. A body in registers only. */
struct thread *msg_oneway_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                               uint64_t receive, struct cpu *cpu, struct thread *self);

/* ---- fast_queue.c ---- */
/** The send half, if it is a short message without rights by way of a port's queue; a call's caller waits, too, if nobody
 *  took it at once. *stage: DONE, FAILED or STOPPED. False: nothing has happened, msg_send() is to be called. */
bool msg_send_queued(struct thread *self, enum stage *stage, kern_return_t *kr);
/** The receive half, if there is nothing to be sent and such a message is in the queue: the trap has its result. False:
 *  nothing has happened. */
bool msg_receive_queued(struct thread *self);

/* ---- kcall.c ---- */
/** The fast way of a message in registers to a kernel object, by a caller that waits for the answer, if it is one of
 *  the caller's own or of the host. The body's registers are the caller's, then the answer's. NULL: kern_msg()
 *  is to go on, for which registers and saved state are as it needs them. */
struct thread *msg_call_kernel_fast(struct ipc_entry *entry, uint64_t id, uint64_t control,
                                    uint64_t bits, uint64_t receive, struct cpu *cpu,
                                    struct thread *self);
struct kcall;
/** What msg_call_kernel_fast() has executed, but whose answer does not fit the registers: it becomes a message, and
 *  the trap goes on with its receive half. MACH_RCV_NO_SPACE: there is no memory for it. */
kern_return_t msg_conclude_kernel_fast(struct thread *self, uint64_t control, struct kcall *call,
                                       kern_return_t result);
/** kcall_names.c: the rights of an executed call's answer become names and descriptors before its data, to go into the
 *  registers together; the thread it has made is let go. False: they do not fit, or there is no room for
 *  names, and nothing is done. */
bool msg_name_rights(struct thread *self, struct kcall *call);
/** Execute the trap's message to a kernel object's port (a reference is held and dropped here). */
enum stage msg_call_kernel(struct thread *self, struct port *port, kern_return_t *kr);

/* ---- msg_trace.c ---- */
/** A thread has sent a message, which nobody else can have yet, to this port, or as the answer by this reply. To be called if TRACE_MSG_SEND
 *  is on, as it has to be for what else is told of messages. */
[[gnu::cold]] void msg_trace_send(const struct thread *self, struct kmsg *msg,
                                  const struct port *port, const struct reply *answered);
/** The kernel has, by itself or for the current thread. These are to be called if TRACE_MESSAGE_SEND is on: */
[[gnu::cold]] void msg_trace_send_from_kernel(struct kmsg *msg);
/** A message leaves its port's queue, or passes it by, and has not been stamped. `receiver`: NULL: the current thread. */
[[gnu::cold]] void msg_trace_receive(const struct kmsg *msg, const struct thread *receiver);
/** The thread gets the answer to its call from its reply. */
[[gnu::cold]] void msg_trace_answered(const struct thread *self);
/** A message, a call or an answer whose header is in `next`'s saved state, and the processor have gone from one to the other: the switch is told, too. */
[[gnu::cold]] void msg_trace_switch(const struct thread *self, const struct thread *next);
