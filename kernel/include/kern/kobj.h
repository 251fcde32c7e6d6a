/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects behind ports: what their messages are executed on (kern/kcall.h). The interfaces stand in
 * interfaces/, what they do in kernel/kobj/.
 *
 * B1 a port's `object` is there while the port is alive: whoever ends the object kills the port first. So
 *    the port's lock is enough to take a reference, and that is kept for the call.
 * B2 timers and memory entries end when the last send right to their port goes: nobody makes a new one
 *    once there is none. A thread that was never resumed ends when nobody has a right to it; and a task none of
 *    whose threads, if it has any, was ever resumed, when nobody but itself has a right to it or to one of
 *    them: their maker ended, or its answer was lost. All that is started from under the port's lock
 *    (kobj_sender_gone), and done by a work item.
 * B3 a call that is done in pieces returns kcall_again(): its registers are as they were, how far it
 *    has come stands in thread.progress together with the routine's number, so that it is not
 *    taken for that of another. No value of it can do harm, for the name it was called at may
 *    denote another object by then.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/kcall.h>
#include <kern/port.h>
#include <kern/types.h>

struct board;
struct kmsg;
struct memory_entry;
struct task;
struct thread;
struct timer;

/** The kernel objects there is one of: their ports, by enum kobject. Constant after kobj_init(). The kernel
 *  keeps a send right to each. */
struct host {
    struct port *port[KOBJECT_COUNT];
};
extern struct host host;

/** Make the ports of the host and the clock. Boot CPU, once, when object caches work. */
kern_return_t kobj_init(void);

/** The port of a thread gets a name in its task's space: thread.self_name. By the thread itself, or before it
 *  runs. Errors of space_reserve(). */
kern_return_t thread_name_port(struct thread *thread);

/** A right to memory that is nobody's frames, page aligned, to be read and executed. KERN_RESOURCE_SHORTAGE. */
kern_return_t memory_entry_of_range(paddr_t base, uint64_t pages, struct kright *out);

/** A send right to a kernel object's port has gone (B2). The port's lock is held. */
void kobj_sender_gone(struct port *port);

/** A message that lies in a timer has been received, or destroyed. No lock held. */
void timer_message_done(struct kmsg *message);

/* ---- from a port or right to the object; with a reference for the caller ---- */

/** The port's lock is held. NULL: it has no such object (any more). */
void *kobj_acquire_locked(struct port *port, enum kobject kind);
/** Drop the reference. Objects of the host are never freed. */
void kobj_release(enum kobject kind, void *object);
/** The object behind a right that one holds; NULL: another kind, none, or dead. */
void *kobj_of_right(const struct kright *right, enum kobject kind);

/* ---- calls in pieces (B3) ---- */

/** Routines that restart; their numbers lie above those of the traps. */
enum kcall_tag {
    KCALL_TAG_TASK_CREATE = 0x80,
    KCALL_TAG_TASK_SUSPEND,
    KCALL_TAG_TASK_RESUME,
    KCALL_TAG_THREAD_SUSPEND,
    KCALL_TAG_VM_INHERIT,
    KCALL_TAG_VM_MAP,
    KCALL_TAG_VM_COPY,
    KCALL_TAG_VM_MAINTAIN,
    KCALL_TAG_VM_PROTECT,
    KCALL_TAG_OBJECT_SUPPLY,
    KCALL_TAG_OBJECT_LOCK,
    KCALL_TAG_SWAP_ADD,
    KCALL_TAG_VM_SYNC,
    KCALL_TAG_MEMORY_WIRE,
    KCALL_TAG_MEMORY_UNWIRE,
    KCALL_TAG_MEMORY_WIRE_ALL,
    KCALL_TAG_VM_READ_OVERWRITE,
    KCALL_TAG_VM_WRITE_FROM,
    KCALL_TAG_DMA_ALLOCATE,
    KCALL_TAG_DMA_PIN,
    KCALL_TAG_DMA_SYNC,
};
enum { KCALL_PROGRESS_BITS = 56 };

/** The thread's trap that is to be repeated is such a call, and has begun. */
bool kcall_is_in_pieces(const struct thread *thread);
/** How far this call has come; 0: it begins. */
uint64_t kcall_progress(const struct kcall *call, enum kcall_tag tag);
/** The call is over with `kr`, or, KERN_RETRY, to be repeated with this progress (56 bits). Returns kr. */
kern_return_t kcall_again(struct kcall *call, enum kcall_tag tag, uint64_t progress,
                          kern_return_t kr);
