/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads. A thread is its user registers, what it waits for, and the scheduling context it runs
 * on. There is no kernel stack and no kernel context: a thread in the kernel is either being worked
 * for by the CPU right now, or it waits and its wait record says everything (D1).
 *
 *      thread_create          resume             scheduler            trap that waits
 *   (none) -----> SUSPENDED -------------> READY <---------> RUNNING ----------------> WAITING
 *                     ^                      ^                  |                         |
 *                     |                      +------------------|-- wake, deadline, abort +
 *                     +-- held, and READY or stopped running    |
 *                         (kern/control.h, S5)                  v
 *      any state -- thread_terminate --> DEAD (reaped by the CPU that finds it so)
 *
 * T1 READY <=> on exactly one run queue, or in the hands of the CPU that moves it.  T2 RUNNING <=>
 *    cpu->current of exactly one CPU.
 * T3 WAITING <=> linked on the wait queue in `wait`; its deadline may be armed.
 * T4 a thread holds one reference on its task; the task's list holds one on the thread until it is
 *    reaped.
 * T5 the memory of threads is type-stable (kern/kmem.h): the holder of a reply and the owner of one
 *    may have ended when somebody follows a chain of calls; what is found there is a hint then.
 */
#pragma once

#include <arch/thread.h>
#include <kern/deadline.h>
#include <kern/exception.h>
#include <kern/list.h>
#include <kern/page_wait.h>
#include <kern/rbtree.h>
#include <kern/sched_types.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdatomic.h>

struct amap;
struct task;

enum thread_state { THREAD_SUSPENDED, THREAD_READY, THREAD_RUNNING, THREAD_WAITING, THREAD_DEAD };

enum thread_flags {
    THREAD_FLAG_TERMINATE = 1, /* must die at its next chance; set by any CPU */
    THREAD_FLAG_MOVE = 2,      /* its affinity has changed: place it anew; set by any CPU */
    THREAD_FLAG_SUSPEND = 4,   /* its suspend count or its task's is not 0: it does not run; set and
                                  cleared under the TASK lock */
    THREAD_FLAG_EXCEPTION =
        8, /* it asks the next handler (kern/exception.h, E2); set by who answers */
    /* Those above ask for something at the thread's next chance. Below is what only the fast way of messages has to
     * know, to look closer. */
    THREAD_FLAGS_ASK = 15,
    THREAD_FLAG_BOUND =
        16, /* its affinity has been set; for good, as that may be done by two at once */
};

struct ipc_entry;
struct region;
struct reply;
struct kmsg;
struct pmap;
struct space;
struct port;

/** In which kind of queue a thread waits; decides what is done to take it out. */
enum wait_kind {
    WAIT_FUTEX,   /* a bucket of the futex table: lock of the bucket */
    WAIT_RECEIVE, /* receivers of a port or set: its lock */
    WAIT_SEND,    /* a port's senders that wait for room: its lock */
    WAIT_REPLY,   /* the answer to its call: thread.reply's state word, no lock */
    WAIT_PAGE, /* a page of a paged object: its lock. Registers are left alone: they repeat what needs it */
    WAIT_EXCEPTION, /* the answer of an exception's handler: thread.exception_reply's, no lock */
};

/**
 * What a waiting thread waits for. Every wait is on a queue, so that who ends it - waker, deadline,
 * termination - is decided in one place: by taking it off the queue under the queue's lock.
 */
struct wait_record {
    union {
        struct rb_node node; /* WAIT_FUTEX: in the bucket; the queue's lock */
        struct list link; /* WAIT_RECEIVE, WAIT_SEND, WAIT_PAGE: in the queue; the queue's lock */
    };
    uint8_t kind; /* enum wait_kind; written before queue_lock or the state */
    struct spinlock *_Atomic queue_lock; /* of the queue it is in; NULL: in none. Changed under that
                                            lock; queues are never freed. Any CPU reads */
    uint64_t key[2];                     /* meaning is the queue's; the queue's lock */
    uint8_t priority; /* WAIT_FUTEX: its place among its equals, 0 where there is no owner; the
                         queue's lock */
    ticks_t until;    /* TICKS_NEVER: no deadline; the queue's lock */
    struct deadline deadline; /* armed if the wait has one; holds a reference on the thread then */
};

/** A name of the thread's space as it was found lately: never wrong, for entries do not move, but out of date if the
 *  entry's bits are others. At first it is a name of an entry that nothing is like. */
struct name_memory {
    uint64_t name_and_bits; /* the name is above the bits */
    struct ipc_entry *entry;
};

