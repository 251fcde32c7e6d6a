/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actions of signals, and how handlers are called. See signals.h.
 */
#include "errors.h"
#include "interruptible.h"
#include "interruptible_jump.h"
#include "process.h"
#include "signals.h"
#include "timer_signal.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/trap.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/process.h>

/* A thread that was stopped: what it does about it. The context is on the stack that this is on. */
struct interrupted {
    ucontext_t *context;
    uint64_t kind;                /* PROCESS_STOP_ */
    uint32_t stop;                /* the next signal is for; 0: it looks by itself */
    uintptr_t armed;              /* interruptible_stack then */
    struct process_signal signal; /* taken, and not handled yet; number 0: none */
    bool asking;                  /* RUNNING: it was in the midst of take() */
};
struct moved {
    ucontext_t context;
    struct interrupted i;
};

/* Where the server lets threads go on, and what is called there: arch/.../user/signal.S. */
void signal_entry(void);
void signal_interrupted(ucontext_t *context, uint64_t kind, uint64_t stop);
/* Leaves everything on this stack: signal_moved(moved) is called on the one that moved is on, and then it is as if signal_interrupted() had returned. */
[[gnu::noreturn]] void signal_move(struct moved *moved);
void signal_moved(struct moved *moved);
/* As user_msg_trap(), but that only the result is written; and its end. */
void signal_await_resume(struct msg_registers *registers);
extern const char signal_await_resume_end[];
/* handler(number, info, context), on the stack that ends at sp. */
void signal_call(uintptr_t sp, void (*handler)(int, siginfo_t *, void *), int number,
                 siginfo_t *info, void *context);

_Static_assert(offsetof(mcontext_t, regs) == 0 && offsetof(mcontext_t, v) == 280 + 0 &&
                   sizeof(mcontext_t) == 280 + 512 + 8,
               "as the kernel's register sets");
_Static_assert(offsetof(ucontext_t, uc_mcontext) == 40, "arch/aarch64/user/signal.S");

_Thread_local struct signal_thread signal_thread;
_Thread_local uintptr_t signal_stack[2];

static struct recursive_mutex lock; /* of the next three; held with all signals blocked */
static struct sigaction action[SIGNALS];
static uint64_t claimed, ignored;
static bool entered;

static int fails(int error)
{
    errno = error;
    return -1;
}

mach_port_name_t signals_self(void)
{
    return (mach_port_name_t)sys_thread_self();
}

/* ---- what the server knows ---- */

static bool tell(uint64_t signals, uint32_t disposition, uint32_t flags)
{
    const mach_port_name_t port = process_port();
    return port != MSG_NULL &&
           process_set_disposition(port, signals, disposition, flags) == KERN_SUCCESS;
}

static bool enter(void)
{
    if (!entered)
        entered = process_port() != MSG_NULL &&
                  process_set_entry(process_port(), (uintptr_t)signal_entry) == KERN_SUCCESS;
    return entered;
}

bool signals_claim(uint64_t signals)
{
    signals &= ~SIGNAL_NEVER;
    if ((signals & ~(claimed | ignored)) == 0)
        return true;
    const uint64_t mask = signals_hold();
    recursive_mutex_lock(&lock);
    const uint64_t new = signals & ~(claimed | ignored);
    const bool done = new == 0 || (enter() && tell(new, PROCESS_DISPOSITION_MINE, 0));
    if (done)
        claimed |= new;
    recursive_mutex_unlock(&lock);
    signals_go_on(mask);
    return done;
}

/* ---- handling ---- */

siginfo_t signals_info(const struct process_signal *s)
{
    siginfo_t info = {
        .si_signo = (int)s->number,
        .si_code = timer_signal_taken(s->code),
        .si_pid = s->pid,
        .si_uid = s->uid,
        .si_addr = (void *)(uintptr_t)s->address,
    };
    if (s->number == SIGCHLD)
        info.si_status = (int)s->value;
    else
        info.si_value.sival_ptr = (void *)(uintptr_t)s->value;
    return info;
}

static void by_default(int number)
{
    switch (number) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGCONT: return;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: (void)process_stop(process_port(), (uint32_t)number); return;
    default:
        (void)process_die(process_port(), (uint32_t)number);
        for (;;)
            (void)kernel_sleep_until(UINT64_MAX); /* it ends here */
    }
}

