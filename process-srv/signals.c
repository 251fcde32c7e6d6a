/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What signals do. See signals.h. Numbers of siginfo's codes are newlib's.
 */
#include "signals.h"
#include "effects.h"
#include <errno.h>
#include <string.h>

enum { CODE_USER = 1 };

static struct queued entry[QUEUE_ENTRIES];
static struct queued *free_entries;

#define BIT(number)   (UINT64_C(1) << ((number)-1))
#define STOP_SIGNALS  (BIT(SIGNAL_STOP) | BIT(SIGNAL_TSTP) | BIT(SIGNAL_TTIN) | BIT(SIGNAL_TTOU))
#define QUIET_SIGNALS (BIT(SIGNAL_CHLD) | BIT(SIGNAL_URG) | BIT(SIGNAL_WINCH) | BIT(SIGNAL_CONT))
#define CORE_SIGNALS                                                                              \
    (BIT(SIGNAL_QUIT) | BIT(SIGNAL_ILL) | BIT(SIGNAL_TRAP) | BIT(SIGNAL_ABRT) | BIT(SIGNAL_EMT) | \
     BIT(SIGNAL_FPE) | BIT(SIGNAL_BUS) | BIT(SIGNAL_SEGV) | BIT(SIGNAL_SYS))
#define NEVER_MINE (BIT(SIGNAL_KILL) | BIT(SIGNAL_STOP))

void signals_reset(void)
{
    memset(entry, 0, sizeof(entry));
    for (unsigned i = 0; i + 1 < QUEUE_ENTRIES; i++)
        entry[i].next = &entry[i + 1];
    free_entries = &entry[0];
}

/* ---- the queue ---- */

static void give_back(struct process *p, struct queued **at)
{
    struct queued *q = *at;
    *at = q->next;
    p->queue_length--;
    if (q->thread != MSG_NULL)
        effect_drop_thread(q->thread);
    if (q >= p->own && q < p->own + QUEUE_OWN) {
        q->signal.number = 0;
        return;
    }
    q->next = free_entries;
    free_entries = q;
}

/* Those in `signals` wait no more. */
static void drop(struct process *p, uint64_t signals)
{
    for (struct queued **at = &p->queue; *at != NULL;)
        if (signal_bit((*at)->signal.number) & signals)
            give_back(p, at);
        else
            at = &(*at)->next;
    p->pending &= ~signals;
}

void signals_forget(struct process *p)
{
    drop(p, UINT64_MAX);
}

void signals_forget_thread(struct process *p, mach_port_name_t thread)
{
    for (struct queued **at = &p->queue; *at != NULL;)
        if ((*at)->thread == thread)
            give_back(p, at);
        else
            at = &(*at)->next;
}

void signals_refused(struct process *p, mach_port_name_t thread)
{
    for (struct queued *q = p->queue; q != NULL; q = q->next)
        q->refused |= q->thread == thread;
}

static bool waits_already(const struct process *p, uint32_t number, mach_port_name_t thread)
{
    for (const struct queued *q = p->queue; q != NULL; q = q->next)
        if (q->signal.number == number && q->thread == thread)
            return true;
    return thread == MSG_NULL && (p->pending & signal_bit(number)) != 0;
}

/* S2; NULL: there is none. */
static struct queued *free_place(struct process *p, bool forced)
{
    if (forced && p->own[QUEUE_FORCED].signal.number == 0)
        return &p->own[QUEUE_FORCED];
    if (p->queue_length >= PROCESS_QUEUE_MAX)
        return NULL;
    return p->own[QUEUE_ANY].signal.number == 0 ? &p->own[QUEUE_ANY] : free_entries;
}

