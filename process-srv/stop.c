/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping a thread so that it takes a signal, and exceptions. See server.h; interfaces/process.defs tells what the thread finds.
 *
 * A thread that is asked takes all that its mask lets through, or refuses what waits, and looks itself when its mask changes: so it is asked for a signal of its own once. For those of
 * the process all threads are asked in turn, whatever they have refused of their own meanwhile, anew with each new signal.
 *
 * One thread of a process at a time, from when it is stopped until it takes: so a thread that waits for an answer, and has to have it before it takes, is not disturbed again.
 */
#include "crash.h"
#include "effects.h"
#include "server.h"
#include "signals.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/info.h>

enum { NOT_YET = 1, GONE = 2 };

static void drop(mach_port_name_t *thread)
{
    if (*thread != MSG_NULL && *thread != MSG_DEAD)
        stub_release_right(*thread, MSG_MOVE_SEND);
    *thread = MSG_NULL;
}

void stop_forget(struct process *p)
{
    drop(&p->stopped_thread);
    drop(&p->refused);
    p->stopped_running = false;
    p->crash_signal = 0; /* of a task that it has no more */
    p->crash_by = 0;
}

static kern_return_t get_state(mach_port_name_t thread, struct thread_state_general *state)
{
    uint64_t words[THREAD_STATE_WORDS];
    uint32_t count = 0;
    const kern_return_t kr = thread_get_state(thread, THREAD_STATE_GENERAL, words, &count);
    if (kr == KERN_SUCCESS)
        memcpy(state, words, sizeof(*state));
    return kr;
}

static kern_return_t set_state(mach_port_name_t thread, const struct thread_state_general *state)
{
    return thread_set_state(thread, THREAD_STATE_GENERAL, (const uint64_t *)state,
                            sizeof(*state) / sizeof(uint64_t));
}

/* What it was in the midst of; the abort succeeded, or there was nothing to abort. Who waits for a page is in the midst of anything, and repeats it
 * whether the abort succeeded or not. */
static uint32_t kind_of(const struct thread_info *info, bool aborted,
                        const struct thread_state_general *state)
{
    const bool repeats = !aborted || info->waits == THREAD_WAITS_PAGE;

    if (repeats) /* a receive that is begun again as soon as it runs looks so, too */
        return state->x[0] == 0 && (uint32_t)state->x[4] == MSG_REPLY ? PROCESS_STOP_ANSWER
                                                                      : PROCESS_STOP_RUNNING;
    if (state->x[0] == (uint64_t) - (int64_t)KERN_ABORTED || info->waits == THREAD_WAITS_RECEIVE)
        return PROCESS_STOP_TRAP;
    return PROCESS_STOP_REPLY;
}

/* It stands still. */
static kern_return_t redirect(struct process *p, mach_port_name_t thread, bool exception)
{
    struct thread_info info;
    struct thread_state_general state;
    kern_return_t kr = thread_info(thread, &info);
    if (kr != KERN_SUCCESS)
        return kr;
    if (info.state == THREAD_DOES_WAIT && info.waits == THREAD_WAITS_SEND)
        return KERN_BUSY; /* it would have to send again what is not there any more */
    kr = thread_abort_safely(thread);
    const bool aborted = kr == KERN_SUCCESS && !exception;
    if (kr != KERN_SUCCESS && kr != KERN_NOT_WAITING)
        return kr;
    kr = get_state(thread, &state);
    if (kr != KERN_SUCCESS)
        return kr;
    const uint32_t kind = kind_of(&info, aborted, &state);
    struct thread_state_general new = state;
    new.pc = p->entry;
    new.x[0] = state.sp;
    new.x[1] = state.pc;
    new.x[2] = kind;
    new.x[3] = state.x[0];
    new.x[4] = p->stop_number == UINT32_MAX ? 1 : p->stop_number + 1;
    kr = set_state(thread, &new);
    if (kr == KERN_SUCCESS) {
        p->stopped_running = kind == PROCESS_STOP_RUNNING || kind == PROCESS_STOP_ANSWER;
        p->registers = state;
        p->stop_number = (uint32_t) new.x[4];
    }
    return kr;
}

/* That a thread ends without coming for its signal is heard of (stop_died()): false: there is no room for that now. */
static bool is_watched(mach_port_name_t thread)
{
    const kern_return_t kr = port_watch(program_start_info->task, thread, tasks_exceptions);
    return kr == KERN_SUCCESS || kr == KERN_EXISTS;
}

/* KERN_BUSY: not at this moment. The right is taken on success. A thread with an exception has come already, and would be its program's end. */
static kern_return_t stop(struct process *p, mach_port_name_t thread, bool exception)
{
    if (!is_watched(thread) && !exception)
        return KERN_BUSY;
    kern_return_t kr = thread_suspend(thread);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = redirect(p, thread, exception);
    (void)!thread_resume(thread);
    if (kr == KERN_SUCCESS) {
        p->stopped_thread = thread;
        p->stopped_in_turn = false;
    }
    return kr;
}