/* ---- stacks ---- */

static bool is_for_alternate(int number)
{
    return (action[number - 1].sa_flags & SA_ONSTACK) != 0;
}

/* The server's way in takes the alternate stack wherever there is one, for the other may be used up. A handler that is not for it runs where the thread was: with the context
 * on that stack, so that the alternate one is free again. */
static void move_if_other(struct interrupted *i)
{
    const uintptr_t was = i->context->uc_mcontext.sp;
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (i->signal.number == 0 || is_for_alternate((int)i->signal.number) ||
        signal_is_alternate(was) || !signal_is_alternate(here))
        return;
    struct moved *m = (struct moved *)((was - sizeof(struct moved)) & ~(uintptr_t)15);
    m->context = *i->context;
    m->i = *i;
    m->i.context = &m->context;
    signal_move(m);
}

static void call_handler(const struct sigaction *a, int number, siginfo_t *info,
                         ucontext_t *context)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if ((a->sa_flags & SA_ONSTACK) && signal_stack[0] != 0 && !signal_is_alternate(here))
        signal_call(signal_stack[0], a->sa_sigaction, number, info, context);
    else if (a->sa_flags & SA_SIGINFO)
        a->sa_sigaction(number, info, context);
    else
        a->sa_handler(number);
}

static void handle(const struct process_signal *s, ucontext_t *context)
{
    struct signal_thread *t = &signal_thread;
    const int number = (int)s->number;
    const uint64_t bit = signal_bit(number), mask = t->mask;
    struct sigaction a = action[number - 1];
    if (t->wanted & bit) {
        t->got = *s;
        t->wanted = 0;
        atomic_fetch_add(&t->handled, 1);
        return;
    }
    const bool forced_default = s->forced && ((mask & bit) || a.sa_handler == SIG_IGN);
    if (a.sa_handler == SIG_DFL || forced_default) {
        by_default(number);
        return;
    }
    if (a.sa_handler == SIG_IGN)
        return;
    if (a.sa_flags & SA_RESETHAND)
        action[number - 1].sa_handler = SIG_DFL;
    siginfo_t info = signals_info(s);
    const int error = errno;
    context->uc_sigmask = mask;
    const uint64_t inside =
        (mask | a.sa_mask | (a.sa_flags & SA_NODEFER ? 0 : bit)) & ~SIGNAL_NEVER;
    (void)signals_claim(inside & ~mask);
    t->mask = inside;
    call_handler(&a, number, &info, context);
    errno = error;
    t->mask = context->uc_sigmask;
    t->interrupts |= !(a.sa_flags & SA_RESTART);
    t->handled_ending += !(a.sa_flags & SA_RESTART);
    atomic_fetch_add(&t->handled, 1);
}

/* The call is a wait itself, in which the server may stop this thread once more. If that were looked after from within, signals that come faster
 * than they are taken would fill the stack: it is answered by the next call, after the signal in hand (`due`). A stop that the server has given up (`resume`
 * came to it afterwards) is an error: then the thread looks by itself. */
static bool take(struct process_signal *s, uint32_t stop)
{
    struct signal_thread *t = &signal_thread;
    bool again;
    if (stop == 0) {
        stop = t->due;
        t->due = 0;
    }
    do {
        t->waiting = false; /* a stop in the midst of the call may find more */
        t->asking = true;
        const kern_return_t kr =
            process_take(process_port(), signals_self(), t->mask & ~t->wanted, stop, s);
        t->asking = false;
        if (kr != KERN_SUCCESS && stop == 0)
            return false;
        again = kr != KERN_SUCCESS || (s->number == 0 && t->due != 0);
        if (again) {
            stop = t->due;
            t->due = 0;
        }
    } while (again);
    t->waiting |= s->pending != 0 || t->due != 0;
    return s->number != 0;
}