/* `pending` has those for the process that have no entry, or have; the queue those for threads. */
static int enqueue(struct process *p, const struct process_signal *signal, mach_port_name_t thread)
{
    const bool all = signal->number >= SIGNAL_FIRST_QUEUED;
    if (!all && signal->forced == 0 && waits_already(p, signal->number, thread))
        return 0;
    struct queued *q = free_place(p, signal->forced != 0);
    if (q == NULL || (thread != MSG_NULL && !effect_keep_thread(thread))) {
        if (all || thread != MSG_NULL)
            return EAGAIN;
        p->pending |= signal_bit(signal->number);
        return 0;
    }
    if (q == free_entries)
        free_entries = q->next;
    *q = (struct queued){.thread = thread, .signal = *signal};
    struct queued **at = &p->queue;
    while (*at != NULL)
        at = &(*at)->next;
    *at = q;
    p->queue_length++;
    if (thread == MSG_NULL)
        p->pending |= signal_bit(signal->number);
    return 0;
}

/* Lowest number first, of one number the oldest. */
static struct queued **first_of(struct process *p, mach_port_name_t thread, uint64_t blocked)
{
    struct queued **best = NULL;
    for (struct queued **at = &p->queue; *at != NULL; at = &(*at)->next)
        if (((*at)->thread == MSG_NULL || (*at)->thread == thread) &&
            ((*at)->signal.forced != 0 || !(signal_bit((*at)->signal.number) & blocked)) &&
            (best == NULL || (*at)->signal.number < (*best)->signal.number))
            best = at;
    return best;
}

static void correct_pending(struct process *p, uint32_t number)
{
    for (const struct queued *q = p->queue; q != NULL; q = q->next)
        if (q->signal.number == number && q->thread == MSG_NULL)
            return;
    p->pending &= ~signal_bit(number);
}

uint64_t signals_pending(const struct process *p, mach_port_name_t thread)
{
    uint64_t set = p->pending;
    for (const struct queued *q = p->queue; q != NULL; q = q->next)
        if (q->thread == thread)
            set |= signal_bit(q->signal.number);
    return set;
}

struct process_signal signals_take(struct process *p, mach_port_name_t thread, uint64_t blocked)
{
    struct process_signal signal = {0};
    struct queued **at = first_of(p, thread, blocked & ~NEVER_MINE);
    const uint64_t bare = p->pending & ~blocked;
    if (at != NULL) {
        signal = (*at)->signal;
        give_back(p, at);
        correct_pending(p, signal.number);
    } else if (bare != 0) {
        signal.number = (uint32_t)__builtin_ctzll(bare) + 1;
        signal.code = CODE_USER;
        p->pending &= ~signal_bit(signal.number);
    }
    signal.pending = signals_pending(p, thread);
    return signal;
}

bool signals_wanted(const struct process *p, mach_port_name_t *thread)
{
    *thread = MSG_NULL;
    if (p->state != PROCESS_RUNNING || p->entry == 0)
        return false;
    for (const struct queued *q = p->queue; q != NULL; q = q->next)
        if (q->thread != MSG_NULL && !q->refused) {
            *thread = q->thread;
            return true;
        }
    return p->pending != 0 && !p->all_refused;
}

/* ---- what happens by itself ---- */

bool signals_leave_core(uint32_t number)
{
    return (signal_bit(number) & CORE_SIGNALS) != 0;
}

static void tell_parent(struct process *p, int32_t code, int32_t status)
{
    struct process *parent = p->parent;
    if (parent == NULL)
        return;
    const struct process_signal signal = {
        .number = SIGNAL_CHLD,
        .code = code,
        .pid = p->pid,
        .value = (uint32_t)status,
    };
    const bool ended = code == CHILD_EXITED || code == CHILD_KILLED || code == CHILD_DUMPED;
    if (ended || !(parent->child_flags & PROCESS_NO_CHILD_STOP))
        (void)!signals_send(parent, &signal, MSG_NULL);
    effect_news(parent);
}

void signals_stop(struct process *p, uint32_t number)
{
    if (p->state != PROCESS_RUNNING)
        return;
    p->state = PROCESS_STOPPED;
    p->status = (int32_t)(number << 8 | STATUS_STOPPED);
    p->stop_news = true;
    p->continue_news = false;
    effect_suspend(p);
    tell_parent(p, CHILD_STOPPED, (int32_t)number);
}

static void by_default(struct process *p, uint32_t number);

