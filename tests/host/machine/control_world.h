/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task with a thread of a known role, and calls of kern/control.h made as a trap would make
 * them: again and again while they say KERN_RETRY, with others running in between.
 */
#pragma once

#include "kernel_world.h"

#include <kern/control.h>

enum { PRIORITY = 100, STEPS = 400 };

/** What a thread does, for ever. */
enum role {
    BURNER,   /* computes, a little at a time */
    FP_USER,  /* loads FP_VALUE into the FP registers, then nothing */
    WAITER,   /* waits on a word until it is woken */
    SLEEPER,  /* sleeps, a little at a time */
    WAKER,    /* wakes a WAITER, gives its turn away */
    RECEIVER, /* receives from the port */
    CALLER,   /* calls the port, and waits for the answer */
    SENDER,   /* sends as many messages to the port as `messages` says, then gives its turn away */
    ROLES
};
#define FP_VALUE UINT64_C(0x5ca1ab1e)

/* The task and its first thread, both with a reference. */
extern struct task *its_task;
extern struct thread *target;
/* Receive right in the task, for the last three roles; messages to be sent. */
extern _Atomic uint32_t port_name, messages;

/** Start a machine for tests of this kind. */
void control_start(uint64_t seed, unsigned cpus, bool threads, bool reset_ends_run);

/** Make the task, let it run for a while; end it and see that nothing is left. */
void begin(enum role role);
void end(void);
/** Make the port. */
void make_port(void);
/** Let the machine go on for some user actions, 10 ms at most. */
void run(uint64_t steps);

/** The result register that a thread of this role saw last. */
uint64_t last_result(enum role role);
/** Let the machine go on for a while: no thread of this role moves; one does, sooner or later. */
bool stands(enum role role);
bool goes_on(enum role role);
/** The thread's state. */
bool waits(void);
bool is_parked(void);

/** A call: its function, and whatever that needs. */
struct call {
    kern_return_t (*function)(struct call *call);
    struct thread *thread;
    unsigned number;
    void *state;
    size_t size;
    uint64_t progress;
    kern_return_t kr; /* of the last time */
    unsigned times;   /* that it was made */
};

/** Make the call once; for host_machine_post(). */
void do_call(void *call);
/** Make it on some CPU until it is done. */
kern_return_t until_done(struct call *call);
/** The same for functions that need little. */
kern_return_t on(struct thread *t, kern_return_t (*function)(struct call *call));
kern_return_t with_number(kern_return_t (*function)(struct call *call), unsigned number,
                          size_t size);
/** thread_get_state(), thread_set_state() of the thread. */
kern_return_t get(unsigned flavour, void *state, size_t size);
kern_return_t set(unsigned flavour, const void *state, size_t size);
/** One thread more, of the role `number`. */
kern_return_t add_thread(struct call *call);

#define CALL(name, expression)                   \
    static kern_return_t name(struct call *call) \
    {                                            \
        return expression;                       \
    }
