/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message trap, stage by stage. Each stage is a file of kernel/ipc:
 *
 *    fast.c     call and answer between threads that wait for each other; everything else returns
 *    msg.c      the trap as such: send, then receive
 *    send.c     destination, room in its queue, rights out of the sender's names, queueing
 *    copyin.c   the body into a message, and the rights it carries
 *    receive.c  a message from a port, set or reply, or waiting for one
 *    copyout.c  a message into the receiver's registers, memory and names
 *    kcall.c    messages to kernel objects
 */
#pragma once

#include <kern/port.h>
#include <kern/thread.h>
#include <kern/types.h>

struct cpu;

/** Buffers of a CPU for long requests and replies of kernel objects. Every CPU before it is online. */
kern_return_t msg_cpu_init(struct cpu *cpu);

/** The name under which the thread answers later: its held reply becomes a send-once right. Or the negated error, as the trap returns it. */
int64_t reply_keep(struct thread *self);

/** What a thread's end leaves: its reply, an answer it owes, a message handed to it, its port. */
void thread_end_messages(struct thread *thread);

/** The thread's wait was ended, or its registers changed, by somebody else: a message that was handed to
 *  it goes back to its port. */
void msg_return_handed(struct thread *thread);

/** Send a message that the kernel made to a port, beyond the queue's limit: `to` is a send right. Takes
 *  both. */
void msg_send_from_kernel(struct kright *to, struct kmsg *msg);
/** The same for any right to send, to a port or a reply; a null or dead one: the message is destroyed. */
void msg_send_to_right(struct kright *to, struct kmsg *msg);
