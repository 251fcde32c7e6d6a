/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See model.h.
 */
#include "model.h"
#include "signals.h"
#include <errno.h>
#include <string.h>

struct model_process model[MODEL_MAX];

void model_reset(void)
{
    memset(model, 0, sizeof(model));
}

struct model_process *model_find(int32_t pid)
{
    for (unsigned i = 0; i < MODEL_MAX; i++)
        if (pid == 0 ? !model[i].there : model[i].there && model[i].pid == pid)
            return &model[i];
    return NULL;
}

struct model_process *model_add(int32_t pid, int32_t parent, mach_port_name_t task)
{
    struct model_process *p = model_find(0);
    const struct model_process *from = parent != 0 ? model_find(parent) : NULL;

    *p = (struct model_process){
        .there = true,
        .pid = pid,
        .parent = parent,
        .pgid = from ? from->pgid : pid,
        .sid = from ? from->sid : pid,
        .program = from ? from->program : pid,
        .adopted = !from,
        .state = PROCESS_RUNNING,
        .ignored = from ? from->ignored : 0,
        .mine = from ? from->mine : 0,
        .child_flags = from ? from->child_flags : 0,
        .task = task,
    };
    return p;
}

unsigned model_count(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MODEL_MAX; i++)
        n += model[i].there;
    return n;
}

/* The one with the next greater pid. */
static struct model_process *after(int32_t pid)
{
    struct model_process *best = NULL;

    for (unsigned i = 0; i < MODEL_MAX; i++)
        if (model[i].there && model[i].pid > pid && (!best || model[i].pid < best->pid))
            best = &model[i];
    return best;
}

/* ---- groups ---- */

static int32_t session_of_group(int32_t group)
{
    for (unsigned i = 0; i < MODEL_MAX; i++)
        if (model[i].there && model[i].pgid == group)
            return model[i].sid;
    return -1;
}

static bool is_orphaned(int32_t group, int32_t sid)
{
    for (unsigned i = 0; i < MODEL_MAX; i++) {
        const struct model_process *p = &model[i], *parent = model_find(p->parent);
        if (p->there && p->state != PROCESS_ZOMBIE && p->pgid == group && p->parent != 0 &&
            parent->pgid != group && parent->sid == sid)
            return false;
    }
    return true;
}

int model_set_group(struct model_process *caller, int32_t pid, int32_t group)
{
    struct model_process *p = pid == 0 ? caller : pid > 0 ? model_find(pid) : NULL;

    if (group < 0)
        return EINVAL;
    if (!p || (p != caller && p->parent != caller->pid))
        return ESRCH;
    if (p != caller && p->executed)
        return EACCES;
    if (group == 0)
        group = p->pid;
    if (p->sid != caller->sid || p->sid == p->pid)
        return EPERM;
    if (group != p->pid && session_of_group(group) != p->sid)
        return EPERM;
    p->pgid = group;
    return 0;
}

int model_new_session(struct model_process *caller)
{
    if (session_of_group(caller->pid) >= 0)
        return EPERM;
    caller->pgid = caller->sid = caller->pid;
    return 0;
}

/* ---- signals that wait ---- */

static uint64_t bit(uint32_t number)
{
    return UINT64_C(1) << (number - 1);
}

static bool is_in(uint32_t number, const uint8_t *list)
{
    while (*list != 0)
        if (*list++ == number)
            return true;
    return false;
}

static const uint8_t stops[] = {SIGNAL_STOP, SIGNAL_TSTP, SIGNAL_TTIN, SIGNAL_TTOU, 0};
static const uint8_t quiet[] = {SIGNAL_CHLD, SIGNAL_URG, SIGNAL_WINCH, SIGNAL_CONT, 0};
static const uint8_t cores[] = {SIGNAL_QUIT, SIGNAL_ILL, SIGNAL_TRAP, SIGNAL_ABRT, SIGNAL_EMT,
                                SIGNAL_FPE,  SIGNAL_BUS, SIGNAL_SEGV, SIGNAL_SYS,  0};

uint64_t model_pending(const struct model_process *p)
{
    uint64_t set = p->bare;

    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        set |= p->queued[n] != 0 ? bit(n) : 0;
    return set;
}

static unsigned queue_length(const struct model_process *p)
{
    unsigned n = 0;

    for (uint32_t i = 1; i < MODEL_SIGNALS; i++)
        n += p->queued[i];
    return n;
}

static void forget(struct model_process *p, uint64_t signals)
{
    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        if (bit(n) & signals)
            p->queued[n] = 0;
    p->bare &= ~signals;
}

static int enqueue(struct model_process *p, uint32_t number)
{
    const bool full = queue_length(p) >= PROCESS_QUEUE_MAX;

    if (number < SIGNAL_FIRST_QUEUED && (model_pending(p) & bit(number)))
        return 0;
    if (!full)
        p->queued[number]++;
    else if (number < SIGNAL_FIRST_QUEUED)
        p->bare |= bit(number);
    else
        return EAGAIN;
    return 0;
}