/* Called as a function, not from the midst of something. */
void signals_look(void)
{
    ucontext_t context = {0};
    struct process_signal s;
    uint32_t stop = signal_thread.due;
    const uintptr_t armed = interruptible_stack;
    signal_thread.due = 0;
    signal_thread.interrupts = false;
    interruptible_stack = 0;
    for (; take(&s, stop); stop = 0)
        handle(&s, &context);
    interruptible_stack = armed;
    if (signal_thread.interrupts)
        interruptible_end();
}

/* libsys/stub.c: an answer has come, after a wait that was interrupted. */
void stub_resumed(void)
{
    if (signal_thread.due != 0 && !signal_thread.asking)
        signals_look();
}

/* The trap that would receive is not done: it is as if it had been interrupted, and the answer is still to be had. */
static uint64_t leave_receive(mcontext_t *c)
{
    const uint32_t instruction = *(const uint32_t *)(uintptr_t)c->pc;
    if ((instruction & 0xffe0003f) != 0xd4000021) /* svc with an odd immediate */
        return PROCESS_STOP_RUNNING;
    c->pc += 4;
    c->regs[0] = (uint64_t) - (int64_t)MACH_RCV_INTERRUPTED;
    return PROCESS_STOP_REPLY;
}

/* It awaits its registers: a stop meanwhile has to be left until it has them, for the server, which is asked already, may put them back at any moment. */
static bool is_resuming(const ucontext_t *context)
{
    return context->uc_mcontext.pc >= (uintptr_t)signal_await_resume &&
           context->uc_mcontext.pc < (uintptr_t)signal_await_resume_end;
}

/* All registers at once: only another can do that. No answer is ever heard, but from a server at its end. */
[[gnu::noreturn]] static void resume(const ucontext_t *context)
{
    enum { PAUSE = 1000000 };
    struct {
        struct msg_descriptor thread;
        struct thread_state_general state;
    } request = {.thread = {.value = signals_self(), .disposition = MSG_COPY_SEND}};
    memcpy(&request.state, &context->uc_mcontext, sizeof(request.state));
    for (;;) {
        struct msg_registers m = {
            .destination = process_port(),
            .id = PROCESS_ID_RESUME,
            .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, sizeof(request), 1),
            .receive = MSG_REPLY,
            .deadline = UINT64_MAX,
            .word = {(uintptr_t)&request},
        };
        signal_await_resume(&m);
        while (m.result == -(int64_t)MACH_RCV_INTERRUPTED) {
            m = (struct msg_registers){.receive = MSG_REPLY, .deadline = UINT64_MAX};
            signal_await_resume(&m);
        }
        (void)kernel_sleep_until(kernel_clock_now() + PAUSE);
    }
}

static bool take_next(struct interrupted *i)
{
    const uint32_t stop = i->stop;
    i->stop = 0;
    return take(&i->signal, stop);
}

/* Returns to what the context says; from a trap only. */
static void act(struct interrupted *i)
{
    for (bool is = i->signal.number != 0 || take_next(i); is; is = take_next(i)) {
        move_if_other(i);
        handle(&i->signal, i->context);
    }
    interruptible_stack = i->armed;
    if (signal_thread.interrupts)
        interruptible_end();
    if (i->kind == PROCESS_STOP_REPLY)
        interruptible_again();
    if (i->kind == PROCESS_STOP_RUNNING) {
        signal_thread.asking = i->asking;
        resume(i->context);
    }
}

void signal_moved(struct moved *moved)
{
    act(&moved->i);
}

/* A thread that was stopped, on the stack where it was, or the alternate one. */
void signal_interrupted(ucontext_t *context, uint64_t kind, uint64_t stop)
{
    struct signal_thread *t = &signal_thread;
    struct interrupted i = {context, kind, (uint32_t)stop, interruptible_stack, {0}, false};
    if (kind == PROCESS_STOP_ANSWER)
        i.kind = leave_receive(&context->uc_mcontext);
    if (i.kind == PROCESS_STOP_REPLY && (i.armed == 0 || is_resuming(context))) {
        t->due = i.stop;
        return;
    }
    interruptible_stack =
        0; /* what is called here needs its answers, and handlers may wait themselves */
    t->interrupts = false;
    if (i.kind == PROCESS_STOP_RUNNING) {
        struct thread_state_general state;
        i.asking = t->asking;
        t->asking = false;
        if (process_begin(process_port(), signals_self(), t->mask & ~t->wanted, i.stop, &i.signal,
                          &state) != KERN_SUCCESS)
            _exit(127); /* its registers are lost */
        memcpy(&context->uc_mcontext, &state, sizeof(state));
        t->waiting |= i.signal.pending != 0;
        i.stop = 0;
    }
    act(&i);
}

