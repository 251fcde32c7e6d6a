/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes all that it can get of one kind until its limits say no, gives all of it back, and begins anew, for ever: threads of one task do, and in the case
 * of tasks all that there are. How often it was refused after it had got something, it says when that has doubled. It leaves others alone: what others have of it is throughput's to see.
 *
 * Arguments: kind=fork|memory|ports|messages.
 */
#include "arguments.h"
#include "vm-test.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { THREADS = 4, MOST = 4096, PRIORITY = 64, SOON = 1 };

static void refused(unsigned made)
{
    static _Atomic unsigned times;
    const unsigned now = atomic_fetch_add(&times, made > 0) + 1;

    if (made > 0 && (now & (now - 1)) == 0)
        print("refused %u times, last after %u\n", now, made);
}

/* ---- tasks ---- */

/* It makes two of its kind, if it can, and is gone. */
static int multiply(void *argument)
{
    enum { CHILDREN = 2, TOUCHED = 8 };
    static char copied[TOUCHED * 4096];
    struct clone child;

    for (unsigned i = 0; i < TOUCHED; i++)
        *(volatile char *)&copied[(size_t)i * 4096] = 1;
    for (unsigned i = 0; i < CHILDREN; i++) {
        if (clone_make(&child, multiply, argument, PRIORITY) != KERN_SUCCESS)
            break;
        (void)!clone_run(&child);
        stub_release_right(child.task, MSG_MOVE_SEND);
        stub_release_right(child.thread, MSG_MOVE_SEND);
    }
    return 0;
}

static unsigned fork_all(void)
{
    struct clone child;
    unsigned made = 0;

    for (; clone_make(&child, multiply, NULL, PRIORITY) == KERN_SUCCESS; made++) {
        (void)!clone_run(&child);
        stub_release_right(child.task, MSG_MOVE_SEND);
        stub_release_right(child.thread, MSG_MOVE_SEND);
    }
    return made;
}

/* ---- memory ---- */

static unsigned take_memory(void)
{
    enum { PIECE = 16 };
    static _Thread_local uint64_t at[MOST];
    unsigned made = 0;

    while (made < MOST &&
           vm_allocate(me(), 0, PIECE * PAGE, VM_ANYWHERE, &at[made]) == KERN_SUCCESS)
        for (uint64_t *word = (uint64_t *)(uintptr_t)at[made++], i = 0; i < PIECE; i++)
            word[i * PAGE_WORDS] = made;
    for (unsigned i = 0; i < made; i++)
        (void)!vm_deallocate(me(), at[i], PIECE * PAGE);
    return made;
}

/* ---- ports ---- */

static unsigned take_ports(void)
{
    static _Thread_local mach_port_name_t name[MOST];
    unsigned made = 0;

    while (made < MOST && port_allocate(me(), PORT_RIGHT_RECEIVE, &name[made]) == KERN_SUCCESS)
        made++;
    for (unsigned i = 0; i < made; i++)
        (void)!port_mod_refs(me(), name[i], PORT_RIGHT_RECEIVE, -1);
    return made;
}

/* ---- messages ---- */

static bool send(mach_port_name_t to)
{
    static uint64_t body[MSG_BODY_MAX / 8];
    struct msg_registers m = {.destination = to,
                              .control = MSG_CONTROL(MSG_MAKE_SEND_ONCE, 0, MSG_BODY_MAX, 0),
                              .deadline = SOON,
                              .word = {(uintptr_t)body}};
    user_msg_trap(&m);
    return m.result >= 0;
}

/* All of them go with their port. */
static unsigned send_messages(void)
{
    mach_port_name_t port;
    unsigned made = 0;

    if (port_allocate(me(), PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS)
        return 0;
    (void)!port_set_limits(me(), port, MOST, UINT32_MAX);
    while (made < MOST && send(port))
        made++;
    (void)!port_mod_refs(me(), port, PORT_RIGHT_RECEIVE, -1);
    return made;
}

/* ---- all of it ---- */

static const struct kind {
    const char *name;
    unsigned (*take)(void);
} kinds[] = {
    {"fork", fork_all},
    {"memory", take_memory},
    {"ports", take_ports},
    {"messages", send_messages},
};

static void go_off(void *argument)
{
    const struct kind *kind = argument;

    for (;;)
        refused(kind->take());
}

int main(void)
{
    static struct thread thread[THREADS];
    char name[16];
    unsigned number = 0;

    word_argument("kind=", name, sizeof(name));
    while (strcmp(kinds[number].name, name) != 0)
        number++;
    for (unsigned i = 1; i < THREADS; i++)
        OK(thread_start(&thread[i], go_off, (void *)(uintptr_t)&kinds[number], PRIORITY));
    go_off((void *)(uintptr_t)&kinds[number]);
}
