/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages: the one trap that sends and receives, its registers, the body's layout, names,
 * dispositions, notifications. docs/abi.md tells the same as prose.
 *
 * SVC with an odd immediate: send, then receive; either part may be missing (no send: destination 0; no receive:
 * receive name 0). If the send fails the receive is not attempted.
 *
 *   register   in                                           out
 *   x0         destination: a name, or MSG_REPLY            result: 0 or the negated error
 *   x1         message id (32 bits)                         message id
 *   x2         control word, below                          control word of the message received
 *   x3         local name (the right to reply with)         local: protected payload of the port it
 *                                                           came through, or, if it has none, its name
 *   x4         name to receive from: a port, a set,         remote: right to reply with. MSG_REPLY:
 *              MSG_REPLY: answer to this thread's call      held by this thread; 0: none
 *   x5         deadline of either wait, in nanoseconds      sequence number of the port
 *   x6, x7     receive buffer: address, size (0: none)      zero
 *   x9-x15,    body of at most 64 bytes; or, if it is       body of at most 64 bytes; registers
 *   x18        longer, x9 = its address, the others ignored behind its end are zero
 *   x8, x16,   ignored                                      zero
 *   x17
 *
 * A body is descriptors (MSG_DESCRIPTOR_SIZE bytes each), then plain bytes. A received body of more than
 * 64 bytes lies in the receive buffer. One that does not fit there stays queued; the result is
 * MACH_RCV_TOO_LARGE and the control word tells the length needed.
 *
 * After an error nothing has been sent, unless it is a MACH_RCV_ or MIG_ error: then the send part
 * is done. After an error all registers but x0 (and x2 for MACH_RCV_TOO_LARGE) are zero.
 *
 * MSG_REPLY. A call sends with the local disposition MSG_MAKE_REPLY and receives from MSG_REPLY: the
 * answer comes straight to the calling thread, without a port. The receiver of such a call holds the
 * reply without a name: MSG_REPLY as destination (disposition MSG_MOVE_SEND_ONCE) answers it. It is lost, and
 * the caller told so by MSG_ID_SEND_ONCE, when the thread receives anything else but an answer while
 * it holds it, or ends. The trap reply_keep gives it a name: then it is a send-once right like any other.
 * A thread whose wait for an answer was interrupted or timed out may wait again (receive from
 * MSG_REPLY without sending); its next call with MSG_MAKE_REPLY gives the old answer up.
 */
#pragma once

#ifndef __ASSEMBLER__
#include <stdint.h>

/** Name of a right in a task's name space: index and generation. */
typedef uint32_t mach_port_name_t;
#endif

#define TRAP_MSG 64 /* names it in traces and tests; programs use the immediate */

#define MSG_NULL  0u          /* no right */
#define MSG_DEAD  0xffffffffu /* a right whose port has died */
#define MSG_REPLY 0xfffffffeu /* see above */

#define MSG_REGISTER_BYTES   64   /* longest body that travels in registers */
#define MSG_BODY_MAX         8192 /* longest body, descriptors included */
#define MSG_DESCRIPTORS_MAX  32
#define MSG_DESCRIPTOR_SIZE  16
#define MSG_RIGHTS_MAX       64 /* rights in one message, the header's not counted */
#define MSG_OOL_PORTS_MAX    MSG_RIGHTS_MAX
#define MSG_OOL_MEMORIES_MAX 3 /* ranges of memory in one message, empty ones not counted */
#define MSG_OOL_MEMORY_MAX   (1u << 30) /* bytes in them together */

/* The control word. */
#define MSG_REMOTE_SHIFT      0 /* 8 bits: disposition of the destination (in), right received (out) */
#define MSG_LOCAL_SHIFT       8  /* 8 bits: disposition of the local name; 0: none */
#define MSG_LENGTH_SHIFT      16 /* 16 bits: bytes of the body */
#define MSG_DESCRIPTORS_SHIFT 32 /* 8 bits: number of descriptors */
#define MSG_FLAGS_SHIFT       40 /* 8 bits: MSG_FLAG_*. Bits 48 to 63: zero */

