/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A victim, which raises exceptions when it is told to, and a task with a server thread and a port
 * for every place where a handler can be registered.
 */
#pragma once

#include "control_world.h"

#include <kern/exception.h>
#include <kern/port.h>

/** What a handler does about a request. */
enum mode {
    HANDLE,   /* answers success */
    REFUSE,   /* answers an error */
    GARBAGE,  /* answers success, with a body of another shape */
    FORGET,   /* receives the next without an answer */
    END,      /* its thread ends */
    END_TASK, /* its task ends */
    HOLD,     /* waits until it is told another mode */
    FAULT,    /* raises an exception itself; then as HANDLE */
    SKIP,     /* STATE: pc is moved behind the instruction */
    JUMP,     /* STATE: pc is set where it may not be */
};

struct handler {
    struct task *task;
    struct thread *thread;  /* references */
    struct port *port;      /* its own reference is the space's: do not use after the task's end */
    mach_port_name_t name;  /* that it receives from: of the port or its set */
    _Atomic uint32_t ready; /* `name` is set */
    _Atomic enum mode mode;
    _Atomic uint32_t asked; /* requests it got */
    unsigned phase, loaded; /* of its script */
};
extern struct handler handlers[EXCEPTION_SLOTS];
/** Handlers that exceptions_begin() makes receive from a set with their port in it. */
extern bool handlers_use_sets;

/** How the victim raises. */
enum raise {
    STEP_OVER = 1, /* goes on with its next action */
    TOUCH,         /* repeats the access */
    LATE,          /* an access made before fails; goes on */
};
#define SYNDROME UINT64_C(0xbe000011)
extern struct task *victim_task;
extern struct thread *victim; /* references */
/** One exception is raised for each; what the victim did afterwards. */
extern _Atomic uint32_t to_raise, went_on;
extern _Atomic enum raise how;

#define BAD_ADDRESS UINT64_C(0x7000)

void exceptions_start(uint64_t seed, unsigned cpus, bool threads);
/** Make victim and handlers, all registered for everything, mode REFUSE. */
void exceptions_begin(unsigned flavour);
/** Everything ends; nothing is left. */
void exceptions_end(void);
/** Register a handler's port in a place. */
kern_return_t register_port(struct handler *handler, const struct exception_place *place,
                            unsigned flavour, uint32_t mask);
/** Run until the victim rests or is gone. */
void settle(void);
/** Raise one, and settle. */
void raise_one(enum raise what);
/** What a handler of flavour RIGHTS was told last. */
struct told {
    uint32_t kind;
    uint64_t code, address;
};
struct told told(void);
/** Who was asked since the last call, as digits in order, first handler 1; 0: nobody. */
uint64_t asked(void);
bool has_crashed(void);