struct [[gnu::aligned(CACHE_LINE)]] thread
{
    struct arch_thread arch; /* first: the entry code saves registers here */
    _Atomic uint32_t references;
    uint32_t id;           /* unique for the life of the system, for reports and trace; constant */
    struct task *task;     /* constant; reference held */
    struct space *space;   /* the task's; constant */
    struct pmap *pmap;     /* the task's; constant */
    struct list task_link; /* on task->threads; TASK lock */
    bool told;             /* the task's end has told it to die; TASK lock */
    struct wait_record wait;
    bool building; /* in the midst of a call that has to be completed: memory or a task is being
                      made, a range changed. Own thread only */
    struct kmsg *sending;     /* by such a trap: its memory is being copied. Own thread only */
    uint64_t sending_control; /* of that message */
    struct ool_loss
        *losing; /* by such a trap: it goes with a message that is on its way. Own thread only */
    struct amap *copied; /* by such a call, a reference held: not mapped yet. Own thread only */
    struct task
        *stopped; /* by such a call, a reference held: its threads stand still. Own thread only */
    struct task *making; /* task.create in progress, a reference held; it is ended with the thread.
                             Own thread only */
    struct page_wait page; /* the page it waits for, or did last. Own thread; who wakes it */
    uint64_t progress;     /* of a trap that restarts: how much of it is done. Own thread only */
    uint64_t exit_status;  /* handed over by thread_exit. Own thread only */
    uint32_t wait_number;  /* of its waits for answers with a deadline. Own thread */
    struct port
        *send_turn; /* woken because there is room there: it may overtake others that wait, or
                               passes the turn on. Reference held. Who wakes it, then own thread */
    struct kmsg
        *handed; /* a message handed over while it waited (M3). Who delivers, then own thread */
    struct port *self_port;           /* kernel object port; NULL when it has ended: TASK lock */
    uint32_t self_name;               /* of it in the task's space, 0: none yet. Own thread */
    struct exception_handler handler; /* of its exceptions; TASK lock */
    struct exception exception;       /* the last one. Own thread */
    uint32_t suspend_count;           /* TASK lock */
    _Atomic bool
        started; /* it has been resumed once; TASK lock for writing. Until then it ends with
                               the last right to it: nobody knows of it */
    uint8_t max_priority; /* its base may be set up to this; TASK lock */
    char name[16];        /* for reports, always ends with 0; TASK lock */

    /* T5: what follows is looked at by others who only believe that the thread is there. */
    struct runnable runnable; /* RUNQ lock */
    uint64_t
        space_number; /* pmap->active, for who only believes that the thread is there. Constant */
    _Atomic uint32_t state;    /* enum thread_state; RUNQ lock of runnable.cpu, except WAITING ->
                                 READY: see sched.c */
    _Atomic uint32_t flags;    /* enum thread_flags */
    _Atomic uint64_t affinity; /* bit n: may run on CPU n; order rule at the head of sched.c */
    struct sched_context
        *context; /* it runs on: its own, or that of a caller (kern/sched.h, S6). Own
                                      CPU; who hands over to it */
    struct sched_context
        own_context;            /* the one it was born with; its priority is the thread's base */
    _Atomic uint32_t floor;     /* base priority, or that of a waiter for a futex it owns; S4 */
    _Atomic uint32_t inherited; /* priority of those who wait for its answers, or for its end; S4 */
    _Atomic bool lends;         /* waits in a futex with an owner; OWNED lock for writing */
    struct rb_tree
        donors; /* F2 of kern/futex.h: those that lend to it, the most urgent first; OWNED lock */
    struct rb_node donor_node;        /* F2: in lends_to->donors; OWNED lock */
    struct thread *lends_to;          /* F2: NULL: nobody; reference held; OWNED lock */
    struct name_memory sent_to[4];    /* by the low bits of the name's index. Own thread */
    struct name_memory receives_from; /* Own thread */
    struct reply *reply;              /* the right to answer its calls (Y3). Own thread */
    struct reply *held; /* an answer it owes, without a name. Own thread; who hands over to it */
    struct reply *_Atomic exception_reply; /* for its exceptions; NULL: none yet. Own thread */
};

/** Bytes that a new thread may simply clear (T5). */
#define THREAD_VISITED offsetof(struct thread, runnable)

/** New thread in `task`, suspended once, charged to the task's ledger (THREADS, KMEM). One reference
 *  for the caller. KERN_LIMIT, KERN_RESOURCE_SHORTAGE, KERN_INVALID_TASK (the task is dying),
 *  KERN_DENIED (the priority is above the task's maximum). */
kern_return_t thread_create(struct task *task, vaddr_t entry, vaddr_t sp, uint64_t arg, vaddr_t tls,
                            unsigned priority, struct thread **out);
/** The same, with a send right to its port, that is there before anybody can find the thread: what others do with rights of theirs
 *  does not end it before it is its maker's (B2 of kern/kobj.h). */
kern_return_t thread_create_for_maker(struct task *task, vaddr_t entry, vaddr_t sp, uint64_t arg,
                                      vaddr_t tls, unsigned priority, struct kright *right,
                                      struct thread **out);
/** Start a thread that was created: takes its one suspension back (kern/control.h). It may have been told
 *  to die already. */
void thread_resume(struct thread *thread);
/** Ask the thread to die: it does at its next return to user mode, at once if it waits. Any CPU. */
void thread_terminate(struct thread *thread);
/** The current thread shall die: it does when its trap returns to arch, which reschedules. */
void thread_exit_current(struct thread *self);
/** Take a thread that runs nowhere and stands on no queue out of the world. For the scheduler. No
 *  lock held. */
void thread_reap(struct thread *thread);
void thread_ref(struct thread *thread);
void thread_unref(struct thread *thread);
