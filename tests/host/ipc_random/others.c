/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What players do besides messages: calls about names, and what they do to other threads and tasks.
 * Each is made from the script, on the CPU that runs the thread, as a trap would make it.
 */
#include "player.h"

#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/sched.h>
#include <wharf/trap.h>

/* --- names --- */

static void allocate(struct player *p)
{
    static const uint32_t bytes[] = {0, 64, 600, 9000, PORT_BYTES_DEFAULT};
    struct task *task = p->home->task;
    mach_port_name_t name;
    uint64_t n = below(p, 8);
    if (n == 0) {
        if (space_allocate(task->space, RIGHT_SET, &name) == KERN_SUCCESS)
            player_put(p, POOL_SET, name);
    } else if (n == 1) {
        if (space_allocate(task->space, RIGHT_DEAD, &name) == KERN_SUCCESS)
            player_put(p, POOL_DEAD, name);
    } else {
        uint32_t limit = 1 + (uint32_t)below(p, below(p, 2) ? 3 : 20);
        uint32_t byte_limit =
            below(p, 8) ? PORT_BYTES_DEFAULT : bytes[below(p, array_count(bytes))];
        if (ipc_port(task, limit, byte_limit, &name) == KERN_SUCCESS)
            player_put(p, POOL_RECEIVE, name);
    }
}

static void make_send(struct player *p)
{
    mach_port_name_t name;
    struct task *task = p->home->task;
    if (ipc_give(task, player_pick(p, POOL_RECEIVE), MSG_MAKE_SEND, task, &name) == KERN_SUCCESS)
        player_put(p, POOL_SEND, name);
}

static void change_references(struct player *p)
{
    static const unsigned right[] = {RIGHT_SEND, RIGHT_RECEIVE, RIGHT_SEND_ONCE, RIGHT_SET,
                                     RIGHT_DEAD};
    static const enum pool pool[] = {POOL_SEND, POOL_RECEIVE, POOL_ONCE, POOL_SET, POOL_DEAD};
    unsigned n = (unsigned)below(p, array_count(right));
    int32_t delta = (int32_t)below(p, 4) - 1;
    if (below(p, 64) == 0)
        delta = (int32_t)host_random(&p->random);
    if (right[n] & (RIGHT_RECEIVE | RIGHT_SET))
        delta = below(p, 4) ? 0 : -1; /* ports and sets are to live for a while */
    (void)!space_mod_refs(p->home->task->space, player_pick(p, pool[n]), right[n], delta);
}

static void request(struct player *p)
{
    static const unsigned id[] = {MSG_ID_DEAD_NAME, MSG_ID_SEND_POSSIBLE, MSG_ID_NO_SENDERS,
                                  MSG_ID_PORT_DESTROYED, 12345};
    struct space *space = p->home->task->space;
    struct kright notify = {0};
    unsigned n = (unsigned)below(p, below(p, 32) ? 3u + game.moves : (unsigned)array_count(id));
    mach_port_name_t about = player_pick(p, n < 2 ? POOL_SEND : POOL_RECEIVE);
    if (below(p, 8)) {
        spin_lock(&space->lock);
        kern_return_t kr =
            space_take(space, player_pick(p, POOL_RECEIVE), MSG_MAKE_SEND_ONCE, &notify);
        spin_unlock(&space->lock);
        if (kr != KERN_SUCCESS)
            return;
    }
    (void)!space_request_notification(space, about, id[n], (uint32_t)below(p, 3), &notify);
    kright_destroy(&notify); /* the one before, or the one that was refused */
}

static void look(struct player *p)
{
    struct space *space = p->home->task->space;
    mach_port_name_t name = player_pick(p, (enum pool)below(p, POOLS));
    uint32_t type = 0, count = 0;
    if (space_type(space, name, &type) == KERN_SUCCESS)
        CHECK(type && !(type & ~(uint32_t)RIGHT_ALL));
    if (space_get_refs(space, name, 1u << below(p, 5), &count) == KERN_SUCCESS)
        CHECK(count <= SPACE_UREFS_MAX);
}

static void set_payload(struct player *p)
{
    struct port *port;
    if (space_receive_port(p->home->task->space, player_pick(p, POOL_RECEIVE), &port) !=
        KERN_SUCCESS)
        return;
    spin_lock(&port->lock);
    if (port->space && port->name != p->own) {
        port->has_payload = below(p, 2);
        port->local = port->has_payload ? host_random(&p->random) | UINT64_C(1) << 63 : port->name;
    }
    spin_unlock(&port->lock);
    port_unref(port);
}