/* The next thread that has not refused; null: there is none. */
static mach_port_name_t next_thread(struct process *p)
{
    mach_port_name_t t[TASK_THREADS_MAX] = {MSG_NULL};
    kern_return_t kr =
        task_threads(p->task, p->refused, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    if (kr == KERN_NOT_FOUND || kr == KERN_INVALID_CAPABILITY) {
        drop(&p->refused);
        kr =
            task_threads(p->task, MSG_NULL, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    }
    if (kr != KERN_SUCCESS)
        return MSG_NULL;
    for (unsigned i = 1; i < TASK_THREADS_MAX; i++)
        drop(&t[i]);
    return t[0];
}

static bool is_free(struct process *p)
{
    struct thread_info info;
    if (p->stopped_thread == MSG_NULL)
        return true;
    if (thread_info(p->stopped_thread, &info) == KERN_SUCCESS && info.state != THREAD_DOES_END)
        return false;
    drop(&p->stopped_thread); /* it ended meanwhile */
    return true;
}

void stop_look(struct process *p)
{
    mach_port_name_t thread;
    while (signals_wanted(p, &thread) && is_free(p)) {
        const bool directed = thread != MSG_NULL;
        if (directed && !effect_keep_thread(thread)) { /* it has ended */
            signals_forget_thread(p, thread);
            continue;
        }
        if (!directed)
            thread = next_thread(p);
        if (thread == MSG_NULL) {
            p->all_refused = true;
            return;
        }
        const kern_return_t kr = stop(p, thread, false);
        if (kr == KERN_SUCCESS) {
            p->stopped_in_turn = !directed;
            return;
        }
        if (kr == KERN_BUSY || kr == KERN_RETRY) {
            p->again = true;
            tasks_again();
            drop(&thread);
            return;
        }
        if (directed) { /* it is ending: nobody will take them */
            signals_forget_thread(p, thread);
            drop(&thread);
        } else {
            drop(&p->refused);
            p->refused = thread;
        }
    }
}

void stop_died(mach_port_name_t thread)
{
    for (struct process *p = table_next(NULL); p != NULL; p = table_next(p)) {
        signals_forget_thread(p, thread);
        if (p->stopped_thread == thread) {
            drop(&p->stopped_thread);
            p->stopped_running = false;
            stop_look(p);
            return;
        }
    }
}

bool stop_is(const struct process *p, mach_port_name_t thread, uint32_t number)
{
    return thread != MSG_NULL && thread == p->stopped_thread && number == p->stop_number;
}

static void note_refusal(struct process *p, mach_port_name_t thread)
{
    signals_refused(p, thread);
    if (p->stopped_in_turn && effect_keep_thread(thread)) {
        drop(&p->refused);
        p->refused = thread;
    }
}

/* A thread that looked before it was stopped has yet to come for the stop. */
void stop_taken(struct process *p, mach_port_name_t thread, uint32_t number, bool refused)
{
    if (stop_is(p, thread, number)) {
        if (refused)
            note_refusal(p, thread);
        drop(&p->stopped_thread);
        p->stopped_running = false;
    }
    if (p->pending == 0 && p->queue == NULL)
        drop(&p->refused); /* there is nothing that another should be asked about */
    mach_port_name_t next;
    if (signals_wanted(p, &next)) { /* after the answer */
        p->again = true;
        tasks_soon();
    }
}

void stop_resume(struct process *p, mach_port_name_t thread,
                 const struct thread_state_general *state)
{
    if (thread_suspend(thread) != KERN_SUCCESS)
        return;
    if (thread == p->stopped_thread) { /* it does not come for that any more */
        drop(&p->stopped_thread);
        p->stopped_running = false;
    }
    const kern_return_t kr = thread_abort_safely(thread);
    if (kr == KERN_SUCCESS || kr == KERN_NOT_WAITING)
        (void)!set_state(thread, state);
    (void)!thread_resume(thread);
    stop_look(p);
}

/* ---- exceptions ---- */

static uint32_t signal_of(uint32_t kind)
{
    switch (kind) {
    case EXCEPTION_KIND_BAD_INSTRUCTION: return SIGNAL_ILL;
    case EXCEPTION_KIND_BREAKPOINT:
    case EXCEPTION_KIND_STEP:
    case EXCEPTION_KIND_WATCHPOINT: return SIGNAL_TRAP;
    case EXCEPTION_KIND_ALIGNMENT:
    case EXCEPTION_KIND_BUS: return SIGNAL_BUS;
    case EXCEPTION_KIND_ARITHMETIC: return SIGNAL_FPE;
    default: return SIGNAL_SEGV;
    }
}

/* Success: the thread goes on, where it now is. */
static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    (void)number;
    struct process *p =
        message->received.local == SERVER_PAYLOAD_EXCEPTIONS ? tasks_find(task) : NULL;
    if (p == NULL || p->state == PROCESS_ZOMBIE || !tasks_has_thread(p->task, thread))
        return KERN_FAILURE;
    if (p->crash_signal !=
        0) { /* it stands still, or is about to: the instruction is repeated, if it gets to */
        drop(&thread);
        drop(&task);
        return KERN_SUCCESS;
    }
    const uint32_t signal = signal_of(kind);
    const bool again = thread == p->stopped_thread; /* it cannot even begin */
    if (!again && !is_free(p)) {
        ; /* another thread is about to take something: the instruction is repeated until then */
    } else if (again || !(p->mine & signal_bit(signal)) || p->entry == 0 ||
               stop(p, thread, true) != KERN_SUCCESS) {
        crash_report(p, thread, signal, kind, code, address);
        thread = MSG_NULL;
    } else {
        const struct process_signal s = {
            .number = signal, .code = 1, .address = address, .value = code, .forced = 1};
        if (signals_send(p, &s, thread) != 0) {
            p->stopped_thread = MSG_NULL; /* its right is the report's */
            crash_report(p, thread, signal, kind, code, address);
        }
        stub_release_right(task, MSG_MOVE_SEND);
        return KERN_SUCCESS; /* thread is kept: stopped_thread */
    }
    drop(&thread);
    drop(&task);
    return KERN_SUCCESS;
}

const struct exception_ops exception_calls = {.raise = raise};
