/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork: a task with a copy of the memory and the send rights, whose one thread goes on where the caller was, at the same addresses. What the child has to know is in one register: its
 * names for itself and for its process port.
 */
#include "../newlib/calls.h"
#include "again.h"
#include "atfork.h"
#include "errors.h"
#include "patience.h"
#include "process.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <unistd.h>
#include <user/machine.h>
#include <wharf/if/process.h>
#include <wharf/if/task.h>
#include <wharf/unix_error.h>

/* arch/.../user/fork.S: keeps the caller's registers below `frame`'s end and returns 0; a thread that starts at fork_entry with sp = frame and an argument that is
 * not 0 returns that there; its number is in the frame then. */
struct fork_frame {
    uint64_t registers[22], number, word;
};
[[gnu::returns_twice]] uint64_t fork_save(struct fork_frame *frame);
void fork_entry(void);

[[gnu::weak]] extern __typeof__(locks_hold) locks_hold;
[[gnu::weak]] extern __typeof__(locks_release) locks_release;
[[gnu::weak]] extern __typeof__(signals_child) signals_child;

static void hold(void)
{
    atfork_prepare();
    if (descriptors_hold != NULL)
        descriptors_hold();
    if (file_maps_hold != NULL)
        file_maps_hold();
    if (locks_hold != NULL)
        locks_hold();
}

static void release(bool child)
{
    if (locks_release != NULL)
        locks_release(child);
    if (file_maps_release != NULL)
        file_maps_release(child);
    if (descriptors_release != NULL)
        descriptors_release(child);
    if (child)
        atfork_child(program_start_info->thread);
    else
        atfork_parent();
}

/* ---- the child ---- */

/* The rights that it has inherited to what its parent calls itself are given up. */
static void become(uint64_t names, uint64_t number)
{
    struct start_info *info = (struct start_info *)(uintptr_t)program_start_info;
    const mach_port_name_t task = info->task, thread = info->thread, port = process_port_now();
    info->task = (uint32_t)names;
    info->process = (uint32_t)(names >> 32);
    info->thread = (mach_port_name_t)sys_thread_self();
    process_became_child(info->process);
    stub_release_right(task, MSG_MOVE_SEND);
    stub_release_right(thread, MSG_MOVE_SEND);
    stub_release_right(port, MSG_MOVE_SEND);
    thread_current()->id = (int64_t)number;
    again_next = 0;
}

/* ---- the parent ---- */

static kern_return_t make_thread(mach_port_name_t task, struct fork_frame *frame, uint64_t names)
{
    const uint64_t tls = (uintptr_t)machine_thread_pointer();
    uint32_t id;
    kern_return_t kr = task_start_thread(task, (uintptr_t)fork_entry, (uintptr_t)frame, names, tls,
                                         THREAD_PRIORITY_DEFAULT, &id);
    if (kr == KERN_DENIED) /* it may not have that much */
        kr = task_start_thread(task, (uintptr_t)fork_entry, (uintptr_t)frame, names, tls, 1, &id);
    return kr;
}

/* The last one was refused, for there were too many: the next asks first, which costs a thirtieth of making a task in vain. Who keeps trying harms the others less. */
static _Atomic bool refused;

static bool is_full(mach_port_name_t port)
{
    uint32_t processes, most;
    return atomic_load_explicit(&refused, memory_order_relaxed) &&
           process_limits(port, &processes, &most) == KERN_SUCCESS && processes >= most;
}

static kern_return_t make_child(struct fork_frame *frame, mach_port_name_t port, int32_t *pid)
{
    mach_port_name_t task, self_name, child_port;
    kern_return_t kr =
        task_create(program_start_info->task, TASK_INHERIT_SEND_RIGHTS | TASK_INHERIT_MEMORY,
                    program_start_info->name, NULL, 0, MSG_NULL, &task, &self_name);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = process_fork(port, task, pid, &child_port);
    atomic_store_explicit(&refused, kr == unix_error(EAGAIN), memory_order_relaxed);
    if (kr == KERN_SUCCESS) {
        kr = make_thread(task, frame, (uint64_t)child_port << 32 | self_name);
        if (kr != KERN_SUCCESS)
            process_take_back(port, *pid);
    }
    if (kr != KERN_SUCCESS)
        (void)!task_terminate(task, 0);
    stub_release_right(task, MSG_MOVE_SEND);
    return kr;
}

static kern_return_t make_child_patiently(struct fork_frame *frame, mach_port_name_t port,
                                          int32_t *pid)
{
    unsigned refusals = 0;
    kern_return_t kr;
    do
        kr = make_child(frame, port, pid);
    while (is_short(kr, &refusals));
    return kr;
}

pid_t _fork(void)
{
    _Alignas(16) struct fork_frame frame;
    const mach_port_name_t port = process_port();
    int32_t pid = 0;
    if (port == MSG_NULL)
        return -1;
    if (is_full(port)) {
        errno = EAGAIN;
        return -1;
    }
    hold();
    const uint64_t names = fork_save(&frame);
    if (names != 0) {
        become(names, frame.number);
        release(true);
        if (signals_child != NULL) /* from here on there may be signals */
            signals_child();
        return 0;
    }
    const kern_return_t kr = make_child_patiently(&frame, port, &pid);
    release(false);
    if (kr == KERN_SUCCESS)
        return pid;
    errno = kr == KERN_LIMIT || kr == KERN_NO_SPACE ? EAGAIN : posix_errno(kr);
    return -1;
}

/* The child may do what it likes: it is a fork. */
pid_t vfork(void)
{
    return _fork();
}