/* A right to another task's port, or to a task or thread. */
static void get_right(struct player *p)
{
    mach_port_name_t name;
    struct ipc_task *other = &ipc_task[below(p, IPC_TASKS)];
    struct task *mine = p->home->task, *theirs = other->task;
    if (!theirs)
        return;
    mach_port_name_t there = atomic_load_explicit(
        &other->name[below(p, 4) ? POOL_SEND : POOL_RECEIVE][below(p, POOL_SIZE)],
        memory_order_relaxed);
    unsigned how = below(p, 2) ? MSG_COPY_SEND : MSG_MAKE_SEND;
    if (below(p, 8) == 0) {
        spin_lock(&theirs->lock);
        struct port *port = theirs->dying ? NULL : theirs->self_port;
        if (port)
            port_ref(port);
        spin_unlock(&theirs->lock);
        if (!port)
            return;
        if (ipc_give_kobject(port, mine, &name) == KERN_SUCCESS)
            player_put(p, POOL_SEND, name);
        port_unref(port);
        return;
    }
    if (ipc_give(theirs, there, how, mine, &name) == KERN_SUCCESS)
        player_put(p, POOL_SEND, name);
}

void names_play(struct player *p)
{
    struct space *space = p->home->task->space;
    if (p->evicted) {
        if (space_deallocate(space, p->evicted) == KERN_INVALID_RIGHT &&
            space_mod_refs(space, p->evicted, RIGHT_RECEIVE, -1) == KERN_INVALID_RIGHT &&
            space_mod_refs(space, p->evicted, RIGHT_SET, -1) == KERN_RETRY)
            return;
        p->evicted = 0;
        return;
    }
    switch (below(p, 12)) {
    case 0:
    case 1: allocate(p); break;
    case 2:
    case 3: make_send(p); break;
    case 4: (void)!space_deallocate(space, player_pick(p, (enum pool)below(p, POOLS))); break;
    case 5: change_references(p); break;
    case 6:
        (void)!space_move_member(space, player_pick(p, POOL_RECEIVE),
                                 below(p, 4) ? player_pick(p, POOL_SET) : 0);
        break;
    case 7: request(p); break;
    case 8: look(p); break;
    case 9: set_payload(p); break;
    default: get_right(p); break;
    }
}

/* --- others --- */

static struct thread *pick_thread(struct task *task, uint64_t n)
{
    struct thread *thread, *found = NULL;
    spin_lock(&task->lock);
    n = task->thread_count ? n % task->thread_count : 0;
    list_for_each(thread, &task->threads, task_link)
        if (n-- == 0)
            thread_ref(found = thread);
    spin_unlock(&task->lock);
    return found;
}

static void control_thread(struct player *p, struct thread *thread)
{
    uint64_t progress = 0; /* a call that would have to be repeated is not */
    switch (below(p, 16)) {
    case 0: thread_terminate(thread); break;
    case 1:
    case 2: (void)!thread_suspend(thread, &progress); break;
    case 3:
    case 4:
    case 5: (void)!thread_resume_count(thread); break;
    case 6:
    case 7: (void)!thread_abort(thread); break;
    case 8: (void)!thread_abort_safely(thread); break;
    case 9:
    case 10: (void)!sched_set_affinity(thread, host_random(&p->random)); break;
    default:
        if (game.many_priorities)
            sched_set_priority(thread, 1 + (unsigned)below(p, 255));
        break;
    }
}

void control_play(struct player *p)
{
    struct task *victim = (below(p, 2) ? p->home : &ipc_task[below(p, IPC_TASKS)])->task;
    uint64_t progress = 0;
    if (!victim)
        return;
    if (below(p, 200) == 0) {
        task_terminate(victim, 3, false);
    } else if (below(p, 16) == 0) {
        if (below(p, 3))
            (void)!task_resume(victim, &progress);
        else
            (void)!task_suspend(victim, &progress);
    } else {
        struct thread *thread = pick_thread(victim, host_random(&p->random));
        if (thread) {
            control_thread(p, thread);
            thread_unref(thread);
        }
    }
}
