/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process server against a model: random calls of some processes, and the same of the model; after each one everything that can be asked is compared. Then the same with every
 * allocation failing once: a call that fails for it has changed nothing. At the end no right is left.
 */
#include "../check.h"
#include "model.h"
#include "world.h"

static int error_of(kern_return_t kr)
{
    return kr == KERN_SUCCESS ? 0 : is_unix_error(kr) ? unix_error_number(kr) : -1;
}

static uint64_t some_signals(void)
{
    static const uint8_t numbers[] = {1, 2, 15, 18, 20, 21, 30, 31, 40, 41};
    uint64_t set = 0;

    for (unsigned n = check_below(4) + 1; n-- > 0;)
        set |= signal_bit(numbers[check_below(sizeof(numbers))]);
    return set;
}

static uint32_t some_number(void)
{
    static const uint8_t numbers[] = {0,  1,  2,  9,  15, 17, 17, 18, 19,
                                      19, 20, 21, 30, 31, 40, 41, 64, 65};

    return numbers[check_below(sizeof(numbers))];
}

static struct model_process *some_process(void)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        struct model_process *p = &model[check_below(MODEL_MAX)];
        if (p->there && p->state != PROCESS_ZOMBIE)
            return p;
    }
    return NULL;
}

/* A pid, a group, nothing. */
static int32_t some_pid(void)
{
    const struct model_process *p = &model[check_below(MODEL_MAX)];

    switch (check_below(8)) {
    case 0: return 0;
    case 1: return -1;
    case 2: return (int32_t)check_below(40);
    case 3: return p->there ? -p->pgid : INT32_MIN;
    default: return p->there ? p->pid : 3;
    }
}

/* ---- calls ---- */

/* Seldom more threads than the kernel adds up at once. */
static unsigned some_threads(void)
{
    return check_below(8) == 0 ? 60 + check_below(80) : 1 + check_below(10);
}

/* A living one, other than `but`; null: there is none. */
static mach_port_name_t some_thread(const struct model_process *p, mach_port_name_t but)
{
    mach_port_name_t thread;

    for (unsigned i = 0; (thread = world_thread(p->task, i)) != MSG_NULL; i++)
        if (thread != but && world_is_alive(thread))
            break;
    return thread;
}

/* It takes signals from here on. */
static void set_entry(struct model_process *p)
{
    enum { ENTRY = 0x1000 };

    CHECK_EQ(process_calls.set_entry(world_message(p->pid), ENTRY + 1), unix_error(EINVAL));
    CHECK_EQ(process_calls.set_entry(world_message(p->pid), ENTRY), KERN_SUCCESS);
}

/* Made, and known to both; or neither. */
static void adopt(void)
{
    const mach_port_name_t task = world_task(some_threads());
    mach_port_name_t port;
    int32_t pid;
    const kern_return_t kr = world_done(processes_calls.adopt(world_message(0), world_copy(task),
                                                              "program", &pid, &port),
                                        task, 0);

    if (kr == KERN_SUCCESS) {
        CHECK(model_find(pid) == NULL);
        set_entry(model_add(pid, 0, task));
        world_drop(port); /* it goes with the answer */
    } else {
        CHECK(world_has_failed() && kr == unix_error(EAGAIN));
    }
}

static void fork_one(struct model_process *p)
{
    const mach_port_name_t task = world_task(some_threads());
    uint32_t port;
    int32_t pid;
    const kern_return_t kr =
        process_calls.fork(world_message(p->pid), world_theirs(task), &pid, &port);

    if (kr == KERN_SUCCESS) {
        CHECK(model_find(pid) == NULL);
        CHECK_EQ(port, world_theirs(table_find(pid)->port));
        set_entry(model_add(pid, p->pid, task));
    } else {
        CHECK(world_has_failed() && kr == unix_error(EAGAIN));
    }
}