uint32_t model_take(struct model_process *p, uint64_t blocked)
{
    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        if (p->queued[n] != 0 && !(blocked & bit(n))) {
            p->queued[n]--;
            return n;
        }
    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        if (p->bare & ~blocked & bit(n)) {
            p->bare &= ~bit(n);
            return n;
        }
    return 0;
}

/* ---- what they do ---- */

static void tell_parent(struct model_process *p, bool ended)
{
    struct model_process *parent = p->parent != 0 ? model_find(p->parent) : NULL;

    if (parent && (ended || !(parent->child_flags & PROCESS_NO_CHILD_STOP)))
        (void)model_send(parent, SIGNAL_CHLD);
}

static void stop(struct model_process *p, uint32_t number)
{
    if (p->state != PROCESS_RUNNING)
        return;
    p->state = PROCESS_STOPPED;
    p->status = (int32_t)(number << 8 | 0x7f);
    p->stop_news = true;
    p->continue_news = false;
    tell_parent(p, false);
}

static void act(struct model_process *p, uint32_t number)
{
    if (is_in(number, quiet))
        return;
    if (!is_in(number, stops))
        model_end(p, (int32_t)(number | (is_in(number, cores) ? 0x80u : 0u)));
    else if (number == SIGNAL_STOP || !is_orphaned(p->pgid, p->sid))
        stop(p, number);
}

static void go_on(struct model_process *p)
{
    if (p->state != PROCESS_STOPPED)
        return;
    p->state = PROCESS_RUNNING;
    p->continue_news = true;
    p->stop_news = false;
    tell_parent(p, false);
    const uint64_t due = model_pending(p) & ~p->mine;
    forget(p, due);
    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        if ((due & bit(n)) && p->there && p->state == PROCESS_RUNNING)
            act(p, n);
}

int model_send(struct model_process *p, uint32_t number)
{
    const bool never = number == SIGNAL_KILL || number == SIGNAL_STOP;
    const bool mine = !never && (p->mine & bit(number)),
               ignored = !never && (p->ignored & bit(number));

    if (p->state == PROCESS_ZOMBIE)
        return 0;
    if (number == SIGNAL_KILL) {
        act(p, number);
        return 0;
    }
    if (number == SIGNAL_CONT) {
        for (const uint8_t *s = stops; *s != 0; s++)
            forget(p, bit(*s));
        go_on(p);
        if (!p->there || p->state != PROCESS_RUNNING)
            return 0;
    }
    if (is_in(number, stops))
        forget(p, bit(SIGNAL_CONT));
    if (mine)
        return enqueue(p, number);
    if (ignored || is_in(number, quiet))
        return 0;
    if (p->state == PROCESS_RUNNING)
        act(p, number);
    else if (!is_in(number, stops))
        return enqueue(p, number);
    return 0;
}

static int send_to_all(struct model_process *sender, int32_t group, uint32_t number)
{
    struct model_process *self = NULL;
    int error = ESRCH, last = 0;

    for (struct model_process *p = after(0); p; p = after(last)) {
        last = p->pid;
        if (group == -1 && (p == sender || p->adopted))
            continue; /* the system's programs are spared */
        if (group != -1 && p->pgid != group)
            continue;
        if (p == sender) {
            self = p;
            error = 0;
            continue;
        }
        const int e = number == 0 ? 0 : model_send(p, number);
        error = error == 0 ? 0 : e;
    }
    return self && number != 0 ? model_send(self, number) : error;
}

int model_kill(struct model_process *sender, int32_t pid, uint32_t number)
{
    if (number > PROCESS_SIGNALS)
        return EINVAL;
    if (pid == INIT_PID)
        return EPERM;
    if (pid > 0) {
        struct model_process *p = model_find(pid);
        return !p ? ESRCH : number == 0 ? 0 : model_send(p, number);
    }
    return pid == INT32_MIN ? ESRCH
                            : send_to_all(sender,
                                          pid == 0    ? sender->pgid
                                          : pid == -1 ? -1
                                                      : -pid,
                                          number);
}

void model_dispose(struct model_process *p, uint64_t signals, uint32_t disposition, uint32_t flags)
{
    signals &= ~(bit(SIGNAL_KILL) | bit(SIGNAL_STOP));
    p->mine = (p->mine & ~signals) | (disposition == PROCESS_DISPOSITION_MINE ? signals : 0);
    p->ignored =
        (p->ignored & ~signals) | (disposition == PROCESS_DISPOSITION_IGNORE ? signals : 0);
    if (signals & bit(SIGNAL_CHLD))
        p->child_flags = (flags & (PROCESS_NO_CHILD_WAIT | PROCESS_NO_CHILD_STOP)) |
                         (disposition == PROCESS_DISPOSITION_IGNORE ? PROCESS_NO_CHILD_WAIT : 0u);
    if (disposition == PROCESS_DISPOSITION_MINE)
        return;
    const uint64_t waiting = model_pending(p) & signals;
    forget(p, signals);
    for (uint32_t n = 1; n < MODEL_SIGNALS; n++)
        if (disposition == PROCESS_DISPOSITION_DEFAULT && (waiting & bit(n)) && p->there &&
            p->state == PROCESS_RUNNING)
            act(p, n);
}

