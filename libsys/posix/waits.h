/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a file, which a signal or a cancellation may abandon at any time: nothing is taken by it. And what a process is told when it may not go on: a pipe without readers, a terminal that
 * belongs to another group.
 */
#pragma once

#include "interruptible.h"
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/wire.h>

/** Until one of the events (FILE_) holds. 0; EAGAIN: the file is one that does not wait; EINTR; another errno. */
int wait_for_events(mach_port_name_t port, uint32_t events);
/** Read at most size bytes, FILE_DATA_MAX at most, when there are some: file.await. It may be interrupted as a wait: unix_error(EINTR), and nothing has been read. KERN_NOT_SUPPORTED: wait, and
 *  then read. */
kern_return_t wait_for_bytes(mach_port_name_t port, void *bytes, uint32_t size, uint32_t *got);
/** The same for another wait, that may be abandoned as interruptible.h says; MACH_RCV_INTERRUPTED: try again. cancelled: the thread is to clean up, and to call
 *  cancel_act(). */
kern_return_t wait_interruptibly(interruptible_function_t *function, void *argument,
                                 bool *cancelled);
/** The call that such a function is: destination, id, control and words are there. It may be abandoned at any instruction: nothing comes of it but that it is over. Not by a stub, which waits
 *  for the answer again when it was interrupted: here that is the result, MACH_RCV_INTERRUPTED. shape: of the answer. */
kern_return_t wait_call(struct msg_registers *m, uint32_t shape);
/** Nobody will read it: SIGPIPE. Returns the errno. */
[[gnu::cold]] int wait_broken_pipe(void);
/** The caller's process group, for a terminal. */
[[gnu::cold]] uint32_t wait_own_group(void);
/** What the terminal refuses those in the background, the caller may do all the same: it ignores SIGTTOU, or has it blocked. */
[[gnu::cold]] bool wait_may_disturb(void);
/** The terminal has refused the caller, which is in the background: it is stopped, by `signal`. 0: it goes on, and may try again; else the errno. */
[[gnu::cold]] int wait_in_background(int signal);