static void spawn_one(struct model_process *p)
{
    const mach_port_name_t task = world_task(1);
    const int32_t group = (int32_t)check_below(3) - 1;
    const bool session = check_below(4) == 0;
    const uint64_t ignored = some_signals(), mine = some_signals();
    uint32_t port;
    int32_t pid;
    const kern_return_t kr =
        process_calls.spawn(world_message(p->pid), world_theirs(task), "spawned", group, session,
                            ignored, mine, &pid, &port);

    if (kr != KERN_SUCCESS) { /* there is no group 1 */
        CHECK((world_has_failed() && kr == unix_error(EAGAIN)) ||
              (!session && group == 1 && kr == unix_error(EPERM)));
        return;
    }
    struct model_process *c = model_add(pid, p->pid, task);
    CHECK_EQ(session ? model_new_session(c) : group >= 0 ? model_set_group(p, pid, group) : 0, 0);
    c->ignored = ignored;
    c->mine = mine;
    c->child_flags = 0;
    c->executed = true;
}

/* Tasks and threads that are none, or others', are refused. */
static void exec_one(struct model_process *p)
{
    const bool wrong = check_below(4) == 0;
    const mach_port_name_t task = world_task(1),
                           thread = wrong ? some_thread(p, MSG_NULL) : world_thread(task, 0);
    const uint64_t mine = some_signals();
    uint32_t port;
    world_suspend(thread); /* so it is made */
    kern_return_t kr = process_calls.prepare_exec(world_message(p->pid), world_theirs(task), &port);
    if (kr == KERN_SUCCESS) {
        CHECK_EQ(port, world_theirs(table_find(p->pid)->port));
        kr = process_calls.exec(world_message(p->pid), world_theirs(task), world_theirs(thread),
                                "executed", mine);
    }

    if (kr == unix_error(EINVAL)) {
        CHECK(wrong);
        return;
    }
    if (kr != KERN_SUCCESS) {
        CHECK(world_has_failed() && kr == unix_error(EAGAIN));
        return;
    }
    CHECK(!wrong && world_suspended(thread) == 0);
    CHECK(!world_is_alive(p->task));
    model_exec(p, task, mine);
}

static void reap(struct model_process *p)
{
    static const uint32_t sets[] = {PROCESS_EXITED, PROCESS_EXITED | PROCESS_UNTRACED,
                                    PROCESS_CONTINUED,
                                    PROCESS_EXITED | PROCESS_UNTRACED | PROCESS_CONTINUED, 0};
    struct model_process *news[MODEL_MAX];
    const int32_t pid = some_pid();
    const uint32_t options = sets[check_below(5)] | (check_below(4) == 0 ? PROCESS_NO_WAIT : 0u);
    struct process_change change;
    bool any, found = false;
    const unsigned n = model_news(p, pid, options, news, &any);
    const kern_return_t kr = process_calls.reap(world_message(p->pid), pid, options, &change);

    CHECK_EQ(error_of(kr), any ? 0 : ECHILD);
    if (kr != KERN_SUCCESS)
        return;
    CHECK_EQ(change.pid != 0, n != 0);
    for (unsigned i = 0; i < n; i++) {
        if (news[i]->pid != change.pid)
            continue;
        found = true;
        CHECK_EQ(change.status, news[i]->state == PROCESS_RUNNING ? 0xffff : news[i]->status);
        CHECK_EQ(change.cpu_time, news[i]->state == PROCESS_ZOMBIE && !news[i]->lost
                                      ? world_cpu_time(news[i]->task)
                                      : 0);
        if (!(options & PROCESS_NO_WAIT))
            model_told(news[i]);
    }
    CHECK_EQ(found, n != 0);
}

static void end_one(struct model_process *p)
{
    const int32_t status = (int32_t)check_below(300);
    const int32_t parent_pid = p->parent;
    const mach_port_name_t task = p->task;
    const bool adopted = table_find(p->pid)->adopted;

    if (check_below(3) == 0) {
        world_kill(task);
        world_settle();
        model_settle();
        p->lost = true;
        model_end(p, SIGNAL_KILL);
        return;
    }
    CHECK_EQ(process_calls.exit(world_message(p->pid), status),
             adopted ? KERN_SUCCESS : MIG_NO_REPLY); /* there is nobody to answer */
    CHECK(world_is_alive(task) == adopted);
    model_end(p, (status & 0xff) << 8);
    if (adopted)
        world_kill(task); /* it does that by itself */
    struct model_process *parent = parent_pid != 0 ? model_find(parent_pid) : NULL;
    if (parent && parent->state != PROCESS_ZOMBIE)
        reap(parent); /* not of this one: it is leaving */
}