static void go_on(struct process *p)
{
    if (p->state != PROCESS_STOPPED)
        return;
    p->state = PROCESS_RUNNING;
    p->continue_news = true;
    p->stop_news = false;
    tell_parent(p, CHILD_CONTINUED, SIGNAL_CONT);
    effect_resume(
        p); /* after its parent, who may have more to send before it runs: a shell that ends a job */
    const uint64_t due = p->pending & ~p->mine; /* they waited only for this */
    drop(p, due);
    for (uint64_t left = due; left != 0 && p->state == PROCESS_RUNNING; left &= left - 1)
        by_default(p, (uint32_t)__builtin_ctzll(left) + 1);
    if (p->state == PROCESS_RUNNING)
        effect_look(p);
}

/* Nobody was left who could let it go on: since just now. */
static void orphan_group(int32_t group, int32_t sid)
{
    bool stopped = false;
    if (!table_orphaned(group, sid))
        return;
    for (const struct process *p = table_next(NULL); p != NULL; p = table_next(p))
        stopped |= p->pgid == group && p->state == PROCESS_STOPPED;
    if (stopped) {
        (void)!signals_group(sid, group, &(struct process_signal){.number = SIGNAL_HUP});
        (void)!signals_group(sid, group, &(struct process_signal){.number = SIGNAL_CONT});
    }
}

void signals_left(struct process *p)
{
    struct process *parent = p->parent;
    const int32_t number = p->status & 0x7f;
    const struct process_signal signal = {
        .number = SIGNAL_CHLD,
        .code = number == 0               ? CHILD_EXITED
                : p->status & STATUS_CORE ? CHILD_DUMPED
                                          : CHILD_KILLED,
        .pid = p->pid,
        .value = (uint32_t)(number == 0 ? p->status >> 8 & 0xff : number),
    };
    p->leaving = false;
    if (parent == NULL || (parent->child_flags & PROCESS_NO_CHILD_WAIT))
        table_reap(p);
    if (parent == NULL)
        return;
    (void)!signals_send(parent, &signal, MSG_NULL);
    effect_news(parent);
}

void signals_end(struct process *p, int32_t status)
{
    const int32_t group = p->pgid, sid = p->sid, pid = p->pid;
    const bool is_program = p->adopted;
    const bool was_orphaned = table_orphaned(group, sid);
    bool affected = false;
    for (struct process *c = p->child; c != NULL; c = c->next) {
        c->bereaved = c->state != PROCESS_ZOMBIE && c->pgid != group && c->sid == sid;
        affected |= c->bereaved;
    }
    table_end(p, status);
    if (!p->leaving)
        signals_left(p);
    if (!was_orphaned)
        orphan_group(group, sid);
    for (struct process *c = affected ? table_after(0) : NULL; c != NULL; c = table_after(c->pid))
        if (c->bereaved) {
            c->bereaved = false;
            orphan_group(c->pgid, sid);
        }
    if (is_program)
        signals_end_program(pid);
}

void signals_end_program(int32_t program)
{
    for (struct process *p = table_after(0), *next; p != NULL; p = next) {
        const int32_t pid = p->pid;
        if (!p->adopted && p->state != PROCESS_ZOMBIE && (program == 0 || p->program == program))
            by_default(p, SIGNAL_KILL);
        next = table_after(pid);
    }
}

static void by_default(struct process *p, uint32_t number)
{
    const uint64_t bit = signal_bit(number);
    if (bit & QUIET_SIGNALS)
        return;
    if (bit & STOP_SIGNALS) {
        if (number == SIGNAL_STOP || !table_orphaned(p->pgid, p->sid))
            signals_stop(p, number);
        return;
    }
    const bool core = (bit & CORE_SIGNALS) != 0;
    effect_end(p, number);
    signals_end(p, (int32_t)(number | (core ? STATUS_CORE : 0u)));
}

/* ---- sending ---- */

