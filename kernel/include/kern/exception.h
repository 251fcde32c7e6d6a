/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions: what a thread did that the machine refuses becomes a call to a handler's port, on the
 * thread's behalf (interfaces/exception.defs, interfaces/exception_ports.defs). Asked are, one after the
 * other: the task's debugger, the thread's handler, the task's handler, the handler of last resort. When
 * none of them handles it, the task ends with a report.
 *
 * E1 a thread waits for a handler's answer <=> its exception_reply is WAITED or CLAIMED. A reply of
 *    its own: the answer that a call of the thread's waits for is not touched. All its registers are those of
 *    the instruction; only who has claimed the reply reads or writes them.
 * E2 an answer that handles it is carried out by who answers. After any other THREAD_FLAG_EXCEPTION is
 *    set, and the thread itself asks the next handler when it gets to a CPU: that may take memory, a lock
 *    or the thread's address space.
 * E3 no handler is asked twice about one exception: `next` only grows. So no exception takes for ever by
 *    itself. A handler is passed over if its port is dead or a kernel object's; and if nobody waits to receive
 *    from it and who did so last waits for the faulting thread, or is it: it would never answer.
 * E4 abort (kern/control.h) withdraws the exception: the thread repeats the instruction when it runs. The
 *    handler's answer, when it comes, is lost; so is it after the thread's end.
 * E5 nothing is ever written to the thread's memory.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/types.h>
#include <stdatomic.h>

struct port;
struct reply;
struct task;
struct thread;

/** Where a handler is registered; in the order in which they are asked. */
enum exception_slot {
    EXCEPTION_OF_DEBUGGER, /* of a task */
    EXCEPTION_OF_THREAD,
    EXCEPTION_OF_TASK,
    EXCEPTION_OF_HOST,
    EXCEPTION_SLOTS,
};

/** Whom to ask. No port: mask is 0. */
struct exception_handler {
    struct kright port; /* send right */
    uint32_t mask;      /* 1 << kind for each it is asked about */
    uint8_t flavour;    /* enum exception_ports_flavour */
};

/** The exception that a thread raised last. Own thread; flavour also by who has claimed the reply. */
struct exception {
    uint64_t code;   /* the machine's own word for it */
    vaddr_t address; /* what was touched, or the pc */
    uint8_t kind;    /* enum exception_kind */
    uint8_t next;    /* enum exception_slot: who is asked next. E3 */
    uint8_t flavour; /* of the message that an answer is awaited to */
};

/* ---- raising; kernel/task/exception.c ---- */

/** The current thread did something: ask the handlers. It waits, or has been told to die, when this
 *  returns. */
void exception_raise(struct thread *self, unsigned kind, vaddr_t address, uint64_t code);
/** E2: for the scheduler. True if the flag is set and the thread may go on. */
bool exception_is_due(struct thread *thread);
/** The current thread, which is due, asks the next handler. True: it waits. */
bool exception_continue(struct thread *self);
/** Nobody handles it: report, and end the task. kernel/trap/faults.c */
void exception_unhandled(struct thread *self);

/* ---- handlers; kernel/task/exception.c ---- */

/** Whose handler: `thread` for EXCEPTION_OF_THREAD, `task` for EXCEPTION_OF_TASK and EXCEPTION_OF_DEBUGGER. */
struct exception_place {
    enum exception_slot slot;
    union {
        struct thread *thread;
        struct task *task;
    };
};

/** Exchange the handler for another, whose right is taken; the old one, with its right, is the caller's. On errors
 *  nothing has changed. KERN_INVALID_VALUE: a mask of unknown kinds, or an unknown flavour; KERN_INVALID_CAPABILITY:
 *  a kernel object's port; KERN_TERMINATED. Without a port the mask does not count. */
kern_return_t exception_swap(const struct exception_place *place,
                             struct exception_handler *handler);
/** A copy, with a right of its own; a null right if there is none or its port has died. KERN_TERMINATED. */
kern_return_t exception_get(const struct exception_place *place, struct exception_handler *out);
/** A task that is nobody's yet gets the handler of the one that makes it, but not its debugger. */
void exception_inherit(struct task *from, struct task *to);

/** The end of a thread or task: rights and replies. No lock held. */
void exception_end_thread(struct thread *thread);
void exception_end_task(struct task *task);

/* ---- the thread while it waits; kernel/ipc/raise.c ---- */

/** Ask a handler on behalf of the current thread; takes the reference on the port. True: it waits. False: this handler
 *  cannot be asked, or the thread has been told to die. A message never carries more than the port gives where the
 *  handler was registered: a thread's handler gets no right to the task. */
bool exception_ask(struct thread *self, struct port *port, enum exception_slot slot,
                   unsigned flavour);
/** Hand the current thread's exception, of which nobody has been asked, to the first handler that wants to hear of it, and
 *  the processor with it. False: nothing has happened; it is to be asked with exception_ask(). kernel/ipc/raise_fast.c */
bool exception_raise_fast(struct thread *self);
/** The reply, CLAIMED, has got its answer, or its right was destroyed (`lost`). */
void exception_answered(struct reply *reply, bool lost);
/** End the wait for an answer, if the thread waits for one: E4. */
bool exception_end_wait(struct thread *thread);
/** The thread stands still, be it parked or queued by a CPU whose run queue's lock is held: E4 for what has not been
 *  asked yet. False: nothing was due. */
bool exception_withdraw(struct thread *thread);
/** Keep a thread waiting, for its registers to be read or written (E1). NULL: it does not wait for an answer to
 *  an exception. A reference on the thread is held. */
struct reply *exception_hold_still(struct thread *thread);
void exception_let_go(struct reply *reply);
/** The thread ends. */
void exception_end_reply(struct thread *thread);
