/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a file; see waits.h.
 */
#include "waits.h"
#include "again.h"
#include "cancel.h"
#include "errors.h"
#include "process.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/unix_error.h>

extern __typeof__(interruptible_call) interruptible_call [[gnu::weak]];
/* Of <signal.h>: there in programs that have handlers. */
extern __typeof__(sigaction) sigaction [[gnu::weak]];
extern __typeof__(sigprocmask) sigprocmask [[gnu::weak]];
/* Of signal.c: handlers that were put off until an answer had come. */
[[gnu::weak]] extern void stub_resumed(void);

/* A wait is known by the thread it is of, among all threads of the system. */
static uint64_t token(void)
{
    return (uint64_t)thread_current()->id;
}

struct wait {
    mach_port_name_t port;
    uint32_t events;
};

kern_return_t wait_call(struct msg_registers *m, uint32_t shape)
{
    m->receive = MSG_REPLY;
    m->deadline = UINT64_MAX;
    user_msg_trap(m);
    return m->result == -(int64_t)MACH_RCV_INTERRUPTED ? MACH_RCV_INTERRUPTED
                                                       : stub_recover(m, shape, UINT64_MAX);
}

static kern_return_t wait_once(void *argument)
{
    const struct wait *w = argument;
    struct msg_registers m;
    enum { REQUEST = 16, ANSWER = 8 };

    memset(&m, 0, sizeof(m));
    m.destination = w->port;
    m.id = FILE_ID_WAIT;
    m.control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, REQUEST, 0);
    m.word[0] = w->events;
    m.word[1] = token();
    return wait_call(&m, WIRE_SHAPE(ANSWER, 0));
}

int wait_for_events(mach_port_name_t port, uint32_t events)
{
    struct wait w = {port, events};
    bool cancelled;
    const kern_return_t kr = wait_interruptibly(wait_once, &w, &cancelled);

    if (cancelled)
        cancel_act();
    return posix_errno(kr);
}

/* Without interruptible_call() there are no handlers that could end a wait. Who was interrupted for another reason waits again. */
kern_return_t wait_interruptibly(interruptible_function_t *function, void *argument,
                                 bool *cancelled)
{
    kern_return_t kr;

    do {
        *cancelled = cancel_begin();
        if (*cancelled)
            return KERN_ABORTED;
        kr = AGAIN(&interruptible_call == NULL ? function(argument)
                                               : interruptible_call(function, argument));
        *cancelled = cancel_end(kr == KERN_ABORTED || kr == MACH_RCV_INTERRUPTED);
    } while (kr == MACH_RCV_INTERRUPTED && !*cancelled);
    return kr;
}

/* ---- to wait for bytes ---- */

/* Who is interrupted asks for an answer at once, and waits for it: the bytes, if they have come before. The answer is the thread's own until then, for handlers are put off (signal.c). */
static kern_return_t await_once(mach_port_name_t port, void *bytes, uint32_t size, uint32_t *got,
                                bool *interrupted)
{
    enum { REQUEST = 16 };
    uint64_t body[(FILE_DATA_MAX + 8) / 8]; /* a count and the bytes */
    struct msg_registers m;
    uint32_t shape, next = 0;
    const void *at;

    m.destination = port;
    m.id = FILE_ID_AWAIT;
    m.control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, REQUEST, 0);
    m.local = MSG_NULL;
    m.receive = MSG_REPLY;
    m.deadline = UINT64_MAX;
    m.buffer = (uintptr_t)body;
    m.size = sizeof(body);
    m.word[0] = size;
    m.word[1] = token();
    user_msg_trap(&m);
    while (m.result == -(int64_t)MACH_RCV_INTERRUPTED) {
        *interrupted = true;
        (void)!file_abandon(port, token());
        m = (struct msg_registers){.receive = MSG_REPLY,
                                   .deadline = UINT64_MAX,
                                   .buffer = (uintptr_t)body,
                                   .size = sizeof(body)};
        user_msg_trap(&m);
    }
    const void *answer = m.word; /* where it came, if all is well and it is short */
    shape = wire_shape(m.control);
    if (__builtin_expect(m.result != 0 || m.id != KERN_SUCCESS || msg_remote(m.control) != 0 ||
                             wire_length(shape) > MSG_REGISTER_BYTES,
                         0)) {
        const kern_return_t kr = stub_answered(&m, body, &shape);
        if (kr != KERN_SUCCESS)
            return kr;
        answer = body;
    }
    if (wire_descriptors(shape) != 0 ||
        !wire_get(answer, wire_length(shape), &next, 1, 1, size, &at, got))
        return stub_bad_reply(answer, shape);
    memcpy(bytes, at, *got);
    return KERN_SUCCESS;
}

static kern_return_t run_handlers(void *argument)
{
    (void)argument;
    stub_resumed();
    return KERN_SUCCESS;
}

/* True: one of them ends waits. */
static bool is_ended_by_handlers(void)
{
    return &interruptible_call != NULL && stub_resumed != NULL &&
           interruptible_call(run_handlers, NULL) == KERN_ABORTED;
}

kern_return_t wait_for_bytes(mach_port_name_t port, void *bytes, uint32_t size, uint32_t *got)
{
    for (;;) {
        bool interrupted = false;

        cancel_enter();
        const kern_return_t kr = await_once(port, bytes, size, got, &interrupted);
        cancel_leave(kr == unix_error(EINTR));
        if (!interrupted)
            return kr;
        const bool ended = is_ended_by_handlers();
        if (ended || kr != unix_error(EINTR))
            return kr;
    }
}

/* ---- */

int wait_broken_pipe(void)
{
    (void)raise(SIGPIPE);
    return EPIPE;
}

uint32_t wait_own_group(void)
{
    return process_port_now() == MSG_NULL ? 0 : (uint32_t)getpgrp();
}

/* A program without handlers has them as it was started. */
static bool is_put_off(int signal)
{
    const struct start_process *start = program_start_info->posix;
    const uint64_t from_start = start != NULL ? start->ignored | start->blocked : 0;
    struct sigaction action;
    sigset_t blocked;

    if (sigaction == NULL || sigprocmask == NULL)
        return (from_start >> (signal - 1) & 1) != 0;
    return (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN) ||
           (sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, signal) == 1);
}

bool wait_may_disturb(void)
{
    return is_put_off(SIGTTOU);
}

int wait_in_background(int signal)
{
    if (is_put_off(signal) || group_is_orphaned())
        return EIO;
    return kill(0, signal) == 0 ? 0 : EIO;
}