#define MSG_FLAG_PAYLOAD 1 /* out: x3 is the protected payload */
#define MSG_FLAG_TRUSTED 2 /* in: receive no memory that was a pager's when it was sent */

/* Dispositions: what is done with a right. On arrival the right's kind is told by the same numbers:
 * MSG_MOVE_RECEIVE a receive right, MSG_MOVE_SEND a send right, MSG_MOVE_SEND_ONCE a send-once
 * right; in a control word received MSG_REMOTE is the reply's, MSG_LOCAL how the message was sent. */
#define MSG_MOVE_RECEIVE   16
#define MSG_MOVE_SEND      17
#define MSG_MOVE_SEND_ONCE 18
#define MSG_COPY_SEND      19
#define MSG_MAKE_SEND      20
#define MSG_MAKE_SEND_ONCE 21
#define MSG_MAKE_REPLY     22 /* local only: this thread's own reply; the local name is 0 */
#define MSG_BY_KERNEL      23 /* on arrival only, as how it was sent: the kernel's own notification */

/* Kinds of descriptors. */
#define MSG_PORT       0 /* value: a name; size 0 */
#define MSG_OOL_MEMORY 1 /* value: address; size: bytes */
#define MSG_OOL_PORTS  2 /* value: address of names; size: their number; one disposition for all */

/* Flags of descriptors. */
#define MSG_DEALLOCATE 1 /* out of line: the sender's memory goes with the message */

/* Message ids the kernel itself sends. They lie outside every interface's range. */
#define MSG_ID_PORT_DELETED   0x7fff0041 /* body: u32 name */
#define MSG_ID_SEND_POSSIBLE  0x7fff0042 /* body: u32 name */
#define MSG_ID_PORT_DESTROYED 0x7fff0045 /* descriptor: the receive right; body: u64 payload */
#define MSG_ID_NO_SENDERS     0x7fff0046 /* body: u32 make-send count */
#define MSG_ID_SEND_ONCE      0x7fff0047 /* no body */
#define MSG_ID_DEAD_NAME      0x7fff0048 /* body: u32 name, which has one user reference more */

#ifndef __ASSEMBLER__

struct msg_descriptor {
    uint64_t value; /* by kind */
    uint32_t size;  /* by kind */
    uint8_t kind;
    uint8_t disposition; /* of rights; 0 for memory */
    uint8_t flags;
    uint8_t zero;
};
_Static_assert(sizeof(struct msg_descriptor) == MSG_DESCRIPTOR_SIZE, "a descriptor's size is ABI");

/** Make a control word. `length` in bytes. */
#define MSG_CONTROL(remote, local, length, descriptors)                              \
    ((uint64_t)(remote) << MSG_REMOTE_SHIFT | (uint64_t)(local) << MSG_LOCAL_SHIFT | \
     (uint64_t)(length) << MSG_LENGTH_SHIFT | (uint64_t)(descriptors) << MSG_DESCRIPTORS_SHIFT)

static inline unsigned msg_remote(uint64_t control)
{
    return (unsigned)(control >> MSG_REMOTE_SHIFT) & 0xff;
}
static inline unsigned msg_local(uint64_t control)
{
    return (unsigned)(control >> MSG_LOCAL_SHIFT) & 0xff;
}
static inline uint32_t msg_length(uint64_t control)
{
    return (uint32_t)(control >> MSG_LENGTH_SHIFT) & 0xffff;
}
static inline unsigned msg_descriptors(uint64_t control)
{
    return (unsigned)(control >> MSG_DESCRIPTORS_SHIFT) & 0xff;
}
static inline unsigned msg_flags(uint64_t control)
{
    return (unsigned)(control >> MSG_FLAGS_SHIFT) & 0xff;
}
/** The kernel itself sent it, to a send-once right: no program can make this so. */
static inline int msg_is_notification(uint64_t control)
{
    return msg_local(control) == MSG_BY_KERNEL;
}

#endif /* __ASSEMBLER__ */