static void kill_some(struct model_process *p)
{
    const int32_t pid = some_pid();
    const uint32_t number = some_number();

    if (pid == -1 && check_below(4) != 0)
        return; /* it ends too much */
    CHECK_EQ(error_of(process_calls.kill(world_message(p->pid), pid, number, 1, 0)),
             model_kill(p, pid, number));
}

static void set_group(struct model_process *p)
{
    const int32_t pid = some_pid(), group = some_pid();

    CHECK_EQ(error_of(process_calls.set_group(world_message(p->pid), pid, group)),
             model_set_group(p, pid, group));
}

static void new_session(struct model_process *p)
{
    int32_t session = 0;
    const int error = error_of(process_calls.new_session(world_message(p->pid), &session));

    CHECK_EQ(error, model_new_session(p));
    CHECK(error != 0 || session == p->pid);
}

static void dispose(struct model_process *p)
{
    const uint64_t signals = some_signals();
    const uint32_t how = check_below(3), flags = check_below(4);

    CHECK_EQ(process_calls.set_disposition(world_message(p->pid), signals, how, flags),
             KERN_SUCCESS);
    model_dispose(p, signals, how, flags);
}

static void take(struct model_process *p)
{
    const uint64_t blocked = some_signals() | some_signals();
    const mach_port_name_t thread = world_copy(some_thread(p, MSG_NULL));
    struct process_signal signal;

    CHECK_EQ(world_done(process_calls.take(world_message(p->pid), thread, blocked, 0, &signal),
                        thread, 0),
             KERN_SUCCESS);
    CHECK_EQ(signal.number, model_take(p, blocked & ~(signal_bit(9) | signal_bit(17))));
}

/* One of which a thread has been stopped, if there is one. */
static struct model_process *some_stopped(struct model_process *otherwise)
{
    const unsigned first = check_below(MODEL_MAX);

    for (unsigned i = 0; i < MODEL_MAX; i++) {
        struct model_process *p = &model[(first + i) % MODEL_MAX];
        if (p->there && table_find(p->pid)->stopped_thread != MSG_NULL)
            return p;
    }
    return otherwise;
}

/* The thread that was stopped comes for the signal; or one that was not says that it was. */
static void come(struct model_process *p)
{
    const struct process *s = table_find(p->pid);
    const bool is = s->stopped_thread != MSG_NULL;
    const mach_port_name_t thread = world_copy(is ? s->stopped_thread : some_thread(p, MSG_NULL));
    const uint64_t blocked = check_below(2) == 0 ? 0 : some_signals();
    const uint32_t number = is ? s->stop_number : 1 + check_below(3);
    const bool running = s->stopped_running && check_below(4) != 0;
    struct thread_state_general state;
    struct process_signal signal;
    const kern_return_t kr =
        world_done(running ? process_calls.begin(world_message(p->pid), thread, blocked, number,
                                                 &signal, &state)
                           : process_calls.take(world_message(p->pid), thread, blocked, number,
                                                &signal),
                   thread, 0);

    CHECK_EQ(kr, is ? KERN_SUCCESS : unix_error(EINVAL));
    if (is)
        CHECK_EQ(signal.number, model_take(p, blocked & ~(signal_bit(9) | signal_bit(17))));
}

/* One that was stopped, or is not alone; or the kernel has something else to do with the next one just then. */
static void end_thread(struct model_process *p)
{
    const mach_port_name_t stopped = table_find(p->pid)->stopped_thread,
                           thread = some_thread(p, stopped);

    if (check_below(4) == 0)
        world_refuse(check_below(2) == 0 ? KERN_BUSY : KERN_RETRY);
    else if (thread != MSG_NULL && stopped != MSG_NULL)
        world_kill(check_below(2) == 0 ? stopped : thread);
    else if (thread != MSG_NULL && some_thread(p, thread) != MSG_NULL)
        world_kill(thread);
}