/* ---- the end ---- */

/* Of a group that is orphaned since just now. */
static void hang_up(int32_t group, int32_t sid)
{
    bool stopped = false;

    for (unsigned i = 0; i < MODEL_MAX; i++)
        stopped |= model[i].there && model[i].pgid == group && model[i].state == PROCESS_STOPPED;
    if (!stopped || !is_orphaned(group, sid))
        return;
    if (session_of_group(group) == sid)
        (void)send_to_all(NULL, group, SIGNAL_HUP);
    if (session_of_group(group) == sid)
        (void)send_to_all(NULL, group, SIGNAL_CONT);
}

/* Its children are init's. Those in other groups of its session, for which it was there. */
static uint64_t leave_children(struct model_process *p)
{
    uint64_t bereaved = 0;

    for (unsigned i = 0; i < MODEL_MAX; i++) {
        struct model_process *c = &model[i];
        if (!c->there || c->parent != p->pid)
            continue;
        c->parent = 0;
        c->there = c->state != PROCESS_ZOMBIE || c->leaving;
        if (c->there && c->state != PROCESS_ZOMBIE && c->pgid != p->pgid && c->sid == p->sid)
            bereaved |= UINT64_C(1) << i;
    }
    return bereaved;
}

static void end_program(int32_t program)
{
    for (struct model_process *p = after(0); p; p = after(p->pid))
        if (!p->adopted && p->state != PROCESS_ZOMBIE && p->program == program)
            model_end(p, SIGNAL_KILL);
}

static void tell_end(struct model_process *p)
{
    struct model_process *parent = p->parent != 0 ? model_find(p->parent) : NULL;

    p->leaving = false;
    p->there = parent && !(parent->child_flags & PROCESS_NO_CHILD_WAIT);
    if (parent)
        (void)model_send(parent, SIGNAL_CHLD);
}

void model_settle(void)
{
    for (unsigned i = 0; i < MODEL_MAX; i++)
        if (model[i].there && model[i].leaving)
            tell_end(&model[i]);
}

void model_end(struct model_process *p, int32_t status)
{
    const int32_t group = p->pgid, sid = p->sid, pid = p->pid;
    const bool was_orphaned = is_orphaned(group, sid), adopted = p->adopted;
    uint64_t bereaved = leave_children(p);

    forget(p, UINT64_MAX);
    p->state = PROCESS_ZOMBIE;
    p->status = status;
    p->leaving = p->parent != 0 && !p->lost;
    if (!p->leaving)
        tell_end(p);
    if (!was_orphaned)
        hang_up(group, sid);
    for (struct model_process *c = bereaved != 0 ? after(0) : NULL; c; c = after(c->pid))
        if (bereaved & UINT64_C(1) << (c - model))
            hang_up(c->pgid, sid);
    if (adopted)
        end_program(pid);
}

void model_exec(struct model_process *p, mach_port_name_t task, uint64_t mine)
{
    p->task = task;
    p->mine = mine & ~p->ignored;
    p->executed = true;
    p->adopted = false;
}

/* ---- wait ---- */

unsigned model_news(const struct model_process *p, int32_t pid, uint32_t options,
                    struct model_process *out[MODEL_MAX], bool *any)
{
    unsigned n = 0;

    *any = false;
    for (unsigned i = 0; i < MODEL_MAX && pid != INT32_MIN; i++) {
        struct model_process *c = &model[i];
        if (!c->there || c->parent != p->pid ||
            !(pid == -1 || (pid > 0 && c->pid == pid) || (pid == 0 && c->pgid == p->pgid) ||
              (pid < -1 && c->pgid == -pid)))
            continue;
        *any = true;
        if ((c->state == PROCESS_ZOMBIE && !c->leaving && (options & PROCESS_EXITED)) ||
            (c->state == PROCESS_STOPPED && c->stop_news && (options & PROCESS_UNTRACED)) ||
            (c->state == PROCESS_RUNNING && c->continue_news && (options & PROCESS_CONTINUED)))
            out[n++] = c;
    }
    return n;
}

void model_told(struct model_process *child)
{
    if (child->state == PROCESS_ZOMBIE)
        child->there = false;
    child->stop_news = child->state == PROCESS_STOPPED ? false : child->stop_news;
    child->continue_news = child->state == PROCESS_RUNNING ? false : child->continue_news;
}
