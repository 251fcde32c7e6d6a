/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of messages, told as a play: actors are threads that wait until the controller gives them one
 * trap to do. After each order the machine runs until nothing moves any more; then the actor has either
 * done it, and its registers are here, or waits in it.
 *
 * Everything a completed message trap leaves in the registers is looked at, whatever the test asks
 * for: nothing but the message may be there. What a message trap does not use is filled with rubbish
 * before.
 */
#pragma once

#include "../machine/kernel_world.h"

#include <arch/message.h>
#include <kern/port.h>
#include <kern/space.h>
#include <wharf/message.h>
#include <wharf/trap.h>

enum { ACTORS_MAX = 40, ACTOR_PRIORITY = 100 };

/** What an order of an actor stands at. */
enum order_state { ORDER_NONE, ORDER_GIVEN, ORDER_BEGUN };

struct actor {
    struct task *task;      /* reference held */
    struct thread *thread;  /* reference held */
    bool gone;              /* told to end by the test */
    vaddr_t send_va;        /* 8 KiB and more to send from */
    vaddr_t receive_va;     /* the same to receive into */
    vaddr_t word_va;        /* it waits for orders here */
    _Atomic uint32_t order; /* enum order_state */
    struct host_action action;
    uint64_t x[17]; /* registers after the last order */
    uint64_t done;  /* orders done */
    /** Instead of orders: the next action, given the registers of the last; false: no more. */
    bool (*program)(struct actor *self, struct host_action *next);
    uint64_t state[4]; /* the program's own */
};

/** Arguments of the message trap. What is left out is zero: no such part. */
struct message {
    uint32_t dest, id, local, receive;
    uint8_t remote, how_local; /* dispositions of destination and local name */
    uint8_t descriptors;
    uint8_t flags; /* of the control word */
    uint32_t length;
    uint64_t body[8];
    nanos_t deadline; /* 0: none */
    uint64_t size;    /* of the receive buffer */
};
#define PAST 1 /* a deadline that has passed: poll */

/* ---- the stage ---- */

/** Power on; once a process. */
void ipc_start(uint64_t seed, unsigned cpus, bool threads);
/** A new task with an actor; one more in the task of `mate`. Low priorities are less urgent. */
struct actor *actor_new(void);
struct actor *actor_mate(struct actor *mate, unsigned priority);
/** Forget one whose task has been told to end: its place may be another's. */
void actor_drop(struct actor *a);
/** The end of a scenario: all tasks end, nothing is left. */
void ipc_end(void);
/** Run until nothing moves. */
void rest(void);
/** NULL, or who has something to do when nothing moves: true if he did, and everything rests once more. */
extern bool (*at_rest)(void);
/** The moment that is this far away. */
nanos_t moment(nanos_t distance);
/** Let this much time pass. */
void pass_time(nanos_t distance);
/** How often the fast way was taken since the start. */
uint64_t fast_count(void);
bool is_simulated(void);
unsigned cpu_number(void);
/** It was taken so often since fast_count() was `before`: where there is one, and one CPU, so that nothing comes between. */
static inline void check_fast(uint64_t before, unsigned times)
{
#ifndef WITHOUT_FAST_WAY
    if (cpu_number() == 1)
        CHECK(fast_count() >= before + times);
#endif
    (void)before, (void)times;
}

/* ---- orders ---- */

/** Have it done, as far as it goes now. */
void post(struct actor *a, struct message m);
/** The same, but others may get orders before anything moves; go on with rest(). */
void post_only(struct actor *a, struct message m);
/** The action has been filled in by hand. */
void post_action(struct actor *a);
void post_trap(struct actor *a, uint64_t number, uint64_t a0, uint64_t a1);
/** Have a program run until it stops. */
void run_program(struct actor *a, bool (*program)(struct actor *, struct host_action *));
bool is_done(const struct actor *a);
/** The error that the trap returned; it is done. */
unsigned result(const struct actor *a);
/** post() and result(). */
unsigned perform(struct actor *a, struct message m);
void fill_action(const struct actor *a, const struct message *m, struct host_action *out);

/* ---- what a trap left ---- */

static inline uint32_t got_id(const struct actor *a)
{
    return (uint32_t)a->x[1];
}
static inline uint32_t got_reply(const struct actor *a)
{
    return (uint32_t)a->x[MSG_X_RECEIVE];
}
static inline uint32_t got_seqno(const struct actor *a)
{
    return (uint32_t)a->x[MSG_X_DEADLINE];
}
/** The register of a word of the body. */
unsigned word_register(unsigned i);
/** A word of the body, in registers or in the buffer. */
uint64_t got_word(const struct actor *a, unsigned i);
/** The i-th descriptor. */
struct msg_descriptor got_descriptor(const struct actor *a, unsigned i);
/** It has received exactly this. */
void check_got(const struct actor *a, uint32_t id, uint32_t local, uint64_t word);

/* ---- memory of actors ---- */
void memory_write(const struct actor *a, vaddr_t to, const void *from, size_t size);
void memory_read(const struct actor *a, vaddr_t from, void *to, size_t size);
/** The i-th descriptor of a message: in the body, or in memory if it is longer than that. */
void put_descriptor(struct actor *a, struct message *m, unsigned i, struct msg_descriptor d);
/** Carry one right more in a descriptor. */
void put_port(struct actor *a, struct message *m, uint32_t name, unsigned disposition);

/* ---- names; calls of the kernel from outside ---- */
uint32_t port_new(struct actor *a);
uint32_t set_new(struct actor *a);
uint32_t dead_new(struct actor *a, unsigned urefs);
/** A right to the port that `owner` receives from. */
uint32_t send_to(struct actor *a, struct actor *owner, uint32_t port);
uint32_t once_to(struct actor *a, struct actor *owner, uint32_t port);
kern_return_t refs(struct actor *a, uint32_t name, unsigned right, int delta);
kern_return_t drop(struct actor *a, uint32_t name);
/** The receive right is destroyed. */
void kill_port(struct actor *a, uint32_t name);
kern_return_t move_member(struct actor *a, uint32_t member, uint32_t set);
unsigned rights_of(struct actor *a, uint32_t name);
unsigned urefs_of(struct actor *a, uint32_t name);
/** RIGHT_* and count of a name are these. */
void check_name(struct actor *a, uint32_t name, unsigned rights, unsigned urefs);
/** Drop every right of the space but ports the actor still needs: all of them. */
void wipe_names(struct actor *a);

/** Ask for a notification to a new send-once right of `owner`'s port; 0 as port cancels. The right
 *  that was registered before is destroyed; true if there was one. */
bool ask(struct actor *a, uint32_t name, unsigned id, uint32_t sync, struct actor *owner,
         uint32_t port, kern_return_t expected);

/** The port behind a name with a send, send-once or receive right. Reference held by the name. */
struct port *port_behind(struct actor *a, uint32_t name);
void set_limits(struct port *port, uint32_t messages, uint32_t bytes);
void set_payload(struct port *port, uint64_t payload);
/** A message made by the kernel, with this id. */
void queue_from_kernel(struct port *port, uint32_t id);

/* ---- threads and tasks ---- */
kern_return_t abort_actor(struct actor *a);
void end_thread(struct actor *a);
void end_task(struct actor *a);

/** Live kernel objects, when nothing moves. */
int64_t objects_now(void);

/** Anything else, in the kernel, on some CPU. */
void in_kernel(void (*function)(void *), void *argument);

#define SECOND UINT64_C(1000000000)