/* Answered at once if there are news; else when there are, or when another takes its place. */
static void wait_child(struct model_process *p)
{
    struct model_process *news[MODEL_MAX];
    bool any;
    const uint32_t options = PROCESS_EXITED;
    const unsigned n = model_news(p, -1, options, news, &any);
    const kern_return_t kr =
        process_calls.wait_child(world_message(p->pid), -1, options, check_below(12));

    if (n != 0 || !any)
        CHECK_EQ(kr, KERN_SUCCESS);
    else
        CHECK(kr == MIG_NO_REPLY || kr == unix_error(EAGAIN) || world_has_failed());
}

static void stop_self(struct model_process *p)
{
    CHECK_EQ(process_calls.stop(world_message(p->pid), SIGNAL_TTIN), KERN_SUCCESS);
    if (p->state == PROCESS_RUNNING) {
        /* as the default of that signal, whatever its group */
        p->state = PROCESS_STOPPED;
        p->status = SIGNAL_TTIN << 8 | 0x7f;
        p->stop_news = true;
        p->continue_news = false;
        struct model_process *parent = p->parent != 0 ? model_find(p->parent) : NULL;
        if (parent && !(parent->child_flags & PROCESS_NO_CHILD_STOP))
            (void)model_send(parent, SIGNAL_CHLD);
    }
}

static void step(void)
{
    struct model_process *p = some_process();

    if (!p || check_below(40) == 0) {
        if (model_find(0) != NULL)
            adopt();
        return;
    }
    if (check_below(3) == 0 && model_find(0) != NULL) {
        switch (check_below(3)) {
        case 0: spawn_one(p); return;
        default: fork_one(p); return;
        }
    }
    switch (check_below(20)) {
    case 0: exec_one(p); break;
    case 1:
    case 2: end_one(p); break;
    case 3:
    case 4:
    case 5: kill_some(p); break;
    case 6: set_group(p); break;
    case 7: new_session(p); break;
    case 8: dispose(p); break;
    case 9: take(p); break;
    case 10:
    case 11:
    case 12: reap(p); break;
    case 13: wait_child(p); break;
    case 14: stop_self(p); break;
    case 15: set_entry(p); break;
    case 16:
    case 17: come(some_stopped(p)); break;
    case 18: end_thread(some_stopped(p)); break;
    default: world_lose_answers(); break;
    }
}

static void run(unsigned steps, unsigned fails_every)
{
    world_begin();
    model_reset();
    for (unsigned i = 0; i < steps; i++) {
        if (fails_every != 0)
            world_fail_at(1 + check_below(fails_every));
        step();
        world_fail_at(0);
        model_compare();
    }
    world_end();
}

/* ---- every allocation fails once ---- */

/* A story that needs all kinds of them. */
static void story(void)
{
    adopt();
    for (unsigned i = 0; i < 3; i++) {
        struct model_process *p = some_process();
        if (!p)
            return;
        fork_one(p);
        spawn_one(p);
        wait_child(p);
        exec_one(p);
        end_one(p);
    }
}

/* How many there were. The story is the same each time, until one has failed. */
static unsigned fail_each(void)
{
    const uint64_t seed = check_state.random;
    bool failed = true;
    unsigned n = 1;

    for (; failed; n++) {
        check_state.random = seed;
        world_begin();
        model_reset();
        world_fail_at(n);
        story();
        failed = world_has_failed();
        world_fail_at(0);
        model_compare();
        world_end();
    }
    return n - 2;
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < 60; i++)
        run(1000, 0);
    for (unsigned i = 0; i < 20; i++)
        run(500, 6);
    unsigned failures = 0;
    for (unsigned i = 0; i < 20; i++)
        failures += fail_each();
    CHECK(failures > 200);
    return check_end();
}