const _Atomic uint32_t *signals_handled(void)
{
    return &signal_thread.handled;
}

uint32_t signals_handled_ending(void)
{
    return signal_thread.handled_ending;
}

/* ---- actions ---- */

static uint32_t child_flags(const struct sigaction *a)
{
    return (a->sa_flags & SA_NOCLDSTOP ? PROCESS_NO_CHILD_STOP : 0u) |
           (a->sa_flags & SA_NOCLDWAIT ? PROCESS_NO_CHILD_WAIT : 0u);
}

/* The lock is held. A signal that the caller blocks stays claimed (G2); one that only another thread blocks does not, so its default comes. */
static bool change(int number, const struct sigaction *new, uint64_t mask)
{
    const uint64_t bit = signal_bit(number);
    const bool quiet = number == SIGCHLD || number == SIGURG || number == SIGWINCH;
    bool done;
    if (new->sa_handler == SIG_IGN || (new->sa_handler == SIG_DFL &&quiet)) {
        done = tell(bit,
                    new->sa_handler == SIG_IGN ? PROCESS_DISPOSITION_IGNORE
                                               : PROCESS_DISPOSITION_DEFAULT,
                    child_flags(new));
        claimed &= ~bit;
        ignored = new->sa_handler == SIG_IGN ? ignored | bit : ignored & ~bit;
        return done;
    }
    ignored &= ~bit;
    if (new->sa_handler == SIG_DFL && !(mask & bit)) {
        claimed &= ~bit;
        return tell(bit, PROCESS_DISPOSITION_DEFAULT, child_flags(new));
    }
    done = enter() && tell(bit, PROCESS_DISPOSITION_MINE, child_flags(new));
    claimed |= bit;
    return done;
}

int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    if (number < 1 || number >= SIGNALS ||
        (new != NULL && (signal_bit(number) & SIGNAL_NEVER) && new->sa_handler != SIG_DFL))
        return fails(EINVAL);
    const uint64_t mask = signals_hold();
    recursive_mutex_lock(&lock);
    const struct sigaction was = action[number - 1];
    bool done = true;
    if (new != NULL) {
        action[number - 1] = *new;
        done = (signal_bit(number) & SIGNAL_NEVER) || change(number, new, mask);
        if (!done)
            action[number - 1] = was;
    }
    recursive_mutex_unlock(&lock);
    signals_go_on(mask);
    if (old != NULL)
        *old = was;
    return done ? 0 : fails(ENOSYS);
}

_sig_func_ptr signal(int number, _sig_func_ptr handler)
{
    const struct sigaction new = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction old;
    return sigaction(number, &new, &old) == 0 ? old.sa_handler : SIG_ERR;
}

int siginterrupt(int number, int flag)
{
    struct sigaction a;
    if (sigaction(number, NULL, &a) != 0)
        return -1;
    a.sa_flags = flag ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
    return sigaction(number, &a, NULL);
}

/* ---- fork and exec ---- */

void signals_child(void)
{
    signal_thread.due = 0;
    signal_thread.asking = false;
    signal_thread.waiting = false;
    if (entered) { /* the server has waited for this */
        entered = false;
        (void)enter();
    }
}

void signals_import(uint64_t was_ignored, uint64_t blocked)
{
    for (int number = 1; number < SIGNALS; number++)
        if (was_ignored & signal_bit(number))
            action[number - 1].sa_handler = SIG_IGN;
    ignored = was_ignored;
    signal_thread.mask = blocked & ~SIGNAL_NEVER;
    claimed = blocked & ~was_ignored & ~SIGNAL_NEVER; /* exec told so */
    (void)enter();
    signal_thread.waiting = true; /* some may have come before */
}

void signals_export(uint64_t *to_ignore, uint64_t *to_block)
{
    *to_ignore = ignored;
    *to_block = signal_thread.mask;
}