int signals_send(struct process *p, const struct process_signal *signal, mach_port_name_t thread)
{
    const uint32_t number = signal->number;
    const uint64_t bit = signal_bit(number);
    if (p->state == PROCESS_ZOMBIE || p->state == PROCESS_FREE)
        return 0;
    if (number == SIGNAL_KILL) {
        by_default(p, number);
        return 0;
    }
    if (number == SIGNAL_CONT) {
        drop(p, STOP_SIGNALS);
        go_on(p);
        if (p->state != PROCESS_RUNNING)
            return 0;
    } else if (bit & STOP_SIGNALS) {
        drop(p, BIT(SIGNAL_CONT));
    }
    const bool mine = (bit & p->mine & ~NEVER_MINE) != 0;
    if (!mine && ((bit & p->ignored & ~NEVER_MINE) || (bit & QUIET_SIGNALS)))
        return 0;
    if (!mine && p->state == PROCESS_RUNNING) {
        by_default(p, number);
        return 0;
    }
    if (!mine && (bit & STOP_SIGNALS))
        return 0; /* it is stopped already */
    const int error = enqueue(p, signal, thread);
    if (error == 0) {
        p->all_refused = false;
        if (p->refused != MSG_NULL)
            effect_drop_thread(p->refused);
        p->refused = MSG_NULL;
        effect_look(p);
    }
    return error;
}

/* One is enough for success; the least of the errors else. group -1: all but the system's own programs, without which nothing would be left to go on with. */
static int send_to_all(struct process *sender, int32_t group, const struct process_signal *signal)
{
    struct process *self = NULL;
    int error = ESRCH;
    for (struct process *p = table_after(0), *next; p != NULL; p = next) {
        const int32_t pid = p->pid;
        if (sender != NULL && p == sender && (group == -1 || p->pgid == group)) {
            self = group == -1 ? NULL : p; /* last: it may be its end */
            error = self != NULL ? 0 : error;
        } else if (group == -1 ? !p->adopted : p->pgid == group) {
            const int e = signal->number == 0 ? 0 : signals_send(p, signal, MSG_NULL);
            error = error == 0 ? 0 : e;
        }
        next = table_after(pid);
    }
    if (self != NULL && signal->number != 0)
        return signals_send(self, signal, MSG_NULL);
    return error;
}

int signals_kill(struct process *sender, int32_t pid, const struct process_signal *signal)
{
    if (signal->number > PROCESS_SIGNALS)
        return EINVAL;
    if (pid == INIT_PID)
        return EPERM;
    if (pid <= 0)
        return pid == INT32_MIN ? ESRCH
                                : send_to_all(sender,
                                              pid == 0    ? sender->pgid
                                              : pid == -1 ? -1
                                                          : -pid,
                                              signal);
    struct process *p = table_find(pid);
    if (p == NULL)
        return ESRCH;
    return signal->number == 0 ? 0 : signals_send(p, signal, MSG_NULL);
}

int signals_group(int32_t session, int32_t group, const struct process_signal *signal)
{
    const int32_t sid = group > 0 ? table_group_session(group) : -1;
    if (signal->number > PROCESS_SIGNALS)
        return EINVAL;
    if (sid < 0)
        return ESRCH;
    return sid != session ? EPERM : send_to_all(NULL, group, signal);
}

void signals_dispose(struct process *p, uint64_t signals, uint32_t disposition, uint32_t flags)
{
    signals &= ~NEVER_MINE;
    p->mine &= ~signals;
    p->ignored &= ~signals;
    if (disposition == PROCESS_DISPOSITION_MINE)
        p->mine |= signals;
    if (disposition == PROCESS_DISPOSITION_IGNORE)
        p->ignored |= signals;
    if (signals & BIT(SIGNAL_CHLD))
        p->child_flags = disposition == PROCESS_DISPOSITION_IGNORE
                             ? flags | PROCESS_NO_CHILD_WAIT
                             : flags & (PROCESS_NO_CHILD_WAIT | PROCESS_NO_CHILD_STOP);
    if (disposition == PROCESS_DISPOSITION_MINE)
        return;
    uint64_t waiting = 0;
    for (const struct queued *q = p->queue; q != NULL; q = q->next)
        waiting |= signal_bit(q->signal.number);
    waiting = (waiting | p->pending) & signals;
    drop(p, signals);
    while (disposition == PROCESS_DISPOSITION_DEFAULT && waiting != 0 &&
           p->state == PROCESS_RUNNING) {
        by_default(p, (uint32_t)__builtin_ctzll(waiting) + 1);
        waiting &= waiting - 1;
    }
}
